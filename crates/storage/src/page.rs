//! Fills one page of a scan from keys that a store offers in order: counting, folding, stopping.
//!
//! The store keeps the cursor; this decides what each key becomes. It never looks at a value unless it keeps it.

use crate::{Delimiter, Entry, Item, Key, Page, Position, Revision, SCAN_BYTES_MAX, Scan};

/// A page in the making.
pub struct Filling<'a> {
    scan: &'a Scan,
    items: Vec<Item>,
    bytes: usize,
}

/// What to do after a key was offered.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// It was taken: offer the next one.
    Next,
    /// It was folded: go on at this key, the first behind the folder; `None` when nothing can lie behind it.
    Skip(Option<Key>),
    /// It does not fit: the page is full, and the next one starts at the offered key.
    Full,
}

impl<'a> Filling<'a> {
    /// An empty page.
    #[must_use]
    pub fn new(scan: &'a Scan) -> Self {
        Self { scan, items: Vec::new(), bytes: 0 }
    }

    /// Offers the next key in order; `entry` is called only when its value is wanted.
    ///
    /// # Errors
    /// What `entry` says.
    pub fn offer<E>(
        &mut self,
        key: &Key,
        revision: Revision,
        entry: impl FnOnce() -> Result<Entry, E>,
    ) -> Result<Step, E> {
        if self.items.len() >= self.scan.limit || self.bytes >= SCAN_BYTES_MAX {
            return Ok(Step::Full);
        }
        if let Some(folder) = self.scan.delimiter.and_then(|delimiter| delimiter.folder(key)) {
            let behind = folder.after_prefix();
            self.bytes += folder.as_bytes().len();
            self.items.push(Item::Folder(folder));
            return Ok(Step::Skip(behind));
        }
        self.bytes += key.as_bytes().len();
        if self.scan.keys_only {
            self.items.push(Item::Key(key.clone(), revision));
        } else {
            let entry = entry()?;
            self.bytes += entry.value.len();
            self.items.push(Item::Entry(entry));
        }
        Ok(Step::Next)
    }

    /// The page, as of `position`; the next one starts at `next`.
    #[must_use]
    pub fn finish(self, next: Option<Key>, position: Position) -> Page {
        Page { items: self.items, next, position }
    }
}

impl Delimiter {
    /// The folder that a key lies in; `None` when it lies in none.
    #[must_use]
    pub fn folder(&self, key: &Key) -> Option<Key> {
        let behind = key.as_bytes().get(self.offset..)?;
        let length = self.offset + behind.iter().position(|byte| *byte == self.byte)? + 1;
        Key::new(key.bytes().slice(..length)).ok()
    }
}

//! The store as of one position: reads, pages and copies that no writer blocks and no later commit changes.

use std::ops::Bound;

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable};
use storage::page::{Filling, Step};
use storage::{Entry, Key, KeyRange, Page, Position, Revision, SCAN_BYTES_MAX, SCAN_LIMIT_MAX, Scan, Snapshot};

use crate::error::Trouble;
use crate::format::{ENTRIES, Record, decode_key};

/// The entries as one commit left them. Its pages are kept as long as it lives.
pub(crate) struct View {
    entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
    position: Position,
    /// How often the database had been opened when this was made.
    opening: u64,
}

impl View {
    /// The latest commit, which the caller knows to be that of `position`.
    pub(crate) fn new(database: &Database, position: Position, opening: u64) -> Result<Self, Trouble> {
        let entries = database.begin_read()?.open_table(ENTRIES)?;
        Ok(Self { entries, position, opening })
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn opening(&self) -> u64 {
        self.opening
    }

    pub(crate) fn read(&self, keys: &[Key]) -> Result<Snapshot, Trouble> {
        let entries = keys.iter().map(|key| self.entry(key)).collect::<Result<_, _>>()?;
        Ok(Snapshot { entries, position: self.position })
    }

    fn entry(&self, key: &Key) -> Result<Option<Entry>, Trouble> {
        let Some(stored) = ReadableTable::get(&self.entries, key.as_bytes())? else { return Ok(None) };
        Ok(Some(Record::decode(stored.value())?.to_entry(key.clone())))
    }

    pub(crate) fn page(&self, scan: &Scan) -> Result<Page, Trouble> {
        let mut filling = Filling::new(scan);
        let mut range = scan.range.clone();
        loop {
            match self.fill(&mut filling, &range)? {
                Filled::End => return Ok(filling.finish(None, self.position)),
                Filled::Full(next) => return Ok(filling.finish(Some(next), self.position)),
                Filled::Behind(start) => range.start = start,
            }
        }
    }

    /// Offers the range's entries until one says that its neighbors need not be looked at.
    fn fill(&self, filling: &mut Filling, range: &KeyRange) -> Result<Filled, Trouble> {
        let Some(bounds) = bounds(range) else { return Ok(Filled::End) };
        for found in self.entries.range::<&[u8]>(bounds)? {
            let (stored_key, stored) = found?;
            let key = decode_key(stored_key.value())?;
            let record = Record::decode(stored.value())?;
            let entry = || Ok::<_, Trouble>(record.to_entry(key.clone()));
            match filling.offer(&key, record.revision, entry)? {
                Step::Next => {}
                Step::Full => return Ok(Filled::Full(key)),
                Step::Skip(None) => return Ok(Filled::End),
                Step::Skip(Some(behind)) => return Ok(Filled::Behind(behind)),
            }
        }
        Ok(Filled::End)
    }

    /// The next entries of a copy that has come to `from`.
    pub(crate) fn copy(&self, from: &Bound<Key>) -> Result<Vec<Entry>, Trouble> {
        let start = match from {
            Bound::Included(key) => Bound::Included(key.as_bytes()),
            Bound::Excluded(key) => Bound::Excluded(key.as_bytes()),
            Bound::Unbounded => Bound::Unbounded,
        };
        let mut entries = Vec::new();
        let mut bytes = 0;
        for found in self.entries.range::<&[u8]>((start, Bound::Unbounded))? {
            let (key, stored) = found?;
            let entry = Record::decode(stored.value())?.to_entry(decode_key(key.value())?);
            bytes += entry.key.as_bytes().len() + entry.value.len();
            entries.push(entry);
            if entries.len() == SCAN_LIMIT_MAX || bytes >= SCAN_BYTES_MAX {
                break;
            }
        }
        Ok(entries)
    }
}

type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

enum Filled {
    End,
    Full(Key),
    Behind(Key),
}

/// Which write of a key the table holds.
pub(crate) fn revision(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &Key,
) -> Result<Option<Revision>, Trouble> {
    let Some(stored) = table.get(key.as_bytes())? else { return Ok(None) };
    Ok(Some(Record::decode(stored.value())?.revision))
}

/// The first key that the table holds in a range.
pub(crate) fn first(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: &KeyRange,
) -> Result<Option<Key>, Trouble> {
    let Some(bounds) = bounds(range) else { return Ok(None) };
    let Some(found) = table.range::<&[u8]>(bounds)?.next() else { return Ok(None) };
    decode_key(found?.0.value()).map(Some)
}

/// `None` for a range that ends before it starts.
fn bounds(range: &KeyRange) -> Option<Bounds<'_>> {
    let start = Bound::Included(range.start.as_bytes());
    match &range.end {
        None => Some((start, Bound::Unbounded)),
        Some(end) if *end <= range.start => None,
        Some(end) => Some((start, Bound::Excluded(end.as_bytes()))),
    }
}

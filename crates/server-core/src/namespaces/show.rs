//! What there is: one namespace, a level of them, or all below one, in pages.

use barrier::Item;
use framework::view::{LIST_NAMES_MAX, Listing, from_barrier};
use framework::{Error, Namespace};
use serde_json::{Value, json};
use storage::{Key, KeyRange, Scan};

use super::entry::AtEntry;
use super::{Namespaces, name};
use crate::keys;

/// How many names one storage call of a list asks for.
const LIST_PAGE: usize = 1_000;

/// A namespace as it is shown.
pub(crate) struct Shown {
    /// As seen from the namespace that is asked, with `/` at its end.
    pub(crate) name: String,
    /// From the root.
    pub(crate) path: String,
    pub(crate) at: AtEntry,
    pub(crate) is_locked: bool,
}

impl Shown {
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.at.id,
            "path": self.path,
            "custom_metadata": self.at.custom_metadata,
            "locked": self.is_locked,
            "tainted": self.at.is_removing,
        })
    }
}

impl Namespaces {
    /// One namespace right below another; `None` when there is none, also for what no namespace can be called.
    pub(crate) async fn show(&self, parent: &Namespace, name: &str) -> Result<Option<Shown>, Error> {
        let Ok(path) = name::path_below(&parent.path, name) else { return Ok(None) };
        Ok(self.show_all(&parent.path, vec![path]).await?.pop())
    }

    /// Those right below a namespace, or all below it, however deep.
    pub(crate) async fn list(&self, parent: &Namespace, is_deep: bool, listing: &Listing) -> Result<Vec<Shown>, Error> {
        let limit = listing.limit.unwrap_or(LIST_NAMES_MAX + 1);
        let mut range = self.children(&parent.path)?;
        let prefix = keys::namespace_at(&parent.path)?.as_bytes().len();
        if !listing.after.is_empty() {
            let after = keys::namespace_at(&[parent.path.as_str(), listing.after.trim_end_matches('/'), "/"].concat())?;
            let behind = if is_deep { after.successor() } else { after.after_prefix() };
            range.start = behind.filter(|behind| *behind > range.start).unwrap_or(range.start);
        }
        let mut paths = Vec::new();
        loop {
            let scan = Scan::range(range.clone(), LIST_PAGE.min(limit - paths.len())).keys_only();
            let scan = if is_deep { scan } else { scan.folders(prefix) };
            let page = self.store.barrier().scan(&scan).await.map_err(from_barrier)?;
            paths.extend(page.items.iter().filter_map(|item| {
                let (Item::Entry(key, _) | Item::Key(key, _) | Item::Unreadable { key, .. } | Item::Folder(key)) = item;
                let name = std::str::from_utf8(key.as_bytes().get(prefix..)?).ok()?;
                Some([parent.path.as_str(), name].concat())
            }));
            if paths.len() > LIST_NAMES_MAX {
                let text = format!("more than {LIST_NAMES_MAX} names: list them in pages with \"limit\" and \"after\"");
                return Err(Error::Invalid(text.into()));
            }
            match page.next {
                Some(next) if paths.len() < limit => range.start = next,
                _ => break,
            }
        }
        self.show_all(&parent.path, paths).await
    }

    /// The paths and ids of the living namespaces below a path, however deep, behind `after`: a page of them, which
    /// is empty only when there are no more.
    pub(crate) async fn ids_below(
        &self,
        path: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut range = self.children(path)?;
        if !after.is_empty() {
            range.start = keys::namespace_at(after)?.successor().unwrap_or(range.start);
        }
        let head = keys::namespace_at("")?.as_bytes().len();
        loop {
            let (page, next) = self.store.page(range.clone(), limit).await?;
            let mut below = Vec::new();
            for (key, opened) in &page {
                let path = key.as_bytes().get(head..).and_then(|path| std::str::from_utf8(path).ok());
                let Some(at) = Self::decode_at(key, Some(opened))? else { continue };
                below.extend(path.map(|path| (path.to_owned(), at.id)));
            }
            match next {
                Some(next) if below.is_empty() => range.start = next,
                _ => return Ok(below),
            }
        }
    }

    /// The keys of everything below a namespace, itself excluded.
    pub(super) fn children(&self, path: &str) -> Result<KeyRange, Error> {
        let key = keys::namespace_at(path)?;
        let range = KeyRange::prefix(&key);
        let start = key.successor().unwrap_or_else(|| range.start.clone());
        Ok(if path.is_empty() { range } else { KeyRange { start, ..range } })
    }

    /// What is there of these paths.
    async fn show_all(&self, parent: &str, paths: Vec<String>) -> Result<Vec<Shown>, Error> {
        let at = paths.iter().map(|path| keys::namespace_at(path)).collect::<Result<Vec<Key>, _>>()?;
        let locks = paths.iter().map(|path| keys::namespace_lock(path)).collect::<Result<Vec<Key>, _>>()?;
        let (entries, locks) = (self.store.get_list(&at).await?, self.store.revisions(&locks).await?);
        let mut all = Vec::new();
        for ((path, key), (entry, lock)) in paths.into_iter().zip(&at).zip(entries.into_iter().zip(locks)) {
            let Some(at) = Self::decode_at(key, entry.as_ref())? else { continue };
            let name = path.strip_prefix(parent).unwrap_or(&path).to_owned();
            all.push(Shown { name, path, at, is_locked: lock.is_some() });
        }
        Ok(all)
    }
}

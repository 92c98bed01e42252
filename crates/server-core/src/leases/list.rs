//! What is shown of many leases: the ids below a path, in pages, and those that could not be revoked.

use std::collections::BTreeMap;

use barrier::Item;
use framework::Error;
use framework::view::{LIST_NAMES_MAX, Listing, from_barrier};
use storage::{KeyRange, Scan};

use super::entry::{LeaseEntry, State};
use super::id::LeaseId;
use super::sweep::last;
use super::{IndexEntry, Leases, Place};
use crate::keys;
use crate::store::decode;

/// How many entries one storage call of a list asks for.
const PAGE: usize = 500;

/// A lease that could not be revoked.
pub(crate) struct Irrevocable {
    pub(crate) id: String,
    /// The UUID of its mount.
    pub(crate) mount: String,
    pub(crate) error: String,
}

impl Leases {
    /// What stands directly below a path, which is empty or ends in `/`: the last parts of lease ids, and deeper paths,
    /// which end in `/`. In the order of the storage, by the second in which they were made: a page goes on behind the
    /// name that it is asked to, whether or not that one is still there.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are more than [`LIST_NAMES_MAX`]; otherwise when the storage fails.
    pub(crate) async fn list(&self, ns: &str, path: &str, listing: &Listing) -> Result<Vec<String>, Error> {
        let prefix = keys::leases(ns, path)?;
        let mut range = KeyRange::prefix(&prefix);
        if let Some(deeper) = listing.after.strip_suffix('/') {
            let after = keys::leases(ns, &[path, deeper, "/"].concat())?;
            range.start = after.after_prefix().unwrap_or(after);
        } else if !listing.after.is_empty() {
            let after = LeaseId { path: path.trim_end_matches('/').to_owned(), tail: listing.after.clone() };
            // Behind what cannot be an id everything comes.
            if let Some(name) = self.name(&after)? {
                let after = keys::leases(ns, &[path, &name].concat())?;
                range.start = after.successor().unwrap_or(after);
            }
        }
        let most = listing.limit.unwrap_or(LIST_NAMES_MAX + 1);
        let head = prefix.as_bytes().len();
        let mut names = Vec::new();
        loop {
            let scan = Scan::range(range.clone(), PAGE.min(most - names.len())).folders(head);
            let page = self.store.barrier().scan(&scan).await.map_err(from_barrier)?;
            for item in page.items {
                names.extend(name(item, head)?);
            }
            if names.len() > LIST_NAMES_MAX {
                let text =
                    format!("more than {LIST_NAMES_MAX} leases: list them in pages with \"limit\" and \"after\"");
                return Err(Error::Invalid(text.into()));
            }
            match page.next {
                Some(next) if names.len() < most => range.start = next,
                _ => return Ok(names),
            }
        }
    }

    /// The leases that could not be revoked, at most `limit`, and whether there are more.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) async fn irrevocable(&self, ns: &str, limit: usize) -> Result<(Vec<Irrevocable>, bool), Error> {
        let mut range = KeyRange::prefix(&keys::irrevocable_lease(ns, "")?);
        let mut leases = Vec::new();
        loop {
            let (page, next) =
                self.store.page(range.clone(), PAGE.min(limit.saturating_sub(leases.len()).saturating_add(1))).await?;
            for (key, opened) in page {
                let path = decode::<IndexEntry>(&key, &opened)?.value.path;
                let Some(name) = last(&key) else { continue };
                let found = self.load(&Place { ns: ns.to_owned(), path, name }).await?;
                // One that goes just now is not listed any more.
                let Some(entry) = found.map(|found| found.value) else { continue };
                if leases.len() == limit {
                    return Ok((leases, true));
                }
                leases.push(Irrevocable { id: entry.id, mount: entry.mount, error: entry.error });
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok((leases, false)),
            }
        }
    }

    /// How many leases could not be revoked, by the accessor of their mount.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) async fn count_irrevocable(&self, ns: &str) -> Result<BTreeMap<String, u64>, Error> {
        let (mut by_mount, mut counts) = (BTreeMap::<String, u64>::new(), BTreeMap::new());
        for lease in self.irrevocable(ns, LIST_NAMES_MAX).await?.0 {
            *by_mount.entry(lease.mount).or_default() += 1;
        }
        for (uuid, count) in by_mount {
            let mount = self.mounts.load_marked(ns, &uuid).await?;
            let accessor = mount.map_or(uuid, |mount| mount.settings.accessor.clone());
            *counts.entry(accessor).or_default() += count;
        }
        Ok(counts)
    }
}

/// How an item is called below the first `head` bytes of its key. What was only intended is nobody's lease.
fn name(item: Item, head: usize) -> Result<Option<String>, Error> {
    match item {
        Item::Folder(key) => {
            let name = key.as_bytes().get(head..).and_then(|name| std::str::from_utf8(name).ok());
            Ok(name.map(str::to_owned))
        }
        Item::Entry(key, opened) => {
            let entry = decode::<LeaseEntry>(&key, &opened)?.value;
            let is_shown = entry.is_granted && entry.state != State::Intended;
            Ok(entry.id.rsplit_once('/').filter(|_| is_shown).map(|(_, tail)| tail.to_owned()))
        }
        Item::Key(..) | Item::Unreadable { .. } => Ok(None),
    }
}

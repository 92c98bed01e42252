//! Tokens as `sys/leases/` shows them: each that ends is a lease of the path that it was made at.
//!
//! Nothing is stored for it. An id holds the token's storage name, and lists look through the tokens of the mount, or of
//! the namespace: a login would cost a write more otherwise, for what operators ask now and then.

use std::collections::BTreeSet;
use std::ops::Bound;

use framework::Error;
use framework::view::{LIST_NAMES_MAX, Listing};
use storage::KeyRange;

use super::entry::TokenEntry;
use super::logins::{Ending, is_below};
use super::{Stored, Tokens};
use crate::keys;
use crate::leases::id::LeaseId;
use crate::leases::sweep::last;
use crate::store::decode;

/// How many tokens one storage call of a list asks for.
const PAGE: usize = 500;

/// A token that an id names.
pub(crate) struct Leased {
    /// Its storage name.
    pub(crate) hash: String,
    pub(crate) stored: Stored,
}

impl Tokens {
    /// The living token of a lease's id. One that never ends is no lease.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn leased(&self, ns: &str, id: &str) -> Result<Option<Leased>, Error> {
        let Some(id) = LeaseId::parse(ns, id) else { return Ok(None) };
        let Some(hash) = id.token_hash() else { return Ok(None) };
        let stored = self.live(ns, hash).await?.filter(|stored| stored.state.value.expires.is_some());
        let stored = stored.filter(|stored| stored.entry.value.path.trim_matches('/') == id.path);
        Ok(stored.map(|stored| Leased { hash: hash.to_owned(), stored }))
    }

    /// What stands directly below a path, which ends in `/`: the last parts of ids, and deeper paths, which end in `/`.
    /// Tokens of the mount, if one is named.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are more than [`LIST_NAMES_MAX`]; otherwise when the store fails.
    pub(crate) async fn list_leased(
        &self,
        ns: &str,
        path: &str,
        mount: Option<String>,
        listing: &Listing,
    ) -> Result<Vec<String>, Error> {
        let mut names = BTreeSet::new();
        let tokens = Ending::Below { mount, path: path.to_owned() }.folder(ns)?;
        let mut range = KeyRange::prefix(&tokens);
        loop {
            let (page, next) = self.store.keys(range.clone(), PAGE).await?;
            let hashes: Vec<_> = page.iter().filter_map(|(key, _)| last(key)).collect();
            let keys = hashes.iter().map(|hash| keys::token(ns, hash)).collect::<Result<Vec<_>, _>>()?;
            for ((hash, key), opened) in hashes.iter().zip(&keys).zip(self.store.get_list(&keys).await?) {
                let Some(opened) = opened else { continue };
                names.extend(name(&decode::<TokenEntry>(key, &opened)?.value, ns, path, hash));
            }
            if names.len() > LIST_NAMES_MAX {
                let text = format!("more than {LIST_NAMES_MAX} leases: name a deeper path");
                return Err(Error::Invalid(text.into()));
            }
            match next {
                Some(next) => range.start = next,
                None => break,
            }
        }
        let behind = (Bound::Excluded(listing.after.clone()), Bound::Unbounded);
        let names = names.range(behind).take(listing.limit.unwrap_or(LIST_NAMES_MAX));
        Ok(names.cloned().collect())
    }
}

/// How a token is called below a folder, if it is there and ends.
fn name(entry: &TokenEntry, ns: &str, folder: &str, hash: &str) -> Option<String> {
    if entry.ttl_secs == 0 || !is_below(&entry.path, folder) {
        return None;
    }
    let id = LeaseId::of_token(ns, &entry.path, hash);
    let below = id.path.get(folder.len()..).filter(|below| !below.is_empty());
    Some(match below {
        None => id.tail,
        Some(below) => [below.split('/').next().unwrap_or(below), "/"].concat(),
    })
}

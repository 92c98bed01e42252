//! The mounts that were used lately, and the engines that answer for them. Bounded in bytes, whatever is mounted.
//!
//! An entry is used only while the namespace's epoch is the one under which it was loaded, so a change of a mount has
//! nobody to tell. It must never answer for a path at which it was not found.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use barrier::Stamp;
use framework::{Error, Kind, Mounted};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use storage::Revision;

use super::LiveMount;
use super::entry::Settings;

/// What all loaded mounts together may take, in bytes: about six thousand of them.
pub(super) const LOADED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// What the lists of mounts that are shown before login may take, in bytes, of all namespaces together.
const LISTED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What a mount takes beside its texts, about, in bytes.
const MOUNT_OVERHEAD_BYTES: usize = 1024;
/// A guess that only sizes the tables at the start.
const MOUNTS_GUESS: usize = 1_000;
const LISTS_GUESS: usize = 16;
/// How many engines are kept, each with its table of paths: one for each type and each set of options in use.
const ENGINES_MAX: usize = 64;

/// Mounts by the path that they were found at.
pub(super) struct Loaded {
    mounts: Cache<Place, (Revision, Arc<LiveMount>), MountBytes>,
    listed: Cache<(String, Revision), Arc<Vec<Settings>>, ListBytes>,
    engines: Cache<EngineKey, Arc<dyn Mounted>>,
}

type EngineKey = (String, BTreeMap<String, String>);

/// Where a mount is, its path without the `/` at the end.
#[derive(PartialEq, Eq, Hash)]
struct Place {
    ns: String,
    is_auth: bool,
    path: String,
}

/// The same, borrowed from a request. It must hash as [`Place`] does.
#[derive(Hash)]
struct PlaceRef<'a> {
    ns: &'a str,
    is_auth: bool,
    path: &'a str,
}

impl Equivalent<Place> for PlaceRef<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        self.path == place.path && self.is_auth == place.is_auth && self.ns == place.ns
    }
}

#[derive(Clone)]
struct MountBytes;

impl Weighter<Place, (Revision, Arc<LiveMount>)> for MountBytes {
    fn weight(&self, place: &Place, (_, mount): &(Revision, Arc<LiveMount>)) -> u64 {
        // Handlers get a copy of the path and the options.
        (place.path.len() + 2 * bytes(&mount.settings)) as u64
    }
}

#[derive(Clone)]
struct ListBytes;

impl Weighter<(String, Revision), Arc<Vec<Settings>>> for ListBytes {
    fn weight(&self, _: &(String, Revision), list: &Arc<Vec<Settings>>) -> u64 {
        (MOUNT_OVERHEAD_BYTES + list.iter().map(bytes).sum::<usize>()) as u64
    }
}

/// What a mount's settings take, about.
fn bytes(settings: &Settings) -> usize {
    let tuning = &settings.tuning;
    let lists = [
        &tuning.audit_non_hmac_request_keys,
        &tuning.audit_non_hmac_response_keys,
        &tuning.passthrough_request_headers,
        &tuning.allowed_response_headers,
    ];
    let lists: usize = lists.into_iter().flatten().map(String::len).sum();
    let options: usize = settings.options.iter().map(|(name, value)| name.len() + value.len()).sum();
    MOUNT_OVERHEAD_BYTES / 2 + settings.path.len() + settings.description.len() + lists + options
}

impl Loaded {
    pub(super) fn new() -> Self {
        Self {
            mounts: Cache::with_weighter(MOUNTS_GUESS, LOADED_BYTES_MAX, MountBytes),
            listed: Cache::with_weighter(LISTS_GUESS, LISTED_BYTES_MAX, ListBytes),
            engines: Cache::new(ENGINES_MAX),
        }
    }

    /// The mount that was found at this path, if it is known to be of today's epoch without a look at that.
    pub(super) fn known(&self, ns: &str, now: Option<Stamp>, kind: Kind, path: &str) -> Option<Arc<LiveMount>> {
        now?;
        let (_, mount) = self.mounts.get(&PlaceRef { ns, is_auth: kind == Kind::Auth, path })?;
        (mount.is_current.get(now) == Some(true)).then_some(mount)
    }

    /// The mount that was found at this path under this epoch.
    pub(super) fn get(&self, ns: &str, epoch: Revision, kind: Kind, path: &str) -> Option<Arc<LiveMount>> {
        let found = self.mounts.get(&PlaceRef { ns, is_auth: kind == Kind::Auth, path });
        found.filter(|(loaded_under, _)| *loaded_under == epoch).map(|(_, mount)| mount)
    }

    /// Whether a mount was found at this path, whatever has become of it.
    pub(super) fn has(&self, ns: &str, kind: Kind, path: &str) -> bool {
        self.mounts.contains_key(&PlaceRef { ns, is_auth: kind == Kind::Auth, path })
    }

    /// Keeps a mount that was found under this epoch.
    pub(super) fn insert(&self, ns: &str, epoch: Revision, mount: &Arc<LiveMount>) {
        let path = mount.settings.path.trim_end_matches('/').to_owned();
        let place = Place { ns: ns.to_owned(), is_auth: mount.settings.kind() == Kind::Auth, path };
        self.mounts.insert(place, (epoch, Arc::clone(mount)));
    }

    /// The engine of a type with these options, made if there is none. All mounts of the same type and options share
    /// it: its table of paths is larger than all that is known of a mount.
    pub(super) fn engine(
        &self,
        type_name: &str,
        options: &BTreeMap<String, String>,
        make: impl FnOnce() -> Result<Arc<dyn Mounted>, Error>,
    ) -> Result<Arc<dyn Mounted>, Error> {
        let key: EngineKey = (type_name.to_owned(), options.clone());
        self.engines.get_or_insert_with(&key, make)
    }

    /// A list under this epoch, from `scan` if it is not known: one scan for all who ask at once.
    pub(super) async fn list(
        &self,
        ns: &str,
        epoch: Revision,
        scan: impl Future<Output = Result<Arc<Vec<Settings>>, Error>>,
    ) -> Result<Arc<Vec<Settings>>, Error> {
        self.listed.get_or_insert_async(&(ns.to_owned(), epoch), scan).await
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        self.mounts.clear();
        self.listed.clear();
        self.engines.clear();
    }

    /// What the mounts take, in bytes, as counted against the bound.
    #[cfg(test)]
    pub(super) fn weight(&self) -> u64 {
        self.mounts.weight()
    }
}

#[cfg(test)]
mod tests;

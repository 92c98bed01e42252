//! Identity: who is behind tokens. An entity is somebody; its aliases are the names by which auth methods know it; groups
//! hold entities and other groups, and give them policies.
//!
//! Nothing here grows with the number of members: who is in what is told by keys, one for each direction, and an entity
//! or a group is an entry of its own, which is the liveness of all that hangs on it. Names and aliases are unique by the
//! expectation of their index entries, so that of two first logins at once one makes the entity and the other finds it.
//! What takes more than one commit is marked first, and taken up again from the due index.

use std::collections::BTreeMap;
use std::sync::Arc;

use barrier::Changes;
use env::Env;
use framework::Error;
use framework::view::{LIST_NAMES_MAX, Listing, to_stored};
use storage::{Expectation, Key, KeyRange, Revision};

use crate::keys;
use crate::mounts::{LiveMount, Mounts};
use crate::store::{Lost, Store, encode};

/// Runs an attempt again while other writers are faster.
macro_rules! again {
    ($attempt:expr) => {
        'tries: {
            for _ in 0..framework::view::COMMIT_TRIES {
                match $attempt.await {
                    Ok(done) => break 'tries Ok(done),
                    Err(crate::store::Lost::Race(_)) => {}
                    Err(crate::store::Lost::Failed(error)) => break 'tries Err(error),
                }
            }
            Err(framework::view::contended())
        }
    };
}
pub(crate) use again;

pub(crate) mod aliases;
mod checks;
pub(crate) mod entities;
pub(crate) mod entry;
mod external;
mod factors;
pub(crate) mod groups;
mod members;
mod merge;
pub(crate) mod paths;
mod sweep;
pub(crate) mod templates;
mod view;
pub(crate) mod who;

use entry::NameEntry;
pub(crate) use who::Who;

/// How many keys one storage call of a scan asks for.
const SCAN_PAGE: usize = 1_000;
/// The most aliases that one entity can have; it has one at most for each mount.
const ALIASES_MAX: usize = 1_000;
/// The most groups that an entity can be in, those included that it is in through others.
const GROUPS_MAX: usize = 1_000;

/// All entities, groups and aliases of all namespaces.
pub(crate) struct Identities {
    store: Store,
    env: Env,
    mounts: Arc<Mounts>,
}

/// A name index's page: the folded name or id of each, with its value.
type Lines = Vec<(String, barrier::Opened)>;

impl Identities {
    pub(crate) fn new(store: Store, env: Env, mounts: Arc<Mounts>) -> Self {
        Self { store, env, mounts }
    }

    fn now_nanos(&self) -> i64 {
        to_stored(self.env.now().into())
    }

    /// The mount of this id.
    pub(crate) async fn mount(&self, ns: &str, uuid: &str) -> Result<Option<Arc<LiveMount>>, Error> {
        self.mounts.by_uuid(ns, uuid).await
    }

    /// What the engine of a mount is given when nobody has asked it for anything.
    pub(crate) async fn context_of(&self, ns: &str, mount: &LiveMount) -> Result<framework::Context, Error> {
        self.mounts.work_context(ns, mount).await
    }

    /// Changes that expect the namespace to live.
    async fn changes(&self, ns: &str) -> Result<Changes, Error> {
        let live_key = keys::namespace_live(ns)?;
        let [live] = self.store.revisions_of([live_key.clone()]).await?;
        let mut changes = Changes::new();
        changes.expect(Expectation::At(live_key, live.ok_or(Error::NotFound)?));
        Ok(changes)
    }

    /// A line in the due index that has a mark taken up again after a crash.
    async fn promise(&self, ns: &str, id: &str, changes: &mut Changes) -> Result<(), Error> {
        let line = keys::due(self.now_nanos(), ns, sweep::DUE_KIND, id)?;
        let [known] = self.store.revisions_of([line.clone()]).await?;
        match known {
            Some(revision) => changes.expect(Expectation::At(line, revision)),
            None => changes.create(line, Vec::new()),
        };
        Ok(())
    }

    async fn commit(&self, changes: Changes) -> Result<Revision, Lost> {
        self.store.commit(changes).await.map(|receipt| receipt.revision)
    }

    /// One page of what is below a folder, behind `after`.
    async fn lines(&self, folder: &str, after: &str, limit: usize) -> Result<(Lines, bool), Error> {
        let range = behind(folder, after)?;
        let (page, next) = self.store.page(range, limit).await?;
        let lines = page.into_iter().filter_map(|(key, opened)| Some((name_below(&key, folder)?, opened)));
        Ok((lines.collect(), next.is_some()))
    }

    /// The names below a folder, at most `most` of them and one more if there are.
    async fn names_below(&self, folder: &str, most: usize) -> Result<Vec<String>, Error> {
        let mut range = behind(folder, "")?;
        let mut names = Vec::new();
        while names.len() <= most {
            let (page, next) = self.store.keys(range.clone(), SCAN_PAGE.min(most + 1 - names.len())).await?;
            names.extend(page.iter().filter_map(|(key, _)| name_below(key, folder)));
            match next {
                Some(next) => range.start = next,
                None => break,
            }
        }
        Ok(names)
    }

    /// Where the mount of an accessor is and what it is; empty for one that is gone.
    async fn mount_of(&self, ns: &str, accessor: &str, known: &mut Places) -> Result<Place, Error> {
        if let Some(place) = known.get(accessor) {
            return Ok(place.clone());
        }
        let mount = self.mounts.by_accessor(ns, accessor).await?;
        let place = mount.map(|mount| Place {
            path: [crate::mounts::change::prefix(mount.engine.kind()), &mount.settings.path].concat(),
            engine_type: mount.settings.engine_type.clone(),
            is_local: mount.settings.is_local,
        });
        let place = place.unwrap_or_default();
        known.insert(accessor.to_owned(), place.clone());
        Ok(place)
    }
}

/// Where a mount is.
#[derive(Clone, Default)]
struct Place {
    path: String,
    engine_type: String,
    is_local: bool,
}

/// The mounts that one reply tells of.
type Places = BTreeMap<String, Place>;

/// Names are compared without case (documented Vault behavior).
pub(crate) fn fold(name: &str) -> String {
    framework::path::fold(name)
}

/// The part of a folder behind a name.
fn behind(folder: &str, after: &str) -> Result<KeyRange, Error> {
    let mut range = KeyRange::prefix(&keys::prefix(folder)?);
    if !after.is_empty() {
        let after = keys::prefix(&[folder, after].concat())?;
        range.start = after.successor().filter(|behind| *behind > range.start).unwrap_or(range.start);
    }
    Ok(range)
}

fn name_below(key: &Key, folder: &str) -> Option<String> {
    key.as_bytes().get(folder.len()..).map(|name| String::from_utf8_lossy(name).into_owned())
}

/// How much one list may show.
fn most(listing: &Listing) -> usize {
    listing.limit.unwrap_or(LIST_NAMES_MAX)
}

fn too_many() -> Error {
    let text = format!("more than {LIST_NAMES_MAX} of them: list them in pages with \"limit\" and \"after\"");
    Error::Invalid(text.into())
}

/// Adds to a commit what makes `name` the name of `id`, in place of the one `before`; false when it is another's.
async fn take_name(
    store: &Store,
    folder: &str,
    before: Option<&str>,
    id: &str,
    name: &str,
    changes: &mut Changes,
) -> Result<bool, Error> {
    if before == Some(name) {
        return Ok(true);
    }
    let key = keys::prefix(&[folder, &fold(name)].concat())?;
    let known = store.get::<NameEntry>(&key).await?;
    if known.as_ref().is_some_and(|known| known.value.id != id) {
        return Ok(false);
    }
    let value = encode(&NameEntry { v: 1, id: id.to_owned(), name: name.to_owned() })?;
    changes.set(key.clone(), known.map(|known| known.revision), value);
    let old = before.map(|before| keys::prefix(&[folder, &fold(before)].concat())).transpose()?;
    if let Some(old) = old.filter(|old| *old != key)
        && let [Some(revision)] = store.revisions_of([old.clone()]).await?
    {
        changes.delete(old, revision);
    }
    Ok(true)
}

#[cfg(test)]
mod tests;

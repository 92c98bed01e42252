//! Namespaces: tenants, each with its own mounts, policies and tokens, in a tree below the root one.
//!
//! One entry per namespace says what is at a path, so that any depth is found with one read, and nothing is loaded at
//! start. What is kept of it remembers the revisions of the entries that it was made from, absent locks included, and is
//! used only while these are still those of today.
//!
//! Whether a namespace exists must not be told to those who have no rights in it. One that does not is therefore a
//! [`Place`] too, with nothing in it.

use std::sync::Arc;

use barrier::{Opened, Remembered};
use env::Env;
use framework::{Error, Namespace};
use quick_cache::sync::Cache;
use storage::{Key, Revision};

use crate::keys::{self, ROOT_NAMESPACE};
use crate::store::{Store, decode};

pub(crate) mod change;
pub(crate) mod entry;
pub(crate) mod lock;
pub(crate) mod name;
pub(crate) mod show;
pub(crate) mod sweep;

use entry::{AtEntry, LiveEntry, RemovingEntry};

pub(crate) use name::is_id;

/// The deepest namespace.
pub(crate) const DEPTH_MAX: usize = 16;
/// The longest path of a namespace from the root, its last `/` included, in bytes.
pub(crate) const PATH_BYTES_MAX: usize = 500;
/// How many places are kept, each with a path and a few keys: a few megabytes together.
const KNOWN_MAX: usize = 8_192;

/// All namespaces.
pub(crate) struct Namespaces {
    pub(super) store: Store,
    pub(super) env: Env,
    root: Arc<Place>,
    /// By path, without the `/` at its end.
    known: Cache<String, Arc<Place>>,
}

/// Where a request wants to go: a namespace, or the name of one that does not exist.
#[derive(Debug)]
pub(crate) struct Place {
    /// Of one that does not exist the id is empty, and the path is what was asked for.
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) exists: bool,
    /// The path of the outermost namespace that is locked and that this one is in.
    pub(crate) locked: Option<String>,
    keys: Vec<Key>,
    revisions: Vec<Option<Revision>>,
    /// Whether the revisions are still those of today.
    is_current: Remembered,
}

/// The namespace that a token belongs to.
pub(crate) struct Home {
    pub(crate) namespace: Arc<Namespace>,
    /// Its liveness as it was read; none for the root, which never ends.
    pub(crate) source: Option<(Key, Revision)>,
}

impl Place {
    fn new(namespace: Namespace, exists: bool) -> Self {
        let namespace = Arc::new(namespace);
        Self {
            namespace,
            exists,
            locked: None,
            keys: Vec::new(),
            revisions: Vec::new(),
            is_current: Remembered::default(),
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.exists && self.namespace.path.is_empty()
    }
}

impl Namespaces {
    pub(crate) fn new(store: Store, env: Env) -> Self {
        let root = Place::new(Namespace { id: ROOT_NAMESPACE.to_owned(), path: String::new() }, true);
        Self { store, env, root: Arc::new(root), known: Cache::new(KNOWN_MAX) }
    }

    pub(crate) fn root(&self) -> Arc<Place> {
        Arc::clone(&self.root)
    }

    /// The namespace that a header names, with slashes around it or without. Warm, this makes no storage call.
    pub(crate) async fn named(&self, header: &str) -> Result<Arc<Place>, Error> {
        let name = header.trim_matches('/');
        if name.is_empty() || name == ROOT_NAMESPACE {
            return Ok(self.root());
        }
        let unknown = || Place::new(Namespace { id: String::new(), path: [name, "/"].concat() }, false);
        Ok(Box::pin(self.at(name)).await?.unwrap_or_else(|| Arc::new(unknown())))
    }

    /// The deepest namespace that a path leads to from another one, and what of the path is behind it.
    pub(crate) async fn below<'p>(&self, from: &Arc<Place>, path: &'p str) -> Result<(Arc<Place>, &'p str), Error> {
        let (mut place, mut path) = (Arc::clone(from), path);
        while let Some((segment, behind)) = path.split_once('/') {
            if name::check(segment).is_err() {
                break;
            }
            let Some(next) = self.at(&[&place.namespace.path, segment].concat()).await? else { break };
            (place, path) = (next, behind);
        }
        Ok((place, path))
    }

    /// The namespace of a name: its path without the `/` at the end.
    pub(crate) async fn at(&self, name: &str) -> Result<Option<Arc<Place>>, Error> {
        if let Some(known) = self.known.get(name)
            && self.is_current(&known).await?
        {
            return Ok(Some(known));
        }
        if name.len() >= PATH_BYTES_MAX || name.split('/').count() > DEPTH_MAX {
            return Ok(None);
        }
        let path = [name, "/"].concat();
        let mut keys = vec![keys::namespace_at(&path)?];
        let ends: Vec<_> = path.match_indices('/').map(|(index, _)| index).collect();
        let above: Vec<_> = ends.iter().filter_map(|end| path.get(..=*end)).collect();
        for path in &above {
            keys.push(keys::namespace_lock(path)?);
        }
        let entries = self.store.get_list(&keys).await?;
        let Some((at, locks)) = entries.split_first() else { return Ok(None) };
        let at = match at {
            Some(at) => decode::<AtEntry>(&keys[0], at)?.value,
            None => return Ok(None),
        };
        if at.is_removing {
            self.known.remove(name);
            return Ok(None);
        }
        let locked = above.iter().zip(locks).find_map(|(path, lock)| lock.as_ref().map(|_| (*path).to_owned()));
        let revisions = entries.iter().map(|entry| entry.as_ref().map(|entry| entry.revision)).collect();
        let namespace = Arc::new(Namespace { id: at.id, path });
        let place =
            Arc::new(Place { namespace, exists: true, locked, keys, revisions, is_current: Remembered::default() });
        self.known.insert(name.to_owned(), Arc::clone(&place));
        Ok(Some(place))
    }

    async fn is_current(&self, place: &Place) -> Result<bool, Error> {
        // Taken before the look: a write that comes after it makes another stamp.
        let stamp = self.store.stamp();
        if let Some(is_current) = place.is_current.get(stamp) {
            return Ok(is_current);
        }
        let is_current = self.store.revisions(&place.keys).await? == place.revisions;
        place.is_current.set(stamp, is_current);
        Ok(is_current)
    }

    /// The living namespace of an id, which may be any text.
    pub(crate) async fn home(&self, id: &str) -> Result<Option<Home>, Error> {
        if id == ROOT_NAMESPACE {
            return Ok(Some(Home { namespace: Arc::clone(&self.root.namespace), source: None }));
        }
        if !is_id(id) {
            return Ok(None);
        }
        let key = keys::namespace_live(id)?;
        let Some(found) = self.store.get::<LiveEntry>(&key).await? else { return Ok(None) };
        let namespace = Arc::new(Namespace { id: id.to_owned(), path: found.value.path });
        Ok(Some(Home { namespace, source: Some((key, found.revision)) }))
    }

    /// The namespace of an id for work that nobody has asked for, which goes on while it is cleared away.
    pub(crate) async fn of_work(&self, id: &str) -> Result<Arc<Namespace>, Error> {
        if let Some(home) = self.home(id).await? {
            return Ok(home.namespace);
        }
        let removing = self.store.get::<RemovingEntry>(&keys::namespace_removing(id)?).await?;
        let path = removing.map(|found| found.value.path).unwrap_or_default();
        Ok(Arc::new(Namespace { id: id.to_owned(), path }))
    }

    /// Drops what is known; the server is being sealed.
    pub(crate) fn forget(&self) {
        self.known.clear();
    }

    /// What is at a place below a namespace, removed ones included.
    async fn entry(&self, path: &str) -> Result<Option<crate::store::Found<AtEntry>>, Error> {
        self.store.get(&keys::namespace_at(path)?).await
    }

    /// Several of them at once.
    fn decode_at(key: &Key, opened: Option<&Opened>) -> Result<Option<AtEntry>, Error> {
        opened.map(|opened| decode::<AtEntry>(key, opened).map(|found| found.value)).transpose()
    }
}

#[cfg(test)]
mod tests;

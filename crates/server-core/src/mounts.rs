//! Mounts: which engine answers at which path. Mounts are entries of their own, loaded when they are first used, so
//! start-up does not grow with them.
//!
//! What is loaded is valid for one revision of the namespace's epoch entry, which every change of a mount rewrites. A
//! change therefore needs to tell nobody: the next request sees another epoch. A mount is found by as many keys as its
//! path has segments, in one read, however many mounts there are.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use barrier::{Remembered, Stamp};
use env::Env;
use framework::view::{COMMIT_TRIES, DueKey};
use framework::{Error, Kind, Mount, Mounted, View};
use storage::{Key, KeyRange, Revision};

use crate::cluster::Identity;
use crate::fingerprints::Spelling;
use crate::keys;
use crate::metrics::Meter;
use crate::namespaces::Namespaces;
use crate::rotations::KeysOf;
use crate::store::{Found, Store, decode};
use crate::tokens::Limits;

pub(crate) mod change;
pub(crate) mod due;
pub(crate) mod entry;
mod loaded;
pub(crate) mod remount;
pub(crate) mod sweep;
pub(crate) mod upgrade;

pub(crate) use change::is_permanent;

use entry::{AtEntry, LiveEntry, LiveState, Settings};
use loaded::Loaded;
use upgrade::Upgrading;

/// The deepest mount path, in segments.
pub(crate) const PATH_SEGMENTS_MAX: usize = 16;
/// The longest mount path, its last `/` included, in bytes.
pub(crate) const PATH_BYTES_MAX: usize = 500;
/// How many mounts one storage call of a list asks for.
const LIST_PAGE: usize = 1_000;

/// Makes an engine of one type, given a mount's options. All mounts with the same options share what it makes, and it
/// may be made anew at any time: it keeps nothing of a mount or of a request.
pub type Make = fn(&BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error>;

/// A pluggable engine that operators can enable.
#[derive(Clone, Copy)]
pub struct EngineType {
    /// As the operator writes it.
    pub name: &'static str,
    /// Secrets engine or auth method.
    pub kind: Kind,
    /// Makes one.
    pub make: Make,
}

/// The mounts of all namespaces.
pub(crate) struct Mounts {
    store: Store,
    env: Env,
    limits: Limits,
    types: Vec<EngineType>,
    pub(crate) namespaces: Arc<Namespaces>,
    identity: Arc<Identity>,
    /// Engines that live in the core, by type: one of each for all namespaces.
    fixed: OnceLock<BTreeMap<&'static str, Arc<dyn Mounted>>>,
    loaded: Loaded,
}

/// A mount that is alive, with its engine.
pub(crate) struct LiveMount {
    pub(crate) uuid: String,
    pub(crate) settings: Settings,
    pub(crate) engine: Arc<dyn Mounted>,
    /// As handlers see it, with the TTLs that are in effect.
    pub(crate) mount: Arc<Mount>,
    pub(crate) liveness: (Key, Revision),
    view: View,
    /// Whether it is of the epoch of today.
    is_current: Remembered,
    /// Where the time of its requests is counted, once there was one.
    pub(crate) meter: OnceLock<Arc<Meter>>,
}

impl Mounts {
    pub(crate) fn new(
        store: Store,
        env: Env,
        limits: Limits,
        types: Vec<EngineType>,
        namespaces: Arc<Namespaces>,
        identity: Arc<Identity>,
    ) -> Self {
        Self { store, env, limits, types, namespaces, identity, fixed: OnceLock::new(), loaded: Loaded::new() }
    }

    /// Names the engines that live in the core. They hold the core's services, this one among them.
    pub(crate) fn set_fixed(&self, engines: impl IntoIterator<Item = Arc<dyn Mounted>>) {
        let engines = engines.into_iter().map(|engine| (engine.type_name(), engine)).collect();
        // Set once by the composition; a second call would be a mistake that changes nothing.
        let _already_set = self.fixed.set(engines);
    }

    /// An engine that lives in the core, for requests that need no storage: `sys/` answers while sealed.
    pub(crate) fn fixed(&self, type_name: &str) -> Option<Arc<dyn Mounted>> {
        self.fixed.get()?.get(type_name).cloned()
    }

    /// The mount that a request path leads to, and what of the path is behind it.
    pub(crate) async fn find<'p>(&self, ns: &str, path: &'p str) -> Result<Option<(Arc<LiveMount>, &'p str)>, Error> {
        self.find_along(ns, path, &Vec::new).await
    }

    /// As [`find`](Self::find). If nothing is known of the path, the entries of `along` are read in the same call of the
    /// store, for whoever asks for them next.
    pub(crate) async fn find_along<'p>(
        &self,
        ns: &str,
        path: &'p str,
        along: &(dyn Fn() -> Vec<Key> + Sync),
    ) -> Result<Option<(Arc<LiveMount>, &'p str)>, Error> {
        let (kind, path) = match path.strip_prefix("auth/") {
            Some(behind) => (Kind::Auth, behind),
            None => (Kind::Secrets, path),
        };
        // Taken before the look: a write that comes after it makes another stamp.
        let stamp = self.store.stamp();
        let mount = match candidates(path).find_map(|at| self.loaded.known(ns, stamp, kind, at)) {
            Some(mount) => Some(mount),
            None => {
                if !candidates(path).any(|at| self.loaded.has(ns, kind, at)) {
                    Box::pin(self.read_ahead(ns, kind, path, along())).await?;
                }
                Box::pin(self.find_anew(ns, kind, path, stamp)).await?
            }
        };
        Ok(mount.map(|mount| {
            let behind = path.get(mount.settings.path.len()..).unwrap_or_default();
            (mount, behind)
        }))
    }

    /// Reads what [`find_anew`](Self::find_anew) looks at first, and other entries with it, so that they are in the
    /// cache.
    async fn read_ahead(&self, ns: &str, kind: Kind, path: &str, along: Vec<Key>) -> Result<(), Error> {
        let places = candidates(path).filter_map(|at| keys::mount_at(ns, kind, &with_slash(at)).ok());
        let keys: Vec<_> = keys::mounts_epoch(ns).ok().into_iter().chain(places).chain(along).collect();
        self.store.read_ahead(&keys).await
    }

    /// The mount that a path leads to, looked for. `stamp` was taken before.
    async fn find_anew(
        &self,
        ns: &str,
        kind: Kind,
        path: &str,
        stamp: Option<Stamp>,
    ) -> Result<Option<Arc<LiveMount>>, Error> {
        let Some(epoch) = self.epoch(ns).await? else { return Ok(None) };
        if let Some(mount) = candidates(path).find_map(|at| self.loaded.get(ns, epoch, kind, at)) {
            mount.is_current.set(stamp, true);
            return Ok(Some(mount));
        }
        let keys = candidates(path).map(|at| keys::mount_at(ns, kind, &with_slash(at)));
        let mount = self.look_up(ns, &keys.collect::<Result<Vec<_>, _>>()?).await?;
        if let Some(mount) = &mount {
            self.keep(ns, epoch, mount).await?;
        }
        Ok(mount)
    }

    /// The mount at exactly this path.
    pub(crate) async fn at(&self, ns: &str, kind: Kind, path: &str) -> Result<Option<Arc<LiveMount>>, Error> {
        self.look_up(ns, &[keys::mount_at(ns, kind, path)?]).await
    }

    /// The mount that has this accessor.
    pub(crate) async fn by_accessor(&self, ns: &str, accessor: &str) -> Result<Option<Arc<LiveMount>>, Error> {
        let Some(found) = self.store.get::<AtEntry>(&keys::mount_accessor(ns, accessor)?).await? else {
            return Ok(None);
        };
        self.load(ns, &found.value.uuid).await
    }

    /// The mount of this id, wherever it is by now.
    pub(crate) async fn by_uuid(&self, ns: &str, uuid: &str) -> Result<Option<Arc<LiveMount>>, Error> {
        self.load(ns, uuid).await
    }

    /// The mount at the first of these places where one is.
    async fn look_up(&self, ns: &str, places: &[Key]) -> Result<Option<Arc<LiveMount>>, Error> {
        for _ in 0..COMMIT_TRIES {
            let entries = self.store.get_list(places).await?;
            let Some((place, opened)) = places.iter().zip(entries).find_map(|(place, entry)| Some((place, entry?)))
            else {
                return Ok(None);
            };
            let at: Found<AtEntry> = decode(place, &opened)?;
            let Some(mount) = self.load(ns, &at.value.uuid).await? else { return Ok(None) };
            // A mount that was moved between the two reads must not answer for its old path: what is behind its new
            // one is another part of the request, one that no policy was asked about.
            if keys::mount_at(ns, mount.engine.kind(), &mount.settings.path)? == *place {
                return Ok(Some(mount));
            }
        }
        Err(framework::view::contended())
    }

    /// The settings of all mounts of a kind by path.
    pub(crate) async fn list(&self, ns: &str, kind: Kind) -> Result<BTreeMap<String, Settings>, Error> {
        let all = self.scan(ns, |settings| settings.kind() == kind).await?;
        Ok(all.into_iter().map(|settings| (settings.path.clone(), settings)).collect())
    }

    /// The engine types that this server has, those that are part of every namespace included.
    pub(crate) fn types(&self) -> &[EngineType] {
        &self.types
    }

    /// The engine that answers for a mount with these settings.
    pub(crate) fn engine_of(&self, settings: &Settings) -> Result<Arc<dyn Mounted>, Error> {
        self.make(&settings.engine_type, &settings.options)
    }

    /// The settings of all mounts, in no particular order.
    pub(crate) async fn all(&self, ns: &str) -> Result<Vec<Settings>, Error> {
        self.scan(ns, |_| true).await
    }

    /// The settings of the mounts that are shown before login. Anybody may ask for them, so that they are looked for
    /// once after a change, and not for each who asks.
    pub(crate) async fn listed(&self, ns: &str) -> Result<Arc<Vec<Settings>>, Error> {
        let Some(epoch) = self.epoch(ns).await? else { return Ok(Arc::default()) };
        let scan = async { self.scan(ns, Settings::is_listed).await.map(Arc::new) };
        self.loaded.list(ns, epoch, scan).await
    }

    async fn scan(&self, ns: &str, is_wanted: impl Fn(&Settings) -> bool) -> Result<Vec<Settings>, Error> {
        let prefix = keys::prefix(&format!("ns/{ns}/mount/"))?;
        let mut range = KeyRange::prefix(&prefix);
        let mut mounts = Vec::new();
        loop {
            let (page, next) = self.store.page(range.clone(), LIST_PAGE).await?;
            for (key, opened) in page {
                let settings = decode::<Settings>(&key, &opened)?.value;
                if is_wanted(&settings) {
                    mounts.push(settings);
                }
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(mounts),
            }
        }
    }

    async fn epoch(&self, ns: &str) -> Result<Option<Revision>, Error> {
        let [epoch] = self.store.revisions_of([keys::mounts_epoch(ns)?]).await?;
        Ok(epoch)
    }

    /// Keeps a loaded mount if the epoch is still the one from before it was read: then what was read is of it too.
    async fn keep(&self, ns: &str, epoch: Revision, mount: &Arc<LiveMount>) -> Result<(), Error> {
        if self.epoch(ns).await? == Some(epoch) {
            self.loaded.insert(ns, epoch, mount);
        }
        Ok(())
    }

    /// The mount of a UUID, if it is alive.
    pub(crate) async fn load(&self, ns: &str, uuid: &str) -> Result<Option<Arc<LiveMount>>, Error> {
        let (settings_key, live_key) = (keys::mount(ns, uuid)?, keys::mount_live(ns, uuid)?);
        let [settings, live] = self.store.get_all([settings_key.clone(), live_key.clone()]).await?;
        let (Some(settings), Some(live)) = (settings, live) else { return Ok(None) };
        let live: Found<LiveEntry> = decode(&live_key, &live)?;
        if live.value.state != LiveState::Live {
            return Ok(None);
        }
        let settings = decode::<Settings>(&settings_key, &settings)?.value;
        self.assemble(ns, uuid, settings, (live_key, live.revision)).map(Some)
    }

    /// The mount of a UUID, also while it is being removed: for taking back what it made.
    pub(crate) async fn load_marked(&self, ns: &str, uuid: &str) -> Result<Option<Arc<LiveMount>>, Error> {
        if let Some(mount) = self.load(ns, uuid).await? {
            return Ok(Some(mount));
        }
        let live_key = keys::mount_live(ns, uuid)?;
        let Some(live) = self.store.get::<LiveEntry>(&live_key).await? else { return Ok(None) };
        let Some(settings) = live.value.settings else { return Ok(None) };
        self.assemble(ns, uuid, *settings, (live_key, live.revision)).map(Some)
    }

    fn assemble(
        &self,
        ns: &str,
        uuid: &str,
        settings: Settings,
        liveness: (Key, Revision),
    ) -> Result<Arc<LiveMount>, Error> {
        let mut engine = self.make(&settings.engine_type, &settings.options)?;
        if !settings.upgrading_from.is_empty() {
            engine = Arc::new(Upgrading(engine));
        }
        let mount = Arc::new(settings.mount(uuid, self.limits));
        let data_prefix = keys::mount_data(ns, uuid);
        let (owner, uuid) = (ns.to_owned(), uuid.to_owned());
        let due_key: DueKey = {
            let uuid = uuid.clone();
            Arc::new(move |nanos, id| keys::due_engine(nanos, &owner, &uuid, id))
        };
        let barrier = self.store.barrier().clone();
        let rotations = Arc::new(KeysOf { ns: ns.to_owned(), uuid: uuid.clone() });
        let fingerprints = Arc::new(Spelling {
            identity: Arc::clone(&self.identity),
            namespace: ns.to_owned(),
            uuid: uuid.clone(),
            is_on: settings.has_fingerprints(),
        });
        let view = View::new(barrier, data_prefix, vec![liveness.clone()]);
        let view = view.with_due(due_key).with_rotations(rotations).with_fingerprints(fingerprints);
        let is_current = Remembered::default();
        Ok(Arc::new(LiveMount { uuid, settings, engine, mount, liveness, view, is_current, meter: OnceLock::new() }))
    }

    fn make(&self, type_name: &str, options: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
        if let Some(engine) = self.fixed(type_name) {
            return Ok(engine);
        }
        match self.types.iter().find(|it| it.name == type_name) {
            Some(it) => self.loaded.engine(type_name, options, || (it.make)(options)),
            None => Err(Error::world("open a mount", format!("this server has no engine of the type \"{type_name}\""))),
        }
    }

    /// Drops what was loaded; the server is being sealed.
    pub(crate) fn forget(&self) {
        self.loaded.clear();
    }
}

impl LiveMount {
    /// Its path as requests have it, `auth/` included.
    pub(crate) fn point(&self) -> String {
        match self.engine.kind() {
            Kind::Secrets => self.settings.path.clone(),
            Kind::Auth => ["auth/", &self.settings.path].concat(),
        }
    }

    /// The mount's own part of the storage.
    pub(crate) fn view(&self) -> View {
        self.view.clone()
    }
}

/// The paths that a mount leading to `path` could have, shortest first, without the `/` at the end: mounts do not
/// nest, so at most one of them is there.
fn candidates(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(index, _)| index);
    let whole = (!path.ends_with('/') && !path.is_empty()).then_some(path.len());
    // Longer ones cannot be mounts, and must not be an error either: whether a path is refused for its length would
    // otherwise tell whether something is mounted there.
    let ends = ends.chain(whole).take(PATH_SEGMENTS_MAX).take_while(|end| *end < PATH_BYTES_MAX);
    ends.filter_map(|end| path.get(..end)).filter(|at| !at.is_empty())
}

fn with_slash(at: &str) -> String {
    [at, "/"].concat()
}

#[cfg(test)]
mod tests;

//! Quotas: how much a client may ask of a namespace, a mount, a path or a role.
//!
//! One entry, `core/quotas`, says how quotas are applied and how many there are; every change of one rewrites it. As long
//! as it says that there are none, a request pays for nothing but a look at it. What holds for a mount is loaded when a
//! request first asks and used for one revision of that entry, so that a change has nobody to tell.
//!
//! A quota is kept below the mount or namespace that it is for: it moves with a mount, and goes with either.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use barrier::Remembered;
use env::Env;
use framework::{Error, Namespace};
use quick_cache::sync::Cache;
use storage::{KeyRange, Revision};

use crate::keys;
use crate::mounts::{LiveMount, Mounts};
use crate::namespaces::Namespaces;
use crate::store::{Store, decode};

pub(crate) mod change;
pub(crate) mod clients;
pub(crate) mod counts;
pub(crate) mod entry;
mod found;
pub(crate) mod rules;
pub(crate) mod sweep;

use clients::Clients;
use counts::Counts;
use entry::{QuotasEntry, RuleEntry, Spot};
use rules::Rules;

pub(crate) use entry::Kind;

/// For how many mounts it is kept which quotas hold there: a few hundred bytes each.
const KNOWN_MAX: usize = 4_096;
/// How many entries one storage call asks for.
const PAGE: usize = 500;

/// All quotas.
pub(crate) struct Quotas {
    store: Store,
    env: Env,
    mounts: Arc<Mounts>,
    state: ArcSwap<State>,
    /// By the mount's UUID, or the namespace's id where nothing is mounted. Made when there are quotas.
    known: OnceLock<Cache<String, Arc<Rules>>>,
    /// How much clients have asked of this node. Made when somebody is counted.
    clients: OnceLock<Clients>,
    counts: Counts,
}

/// How quotas are applied, as of one revision.
#[derive(Default)]
pub(crate) struct State {
    revision: Option<Revision>,
    pub(crate) entry: QuotasEntry,
    is_current: Remembered,
}

impl Quotas {
    pub(crate) fn new(store: Store, env: Env, mounts: Arc<Mounts>) -> Self {
        let state = ArcSwap::from_pointee(State::default());
        Self { store, env, mounts, state, known: OnceLock::new(), clients: OnceLock::new(), counts: Counts::default() }
    }

    pub(crate) fn namespaces(&self) -> &Arc<Namespaces> {
        &self.mounts.namespaces
    }

    /// Whether it is known without a look that there is no quota of the kind: then a request is done with them.
    pub(crate) fn has_none(&self, kind: Kind) -> bool {
        let state = self.state.load();
        state.is_current.get(self.store.stamp()) == Some(true) && !state.entry.has(kind)
    }

    /// How quotas are applied; `None` when none of the kind is there.
    pub(crate) async fn state(&self, kind: Kind) -> Result<Option<Arc<State>>, Error> {
        // Taken before the look: a write that comes after it makes another stamp.
        let stamp = self.store.stamp();
        {
            let state = self.state.load();
            if state.is_current.get(stamp) == Some(true) {
                return Ok(state.entry.has(kind).then(|| Arc::clone(&state)));
            }
        }
        let state = self.look().await?;
        state.is_current.set(stamp, true);
        Ok(state.entry.has(kind).then_some(state))
    }

    async fn look(&self) -> Result<Arc<State>, Error> {
        let [revision] = self.store.revisions_of([keys::QUOTAS.clone()]).await?;
        let known = self.state.load_full();
        // A state that nobody has looked for yet is that of a store without the entry.
        if known.revision == revision {
            return Ok(known);
        }
        let found = self.store.get::<QuotasEntry>(&keys::QUOTAS).await?;
        let (revision, entry) = found.map(|found| (Some(found.revision), found.value)).unwrap_or_default();
        let state = Arc::new(State { revision, entry, is_current: Remembered::default() });
        self.state.store(Arc::clone(&state));
        Ok(state)
    }

    /// What holds for requests to a mount, or to nothing in a namespace.
    pub(crate) async fn rules(
        &self,
        state: &State,
        namespace: &Namespace,
        mount: Option<&LiveMount>,
    ) -> Result<Arc<Rules>, Error> {
        let known = self.known.get_or_init(|| Cache::new(KNOWN_MAX));
        let name = mount.map_or(namespace.id.as_str(), |mount| mount.uuid.as_str());
        if let Some(rules) = known.get(name).filter(|rules| rules.revision == state.revision) {
            return Ok(rules);
        }
        let rules = Arc::new(self.load(state, namespace, mount.map(|mount| mount.uuid.as_str())).await?);
        // What was read is of the state's revision if that is still the one of now; otherwise it serves this once.
        let [revision] = self.store.revisions_of([keys::QUOTAS.clone()]).await?;
        if revision == state.revision {
            known.insert(name.to_owned(), Arc::clone(&rules));
        }
        Ok(rules)
    }

    async fn load(&self, state: &State, namespace: &Namespace, mount: Option<&str>) -> Result<Rules, Error> {
        let mut rules = Rules::new(state.revision);
        for kind in Kind::ALL {
            for (depth, id) in self.line(namespace).await?.into_iter().enumerate() {
                let key = keys::quota(&id, keys::QUOTA_OF_NAMESPACE, kind.name(), Spot::WHOLE)?;
                let Some(found) = self.store.get::<RuleEntry>(&key).await? else { continue };
                if depth == 0 || found.value.is_inheritable {
                    rules.set_above(kind, &id, &found.value);
                    break;
                }
            }
        }
        let Some(mount) = mount else { return Ok(rules) };
        let prefix = keys::quotas_of_mount(&namespace.id, mount)?;
        let mut range = KeyRange::prefix(&prefix);
        loop {
            let (page, next) = self.store.page(range.clone(), PAGE).await?;
            for (key, opened) in page {
                let Some((kind, spot)) = entry::parse_spot(&key, &prefix) else { continue };
                let entry = decode::<RuleEntry>(&key, &opened)?.value;
                rules.add(kind, (&namespace.id, mount), spot, &entry);
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(rules),
            }
        }
    }

    /// The ids of a namespace and of those above it, the nearest first. One that has gone meanwhile is left out.
    async fn line(&self, namespace: &Namespace) -> Result<Vec<String>, Error> {
        let mut ids = vec![namespace.id.clone()];
        let mut path = namespace.path.trim_end_matches('/');
        while !path.is_empty() {
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
            let place = self.mounts.namespaces.named(path).await?;
            if place.exists {
                ids.push(place.namespace.id.clone());
            }
        }
        Ok(ids)
    }

    pub(crate) fn clients(&self) -> &Clients {
        self.clients.get_or_init(Clients::new)
    }

    pub(crate) fn now(&self) -> std::time::Duration {
        self.env.monotonic()
    }

    /// Drops what is known; the server is being sealed. What clients have asked still counts afterwards.
    pub(crate) fn forget(&self) {
        self.state.store(Arc::default());
        if let Some(known) = self.known.get() {
            known.clear();
        }
        self.counts.forget();
    }
}

/// What replies tell of a quota, by name.
pub(crate) type Shown = BTreeMap<&'static str, serde_json::Value>;

#[cfg(test)]
mod tests;

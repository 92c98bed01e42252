//! Leases: secrets that end. Where they are stored, found, renewed and taken back.
//!
//! A lease is stored under the path of the request that made it, its second and a keyed hash of its id, so that leases
//! are listed and revoked by prefix in pages. Lines beside it tell that it goes with its token and with its mount; one line of the
//! due index tells when it has to be looked at. An *intent* is the same entry before anything has been handed out: it is
//! stored before something is made outside, and the commit that grants the secret turns it into a lease. So there is one
//! machinery that takes back what was made, however the request ended.
//!
//! Nothing is loaded at start, and nothing here is kept in memory but the lines that are being worked on.

use std::sync::Arc;
use std::time::Duration;

use env::Env;
use framework::Error;
use framework::view::to_stored;
use serde::{Deserialize, Serialize};
use storage::Key;

use crate::cluster::Identity;
use crate::due::queues::Queues;
use crate::keys;
use crate::metrics::Metrics;
use crate::mounts::{Mounts, is_permanent};
use crate::quotas::Quotas;
use crate::store::{Found, Store};
use crate::tokens::parse_name;

pub(crate) mod desk;
pub(crate) mod entry;
pub(crate) mod id;
pub(crate) mod list;
mod renew;
pub(crate) mod revoke;
pub(crate) mod sweep;
mod tidy;
pub(crate) mod work;

use entry::LeaseEntry;
use id::LeaseId;
use tidy::Tidying;

/// The word in the due index's keys.
const DUE_KIND: &str = "lease";
/// The longest path of a request that makes leases, in bytes: with everything around it a key still holds it.
pub(crate) const PATH_BYTES_MAX: usize = 1_800;
/// After how long nobody can be at work any more on what was intended: a request is cut off after 90 seconds. Whoever is
/// slower finds the intent claimed, and takes back what it made itself.
pub(crate) const INTENT_PATIENCE: Duration = Duration::from_secs(120);

/// The leases of all namespaces.
pub(crate) struct Leases {
    store: Store,
    env: Env,
    identity: Arc<Identity>,
    mounts: Arc<Mounts>,
    work: Queues,
    tidying: Tidying,
    quotas: Arc<Quotas>,
    metrics: Arc<Metrics>,
}

/// Where a lease is stored.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) ns: String,
    /// What stands before the last `/` of the id.
    pub(crate) path: String,
    /// When it was made, and the keyed hash of its id: see [`Leases::name`].
    pub(crate) name: String,
}

/// What the lines beside a lease hold: where it is.
#[derive(Serialize, Deserialize)]
pub(crate) struct IndexEntry {
    pub(crate) v: u32,
    pub(crate) path: String,
    /// The namespace of the lease, where it is not that of the line: a token may make leases in those below its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) ns: String,
}

impl IndexEntry {
    /// The lease that a line of this namespace names.
    fn place(self, ns: &str, name: String) -> Place {
        Place { ns: if self.ns.is_empty() { ns.to_owned() } else { self.ns }, path: self.path, name }
    }
}

impl Place {
    fn key(&self) -> Result<Key, Error> {
        keys::lease(&self.ns, &self.path, &self.name)
    }

    /// The lease's line in the due index.
    fn line(&self, mount: &str, nanos: i64) -> Result<Key, Error> {
        keys::due(nanos, &self.ns, DUE_KIND, &[mount, "/", &self.path, "/", &self.name].concat())
    }

    fn index(&self) -> IndexEntry {
        IndexEntry { v: 1, path: self.path.clone(), ns: String::new() }
    }

    /// The line that says that the lease goes with a token, and what it holds.
    fn token_line(&self, token: &str) -> Result<(Key, IndexEntry), Error> {
        let (home, hash) = parse_name(&self.ns, token);
        let ns = if home == self.ns { String::new() } else { self.ns.clone() };
        Ok((keys::token_lease(home, hash, &self.name)?, IndexEntry { ns, ..self.index() }))
    }
}

impl Leases {
    pub(crate) fn new(
        store: Store,
        env: Env,
        identity: Arc<Identity>,
        mounts: Arc<Mounts>,
        quotas: Arc<Quotas>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { store, env, identity, mounts, work: Queues::default(), tidying: Tidying::default(), quotas, metrics }
    }

    /// Where the lease of an id is, if the id can be one of this namespace's.
    fn place(&self, ns: &str, id: &str) -> Result<Option<Place>, Error> {
        let Some(id) = LeaseId::parse(ns, id) else { return Ok(None) };
        let Some(name) = self.name(&id)? else { return Ok(None) };
        Ok(Some(Place { ns: ns.to_owned(), path: id.path, name }))
    }

    /// The name of a lease in storage: when it was made, and a keyed hash of the whole id.
    fn name(&self, id: &LeaseId) -> Result<Option<String>, Error> {
        let cluster = self.identity.cluster()?;
        Ok(id.moment().map(|moment| [moment, &cluster.lease_hash(&id.text())].concat()))
    }

    async fn load(&self, place: &Place) -> Result<Option<Found<LeaseEntry>>, Error> {
        self.store.get(&place.key()?).await
    }

    /// The lease of an id, whatever has become of it; nothing for what was intended alone.
    pub(crate) async fn find(&self, ns: &str, id: &str) -> Result<Option<LeaseEntry>, Error> {
        let Some(place) = self.place(ns, id)? else { return Ok(None) };
        Ok(self.load(&place).await?.map(|found| found.value).filter(|entry| entry.is_granted))
    }

    /// The login mount that a path leads to, by its UUID. Tokens that were made by tokens come from none.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn login_mount(&self, ns: &str, path: &str) -> Result<Option<String>, Error> {
        let found = self.mounts.find(ns, path).await?.map(|(mount, _)| mount);
        let login = found.filter(|it| it.engine.kind() == framework::Kind::Auth);
        Ok(login.filter(|it| !is_permanent(&it.settings.engine_type)).map(|it| it.uuid.clone()))
    }

    pub(crate) fn now_nanos(&self) -> i64 {
        to_stored(self.env.now().into())
    }

    /// Ends background work; what is left undone has its lines.
    pub(crate) fn stop(&self) {
        self.work.stop();
        self.tidying.stop();
    }
}

#[cfg(test)]
mod tests;

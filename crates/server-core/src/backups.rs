//! Backups: the whole store as of one position, copied while it takes writes.
//!
//! Entries are copied as they are stored, so nothing is decrypted on the way, and whoever keeps the copy needs no key. The
//! store is asked for one page at a time and only when the reader has taken what came before, so a copy costs the same
//! memory however large the store is and however slow the reader. A copy must never be taken for whole when it is not:
//! the format ends with a count and a sum of everything, and a failure on the way leaves it without.

use std::sync::Arc;
use std::time::Duration;

use api::Timestamp;
use async_trait::async_trait;
use backup::{Encoder, Header, Lineage, Proof, Record, Sum};
use barrier::{Barrier, Purpose, Subkey};
use env::Env;
use framework::view::from_barrier;
use framework::{Chunks, Error};
use secret::is_equal;
use storage::{Entry, Export, Key};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cluster::Identity;
use crate::keys;
use crate::store::Store;

/// How many copies a node makes at once: each keeps the store from using the room of what changes meanwhile.
const COPIES_MAX: usize = 2;
/// How long one copy may take, for the same reason.
const COPY_DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// The level of the stored formats that this release writes.
pub const FEATURE_LEVEL: u32 = 1;

/// Under it is the entry that [`lineage_of`] is asked about.
pub const CLUSTER_KEY: Key = keys::CLUSTER;

/// Makes backups of the store that a node serves.
pub(crate) struct Backups {
    store: Store,
    env: Env,
    identity: Arc<Identity>,
    /// What the header names as the maker.
    made_by: String,
    places: Arc<Semaphore>,
}

/// What a backup says of its origin.
pub(crate) struct Claim {
    pub(crate) lineage: Lineage,
    pub(crate) sum: Sum,
    pub(crate) entries: u64,
    pub(crate) proof: Proof,
}

/// What is found about a [`Claim`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whether it names this cluster.
    pub(crate) is_of_this_cluster: bool,
    /// Whether this cluster's key made the MAC.
    pub(crate) is_genuine: bool,
}

impl Backups {
    pub(crate) fn new(store: Store, env: Env, identity: Arc<Identity>, version: &str) -> Self {
        let places = Arc::new(Semaphore::new(COPIES_MAX));
        Self { store, env, identity, made_by: format!("Strongroom {version}"), places }
    }

    /// Begins a backup as of now.
    pub(crate) async fn begin(&self) -> Result<Box<dyn Chunks>, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place =
            place.map_err(|_| Error::Busy("other backups are being made: try again when one is done".into()))?;
        let (barrier, cluster) = (self.store.barrier(), self.identity.cluster()?);
        // Before the copy is begun, so that the keyring in the copy has the term.
        let key = barrier.subkey(Purpose::Backups).map_err(from_barrier)?;
        let lineage = self.lineage().await?;
        let export = barrier.export().await.map_err(from_barrier)?;
        let header = Header {
            v: backup::FORMAT,
            made: Timestamp::from(self.env.now()).to_string(),
            made_by: self.made_by.clone(),
            lineage,
            cluster_id: Some(cluster.id.clone()),
            position: export.position().0,
            feature_level: FEATURE_LEVEL,
        };
        tracing::info!(position = header.position, "a backup is being made");
        Ok(Box::new(Copying {
            copy: Copy::begin(export, &header, Some(key)),
            barrier: barrier.clone(),
            env: self.env.clone(),
            until: self.env.monotonic().saturating_add(COPY_DURATION_MAX),
            _place: place,
        }))
    }

    /// Whether a backup is one that this cluster has made.
    pub(crate) async fn judge(&self, claim: &Claim) -> Result<Finding, Error> {
        let is_genuine = is_genuine(self.store.barrier(), &claim.proof, &claim.sum, claim.entries).await?;
        Ok(Finding { is_of_this_cluster: self.lineage().await? == claim.lineage, is_genuine })
    }

    async fn lineage(&self) -> Result<Lineage, Error> {
        let found = self.store.barrier().sealed_entry(&keys::CLUSTER).await.map_err(from_barrier)?;
        let found = found.ok_or_else(|| Error::world("read the cluster's entry", "it is missing"))?;
        Ok(lineage_of(&found))
    }
}

/// Whether a cluster's key for backups made a MAC.
pub(crate) async fn is_genuine(barrier: &Barrier, proof: &Proof, sum: &Sum, entries: u64) -> Result<bool, Error> {
    let key = barrier.subkey_of(Purpose::Backups, proof.term).await.map_err(from_barrier)?;
    Ok(key.is_some_and(|key| is_equal(backup::mac(key.key.expose(), sum, entries), proof.mac)))
}

/// Which cluster a store is of, by its entry [`CLUSTER_KEY`]: that is written by the commit that initializes
/// the store, and never again.
#[must_use]
pub fn lineage_of(cluster: &Entry) -> Lineage {
    Lineage(cluster.commit.0)
}

/// The bytes of a backup, made of a copy of a store. Holds one page of it.
pub struct Copy {
    export: Box<dyn Export>,
    /// None at the end.
    encoder: Option<Encoder>,
    page: std::vec::IntoIter<Entry>,
    key: Option<Subkey>,
    out: Vec<u8>,
}

impl Copy {
    /// Begins a backup of `export`, which `header` describes; with a key for backups if there is one at hand.
    #[must_use]
    pub fn begin(export: Box<dyn Export>, header: &Header, key: Option<Subkey>) -> Self {
        let mut out = Vec::new();
        let encoder = Encoder::begin(header, &mut out);
        Self { export, encoder: Some(encoder), page: Vec::new().into_iter(), key, out }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the store is lost: what was made so far is no backup.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, storage::Error> {
        while let (true, Some(encoder)) = (self.out.is_empty(), &mut self.encoder) {
            if let Some(entry) = self.page.next() {
                encoder.add(&record(&entry), &mut self.out);
                continue;
            }
            self.page = self.export.next().await?.into_iter();
            if self.page.len() == 0
                && let Some(encoder) = self.encoder.take()
            {
                let key = self.key.take();
                encoder.finish(key.as_ref().map(|key| (key.term, key.key.expose().as_slice())), &mut self.out);
            }
        }
        Ok(Some(std::mem::take(&mut self.out)).filter(|out| !out.is_empty()))
    }
}

fn record(entry: &Entry) -> Record<'_> {
    Record { key: entry.key.as_bytes(), revision: entry.revision.0, commit: entry.commit.0, value: &entry.value }
}

/// A copy that is made for somebody at the front door.
struct Copying {
    copy: Copy,
    barrier: Barrier,
    env: Env,
    /// On the monotonic clock.
    until: Duration,
    _place: OwnedSemaphorePermit,
}

#[async_trait]
impl Chunks for Copying {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        // It holds a key, which a seal locks away.
        if self.barrier.is_sealed() {
            return Err(Error::Sealed);
        }
        if self.env.monotonic() > self.until {
            return Err(Error::world("make a backup", "it has taken longer than a day"));
        }
        self.copy.next().await.map_err(|source| Error::world("copy the store", source))
    }
}

#[cfg(test)]
mod tests;

//! New terms of the keyring by themselves: when one has sealed so many entries, or is so old. A line of the due index has
//! some node look every ten minutes; what it has sealed meanwhile is added to the count that is stored, so that restarts
//! and other nodes lose none of it but what a crash takes along.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use api::Timestamp;
use async_trait::async_trait;
use barrier::{Changes, KeyStatus};
use env::Env;
use framework::Error;
use framework::view::{COMMIT_TRIES, contended, from_barrier, to_stored};
use serde::{Deserialize, Serialize};

use crate::due::{Line, Owner, drop_line};
use crate::keys::{self, ROOT_NAMESPACE};
use crate::store::{Found, Lost, Store, encode};

/// How many entries a term seals at most when nobody says (documented Vault behavior, and its bounds).
pub(crate) const OPERATIONS_MAX: i64 = 3_865_470_566;
/// The fewest that can be asked for.
pub(crate) const OPERATIONS_MIN: i64 = 1_000_000;
/// The shortest time between two rotations that can be asked for.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_secs(24 * 3600);
/// How often a node looks.
const LOOK: Duration = Duration::from_secs(600);
const DUE_KIND: &str = "rotation";
/// There is one.
const DUE_ID: &str = "keyring";

/// `core/rotation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct RotationEntry {
    v: u32,
    pub(crate) is_enabled: bool,
    pub(crate) operations_max: i64,
    /// 0 is never.
    pub(crate) interval_secs: u64,
    /// Which term `operations` is about.
    term: u32,
    /// How many entries it had sealed when somebody last looked.
    operations: u64,
    /// When somebody looks next, in nanoseconds since 1970: the time of the line.
    next_nanos: i64,
}

/// What somebody wants to be changed.
#[derive(Default)]
pub(crate) struct RotationChange {
    pub(crate) is_enabled: Option<bool>,
    pub(crate) operations_max: Option<i64>,
    pub(crate) interval: Option<Duration>,
}

/// When the keyring is rotated.
pub(crate) struct Rotation {
    store: Store,
    env: Env,
    /// Up to where this node's own count has been added to the stored one.
    added: Mutex<Added>,
}

#[derive(Clone, Copy, Default)]
struct Added {
    term: u32,
    operations: u64,
}

impl RotationEntry {
    fn new(next_nanos: i64) -> Self {
        Self {
            v: 1,
            is_enabled: true,
            operations_max: OPERATIONS_MAX,
            interval_secs: 0,
            term: 0,
            operations: 0,
            next_nanos,
        }
    }

    /// Adds what a term has sealed; of another term, all counting begins anew.
    fn count(&mut self, term: u32, more: u64) {
        let before = if self.term == term { self.operations } else { 0 };
        (self.term, self.operations) = (term, before.saturating_add(more));
    }

    fn is_due(&self, status: &KeyStatus, now: Timestamp) -> bool {
        let is_used_up = u64::try_from(self.operations_max).is_ok_and(|max| self.operations >= max);
        let age_nanos = to_stored(now).saturating_sub(to_stored(status.install_time.into()));
        let age_secs = u64::try_from(age_nanos / 1_000_000_000).unwrap_or(0);
        self.is_enabled && (is_used_up || (self.interval_secs > 0 && age_secs >= self.interval_secs))
    }
}

impl Rotation {
    pub(crate) fn new(store: Store, env: Env) -> Self {
        Self { store, env, added: Mutex::default() }
    }

    /// The keys are gone, and with them this node's count.
    pub(crate) fn forget(&self) {
        *self.added.lock().unwrap_or_else(PoisonError::into_inner) = Added::default();
    }

    /// What holds now: nothing before somebody has asked for it. Entries are sealed with nonces that do not run out
    /// (C2SP XAES-256-GCM), so that no number of them makes a rotation necessary.
    pub(crate) async fn read(&self) -> Result<RotationEntry, Error> {
        let found = self.store.get::<RotationEntry>(&keys::ROTATION).await?;
        Ok(found.map_or_else(|| RotationEntry { is_enabled: false, ..RotationEntry::new(0) }, |found| found.value))
    }

    /// Changes what is named; the first change turns it on, unless it says otherwise.
    ///
    /// # Errors
    /// When a number is out of its range, and when the store does not take it.
    pub(crate) async fn change(&self, change: &RotationChange) -> Result<(), Error> {
        check(change)?;
        for _ in 0..COMMIT_TRIES {
            let found = self.store.get::<RotationEntry>(&keys::ROTATION).await?;
            let revision = found.as_ref().map(|found| found.revision);
            let mut entry = found.map_or_else(|| RotationEntry::new(0), |found| found.value);
            let old = line(entry.next_nanos)?;
            let [old_line] = self.store.revisions_of([old.clone()]).await?;
            entry.is_enabled = change.is_enabled.unwrap_or(entry.is_enabled);
            entry.operations_max = change.operations_max.unwrap_or(entry.operations_max);
            entry.interval_secs = change.interval.map_or(entry.interval_secs, |interval| interval.as_secs());
            entry.next_nanos = self.next_nanos();
            let new = line(entry.next_nanos)?;
            let mut changes = Changes::new();
            changes.set(keys::ROTATION.clone(), revision, encode(&entry)?);
            match old_line {
                // Of two changes at one time of the clock, the second finds its line there.
                Some(_) if entry.is_enabled && old == new => {}
                found => {
                    if let Some(revision) = found {
                        changes.delete(old, revision);
                    }
                    if entry.is_enabled {
                        changes.create(new, Vec::new());
                    }
                }
            }
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(contended())
    }

    fn next_nanos(&self) -> i64 {
        to_stored(Timestamp::from(self.env.now()).plus(LOOK))
    }

    /// What this node has sealed with a term since that was last added to the stored count.
    fn not_added(&self, status: &KeyStatus) -> u64 {
        let added = *self.added.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if added.term == status.term { added.operations } else { 0 };
        status.encryptions.saturating_sub(before)
    }
}

#[async_trait]
impl Owner for Rotation {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    /// Moves the line first, so that of several nodes one rotates. If that one ends before it has, the next look finds
    /// the same numbers.
    async fn fire(&self, due: Line) -> Result<(), Error> {
        let found = self.store.get::<RotationEntry>(&keys::ROTATION).await?;
        let is_current =
            |found: &Found<RotationEntry>| found.value.is_enabled && due.time() == Some(found.value.next_nanos);
        let Some(Found { value: mut entry, revision }) = found.filter(is_current) else {
            return drop_line(&self.store, due).await;
        };
        let status = self.store.barrier().key_status().map_err(from_barrier)?;
        entry.count(status.term, self.not_added(&status));
        entry.next_nanos = self.next_nanos();
        let mut changes = Changes::new();
        changes.replace(keys::ROTATION.clone(), revision, encode(&entry)?);
        changes.delete(due.key, due.revision);
        changes.create(line(entry.next_nanos)?, Vec::new());
        match self.store.commit(changes).await {
            Ok(_) => {}
            Err(Lost::Race(_)) => return Ok(()),
            Err(Lost::Failed(error)) => return Err(error),
        }
        let added = Added { term: status.term, operations: status.encryptions };
        *self.added.lock().unwrap_or_else(PoisonError::into_inner) = added;
        if entry.is_due(&status, self.env.now().into()) {
            let term = self.store.barrier().rotate().await;
            let term = term.map_err(|source| Error::world("rotate the keyring", source))?;
            tracing::info!(term, operations = entry.operations, "the keyring has a new term, as configured");
        }
        Ok(())
    }
}

fn line(nanos: i64) -> Result<storage::Key, Error> {
    keys::due(nanos, ROOT_NAMESPACE, DUE_KIND, DUE_ID)
}

fn check(change: &RotationChange) -> Result<(), Error> {
    if change.operations_max.is_some_and(|max| !(OPERATIONS_MIN..=OPERATIONS_MAX).contains(&max)) {
        let text = format!("max_operations must be in the range [{OPERATIONS_MIN},{OPERATIONS_MAX}]");
        return Err(Error::Invalid(text.into()));
    }
    if change.interval.is_some_and(|interval| !interval.is_zero() && interval < INTERVAL_MIN) {
        return Err(Error::invalid("interval must be 0 or at least 24h"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! How many leases there may be at a time: a quota of leases, or of tokens that end, which are leases too.
//!
//! A node counts what is stored when somebody first asks, and from then on adds what it makes, and nothing else: what it
//! believes is never less than what is there of its own making. Only when that reaches the limit it counts again, and so
//! learns what has ended and what other nodes have made. Nothing is stored for it, and no revocation knows of it. A change
//! of any quota begins anew, so that what is being made in that very moment may go uncounted until the next count.
//!
//! Counting takes at most a twentieth of the time. Until it may be done again a full quota refuses, even if something has
//! ended meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use framework::Error;
use storage::Revision;

use super::entry::{Kind, NameEntry, RuleEntry};
use super::rules::parse_id;
use super::{Quotas, State};
use crate::metrics::Metrics;

/// After counting for a time, how many times as long it is not done again.
const REST: u32 = 19;

/// How many leases there may be.
#[derive(Debug)]
pub(crate) struct LeaseCount {
    pub(crate) id: u128,
    pub(crate) most: u64,
    /// The id of the namespace that it is of.
    pub(super) ns: String,
    /// The UUID of the mount; none when it is for the whole namespace.
    pub(super) mount: Option<String>,
    pub(super) is_inheritable: bool,
}

impl LeaseCount {
    /// `None` for an entry that is damaged: it limits nobody.
    pub(super) fn new(entry: &RuleEntry, ns: &str, mount: Option<&str>) -> Option<Self> {
        Some(Self {
            id: parse_id(&entry.id)?,
            most: entry.leases?,
            ns: ns.to_owned(),
            mount: mount.map(str::to_owned),
            is_inheritable: entry.is_inheritable,
        })
    }
}

/// What this node knows of how many there are, as of one revision of the quotas: a change of one may change what counts
/// towards another.
#[derive(Default)]
pub(super) struct Counts(Mutex<Known>);

#[derive(Default)]
struct Known {
    revision: Option<Revision>,
    counts: HashMap<u128, Arc<Count>>,
}

/// What this node knows of one quota.
#[derive(Default)]
struct Count {
    tally: Mutex<Tally>,
    /// Held by who counts; the others wait for the outcome.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Tally {
    /// What was found when it was last counted, and not more than the quota allows: nobody asks how many more.
    found: Option<u64>,
    /// What was made since that began, or may have been.
    made: u64,
    /// What is being made.
    open: u64,
    /// When it may be counted again, on the monotonic clock.
    next: Duration,
}

/// A place for one more lease, until the commit that makes it is over. It counts whatever has become of that: an answer
/// may be lost, and what was not made is found out at the next count.
pub(crate) struct Counting(Arc<Count>);

impl Drop for Counting {
    fn drop(&mut self) {
        let mut tally = self.0.tally();
        tally.open -= 1;
        tally.made += 1;
    }
}

impl Counts {
    fn of(&self, revision: Option<Revision>, id: u128) -> Arc<Count> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.revision != revision {
            *known = Known { revision, counts: HashMap::new() };
        }
        Arc::clone(known.counts.entry(id).or_default())
    }

    /// Drops what is known; the server is being sealed.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }
}

impl Count {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if it is known that there is one; otherwise whether counting again may find one.
    fn enter(self: &Arc<Self>, most: u64, now: Duration) -> Result<Counting, Full> {
        let mut tally = self.tally();
        match tally.found {
            Some(found) if found.saturating_add(tally.made).saturating_add(tally.open) < most => {
                tally.open += 1;
                Ok(Counting(Arc::clone(self)))
            }
            Some(_) if now < tally.next => Err(Full::ForNow),
            _ => Err(Full::Perhaps),
        }
    }
}

/// Why there is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Full {
    /// It was counted a moment ago.
    ForNow,
    /// That it was full was long ago, or nobody has counted yet.
    Perhaps,
}

impl Quotas {
    /// Takes a place for a lease that is to be made by a request to this path of a namespace, or for the token of a login for
    /// a role there; none where no quota holds. It is to be dropped when the commit is over.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are as many leases as the quota allows; otherwise when the store fails.
    pub(crate) async fn count_lease(
        &self,
        ns: &str,
        path: &str,
        role: Option<&str>,
        metrics: &Metrics,
    ) -> Result<Option<Counting>, Error> {
        if self.has_none(Kind::LeaseCount) {
            return Ok(None);
        }
        let taken = self.take_place(ns, path, role).await;
        if matches!(taken, Err(Error::TooMany(_))) {
            metrics.lease_refused.add();
        }
        taken
    }

    async fn take_place(&self, ns: &str, path: &str, role: Option<&str>) -> Result<Option<Counting>, Error> {
        let Some(state) = self.state(Kind::LeaseCount).await? else { return Ok(None) };
        let Some(quota) = self.lease_count(&state, ns, path, role).await? else { return Ok(None) };
        let count = self.counts.of(state.revision, quota.id);
        if let Ok(counting) = count.enter(quota.most, self.now()) {
            return Ok(Some(counting));
        }
        let _turn = count.turn.lock().await;
        match count.enter(quota.most, self.now()) {
            Ok(counting) => return Ok(Some(counting)),
            Err(Full::ForNow) => return Err(exceeded(path)),
            Err(Full::Perhaps) => {}
        }
        self.recount(&state, &quota, &count).await?;
        count.enter(quota.most, self.now()).map(Some).map_err(|_| exceeded(path))
    }

    async fn recount(&self, state: &State, quota: &LeaseCount, count: &Count) -> Result<(), Error> {
        let made = count.tally().made;
        let began = self.now();
        let found = self.find_leases(state, quota).await?;
        let ended = self.now();
        let mut tally = count.tally();
        tally.found = Some(found);
        tally.made -= made;
        tally.next = ended + (ended - began) * REST;
        Ok(())
    }

    /// The quota for what is made by a request to a path, a login for this role among others.
    pub(super) async fn lease_count(
        &self,
        state: &State,
        ns: &str,
        path: &str,
        role: Option<&str>,
    ) -> Result<Option<Arc<LeaseCount>>, Error> {
        let namespace = self.mounts.namespaces.of_work(ns).await?;
        let path = path.trim_start_matches('/');
        let found = self.mounts.find(ns, path).await?;
        let rules = self.rules(state, &namespace, found.as_ref().map(|(mount, _)| &**mount)).await?;
        Ok(rules.counts.choose(found.map_or("", |(_, behind)| behind), role).map(Arc::clone))
    }

    /// How many leases there are that a quota is for, at most as many as it allows: counted now.
    pub(super) async fn counted(&self, at: &NameEntry, rule: &RuleEntry) -> Result<u64, Error> {
        let Some(state) = self.state(Kind::LeaseCount).await? else { return Ok(0) };
        let Some(quota) = LeaseCount::new(rule, &at.ns, at.mount.as_deref()) else { return Ok(0) };
        self.find_leases(&state, &quota).await
    }
}

fn exceeded(path: &str) -> Error {
    Error::TooMany(format!("request path {path:?}: lease count quota exceeded").into())
}

#[cfg(test)]
mod tests;

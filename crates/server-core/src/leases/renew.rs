//! Renewing leases: the caps of the role, the mount and the system hold, counted from when the secret was handed out.

use std::time::Duration;

use barrier::Changes;
use framework::view::COMMIT_TRIES;
use framework::{Error, Lease};
use storage::Expectation;

use super::{Leases, Place};
use crate::store::{Found, Lost, encode};
use crate::tokens::create::nanos;
use crate::ttl::{self, Wish};

use super::entry::LeaseEntry;

/// A renewed lease, and what the caller should know about it.
pub(crate) struct Renewed {
    pub(crate) lease: Lease,
    pub(crate) warnings: Vec<String>,
}

impl Leases {
    /// Lets a lease live for `increment` from now on, or for what it was granted.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such lease, it cannot be renewed, or its time is used up; and what the engine
    /// says.
    pub(crate) async fn renew(&self, ns: &str, id: &str, increment: Duration) -> Result<Renewed, Error> {
        let began = self.metrics.now();
        let renewed = self.renew_now(ns, id, increment).await;
        self.metrics.took(&self.metrics.lease_renew, began);
        renewed
    }

    async fn renew_now(&self, ns: &str, id: &str, increment: Duration) -> Result<Renewed, Error> {
        let not_found = || Error::invalid("lease not found");
        let place = self.place(ns, id)?.ok_or_else(not_found)?;
        for _ in 0..COMMIT_TRIES {
            let found = self.load(&place).await?.filter(|found| found.value.is_live(self.now_nanos()));
            let found = found.ok_or_else(not_found)?;
            if !found.value.is_renewable {
                return Err(Error::invalid("lease is not renewable"));
            }
            match self.try_renew(&place, found, increment).await {
                Ok(renewed) => return Ok(renewed),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    async fn try_renew(&self, place: &Place, found: Found<LeaseEntry>, increment: Duration) -> Result<Renewed, Lost> {
        let Found { value: mut entry, revision } = found;
        // A mount that is being removed takes its leases along.
        let mount = self.mounts.load(&place.ns, &entry.mount).await?;
        let mount = mount.ok_or_else(|| Error::invalid("lease not found"))?;
        let context = self.mounts.work_context(&place.ns, &mount).await?;
        let limits = mount.engine.limits(&context, entry.held(entry.expires)).await?;
        let limits = limits.unwrap_or_else(|| entry.limits());
        let now = self.now_nanos();
        let granted = ttl::grant(Wish {
            asked: increment,
            usual: limits.ttl,
            explicit_max: limits.max_ttl,
            age: Duration::from_nanos(now.saturating_sub(entry.issued).max(0).unsigned_abs()),
            default_ttl: mount.mount.default_lease_ttl,
            max_ttl: mount.mount.max_lease_ttl,
            ..Wish::default()
        });
        let granted = granted.ok_or_else(|| Error::invalid("past the max TTL, cannot renew"))?;
        let expires = now.saturating_add(nanos(granted.ttl)).min(entry.until.unwrap_or(i64::MAX));
        mount.engine.renew(&context, entry.held(expires)).await?;
        (entry.expires, entry.renewed) = (expires, Some(now));
        let mut changes = Changes::new();
        changes.expect(Expectation::At(mount.liveness.0.clone(), mount.liveness.1));
        // The line that is there comes early enough for a later end: it is moved when its time comes.
        if entry.line.is_none_or(|line| expires < line) {
            self.move_line(place, &mut entry, expires, &mut changes).await?;
        }
        changes.replace(place.key()?, revision, encode(&entry)?);
        self.store.commit(changes).await?;
        let lease = Lease { id: entry.id.clone(), renewable: true, duration: whole_seconds(entry.remaining(now)) };
        Ok(Renewed { lease, warnings: granted.warnings })
    }
}

/// The API counts nothing finer.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

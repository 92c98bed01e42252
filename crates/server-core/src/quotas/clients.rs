//! How much each client has asked of this node, in memory and nowhere else: rate limits are per node, as documented for
//! Vault.
//!
//! Time is cut into intervals that begin with the client's first request. There is no lock that all requests share: the
//! table is in parts, and what is counted of one client is two numbers that are changed without a lock. The table has a
//! fixed number of places. Who sends from ever new addresses makes others lose theirs, those first that were seen once;
//! a client without a place begins a new interval, so the worst that a crowd can do is to be limited each by itself.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;

use super::rules::Rate;

/// How many clients of quotas are counted: about 150 bytes each.
pub(crate) const CLIENTS_MAX: usize = 65_536;

/// Those who have asked lately.
pub(crate) struct Clients(Cache<Client, Arc<Slot>>);

/// Under which quota, and from where; nowhere is a Unix socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Client(u128, Option<IpAddr>);

/// What one client has asked under one quota.
struct Slot {
    /// When it asked first, on the monotonic clock.
    began: Duration,
    /// The number of the interval in the upper half, the requests in it in the lower.
    asked: AtomicU64,
    /// Until when it is blocked, in milliseconds since `began`; zero when it is not.
    blocked: AtomicU64,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// It counts, and may go on.
    Allowed(Standing),
    /// It came too often.
    Refused(Standing),
    /// It came while the client is blocked, which it is for so long yet.
    Blocked(Duration),
}

/// How much a client may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// How long until it may ask as much again.
    pub(crate) reset: Duration,
    /// How long until it is listened to again.
    pub(crate) retry: Duration,
}

impl Clients {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CLIENTS_MAX))
    }

    /// Counts a request under a quota, if it may be made.
    pub(crate) fn take(&self, rate: &Rate, from: Option<IpAddr>, now: Duration) -> Taken {
        // One client, whether it came to a socket of both families or of its own.
        let client = Client(rate.id, from.map(|from| from.to_canonical()));
        let fresh = || Arc::new(Slot { began: now, asked: AtomicU64::new(0), blocked: AtomicU64::new(0) });
        let slot = self.0.get_or_insert_with(&client, || Ok::<_, std::convert::Infallible>(fresh()));
        let slot = slot.unwrap_or_else(|never| match never {});
        slot.take(rate, now.saturating_sub(slot.began))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Slot {
    /// `at` is the time since it began.
    fn take(&self, rate: &Rate, at: Duration) -> Taken {
        let blocked = Duration::from_millis(self.blocked.load(Ordering::Acquire));
        if blocked > at {
            return Taken::Blocked(blocked - at);
        }
        let length = rate.interval.as_nanos().max(1);
        // A number of intervals since the node was started: it fits, and a wrong one would only begin an interval.
        let interval = u32::try_from(at.as_nanos() / length).unwrap_or(u32::MAX);
        let elapsed = u64::try_from(at.as_nanos() % length).unwrap_or(u64::MAX);
        let reset = rate.interval.saturating_sub(Duration::from_nanos(elapsed));
        let count = |asked: u64| {
            let (of, used) = (asked >> 32, asked & u64::from(u32::MAX));
            let used = if of == u64::from(interval) { used } else { 0 };
            (used < u64::from(rate.limit)).then_some(u64::from(interval) << 32 | (used + 1))
        };
        let standing = |remaining, retry| Standing { limit: rate.limit, remaining, reset, retry };
        match self.asked.fetch_update(Ordering::AcqRel, Ordering::Acquire, count) {
            Ok(before) => {
                let next = count(before).unwrap_or_default() & u64::from(u32::MAX);
                let used = u32::try_from(next).unwrap_or(u32::MAX);
                Taken::Allowed(standing(rate.limit.saturating_sub(used), reset))
            }
            Err(_) if rate.block.is_zero() => Taken::Refused(standing(0, reset)),
            Err(_) => {
                let until = u64::try_from((at + rate.block).as_millis()).unwrap_or(u64::MAX);
                self.blocked.store(until, Ordering::Release);
                Taken::Refused(standing(0, rate.block))
            }
        }
    }
}

#[cfg(test)]
mod tests;

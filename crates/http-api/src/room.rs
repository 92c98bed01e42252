//! Room for request bodies: how many bytes of them all clients of a listener, and any one of them, may have in memory.
//!
//! Small bodies have a reserve of their own that large ones never take: whoever fills the memory with large ones keeps
//! nobody from logging in, sealing or unsealing. Nothing waits here; what finds no room is refused at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{Limits, SMALL_BODY_BYTES};
use crate::status::Refusal;

/// What any body takes at least, in bytes, so that a budget bounds their number too: some 64 thousand of the small.
const HOLD_BYTES_MIN: usize = 1024;
/// One address may hold one part in this many of each budget, though always a whole body.
const ORIGIN_PARTS: usize = 4;
/// The part of an IPv6 address that tells networks apart (RFC 4291 §2.5.4); the rest is for its owner to choose.
const NETWORK_MASK: u128 = !(u64::MAX as u128);

/// The two budgets of one listener.
#[derive(Debug)]
pub(crate) struct Room {
    small: Arc<Budget>,
    large: Arc<Budget>,
}

/// Room that one body has taken, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Arc<Budget>,
    origin: Option<IpAddr>,
    bytes: usize,
}

/// Bytes that all bodies of one class share.
#[derive(Debug)]
struct Budget {
    bytes_max: usize,
    origin_bytes_max: usize,
    taken: Mutex<Taken>,
}

/// `total` is the sum of `by_origin`, which has no zeros.
#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_origin: BTreeMap<Option<IpAddr>, usize>,
}

impl Room {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            small: Budget::new(limits.small_bodies_bytes, SMALL_BODY_BYTES),
            large: Budget::new(limits.bodies_bytes, limits.body_bytes),
        }
    }

    /// Nothing yet, for a body of this length or one that tells none, which is 0. A body that tells that it is large
    /// takes nothing of the reserve, however little of it comes.
    pub(crate) fn hold(&self, remote: Option<SocketAddr>, announced: usize) -> Hold {
        let budget = if announced > SMALL_BODY_BYTES { &self.large } else { &self.small };
        Hold { budget: Arc::clone(budget), origin: remote.map(|remote| origin(remote.ip())), bytes: 0 }
    }

    /// Takes room until there is enough for `length` bytes. What outgrows the small bodies moves to the large ones.
    ///
    /// # Errors
    /// When there is no room; then the hold is what it was.
    pub(crate) fn grow(&self, hold: &mut Hold, length: usize) -> Result<(), Refusal> {
        if length <= SMALL_BODY_BYTES || Arc::ptr_eq(&hold.budget, &self.large) {
            return hold.grow(length);
        }
        let mut moved = Hold { budget: Arc::clone(&self.large), origin: hold.origin, bytes: 0 };
        moved.grow(length)?;
        *hold = moved;
        Ok(())
    }
}

impl Hold {
    fn grow(&mut self, length: usize) -> Result<(), Refusal> {
        let length = length.max(HOLD_BYTES_MIN);
        let missing = length.saturating_sub(self.bytes);
        if missing > 0 {
            self.budget.take(self.origin, missing)?;
            self.bytes = length;
        }
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.release(self.origin, self.bytes);
        }
    }
}

impl Budget {
    /// A budget with room for one longest body at least, also for one address.
    fn new(bytes_max: usize, body_bytes_max: usize) -> Arc<Self> {
        let least = body_bytes_max.max(HOLD_BYTES_MIN);
        let bytes_max = bytes_max.max(least);
        let origin_bytes_max = (bytes_max / ORIGIN_PARTS).max(least);
        Arc::new(Self { bytes_max, origin_bytes_max, taken: Mutex::default() })
    }

    fn take(&self, origin: Option<IpAddr>, bytes: usize) -> Result<(), Refusal> {
        let mut taken = self.taken();
        let total = taken.total.saturating_add(bytes);
        let own = taken.by_origin.get(&origin).map_or(0, |own| *own).saturating_add(bytes);
        if total > self.bytes_max || own > self.origin_bytes_max {
            return Err(Refusal::BodiesFull);
        }
        taken.total = total;
        taken.by_origin.insert(origin, own);
        Ok(())
    }

    fn release(&self, origin: Option<IpAddr>, bytes: usize) {
        let mut taken = self.taken();
        taken.total = taken.total.saturating_sub(bytes);
        let own = taken.by_origin.get(&origin).map_or(0, |own| own.saturating_sub(bytes));
        // Who holds nothing is forgotten: the map has no more entries than there are bodies.
        match own {
            0 => taken.by_origin.remove(&origin),
            own => taken.by_origin.insert(origin, own),
        };
    }

    /// The sums are changed together and without a call that could panic in between, so a poisoned lock guards sound
    /// ones.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whom an address stands for: IPv4 for itself, in whatever clothes; IPv6 for its network, as one client has all of it.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK_MASK)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;

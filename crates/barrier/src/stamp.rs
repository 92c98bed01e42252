//! A name for the present state of the store, so that what was found to be of today needs no second look as long as
//! nothing is written.
//!
//! A stamp is given out only while no commit is in progress, and a commit changes it before the store hears of that
//! commit. So between two looks that find the same stamp nothing was written: whatever was true of the store at the
//! first is true at the second. Whoever uses one takes it *before* the look that it shall stand for.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// A state of the store; see [`Barrier::stamp`](crate::Barrier::stamp). Two equal ones are the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(NonZeroU64);

/// A yes or no about the store, with the state that it was found in. Reading and writing it takes no lock.
#[derive(Debug, Default)]
pub struct Remembered(AtomicU64);

impl Stamp {
    /// Of counters that never go back; `None` once they have come to their end, which they do not.
    pub(crate) fn of(count: u64) -> Option<Self> {
        // One bit stays free for the answer that is remembered with it.
        count.checked_add(1).filter(|count| count >> 63 == 0).and_then(NonZeroU64::new).map(Self)
    }
}

impl Remembered {
    /// What was found, if the store is still in that state.
    #[must_use]
    pub fn get(&self, now: Option<Stamp>) -> Option<bool> {
        let known = self.0.load(Ordering::Acquire);
        now.filter(|now| now.0.get() == known >> 1).map(|_| known & 1 == 1)
    }

    /// Remembers what was found in a look that began in this state; nothing when the state has no name.
    pub fn set(&self, at: Option<Stamp>, found: bool) {
        if let Some(Stamp(at)) = at {
            self.0.store(at.get() << 1 | u64::from(found), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests;

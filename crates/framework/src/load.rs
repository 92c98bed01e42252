//! What a front door's load is, as numbers that whoever shows them can read at any time.
//!
//! Here, because the front door counts and the core shows, and neither knows the other.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one node, of all its listeners together. Written by the front door alone.
#[derive(Debug, Default)]
pub struct Load {
    /// Requests in work at this moment.
    pub in_work: Gauge,
    /// Requests that wait for a place at this moment.
    pub queued: Gauge,
    /// Requests that had to wait, since the start.
    pub waited: Counter,
    /// Requests that were refused because there was no place, or none in time, since the start.
    pub refused: Counter,
    /// Connections that were closed because their client was too slow to ask or to listen, since the start.
    pub cut: Counter,
}

/// A number that only grows, until the process ends.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more; tells how many there were before.
    pub fn add(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number as it is now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Replaces the number.
    pub fn set(&self, value: usize) {
        self.0.store(u64::try_from(value).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

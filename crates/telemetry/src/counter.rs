//! A number that only grows.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts events that are rare beside requests. One line of memory: for what every request does there is
/// [`Summary`](crate::Summary).
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were since the start of the process.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

//! What a node remembers of failed logins, bounded in bytes: names are of strangers' choice. It only keeps.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use storage::Revision;

/// What all of them may take, in bytes: about 60,000 users. Those who failed once, long ago, are forgotten first.
const TRIES_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A guess that only sizes the tables at the start.
const TRIES_GUESS: usize = 256;
/// What one takes beside its name, in bytes.
const OVERHEAD_BYTES: u64 = 200;

/// Who has failed lately.
pub(super) struct Tries(Cache<String, Arc<Mutex<Try>>, Bytes>);

/// What one user has failed. Times are of the monotonic clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Try {
    /// Failures that the stored entry has.
    pub(super) merged: u64,
    /// Failures here that it does not have yet.
    pub(super) pending: u64,
    /// When the last of them was.
    pub(super) last: Duration,
    /// When the lock was seen first.
    pub(super) locked: Option<Duration>,
    /// The entry that was seen last.
    pub(super) seen: Option<Revision>,
    /// The last time that somebody let the user in again by hand, of those that were seen.
    pub(super) unlocked: Option<i64>,
    /// When it was written from here last.
    pub(super) merged_at: Option<Duration>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<Mutex<Try>>> for Bytes {
    fn weight(&self, name: &String, _: &Arc<Mutex<Try>>) -> u64 {
        OVERHEAD_BYTES + name.len() as u64
    }
}

impl Try {
    pub(super) fn failures(&self) -> u64 {
        self.merged.saturating_add(self.pending)
    }
}

impl Tries {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(TRIES_GUESS, TRIES_BYTES_MAX, Bytes))
    }

    pub(super) fn get(&self, mount: &str, user: &str) -> Option<Try> {
        self.0.get(&name(mount, user)).map(|known| lock(&known).clone())
    }

    /// Changes what is known of a user, from nothing if nothing is.
    pub(super) fn change<T>(&self, mount: &str, user: &str, change: impl FnOnce(&mut Try) -> T) -> T {
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::default());
        let known = self.0.get_or_insert_with(&name(mount, user), fresh);
        let known = known.unwrap_or_else(|never| match never {});
        let mut known = lock(&known);
        change(&mut known)
    }

    pub(super) fn remove(&self, mount: &str, user: &str) {
        self.0.remove(&name(mount, user));
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

fn lock(known: &Mutex<Try>) -> std::sync::MutexGuard<'_, Try> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name(mount: &str, user: &str) -> String {
    [mount, "/", user].concat()
}

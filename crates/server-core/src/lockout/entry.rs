//! What is stored of a user's failed logins.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::tokens::create::nanos;

/// `ns/<ns>/login/<uuid>/<user>`: how often somebody has failed, and since when they are locked out. Absent: never.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct LoginEntry {
    pub(super) v: u32,
    pub(super) failures: u64,
    /// When the last of them was. Nanoseconds since 1970, as all times here.
    pub(super) last: i64,
    /// Since when there is a lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) locked: Option<i64>,
    /// When somebody was let in again by hand, as long as other nodes may remember a lock from before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unlocked: Option<i64>,
    /// When nobody needs the entry any more, by the rules that it was written under.
    pub(super) until: i64,
}

impl LoginEntry {
    /// That somebody was let in again, and nothing else. `None` when there is nothing that a node could remember from
    /// before: no lock is longer than `duration`.
    pub(super) fn word_of_unlock(&self, now: i64, duration: Duration) -> Option<Self> {
        let at = self.unlocked.filter(|at| age(now, *at) < duration)?;
        Some(Self::unlocked_at(at, duration))
    }

    /// Whether somebody was let in again since the last time that is known.
    pub(super) fn is_news(&self, known: Option<i64>) -> bool {
        self.unlocked.is_some() && self.unlocked != known
    }

    /// That somebody was let in again then.
    pub(super) fn unlocked_at(at: i64, duration: Duration) -> Self {
        Self {
            v: 1,
            failures: 0,
            last: at,
            locked: None,
            unlocked: Some(at),
            until: at.saturating_add(nanos(duration)),
        }
    }
}

/// How long ago a moment was; not at all if the clock has gone back behind it.
pub(super) fn age(now: i64, then: i64) -> Duration {
    Duration::from_nanos(now.saturating_sub(then).max(0).unsigned_abs())
}

//! What is stored of a user's failed logins.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// When nobody needs the entry any more, by the rules that it was written under.
    pub(super) until: i64,
}

/// How long ago a moment was; not at all if the clock has gone back behind it.
pub(super) fn age(now: i64, then: i64) -> Duration {
    Duration::from_nanos(now.saturating_sub(then).max(0).unsigned_abs())
}

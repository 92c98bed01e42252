//! What is stored of a lease.

use std::time::Duration;

use framework::view::from_stored;
use framework::{Held, Limits};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A lease, or an intent that may become one. It prints nothing of itself: it holds what the engine keeps.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LeaseEntry {
    pub(crate) v: u32,
    /// As on the wire.
    pub(crate) id: String,
    /// The UUID of the mount whose engine made it.
    pub(crate) mount: String,
    /// One of the engine's kinds of secrets.
    pub(crate) kind: String,
    pub(crate) state: State,
    /// Whether it was handed out. What never was is undone, not revoked.
    pub(crate) is_granted: bool,
    /// The storage name of the token that it goes with; none once that has gone.
    pub(crate) token: Option<String>,
    /// What the engine keeps.
    pub(crate) data: Box<RawValue>,
    /// Nanoseconds since 1970, as all times here.
    pub(crate) issued: i64,
    /// Of an intent: when nobody can be at work on it any more.
    pub(crate) expires: i64,
    pub(crate) renewed: Option<i64>,
    /// A renewal goes no further than this: a batch token that is not stored ends then.
    pub(crate) until: Option<i64>,
    /// The time of its line in the due index. None for what nobody tries to revoke any more.
    pub(crate) line: Option<i64>,
    /// What it was granted; used for renewals that ask for nothing.
    pub(crate) ttl_secs: u64,
    /// What its engine gives at most; 0 is the mount's.
    pub(crate) max_ttl_secs: u64,
    pub(crate) is_renewable: bool,
    /// How often revoking it has failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) attempts: u32,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
}

/// What is to become of a lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// A request is making it. Nobody else touches it before that request must be over.
    Intended,
    Live,
    /// It is being taken back, whatever its times say.
    Revoking,
    /// Taking it back has failed so often that only an operator tries again.
    Irrevocable,
}

impl LeaseEntry {
    /// Whether it may be used and renewed.
    pub(crate) fn is_live(&self, now: i64) -> bool {
        self.state == State::Live && now < self.expires
    }

    /// What is left at `now`.
    pub(crate) fn remaining(&self, now: i64) -> Duration {
        Duration::from_nanos(self.expires.saturating_sub(now).max(0).unsigned_abs())
    }

    /// As the engine's hooks see it, ending at `expires`.
    pub(crate) fn held(&self, expires: i64) -> Held {
        Held::new(self.kind.clone(), self.data.clone(), from_stored(self.issued), from_stored(expires))
    }

    /// The limits that it was granted with.
    pub(crate) fn limits(&self) -> Limits {
        Limits { ttl: Duration::from_secs(self.ttl_secs), max_ttl: Duration::from_secs(self.max_ttl_secs) }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

//! What is stored of a token.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use policy::{Acl, CompileError, Policy};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cidr::Cidr;
use crate::policies::{RESPONSE_WRAPPING, ROOT, Source};

/// What a token is. Changes once: when it is marked.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct TokenEntry {
    pub(crate) v: u32,
    pub(crate) state: State,
    /// Sorted, without doubles.
    pub(crate) policies: Vec<String>,
    /// The request path that made it.
    pub(crate) path: String,
    pub(crate) meta: Option<BTreeMap<String, String>>,
    pub(crate) display_name: String,
    /// How many uses it was given; 0 is without limit.
    pub(crate) num_uses: u64,
    /// Nanoseconds since 1970.
    pub(crate) created: i64,
    /// What it was given at first; 0 is for ever.
    pub(crate) ttl_secs: u64,
    /// 0 is none of its own.
    pub(crate) explicit_max_ttl_secs: u64,
    /// 0 is not periodic.
    pub(crate) period_secs: u64,
    pub(crate) is_renewable: bool,
    /// The storage name of the token that made it; none for an orphan.
    pub(crate) parent: Option<String>,
    pub(crate) accessor: String,
    /// Empty for nobody known.
    pub(crate) entity_id: String,
    /// The token role that it was made through; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) role: String,
    /// Networks from which alone it can be used; none for everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) bound_cidrs: Vec<Cidr>,
    /// The UUID of the mount that it comes from by a login, and that it goes with; empty for no login.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) mount: String,
    /// The role of that mount's engine that the login was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login_role: Option<String>,
    /// The token epoch that it was made in; in another one it is refused.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) epoch: String,
    /// What the login's engine is told when it is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<Box<RawValue>>,
}

/// Whether a token may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Live,
    /// Refused; its children go with it.
    Revoking,
    /// Refused; its children live on.
    Orphaning,
}

/// What changes when a token is renewed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct TokenState {
    pub(crate) v: u32,
    /// Nanoseconds since 1970; none is for ever.
    pub(crate) expires: Option<i64>,
    /// When it was last renewed.
    pub(crate) renewed: Option<i64>,
}

/// What changes when a use-limited token is used.
#[derive(Serialize, Deserialize)]
pub(crate) struct TokenUses {
    pub(crate) v: u32,
    pub(crate) left: u64,
}

/// Which token an accessor stands for.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccessorEntry {
    pub(crate) v: u32,
    pub(crate) token: String,
    pub(crate) accessor: String,
}

impl TokenEntry {
    pub(crate) fn is_root(&self) -> bool {
        self.policies.iter().any(|name| name == ROOT)
    }

    /// Whether it is the token of a wrapped reply.
    pub(crate) fn is_wrapping(&self) -> bool {
        matches!(self.policies.as_slice(), [only] if only == RESPONSE_WRAPPING)
    }

    pub(crate) fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_secs)
    }

    pub(crate) fn explicit_max_ttl(&self) -> Duration {
        Duration::from_secs(self.explicit_max_ttl_secs)
    }

    pub(crate) fn period(&self) -> Duration {
        Duration::from_secs(self.period_secs)
    }

    /// The compiled rules of these policies, which are of the namespace with this path, by their paths from the root; missing ones allow nothing, templates without an identity neither.
    pub(crate) fn compile(&self, namespace: &str, sources: &[Source], now: SystemTime) -> Result<Acl, CompileError> {
        if self.is_root() {
            return Acl::compile([("", &Policy::root())], now);
        }
        let policies = sources.iter().filter_map(|source| source.policy.as_deref());
        Acl::compile(policies.map(|policy| (namespace, policy)), now)
    }
}

impl TokenState {
    pub(crate) fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// What is left at `now`; zero for ever or expired.
    pub(crate) fn remaining(&self, now: i64) -> Duration {
        let nanos = self.expires.map_or(0, |expires| expires.saturating_sub(now).max(0));
        Duration::from_nanos(nanos.unsigned_abs())
    }
}

//! What is stored of a mount.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::{Kind, Mount};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::tokens::Limits;

/// Everything about a mount that can be shown and tuned.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) v: u32,
    /// `secret` or `auth`.
    pub(crate) kind: String,
    /// Ends in `/`.
    pub(crate) path: String,
    pub(crate) engine_type: String,
    pub(crate) uuid: String,
    pub(crate) accessor: String,
    pub(crate) description: String,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) is_local: bool,
    pub(crate) is_seal_wrap: bool,
    /// Kept and shown; nothing here has a source of entropy of its own.
    #[serde(default)]
    pub(crate) has_external_entropy_access: bool,
    /// The version of its engine that it had before the upgrade that is under way; empty when none is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) upgrading_from: String,
    pub(crate) tuning: Tuning,
}

/// What `tune` changes. Zero and empty mean that nothing of its own is set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tuning {
    pub(crate) default_lease_ttl_secs: u64,
    pub(crate) max_lease_ttl_secs: u64,
    pub(crate) force_no_cache: bool,
    pub(crate) listing_visibility: String,
    pub(crate) token_type: String,
    pub(crate) audit_non_hmac_request_keys: Vec<String>,
    pub(crate) audit_non_hmac_response_keys: Vec<String>,
    pub(crate) passthrough_request_headers: Vec<String>,
    pub(crate) allowed_response_headers: Vec<String>,
    pub(crate) user_lockout: Option<Lockout>,
}

/// When users of an auth method are locked out. Zero means that nothing of its own is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Lockout {
    pub(crate) threshold: u64,
    pub(crate) duration_secs: u64,
    pub(crate) counter_reset_secs: u64,
    pub(crate) is_disabled: bool,
}

/// A mount's liveness.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LiveEntry {
    pub(crate) v: u32,
    pub(crate) state: LiveState,
    /// What the mount was, while it is being removed: its engine still has to take leases back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<Box<Settings>>,
}

impl LiveEntry {
    /// Of a mount that answers.
    pub(crate) const LIVE: Self = Self { v: 1, state: LiveState::Live, settings: None };
}

/// Whether a mount answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LiveState {
    Live,
    Removing,
}

/// Which mount is at a path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AtEntry {
    pub(crate) v: u32,
    pub(crate) uuid: String,
}

impl Settings {
    /// Secrets engine or auth method.
    pub(crate) fn kind(&self) -> Kind {
        if self.kind == keys::kind_name(Kind::Auth) { Kind::Auth } else { Kind::Secrets }
    }

    /// Whether the mount is shown before login.
    pub(crate) fn is_listed(&self) -> bool {
        self.tuning.listing_visibility == "unauth"
    }

    /// As handlers see it: the mount's own TTLs where it has any, the system's otherwise.
    pub(crate) fn mount(&self, uuid: &str, limits: Limits) -> Mount {
        let own = |secs: u64, other: Duration| if secs == 0 { other } else { Duration::from_secs(secs) };
        let max_lease_ttl = own(self.tuning.max_lease_ttl_secs, limits.max_lease_ttl);
        let default_lease_ttl = own(self.tuning.default_lease_ttl_secs, limits.default_lease_ttl).min(max_lease_ttl);
        Mount {
            kind: if self.kind == crate::keys::kind_name(Kind::Auth) { Kind::Auth } else { Kind::Secrets },
            path: self.path.clone(),
            accessor: self.accessor.clone(),
            uuid: uuid.to_owned(),
            options: self.options.clone(),
            default_lease_ttl,
            max_lease_ttl,
        }
    }
}

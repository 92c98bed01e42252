//! What is stored of identity tokens. Times are in nanoseconds since 1970.

use jose::{Algorithm, Jwk, Pair};
use serde::{Deserialize, Serialize};

/// Who issues tokens.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct ConfigEntry {
    pub(super) v: u32,
    /// Scheme, host, port and path; empty for the cluster's own address.
    pub(super) issuer: String,
}

/// A named key: in truth one that signs, one that will, and those that did. Has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeyEntry {
    pub(super) v: u32,
    pub(super) algorithm: Algorithm,
    pub(super) rotation_secs: u64,
    /// How long a key is published once it signs no more.
    pub(super) verification_secs: u64,
    /// Which roles and clients may use it; `*` for all.
    pub(super) allowed_client_ids: Vec<String>,
    /// Signs.
    pub(super) current: Pair,
    /// Signs next. Published already, so that whoever looks for keys now and then knows it before it is used.
    pub(super) next: Pair,
    pub(super) previous: Vec<Retired>,
    /// When the next one takes over.
    pub(super) rotates: i64,
}

/// A key that signs no more.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Retired {
    pub(super) public: Jwk,
    /// When it is published no more.
    pub(super) expires: i64,
}

/// What an identity token says, and for whom.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RoleEntry {
    pub(super) v: u32,
    pub(super) key: String,
    pub(super) template: String,
    pub(super) client_id: String,
    pub(super) ttl_secs: u64,
}

/// That something uses something else.
#[derive(Serialize, Deserialize)]
pub(super) struct UseEntry {
    pub(super) v: u32,
    /// How long the tokens live that are made through it; zero where there are none.
    #[serde(default)]
    pub(super) ttl_secs: u64,
}

#[cfg(test)]
mod tests;

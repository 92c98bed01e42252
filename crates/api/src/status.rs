//! The `sys/` objects that clients read most: initialization, seal, health, leader and mounts.
//!
//! Tolerant like [`crate::reply`]. Most of them come without an envelope.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::reply::or_default;

/// `GET sys/init`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct InitStatus {
    /// Whether there is a root key.
    pub initialized: bool,
}

/// The answer to `PUT sys/init`: the only time that these keys are shown. No `Debug`.
#[derive(Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct InitReply {
    /// Unseal keys in hexadecimal.
    #[serde(deserialize_with = "or_default")]
    pub keys: Vec<String>,
    /// The same in base64.
    #[serde(deserialize_with = "or_default")]
    pub keys_base64: Vec<String>,
    /// Recovery keys in hexadecimal, with an auto-unseal device.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub recovery_keys: Vec<String>,
    /// The same in base64.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub recovery_keys_base64: Vec<String>,
    /// The first token.
    #[serde(deserialize_with = "or_default")]
    pub root_token: String,
}

/// `GET sys/seal-status`, and the answer to `PUT sys/unseal`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct SealStatus {
    /// `shamir`, or the auto-unseal device.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// Whether there is a root key.
    #[serde(deserialize_with = "or_default")]
    pub initialized: bool,
    /// Whether the addressed node is sealed.
    #[serde(deserialize_with = "or_default")]
    pub sealed: bool,
    /// Shares that are needed.
    #[serde(deserialize_with = "or_default")]
    pub t: u64,
    /// Shares that there are.
    #[serde(deserialize_with = "or_default")]
    pub n: u64,
    /// Shares given so far.
    #[serde(deserialize_with = "or_default")]
    pub progress: u64,
    /// Ties the shares of one attempt together; empty while there is none.
    #[serde(deserialize_with = "or_default")]
    pub nonce: String,
    /// The API's version.
    #[serde(deserialize_with = "or_default")]
    pub version: String,
    /// RFC 3339.
    #[serde(deserialize_with = "or_default")]
    pub build_date: String,
    /// Whether a change of seal is under way.
    #[serde(deserialize_with = "or_default")]
    pub migration: bool,
    /// Absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Whether an auto-unseal device is used.
    #[serde(deserialize_with = "or_default")]
    pub recovery_seal: bool,
    /// Which store is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<String>,
    /// Type of the recovery seal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_seal_type: Option<String>,
    /// Hints for a human.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<String>>,
}

/// `GET sys/leader`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Leader {
    /// Whether there may be several nodes.
    #[serde(deserialize_with = "or_default")]
    pub ha_enabled: bool,
    /// Whether the addressed node is active.
    #[serde(deserialize_with = "or_default")]
    pub is_self: bool,
    /// RFC 3339; the year 1 if never.
    #[serde(deserialize_with = "or_default")]
    pub active_time: String,
    /// API address of the active node.
    #[serde(deserialize_with = "or_default")]
    pub leader_address: String,
    /// Its cluster address.
    #[serde(deserialize_with = "or_default")]
    pub leader_cluster_address: String,
    /// Whether it is a standby that answers reads.
    #[serde(deserialize_with = "or_default")]
    pub performance_standby: bool,
}

/// `GET sys/health`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Health {
    /// Whether there is a root key.
    #[serde(deserialize_with = "or_default")]
    pub initialized: bool,
    /// Whether the addressed node is sealed.
    #[serde(deserialize_with = "or_default")]
    pub sealed: bool,
    /// Whether it is a standby.
    #[serde(deserialize_with = "or_default")]
    pub standby: bool,
    /// Whether it is a standby that answers reads.
    #[serde(deserialize_with = "or_default")]
    pub performance_standby: bool,
    /// Unix seconds.
    #[serde(deserialize_with = "or_default")]
    pub server_time_utc: i64,
    /// The API's version.
    #[serde(deserialize_with = "or_default")]
    pub version: String,
    /// Absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
}

/// One entry of `GET sys/mounts` and `GET sys/auth`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Mount {
    /// Engine type.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// For a human.
    #[serde(deserialize_with = "or_default")]
    pub description: String,
    /// Stable handle.
    #[serde(deserialize_with = "or_default")]
    pub accessor: String,
    /// Whether it is kept from other clusters.
    #[serde(deserialize_with = "or_default")]
    pub local: bool,
    /// Whether the seal wraps its values.
    #[serde(deserialize_with = "or_default")]
    pub seal_wrap: bool,
    /// Whether it may use the seal's randomness.
    #[serde(deserialize_with = "or_default")]
    pub external_entropy_access: bool,
    /// Such as `version` of kv.
    pub options: Option<BTreeMap<String, String>>,
    /// Identity of the mount.
    #[serde(deserialize_with = "or_default")]
    pub uuid: String,
    /// The version that was asked for.
    #[serde(deserialize_with = "or_default")]
    pub plugin_version: String,
    /// The version that runs.
    #[serde(deserialize_with = "or_default")]
    pub running_plugin_version: String,
    /// Checksum of an external plugin.
    #[serde(deserialize_with = "or_default")]
    pub running_sha256: String,
    /// Such as `supported`.
    #[serde(deserialize_with = "or_default")]
    pub deprecation_status: String,
    /// What can be tuned.
    #[serde(deserialize_with = "or_default")]
    pub config: MountConfig,
}

/// What can be tuned of a mount.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct MountConfig {
    /// In seconds; zero inherits.
    #[serde(deserialize_with = "or_default")]
    pub default_lease_ttl: i64,
    /// In seconds; zero inherits.
    #[serde(deserialize_with = "or_default")]
    pub max_lease_ttl: i64,
    /// Whether caches are passed by.
    #[serde(deserialize_with = "or_default")]
    pub force_no_cache: bool,
    /// `unauth` or `hidden`.
    #[serde(deserialize_with = "or_default")]
    pub listing_visibility: String,
    /// Of an auth method: `default-service`, `service`, …
    #[serde(deserialize_with = "or_default")]
    pub token_type: String,
}

//! What is stored of second factors: methods, enforcements, secrets, and logins that wait.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::totp::Algorithm;
use crate::cidr::Cidr;

/// A way to prove oneself a second time: how its secrets are made. Changing it changes no secret that is there.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MethodEntry {
    pub(crate) v: u32,
    pub(crate) id: String,
    /// Empty for one without a name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) totp: TotpSettings,
    pub(crate) key_bytes: u32,
    /// The width of the picture of a code to scan, in pixels; zero for none.
    pub(crate) qr_pixels: u32,
    pub(crate) tries_max: u32,
    /// It is going: nothing uses it any more, and what hangs on it is being removed.
    #[serde(default)]
    pub(crate) is_removing: bool,
}

/// How codes are computed and compared (RFC 6238).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct TotpSettings {
    pub(crate) algorithm: Algorithm,
    pub(crate) digits: u32,
    pub(crate) period_secs: u64,
    /// How many periods a code may be early or late.
    pub(crate) skew: u64,
}

/// Whose logins need a second factor.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct EnforcementEntry {
    pub(crate) v: u32,
    pub(crate) id: String,
    pub(crate) name: String,
    /// Any of them will do.
    pub(crate) methods: Vec<MethodRef>,
    #[serde(default)]
    pub(crate) accessors: Vec<String>,
    #[serde(default)]
    pub(crate) types: Vec<String>,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default)]
    pub(crate) entities: Vec<String>,
}

/// A method, and the namespace that it is in: the enforcement's own or one above.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct MethodRef {
    pub(crate) namespace: String,
    pub(crate) id: String,
}

/// What an entity proves itself with. As its method was when it was made.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SecretEntry {
    pub(crate) v: u32,
    /// The namespace of the method.
    pub(crate) method_namespace: String,
    /// Base32.
    pub(crate) key: String,
    pub(crate) totp: TotpSettings,
}

/// What came of the codes of a secret. Goes with it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct TriesEntry {
    pub(crate) v: u32,
    /// The periods whose codes were used, as far as they could still come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) used: Vec<u64>,
    /// How many wrong codes came since `since`.
    #[serde(default)]
    pub(crate) failures: u32,
    /// Nanoseconds since 1970.
    #[serde(default)]
    pub(crate) since: i64,
}

/// That an enforcement uses a method.
#[derive(Serialize, Deserialize)]
pub(crate) struct UseEntry {
    pub(crate) v: u32,
}

/// A login that waits for its second factor: everything that its token is made of.
#[derive(Serialize, Deserialize)]
pub(crate) struct LoginEntry {
    pub(crate) v: u32,
    /// Nanoseconds since 1970.
    pub(crate) began: i64,
    pub(crate) expires: i64,
    /// The mount's UUID, its liveness as it was, and where it was.
    pub(crate) mount: String,
    pub(crate) liveness: u64,
    pub(crate) mount_path: String,
    pub(crate) path: String,
    pub(crate) is_batch: bool,
    pub(crate) policies: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) meta: Option<BTreeMap<String, String>>,
    pub(crate) display_name: String,
    pub(crate) num_uses: u64,
    pub(crate) ttl_secs: u64,
    pub(crate) explicit_max_ttl_secs: u64,
    pub(crate) period_secs: u64,
    pub(crate) entity_id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) bound_cidrs: Vec<Cidr>,
    /// What the login was decided from: keys in base64, and their revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) expected: Vec<(String, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

#[cfg(test)]
mod tests;

//! Replies of the API as clients read them: the envelope with its parts, and the error body.
//!
//! Reading is tolerant: unknown fields are ignored, and a field that is absent or `null` takes its empty value. No type
//! here has `Debug`, since nearly every one may carry a credential.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What nearly every successful call answers. The order of the fields is that of the command line's JSON output.
#[derive(Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Envelope {
    /// UUID of the request; empty in a wrapped reply.
    #[serde(deserialize_with = "or_default")]
    pub request_id: String,
    /// Empty if nothing is leased.
    #[serde(deserialize_with = "or_default")]
    pub lease_id: String,
    /// In seconds; zero if nothing is leased.
    #[serde(deserialize_with = "or_default")]
    pub lease_duration: i64,
    /// Whether the lease can be renewed.
    #[serde(deserialize_with = "or_default")]
    pub renewable: bool,
    /// What was asked for: an object for every endpoint of this API.
    pub data: Option<Value>,
    /// Hints for a human.
    pub warnings: Option<Vec<String>>,
    /// The answer to a login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Where to unwrap the reply, in place of everything above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_info: Option<WrapInfo>,
    /// Type of the mount that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_type: Option<String>,
}

/// The credential that a login or a token creation hands out.
#[derive(Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Auth {
    /// The token itself; empty while MFA is pending.
    #[serde(deserialize_with = "or_default")]
    pub client_token: String,
    /// Its handle; empty for batch tokens.
    #[serde(deserialize_with = "or_default")]
    pub accessor: String,
    /// All policies, of the token and of its identity.
    #[serde(deserialize_with = "or_default")]
    pub policies: Vec<String>,
    /// Policies of the token.
    #[serde(deserialize_with = "or_default")]
    pub token_policies: Vec<String>,
    /// Policies that come from the identity.
    #[serde(deserialize_with = "or_default")]
    pub identity_policies: Vec<String>,
    /// What the auth method tells about the caller.
    pub metadata: Option<BTreeMap<String, Value>>,
    /// Whether no other token is this one's parent.
    #[serde(deserialize_with = "or_default")]
    pub orphan: bool,
    /// Empty if there is none.
    #[serde(deserialize_with = "or_default")]
    pub entity_id: String,
    /// In seconds; zero for a root token.
    #[serde(deserialize_with = "or_default")]
    pub lease_duration: i64,
    /// Whether the token can be renewed.
    #[serde(deserialize_with = "or_default")]
    pub renewable: bool,
    /// `service` or `batch`.
    #[serde(deserialize_with = "or_default")]
    pub token_type: String,
    /// Uses left; zero is without limit.
    #[serde(deserialize_with = "or_default")]
    pub num_uses: i64,
    /// The second factor that is still to come, if any.
    pub mfa_requirement: Option<Value>,
}

/// Where a wrapped reply waits.
#[derive(Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct WrapInfo {
    /// The single-use token that unwraps it.
    #[serde(deserialize_with = "or_default")]
    pub token: String,
    /// Handle of that token.
    #[serde(deserialize_with = "or_default")]
    pub accessor: String,
    /// In seconds.
    #[serde(deserialize_with = "or_default")]
    pub ttl: i64,
    /// RFC 3339.
    #[serde(deserialize_with = "or_default")]
    pub creation_time: String,
    /// The path whose reply was wrapped.
    #[serde(deserialize_with = "or_default")]
    pub creation_path: String,
    /// Accessor of the wrapped token or secret-id; empty if it is neither.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub wrapped_accessor: String,
}

/// The body of a refusal. `errors` is always there, maybe empty.
#[derive(Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct ErrorBody {
    /// Texts for a human; programs match parts of them.
    #[serde(deserialize_with = "or_default")]
    pub errors: Vec<String>,
    /// Only from handlers that fail with data, such as a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Reads `null` as the empty value.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;

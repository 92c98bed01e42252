//! What is stored of the provider. Times are in nanoseconds since 1970.

use serde::{Deserialize, Serialize};

/// What an application may ask to be told.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::oidc) struct ScopeEntry {
    pub(in crate::oidc) v: u32,
    pub(in crate::oidc) template: String,
    pub(in crate::oidc) description: String,
}

/// Who may use an application: entities, and members of groups.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(in crate::oidc) struct AssignmentEntry {
    pub(in crate::oidc) v: u32,
    pub(in crate::oidc) entity_ids: Vec<String>,
    pub(in crate::oidc) group_ids: Vec<String>,
}

/// An application. Has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::oidc) struct ClientEntry {
    pub(in crate::oidc) v: u32,
    pub(in crate::oidc) client_id: String,
    /// Told to whoever may read the client; empty for a public one.
    pub(in crate::oidc) client_secret: String,
    pub(in crate::oidc) kind: ClientKind,
    pub(in crate::oidc) redirect_uris: Vec<String>,
    pub(in crate::oidc) assignments: Vec<String>,
    pub(in crate::oidc) key: String,
    pub(in crate::oidc) id_token_ttl_secs: u64,
    pub(in crate::oidc) access_token_ttl_secs: u64,
}

/// Whether an application can keep a secret (RFC 6749 §2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::oidc) enum ClientKind {
    /// It runs on a server.
    Confidential,
    /// It runs where everybody can look into it.
    Public,
}

/// Which client has an id.
#[derive(Serialize, Deserialize)]
pub(in crate::oidc) struct ClientIdEntry {
    pub(in crate::oidc) v: u32,
    pub(in crate::oidc) name: String,
}

/// An issuer, with the applications that may use it.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::oidc) struct ProviderEntry {
    pub(in crate::oidc) v: u32,
    /// Scheme, host and port; empty for the cluster's own address.
    pub(in crate::oidc) issuer: String,
    pub(in crate::oidc) allowed_client_ids: Vec<String>,
    pub(in crate::oidc) scopes_supported: Vec<String>,
}

/// What a code stands for. Stored under its keyed hash; used once, and kept a little longer, to know it again.
#[derive(Serialize, Deserialize)]
pub(in crate::oidc) struct CodeEntry {
    pub(in crate::oidc) v: u32,
    pub(in crate::oidc) provider: String,
    pub(in crate::oidc) client_id: String,
    pub(in crate::oidc) redirect_uri: String,
    pub(in crate::oidc) entity_id: String,
    pub(in crate::oidc) scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::oidc) nonce: Option<String>,
    /// When the person logged in, in seconds since 1970; only where the application asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::oidc) auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::oidc) challenge: Option<Challenge>,
    pub(in crate::oidc) expires: i64,
    /// Since somebody has brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::oidc) spent: Option<Spent>,
}

/// What is known of a code that was used.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(in crate::oidc) struct Spent {
    /// Until when the access token can be valid that it gave.
    pub(in crate::oidc) access_until: i64,
    /// Whether it came again, so that what it gave is worth nothing.
    pub(in crate::oidc) is_revoked: bool,
}

/// What whoever exchanges a code must know the origin of (RFC 7636).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::oidc) struct Challenge {
    pub(in crate::oidc) method: Method,
    pub(in crate::oidc) value: String,
}

/// How a challenge comes from its verifier (RFC 7636 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::oidc) enum Method {
    /// It is the verifier.
    #[serde(rename = "plain")]
    Plain,
    /// It is the verifier's SHA-256, base64url.
    S256,
}

impl ClientKind {
    /// The word that the API uses.
    pub(in crate::oidc) const fn name(self) -> &'static str {
        match self {
            Self::Confidential => "confidential",
            Self::Public => "public",
        }
    }
}

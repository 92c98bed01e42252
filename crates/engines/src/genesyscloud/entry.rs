//! What is stored, and where.

use framework::{Error, Stored, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The organization, and the client that the engine works with.
pub(super) const CONFIG: &str = "config";
/// Where roles are, below the mount's part of the storage.
pub(super) const ROLES: &str = "role/";
/// Where the clients are that roles share.
pub(super) const SHARED: &str = "shared/";
/// Where static roles are.
pub(super) const STATIC_ROLES: &str = "static-role/";
/// Which static role has a client that was there before.
pub(super) const STATIC_CLIENTS: &str = "static-client/";

/// The organization, and the client that the engine works with.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ConfigEntry {
    pub(super) v: u32,
    /// Empty where the URLs were written.
    pub(super) region: String,
    /// Without a slash at the end, as the next.
    pub(super) api_url: String,
    pub(super) login_url: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) retries_max: u32,
    /// For one call.
    pub(super) timeout_secs: u64,
    pub(super) name_prefix: String,
    /// While the engine's own secret is being replaced: the token that does it, so that it can be done again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) handover: Option<Handover>,
}

/// What a rotation of the engine's own secret leaves for whoever takes it up.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Handover {
    /// An access token of the engine's own client. It outlives the secret that it was got with.
    pub(super) token: String,
}

/// A role and the division that it counts in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleDivision {
    pub(super) role_id: String,
    /// `*` for all.
    #[serde(default = "all_divisions")]
    pub(super) division_id: String,
}

fn all_divisions() -> String {
    "*".to_owned()
}

/// What a client is made of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recipe {
    pub(super) role_divisions: Vec<RoleDivision>,
    /// How long its access tokens live.
    pub(super) validity_secs: u64,
    pub(super) description: String,
}

/// A role.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RoleEntry {
    pub(super) v: u32,
    pub(super) credential: Credential,
    pub(super) role_divisions: Vec<RoleDivision>,
    /// 0 is as long as the lease.
    pub(super) validity_secs: u64,
    pub(super) ttl_secs: u64,
    pub(super) max_ttl_secs: u64,
    pub(super) description: String,
}

/// What a role gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Credential {
    /// A client of the caller's own.
    #[default]
    Client,
    /// An access token of a client that the role shares.
    AccessToken,
}

impl Credential {
    /// The word that the API uses.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::AccessToken => "access_token",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        [Self::Client, Self::AccessToken]
            .into_iter()
            .find(|it| it.name() == text)
            .ok_or_else(|| Error::invalid("credential_type must be \"client\" or \"access_token\""))
    }
}

/// The client that a role shares, under `shared/<role>`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SharedEntry {
    pub(super) v: u32,
    /// The name that it was announced under.
    pub(super) name: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) recipe: Recipe,
}

/// A static role: one client, whose secret is rotated.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StaticEntry {
    pub(super) v: u32,
    pub(super) client_id: String,
    /// Empty until it was rotated for the first time.
    pub(super) client_secret: String,
    /// What the engine has made it of, and under which name. None for one that was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<Own>,
}

/// A client that a static role has made.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Own {
    pub(super) name: String,
    pub(super) recipe: Recipe,
}

/// Which static role has a client.
#[derive(Serialize, Deserialize)]
pub(super) struct StaticClientEntry {
    pub(super) v: u32,
    pub(super) role: String,
}

/// An entry, with what it was read from.
pub(super) async fn find<T: DeserializeOwned>(view: &View, place: &str) -> Result<Option<(T, Stored)>, Error> {
    let Some(stored) = view.get(place).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// The organization.
///
/// # Errors
/// [`Error::Invalid`] before it was written.
pub(super) async fn config(view: &View) -> Result<(ConfigEntry, Stored), Error> {
    find(view, CONFIG).await?.ok_or_else(|| Error::invalid("the engine is not configured yet: write config first"))
}

/// The storage name of something named, whose name is checked already.
pub(super) fn place(folder: &str, name: &str) -> String {
    [folder, name].concat()
}

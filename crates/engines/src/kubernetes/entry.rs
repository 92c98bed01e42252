//! What is stored of the cluster and of roles, and where.

use framework::terms::{OlderNames, TokenTerms};
use framework::{Error, Stored, View};
use serde::{Deserialize, Serialize};

/// The cluster.
pub(super) const CONFIG: &str = "config";
/// Where roles are, below the mount's part of the storage.
pub(super) const ROLES: &str = "role/";

/// The cluster that is asked.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ConfigEntry {
    pub(super) v: u32,
    /// URL, without a slash at its end.
    pub(super) host: String,
    /// PEM. Empty for that of this pod, or the system's.
    pub(super) ca_cert: String,
    /// Who asks. Empty for this pod's account, or the one that logs in.
    pub(super) reviewer_jwt: String,
    /// PEM. With any, a token's signature is checked before the cluster is asked.
    pub(super) pem_keys: Vec<String>,
    pub(super) issuer: String,
    pub(super) disables_issuer: bool,
    /// Whether this pod's own files are left alone.
    pub(super) disables_local: bool,
    pub(super) uses_annotations: bool,
}

/// A role.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct RoleEntry {
    pub(super) v: u32,
    /// Patterns with `*`.
    pub(super) names: Vec<String>,
    pub(super) namespaces: Vec<String>,
    /// JSON as it was written; empty for none.
    pub(super) namespace_selector: String,
    pub(super) audience: String,
    pub(super) alias_source: AliasSource,
    pub(super) terms: TokenTerms,
    /// Which settings were last written by their older names.
    pub(super) older_names: OlderNames,
}

/// By what an account is known here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AliasSource {
    /// Its id: one of the same name that is made later is another.
    #[default]
    Uid,
    /// Its namespace and name.
    Name,
}

impl AliasSource {
    /// The word that the API uses.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Uid => "serviceaccount_uid",
            Self::Name => "serviceaccount_name",
        }
    }
}

/// The storage name of a role, whose name is checked already.
pub(super) fn role_place(name: &str) -> String {
    [ROLES, name].concat()
}

/// A role, with the entry that it was read from.
pub(super) async fn find_role(view: &View, name: &str) -> Result<Option<(RoleEntry, Stored)>, Error> {
    let Some(stored) = view.get(&role_place(name)).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// The cluster, with the entry that it was read from.
pub(super) async fn find_config(view: &View) -> Result<Option<(ConfigEntry, Stored)>, Error> {
    let Some(stored) = view.get(CONFIG).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

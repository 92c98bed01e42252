//! What is stored: the configuration and the roles.

use std::collections::BTreeMap;

use framework::terms::{OlderNames, TokenTerms};
use framework::{Error, Stored, View};
use jose::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where the configuration is, below the mount's part of the storage.
pub(super) const CONFIG: &str = "config";
/// What a provider answers with unless the configuration says something else.
pub(super) const CODE: &str = "code";
/// Where roles are.
pub(super) const ROLES: &str = "role/";

/// Whose signatures count. Has no `Debug`: it holds the secret that the server proves itself to a provider with.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct ConfigEntry {
    pub(super) v: u32,
    pub(super) jwks_url: String,
    pub(super) jwks_ca_pem: String,
    pub(super) jwks_pairs: Vec<JwksPair>,
    pub(super) oidc_discovery_url: String,
    pub(super) oidc_discovery_ca_pem: String,
    pub(super) jwt_validation_pubkeys: Vec<String>,
    pub(super) bound_issuer: String,
    /// In lower case.
    pub(super) default_role: String,
    pub(super) jwt_supported_algs: Vec<Algorithm>,
    pub(super) oidc_client_id: String,
    pub(super) oidc_client_secret: String,
    pub(super) oidc_response_mode: String,
    pub(super) oidc_response_types: Vec<String>,
    pub(super) has_namespace_in_state: bool,
    pub(super) unsupported_critical_cert_extensions: Vec<String>,
    /// What states of logins in a browser are made and known by, hex: another one with each configuration.
    pub(super) state_key: String,
}

/// Keys at a URL, and whose word counts for the server there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JwksPair {
    pub(super) jwks_url: String,
    #[serde(default)]
    pub(super) jwks_ca_pem: String,
}

/// How one logs in for a role.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RoleType {
    /// With a token.
    Jwt,
    /// In a browser.
    Oidc,
}

/// How values of claims are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Matching {
    /// As they are.
    String,
    /// With `*` for anything.
    Glob,
}

/// Who takes what the provider gives a browser.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CallbackMode {
    /// The client, which brings it here.
    #[default]
    Client,
    /// This server, which the client asks meanwhile whether the login is finished.
    Direct,
}

/// A role. Times in seconds; of the leeways 0 stands for the usual and less than 0 for none.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RoleEntry {
    pub(super) v: u32,
    pub(super) role_type: RoleType,
    pub(super) user_claim: String,
    pub(super) is_user_claim_pointer: bool,
    pub(super) bound_audiences: Vec<String>,
    pub(super) bound_subject: String,
    pub(super) bound_claims: Map<String, Value>,
    pub(super) bound_claims_type: Matching,
    pub(super) claim_mappings: BTreeMap<String, String>,
    pub(super) groups_claim: String,
    pub(super) expiration_leeway: i64,
    pub(super) not_before_leeway: i64,
    pub(super) clock_skew_leeway: i64,
    pub(super) allowed_redirect_uris: Vec<String>,
    pub(super) oidc_scopes: Vec<String>,
    pub(super) is_verbose: bool,
    pub(super) max_age_secs: u64,
    #[serde(default)]
    pub(super) callback_mode: CallbackMode,
    /// Whether a browser that comes here by itself is asked nothing first.
    #[serde(default)]
    pub(super) is_unconfirmed: bool,
    /// How long clients are told to wait between two questions; 0 for the usual.
    #[serde(default)]
    pub(super) poll_secs: u64,
    pub(super) terms: TokenTerms,
    /// Which settings were last written by their older names: those show them too (documented Vault behavior).
    pub(super) older_names: OlderNames,
}

impl RoleEntry {
    /// A role as it is before anything is said of it.
    pub(super) fn new() -> Self {
        Self {
            v: 1,
            role_type: RoleType::Oidc,
            user_claim: String::new(),
            is_user_claim_pointer: false,
            bound_audiences: Vec::new(),
            bound_subject: String::new(),
            bound_claims: Map::new(),
            bound_claims_type: Matching::String,
            claim_mappings: BTreeMap::new(),
            groups_claim: String::new(),
            expiration_leeway: 0,
            not_before_leeway: 0,
            clock_skew_leeway: 0,
            allowed_redirect_uris: Vec::new(),
            oidc_scopes: Vec::new(),
            is_verbose: false,
            max_age_secs: 0,
            callback_mode: CallbackMode::Client,
            is_unconfirmed: false,
            poll_secs: 0,
            terms: TokenTerms::default(),
            older_names: OlderNames::default(),
        }
    }
}

impl ConfigEntry {
    /// Whether a provider is to answer with a code, and not with an identity token alone.
    pub(super) fn asks_for_code(&self) -> bool {
        self.oidc_response_types.is_empty() || self.oidc_response_types.iter().any(|it| it == CODE)
    }
}

/// The storage name of a role, whose name is checked already.
pub(super) fn role_place(name: &str) -> String {
    [ROLES, name].concat()
}

/// The configuration, with the entry that it was read from.
pub(super) async fn find_config(view: &View) -> Result<Option<(ConfigEntry, Stored)>, Error> {
    let Some(stored) = view.get(CONFIG).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// A role, with the entry that it was read from.
pub(super) async fn find_role(view: &View, name: &str) -> Result<Option<(RoleEntry, Stored)>, Error> {
    let Some(stored) = view.get(&role_place(name)).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

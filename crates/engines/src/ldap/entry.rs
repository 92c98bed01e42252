//! What is stored of a mount, and where.

use framework::terms::TokenTerms;
use framework::{Error, Stored, View};
use serde::{Deserialize, Serialize};

/// The settings of the mount.
pub(super) const CONFIG: &str = "config";
/// Where users are, below the mount's part of the storage.
pub(super) const USERS: &str = "user/";
/// Where groups are.
pub(super) const GROUPS: &str = "group/";

/// How the directory is asked. What is empty is not set.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ConfigEntry {
    pub(super) v: u32,
    /// With commas where there are several.
    pub(super) url: String,
    pub(super) user_dn: String,
    pub(super) user_attr: String,
    pub(super) user_filter: String,
    pub(super) upn_domain: String,
    pub(super) bind_dn: String,
    pub(super) bind_password: String,
    pub(super) discovers_dn: bool,
    pub(super) has_anonymous_group_search: bool,
    pub(super) group_dn: String,
    pub(super) group_filter: String,
    pub(super) group_attr: String,
    pub(super) has_username_as_alias: bool,
    pub(super) denies_null_bind: bool,
    pub(super) starts_tls: bool,
    pub(super) is_insecure: bool,
    /// PEM.
    pub(super) certificate: String,
    /// PEM.
    pub(super) client_cert: String,
    /// PEM.
    pub(super) client_key: String,
    pub(super) tls_min_version: String,
    pub(super) tls_max_version: String,
    pub(super) request_timeout_secs: u64,
    pub(super) connection_timeout_secs: u64,
    pub(super) has_case_sensitive_names: bool,
    pub(super) uses_token_groups: bool,
    /// 0 and below ask for all at once.
    pub(super) max_page_size: i64,
    pub(super) dereference_aliases: String,
    pub(super) terms: TokenTerms,
}

/// A user of the directory, as far as something is mapped to them.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct UserEntry {
    pub(super) v: u32,
    pub(super) groups: Vec<String>,
    pub(super) policies: Vec<String>,
}

/// A group of the directory, or one that is known here alone.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct GroupEntry {
    pub(super) v: u32,
    pub(super) policies: Vec<String>,
}

impl Default for ConfigEntry {
    /// What a mount has before anything is said (documented Vault behavior).
    fn default() -> Self {
        Self {
            v: 1,
            url: "ldap://127.0.0.1".to_owned(),
            user_dn: String::new(),
            user_attr: "cn".to_owned(),
            user_filter: "({{.UserAttr}}={{.Username}})".to_owned(),
            upn_domain: String::new(),
            bind_dn: String::new(),
            bind_password: String::new(),
            discovers_dn: false,
            has_anonymous_group_search: false,
            group_dn: String::new(),
            group_filter: "(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))".to_owned(),
            group_attr: "cn".to_owned(),
            has_username_as_alias: false,
            denies_null_bind: true,
            starts_tls: false,
            is_insecure: false,
            certificate: String::new(),
            client_cert: String::new(),
            client_key: String::new(),
            tls_min_version: "tls12".to_owned(),
            tls_max_version: "tls12".to_owned(),
            request_timeout_secs: 90,
            connection_timeout_secs: 30,
            has_case_sensitive_names: false,
            uses_token_groups: false,
            max_page_size: 0,
            dereference_aliases: "never".to_owned(),
            terms: TokenTerms::default(),
        }
    }
}

/// The settings, with the entry that they were read from; none before they are written.
pub(super) async fn config(view: &View) -> Result<Option<(ConfigEntry, Stored)>, Error> {
    let Some(stored) = view.get(CONFIG).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// The storage name of a user.
pub(super) fn user_place(name: &str) -> String {
    [USERS, name].concat()
}

/// The storage name of a group.
pub(super) fn group_place(name: &str) -> String {
    [GROUPS, name].concat()
}

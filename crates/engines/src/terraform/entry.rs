//! What is stored of the configuration and of roles, what is noted of intents and leases, and where.

use api::Timestamp;
use framework::{Error, Stored, View};
use serde::{Deserialize, Serialize};

/// Where the configuration is.
pub(super) const CONFIG: &str = "config";
/// Where roles are, below the mount's part of the storage.
pub(super) const ROLES: &str = "role/";

/// How the API is asked.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ConfigEntry {
    pub(super) v: u32,
    /// Empty as long as none was written.
    pub(super) token: String,
    /// Known after the first rotation; empty for a token that was written by hand.
    pub(super) token_id: String,
    /// URL without a slash at its end.
    pub(super) address: String,
    /// Begins and ends with a slash.
    pub(super) base_path: String,
    /// How long a rotated root token lives; zero for as long as it is not rotated again.
    pub(super) explicit_max_ttl_secs: u64,
    /// Whose the token is, after the first rotation.
    pub(super) owner: Option<Owner>,
    pub(super) rotated: Option<Timestamp>,
}

/// A role.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct RoleEntry {
    pub(super) v: u32,
    /// Empty for none, as the two below.
    pub(super) organization: String,
    pub(super) team_id: String,
    pub(super) user_id: String,
    /// The type as it was written; none where it follows from the owner.
    pub(super) written_type: Option<TokenType>,
    pub(super) description: String,
    pub(super) ttl_secs: u64,
    pub(super) max_ttl_secs: u64,
    /// The token of an owner who has one alone.
    pub(super) single: Option<SingleToken>,
    /// Since when somebody makes that token anew after a request that did not come to its end.
    pub(super) resumed: Option<Timestamp>,
}

/// The token of an owner who has one alone.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SingleToken {
    pub(super) owner: Owner,
    pub(super) token: String,
    pub(super) token_id: String,
}

/// The four types of tokens, by the words of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenType {
    User,
    Organization,
    Team,
    TeamLegacy,
}

/// Whose a token is: the name of an organization, or the id of a team or user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Owner {
    User(String),
    /// It has one token.
    Organization(String),
    /// It has many, told apart by their descriptions.
    Team(String),
    /// The one that it has without a description.
    TeamLegacy(String),
}

/// What is noted before a token of a user or team is made.
#[derive(Serialize, Deserialize)]
pub(super) struct LentNote {
    pub(super) v: u32,
    pub(super) owner: Owner,
    /// Where to look for a team's token, if the role says so.
    pub(super) organization: String,
    /// No other token has it.
    pub(super) description: String,
}

/// What is kept of a lease.
#[derive(Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) v: u32,
    pub(super) token_id: String,
    pub(super) role: String,
    pub(super) owner: Owner,
    /// When the token ends by itself.
    pub(super) ends: Timestamp,
}

/// What is noted before the one token of an owner is replaced.
#[derive(Serialize, Deserialize)]
pub(super) struct SingleNote {
    pub(super) v: u32,
    pub(super) owner: Owner,
    pub(super) role: String,
    /// The id of the token that is there before; empty for none.
    pub(super) before: String,
}

/// What is noted before the root token is replaced.
#[derive(Serialize, Deserialize)]
pub(super) struct RootNote {
    pub(super) v: u32,
    pub(super) owner: Owner,
    pub(super) description: String,
    /// The id of the token that it replaces; empty when it is not known.
    pub(super) retires: String,
}

impl TokenType {
    /// The word that the API uses.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
            Self::Team => "team",
            Self::TeamLegacy => "team_legacy",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Organization, Self::Team, Self::TeamLegacy].into_iter().find(|it| it.name() == text)
    }

    /// Whether an owner has one token of the type alone.
    pub(super) const fn is_single(self) -> bool {
        matches!(self, Self::Organization | Self::TeamLegacy)
    }
}

impl Owner {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::User(id) | Self::Organization(id) | Self::Team(id) | Self::TeamLegacy(id) => id,
        }
    }
}

impl RoleEntry {
    /// The type as it was written, else as it follows from the owner. A team that is named with its organization is meant.
    pub(super) fn token_type(&self) -> TokenType {
        let inferred = match self {
            Self { user_id, .. } if !user_id.is_empty() => TokenType::User,
            Self { team_id, .. } if !team_id.is_empty() => TokenType::TeamLegacy,
            _ => TokenType::Organization,
        };
        self.written_type.unwrap_or(inferred)
    }

    pub(super) fn owner(&self) -> Owner {
        match self.token_type() {
            TokenType::User => Owner::User(self.user_id.clone()),
            TokenType::Organization => Owner::Organization(self.organization.clone()),
            TokenType::Team => Owner::Team(self.team_id.clone()),
            TokenType::TeamLegacy => Owner::TeamLegacy(self.team_id.clone()),
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

/// A role that has to be there.
pub(super) async fn known_role(view: &View, name: &str) -> Result<(RoleEntry, Stored), Error> {
    find_role(view, name).await?.ok_or_else(|| Error::Invalid(format!("role \"{name}\" not found").into()))
}

/// The configuration, with the entry that it was read from.
pub(super) async fn find_config(view: &View) -> Result<Option<(ConfigEntry, Stored)>, Error> {
    let Some(stored) = view.get(CONFIG).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// The configuration, which has to hold a token.
pub(super) async fn known_config(view: &View) -> Result<(ConfigEntry, Stored), Error> {
    let found = find_config(view).await?.filter(|(config, _)| !config.token.is_empty());
    found.ok_or_else(|| Error::invalid("missing API token: write one to config"))
}

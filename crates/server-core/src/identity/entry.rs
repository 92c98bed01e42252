//! What is stored of entities, groups and aliases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Free texts by name.
pub(crate) type Texts = BTreeMap<String, String>;

/// Somebody. The liveness of the aliases and memberships.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct EntityEntry {
    pub(crate) v: u32,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: EntityState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Texts>,
    /// Sorted, without doubles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) policies: Vec<String>,
    #[serde(default)]
    pub(crate) is_disabled: bool,
    /// Nanoseconds since 1970.
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// Whether an entity may be used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub(crate) enum EntityState {
    Live,
    /// Refused; what hangs on it goes.
    Removing,
    /// Stands for another one already; what hangs on it is being moved there.
    Merging {
        into: String,
        /// Of two aliases at one mount, the ones that stay.
        keep: Vec<String>,
    },
    /// Stands for another one.
    Merged {
        into: String,
    },
}

/// Some entities and groups. The liveness of its members.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct GroupEntry {
    pub(crate) v: u32,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) is_removing: bool,
    pub(crate) kind: GroupKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Texts>,
    /// Sorted, without doubles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) policies: Vec<String>,
    /// The alias of an external group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alias: Option<String>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    /// How often it was written.
    pub(crate) writes: u64,
}

/// Who says who is in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupKind {
    /// Whoever manages identities.
    Internal,
    /// An auth method, at each login and renewal.
    External,
}

/// The name by which an auth method knows an entity or a group.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AliasEntry {
    pub(crate) v: u32,
    pub(crate) id: String,
    /// The entity or the group.
    pub(crate) canonical_id: String,
    pub(crate) name: String,
    pub(crate) mount_accessor: String,
    /// What the auth method says of it, written anew by each login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Texts>,
    /// What whoever manages identities says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom_metadata: Option<Texts>,
    /// The entities that it belonged to, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) merged_from: Vec<String>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// Whose name it is, with the name as it is spelled.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NameEntry {
    pub(crate) v: u32,
    pub(crate) id: String,
    pub(crate) name: String,
}

/// That an entity is in a group.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MemberEntry {
    pub(crate) v: u32,
    /// The accessor of the mount whose logins say so; none where somebody has put it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) via: Option<String>,
}

impl EntityEntry {
    pub(crate) fn is_live(&self) -> bool {
        self.state == EntityState::Live
    }

    /// The entity that it stands for.
    pub(crate) fn stands_for(&self) -> Option<&str> {
        match &self.state {
            EntityState::Merging { into, .. } | EntityState::Merged { into } => Some(into),
            EntityState::Live | EntityState::Removing => None,
        }
    }
}

impl GroupKind {
    /// The word that the API uses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

//! What is stored of a namespace.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which namespace is at a path. Changes with its metadata, and once when it is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AtEntry {
    pub(crate) v: u32,
    pub(crate) id: String,
    /// Deleted, and not yet cleared away: nothing is answered in it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_removing: bool,
    #[serde(default)]
    pub(crate) custom_metadata: BTreeMap<String, String>,
}

/// A namespace's liveness: it lives while this is there. Never changed, so that whatever expects it at a revision is
/// refused from the moment at which the namespace is deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LiveEntry {
    pub(crate) v: u32,
    pub(crate) state: String,
    /// From the root namespace, `/` at its end; empty for the root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) path: String,
}

/// A namespace that is being cleared away; takes the place of [`LiveEntry`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RemovingEntry {
    pub(crate) v: u32,
    pub(crate) path: String,
}

/// That a namespace is locked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LockEntry {
    pub(crate) v: u32,
    /// SHA-256 of the key that unlocks it, hexadecimal. The key is random, so that nothing slower is needed.
    pub(crate) key_hash: String,
}

impl LiveEntry {
    pub(crate) fn at(path: &str) -> Self {
        Self { v: 1, state: "live".to_owned(), path: path.to_owned() }
    }
}

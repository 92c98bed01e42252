//! What is stored of a user, and where.

use framework::terms::{OlderNames, TokenTerms};
use framework::{Error, Stored, View};
use serde::{Deserialize, Serialize};

/// Where users are, below the mount's part of the storage.
pub(super) const FOLDER: &str = "user/";

/// A user.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct UserEntry {
    pub(super) v: u32,
    /// bcrypt, 60 characters.
    pub(super) hash: String,
    pub(super) terms: TokenTerms,
    /// Which settings were last written by their older names: those show them too (documented Vault behavior).
    pub(super) older_names: OlderNames,
}

impl UserEntry {
    pub(super) fn new(hash: String) -> Self {
        Self { v: 1, hash, terms: TokenTerms::default(), older_names: OlderNames::default() }
    }
}

/// The storage name of a user, whose name is folded already.
pub(super) fn place(username: &str) -> String {
    [FOLDER, username].concat()
}

/// A user, with the entry that it was read from.
pub(super) async fn find(view: &View, username: &str) -> Result<Option<(UserEntry, Stored)>, Error> {
    let Some(stored) = view.get(&place(username)).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

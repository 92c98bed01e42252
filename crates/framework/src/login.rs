//! Logins: who an auth method has found somebody to be, and what token they are to get.
//!
//! A handler of a row without authentication answers with a [`Login`]; the core finds the entity behind it and makes the
//! token before the reply leaves. When the token is renewed, the engine is asked again, with what it noted then. An
//! engine never sees the token, and its note must not hold what somebody proved themselves with.

use std::collections::BTreeMap;
use std::fmt;

use barrier::{Barrier, Changes, Opened};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use storage::{Expectation, Key, READ_KEYS_MAX, Revision};

use crate::error::Error;
use crate::lease::note;
use crate::terms::TokenTerms;
use crate::view::{View, ViewChanges, from_barrier, from_commit};

/// Somebody who has proven who they are. `Debug` shows neither the note nor the metadata.
pub struct Login {
    /// The name by which the method knows them, and their entity is found; none for nobody in particular.
    pub alias: Option<Alias>,
    /// What the method says of their groups; none when it knows nothing of groups. External groups that have one of these
    /// names as their alias at the mount take them in, all other external groups of the mount let them go.
    pub groups: Option<Vec<String>>,
    /// Shown by lookups and audit records, behind the mount's path.
    pub display_name: String,
    /// Kept with the token.
    pub metadata: BTreeMap<String, String>,
    /// What the token is given.
    pub terms: TokenTerms,
    /// What the engine is told at a renewal.
    pub note: Box<RawValue>,
    /// Entries that have to be as they were read when the token is made: what the login was decided from.
    pub expected: Vec<(Key, Revision)>,
    /// The role that the login was for, as the row [tells it](crate::Path::role); none where logins have no roles.
    pub role: Option<String>,
    /// What the login costs, such as one use of what was shown: see [`with_changes`](Self::with_changes).
    pub changes: Changes,
}

/// A name at a mount.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alias {
    /// Compared without case.
    pub name: String,
    /// What the method says of them, for templates in policies; none leaves what is known.
    pub metadata: Option<BTreeMap<String, String>>,
}

impl Login {
    /// Somebody known by this name, whose token is as the terms say. `data` is what the engine needs at a renewal.
    ///
    /// # Errors
    /// When the data does not encode, or is longer than [`LEASE_DATA_BYTES_MAX`](crate::lease::LEASE_DATA_BYTES_MAX).
    pub fn new<T: Serialize>(name: &str, terms: TokenTerms, data: &T) -> Result<Self, Error> {
        Ok(Self {
            alias: Some(Alias { name: name.to_owned(), metadata: None }),
            groups: None,
            display_name: name.to_owned(),
            metadata: BTreeMap::new(),
            terms,
            note: note(data)?,
            expected: Vec::new(),
            role: None,
            changes: Changes::new(),
        })
    }

    /// Tells of groups, of all that they are in: an empty list takes them out of what earlier logins have put them into.
    /// A mount that ever tells of groups tells of them at each login.
    #[must_use]
    pub fn in_groups(mut self, groups: Vec<String>) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Says which role the login was for, so that quotas can count its tokens.
    #[must_use]
    pub fn with_role(mut self, name: &str) -> Self {
        self.role = Some(name.to_owned());
        self
    }

    /// Keeps a text with the token.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: &str) -> Self {
        self.metadata.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The token is made only if this entry of the mount's is still as it was read: so nobody logs in with what was
    /// changed or removed meanwhile.
    ///
    /// # Errors
    /// When the name is too long.
    pub fn decided_from(mut self, view: &View, name: &str, read: &Opened) -> Result<Self, Error> {
        self.expected.push((view.key(name)?, read.revision));
        Ok(self)
    }

    /// These changes are made together with the token, or not at all: a login that is refused in the end, for whatever
    /// reason, takes no use, and one that gets a token has taken it. Where something else was faster the handler is
    /// called again.
    ///
    /// # Errors
    /// When a name in them is too long.
    pub fn with_changes(mut self, changes: ViewChanges<'_>) -> Result<Self, Error> {
        self.changes = changes.into_changes()?;
        Ok(self)
    }
}

/// Makes the changes of a login whose token is not stored, if everything is as it was expected; where nothing is to be
/// changed, it only looks. Gives the entries that are not as they were expected: with any of them, nothing was changed.
///
/// # Errors
/// When the storage fails.
pub async fn confirm(
    barrier: &Barrier,
    expected: Vec<(Key, Revision)>,
    mut changes: Changes,
) -> Result<Vec<Key>, Error> {
    if changes.is_empty() {
        let mut moved = Vec::new();
        for expected in expected.chunks(READ_KEYS_MAX) {
            let keys: Vec<_> = expected.iter().map(|(key, _)| key.clone()).collect();
            let found = barrier.revisions(&keys).await.map_err(from_barrier)?;
            let others = expected.iter().zip(found).filter(|((_, expected), found)| *found != Some(*expected));
            moved.extend(others.map(|((key, _), _)| key.clone()));
        }
        return Ok(moved);
    }
    for (key, revision) in expected {
        changes.expect(Expectation::At(key, revision));
    }
    match barrier.commit(changes).await {
        Ok(_) => Ok(Vec::new()),
        Err(barrier::CommitError::Conflict(keys)) => Ok(keys),
        Err(error) => Err(from_commit(error)),
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("alias", &self.alias).field("terms", &self.terms).finish_non_exhaustive()
    }
}

/// What an engine says of a token that is renewed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renewed {
    /// What the token is given now.
    pub terms: TokenTerms,
    /// As [`Login::groups`]; none leaves them as they are.
    pub groups: Option<Vec<String>>,
}

impl From<TokenTerms> for Renewed {
    fn from(terms: TokenTerms) -> Self {
        Self { terms, groups: None }
    }
}

/// A token of a login that is to be renewed.
pub struct Renewing {
    note: Box<RawValue>,
    /// The policies that the login gave it, `default` included if it was added.
    pub policies: Vec<String>,
}

impl Renewing {
    /// What was noted, and the token's own policies.
    #[must_use]
    pub fn new(note: Box<RawValue>, policies: Vec<String>) -> Self {
        Self { note, policies }
    }

    /// What the engine noted at the login.
    ///
    /// # Errors
    /// [`Error::World`] when it does not decode: it is damaged or newer than this release.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.note.get()).map_err(|source| Error::world("decode what is kept of a login", source))
    }
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").field("policies", &self.policies).finish_non_exhaustive()
    }
}

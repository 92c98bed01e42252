//! What KV version 2 stores: the mount's settings, and of each secret its history. The objects themselves are stored
//! as text, each version under a key of its own.
//!
//! # Which revision a version's data has
//! All keys of one commit get the same revision, and the commit that stores a version's data also writes the history.
//! So a record without a revision means: the revision that this history entry itself has. Whoever loads a history
//! fills that in before it writes it again. That is how old data is removed with the right expectation and without
//! being read first.

use std::collections::BTreeMap;
use std::time::Duration;

use api::Timestamp;
use framework::view::{Revision, Stored, StoredTime, View, from_stored, to_stored};
use framework::{Error, field::SignedNanos};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{REMOVALS_MAX, VERSIONS_DEFAULT, VERSIONS_MAX};
use crate::secrets::SecretPath;

/// Where the mount's settings are.
pub(super) const CONFIG: &str = "config";
/// The start of every history's name.
pub(super) const HISTORIES: &str = "meta/";

/// The number of the stored form: a later release that changes it reads this one too.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
struct Format1;

/// Settings that the mount and each secret have; a zero or false says nothing.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub max_versions: u32,
    pub cas_required: bool,
    /// Nanoseconds; below zero switches it off.
    pub delete_after: i64,
}

/// The mount's settings as stored.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Config {
    v: Format1,
    pub settings: Settings,
}

/// The history of one secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct History {
    v: Format1,
    pub created: StoredTime,
    pub updated: StoredTime,
    /// The latest version, deleted or not; zero before the first.
    pub current: u64,
    /// The first version that is still known; zero as long as none has gone.
    pub oldest: u64,
    pub settings: Settings,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, String>,
    /// In ascending order, at most [`VERSIONS_MAX`] and those that one commit could not remove.
    pub versions: Vec<Version>,
}

/// One version of a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    #[serde(rename = "n")]
    pub number: u64,
    pub created: StoredTime,
    /// When it is deleted, or was: it may lie in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<StoredTime>,
    /// Its data is gone for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub destroyed: bool,
    /// Of its data; see the module's notes.
    #[serde(default, rename = "rev", skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
}

/// A version alone as the API shows it. The order of the fields is that of the alphabet, as in every reply.
#[derive(Serialize)]
pub(super) struct ShownVersion<'a> {
    created_time: Timestamp,
    custom_metadata: Option<&'a BTreeMap<String, String>>,
    /// Empty when it has none.
    deletion_time: String,
    destroyed: bool,
    version: u64,
}

/// A history as it was read.
pub(super) struct Found {
    pub history: History,
    /// Of the history's entry.
    pub revision: Revision,
}

impl From<Format1> for u8 {
    fn from(_: Format1) -> Self {
        1
    }
}

impl TryFrom<u8> for Format1 {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        if number == 1 { Ok(Self) } else { Err(format!("stored form {number} is not known to this release")) }
    }
}

impl Settings {
    /// As the API shows them.
    pub(super) fn show(&self) -> Value {
        json!({
            "max_versions": self.max_versions,
            "cas_required": self.cas_required,
            "delete_version_after": api::duration::format_signed(self.delete_after),
        })
    }

    /// Sets how many versions to keep.
    ///
    /// # Errors
    /// [`Error::Invalid`] past [`VERSIONS_MAX`].
    pub(super) fn set_max_versions(&mut self, count: u32) -> Result<(), Error> {
        if count > VERSIONS_MAX {
            return Err(Error::Invalid(format!("max_versions must be from 0 to {VERSIONS_MAX}").into()));
        }
        self.max_versions = count;
        Ok(())
    }

    /// Sets after how long a version is deleted; everything below zero is the same.
    pub(super) fn set_delete_after(&mut self, after: SignedNanos) {
        const OFF: i64 = -1_000_000_000;
        self.delete_after = if after.0 < 0 { OFF } else { after.0 };
    }
}

impl Config {
    /// How many versions a secret with these settings keeps: its own word, then the mount's, then the default.
    pub(super) fn versions_kept(&self, own: &Settings) -> usize {
        let settings = [own.max_versions, self.settings.max_versions];
        let kept = settings.into_iter().find(|count| *count > 0).unwrap_or(VERSIONS_DEFAULT);
        kept.min(VERSIONS_MAX) as usize
    }

    /// After how long a new version is deleted: the shorter of both words, nothing if either switches it off.
    pub(super) fn delete_after(&self, own: &Settings) -> Option<Duration> {
        let settings = [own.delete_after, self.settings.delete_after];
        if settings.iter().any(|nanos| *nanos < 0) {
            return None;
        }
        let shortest = settings.into_iter().filter(|nanos| *nanos > 0).min()?;
        Some(Duration::from_nanos(shortest.unsigned_abs()))
    }
}

impl History {
    /// Of a secret without versions.
    pub(super) fn new(now: Timestamp) -> Self {
        let now = to_stored(now);
        Self {
            v: Format1,
            created: now,
            updated: now,
            current: 0,
            oldest: 0,
            settings: Settings::default(),
            custom: BTreeMap::new(),
            versions: Vec::new(),
        }
    }

    /// What is known of a version.
    pub(super) fn version(&self, number: u64) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// Adds a version, whose data the same commit must store.
    pub(super) fn add_version(&mut self, now: Timestamp, delete_after: Option<Duration>) -> &Version {
        let at = self.versions.len();
        self.current += 1;
        self.updated = to_stored(now);
        let deleted = delete_after.map(|after| to_stored(now.plus(after)));
        let version =
            Version { number: self.current, created: self.updated, deleted, destroyed: false, revision: None };
        self.versions.push(version);
        &self.versions[at]
    }

    /// Drops the oldest records, as many as are too many and one commit can remove the data of; gives them back.
    pub(super) fn trim(&mut self, kept: usize) -> Vec<Version> {
        let surplus = self.versions.len().saturating_sub(kept).min(REMOVALS_MAX);
        let dropped: Vec<_> = self.versions.drain(..surplus).collect();
        if let Some(first) = self.versions.first()
            && !dropped.is_empty()
        {
            self.oldest = first.number;
        }
        dropped
    }

    /// As the API shows custom metadata: null when there is none.
    pub(super) fn show_custom(&self) -> Value {
        if self.custom.is_empty() { Value::Null } else { json!(self.custom) }
    }
}

impl Version {
    /// Whether there is nothing to read any more, or at the moment.
    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        self.destroyed || self.deleted.is_some_and(|deleted| from_stored(deleted) <= now)
    }

    /// Whether its data is still stored.
    pub(super) fn has_data(&self) -> bool {
        !self.destroyed
    }

    /// As the API shows it among others.
    pub(super) fn show(&self) -> Value {
        json!({
            "created_time": from_stored(self.created),
            "deletion_time": self.show_deleted(),
            "destroyed": self.destroyed,
        })
    }

    /// As the API shows it alone, with what belongs to the secret.
    pub(super) fn show_alone<'a>(&self, history: &'a History) -> ShownVersion<'a> {
        ShownVersion {
            created_time: from_stored(self.created),
            custom_metadata: Some(&history.custom).filter(|custom| !custom.is_empty()),
            deletion_time: self.show_deleted(),
            destroyed: self.destroyed,
            version: self.number,
        }
    }

    fn show_deleted(&self) -> String {
        self.deleted.map_or_else(String::new, |deleted| from_stored(deleted).to_string())
    }
}

/// The name of a secret's history.
pub(super) fn history_name(path: &SecretPath) -> String {
    format!("{HISTORIES}{}", path.as_str())
}

/// The name of a version's data. Paths hold no NUL, so no secret's name continues another's.
pub(super) fn data_name(path: &SecretPath, number: u64) -> String {
    format!("{}{number:016x}", data_prefix(path))
}

fn data_prefix(path: &SecretPath) -> String {
    format!("data/{}\0", path.as_str())
}

/// The history of a secret.
///
/// # Errors
/// When the storage fails or the entry does not decode.
pub(super) async fn load(view: &View, path: &SecretPath) -> Result<Option<Found>, Error> {
    view.get(&history_name(path)).await?.map(|stored| decode(&stored)).transpose()
}

/// The mount's settings and the history of a secret, in one read.
///
/// # Errors
/// As [`load`].
pub(super) async fn load_with_config(view: &View, path: &SecretPath) -> Result<(Config, Option<Found>), Error> {
    let [config, history] = view.get_all([CONFIG, &history_name(path)]).await?;
    let config = config.map(|stored| stored.json()).transpose()?.unwrap_or_default();
    Ok((config, history.map(|stored| decode(&stored)).transpose()?))
}

fn decode(stored: &Stored) -> Result<Found, Error> {
    let (mut history, revision): (History, _) = (stored.json()?, stored.revision());
    for version in &mut history.versions {
        version.revision.get_or_insert(revision.0);
    }
    Ok(Found { history, revision })
}

/// The data entries of one secret, for commits that remove some.
pub(super) enum DataRevisions {
    /// As the history's records say.
    Recorded,
    /// As the store says, by name: after a conflict, since a store that was restored from a copy has other revisions
    /// than the ones recorded.
    Stored(BTreeMap<String, Revision>),
}

impl DataRevisions {
    /// For the given attempt of a commit: the first one believes the records.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) async fn for_attempt(number: usize, view: &View, path: &SecretPath) -> Result<Self, Error> {
        if number == 0 {
            return Ok(Self::Recorded);
        }
        // Twice what a secret can have, so that a stray entry is seen too.
        let page = view.page(&data_prefix(path), 2 * VERSIONS_MAX as usize).await?;
        Ok(Self::Stored(page.into_iter().collect()))
    }

    /// What stands under the name of a version that is yet to be made. That is nothing, but for an entry that nobody
    /// knows of any more, which the new version then replaces.
    pub(super) fn stray(&self, name: &str) -> Option<Revision> {
        match self {
            Self::Recorded => None,
            Self::Stored(revisions) => revisions.get(name).copied(),
        }
    }

    /// Which revision a version's data has; `None` when it is not stored.
    pub(super) fn of(&self, version: &Version, name: &str) -> Option<Revision> {
        match self {
            Self::Recorded if version.has_data() => version.revision.map(Revision),
            Self::Recorded => None,
            Self::Stored(revisions) => revisions.get(name).copied(),
        }
    }
}

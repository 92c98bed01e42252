//! What KV version 2 stores: the mount's settings, and of each secret its history. The objects themselves are stored
//! as text, each version under a key of its own.
//!
//! A history entry holds counters, settings and the newest records; older records are in pages ([`super::page`]), so
//! that no entry grows with the number of versions.
//!
//! # Which revision a version's data has
//! All keys of one commit get the same revision, and the commit that stores a version's data also writes the history.
//! So a record without a revision means: the revision that this history entry itself has. Whoever loads a history
//! fills that in before it writes it again. That is how old data is removed with the right expectation and without
//! being read first.
//!
//! # Generations
//! A history draws a random generation when it is made, which is part of the names of its data and pages. So a secret
//! can be made anew while what an earlier one of its name has left behind is still being swept.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use api::Timestamp;
use framework::view::{Revision, Stored, StoredTime, View, from_stored, to_stored};
use framework::{Context, Error, field::SignedNanos};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::marks::Account;
use super::page::{INLINE_RECORDS_MAX, PAGE_RECORDS, Page};
use super::{VERSIONS_DEFAULT, VERSIONS_MAX};
use crate::secrets::SecretPath;

/// Where the mount's settings are.
pub(super) const CONFIG: &str = "config";
/// The start of every history's name.
pub(super) const HISTORIES: &str = "meta/";

/// The number of a stored form: a later release that changes it takes the next one and reads this one too.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub(super) struct Format<const N: u8>;

/// Settings that the mount and each secret have; a zero or false says nothing.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub max_versions: u32,
    pub cas_required: bool,
    /// The same for what is known of a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub metadata_cas_required: bool,
    /// Nanoseconds; below zero switches it off, which only a mount's can be.
    pub delete_after: i64,
}

/// The mount's settings as stored.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Config {
    v: Format<1>,
    pub settings: Settings,
}

/// The history of one secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct History {
    v: Format<2>,
    /// 16 hexadecimal digits; empty for a history that the first stored form has left.
    #[serde(rename = "g")]
    pub generation: String,
    pub created: StoredTime,
    /// When the latest version was made.
    pub updated: StoredTime,
    /// The latest version, deleted or not; zero before the first.
    pub current: u64,
    /// The first version that is still known; zero as long as none has gone.
    pub oldest: u64,
    /// The first version whose data may still be stored though it has gone: a line in the due index sweeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep_from: Option<u64>,
    pub settings: Settings,
    /// How often settings or custom metadata were written.
    #[serde(default, rename = "mv", skip_serializing_if = "is_zero")]
    pub metadata_version: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, String>,
    /// Its fingerprints; see [`super::marks`].
    #[serde(default, rename = "f", skip_serializing_if = "Account::is_empty")]
    pub marks: Account,
    /// Of the newest versions, in ascending order without a gap; the last is that of `current`. Older ones are in
    /// pages.
    pub records: Vec<Record>,
}

/// What is known of one version; its number follows from its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "StoredRecord", into = "StoredRecord")]
pub(super) struct Record {
    pub created: StoredTime,
    /// When it is deleted, or was: it may lie in the future.
    pub deleted: Option<StoredTime>,
    pub state: State,
    /// Of its data; see the module's notes. None as well when there is no data any more.
    pub revision: Option<u64>,
}

/// As an array, because there are many of them and a read decodes those of its secret.
type StoredRecord = (StoredTime, Option<StoredTime>, State, Option<u64>);

/// What has happened to a version.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub(super) enum State {
    /// Nothing; but its deletion time counts as soon as it has come.
    #[default]
    Live,
    /// It is deleted, whatever the clock says now.
    Deleted,
    /// Its data is gone for good.
    Destroyed,
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
#[derive(Clone)]
pub(super) struct Found {
    pub history: History,
    /// Of the history's entry.
    pub revision: Revision,
    /// Whether it has to be written, whatever becomes of its records.
    pub is_changed: bool,
}

impl<const N: u8> From<Format<N>> for u8 {
    fn from(_: Format<N>) -> Self {
        N
    }
}

impl<const N: u8> TryFrom<u8> for Format<N> {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        if number == N { Ok(Self) } else { Err(format!("stored form {number} is not known to this release")) }
    }
}

impl From<StoredRecord> for Record {
    fn from((created, deleted, state, revision): StoredRecord) -> Self {
        Self { created, deleted, state, revision }
    }
}

impl From<Record> for StoredRecord {
    fn from(record: Record) -> Self {
        (record.created, record.deleted, record.state, record.revision)
    }
}

impl From<State> for u8 {
    fn from(state: State) -> Self {
        match state {
            State::Live => 0,
            State::Deleted => 1,
            State::Destroyed => 2,
        }
    }
}

impl TryFrom<u8> for State {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Live),
            1 => Ok(Self::Deleted),
            2 => Ok(Self::Destroyed),
            number => Err(format!("state {number} of a version is not known to this release")),
        }
    }
}

impl Settings {
    /// As the API shows them.
    pub(super) fn show(&self) -> Map<String, Value> {
        Map::from_iter([
            ("max_versions".to_owned(), json!(self.max_versions)),
            ("cas_required".to_owned(), json!(self.cas_required)),
            ("metadata_cas_required".to_owned(), json!(self.metadata_cas_required)),
            ("delete_version_after".to_owned(), json!(api::duration::format_signed(self.delete_after))),
        ])
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
    /// How many versions a secret with these settings keeps: the larger of its own number and the mount's, or the
    /// default when neither is set (Vault's behavior).
    pub(super) fn versions_kept(&self, own: &Settings) -> u64 {
        let larger = own.max_versions.max(self.settings.max_versions);
        let kept = if larger == 0 { VERSIONS_DEFAULT } else { larger };
        kept.min(VERSIONS_MAX).into()
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
    pub(super) fn new(context: &Context) -> Self {
        let now = to_stored(context.now());
        Self {
            v: Format,
            generation: draw_generation(context),
            created: now,
            updated: now,
            current: 0,
            oldest: 0,
            sweep_from: None,
            settings: Settings::default(),
            metadata_version: 0,
            custom: BTreeMap::new(),
            marks: Account::default(),
            records: Vec::new(),
        }
    }

    /// The versions that are known.
    pub(super) fn known(&self) -> Range<u64> {
        self.oldest.max(1)..self.current + 1
    }

    /// The first version whose record is in the entry itself; one more than the latest if none is.
    pub(super) fn inline_from(&self) -> u64 {
        // A page holds few records, so the conversion is exact.
        (self.current + 1).saturating_sub(self.records.len() as u64)
    }

    /// The record of a version in the entry itself.
    pub(super) fn record(&self, number: u64) -> Option<&Record> {
        let index = number.checked_sub(self.inline_from())?;
        self.records.get(usize::try_from(index).ok()?)
    }

    /// The same, to be changed.
    pub(super) fn record_mut(&mut self, number: u64) -> Option<&mut Record> {
        let index = number.checked_sub(self.inline_from())?;
        self.records.get_mut(usize::try_from(index).ok()?)
    }

    /// Adds a version, whose data the same commit must store.
    pub(super) fn add_version(&mut self, now: Timestamp, delete_after: Option<Duration>) -> Record {
        self.current += 1;
        self.updated = to_stored(now);
        if self.current == 1 && self.metadata_version == 0 {
            // The history is made for this version: clients compare the two times.
            self.created = self.updated;
        }
        let deleted = delete_after.map(|after| to_stored(now.plus(after)));
        let record = Record { created: self.updated, deleted, state: State::Live, revision: None };
        self.records.push(record);
        record
    }

    /// Lets all but the newest versions go; gives the numbers of those that have gone.
    pub(super) fn trim(&mut self, kept: u64) -> Range<u64> {
        let before = self.known();
        let first = (self.current + 1).saturating_sub(kept);
        if first <= before.start {
            return before.start..before.start;
        }
        let surplus = usize::try_from(first.saturating_sub(self.inline_from())).unwrap_or(usize::MAX);
        self.records.drain(..surplus.min(self.records.len()));
        self.oldest = first;
        before.start..first
    }

    /// Takes the oldest records out when there are many, for a page that the same commit must store.
    pub(super) fn spill(&mut self) -> Option<(u64, Page)> {
        if self.records.len() <= INLINE_RECORDS_MAX {
            return None;
        }
        let first = self.inline_from();
        let number = first / PAGE_RECORDS;
        let count = usize::try_from((number + 1) * PAGE_RECORDS - first).unwrap_or(usize::MAX);
        let records = self.records.drain(..count.min(self.records.len())).collect();
        Some((number, Page::new(first, records)))
    }

    /// As the API shows custom metadata: null when there is none.
    pub(super) fn show_custom(&self) -> Value {
        if self.custom.is_empty() { Value::Null } else { json!(self.custom) }
    }

    /// A version as the API shows it alone, with what belongs to the secret.
    pub(super) fn show_alone(&self, number: u64, record: &Record) -> ShownVersion<'_> {
        ShownVersion {
            created_time: from_stored(record.created),
            custom_metadata: Some(&self.custom).filter(|custom| !custom.is_empty()),
            deletion_time: record.show_deleted(),
            destroyed: record.state == State::Destroyed,
            version: number,
        }
    }
}

impl Record {
    /// Whether there is nothing to read any more, or at the moment.
    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        self.state != State::Live || self.deleted.is_some_and(|deleted| from_stored(deleted) <= now)
    }

    /// As the API shows a deletion time.
    pub(super) fn show_deleted(&self) -> String {
        self.deleted.map_or_else(String::new, |deleted| from_stored(deleted).to_string())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Its first bit is set, so that no name with a generation lies among the names without one, which begin with the
/// number of a version.
fn draw_generation(context: &Context) -> String {
    const FIRST_BIT: u64 = 1 << 63;
    format!("{:016x}", u64::from_be_bytes(context.env.random()) | FIRST_BIT)
}

/// The name of a secret's history.
pub(super) fn history_name(path: &SecretPath) -> String {
    [HISTORIES, path.as_str()].concat()
}

/// The name of a version's data. Paths hold no NUL, so no secret's name continues another's.
pub(super) fn data_name(path: &SecretPath, generation: &str, number: u64) -> String {
    format!("data/{}\0{generation}{number:016x}", path.as_str())
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

/// A history in either stored form.
pub(super) fn decode(stored: &Stored) -> Result<Found, Error> {
    let revision = stored.revision();
    let mut history = match stored.json::<History>() {
        Ok(history) => history,
        Err(newer) => stored.json::<first_form::History>().map_err(|_| newer)?.into(),
    };
    for record in history.records.iter_mut().filter(|record| record.state != State::Destroyed) {
        record.revision.get_or_insert(revision.0);
    }
    history.marks.was_read_at(revision);
    Ok(Found { history, revision, is_changed: false })
}

/// The first stored form: all records in one entry, at most 128 and those that one commit could not remove.
mod first_form {
    use super::{Account, BTreeMap, Deserialize, Format, Record, Settings, State, StoredTime};

    #[derive(Deserialize)]
    pub(super) struct History {
        #[expect(dead_code, reason = "decoding it is what refuses other forms")]
        v: Format<1>,
        created: StoredTime,
        updated: StoredTime,
        current: u64,
        oldest: u64,
        settings: Settings,
        #[serde(default)]
        custom: BTreeMap<String, String>,
        versions: Vec<Version>,
    }

    #[derive(Deserialize)]
    struct Version {
        created: StoredTime,
        deleted: Option<StoredTime>,
        #[serde(default)]
        destroyed: bool,
        rev: Option<u64>,
    }

    impl From<History> for super::History {
        fn from(stored: History) -> Self {
            Self {
                v: Format,
                generation: String::new(),
                created: stored.created,
                updated: stored.updated,
                current: stored.current,
                oldest: stored.oldest,
                sweep_from: None,
                settings: stored.settings,
                metadata_version: 0,
                custom: stored.custom,
                marks: Account::default(),
                records: stored.versions.into_iter().map(Record::from).collect(),
            }
        }
    }

    impl From<Version> for Record {
        fn from(stored: Version) -> Self {
            let state = if stored.destroyed { State::Destroyed } else { State::Live };
            let revision = stored.rev.filter(|_| !stored.destroyed);
            Self { created: stored.created, deleted: stored.deleted, state, revision }
        }
    }
}

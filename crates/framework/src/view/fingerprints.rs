//! Fingerprints: lines that say at which paths a value is held, without saying what it is, so that whoever has found
//! a value somewhere it should not be can ask whose it is.
//!
//! A line is an entry under a keyed hash of the value, outside the mount's own part of the storage, since the question
//! is asked of a whole namespace: one page of keys answers it, however many secrets and mounts there are. It is made
//! and removed in the same commits as the value. There must never be one for a value that is not held: only the
//! engine knows when the last version with it goes, so it keeps account of its lines.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use storage::{Key, Revision};

use super::{View, ViewChanges};
use crate::error::Error;

/// The shortest value that has a fingerprint, in characters: what is shorter can be guessed, and is found everywhere.
pub const VALUE_CHARS_MIN: usize = 16;
/// The most values of one object that have a fingerprint: those that come first in the order of its keys. Each is an
/// entry of its own, and all go into one commit.
pub const VALUES_MAX: usize = 24;

/// Spells the fingerprints of a mount. The core knows how; views carry it.
pub trait Fingerprints: Send + Sync {
    /// The keyed hash of a value, as text without `/` and `:`.
    ///
    /// # Errors
    /// [`Error::Sealed`] when the key is gone.
    fn hash(&self, value: &str) -> Result<String, Error>;

    /// The key of the line that says that the value with this hash is at `path`, which is behind the mount path and
    /// is where it can be read.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the path is too long.
    fn key(&self, hash: &str, path: &str) -> Result<Key, Error>;

    /// Whether the mount has new lines made. Those that are there are removed all the same.
    fn is_on(&self) -> bool;
}

impl View {
    /// The same with fingerprints, spelled by `fingerprints`.
    #[must_use]
    pub fn with_fingerprints(mut self, fingerprints: std::sync::Arc<dyn Fingerprints>) -> Self {
        self.fingerprints = Some(fingerprints);
        self
    }

    /// Whether lines are made for what is written.
    #[must_use]
    pub fn makes_fingerprints(&self) -> bool {
        self.fingerprints.as_ref().is_some_and(|it| it.is_on())
    }

    /// The hashes of the values in an object that have a fingerprint, each once, in no particular order; nothing where
    /// there are none. At most [`VALUES_MAX`].
    ///
    /// # Errors
    /// As [`Fingerprints::hash`].
    pub fn hashes_of(&self, object: &Map<String, Value>) -> Result<Vec<String>, Error> {
        let Some(fingerprints) = &self.fingerprints else { return Ok(Vec::new()) };
        let mut values = BTreeSet::new();
        // A stack and no recursion: whatever the object's depth is.
        let mut rest: Vec<&Value> = object.values().rev().collect();
        while let Some(value) = rest.pop() {
            match value {
                Value::String(text) if values.len() < VALUES_MAX && is_long_enough(text) => {
                    values.insert(text.as_str());
                }
                Value::Array(items) => rest.extend(items.iter().rev()),
                Value::Object(inner) => rest.extend(inner.values().rev()),
                _ => {}
            }
        }
        values.into_iter().map(|value| fingerprints.hash(value)).collect()
    }

    /// Which of these lines are there, in the order asked for: for those who have lost count.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn stored_fingerprints(&self, hashes: &[String], path: &str) -> Result<Vec<Option<Revision>>, Error> {
        let keys = hashes.iter().map(|hash| self.fingerprint_key(hash, path)).collect::<Result<Vec<_>, _>>()?;
        let mut revisions = Vec::with_capacity(keys.len());
        for keys in keys.chunks(storage::READ_KEYS_MAX) {
            let found = self.barrier.read(keys).await.map_err(super::from_barrier)?;
            revisions.extend(found.into_iter().map(|found| found.map(|it| it.revision)));
        }
        Ok(revisions)
    }

    fn fingerprint_key(&self, hash: &str, path: &str) -> Result<Key, Error> {
        let fingerprints = self.fingerprints.as_ref();
        fingerprints.ok_or_else(|| Error::world("note a fingerprint", "this view has none"))?.key(hash, path)
    }
}

impl ViewChanges<'_> {
    /// Notes that the value with this hash is at `path`: over `known` if the line is there, else where none is.
    #[must_use]
    pub fn note_fingerprint(self, hash: &str, path: &str, known: Option<Revision>) -> Self {
        let key = self.view.fingerprint_key(hash, path);
        self.with_key(key, |changes, key| changes.set(key, known, Vec::new()))
    }

    /// Notes that it is there no more.
    #[must_use]
    pub fn forget_fingerprint(self, hash: &str, path: &str, revision: Revision) -> Self {
        let key = self.view.fingerprint_key(hash, path);
        self.with_key(key, |changes, key| changes.delete(key, revision))
    }
}

/// Whether a value is one that has a fingerprint.
#[must_use]
pub fn is_long_enough(value: &str) -> bool {
    value.len() >= VALUE_CHARS_MIN && value.chars().nth(VALUE_CHARS_MIN - 1).is_some()
}

#[cfg(test)]
mod tests;

//! Time-driven work of an engine: lines of the due index that it puts there in the same commit as what they are about,
//! and takes away in the same commit as what it did about them.
//!
//! A line is a promise to look again, nothing more: whoever is called decides from what is stored then. So a line may
//! come too often, or for something that has gone, but never not at all.

use std::fmt;
use std::sync::Arc;

use api::Timestamp;
use secret::SecretBytes;
use serde::de::DeserializeOwned;
use storage::{Key, Revision};

use super::{StoredTime, View, ViewChanges, to_stored};
use crate::error::Error;

/// Spells the key of a line for a time and an id. The core knows how; views carry it.
pub type DueKey = Arc<dyn Fn(StoredTime, &str) -> Result<Key, Error> + Send + Sync>;

/// A line whose time has come.
pub struct Due {
    key: Key,
    revision: Revision,
    note: SecretBytes,
}

impl Due {
    /// The line under a key, as it was read.
    #[must_use]
    pub fn new(key: Key, revision: Revision, note: SecretBytes) -> Self {
        Self { key, revision, note }
    }

    /// What the engine left for itself.
    ///
    /// # Errors
    /// [`Error::World`] when it does not decode: the line is damaged or newer than this release.
    pub fn note<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.note.expose())
            .map_err(|source| Error::world("decode a line of the due index", source))
    }
}

impl fmt::Debug for Due {
    /// Without the note, which may say what a secret is called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Due").field("key", &self.key).field("revision", &self.revision).finish_non_exhaustive()
    }
}

impl View {
    /// The same with lines in the due index, whose keys `key` spells.
    #[must_use]
    pub fn with_due(mut self, key: DueKey) -> Self {
        self.due = Some(key);
        self
    }

    /// The line that a commit of `revision` put under a time and an id, for whoever does the work at once and takes
    /// the line away again.
    ///
    /// # Errors
    /// As [`ViewChanges::due`].
    pub fn promised(&self, at: Timestamp, id: &str, revision: Revision) -> Result<Due, Error> {
        Ok(Due::new(self.due_key(at, id)?, revision, SecretBytes::new(Vec::new())))
    }

    fn due_key(&self, at: Timestamp, id: &str) -> Result<Key, Error> {
        let key = self.due.as_ref().ok_or_else(|| Error::world("put off work", "this view has no due index"))?;
        key(to_stored(at), id)
    }
}

impl ViewChanges<'_> {
    /// Promises to look again at `at`: the engine's hook is then called with the note, which is JSON. `id` is a short
    /// text without `/`, random enough that no other line of the mount has the same at that time.
    ///
    /// The commit fails when the view has no due index: what belongs to a token has none.
    #[must_use]
    pub fn due(mut self, at: Timestamp, id: &str, note: impl Into<SecretBytes>) -> Self {
        match self.view.due_key(at, id) {
            Ok(key) => {
                self.changes.create(key, note);
            }
            Err(error) => self.failed = Some(error),
        }
        self
    }

    /// Takes a line away: what it was about is done with these changes. The commit conflicts when somebody else was
    /// faster.
    #[must_use]
    pub fn done(mut self, due: &Due) -> Self {
        self.changes.delete(due.key.clone(), due.revision);
        self
    }
}

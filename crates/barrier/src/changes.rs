//! What goes into one commit, in plaintext.

use secret::SecretBytes;
use storage::{BATCH_BYTES_MAX, CommitId, EXPECTATIONS_MAX, Expectation, Key, Revision, WRITES_MAX};

use crate::entry::OVERHEAD_BYTES;

/// Expectations and plaintext writes that go through together or not at all; the barrier seals the values.
///
/// The rules are those of [`storage::Batch`]; [`fits`](Self::fits) tells whether one more write would break a bound,
/// so that a sweep can fill its commits.
#[derive(Debug, Default, Clone)]
pub struct Changes {
    pub(crate) id: Option<CommitId>,
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) writes: Vec<Change>,
    bytes: usize,
}

/// One write of a commit.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put(Key, SecretBytes),
    PutFresh(Key, SecretBytes),
    Delete(Key),
}

impl Change {
    /// Whether a value is stored by it.
    pub(crate) const fn has_value(&self) -> bool {
        !matches!(self, Self::Delete(_))
    }
}

impl Changes {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the attempt, for a caller that stores the id elsewhere first; otherwise it is drawn at random.
    pub fn identify(&mut self, id: CommitId) -> &mut Self {
        self.id = Some(id);
        self
    }

    /// Stores a value under a key that must be absent.
    pub fn create(&mut self, key: Key, value: impl Into<SecretBytes>) -> &mut Self {
        self.expect(Expectation::Absent(key.clone()));
        self.put(key, value)
    }

    /// Stores a value under a key that must be at `revision`.
    pub fn replace(&mut self, key: Key, revision: Revision, value: impl Into<SecretBytes>) -> &mut Self {
        self.expect(Expectation::At(key.clone(), revision));
        self.put(key, value)
    }

    /// Stores a value under a key as a read found it: absent, or at its revision.
    pub fn set(&mut self, key: Key, found: Option<Revision>, value: impl Into<SecretBytes>) -> &mut Self {
        match found {
            Some(revision) => self.replace(key, revision, value),
            None => self.create(key, value),
        }
    }

    /// Removes a key that must be at `revision`.
    pub fn delete(&mut self, key: Key, revision: Revision) -> &mut Self {
        self.expect(Expectation::At(key.clone(), revision));
        self.bytes += key.as_bytes().len();
        self.writes.push(Change::Delete(key));
        self
    }

    /// Stores a value under a key that is fresh and random (at least 96 bits of it), so that nothing can be there.
    pub fn put_fresh(&mut self, key: Key, value: impl Into<SecretBytes>) -> &mut Self {
        let value = value.into();
        self.bytes += stored_bytes(&key, &value);
        self.writes.push(Change::PutFresh(key, value));
        self
    }

    /// Stores a value under a key that an expectation already names, or that lies in a range expected to be empty.
    pub fn put(&mut self, key: Key, value: impl Into<SecretBytes>) -> &mut Self {
        let value = value.into();
        self.bytes += stored_bytes(&key, &value);
        self.writes.push(Change::Put(key, value));
        self
    }

    /// Expects something without writing it.
    pub fn expect(&mut self, expectation: Expectation) -> &mut Self {
        self.bytes += expectation_bytes(&expectation);
        self.expectations.push(expectation);
        self
    }

    /// Takes everything of others in. No key may be in both.
    pub fn append(&mut self, others: Self) -> &mut Self {
        self.bytes += others.bytes;
        self.expectations.extend(others.expectations);
        self.writes.extend(others.writes);
        self
    }

    /// Whether nothing would be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether a key would be written or removed.
    #[must_use]
    pub fn writes_key(&self, key: &Key) -> bool {
        self.writes.iter().any(|change| match change {
            Change::Put(written, _) | Change::PutFresh(written, _) | Change::Delete(written) => written == key,
        })
    }

    /// How many keys would be written, at most [`WRITES_MAX`] in a commit.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.writes.len()
    }

    /// How many expectations there are, at most [`EXPECTATIONS_MAX`] in a commit.
    #[must_use]
    pub fn expectations(&self) -> usize {
        self.expectations.len()
    }

    /// What the commit will take in the store, sealed, in bytes; at most [`BATCH_BYTES_MAX`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether one more expected write of `key` stays within all bounds; `value_bytes` is the length of its plaintext,
    /// `None` for a removal.
    #[must_use]
    pub fn fits(&self, key: &Key, value_bytes: Option<usize>) -> bool {
        let more = 2 * key.as_bytes().len() + value_bytes.map_or(0, |bytes| bytes + OVERHEAD_BYTES);
        self.writes.len() < WRITES_MAX
            && self.expectations.len() < EXPECTATIONS_MAX
            && self.bytes + more <= BATCH_BYTES_MAX
    }
}

fn stored_bytes(key: &Key, value: &SecretBytes) -> usize {
    key.as_bytes().len() + value.expose().len() + OVERHEAD_BYTES
}

fn expectation_bytes(expectation: &Expectation) -> usize {
    match expectation {
        Expectation::Absent(key) | Expectation::At(key, _) => key.as_bytes().len(),
        Expectation::NoneIn(range) => {
            range.start.as_bytes().len() + range.end.as_ref().map_or(0, |end| end.as_bytes().len())
        }
    }
}

#[cfg(test)]
mod tests;

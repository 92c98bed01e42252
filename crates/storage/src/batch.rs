//! What goes into one commit, and the rules that every store enforces on it.

use std::collections::HashSet;

use bytes::Bytes;

use crate::{BATCH_BYTES_MAX, CommitId, EXPECTATIONS_MAX, Key, KeyRange, Revision, VALUE_BYTES_MAX, WRITES_MAX};

/// What must hold for a commit to go through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expectation {
    /// The key is not there.
    Absent(Key),
    /// The key is there, and was last written by this revision.
    At(Key, Revision),
    /// No key of the range is there.
    NoneIn(KeyRange),
}

/// One change of a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// Stores a value under a key that an expectation names.
    Put(Key, Bytes),
    /// Stores a value under a key that is fresh and random (at least 96 bits of it), so that nothing can be there but
    /// this very batch, sent before: that is a conflict like any other.
    PutFresh(Key, Bytes),
    /// Removes a key that an expectation names.
    Delete(Key),
}

/// Expectations and writes that go through together or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Names this attempt; the same for every retry of it.
    pub id: CommitId,
    /// All must hold.
    pub expectations: Vec<Expectation>,
    /// All are made.
    pub writes: Vec<Write>,
}

/// Which rule a batch breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Nothing to write.
    #[error("batch has no write")]
    Empty,
    /// More than [`EXPECTATIONS_MAX`].
    #[error("batch has {0} expectations, the most is {EXPECTATIONS_MAX}")]
    TooManyExpectations(usize),
    /// More than [`WRITES_MAX`].
    #[error("batch has {0} writes, the most is {WRITES_MAX}")]
    TooManyWrites(usize),
    /// More than [`BATCH_BYTES_MAX`] in all.
    #[error("batch has {0} bytes of keys and values, the most is {BATCH_BYTES_MAX}")]
    TooLarge(usize),
    /// A value longer than [`VALUE_BYTES_MAX`].
    #[error("value of {key:?} has {bytes} bytes, the most is {VALUE_BYTES_MAX}")]
    ValueTooLarge {
        /// Whose value.
        key: Key,
        /// Its length.
        bytes: usize,
    },
    /// A key written twice, or expected twice.
    #[error("batch names {0:?} twice")]
    Twice(Key),
    /// A write without an expectation on its key.
    #[error("batch writes {0:?} without expecting anything of it")]
    Blind(Key),
}

impl Write {
    /// The written key.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(key, _) | Self::PutFresh(key, _) | Self::Delete(key) => key,
        }
    }

    /// The stored value; `None` for a removal.
    #[must_use]
    pub fn value(&self) -> Option<&Bytes> {
        match self {
            Self::Put(_, value) | Self::PutFresh(_, value) => Some(value),
            Self::Delete(_) => None,
        }
    }
}

impl Expectation {
    /// The one key that this is about; `None` for a range.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Absent(key) | Self::At(key, _) => Some(key),
            Self::NoneIn(_) => None,
        }
    }
}

impl Batch {
    /// An empty batch to be filled.
    #[must_use]
    pub fn new(id: CommitId) -> Self {
        Self { id, expectations: Vec::new(), writes: Vec::new() }
    }

    /// Stores a value under a key that must be absent.
    #[must_use]
    pub fn create(mut self, key: Key, value: impl Into<Bytes>) -> Self {
        self.expectations.push(Expectation::Absent(key.clone()));
        self.writes.push(Write::Put(key, value.into()));
        self
    }

    /// Stores a value under a key that must be at `revision`.
    #[must_use]
    pub fn replace(mut self, key: Key, revision: Revision, value: impl Into<Bytes>) -> Self {
        self.expectations.push(Expectation::At(key.clone(), revision));
        self.writes.push(Write::Put(key, value.into()));
        self
    }

    /// Removes a key that must be at `revision`.
    #[must_use]
    pub fn delete(mut self, key: Key, revision: Revision) -> Self {
        self.expectations.push(Expectation::At(key.clone(), revision));
        self.writes.push(Write::Delete(key));
        self
    }

    /// Expects something without writing it.
    #[must_use]
    pub fn expect(mut self, expectation: Expectation) -> Self {
        self.expectations.push(expectation);
        self
    }

    /// The rules: something to write, within all bounds, each key at most once, no blind write.
    ///
    /// # Errors
    /// The first rule found broken.
    pub fn check(&self) -> Result<(), BatchError> {
        self.check_counts()?;
        let mut expected = HashSet::new();
        for key in self.expectations.iter().filter_map(Expectation::key) {
            if !expected.insert(key) {
                return Err(BatchError::Twice(key.clone()));
            }
        }
        let mut written = HashSet::new();
        for write in &self.writes {
            let key = write.key();
            if !written.insert(key) {
                return Err(BatchError::Twice(key.clone()));
            }
            let is_fresh = matches!(write, Write::PutFresh(..));
            if !is_fresh && !expected.contains(key) && !self.is_in_empty_range(key) {
                return Err(BatchError::Blind(key.clone()));
            }
        }
        Ok(())
    }

    /// The keys that are not as expected, in the order of the expectations, fresh keys that are already there last.
    /// `revision` says what a store holds under a key, `first` which key it holds first in a range.
    ///
    /// # Errors
    /// What `revision` or `first` says.
    pub fn conflicts<E>(
        &self,
        mut revision: impl FnMut(&Key) -> Result<Option<Revision>, E>,
        mut first: impl FnMut(&KeyRange) -> Result<Option<Key>, E>,
    ) -> Result<Vec<Key>, E> {
        let mut keys = Vec::new();
        for expectation in &self.expectations {
            match expectation {
                Expectation::Absent(key) if revision(key)?.is_some() => keys.push(key.clone()),
                Expectation::At(key, at) if revision(key)? != Some(*at) => keys.push(key.clone()),
                Expectation::NoneIn(range) => keys.extend(first(range)?),
                Expectation::Absent(_) | Expectation::At(..) => {}
            }
        }
        for write in &self.writes {
            if let Write::PutFresh(key, _) = write
                && revision(key)?.is_some()
            {
                keys.push(key.clone());
            }
        }
        Ok(keys)
    }

    fn check_counts(&self) -> Result<(), BatchError> {
        if self.writes.is_empty() {
            return Err(BatchError::Empty);
        }
        if self.expectations.len() > EXPECTATIONS_MAX {
            return Err(BatchError::TooManyExpectations(self.expectations.len()));
        }
        if self.writes.len() > WRITES_MAX {
            return Err(BatchError::TooManyWrites(self.writes.len()));
        }
        for write in &self.writes {
            let bytes = write.value().map_or(0, Bytes::len);
            if bytes > VALUE_BYTES_MAX {
                return Err(BatchError::ValueTooLarge { key: write.key().clone(), bytes });
            }
        }
        match self.bytes() {
            bytes if bytes > BATCH_BYTES_MAX => Err(BatchError::TooLarge(bytes)),
            _ => Ok(()),
        }
    }

    /// What the batch takes on the way to a store: all keys and values.
    fn bytes(&self) -> usize {
        let expected: usize = self.expectations.iter().map(expectation_bytes).sum();
        let written: usize =
            self.writes.iter().map(|write| write.key().as_bytes().len() + write.value().map_or(0, Bytes::len)).sum();
        expected + written
    }

    fn is_in_empty_range(&self, key: &Key) -> bool {
        self.expectations.iter().any(|it| matches!(it, Expectation::NoneIn(range) if range.contains(key)))
    }
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

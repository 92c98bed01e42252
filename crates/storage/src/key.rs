//! Keys and ranges of keys.

use std::fmt;

use bytes::Bytes;

use crate::KEY_BYTES_MAX;

/// Where an entry is stored: 1 to [`KEY_BYTES_MAX`] bytes, ordered bytewise. Readable to the storage's operator.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Bytes);

/// Why some bytes cannot be a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No byte at all.
    #[error("key is empty")]
    Empty,
    /// More than [`KEY_BYTES_MAX`].
    #[error("key has {0} bytes, the most is {KEY_BYTES_MAX}")]
    TooLong(usize),
}

impl Key {
    /// A key of these bytes.
    ///
    /// # Errors
    /// When there are none or more than [`KEY_BYTES_MAX`].
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, KeyError> {
        let bytes = bytes.into();
        match bytes.len() {
            0 => Err(KeyError::Empty),
            length if length > KEY_BYTES_MAX => Err(KeyError::TooLong(length)),
            _ => Ok(Self(bytes)),
        }
    }

    /// A key known when the program is written.
    ///
    /// # Panics
    /// When the text is empty or too long, which the first test to run will show.
    #[must_use]
    pub const fn constant(text: &'static str) -> Self {
        assert!(!text.is_empty() && text.len() <= KEY_BYTES_MAX);
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// This key with `rest` behind it.
    ///
    /// # Errors
    /// When the whole is longer than [`KEY_BYTES_MAX`].
    pub fn join(&self, rest: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::new([self.as_bytes(), rest.as_ref()].concat())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, shared.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The smallest key greater than this one. At full length the last byte is raised instead of one appended, so
    /// that the result is a key too.
    #[must_use]
    pub fn successor(&self) -> Option<Self> {
        if self.0.len() < KEY_BYTES_MAX {
            Some(Self([self.as_bytes(), &[0]].concat().into()))
        } else {
            self.after_prefix()
        }
    }

    /// The smallest key greater than every key that starts with this one; `None` if it is all `0xff`.
    #[must_use]
    pub fn after_prefix(&self) -> Option<Self> {
        let last = self.0.iter().rposition(|byte| *byte != 0xff)?;
        let mut bytes = self.0[..=last].to_vec();
        bytes[last] += 1;
        Some(Self(bytes.into()))
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// The keys from `start`, included, to `end`, excluded.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyRange {
    /// The first key.
    pub start: Key,
    /// The first key behind; `None` is the end of the store.
    pub end: Option<Key>,
}

impl KeyRange {
    /// All keys that start with `prefix`, the prefix itself included.
    #[must_use]
    pub fn prefix(prefix: &Key) -> Self {
        Self { start: prefix.clone(), end: prefix.after_prefix() }
    }

    /// Whether the key lies in the range.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        *key >= self.start && self.end.as_ref().is_none_or(|end| key < end)
    }
}

#[cfg(test)]
mod tests;

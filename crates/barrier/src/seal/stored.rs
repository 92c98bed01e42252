//! `core/seal`: the one entry that is stored in clear, because it must be read before there is a key.
//!
//! Versioned JSON. The root key in it is sealed under the seal key with everything else as associated data, so that
//! a changed threshold or kind is found out when the store is unsealed.

use data_encoding::BASE64;
use env::Env;
use secret::{KEY_BYTES, LockedKey};
use serde::{Deserialize, Serialize};

use super::Kind;
use crate::xaes::{NONCE_BYTES, XaesKey};

/// The version that this release writes, and the newest that it reads.
const VERSION: u32 = 1;

/// Into how many shares a key is split, and how many of them give it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// 1 to 255.
    pub shares: u8,
    /// 1 to `shares`; at least 2 if there are several shares.
    pub threshold: u8,
}

/// The seal entry of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealEntry {
    /// What protects the root key.
    pub kind: Kind,
    /// How the seal key was split; none for a static seal.
    pub split: Option<Split>,
    /// How the recovery key was split; none if there is no such key.
    pub recovery: Option<Split>,
    /// Nonce, ciphertext and tag.
    wrapped_root_key: Vec<u8>,
    /// See [`Previous`].
    pub(super) previous: Option<Previous>,
}

/// The same root key for the shares before a rekey. Here until those after it are known to have reached somebody: a
/// process that dies in between must not leave a store that nobody can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Previous {
    /// How the seal key before was split.
    pub split: Split,
    wrapped_root_key: Vec<u8>,
}

/// Which shares opened the root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// Those of today.
    ByCurrent,
    /// Those before the last rekey.
    ByPrevious,
}

/// Why a seal entry cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealEntryError {
    /// A later release wrote it.
    #[error("seal entry has version {0}, newer than this release reads")]
    NewerVersion(u32),
    /// It is not what was stored.
    #[error("seal entry is malformed")]
    Malformed,
    /// The root key does not open with this seal key.
    #[error("root key does not open with this seal key")]
    WrongKey,
}

/// The JSON in the store.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<Split>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<Split>,
    wrapped_root_key: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    previous: Option<StoredPrevious>,
}

#[derive(Serialize, Deserialize)]
struct StoredPrevious {
    split: Split,
    wrapped_root_key: String,
}

/// Read first and alone: a later version may have any other fields.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl SealEntry {
    /// Wraps a root key.
    pub(super) fn wrap(
        kind: Kind,
        split: Option<Split>,
        recovery: Option<Split>,
        seal_key: &[u8; KEY_BYTES],
        root: &LockedKey<KEY_BYTES>,
        env: &Env,
    ) -> Self {
        let wrapped_root_key = wrapped(kind, split, recovery, seal_key, root, env);
        Self { kind, split, recovery, wrapped_root_key, previous: None }
    }

    /// Lets the shares before a rekey open the root key as well.
    pub(super) fn keep_previous(
        &mut self,
        split: Split,
        seal_key: &[u8; KEY_BYTES],
        root: &LockedKey<KEY_BYTES>,
        env: &Env,
    ) {
        let wrapped_root_key = wrapped(self.kind, Some(split), self.recovery, seal_key, root, env);
        self.previous = Some(Previous { split, wrapped_root_key });
    }

    /// The entry with one set of shares alone: those of today, or those before the rekey.
    pub(super) fn settled(self, by: Opened) -> Self {
        match (by, self.previous) {
            (Opened::ByPrevious, Some(previous)) => Self {
                split: Some(previous.split),
                wrapped_root_key: previous.wrapped_root_key,
                previous: None,
                ..self
            },
            (_, _) => Self { previous: None, ..self },
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`SealEntryError::NewerVersion`] or [`SealEntryError::Malformed`].
    pub fn decode(entry: &[u8]) -> Result<Self, SealEntryError> {
        let malformed = |_| SealEntryError::Malformed;
        let versioned: Versioned = serde_json::from_slice(entry).map_err(malformed)?;
        if versioned.version > VERSION {
            return Err(SealEntryError::NewerVersion(versioned.version));
        }
        let stored: Stored = serde_json::from_slice(entry).map_err(malformed)?;
        let decode = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| SealEntryError::Malformed);
        let has_split = stored.kind == Kind::Shamir;
        let previous = stored.previous.as_ref().map(|previous| previous.split);
        let is_sound = |split: Split| (1..=split.shares).contains(&split.threshold);
        if stored.split.is_some() != has_split
            || (previous.is_some() && !has_split)
            || ![stored.split, stored.recovery, previous].into_iter().flatten().all(is_sound)
        {
            return Err(SealEntryError::Malformed);
        }
        let previous = match stored.previous {
            Some(it) => Some(Previous { split: it.split, wrapped_root_key: decode(&it.wrapped_root_key)? }),
            None => None,
        };
        let wrapped_root_key = decode(&stored.wrapped_root_key)?;
        Ok(Self { kind: stored.kind, split: stored.split, recovery: stored.recovery, wrapped_root_key, previous })
    }

    /// The stored form.
    ///
    /// # Panics
    /// Never: numbers and texts always make JSON.
    pub(super) fn encode(&self) -> Vec<u8> {
        let stored = Stored {
            version: VERSION,
            kind: self.kind,
            split: self.split,
            recovery: self.recovery,
            wrapped_root_key: BASE64.encode(&self.wrapped_root_key),
            previous: self.previous.as_ref().map(|previous| StoredPrevious {
                split: previous.split,
                wrapped_root_key: BASE64.encode(&previous.wrapped_root_key),
            }),
        };
        serde_json::to_vec(&stored).expect("numbers and texts make JSON")
    }

    /// Unwraps the root key.
    ///
    /// # Errors
    /// [`SealEntryError::WrongKey`].
    pub fn open(&self, seal_key: &[u8; KEY_BYTES]) -> Result<LockedKey<KEY_BYTES>, SealEntryError> {
        self.unwrapped(&self.wrapped_root_key, self.split, seal_key)
    }

    /// Unwraps the root key with the seal key before a rekey, as long as that counts.
    ///
    /// # Errors
    /// [`SealEntryError::WrongKey`].
    pub(super) fn open_previous(&self, seal_key: &[u8; KEY_BYTES]) -> Result<LockedKey<KEY_BYTES>, SealEntryError> {
        let previous = self.previous.as_ref().ok_or(SealEntryError::WrongKey)?;
        self.unwrapped(&previous.wrapped_root_key, Some(previous.split), seal_key)
    }

    fn unwrapped(
        &self,
        wrapped_root_key: &[u8],
        split: Option<Split>,
        seal_key: &[u8; KEY_BYTES],
    ) -> Result<LockedKey<KEY_BYTES>, SealEntryError> {
        let (nonce, sealed) = wrapped_root_key.split_first_chunk().ok_or(SealEntryError::Malformed)?;
        let associated = associated_data(self.kind, split, self.recovery);
        let root = XaesKey::new(seal_key).open(nonce, &associated, sealed).map_err(|_| SealEntryError::WrongKey)?;
        let root = root.expose().first_chunk().filter(|_| root.expose().len() == KEY_BYTES);
        root.map(LockedKey::copy_of).ok_or(SealEntryError::Malformed)
    }

    /// What `sys/seal-status` shows as `n` and `t`.
    pub(super) fn shown_split(&self) -> Split {
        self.split.or(self.recovery).unwrap_or(Split { shares: 0, threshold: 0 })
    }
}

/// The root key of a store that is not running, from its `core/seal` entry and the seal key (the one share of a 1 of 1
/// split, what [`combine`](super::combine) gives, or the operator's key). For offline commands.
///
/// # Errors
/// See [`SealEntryError`].
pub fn open_root_key(entry: &[u8], seal_key: &[u8; KEY_BYTES]) -> Result<LockedKey<KEY_BYTES>, SealEntryError> {
    let entry = SealEntry::decode(entry)?;
    entry.open(seal_key).or_else(|error| entry.open_previous(seal_key).map_err(|_| error))
}

fn wrapped(
    kind: Kind,
    split: Option<Split>,
    recovery: Option<Split>,
    seal_key: &[u8; KEY_BYTES],
    root: &LockedKey<KEY_BYTES>,
    env: &Env,
) -> Vec<u8> {
    let nonce: [u8; NONCE_BYTES] = env.random();
    let mut wrapped_root_key = nonce.to_vec();
    let associated = associated_data(kind, split, recovery);
    XaesKey::new(seal_key).seal(&nonce, &associated, root.expose(), &mut wrapped_root_key);
    wrapped_root_key
}

/// Everything in the entry but the key. A split that is not there counts as 0 of 0, which no real one is.
fn associated_data(kind: Kind, split: Option<Split>, recovery: Option<Split>) -> Vec<u8> {
    let numbers = [split, recovery].map(|split| split.map_or([0, 0], |split| [split.shares, split.threshold]));
    [b"strongroom root key\0", VERSION.to_be_bytes().as_slice(), numbers.as_flattened(), kind.name().as_bytes()]
        .concat()
}

#[cfg(test)]
mod tests;

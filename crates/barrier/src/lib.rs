//! Everything that encrypts before storage: keys, entries, and the seal that locks them away.
//!
//! * [`Barrier`] is the store as the rest of the server sees it: plaintext in and out, ciphertext underneath. It
//!   promises secrecy and integrity of each entry under its key, not freshness or presence: whoever can write the
//!   store can replay or delete.
//! * [`seal`] protects the root key: Shamir shares or a key from the operator. Root key → keyring (terms) → one subkey
//!   per [`Purpose`].
//! * Nothing above may touch storage past the barrier, and the barrier knows nothing of mounts or HTTP. No plaintext
//!   is cached, only ciphertext, opened per read.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use env::Env;
use secret::{KEY_BYTES, Secret, SecretBytes};
use storage::{Key, Position, Revision, Storage};

mod access;
mod cache;
mod changes;
mod custody;
mod entry;
#[cfg(test)]
mod fixture;
mod keyring;
mod keyspace;
pub mod seal;
mod stamp;
#[cfg(test)]
mod stored_formats;
pub mod testing;
pub mod xaes;

pub use changes::Changes;
pub use entry::{OVERHEAD_BYTES, PLAINTEXT_BYTES_MAX};
pub use keyring::{Purpose, TERMS_MAX};
pub use stamp::{Remembered, Stamp};
pub use storage::{Expectation, KeyError, KeyRange, Receipt, Scan};

/// The store under encryption. Cheap to clone; all clones are one barrier, sealed and unsealed together.
#[derive(Clone)]
pub struct Barrier(Arc<Inner>);

struct Inner {
    storage: Arc<dyn Storage>,
    env: Env,
    cache: Option<cache::Cache>,
    /// The keys; none while sealed.
    keys: ArcSwapOption<custody::Keys>,
    /// The newest position that the store has told.
    seen: AtomicU64,
    /// The keyring entry in which a term was looked for in vain.
    searched: Mutex<Option<Revision>>,
}

/// How a barrier uses memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What the cache may hold, in bytes, its own bookkeeping included; 0 is no cache.
    pub cache_bytes: usize,
    /// Who else writes the store.
    pub cache: CacheMode,
}

/// Whether the cache may answer for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMode {
    /// Nobody but this process writes the store, so what it has seen last is what is there.
    SoleWriter,
    /// Others write too: every read goes to the store.
    ReadThrough,
}

/// How a cache is used since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// How often something was looked for and found.
    pub hits: u64,
    /// How often it was not.
    pub misses: u64,
    /// What it holds, in bytes, about; its own bookkeeping included.
    pub bytes: u64,
}

/// A value as it was before it was sealed, with the revision to expect when it is written again.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The plaintext.
    pub value: SecretBytes,
    /// Which write of the key this is.
    pub revision: Revision,
}

/// The answer to [`Barrier::scan`].
#[derive(Debug)]
pub struct Page {
    /// In byte order of the keys.
    pub items: Vec<Item>,
    /// Where the next page starts; `None` when this one reached the end of the range.
    pub next: Option<Key>,
    /// The position that this page is as of. Nothing is promised between pages.
    pub position: Position,
}

/// One line of a scanned page.
#[derive(Debug)]
pub enum Item {
    /// A key with its value.
    Entry(Key, Opened),
    /// A key alone, with its revision.
    Key(Key, Revision),
    /// The start that several keys share, up to and including the delimiter.
    Folder(Key),
    /// A key whose value does not open: the world's error, which has been logged. The rest of the page stands.
    Unreadable {
        /// Where it is stored.
        key: Key,
        /// Which write of the key this is.
        revision: Revision,
        /// [`Error::Corrupt`] or [`Error::NewerFormat`].
        why: Error,
    },
}

/// A key derived for one [`Purpose`] from one term.
#[derive(Debug, Clone)]
pub struct Subkey {
    /// Which term it belongs to. What is made with the key carries this number.
    pub term: u32,
    /// The key.
    pub key: Secret<[u8; KEY_BYTES]>,
}

/// What `sys/key-status` tells about the active term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatus {
    /// The number of the active term, from 1.
    pub term: u32,
    /// When the term was made.
    pub install_time: SystemTime,
    /// How many entries this node has sealed with it since it was unsealed.
    pub encryptions: u64,
}

/// Why the barrier gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The keys are locked away.
    #[error("barrier is sealed")]
    Sealed,
    /// What is stored under the key is not what was stored there: changed, swapped, or under keys that do not exist.
    #[error("entry {key:?} is corrupt")]
    Corrupt {
        /// Whose value.
        key: Key,
    },
    /// A later release wrote the entry.
    #[error("entry {key:?} has format {format}, newer than this release reads")]
    NewerFormat {
        /// Whose value.
        key: Key,
        /// The format that it says it has.
        format: u32,
    },
    /// The store holds no keyring: it was never initialized, or lost it.
    #[error("store holds no keyring")]
    NoKeyring,
    /// The store gave no answer.
    #[error("storage gave no answer")]
    Storage(#[source] storage::Error),
}

/// Why a commit did not go through, or may not have.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The keys are locked away; nothing was written.
    #[error("barrier is sealed")]
    Sealed,
    /// Nothing was written: these keys were not as expected.
    #[error("{} entries were not as expected", .0.len())]
    Conflict(Vec<Key>),
    /// Nobody knows whether it went through. The caller answers 500 and does not guess.
    #[error("outcome of the commit is unknown")]
    Unknown,
    /// Nothing was written: the store refused or could not be reached.
    #[error("storage refused the commit")]
    Storage(#[source] storage::Error),
}

/// Why [`Barrier::rotate`] made no new term.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RotateError {
    /// The keyring could not be read.
    #[error("keyring could not be read")]
    Read(#[source] Error),
    /// The keyring could not be written.
    #[error("keyring could not be written")]
    Write(#[source] CommitError),
    /// The keyring holds [`TERMS_MAX`] terms.
    #[error("keyring is full with {TERMS_MAX} terms")]
    Full,
}

impl Barrier {
    /// A sealed barrier over a store.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, env: Env, options: Options) -> Self {
        let cache = match options {
            Options { cache: CacheMode::ReadThrough, .. } | Options { cache_bytes: 0, .. } => None,
            Options { cache_bytes, .. } => Some(cache::Cache::new(cache_bytes)),
        };
        let (keys, seen, searched) = (ArcSwapOption::empty(), AtomicU64::new(0), Mutex::default());
        Self(Arc::new(Inner { storage, env, cache, keys, seen, searched }))
    }

    /// Whether the keys are locked away.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.0.keys.load().is_none()
    }

    /// A name for the state that the store is in: while it stays the same, nothing is written. `None` when there is no
    /// name to be had: sealed, while a commit is in progress, or when others write the store as well. Whoever keeps
    /// something made from entries may then still ask for their [`revisions`](Self::revisions).
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        if self.is_sealed() { None } else { self.0.cache.as_ref()?.stamp() }
    }

    /// Whether it is known that nobody else writes the store. Without a cache it makes no difference to the barrier, and
    /// is not known.
    #[must_use]
    pub fn is_sole_writer(&self) -> bool {
        self.0.cache.is_some()
    }

    /// How the cache of ciphertext is used; `None` without one.
    #[must_use]
    pub fn cache_use(&self) -> Option<CacheUse> {
        self.0.cache.as_ref().map(cache::Cache::usage)
    }
}

impl std::fmt::Debug for Barrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Barrier").field("is_sealed", &self.is_sealed()).finish_non_exhaustive()
    }
}

//! The untrusted, transactional key-value store under the barrier: six calls, safe for many writers.
//!
//! Every store keeps the same promises, so that whatever works on one works on all of them; [`mod@conformance`] is the
//! one suite that says so. A store sees ciphertext and readable keys. It must never know about encryption, mounts or
//! HTTP, and it holds no opinion about what the keys mean (`docs/keyspace.md` does).
//!
//! # The rules that make many writers safe
//! * A [`Revision`] belongs to a key, is compared only for equality, and never comes back, not even after the key was
//!   deleted and created again. All keys that one commit writes carry the same revision.
//! * A [`Position`] belongs to the store and is ordered.
//! * There are no blind writes: each written key has an expectation in the same batch, or is fresh and random.
//! * Each stored value carries the [`CommitId`] that wrote it, so that a lost answer can be cleared up; [`settle`]
//!   does that.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

mod batch;
mod key;
mod settle;

pub mod conformance;
pub mod counting;
pub mod faulty;
pub mod gate;
pub mod history;
pub mod memory;
pub mod page;
pub mod rival;
pub mod timed;

pub use batch::{Batch, BatchError, Expectation, Write};
pub use key::{Key, KeyError, KeyRange};
pub use settle::{Settled, settle};

/// The most expectations that one [`Batch`] may hold (etcd takes 128 operations in a transaction).
pub const EXPECTATIONS_MAX: usize = 100;
/// The most writes that one [`Batch`] may hold.
pub const WRITES_MAX: usize = 100;
/// The most that all keys and values of one [`Batch`] may take, in bytes (etcd takes 1.5 MiB in a request).
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 512 * 1024;
/// The longest key, in bytes (a PostgreSQL index row takes about 2,700).
pub const KEY_BYTES_MAX: usize = 2048;
/// The most keys that one [`Storage::read`] may ask for.
pub const READ_KEYS_MAX: usize = 100;
/// The most entries that one [`Storage::scan`] page may hold.
pub const SCAN_LIMIT_MAX: usize = 10_000;
/// A page ends early once its keys and values have reached this, in bytes; then [`Page::next`] says where to go on.
pub const SCAN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Which write of a key an entry comes from. Compared only for equality; see the crate's rules.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Revision(pub u64);

/// A point in the store's history. Later positions are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position(pub u64);

/// Names one attempt to commit, however often it is sent. Random.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CommitId(pub [u8; 16]);

/// What is stored under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where it is stored.
    pub key: Key,
    /// The bytes, at most [`VALUE_BYTES_MAX`].
    pub value: Bytes,
    /// Which write of the key this is.
    pub revision: Revision,
    /// Which commit wrote it.
    pub commit: CommitId,
}

/// The answer to [`Storage::read`].
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// One element for each key that was asked for, in that order.
    pub entries: Vec<Option<Entry>>,
    /// The position that all of them are as of.
    pub position: Position,
}

/// A question for one ordered page of keys.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Which keys.
    pub range: KeyRange,
    /// The most items in the page, 1 to [`SCAN_LIMIT_MAX`].
    pub limit: usize,
    /// Leave the values out: [`Item::Key`] instead of [`Item::Entry`].
    pub keys_only: bool,
    /// Fold the keys that share a folder into one [`Item::Folder`].
    pub delimiter: Option<Delimiter>,
}

/// How [`Scan`] folds keys: those with `byte` at or after `offset` become one folder, ending behind that byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delimiter {
    /// The byte that ends a folder's name, usually `/`.
    pub byte: u8,
    /// Where in the key the search for it starts: the length of the listed folder's own name.
    pub offset: usize,
}

/// One line of a scanned page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A key with its value.
    Entry(Entry),
    /// A key alone, with its revision.
    Key(Key, Revision),
    /// The start that several keys share, up to and including the delimiter. Costs one step however many they are.
    Folder(Key),
}

/// The answer to [`Storage::scan`].
#[derive(Clone, Debug)]
pub struct Page {
    /// In byte order of the keys.
    pub items: Vec<Item>,
    /// Where the next page starts; `None` when this one reached the end of the range.
    pub next: Option<Key>,
    /// The position that this page is as of. Nothing is promised between pages.
    pub position: Position,
}

/// The answer to [`Storage::commit`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All writes are in, durably, under the receipt's revision.
    Committed(Receipt),
    /// None is in: these expected keys were not as expected. For a range, the first key found in it.
    Conflict(Vec<Key>),
    /// Nobody knows: the answer was lost. Send the same batch again, see [`settle`].
    Unknown,
}

/// What a commit that went through leaves behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The position from which on readers see the writes.
    pub position: Position,
    /// The revision that every key written by the commit now has.
    pub revision: Revision,
}

/// What [`Watch::next`] tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// These keys changed in one commit at this position. Positions of one watch ascend.
    Changed(Position, Vec<Key>),
    /// Everything up to this position has been told.
    Progress(Position),
    /// The store no longer knows what happened since the position asked for. The watch is over: drop every cache.
    Gone,
}

/// Changed keys in the order of their positions.
#[async_trait]
pub trait Watch: Send {
    /// The next change; waits for one. Cancel-safe.
    ///
    /// # Errors
    /// When the store is lost; the watch is over then.
    async fn next(&mut self) -> Result<Change, Error>;
}

/// A consistent copy of the whole store, page by page.
#[async_trait]
pub trait Export: Send + Sync {
    /// The position that every page is as of.
    fn position(&self) -> Position;

    /// The next entries in key order, at most [`SCAN_LIMIT_MAX`]; empty at the end.
    ///
    /// # Errors
    /// When the store is lost; the copy is incomplete then and must be thrown away.
    async fn next(&mut self) -> Result<Vec<Entry>, Error>;
}

/// A transactional store, safe for many writers. `Arc<dyn Storage>` is how everybody holds one.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// The entries of 1 to [`READ_KEYS_MAX`] keys, all as of one position that is no older than any commit
    /// acknowledged before the call. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Limit`] for a list outside its bounds; otherwise when the store cannot answer.
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, Error>;

    /// One ordered page as of one position, no older than any commit acknowledged before the call. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Limit`] for a limit outside its bounds; otherwise when the store cannot answer.
    async fn scan(&self, scan: &Scan) -> Result<Page, Error>;

    /// All writes, if every expectation holds; else none. When it says `Committed` the writes are durable.
    /// If the future is dropped the outcome is unknown to the caller, never half.
    ///
    /// # Errors
    /// [`Error::Batch`] for a batch that breaks the rules of [`Batch::check`]; otherwise when the store is certain
    /// that nothing was written. Whenever it is not certain it answers [`Outcome::Unknown`].
    async fn commit(&self, batch: &Batch) -> Result<Outcome, Error>;

    /// A position no older than any commit acknowledged on any node before the call. Cancel-safe.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn now(&self) -> Result<Position, Error>;

    /// Changes after `from`, without a gap, or [`Change::Gone`].
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn watch(&self, from: Position) -> Result<Box<dyn Watch>, Error>;

    /// A consistent copy as of now. Must not block writers while it is read.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn export(&self) -> Result<Box<dyn Export>, Error>;
}

/// Why a store gave no answer. For a commit: nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The question was outside a named bound.
    #[error("{what} must be between 1 and {max}, not {given}")]
    Limit {
        /// What was outside.
        what: &'static str,
        /// The upper bound.
        max: usize,
        /// What was asked for.
        given: usize,
    },
    /// The batch breaks a rule of [`Batch::check`].
    #[error("batch refused")]
    Batch(#[source] BatchError),
    /// The disk under the store is full. Reads still work.
    #[error("no space left for the store")]
    Full,
    /// The store cannot be reached or its device failed.
    #[error("{action}")]
    Unavailable {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// What the store holds is damaged.
    #[error("store is corrupt: {0}")]
    Corrupt(String),
    /// The store has been closed.
    #[error("store is closed")]
    Closed,
}

impl Scan {
    /// All keys that start with `prefix`, with values.
    #[must_use]
    pub fn prefix(prefix: &Key, limit: usize) -> Self {
        Self::range(KeyRange::prefix(prefix), limit)
    }

    /// The keys of a range, with values.
    #[must_use]
    pub fn range(range: KeyRange, limit: usize) -> Self {
        Self { range, limit, keys_only: false, delimiter: None }
    }

    /// The same without values.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.keys_only = true;
        self
    }

    /// The same, folding what lies deeper than one `/` behind the first `offset` bytes.
    #[must_use]
    pub fn folders(mut self, offset: usize) -> Self {
        self.delimiter = Some(Delimiter { byte: b'/', offset });
        self
    }

    /// Starts at `next`, as [`Page::next`] gave it.
    #[must_use]
    pub fn resume(mut self, next: Key) -> Self {
        self.range.start = next;
        self
    }

    /// Whether the limit is within its bounds.
    ///
    /// # Errors
    /// [`Error::Limit`] when it is not.
    pub fn check(&self) -> Result<(), Error> {
        limit("scan limit", self.limit, SCAN_LIMIT_MAX)
    }
}

impl Item {
    /// The key, or the folder's shared start.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Entry(entry) => &entry.key,
            Self::Key(key, _) | Self::Folder(key) => key,
        }
    }
}

/// Whether a list of keys to read is within its bounds; every store asks this first.
///
/// # Errors
/// [`Error::Limit`] when it is not.
pub fn check_read(keys: &[Key]) -> Result<(), Error> {
    limit("number of keys to read", keys.len(), READ_KEYS_MAX)
}

fn limit(what: &'static str, given: usize, max: usize) -> Result<(), Error> {
    if (1..=max).contains(&given) { Ok(()) } else { Err(Error::Limit { what, max, given }) }
}

#[cfg(test)]
mod tests;

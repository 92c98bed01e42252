//! Typed reads and commits of the core's own entries, on the barrier.

use barrier::{Barrier, Changes, Item, Opened, Stamp};
use framework::Error;
use framework::view::{ENTRY_BYTES_MAX, from_barrier, from_commit};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::{Key, KeyRange, READ_KEYS_MAX, Receipt, Revision, Scan};

/// The barrier, as the core's services use it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    barrier: Barrier,
}

/// A decoded entry with the revision that a later commit expects.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) revision: Revision,
}

/// A commit that another writer beat, or that failed.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Another writer was faster on these keys: read again and decide again.
    Race(Vec<Key>),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Race(_) => framework::view::contended(),
            Lost::Failed(error) => error,
        }
    }
}

impl Store {
    pub(crate) fn new(barrier: Barrier) -> Self {
        Self { barrier }
    }

    pub(crate) fn barrier(&self) -> &Barrier {
        &self.barrier
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Found<T>>, Error> {
        let [found] = self.get_all([key.clone()]).await?;
        found.map(|opened| decode(key, &opened)).transpose()
    }

    /// Several entries as of one position.
    pub(crate) async fn get_all<const N: usize>(&self, keys: [Key; N]) -> Result<[Option<Opened>; N], Error> {
        let mut entries = self.barrier.read(&keys).await.map_err(from_barrier)?.into_iter();
        Ok(std::array::from_fn(|_| entries.next().flatten()))
    }

    /// Any number of entries, each as of a moment no older than the call.
    pub(crate) async fn get_list(&self, keys: &[Key]) -> Result<Vec<Option<Opened>>, Error> {
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_KEYS_MAX) {
            entries.extend(self.barrier.read(keys).await.map_err(from_barrier)?);
        }
        Ok(entries)
    }

    /// The revisions of a few entries; see [`revisions`](Self::revisions).
    pub(crate) async fn revisions_of<const N: usize>(&self, keys: [Key; N]) -> Result<[Option<Revision>; N], Error> {
        let mut revisions = self.revisions(&keys).await?.into_iter();
        Ok(std::array::from_fn(|_| revisions.next().flatten()))
    }

    /// The revisions of entries, from the cache where it has them; `None` for what is absent.
    pub(crate) async fn revisions(&self, keys: &[Key]) -> Result<Vec<Option<Revision>>, Error> {
        let mut revisions = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_KEYS_MAX) {
            revisions.extend(self.barrier.revisions(keys).await.map_err(from_barrier)?);
        }
        Ok(revisions)
    }

    /// Brings entries into the cache in one call, for those who will ask for them one after the other; nothing without
    /// a cache.
    pub(crate) async fn read_ahead(&self, keys: &[Key]) -> Result<(), Error> {
        if self.barrier.cache_use().is_none() {
            return Ok(());
        }
        self.revisions(keys).await.map(drop)
    }

    /// A name for the state of the store; see [`Barrier::stamp`].
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.barrier.stamp()
    }

    /// One page of a range with opened values, and where the next one starts.
    pub(crate) async fn page(&self, range: KeyRange, limit: usize) -> Result<(Vec<(Key, Opened)>, Option<Key>), Error> {
        let page = self.barrier.scan(&Scan::range(range, limit)).await.map_err(from_barrier)?;
        let entries = page.items.into_iter().filter_map(|item| match item {
            Item::Entry(key, opened) => Some((key, opened)),
            // The barrier has logged the damaged one; a list goes on without it.
            Item::Unreadable { .. } | Item::Key(..) | Item::Folder(_) => None,
        });
        Ok((entries.collect(), page.next))
    }

    /// One page of keys with their revisions, and where the next one starts.
    pub(crate) async fn keys(
        &self,
        range: KeyRange,
        limit: usize,
    ) -> Result<(Vec<(Key, Revision)>, Option<Key>), Error> {
        let page = self.barrier.scan(&Scan::range(range, limit).keys_only()).await.map_err(from_barrier)?;
        let keys = page.items.into_iter().filter_map(|item| match item {
            Item::Key(key, revision) | Item::Unreadable { key, revision, .. } => Some((key, revision)),
            Item::Entry(key, opened) => Some((key, opened.revision)),
            Item::Folder(_) => None,
        });
        Ok((keys.collect(), page.next))
    }

    pub(crate) async fn commit(&self, changes: Changes) -> Result<Receipt, Lost> {
        match self.barrier.commit(changes).await {
            Ok(receipt) => Ok(receipt),
            Err(barrier::CommitError::Conflict(keys)) => Err(Lost::Race(keys)),
            Err(error) => Err(Lost::Failed(from_commit(error))),
        }
    }
}

/// Decodes an opened entry.
pub(crate) fn decode<T: DeserializeOwned>(key: &Key, opened: &Opened) -> Result<Found<T>, Error> {
    let value = serde_json::from_slice(opened.value.expose())
        .map_err(|source| Error::world(format!("decode the entry {key:?}"), source))?;
    Ok(Found { value, revision: opened.revision })
}

/// Encodes an entry of ours. One that does not fit was asked for by somebody, whatever its parts' own bounds are.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let bytes = framework::view::encode(value)?;
    if bytes.len() > ENTRY_BYTES_MAX {
        let length = bytes.len();
        return Err(Error::Invalid(format!("all together is {length} bytes, the most is {ENTRY_BYTES_MAX}").into()));
    }
    Ok(bytes)
}

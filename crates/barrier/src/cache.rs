//! Ciphertext that has been read or written, absent keys included, for a process that is the store's only writer.
//!
//! # Why it never answers with something old
//! A commit *begins* ([`Cache::begin`]) before the store hears of it, and *ends* when its outcome is known
//! ([`Cache::publish`], [`Cache::end`], [`Cache::release`]); after an unknown outcome it never ends. Keys are spread over shards; a
//! shard counts the commits in progress on it and remembers the latest position at which one of its keys was written.
//! An entry goes in ([`Cache::offer`]) only under its shard's lock, while no commit is in progress there, and as of a
//! position not before the latest. So for an entry of key `k` as of position `s`, and any commit `C` that writes `k` at
//! `p > s`:
//! * if `C` has not begun when the entry goes in, then `C` takes it out as it begins, before the store knows `C`;
//! * if `C` is in progress, the entry does not go in;
//! * if `C` has ended, then the shard's latest position is at least `p > s`, and the entry does not go in;
//! * if `C` ended unknown, it is in progress for ever, and `k` is read from the store ever after.
//!
//! This needs `s` to be a position at which the store held the entry. What was read is as of its snapshot, what was
//! committed as of the store's receipt. A commit whose answer was lost and that was found by its trace is only known to
//! lie not after the look, and another may have overwritten it in between: it ends without an entry, and the position
//! of the look, which is at least `p`, becomes the latest.
//!
//! Nor does a reader see `C` and a later one not: from its beginning to its end the keys of `C` are answered by the
//! store, and afterwards as `C` or a later one left them.
//!
//! # Why several hits are one snapshot
//! The keys of a commit are gone from the cache when `begun` is raised, and come back, one by one, when it has ended.
//! A reader whose hits all lie between two equal values of `begun` saw no commit begin; a commit in progress has no
//! key in the cache until it ends, so its keys were either all hits after the end or one of them was a miss.
//!
//! # Why a stamp stands for a state of the store
//! [`Cache::stamp`] is the number of commits that have begun, and there is one only while as many have ended. Between
//! two equal stamps no commit began, and none was in progress at the first: the store, which nobody else writes, is as
//! it was. A commit raises `begun` before the store hears of it, so whoever looks after its acknowledgement sees
//! another stamp. One that ended unknown is in progress for ever: then there is no stamp any more.
//!
//! Locks: a shard's lock, then the entries' own; never two shards at once, never across an await.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use storage::{Entry, Key, Position, Revision};

use crate::CacheUse;
use crate::stamp::Stamp;

/// How many shards the keys are spread over: few enough to be small (24 KiB), enough that a hundred keys in progress
/// keep a tenth of the others out at most.
const SHARDS: usize = 1024;
/// How often a reader of several keys looks again because a commit began meanwhile, before it asks the store.
const LOOKUPS_MAX: usize = 3;
/// What an entry costs beside its bytes, about, in bytes.
const ENTRY_OVERHEAD_BYTES: usize = 160;
/// What an entry takes on average, a guess that only sizes the tables at the start, in bytes.
const ENTRY_BYTES_GUESS: usize = 1024;

/// A value as it is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub value: Bytes,
    pub revision: Revision,
}

impl From<Entry> for Stored {
    fn from(entry: Entry) -> Self {
        Self { value: entry.value, revision: entry.revision }
    }
}

/// See the module's notes.
pub(crate) struct Cache {
    entries: quick_cache::sync::Cache<Key, Option<Stored>, EntryBytes>,
    shards: Box<[Mutex<Shard>]>,
    /// How many commits have begun.
    begun: AtomicU64,
    /// How many of them have ended with a known outcome.
    ended: AtomicU64,
    /// How often everything was dropped.
    generation: AtomicU64,
}

#[derive(Default)]
struct Shard {
    /// How many commits that write keys of this shard have begun and not ended.
    in_progress: usize,
    /// The latest position at which a key of this shard was written.
    latest: Position,
}

/// A time between two drops of everything: what was learned in one does not go into the next.
#[derive(Clone, Copy)]
pub(crate) struct Generation(u64);

#[derive(Clone)]
struct EntryBytes;

impl quick_cache::Weighter<Key, Option<Stored>> for EntryBytes {
    fn weight(&self, key: &Key, stored: &Option<Stored>) -> u64 {
        let value_bytes = stored.as_ref().map_or(0, |stored| stored.value.len());
        (key.as_bytes().len() + value_bytes + ENTRY_OVERHEAD_BYTES) as u64
    }
}

impl Cache {
    /// An empty cache of at most this many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let count_guess = (bytes_max / ENTRY_BYTES_GUESS).max(1);
        Self {
            entries: quick_cache::sync::Cache::with_weighter(count_guess, bytes_max as u64, EntryBytes),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        }
    }

    /// What is stored under the keys, if all are here, as of one moment. Takes none of our own locks.
    pub(crate) fn lookup(&self, keys: &[Key]) -> Option<Vec<Option<Stored>>> {
        for _ in 0..LOOKUPS_MAX {
            let begun = self.begun.load(Ordering::SeqCst);
            let found: Option<Vec<_>> = keys.iter().map(|key| self.entries.get(key)).collect();
            if found.is_none() || keys.len() == 1 || self.begun.load(Ordering::SeqCst) == begun {
                return found;
            }
        }
        None
    }

    /// What is stored under one key, if it is here.
    pub(crate) fn lookup_one(&self, key: &Key) -> Option<Option<Stored>> {
        self.entries.get(key)
    }

    /// The state that the store is in; `None` while a commit is in progress. See the module's notes.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        // In this order: as `begun` is never less than `ended` and neither goes back, equal ones mean that no commit
        // was in progress when `ended` was read, and that none has begun since.
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        // Both parts only grow, so that equal sums have equal parts.
        (begun == ended).then(|| begun.checked_add(self.generation().0)).flatten().and_then(Stamp::of)
    }

    /// How the entries are used.
    pub(crate) fn usage(&self) -> CacheUse {
        CacheUse { hits: self.entries.hits(), misses: self.entries.misses(), bytes: self.entries.weight() }
    }

    /// The present generation, to be taken before the store is asked.
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::SeqCst))
    }

    /// Takes in what the store said of a key as of `position`, unless it may be old already.
    pub(crate) fn offer(&self, generation: Generation, key: &Key, stored: Option<&Stored>, position: Position) {
        // Copied, because the store may have given a slice of something larger, which the bound would not see.
        let copy = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
        let stored = stored.map(|stored| Stored { value: copy(&stored.value), revision: stored.revision });
        let Ok(own_key) = Key::new(copy(key.as_bytes())) else { return };
        let shard = self.shard(shard_of(key));
        let is_current = shard.in_progress == 0 && position >= shard.latest;
        if is_current && self.generation().0 == generation.0 {
            self.entries.insert(own_key, stored);
        }
    }

    /// A commit that writes these keys is about to be sent: they are gone until it ends.
    pub(crate) fn begin<'a>(&self, written: impl Iterator<Item = &'a Key> + Clone) {
        for index in shards_of(written.clone()) {
            self.shard(index).in_progress += 1;
        }
        for key in written {
            // Under the lock, so that an offer that found no commit in progress is inside before and taken out here.
            let _shard = self.shard(shard_of(key));
            self.entries.remove(key);
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// The commit went through at `position` and no later: it ends, and what it wrote may come in.
    pub(crate) fn publish<'a>(
        &self,
        generation: Generation,
        written: impl Iterator<Item = (&'a Key, Option<Stored>)> + Clone,
        position: Position,
    ) {
        self.end(written.clone().map(|(key, _)| key), position);
        for (key, stored) in written {
            self.offer(generation, key, stored.as_ref(), position);
        }
    }

    /// The commit went through at `position` or before it: it ends, and what it wrote is left to the next reader, as
    /// nobody here knows whether it is still there.
    pub(crate) fn end<'a>(&self, written: impl Iterator<Item = &'a Key>, position: Position) {
        for index in shards_of(written) {
            let mut shard = self.shard(index);
            shard.in_progress -= 1;
            shard.latest = shard.latest.max(position);
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// The commit wrote nothing, for certain: it ends.
    pub(crate) fn release<'a>(&self, written: impl Iterator<Item = &'a Key>) {
        for index in shards_of(written) {
            self.shard(index).in_progress -= 1;
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// Drops what is known of these keys.
    pub(crate) fn forget<'a>(&self, keys: impl Iterator<Item = &'a Key>) {
        for key in keys {
            self.entries.remove(key);
        }
    }

    /// Drops everything; what is being read now does not come in any more.
    pub(crate) fn clear(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for index in 0..SHARDS {
            // Waits for an offer that still saw the old generation.
            drop(self.shard(index));
        }
        self.entries.clear();
    }

    fn shard(&self, index: usize) -> MutexGuard<'_, Shard> {
        // No code under the lock can panic halfway through a change, so a poisoned shard is still a whole one.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shard_of(key: &Key) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() as usize % SHARDS
}

/// The shards of these keys, each once.
fn shards_of<'a>(keys: impl Iterator<Item = &'a Key>) -> Vec<usize> {
    let mut indexes: Vec<_> = keys.map(shard_of).collect();
    indexes.sort_unstable();
    indexes.dedup();
    indexes
}

#[cfg(test)]
mod tests;

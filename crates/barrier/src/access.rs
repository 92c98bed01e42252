//! Reading and writing through the barrier.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use secret::SecretBytes;
use storage::{Batch, CommitId, Expectation, Key, Outcome, Position, Receipt, Revision, Scan, Settled, Write};

use crate::cache::Stored;
use crate::changes::{Change, Changes};
use crate::custody::Keys;
use crate::entry::{self, Fault, Sealed};
use crate::keyring::Term;
use crate::xaes::NONCE_BYTES;
use crate::{Barrier, CommitError, Error, Item, Opened, Page};

/// How long a commit whose answer was lost is asked after before its outcome counts as unknown.
const SETTLE_PATIENCE: Duration = Duration::from_secs(10);
/// The length of a commit's id, in bytes.
const COMMIT_ID_BYTES: usize = size_of::<CommitId>();

impl Barrier {
    /// The values of 1 to [`storage::READ_KEYS_MAX`] keys in the order asked for, all as of one moment no older than
    /// any commit acknowledged before the call. Makes one call to the store, or none when all are cached. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and [`Error::NewerFormat`] name the first key that does not open; read the others without it.
    pub async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Opened>>, Error> {
        if self.is_sealed() {
            return Err(Error::Sealed);
        }
        let found = match self.0.cache.as_ref().and_then(|cache| cache.lookup(keys)) {
            Some(found) => found,
            None => self.fetch(keys).await?,
        };
        let mut opened = Vec::with_capacity(found.len());
        for (key, stored) in keys.iter().zip(found) {
            opened.push(match stored {
                Some(stored) => Some(self.open(key, &stored).await?),
                None => None,
            });
        }
        Ok(opened)
    }

    /// The value of one key; see [`read`](Self::read).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_one(&self, key: &Key) -> Result<Option<Opened>, Error> {
        if self.is_sealed() {
            return Err(Error::Sealed);
        }
        let stored = match self.0.cache.as_ref().and_then(|cache| cache.lookup_one(key)) {
            Some(stored) => stored,
            None => Box::pin(self.fetch(std::slice::from_ref(key))).await?.pop().flatten(),
        };
        match stored {
            Some(stored) => self.open(key, &stored).await.map(Some),
            None => Ok(None),
        }
    }

    /// The revisions of 1 to [`storage::READ_KEYS_MAX`] keys, as [`read`](Self::read) would find them, without opening
    /// anything: for whoever keeps something decoded and asks whether it is still of today.
    ///
    /// # Errors
    /// When sealed, or when the store gives no answer.
    pub async fn revisions(&self, keys: &[Key]) -> Result<Vec<Option<Revision>>, Error> {
        if self.is_sealed() {
            return Err(Error::Sealed);
        }
        let found = match self.0.cache.as_ref().and_then(|cache| cache.lookup(keys)) {
            Some(found) => found,
            None => self.fetch(keys).await?,
        };
        Ok(found.into_iter().map(|stored| stored.map(|stored| stored.revision)).collect())
    }

    /// One ordered page; always asks the store. A scan for keys alone opens nothing. Cancel-safe.
    ///
    /// # Errors
    /// When the store gives no page. A value that does not open is an [`Item::Unreadable`] on it, not an error.
    pub async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        if self.is_sealed() {
            return Err(Error::Sealed);
        }
        let page = self.0.storage.scan(scan).await.map_err(Error::Storage)?;
        self.note(page.position);
        let mut items = Vec::with_capacity(page.items.len());
        for item in page.items {
            items.push(match item {
                storage::Item::Key(key, revision) => Item::Key(key, revision),
                storage::Item::Folder(key) => Item::Folder(key),
                storage::Item::Entry(entry) => {
                    let key = entry.key.clone();
                    let stored = Stored::from(entry);
                    match self.open(&key, &stored).await {
                        Ok(opened) => Item::Entry(key, opened),
                        Err(why @ (Error::Corrupt { .. } | Error::NewerFormat { .. })) => {
                            Item::Unreadable { key, revision: stored.revision, why }
                        }
                        Err(error) => return Err(error),
                    }
                }
            });
        }
        Ok(Page { items, next: page.next, position: page.position })
    }

    /// One entry as it is in the store, unopened and past the cache: for the few that stand in clear, and for what names
    /// the cluster. Asks also while sealed. Cancel-safe.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn sealed_entry(&self, key: &Key) -> Result<Option<storage::Entry>, Error> {
        self.stored(key).await
    }

    /// A consistent copy of the store as of now, every value as it is stored. Asks also while sealed.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn export(&self) -> Result<Box<dyn storage::Export>, Error> {
        self.0.storage.export().await.map_err(Error::Storage)
    }

    /// The newest position that this node has written or been told: everything up to it can be read here. Makes no call.
    #[must_use]
    pub fn seen(&self) -> Position {
        Position(self.0.seen.load(Ordering::Acquire))
    }

    /// Asks the store for a position no older than any commit acknowledged before the call.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn now(&self) -> Result<Position, Error> {
        let position = self.0.storage.now().await.map_err(Error::Storage)?;
        self.note(position);
        Ok(position)
    }

    fn note(&self, position: Position) {
        self.0.seen.fetch_max(position.0, Ordering::AcqRel);
    }

    /// Seals the values and commits all changes or none.
    ///
    /// Once sent, the commit goes on to its end though the future be dropped: a caller that went away must not leave
    /// the cache in doubt about what is stored.
    ///
    /// # Errors
    /// See [`CommitError`]; only after [`CommitError::Unknown`] may something have been written.
    pub async fn commit(&self, changes: Changes) -> Result<Receipt, CommitError> {
        let keys = self.0.keys.load_full().ok_or(CommitError::Sealed)?;
        let batch = self.sealed(changes, keys.keyring.active());
        self.commit_sealed(batch).await
    }

    /// The batch of these changes with every value sealed under a term.
    pub(crate) fn sealed(&self, changes: Changes, term: &Term) -> Batch {
        // The kernel is asked once for all that a commit draws: its id, and a nonce for each value.
        let values = changes.writes.iter().filter(|change| change.has_value()).count();
        let mut drawn = vec![0; changes.id.map_or(COMMIT_ID_BYTES, |_| 0) + values * NONCE_BYTES];
        self.0.env.fill(&mut drawn);
        let mut drawn = drawn.as_slice();
        let id = changes.id.unwrap_or_else(|| CommitId(take(&mut drawn)));
        let mut seal = |key: &Key, value: &SecretBytes| {
            entry::seal(&term.cipher, term.number, key, &take(&mut drawn), value.expose())
        };
        let writes: Vec<_> = changes
            .writes
            .into_iter()
            .map(|change| match change {
                Change::Put(key, value) => Write::Put(key.clone(), seal(&key, &value)),
                Change::PutFresh(key, value) => Write::PutFresh(key.clone(), seal(&key, &value)),
                Change::Delete(key) => Write::Delete(key),
            })
            .collect();
        term.count_sealed(writes.iter().filter(|write| write.value().is_some()).count());
        Batch { id, expectations: changes.expectations, writes }
    }

    /// A value as it is stored under `key`.
    pub(crate) fn seal_value(&self, term: &Term, key: &Key, value: &SecretBytes) -> Bytes {
        entry::seal(&term.cipher, term.number, key, &self.0.env.random(), value.expose())
    }

    /// Commits what is sealed already. Every commit of the barrier goes this way, so that the cache knows of it.
    pub(crate) async fn commit_sealed(&self, batch: Batch) -> Result<Receipt, CommitError> {
        let barrier = self.clone();
        // A task that panicked has left its keys in progress, which keeps them out of the cache.
        tokio::spawn(async move { barrier.settle(&batch).await }).await.unwrap_or(Err(CommitError::Unknown))
    }

    async fn settle(&self, batch: &Batch) -> Result<Receipt, CommitError> {
        let written = batch.writes.iter().map(Write::key);
        let generation = self.0.cache.as_ref().map(|cache| {
            let generation = cache.generation();
            cache.begin(written.clone());
            (cache, generation)
        });
        let settled = storage::settle(&*self.0.storage, &self.0.env, batch, SETTLE_PATIENCE).await;
        if let Some((cache, generation)) = generation {
            match &settled {
                // Others may have overwritten our values before the look that found the commit.
                Ok(Settled::Traced(receipt)) => cache.end(written, receipt.position),
                Ok(Settled::Answered(Outcome::Committed(receipt))) => {
                    let stored = batch.writes.iter().map(|write| (write.key(), as_stored(write, *receipt)));
                    cache.publish(generation, stored, receipt.position);
                }
                Ok(Settled::Answered(Outcome::Conflict(keys))) => {
                    cache.forget(batch.expectations.iter().filter_map(Expectation::key).chain(keys));
                    cache.release(written);
                }
                Ok(Settled::Answered(Outcome::Unknown)) => {
                    cache.forget(batch.expectations.iter().filter_map(Expectation::key));
                }
                Err(_) => cache.release(written),
            }
        }
        match settled.map(Settled::into_outcome) {
            Ok(Outcome::Committed(receipt)) => {
                self.note(receipt.position);
                Ok(receipt)
            }
            Ok(Outcome::Conflict(keys)) => Err(CommitError::Conflict(keys)),
            Ok(Outcome::Unknown) => Err(CommitError::Unknown),
            Err(error) => Err(CommitError::Storage(error)),
        }
    }

    /// Asks the store, and lets the cache know.
    async fn fetch(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, Error> {
        let generation = self.0.cache.as_ref().map(|cache| (cache, cache.generation()));
        let snapshot = self.0.storage.read(keys).await.map_err(Error::Storage)?;
        self.note(snapshot.position);
        let found: Vec<_> = snapshot.entries.into_iter().map(|entry| entry.map(Stored::from)).collect();
        if let Some((cache, generation)) = generation {
            for (key, stored) in keys.iter().zip(&found) {
                cache.offer(generation, key, stored.as_ref(), snapshot.position);
            }
        }
        Ok(found)
    }

    /// The plaintext of a stored value. A term that this node does not know may be a rotation of another node's, so
    /// the keyring is loaded again before the entry is called corrupt.
    async fn open(&self, key: &Key, stored: &Stored) -> Result<Opened, Error> {
        // Let go of the keys before the store is asked.
        let first = self.0.keys.load().as_deref().map(|keys| open_with(keys, key, stored));
        let opened = match first.ok_or(Error::Sealed)? {
            Attempt::UnknownTerm(term) => open_with(&*Box::pin(self.follow(term)).await?, key, stored),
            opened => opened,
        };
        match opened {
            Attempt::Opened(value) => Ok(Opened { value, revision: stored.revision }),
            Attempt::Faulty(Fault::NewerFormat(format)) => {
                tracing::error!(?key, format, "entry has a format that this release does not read");
                Err(Error::NewerFormat { key: key.clone(), format: format.into() })
            }
            Attempt::Faulty(Fault::Corrupt) | Attempt::UnknownTerm(_) => {
                tracing::error!(?key, "entry does not open: it was changed outside, moved, or its term is gone");
                Err(Error::Corrupt { key: key.clone() })
            }
        }
    }
}

/// The next of some drawn bytes. Never the same ones twice: a nonce that came again would give its key away.
fn take<const N: usize>(drawn: &mut &[u8]) -> [u8; N] {
    let (taken, rest) = drawn.split_first_chunk().expect("as many bytes were drawn as are taken");
    *drawn = rest;
    *taken
}

enum Attempt {
    Opened(SecretBytes),
    Faulty(Fault),
    UnknownTerm(u32),
}

fn open_with(keys: &Keys, key: &Key, stored: &Stored) -> Attempt {
    let sealed = match Sealed::parse(&stored.value) {
        Ok(sealed) => sealed,
        Err(fault) => return Attempt::Faulty(fault),
    };
    match keys.keyring.term(sealed.term) {
        Some(term) => sealed.open(&term.cipher, key).map_or_else(Attempt::Faulty, Attempt::Opened),
        None => Attempt::UnknownTerm(sealed.term),
    }
}

fn as_stored(write: &Write, receipt: Receipt) -> Option<Stored> {
    write.value().map(|value| Stored { value: value.clone(), revision: receipt.revision })
}

#[cfg(test)]
mod tests;

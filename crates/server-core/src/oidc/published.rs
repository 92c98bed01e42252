//! What is published of the keys of a namespace: whoever asks needs no token, so it costs a look at one revision.
//!
//! An entry without a value, the epoch, changes with each change of a key and with the first and the last user of one. The
//! public halves are kept in memory with the epoch that they were read in, and never for longer than it is the present one.
//! Never holds a private half.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use barrier::Changes;
use framework::Error;
use jose::Jwk;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use storage::{Key, KeyRange, READ_KEYS_MAX, Revision};

use super::entry::{KeyEntry, Retired};
use super::provider::entry::{ClientEntry, ClientIdEntry, ProviderEntry};
use super::roles::CLIENT_ID_CHARACTERS;
use super::signing::{DEFAULT, latest_rotation};
use super::{ANY, CLIENT_ID, Kind, Oidc};
use crate::keys;
use crate::store::decode;

/// How long others may keep the published keys, in seconds: a key that somebody rotates by hand must be found in time.
const CACHE_SECS_MAX: i64 = 3600;
/// How much is kept in memory of all namespaces together, in bytes.
const BOOKS_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How many namespaces have keys, about.
const BOOKS_GUESS: usize = 256;
/// What one public key takes in memory, about: an RSA key with its names.
const HALF_BYTES: usize = 512;
/// For how many providers of a namespace it is kept whose keys they publish.
const PROVIDERS_MAX: usize = 256;

/// Public keys, and how long they may be kept, in seconds.
pub(super) struct Published {
    pub(super) keys: Vec<Jwk>,
    pub(super) cache_secs: i64,
}

/// What changes with all that is published of a namespace's keys, as it was found.
pub(super) struct Epoch {
    key: Key,
    revision: Option<Revision>,
}

/// The public halves of a namespace's keys as of one epoch.
struct Book {
    epoch: Option<Revision>,
    keys: BTreeMap<String, PublicKey>,
    served: Mutex<Served>,
}

/// By provider, as of a revision of its entry: the keys of the clients that it serves.
type Served = BTreeMap<String, (Revision, Arc<BTreeSet<String>>)>;

/// What of a key everybody may know.
struct PublicKey {
    current: Jwk,
    next: Jwk,
    previous: Vec<Retired>,
    rotates: i64,
    rotation_secs: u64,
    is_used_by_roles: bool,
    is_used_by_clients: bool,
}

/// The public halves of all namespaces, as far as somebody has asked.
pub(super) struct Books(Cache<String, Arc<Book>, Bytes>);

#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<Book>> for Bytes {
    fn weight(&self, ns: &String, book: &Arc<Book>) -> u64 {
        let halves: usize = book.keys.values().map(|key| 2 + key.previous.len()).sum();
        // The providers' lists are of names of these keys.
        (ns.len() + HALF_BYTES * (1 + 2 * halves)) as u64
    }
}

impl Default for Books {
    fn default() -> Self {
        Self(Cache::with_weighter(BOOKS_GUESS, BOOKS_BYTES_MAX, Bytes))
    }
}

impl Books {
    pub(super) fn forget(&self) {
        self.0.clear();
    }
}

impl Epoch {
    /// Adds to a commit that something is published otherwise. At most once in a commit.
    pub(super) fn turn(self, changes: &mut Changes) {
        changes.set(self.key, self.revision, Vec::new());
    }
}

impl PublicKey {
    /// All halves that are published at this moment.
    fn published(&self, now: i64) -> impl Iterator<Item = &Jwk> {
        let previous = self.previous.iter().filter(move |key| key.expires > now).map(|key| &key.public);
        [&self.current, &self.next].into_iter().chain(previous)
    }

    const fn is_used_by(&self, by: Kind) -> bool {
        match by {
            Kind::Role => self.is_used_by_roles,
            Kind::Client => self.is_used_by_clients,
            _ => false,
        }
    }
}

impl Oidc {
    /// The epoch of a namespace's keys. Read before whatever is published as of it, or counted.
    pub(super) async fn key_epoch(&self, ns: &str) -> Result<Epoch, Error> {
        let key = keys::oidc_keys_epoch(ns)?;
        let [revision] = self.store.revisions_of([key.clone()]).await?;
        Ok(Epoch { key, revision })
    }

    /// The public halves of all keys that some `by` uses.
    pub(super) async fn published(&self, ns: &str, by: Kind) -> Result<Published, Error> {
        let book = self.book(ns).await?;
        let keys: Vec<_> = book.keys.iter().filter(|(_, key)| key.is_used_by(by)).collect();
        Ok(self.told(ns, &keys).await)
    }

    /// The public keys of the applications that a provider serves.
    pub(super) async fn published_by(&self, ns: &str, name: &str) -> Result<Published, Error> {
        let found = self.named::<ProviderEntry>(ns, Kind::Provider, name).await?;
        let found = match found {
            Some(found) if found.value.allowed_client_ids.iter().all(|id| id != ANY) => found,
            None if name != DEFAULT => return Err(Error::NotFound),
            _ => return self.published(ns, Kind::Client).await,
        };
        let book = self.book(ns).await?;
        let known = book.served().get(name).filter(|(revision, _)| *revision == found.revision).cloned();
        let names = match known {
            Some((_, names)) => names,
            None => {
                let names = Arc::new(self.keys_of_clients(ns, &found.value.allowed_client_ids).await?);
                let mut served = book.served();
                if served.len() >= PROVIDERS_MAX {
                    served.clear();
                }
                served.insert(name.to_owned(), (found.revision, Arc::clone(&names)));
                names
            }
        };
        let keys: Vec<_> = book.keys.iter().filter(|(name, _)| names.contains(*name)).collect();
        Ok(self.told(ns, &keys).await)
    }

    /// The names of the keys that sign for the clients of these ids.
    async fn keys_of_clients(&self, ns: &str, ids: &[String]) -> Result<BTreeSet<String>, Error> {
        let ids: Vec<_> = ids.iter().filter(|id| id.len() == CLIENT_ID_CHARACTERS).collect();
        let lines = ids.iter().map(|id| keys::oidc(ns, CLIENT_ID, id)).collect::<Result<Vec<_>, _>>()?;
        let (mut names, mut wanted) = (Vec::new(), BTreeSet::new());
        for ((id, line), opened) in ids.iter().zip(&lines).zip(self.store.get_list(&lines).await?) {
            if let Some(opened) = opened {
                names.push(decode::<ClientIdEntry>(line, &opened)?.value.name);
                wanted.insert(id.as_str());
            }
        }
        let clients = self.all_named::<ClientEntry>(ns, Kind::Client, &names).await?;
        let clients = clients.into_iter().flatten().map(|found| found.value);
        Ok(clients.filter(|client| wanted.contains(client.client_id.as_str())).map(|client| client.key).collect())
    }

    /// The key of a namespace that has this id and is still published, whatever uses it.
    pub(super) async fn key_of_id(&self, ns: &str, kid: &str) -> Result<Option<Jwk>, Error> {
        let (book, now) = (self.book(ns).await?, self.now_nanos());
        Ok(book.keys.values().flat_map(|key| key.published(now)).find(|key| key.kid == kid).cloned())
    }

    /// What is told of these keys at this moment.
    async fn told(&self, ns: &str, keys: &[(&String, &PublicKey)]) -> Published {
        let (now, mut published) = (self.now_nanos(), Published { keys: Vec::new(), cache_secs: CACHE_SECS_MAX });
        for (name, key) in keys {
            if key.rotates > latest_rotation(key.rotation_secs, now) {
                self.pull_back(ns, name).await;
            }
            published.keys.extend(key.published(now).cloned());
            let left = key.rotates.saturating_sub(now) / 1_000_000_000;
            published.cache_secs = published.cache_secs.min(left.max(0));
        }
        published
    }

    /// The public halves as of the present epoch.
    async fn book(&self, ns: &str) -> Result<Arc<Book>, Error> {
        // Before the keys: whatever changes one of them after this look has another epoch.
        let epoch = self.key_epoch(ns).await?.revision;
        if let Some(known) = self.books.0.get(ns).filter(|book| book.epoch == epoch) {
            return Ok(known);
        }
        let book = Arc::new(self.read_book(ns, epoch).await?);
        self.books.0.insert(ns.to_owned(), Arc::clone(&book));
        Ok(book)
    }

    async fn read_book(&self, ns: &str, epoch: Option<Revision>) -> Result<Book, Error> {
        let folder = keys::prefix(&keys::oidc_all(ns, Kind::Key.word()))?;
        let (mut range, mut keys) = (KeyRange::prefix(&folder), BTreeMap::new());
        loop {
            let (page, next) = self.store.page(range.clone(), READ_KEYS_MAX).await?;
            for (key, opened) in &page {
                let name = key.as_bytes().get(folder.as_bytes().len()..).unwrap_or_default();
                let name = String::from_utf8_lossy(name).into_owned();
                let entry = decode::<KeyEntry>(key, opened)?.value;
                let public = PublicKey {
                    current: entry.current.public,
                    next: entry.next.public,
                    previous: entry.previous,
                    rotates: entry.rotates,
                    rotation_secs: entry.rotation_secs,
                    is_used_by_roles: self.is_used(ns, Kind::Key, &name, Kind::Role).await?,
                    is_used_by_clients: self.is_used(ns, Kind::Key, &name, Kind::Client).await?,
                };
                keys.insert(name, public);
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(Book { epoch, keys, served: Mutex::default() }),
            }
        }
    }
}

impl Book {
    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

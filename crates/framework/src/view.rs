//! A mount's own part of the storage: what is read and written through it stays below the mount's prefix, and every
//! commit expects that the mount is still alive, so that nothing written during its removal survives it.

use std::ops::ControlFlow;
use std::sync::Arc;

use api::Timestamp;
use barrier::{Barrier, Changes, Item};
use secret::SecretBytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use storage::{Expectation, Key, KeyRange, READ_KEYS_MAX, Scan};
pub use storage::{Receipt, Revision};

use crate::error::Error;
use crate::rotation::RotationKeys;

mod due;
pub mod fingerprints;

pub use due::{Due, DueKey};
use fingerprints::Fingerprints;

/// How often a handler reads and commits again after another writer was faster.
pub const COMMIT_TRIES: usize = 20;
/// The most names that one reply lists; beyond it the caller has to page.
pub const LIST_NAMES_MAX: usize = 500_000;
/// How many entries one storage call of a list asks for.
const LIST_PAGE: usize = 1_000;
/// The longest value of an entry, in bytes, before it is encrypted.
pub const ENTRY_BYTES_MAX: usize = barrier::PLAINTEXT_BYTES_MAX;

/// A part of the storage. Cheap to clone: every request gets one.
#[derive(Clone)]
pub struct View {
    barrier: Barrier,
    prefix: Arc<str>,
    liveness: Arc<[(Key, Revision)]>,
    due: Option<DueKey>,
    rotations: Option<Arc<dyn RotationKeys>>,
    fingerprints: Option<Arc<dyn Fingerprints>>,
}

/// A stored entry, opened.
#[derive(Debug)]
pub struct Stored {
    /// The plaintext; its memory is wiped when it is freed.
    pub value: barrier::Opened,
}

impl Stored {
    /// Which write of the entry this is.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.value.revision
    }

    /// The plaintext.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.value.value.expose()
    }

    /// The plaintext as text.
    ///
    /// # Errors
    /// [`Error::World`] when it is none: the entry is damaged.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(self.bytes()).map_err(|source| Error::world("read a stored entry as text", source))
    }

    /// The entry's text as it is, to be passed through into a reply.
    ///
    /// # Errors
    /// [`Error::World`] when it is not JSON: the entry is damaged.
    pub fn raw(&self) -> Result<Box<RawValue>, Error> {
        serde_json::from_slice(self.bytes()).map_err(|source| Error::world("read a stored entry as JSON", source))
    }

    /// The entry's text, decoded.
    ///
    /// # Errors
    /// [`Error::World`] when it does not decode: the entry is damaged or newer than this release.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.bytes()).map_err(|source| Error::world("decode a stored entry", source))
    }
}

/// One page of entries of a view.
#[derive(Debug)]
pub struct EntryPage {
    /// In the order of their names.
    pub entries: Vec<(String, Result<Stored, Error>)>,
    /// The name that the next page starts with; `None` behind the last.
    pub next: Option<String>,
}

/// Why a commit did not go through. An [`Error`] becomes [`Failed`](Self::Failed), so that `?` works in [`retry!`](crate::retry).
#[derive(Debug)]
pub enum CommitError {
    /// Another writer was faster: read again and decide again.
    Conflict,
    /// Anything else.
    Failed(Error),
}

/// Changes to entries below a view, to be committed together.
pub struct ViewChanges<'v> {
    view: &'v View,
    changes: Changes,
    failed: Option<Error>,
}

/// Which names of a folder to list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Only names after this one.
    pub after: String,
    /// The most names; `None` for all up to [`LIST_NAMES_MAX`].
    pub limit: Option<usize>,
}

impl Listing {
    /// The names after this one, as many as a request's `limit` says: all when it is zero or less.
    #[must_use]
    pub fn new(after: String, limit: i64) -> Self {
        Self { after, limit: usize::try_from(limit).ok().filter(|limit| *limit > 0) }
    }
}

impl View {
    /// The part of the storage below `prefix`, alive as long as every entry of `liveness` is at its revision.
    #[must_use]
    pub fn new(barrier: Barrier, prefix: impl Into<Arc<str>>, liveness: Vec<(Key, Revision)>) -> Self {
        let liveness = liveness.into();
        Self { barrier, prefix: prefix.into(), liveness, due: None, rotations: None, fingerprints: None }
    }

    /// The storage key of a name in this view.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is too long.
    pub fn key(&self, name: &str) -> Result<Key, Error> {
        Key::new([self.prefix.as_bytes(), name.as_bytes()].concat())
            .map_err(|_| Error::Invalid(format!("path is too long: {} bytes", name.len()).into()))
    }

    /// One entry.
    ///
    /// # Errors
    /// When the name is too long or the storage fails.
    pub async fn get(&self, name: &str) -> Result<Option<Stored>, Error> {
        let key = self.key(name)?;
        let found = self.barrier.read_one(&key).await.map_err(from_barrier)?;
        Ok(found.map(|value| Stored { value }))
    }

    /// Several entries as of one position, in the order asked for.
    ///
    /// # Errors
    /// When a name is too long or the storage fails.
    pub async fn get_all<const N: usize>(&self, names: [&str; N]) -> Result<[Option<Stored>; N], Error> {
        let keys = names.into_iter().map(|name| self.key(name)).collect::<Result<Vec<_>, _>>()?;
        let mut entries = self.barrier.read(&keys).await.map_err(from_barrier)?.into_iter();
        Ok(std::array::from_fn(|_| entries.next().flatten().map(|value| Stored { value })))
    }

    /// The names directly in `folder` (empty, or ending in `/`), sorted; deeper folders once, ending in `/`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are more than [`LIST_NAMES_MAX`]; otherwise when the storage fails.
    pub async fn list(&self, folder: &str, listing: &Listing) -> Result<Vec<String>, Error> {
        let limit = listing.limit.unwrap_or(LIST_NAMES_MAX + 1);
        let prefix = [&*self.prefix, folder].concat();
        let start = Key::new(prefix.clone().into_bytes())
            .map_err(|_| Error::Invalid(format!("path is too long: {} bytes", folder.len()).into()))?;
        let mut range = KeyRange::prefix(&start);
        if !listing.after.is_empty() {
            let after = self.key(&[folder, &listing.after].concat())?;
            let behind = if listing.after.ends_with('/') { after.after_prefix() } else { after.successor() };
            range.start = behind.filter(|behind| *behind > range.start).unwrap_or(range.start);
        }
        let mut names = Vec::new();
        loop {
            let page = LIST_PAGE.min(limit - names.len());
            let scan = Scan::range(range.clone(), page).keys_only().folders(prefix.len());
            let page = self.barrier.scan(&scan).await.map_err(from_barrier)?;
            names.extend(page.items.iter().filter_map(|item| name_behind(key_of(item), prefix.len())));
            if names.len() > LIST_NAMES_MAX {
                return Err(too_many_names());
            }
            match page.next {
                Some(next) if names.len() < limit => range.start = next,
                _ => return Ok(names),
            }
        }
    }

    /// The names of everything below `folder` (empty, or ending in `/`), however deep, sorted by their bytes, without
    /// the folder in front; those that `is_visible` does not know of are passed over.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would take a look at more than [`LIST_NAMES_MAX`]; otherwise when the storage fails.
    pub async fn scan(
        &self,
        folder: &str,
        listing: &Listing,
        mut is_visible: impl FnMut(&str) -> bool + Send,
    ) -> Result<Vec<String>, Error> {
        let limit = listing.limit.unwrap_or(LIST_NAMES_MAX);
        let start = self.key(folder)?;
        let mut range = KeyRange::prefix(&start);
        if !listing.after.is_empty() {
            let after = self.key(&[folder, &listing.after].concat())?;
            range.start = after.successor().filter(|behind| *behind > range.start).unwrap_or(range.start);
        }
        let (mut names, mut seen) = (Vec::new(), 0);
        loop {
            let scan = Scan::range(range.clone(), LIST_PAGE).keys_only();
            let page = self.barrier.scan(&scan).await.map_err(from_barrier)?;
            seen += page.items.len();
            let below = page.items.iter().filter_map(|item| name_behind(key_of(item), start.as_bytes().len()));
            names.extend(below.filter(|name| is_visible(name)).take(limit - names.len()));
            match page.next {
                Some(_) if names.len() >= limit => return Ok(names),
                Some(_) if seen >= LIST_NAMES_MAX => return Err(too_many_names()),
                Some(next) => range.start = next,
                None => return Ok(names),
            }
        }
    }

    /// One page of entries whose names start with `prefix`, with their names; for sweeps and migrations.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn page(&self, prefix: &str, limit: usize) -> Result<Vec<(String, Revision)>, Error> {
        let start = self.key(prefix)?;
        let scan = Scan::prefix(&start, limit).keys_only();
        let page = self.barrier.scan(&scan).await.map_err(from_barrier)?;
        let named = page.items.into_iter().filter_map(|item| match item {
            Item::Entry(key, opened) => Some((name_behind(&key, self.prefix.len())?, opened.revision)),
            Item::Key(key, revision) | Item::Unreadable { key, revision, .. } => {
                Some((name_behind(&key, self.prefix.len())?, revision))
            }
            Item::Folder(_) => None,
        });
        Ok(named.collect())
    }

    /// Any number of entries, each as of a moment no older than the call, in the order asked for.
    ///
    /// # Errors
    /// When a name is too long or the storage fails.
    pub async fn get_list(&self, names: &[String]) -> Result<Vec<Option<Stored>>, Error> {
        let mut entries = Vec::with_capacity(names.len());
        for names in names.chunks(READ_KEYS_MAX) {
            let keys = names.iter().map(|name| self.key(name)).collect::<Result<Vec<_>, _>>()?;
            let found = self.barrier.read(&keys).await.map_err(from_barrier)?;
            entries.extend(found.into_iter().map(|found| found.map(|value| Stored { value })));
        }
        Ok(entries)
    }

    /// One page of names from `start` up to and without `end`, with their revisions.
    ///
    /// # Errors
    /// When a name is too long or the storage fails.
    pub async fn names_between(&self, start: &str, end: &str, limit: usize) -> Result<Vec<(String, Revision)>, Error> {
        let range = KeyRange { start: self.key(start)?, end: Some(self.key(end)?) };
        let page = self.barrier.scan(&Scan::range(range, limit).keys_only()).await.map_err(from_barrier)?;
        let named = page.items.into_iter().filter_map(|item| match item {
            Item::Key(key, revision) => Some((name_behind(&key, self.prefix.len())?, revision)),
            Item::Entry(..) | Item::Folder(_) | Item::Unreadable { .. } => None,
        });
        Ok(named.collect())
    }

    /// One page of entries from `start` up to and without `end`, and the name that the next page starts with. What
    /// does not open stands there as an error: the barrier has logged it.
    ///
    /// # Errors
    /// When a name is too long or the storage fails.
    pub async fn entries_between(&self, start: &str, end: &str, limit: usize) -> Result<EntryPage, Error> {
        let range = KeyRange { start: self.key(start)?, end: Some(self.key(end)?) };
        let page = self.barrier.scan(&Scan::range(range, limit)).await.map_err(from_barrier)?;
        let entries = page.items.into_iter().filter_map(|item| match item {
            Item::Entry(key, value) => Some((name_behind(&key, self.prefix.len())?, Ok(Stored { value }))),
            Item::Unreadable { key, why, .. } => Some((name_behind(&key, self.prefix.len())?, Err(from_barrier(why)))),
            Item::Key(..) | Item::Folder(_) => None,
        });
        let next = page.next.and_then(|next| name_behind(&next, self.prefix.len()));
        Ok(EntryPage { entries: entries.collect(), next })
    }

    /// The same with rotations, whose keys are spelled like this.
    #[must_use]
    pub fn with_rotations(mut self, keys: Arc<dyn RotationKeys>) -> Self {
        self.rotations = Some(keys);
        self
    }

    pub(crate) fn rotation_keys(&self) -> Option<Arc<dyn RotationKeys>> {
        self.rotations.clone()
    }

    /// Entries under keys that were not spelled by this view, as of one position.
    pub(crate) async fn read_keys<const N: usize>(&self, keys: [Key; N]) -> Result<[Option<Stored>; N], Error> {
        let mut entries = self.barrier.read(&keys).await.map_err(from_barrier)?.into_iter();
        Ok(std::array::from_fn(|_| entries.next().flatten().map(|value| Stored { value })))
    }

    /// Changes to be filled and committed.
    #[must_use]
    pub fn changes(&self) -> ViewChanges<'_> {
        ViewChanges { view: self, changes: Changes::new(), failed: None }
    }

    /// A part of this view, as alive as this one.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        Self { prefix: [&*self.prefix, prefix].concat().into(), ..self.clone() }
    }

    /// Whether `key` is one of those whose change means that the mount is going away.
    fn is_liveness(&self, key: &Key) -> bool {
        self.liveness.iter().any(|(it, _)| it == key)
    }
}

impl ViewChanges<'_> {
    /// Stores under a name that must not be there.
    #[must_use]
    pub fn create(self, name: &str, value: impl Into<SecretBytes>) -> Self {
        self.with(name, |changes, key| changes.create(key, value))
    }

    /// Stores under a name that must be at `revision`.
    #[must_use]
    pub fn replace(self, name: &str, revision: Revision, value: impl Into<SecretBytes>) -> Self {
        self.with(name, |changes, key| changes.replace(key, revision, value))
    }

    /// Stores under a name: over `known` if it is there, else where nothing is.
    #[must_use]
    pub fn put(self, name: &str, known: Option<Revision>, value: impl Into<SecretBytes>) -> Self {
        self.with(name, |changes, key| changes.set(key, known, value))
    }

    /// Removes a name that must be at `revision`.
    #[must_use]
    pub fn delete(self, name: &str, revision: Revision) -> Self {
        self.with(name, |changes, key| changes.delete(key, revision))
    }

    /// Expects a name to be at `revision` without writing it.
    #[must_use]
    pub fn expect_at(self, name: &str, revision: Revision) -> Self {
        self.with(name, |changes, key| changes.expect(Expectation::At(key, revision)))
    }

    /// Whether one more write of a name stays within the bounds of a commit; `value_bytes` is the length of its value,
    /// `None` for a removal. A name that is too long does not fit.
    #[must_use]
    pub fn fits(&self, name: &str, value_bytes: Option<usize>) -> bool {
        // The liveness entries are expected as well, when it comes to the commit.
        let is_roomy = self.changes.expectations() + self.view.liveness.len() < storage::EXPECTATIONS_MAX;
        is_roomy && self.view.key(name).is_ok_and(|key| self.changes.fits(&key, value_bytes))
    }

    /// Adds changes under keys that were not spelled by this view.
    pub(crate) fn raw(mut self, change: impl FnOnce(&mut Changes)) -> Self {
        change(&mut self.changes);
        self
    }

    /// The changes themselves, for whoever commits them and expects the mount's liveness as well.
    pub(crate) fn into_changes(self) -> Result<Changes, Error> {
        self.failed.map_or(Ok(self.changes), Err)
    }

    /// Makes all changes or none.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] to try again; otherwise what went wrong, also when the mount is going away or is being
    /// upgraded.
    pub async fn commit(mut self) -> Result<Receipt, CommitError> {
        if let Some(error) = self.failed {
            return Err(CommitError::Failed(error));
        }
        for (key, revision) in self.view.liveness.iter() {
            self.changes.expect(Expectation::At(key.clone(), *revision));
        }
        match self.view.barrier.commit(self.changes).await {
            Ok(receipt) => Ok(receipt),
            Err(barrier::CommitError::Conflict(keys)) if keys.iter().any(|key| self.view.is_liveness(key)) => {
                Err(CommitError::Failed(Error::Unrouted("the mount is being removed or upgraded".into())))
            }
            Err(barrier::CommitError::Conflict(_)) => Err(CommitError::Conflict),
            Err(error) => Err(CommitError::Failed(from_commit(error))),
        }
    }

    fn with(self, name: &str, change: impl FnOnce(&mut Changes, Key) -> &mut Changes) -> Self {
        let key = self.view.key(name);
        self.with_key(key, change)
    }

    fn with_key(mut self, key: Result<Key, Error>, change: impl FnOnce(&mut Changes, Key) -> &mut Changes) -> Self {
        match key {
            Ok(key) => {
                change(&mut self.changes, key);
            }
            Err(error) => self.failed = Some(error),
        }
        self
    }
}

/// The entry's text, ready to be stored.
///
/// # Errors
/// Never for our own types; the error is there for maps with keys that are not text.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| Error::world("encode an entry", source))
}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads, decides and commits, again and again as long as somebody else was faster: `retry!(attempt => { … })` is a
/// `Result<T, Error>`. The block is async, may use `?`, and ends in a `Result<T, CommitError>`; it must read anew each
/// time. `attempt` counts from 0. After [`COMMIT_TRIES`] conflicts it is [`contended`].
///
/// A macro and not a function, because the compiler cannot yet see that a future with an async closure that borrows
/// is `Send`.
#[macro_export]
macro_rules! retry {
    ($attempt:pat => $body:block) => {{
        let mut number = 0;
        loop {
            let $attempt = number;
            let outcome: Result<_, $crate::view::CommitError> = async { $body }.await;
            match $crate::view::judge(outcome, number) {
                std::ops::ControlFlow::Break(result) => break result,
                std::ops::ControlFlow::Continue(()) => number += 1,
            }
        }
    }};
}

/// What [`retry!`](crate::retry) does after its attempt `number`.
pub fn judge<T>(outcome: Result<T, CommitError>, number: usize) -> ControlFlow<Result<T, Error>> {
    match outcome {
        Ok(done) => ControlFlow::Break(Ok(done)),
        Err(CommitError::Conflict) if number + 1 < COMMIT_TRIES => ControlFlow::Continue(()),
        Err(CommitError::Conflict) => ControlFlow::Break(Err(contended())),
        Err(CommitError::Failed(error)) => ControlFlow::Break(Err(error)),
    }
}

/// What a handler answers after [`COMMIT_TRIES`] lost races.
#[must_use]
pub fn contended() -> Error {
    Error::Busy("too many concurrent requests being made to the same path, try again".into())
}

/// A barrier's failure as a handler's.
#[must_use]
pub fn from_barrier(error: barrier::Error) -> Error {
    match error {
        barrier::Error::Sealed => Error::Sealed,
        error => Error::world("read from storage", error),
    }
}

/// A failed commit as a handler's error; a conflict that nobody will retry is [`contended`].
#[must_use]
pub fn from_commit(error: barrier::CommitError) -> Error {
    match error {
        barrier::CommitError::Sealed => Error::Sealed,
        barrier::CommitError::Conflict(_) => contended(),
        barrier::CommitError::Storage(source @ storage::Error::Full) => Error::WorldShown {
            shown: "no space left for the store: nothing was written".into(),
            source: Box::new(source),
        },
        error => Error::world("write to storage", error),
    }
}

fn too_many_names() -> Error {
    let text = format!("more than {LIST_NAMES_MAX} names: list them in pages with \"limit\" and \"after\"");
    Error::Invalid(text.into())
}

/// The key of a scanned line, or the start that a folder's keys share.
fn key_of(item: &Item) -> &Key {
    match item {
        Item::Entry(key, _) | Item::Key(key, _) | Item::Unreadable { key, .. } | Item::Folder(key) => key,
    }
}

/// The name behind the first `offset` bytes of a key; keys are UTF-8 because all names are.
fn name_behind(key: &Key, offset: usize) -> Option<String> {
    let name = key.as_bytes().get(offset..)?;
    std::str::from_utf8(name).ok().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A time as stored: nanoseconds since 1970, as text in JSON's number.
pub type StoredTime = i64;

/// The stored form of a time.
#[must_use]
pub fn to_stored(time: Timestamp) -> StoredTime {
    i64::try_from(time.unix_nanos()).unwrap_or(i64::MAX)
}

/// The time of a stored form.
#[must_use]
pub fn from_stored(nanos: StoredTime) -> Timestamp {
    Timestamp::from_unix_nanos(i128::from(nanos))
}

#[cfg(test)]
mod tests;

//! A store in memory, for `-dev` and tests: as strict as the durable ones, gone with the process.
//!
//! It must never be more generous than they are: every limit and every rule holds here too.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use crate::history::{HISTORY_COMMITS_MAX, History};
use crate::page::{Filling, Step};
use crate::{
    Batch, Entry, Error, Export, Key, KeyRange, Outcome, Page, Position, Receipt, Revision, SCAN_BYTES_MAX,
    SCAN_LIMIT_MAX, Scan, Snapshot, Storage, Watch, check_read,
};

/// Entries in memory. The position counts the commits, and a revision is the position of the commit that wrote it.
pub struct Memory {
    state: RwLock<State>,
    history: History,
}

struct State {
    position: Position,
    /// Shared with the exports that are being read: a commit copies the map only while there is one.
    entries: Arc<BTreeMap<Key, Entry>>,
}

impl Memory {
    /// An empty store at position zero.
    #[must_use]
    pub fn new() -> Self {
        Self::with_history(HISTORY_COMMITS_MAX)
    }

    /// An empty store whose watches can go back at most this many commits.
    #[must_use]
    pub fn with_history(commits_max: usize) -> Self {
        let state = State { position: Position(0), entries: Arc::default() };
        Self { state: RwLock::new(state), history: History::new(Position(0), commits_max) }
    }

    fn reading(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn conflicts(&self, batch: &Batch) -> Vec<Key> {
        let revision = |key: &Key| Ok::<_, Infallible>(self.entries.get(key).map(|entry| entry.revision));
        let first = |range: &KeyRange| Ok(range_of(&self.entries, range).next().map(|(key, _)| key.clone()));
        match batch.conflicts(revision, first) {
            Ok(keys) => keys,
        }
    }

    fn apply(&mut self, batch: &Batch) -> Receipt {
        self.position = Position(self.position.0 + 1);
        let revision = Revision(self.position.0);
        let entries = Arc::make_mut(&mut self.entries);
        for write in &batch.writes {
            let key = write.key().clone();
            match write.value().cloned() {
                Some(value) => entries.insert(key.clone(), Entry { key, value, revision, commit: batch.id }),
                None => entries.remove(&key),
            };
        }
        Receipt { position: self.position, revision }
    }

    fn page(&self, scan: &Scan) -> Page {
        let mut filling = Filling::new(scan);
        let mut range = scan.range.clone();
        'seek: loop {
            for (key, entry) in range_of(&self.entries, &range) {
                let Ok(step) = filling.offer(key, entry.revision, || Ok::<_, Infallible>(entry.clone()));
                match step {
                    Step::Next => {}
                    Step::Full => return filling.finish(Some(key.clone()), self.position),
                    Step::Skip(None) => return filling.finish(None, self.position),
                    Step::Skip(Some(behind)) => {
                        range.start = behind;
                        continue 'seek;
                    }
                }
            }
            return filling.finish(None, self.position);
        }
    }
}

#[async_trait]
impl Storage for Memory {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, Error> {
        check_read(keys)?;
        let state = self.reading();
        let entries = keys.iter().map(|key| state.entries.get(key).cloned()).collect();
        Ok(Snapshot { entries, position: state.position })
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        scan.check()?;
        Ok(self.reading().page(scan))
    }

    /// The same batch sent again after it went through is a conflict: what it expected no longer holds.
    async fn commit(&self, batch: &Batch) -> Result<Outcome, Error> {
        batch.check().map_err(Error::Batch)?;
        let keys: Arc<[Key]> = batch.writes.iter().map(|write| write.key().clone()).collect();
        let mut state = self.writing();
        let conflicts = state.conflicts(batch);
        if !conflicts.is_empty() {
            return Ok(Outcome::Conflict(conflicts));
        }
        let receipt = state.apply(batch);
        // Under the lock, so that the history has the order of the commits.
        self.history.record(receipt.position, keys);
        Ok(Outcome::Committed(receipt))
    }

    async fn now(&self) -> Result<Position, Error> {
        Ok(self.reading().position)
    }

    async fn watch(&self, from: Position) -> Result<Box<dyn Watch>, Error> {
        Ok(self.history.watch(from))
    }

    async fn export(&self) -> Result<Box<dyn Export>, Error> {
        let state = self.reading();
        Ok(Box::new(Copy { entries: state.entries.clone(), position: state.position, told: Bound::Unbounded }))
    }
}

struct Copy {
    entries: Arc<BTreeMap<Key, Entry>>,
    position: Position,
    /// Behind the last entry that was handed out.
    told: Bound<Key>,
}

#[async_trait]
impl Export for Copy {
    fn position(&self) -> Position {
        self.position
    }

    async fn next(&mut self) -> Result<Vec<Entry>, Error> {
        let mut page = Vec::new();
        let mut bytes = 0;
        for (key, entry) in self.entries.range((self.told.clone(), Bound::Unbounded)) {
            if page.len() == SCAN_LIMIT_MAX || bytes >= SCAN_BYTES_MAX {
                break;
            }
            bytes += key.as_bytes().len() + entry.value.len();
            page.push(entry.clone());
        }
        if let Some(last) = page.last() {
            self.told = Bound::Excluded(last.key.clone());
        }
        Ok(page)
    }
}

/// The entries of a range; none when it ends before it starts, which the map would panic on.
fn range_of<'a>(
    entries: &'a BTreeMap<Key, Entry>,
    range: &KeyRange,
) -> impl Iterator<Item = (&'a Key, &'a Entry)> + use<'a> {
    let is_empty = range.end.as_ref().is_some_and(|end| *end <= range.start);
    let end = match &range.end {
        _ if is_empty => Bound::Included(range.start.clone()),
        Some(end) => Bound::Excluded(end.clone()),
        None => Bound::Unbounded,
    };
    let bounds = (Bound::Included(range.start.clone()), end);
    entries.range(bounds).take(if is_empty { 0 } else { usize::MAX })
}

//! A store on which somebody else always writes at the worst moment: between a caller's read and its commit.
//!
//! What a rival writes is the value that was there, under a new revision: it changes nothing but who must read again.
//! It must never stop a caller for good, so it strikes only so often in a row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use async_trait::async_trait;
use env::simulated::SeededRandom;

use crate::{
    Batch, CommitId, Error, Expectation, Export, Key, Outcome, Page, Position, Revision, Scan, Snapshot, Storage, Watch,
};

/// The most commits in a row that a rival makes fail.
pub const STRIKES_IN_ROW_MAX: u32 = 3;

/// Wraps a store and competes with whoever uses it.
pub struct Rival {
    inner: Arc<dyn Storage>,
    random: SeededRandom,
    chance_percent: u64,
    in_row: AtomicU32,
    strikes: AtomicU64,
}

impl Rival {
    /// Wraps a store; before `chance_percent` of the commits that expect a key at a revision, that key is rewritten.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, seed: u64, chance_percent: u64) -> Self {
        let random = SeededRandom::new(seed);
        Self { inner, random, chance_percent, in_row: AtomicU32::new(0), strikes: AtomicU64::new(0) }
    }

    /// How many commits it got in the way of: what a test asserts to be more than zero.
    #[must_use]
    pub fn strikes(&self) -> u64 {
        self.strikes.load(Ordering::SeqCst)
    }

    /// Which of the expected keys to rewrite now, if any.
    fn target<'a>(&self, batch: &'a Batch) -> Option<(&'a Key, Revision)> {
        let expected: Vec<_> = batch.expectations.iter().filter_map(present).collect();
        let is_spared = expected.is_empty()
            || self.in_row.load(Ordering::SeqCst) >= STRIKES_IN_ROW_MAX
            || self.random.below(100) >= self.chance_percent;
        if is_spared {
            return None;
        }
        let choice = self.random.below(expected.len() as u64);
        expected.get(usize::try_from(choice).ok()?).copied()
    }

    /// Rewrites the key as it stands. If it has changed meanwhile, somebody else has done the rival's work.
    async fn strike(&self, key: &Key, revision: Revision) -> Result<(), Error> {
        let snapshot = self.inner.read(std::slice::from_ref(key)).await?;
        if let Some(entry) = snapshot.entries.into_iter().flatten().find(|entry| entry.revision == revision) {
            let batch = Batch::new(CommitId(self.id())).replace(key.clone(), revision, entry.value);
            if let Outcome::Committed(_) = self.inner.commit(&batch).await? {
                self.strikes.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(())
    }

    fn id(&self) -> [u8; 16] {
        let (high, low) = (u128::from(self.random.next()), u128::from(self.random.next()));
        (high << 64 | low).to_be_bytes()
    }
}

fn present(expectation: &Expectation) -> Option<(&Key, Revision)> {
    match expectation {
        Expectation::At(key, revision) => Some((key, *revision)),
        Expectation::Absent(_) | Expectation::NoneIn(_) => None,
    }
}

#[async_trait]
impl Storage for Rival {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, Error> {
        self.inner.read(keys).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        self.inner.scan(scan).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Outcome, Error> {
        match self.target(batch) {
            Some((key, revision)) => {
                self.in_row.fetch_add(1, Ordering::SeqCst);
                self.strike(key, revision).await?;
            }
            None => self.in_row.store(0, Ordering::SeqCst),
        }
        self.inner.commit(batch).await
    }

    async fn now(&self) -> Result<Position, Error> {
        self.inner.now().await
    }

    async fn watch(&self, from: Position) -> Result<Box<dyn Watch>, Error> {
        self.inner.watch(from).await
    }

    async fn export(&self) -> Result<Box<dyn Export>, Error> {
        self.inner.export().await
    }
}

#[cfg(test)]
mod tests;

//! A store that counts the calls that pass through it, for goldens of what a request costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::{Batch, Error, Export, Key, Outcome, Page, Position, Scan, Snapshot, Storage, Watch, Write};

/// Which of the six calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// [`Storage::read`].
    Read,
    /// [`Storage::scan`].
    Scan,
    /// [`Storage::commit`].
    Commit,
    /// [`Storage::now`].
    Now,
    /// [`Storage::watch`].
    Watch,
    /// [`Storage::export`].
    Export,
}

/// How many calls of each kind were made, whatever came of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Calls of [`Storage::read`].
    pub reads: u64,
    /// Calls of [`Storage::scan`].
    pub scans: u64,
    /// Calls of [`Storage::commit`].
    pub commits: u64,
    /// Calls of [`Storage::now`].
    pub nows: u64,
    /// Calls of [`Storage::watch`].
    pub watches: u64,
    /// Calls of [`Storage::export`].
    pub exports: u64,
}

/// Counts, and passes everything on unchanged.
pub struct Counting {
    inner: Arc<dyn Storage>,
    counts: Counts,
    removals: AtomicU64,
}

/// One counter for each [`Call`], in the order of its variants.
#[derive(Default)]
pub(crate) struct Counts([AtomicU64; 6]);

impl Counts {
    /// Counts a call; says the how-manieth of its kind it is, from 1.
    pub(crate) fn add(&self, call: Call) -> u64 {
        self.of(call).fetch_add(1, Ordering::SeqCst) + 1
    }

    /// How many calls of this kind there were.
    pub(crate) fn count(&self, call: Call) -> u64 {
        self.of(call).load(Ordering::SeqCst)
    }

    fn of(&self, call: Call) -> &AtomicU64 {
        let [read, scan, commit, now, watch, export] = &self.0;
        match call {
            Call::Read => read,
            Call::Scan => scan,
            Call::Commit => commit,
            Call::Now => now,
            Call::Watch => watch,
            Call::Export => export,
        }
    }

    fn tally(&self, take: impl Fn(&AtomicU64) -> u64) -> Tally {
        let take = |call| take(self.of(call));
        Tally {
            reads: take(Call::Read),
            scans: take(Call::Scan),
            commits: take(Call::Commit),
            nows: take(Call::Now),
            watches: take(Call::Watch),
            exports: take(Call::Export),
        }
    }
}

impl Counting {
    /// Wraps a store, with all counts at zero.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self { inner, counts: Counts::default(), removals: AtomicU64::new(0) }
    }

    /// How many keys were removed so far by commits that went through.
    #[must_use]
    pub fn removals(&self) -> u64 {
        self.removals.load(Ordering::SeqCst)
    }

    /// The calls so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.counts.tally(|count| count.load(Ordering::SeqCst))
    }

    /// The calls so far, counting from zero again.
    pub fn take(&self) -> Tally {
        self.counts.tally(|count| count.swap(0, Ordering::SeqCst))
    }
}

#[async_trait]
impl Storage for Counting {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, Error> {
        self.counts.add(Call::Read);
        self.inner.read(keys).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        self.counts.add(Call::Scan);
        self.inner.scan(scan).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Outcome, Error> {
        self.counts.add(Call::Commit);
        let outcome = self.inner.commit(batch).await?;
        if matches!(outcome, Outcome::Committed(_)) {
            let removals = batch.writes.iter().filter(|write| matches!(write, Write::Delete(_))).count();
            self.removals.fetch_add(removals as u64, Ordering::SeqCst);
        }
        Ok(outcome)
    }

    async fn now(&self) -> Result<Position, Error> {
        self.counts.add(Call::Now);
        self.inner.now().await
    }

    async fn watch(&self, from: Position) -> Result<Box<dyn Watch>, Error> {
        self.counts.add(Call::Watch);
        self.inner.watch(from).await
    }

    async fn export(&self) -> Result<Box<dyn Export>, Error> {
        self.counts.add(Call::Export);
        self.inner.export().await
    }
}

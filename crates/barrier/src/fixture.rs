//! What several tests here need: nodes over one store, a look past the barrier, a store that waits, a clock that runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use env::Env;
use env::simulated::SimulatedClock;
use secret::SecretBytes;
use storage::counting::Counting;
use storage::memory::Memory;
use storage::{Batch, CommitId, Entry, Error, Export, Key, Outcome, Page, Position, Scan, Snapshot, Storage, Watch};
use tokio::sync::watch;

use crate::seal::{Device, InitOptions, SealControl};
use crate::{Barrier, CacheMode, Changes, Options};

/// Several nodes on one store.
pub(crate) struct World {
    pub store: Arc<Counting>,
    pub env: Env,
    pub share: SecretBytes,
}

/// A key from its name.
pub(crate) fn key(name: &str) -> Key {
    Key::new(name.to_owned()).unwrap()
}

/// Changes that create one entry.
pub(crate) fn created(name: &str, value: &[u8]) -> Changes {
    let mut changes = Changes::new();
    changes.create(key(name), value);
    changes
}

impl World {
    /// An initialized store.
    pub(crate) async fn new() -> Self {
        let (env, _) = env::simulated::env(1);
        Self::over(Arc::new(Memory::new()), env).await
    }

    /// The same over another store, which must be empty.
    pub(crate) async fn over(inner: Arc<dyn Storage>, env: Env) -> Self {
        let store = Arc::new(Counting::new(inner));
        let barrier = Barrier::new(store.clone(), env.clone(), options(CacheMode::ReadThrough));
        let control = SealControl::new(barrier, Device::Shamir);
        let reply = control.init(&InitOptions::shamir(1, 1), Vec::new()).await.unwrap();
        Self { store, env, share: reply.shares.into_iter().next().unwrap() }
    }

    /// An unsealed node. Only one with [`CacheMode::SoleWriter`] may write at a time.
    pub(crate) async fn node(&self, cache: CacheMode) -> Barrier {
        let barrier = Barrier::new(self.store.clone(), self.env.clone(), options(cache));
        SealControl::new(barrier.clone(), Device::Shamir).unseal(self.share.clone()).await.unwrap();
        self.store.take();
        barrier
    }

    /// What is stored, past the barrier.
    pub(crate) async fn raw(&self, name: &str) -> Option<Entry> {
        self.store.read(&[key(name)]).await.unwrap().entries.remove(0)
    }

    /// Puts something into the store, past the barrier.
    pub(crate) async fn put_raw(&self, name: &str, value: impl Into<Bytes>) {
        let batch = Batch::new(CommitId(self.env.random()));
        let batch = match self.raw(name).await {
            Some(found) => batch.replace(key(name), found.revision, value),
            None => batch.create(key(name), value),
        };
        assert!(matches!(self.store.commit(&batch).await.unwrap(), Outcome::Committed(_)));
    }

    /// Takes something out of the store, past the barrier.
    pub(crate) async fn delete_raw(&self, name: &str) {
        let found = self.raw(name).await.unwrap();
        let batch = Batch::new(CommitId(self.env.random())).delete(key(name), found.revision);
        assert!(matches!(self.store.commit(&batch).await.unwrap(), Outcome::Committed(_)));
    }
}

fn options(cache: CacheMode) -> Options {
    Options { cache_bytes: 1024 * 1024, cache }
}

/// Lets simulated time pass for as long as the test runs, so that pauses between retries end.
pub(crate) fn run_clock(clock: Arc<SimulatedClock>) {
    tokio::spawn(async move {
        loop {
            clock.advance(Duration::from_millis(50));
            tokio::task::yield_now().await;
        }
    });
}

/// A store whose answers to reads, and whose commits, can be held back.
pub(crate) struct Gate {
    inner: Memory,
    /// While true, what was read is not handed out.
    pub hold_answers: watch::Sender<bool>,
    /// While true, no commit starts.
    pub hold_commits: watch::Sender<bool>,
    /// How many calls are being held back.
    held: watch::Sender<usize>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let open = || watch::Sender::new(false);
        Self { inner: Memory::new(), hold_answers: open(), hold_commits: open(), held: watch::Sender::new(0) }
    }

    /// Waits until so many calls are held back.
    pub(crate) async fn wait_for_held(&self, count: usize) {
        self.held.subscribe().wait_for(|held| *held == count).await.unwrap();
    }

    async fn pass(&self, gate: &watch::Sender<bool>) {
        self.held.send_modify(|held| *held += 1);
        gate.subscribe().wait_for(|is_held| !is_held).await.unwrap();
        self.held.send_modify(|held| *held -= 1);
    }
}

#[async_trait]
impl Storage for Gate {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, Error> {
        let snapshot = self.inner.read(keys).await;
        self.pass(&self.hold_answers).await;
        snapshot
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        self.inner.scan(scan).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Outcome, Error> {
        self.pass(&self.hold_commits).await;
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

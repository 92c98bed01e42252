//! A store whose calls are timed, for the metrics of a node: how long reads, pages and commits take that no cache has
//! answered.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use env::Env;
use telemetry::Summary;

use crate::{Batch, Error, Export, Key, Outcome, Page, Position, Scan, Snapshot, Storage, Watch};

/// How long the calls took, whatever came of them. One that was given up is not in it.
#[derive(Debug, Default)]
pub struct Times {
    /// Of [`Storage::read`].
    pub reads: Summary,
    /// Of [`Storage::scan`].
    pub scans: Summary,
    /// Of [`Storage::commit`].
    pub commits: Summary,
}

/// Times calls, and passes everything on unchanged.
pub struct Timed {
    inner: Arc<dyn Storage>,
    env: Env,
    times: Arc<Times>,
}

impl Timed {
    /// Wraps a store.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, env: Env, times: Arc<Times>) -> Self {
        Self { inner, env, times }
    }

    async fn timed<T>(&self, into: &Summary, call: impl Future<Output = T>) -> T {
        let begun = self.env.monotonic();
        let result = call.await;
        into.record(self.since(begun));
        result
    }

    fn since(&self, begun: Duration) -> Duration {
        self.env.monotonic().saturating_sub(begun)
    }
}

#[async_trait]
impl Storage for Timed {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, Error> {
        self.timed(&self.times.reads, self.inner.read(keys)).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        self.timed(&self.times.scans, self.inner.scan(scan)).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Outcome, Error> {
        self.timed(&self.times.commits, self.inner.commit(batch)).await
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
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::{CommitId, KeyRange};

    #[tokio::test]
    async fn calls_are_counted_by_their_kind_and_pass_on() {
        let (env, _clock) = env::simulated::env(1);
        let times = Arc::new(Times::default());
        let store = Timed::new(Arc::new(Memory::new()), env, Arc::clone(&times));
        let key = Key::constant("a");
        let batch = Batch::new(CommitId([0; 16])).create(key.clone(), "1");
        store.commit(&batch).await.expect("the key is free");
        let found = store.read(&[key]).await.expect("the store is well");
        assert!(found.entries[0].is_some());
        store.scan(&Scan::range(KeyRange { start: Key::constant("a"), end: None }, 1)).await.expect("it can be read");
        store.now().await.expect("it knows");
        let counts = [&times.reads, &times.scans, &times.commits].map(Summary::count);
        assert_eq!(counts, [1, 1, 1]);
    }
}

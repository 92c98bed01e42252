//! A store that stops one commit until it is told to go on: whatever a test does in between has happened between what
//! the stopped one has read and what it writes, every time.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Batch, Error, Export, Key, Outcome, Page, Position, Scan, Snapshot, Storage, Watch};

/// Wraps a store. It is open until it is closed; then the next commit is stopped, and all behind it pass.
pub struct Gate {
    inner: Arc<dyn Storage>,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    /// The next commit is to be stopped.
    Closed,
    /// A commit waits.
    Reached,
}

impl Gate {
    /// Wraps a store; open at first.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self { inner, state: watch::Sender::new(State::Open) }
    }

    /// Stops the next commit.
    pub fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    /// Waits until a commit has been stopped.
    pub async fn reached(&self) {
        self.wait_for(State::Reached).await;
    }

    /// Lets the commit go on that has been stopped.
    pub fn open(&self) {
        self.state.send_replace(State::Open);
    }

    async fn wait_for(&self, state: State) {
        // The sender lives as long as this, so the wait ends with the state alone.
        drop(self.state.subscribe().wait_for(|now| *now == state).await);
    }
}

#[async_trait]
impl Storage for Gate {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, Error> {
        self.inner.read(keys).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        self.inner.scan(scan).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Outcome, Error> {
        let is_stopped = self.state.send_if_modified(|state| {
            let is_closed = *state == State::Closed;
            if is_closed {
                *state = State::Reached;
            }
            is_closed
        });
        if is_stopped {
            self.wait_for(State::Open).await;
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

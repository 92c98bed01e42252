//! The recent past of a store in memory: which keys changed at which position, for those who watch.
//!
//! Bounded in commits and in bytes of keys. Who asks for what was dropped hears [`Change::Gone`], never a list with a
//! hole in it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Change, Error, Key, Position, Watch};

/// How many commits a history keeps unless told otherwise.
pub const HISTORY_COMMITS_MAX: usize = 16_384;
/// The most that the keys of a history take, in bytes.
pub const HISTORY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What changed lately, for a store whose commits all pass through one place.
pub struct History {
    ring: Arc<Mutex<Ring>>,
    wake: watch::Sender<()>,
}

struct Ring {
    /// Everything behind this position is known.
    start: Position,
    /// Everything up to this position has been recorded.
    latest: Position,
    /// In ascending order of positions.
    commits: VecDeque<(Position, Arc<[Key]>)>,
    commits_max: usize,
    bytes: usize,
    is_closed: bool,
}

impl History {
    /// A history that begins behind `start` and keeps at most `commits_max` commits.
    #[must_use]
    pub fn new(start: Position, commits_max: usize) -> Self {
        let ring = Ring { start, latest: start, commits: VecDeque::new(), commits_max, bytes: 0, is_closed: false };
        Self { ring: Arc::new(Mutex::new(ring)), wake: watch::Sender::new(()) }
    }

    /// Adds a commit and wakes those who watch. Positions must be given in ascending order.
    pub fn record(&self, position: Position, keys: Arc<[Key]>) {
        lock(&self.ring).push(position, keys);
        self.wake.send_replace(());
    }

    /// Forgets everything up to `position`: something may have happened that was not recorded.
    pub fn restart(&self, position: Position) {
        lock(&self.ring).clear(position);
        self.wake.send_replace(());
    }

    /// Ends every watch with [`Error::Closed`].
    pub fn close(&self) {
        lock(&self.ring).is_closed = true;
        self.wake.send_replace(());
    }

    /// Changes after `from`. A position that lies ahead of the store belongs to another history: that one is
    /// [`Change::Gone`] as well.
    #[must_use]
    pub fn watch(&self, from: Position) -> Box<dyn Watch> {
        let is_gone = from > lock(&self.ring).latest;
        Box::new(HistoryWatch {
            ring: self.ring.clone(),
            wake: self.wake.subscribe(),
            told: from,
            is_progress_told: false,
            is_gone,
        })
    }
}

impl Ring {
    fn push(&mut self, position: Position, keys: Arc<[Key]>) {
        self.bytes += key_bytes(&keys);
        self.latest = position;
        self.commits.push_back((position, keys));
        while self.commits.len() > self.commits_max || self.bytes > HISTORY_BYTES_MAX {
            let Some((dropped, keys)) = self.commits.pop_front() else { break };
            self.bytes -= key_bytes(&keys);
            self.start = dropped;
        }
    }

    fn clear(&mut self, position: Position) {
        self.commits.clear();
        self.bytes = 0;
        self.start = position;
        self.latest = position;
    }

    fn after(&self, position: Position) -> Option<&(Position, Arc<[Key]>)> {
        self.commits.get(self.commits.partition_point(|(at, _)| *at <= position))
    }
}

struct HistoryWatch {
    ring: Arc<Mutex<Ring>>,
    wake: watch::Receiver<()>,
    told: Position,
    is_progress_told: bool,
    is_gone: bool,
}

impl HistoryWatch {
    /// What there is to tell without waiting.
    fn look(&mut self) -> Result<Option<Change>, Error> {
        let ring = lock(&self.ring);
        if ring.is_closed {
            return Err(Error::Closed);
        }
        if self.is_gone || self.told < ring.start {
            self.is_gone = true;
            return Ok(Some(Change::Gone));
        }
        if let Some((position, keys)) = ring.after(self.told) {
            self.told = *position;
            self.is_progress_told = false;
            return Ok(Some(Change::Changed(*position, keys.to_vec())));
        }
        if self.is_progress_told {
            return Ok(None);
        }
        self.is_progress_told = true;
        self.told = ring.latest;
        Ok(Some(Change::Progress(ring.latest)))
    }
}

#[async_trait]
impl Watch for HistoryWatch {
    async fn next(&mut self) -> Result<Change, Error> {
        loop {
            // Marked as seen before the look, so that a commit in between wakes us at once.
            self.wake.borrow_and_update();
            if let Some(change) = self.look()? {
                return Ok(change);
            }
            self.wake.changed().await.map_err(|_| Error::Closed)?;
        }
    }
}

fn key_bytes(keys: &[Key]) -> usize {
    keys.iter().map(|key| key.as_bytes().len()).sum()
}

/// No code panics while it holds the ring, and if it did the ring would still be whole.
fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

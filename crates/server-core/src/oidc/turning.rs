//! The rotation of keys whose time has come. An RSA key takes up to a second of a processor, and whatever else is due must
//! not wait for that: one task beside the worker of the due index takes one key after the other.
//!
//! Nothing is lost with the task: its lines are still there. What failed is told to the worker at its next look, which then
//! waits longer from time to time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use framework::Error;
use storage::Key;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{CODE, DUE_KIND, Oidc};
use crate::due::{Line, Look, Owner, drop_line};

/// How many lines wait or are worked on at once, on this node. Further ones wait in the store.
const LINES_MAX: usize = 1_024;

/// The lines that this node is working on.
#[derive(Default)]
pub(super) struct Turning {
    state: Mutex<Lines>,
    /// Whether the task runs.
    running: watch::Sender<bool>,
    /// Whether the task was started since a test asked last.
    #[cfg(test)]
    has_worked: std::sync::atomic::AtomicBool,
}

#[derive(Default)]
struct Lines {
    /// Those in the queue, and the one that is worked on.
    taken: BTreeSet<Key>,
    queue: VecDeque<Line>,
    /// What came of lines that failed. No more than were taken.
    failed: BTreeMap<Key, Error>,
    task: JoinSet<()>,
}

/// What a handler of the due index needs to start the task.
pub(crate) struct KeysAndCodes(pub(crate) Arc<Oidc>);

#[async_trait]
impl Owner for KeysAndCodes {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        self.look(line).await.map(drop)
    }

    /// Forgets a code, or has a key rotated.
    async fn look(&self, line: Line) -> Result<Look, Error> {
        let (ns, id) = (line.namespace.clone(), line.id.clone());
        match id.split_once('/') {
            Some(("key", _)) => return self.0.turn(line),
            Some((CODE, hash)) => self.0.drop_code(&ns, hash, line).await?,
            _ => drop_line(&self.0.store, line).await?,
        }
        Ok(Look::Worked)
    }
}

impl Oidc {
    /// Takes the line of a key in, unless there is no room.
    ///
    /// # Errors
    /// What came of the line before, once.
    fn turn(self: &Arc<Self>, line: Line) -> Result<Look, Error> {
        let mut state = self.turning.state();
        if let Some(error) = state.failed.remove(&line.key) {
            return Err(error);
        }
        while let Some(ended) = state.task.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "the task that rotates signing keys ended badly");
                *state = Lines::default();
                self.turning.running.send_replace(false);
            }
        }
        if state.taken.len() >= LINES_MAX || state.taken.contains(&line.key) {
            return Ok(Look::UnderWay);
        }
        state.taken.insert(line.key.clone());
        state.queue.push_back(line);
        #[cfg(test)]
        self.turning.has_worked.store(true, std::sync::atomic::Ordering::SeqCst);
        if !self.turning.running.send_replace(true) {
            let oidc = Arc::clone(self);
            state.task.spawn(async move { oidc.turn_all().await });
        }
        // Not as taken: a line that fails again and again is looked at ever less.
        Ok(Look::UnderWay)
    }

    /// Works on lines until none is left.
    async fn turn_all(&self) {
        while let Some(line) = self.turning.pop() {
            let (ns, key) = (line.namespace.clone(), line.key.clone());
            let name = line.id.split_once('/').map_or("", |(_, name)| name);
            let done = self.rotate_if_due(&ns, name, &line).await;
            let mut state = self.turning.state();
            state.taken.remove(&key);
            if let Err(error) = done {
                if state.failed.len() >= LINES_MAX {
                    state.failed.clear();
                }
                state.failed.insert(key, error);
            }
        }
    }
}

impl Turning {
    fn state(&self) -> MutexGuard<'_, Lines> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next line; without one, the task is over before anybody can leave another.
    fn pop(&self) -> Option<Line> {
        let mut state = self.state();
        let line = state.queue.pop_front();
        if line.is_none() {
            self.running.send_replace(false);
        }
        line
    }

    /// Ends the task, between two steps.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        *state = Lines::default();
        self.running.send_replace(false);
    }

    /// Waits until nothing is worked on; tells whether anything was.
    #[cfg(test)]
    pub(super) async fn quiet(&self) -> bool {
        let mut running = self.running.subscribe();
        let was_busy = self.has_worked.swap(false, std::sync::atomic::Ordering::SeqCst);
        // The sender lives as long as this.
        let _closed = running.wait_for(|running| !*running).await;
        was_busy
    }
}

//! Due work that asks an outside: lines are taken in from the due index and worked on in tasks, each mount's apart from all
//! others', so that an outside that does not answer keeps nobody else waiting, and apart from whatever else is due.
//!
//! Nothing is lost with a task: its lines are still in the store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use storage::Key;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Line;

/// How many lines wait or are worked on at once, of one kind and on this node, each with a few hundred bytes. Further ones
/// wait in the store.
const LINES_MAX: usize = 20_000;
/// How many lines must be left before more are taken in once there were too many: few, and somebody would always be
/// looking for what is due; none, and nobody would have anything to work on meanwhile.
const LINES_AGAIN: usize = LINES_MAX / 2;
/// How many mounts are worked on at once; those behind them wait for the slowest answer.
const MOUNTS_MAX: usize = 256;
/// How many tasks one mount gets: as many commits are under way at once, and so many things are asked of the outside at
/// once, times what one task takes at a time.
const TASKS_MAX: usize = 4;

/// The lines that this node is working on.
#[derive(Default)]
pub(crate) struct Queues {
    state: Mutex<Lines>,
    /// How many tasks run.
    running: watch::Sender<usize>,
    /// Whether a task was started since a test asked last.
    #[cfg(test)]
    has_worked: std::sync::atomic::AtomicBool,
}

#[derive(Default)]
struct Lines {
    lines: BTreeSet<Key>,
    /// There were too many lines, and there are not few enough yet.
    is_full: bool,
    mounts: BTreeMap<String, Queue>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Line>,
    tasks: usize,
}

/// What became of a line that was to be taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// Somebody has it already, or there is no room.
    No,
    /// A task comes to it.
    Queued,
    /// The same, and the caller has to start another task for the mount.
    WantsTask,
}

impl Lines {
    /// Whether another line may be taken in.
    fn has_room(&mut self) -> bool {
        self.is_full = self.lines.len() >= if self.is_full { LINES_AGAIN } else { LINES_MAX };
        !self.is_full
    }
}

impl Queues {
    fn state(&self) -> MutexGuard<'_, Lines> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all tasks, each between two steps.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        *state = Lines::default();
        self.running.send_replace(0);
    }

    /// Takes a line in that somebody works on who has no queue; false when somebody has it already.
    pub(crate) fn enter(&self, line: &Key) -> bool {
        self.state().lines.insert(line.clone())
    }

    /// A line is done with.
    pub(crate) fn leave(&self, line: &Key) {
        self.state().lines.remove(line);
    }

    /// Takes a line of a mount in; its tasks take `at_once` of them at a time.
    pub(crate) fn take_in(&self, mount: &str, line: Line, at_once: usize) -> Taken {
        let mut state = self.state();
        let is_known_mount = state.mounts.contains_key(mount);
        if !state.has_room() || (!is_known_mount && state.mounts.len() >= MOUNTS_MAX) {
            return Taken::No;
        }
        if !state.lines.insert(line.key.clone()) {
            return Taken::No;
        }
        let queue = state.mounts.entry(mount.to_owned()).or_default();
        queue.lines.push_back(line);
        // One task takes so many at a time, so more tasks help only behind that.
        let wanted = queue.lines.len().div_ceil(at_once).min(TASKS_MAX);
        if queue.tasks >= wanted {
            return Taken::Queued;
        }
        queue.tasks += 1;
        Taken::WantsTask
    }

    /// What a task of a mount works on next; nothing when it is to end.
    pub(crate) fn next(&self, mount: &str, at_once: usize) -> Option<Vec<Line>> {
        let mut state = self.state();
        let queue = state.mounts.get_mut(mount)?;
        let some = queue.lines.len().min(at_once);
        let lines: Vec<_> = queue.lines.drain(..some).collect();
        if lines.is_empty() {
            queue.tasks -= 1;
            if queue.tasks == 0 {
                state.mounts.remove(mount);
            }
            return None;
        }
        Some(lines)
    }

    /// Runs a task of its own, which says when it has [`ended`](Self::ended).
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state();
        while state.tasks.try_join_next().is_some() {}
        state.tasks.spawn(task);
        #[cfg(test)]
        self.has_worked.store(true, std::sync::atomic::Ordering::SeqCst);
        self.running.send_modify(|running| *running += 1);
    }

    /// A task has come to its end.
    pub(crate) fn ended(&self) {
        self.running.send_modify(|running| *running = running.saturating_sub(1));
    }

    /// Waits until nothing is worked on; tells whether anything was.
    #[cfg(test)]
    pub(crate) async fn quiet(&self) -> bool {
        let mut running = self.running.subscribe();
        let was_busy = self.has_worked.swap(false, std::sync::atomic::Ordering::SeqCst);
        // The sender lives as long as this.
        let _closed = running.wait_for(|running| *running == 0).await;
        was_busy
    }
}

#[cfg(test)]
mod tests;

//! Who watches the log over the API (`sys/monitor`): each in a form and from a level of their own, whatever is written
//! elsewhere. A line is formatted once for each form, and only while somebody watches.
//!
//! A watcher holds back nothing: lines that it does not take in time are left out, and it is told how many.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use env::Env;
use framework::Chunks;
use tokio::sync::mpsc;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context;

use super::{LOGGERS, OTHERS_MAX, format};

/// The most that watch at once.
const WATCHERS_MAX: usize = 16;
/// How many lines wait for a watcher.
const LINES_MAX: usize = 512;
/// How many lines are sent at once.
const LINES_AT_ONCE: usize = 64;
/// How often a watcher that nothing is sent to is looked after: more often than an idle connection is closed.
const LOOK: Duration = Duration::from_secs(5);

/// Everybody who watches.
pub(super) struct Watchers {
    env: Env,
    state: Mutex<State>,
    /// What the subscriber is to let through, whenever that changes.
    filter: Box<dyn Fn(Targets) + Send + Sync>,
}

#[derive(Default)]
struct State {
    all: Vec<Arc<Watcher>>,
    /// The process is about to end.
    is_over: bool,
}

struct Watcher {
    level: LevelFilter,
    is_json: bool,
    lines: mpsc::Sender<String>,
    /// How many lines were left out since it was told.
    left_out: AtomicU64,
}

/// What is let through while these watch.
pub(super) fn targets(level: LevelFilter) -> Targets {
    Targets::new().with_default(level.min(OTHERS_MAX)).with_targets(LOGGERS.map(|name| (name, level)))
}

impl Watchers {
    pub(super) fn new(env: Env, filter: impl Fn(Targets) + Send + Sync + 'static) -> Self {
        Self { env, state: Mutex::default(), filter: Box::new(filter) }
    }

    /// One more. `None` when there are as many as may.
    pub(super) fn follow(self: &Arc<Self>, level: LevelFilter, is_json: bool) -> Option<Box<dyn Chunks>> {
        let mut state = self.state();
        if state.is_over || state.all.len() == WATCHERS_MAX {
            return None;
        }
        let (lines, taken) = mpsc::channel(LINES_MAX);
        let watcher = Arc::new(Watcher { level, is_json, lines, left_out: AtomicU64::new(0) });
        state.all.push(Arc::clone(&watcher));
        self.refilter(&state);
        // The watcher itself stays with the others, so that its lines end when it is let go there.
        let left_out = Arc::downgrade(&watcher);
        Some(Box::new(Watched { watchers: Arc::clone(self), watcher: left_out, lines: taken, is_json }))
    }

    /// Ends all of them, and lets nobody in any more: the process is about to end.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.all.clear();
        self.refilter(&state);
    }

    fn leave(&self, gone: &std::sync::Weak<Watcher>) {
        let mut state = self.state();
        state.all.retain(|watcher| Arc::as_ptr(watcher) != gone.as_ptr());
        self.refilter(&state);
    }

    fn refilter(&self, state: &State) {
        let level = state.all.iter().map(|watcher| watcher.level).max().unwrap_or(LevelFilter::OFF);
        (self.filter)(targets(level));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of the subscriber that hands lines to the watchers.
pub(super) struct Tap(pub(super) Arc<Watchers>);

impl<S: Subscriber> Layer<S> for Tap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let state = self.0.state();
        let (mut text, mut json) = (None, None);
        for watcher in state.all.iter().filter(|watcher| *event.metadata().level() <= watcher.level) {
            let made = if watcher.is_json { &mut json } else { &mut text };
            let line = made.get_or_insert_with(|| format::line(&self.0.env, event, watcher.is_json) + "\n");
            if watcher.lines.try_send(line.clone()).is_err() {
                watcher.left_out.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// What one watcher gets.
struct Watched {
    watchers: Arc<Watchers>,
    watcher: std::sync::Weak<Watcher>,
    lines: mpsc::Receiver<String>,
    is_json: bool,
}

#[async_trait]
impl Chunks for Watched {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, framework::Error> {
        let mut lines = Vec::new();
        loop {
            tokio::select! {
                count = self.lines.recv_many(&mut lines, LINES_AT_ONCE) => {
                    if count == 0 {
                        return Ok(None);
                    }
                    break;
                }
                // Only to be asked again, by which the connection knows that it is in use.
                () = self.watchers.env.sleep(LOOK) => {}
            }
        }
        let left_out = self.watcher.upgrade().map_or(0, |watcher| watcher.left_out.swap(0, Ordering::Relaxed));
        if left_out > 0 {
            lines.push(format::left_out(&self.watchers.env, left_out, self.is_json) + "\n");
        }
        Ok(Some(lines.concat().into_bytes()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watchers.leave(&self.watcher);
    }
}

#[cfg(test)]
mod tests;

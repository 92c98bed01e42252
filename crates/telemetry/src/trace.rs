//! Traces of requests: a span for each that is sampled, spans for its stages below it, and the queue in which they wait
//! to be sent. Bounded: when nobody takes them away they are dropped and counted, and no request waits for any of it.
//!
//! Where a request is not traced, all this costs it one look at a value that is not there.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::Counter;

mod otlp;
mod parent;

pub use otlp::encode;
pub use parent::Parent;

/// The most traces that wait to be sent; a few megabytes.
const QUEUED_MAX: usize = 4_096;
/// The most stages of one request.
const STAGES_MAX: usize = 64;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Stages>>> = const { RefCell::new(None) };
}

/// A request that was traced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// The trace that it belongs to.
    pub trace_id: [u8; 16],
    /// Its own span; those of its stages are counted up from it.
    pub span_id: [u8; 8],
    /// The caller's span; `None` where the trace begins here.
    pub parent: Option<[u8; 8]>,
    /// What was done, such as `read secret/`.
    pub name: String,
    /// When it came, in nanoseconds since 1970.
    pub start_nanos: u64,
    /// How long it took.
    pub took: Duration,
    /// What is known of it. Never a secret or its path, unless the operator wants paths.
    pub attributes: Vec<(&'static str, String)>,
    /// Whether it was refused or failed.
    pub is_error: bool,
    /// What it was about meanwhile, in order.
    pub stages: Vec<Stage>,
}

/// A part of a request's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stage {
    /// What was done.
    pub name: &'static str,
    /// When, since the request came.
    pub after: Duration,
    /// How long.
    pub took: Duration,
}

/// The stages of a request under way.
#[derive(Debug)]
pub struct Stages {
    /// Of the monotonic clock.
    began: Duration,
    noted: Mutex<Noted>,
}

/// What is noted of a request while it is worked on.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// In the order of their ends.
    pub stages: Vec<Stage>,
    /// Names and values.
    pub attributes: Vec<(&'static str, String)>,
}

impl Stages {
    /// None yet, of a request that came at this moment of the monotonic clock.
    #[must_use]
    pub fn new(began: Duration) -> Arc<Self> {
        Arc::new(Self { began, noted: Mutex::default() })
    }

    /// Those of the request that this thread is working on, if it is traced.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// When the request came, of the monotonic clock.
    #[must_use]
    pub const fn began(&self) -> Duration {
        self.began
    }

    /// One more, between two moments of the monotonic clock.
    pub fn add(&self, name: &'static str, began: Duration, ended: Duration) {
        let stage = Stage { name, after: began.saturating_sub(self.began), took: ended.saturating_sub(began) };
        let mut noted = self.noted();
        if noted.stages.len() < STAGES_MAX {
            noted.stages.push(stage);
        }
    }

    /// Something that is known of the request.
    pub fn note(&self, name: &'static str, value: impl Into<String>) {
        self.noted().attributes.push((name, value.into()));
    }

    /// Everything that was noted.
    #[must_use]
    pub fn take(&self) -> Noted {
        std::mem::take(&mut self.noted())
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The future, as the work on a request whose stages are wanted.
pub async fn staged<T>(stages: &Arc<Stages>, mut work: Pin<&mut impl Future<Output = T>>) -> T {
    std::future::poll_fn(|context| {
        let _before = Before(CURRENT.replace(Some(Arc::clone(stages))));
        let poll: Poll<T> = work.as_mut().poll(context);
        poll
    })
    .await
}

/// What the thread was working on, which it is again afterwards.
struct Before(Option<Arc<Stages>>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Traces on their way out.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<VecDeque<Trace>>,
    /// Those that found no room.
    pub dropped: Counter,
    /// Those that were sent.
    pub sent: Counter,
    /// Batches that could not be sent.
    pub failed: Counter,
}

impl Queue {
    /// Takes a trace, or drops it when too many wait.
    pub fn push(&self, trace: Trace) {
        let mut waiting = self.waiting();
        if waiting.len() < QUEUED_MAX {
            waiting.push_back(trace);
        } else {
            self.dropped.add();
        }
    }

    /// The oldest of those that wait, `most` at the most.
    #[must_use]
    pub fn take(&self, most: usize) -> Vec<Trace> {
        let mut waiting = self.waiting();
        let count = most.min(waiting.len());
        waiting.drain(..count).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Trace>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

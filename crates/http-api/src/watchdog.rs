//! Closes connections whose client takes too long to say what it wants, or to listen to the answer.
//!
//! The HTTP library's own timer starts with the first byte only, so a client that sends nothing, or stalls in the TLS
//! handshake, would be served for ever; and it has none for what a client does not read. A [`Pulse`] follows what a connection waits for; its [`Watchdog`] runs in the
//! connection's task, so that a request which arrives and is answered at once moves no timer at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use env::{BoxFuture, Env};

use crate::config::Timeouts;

/// What a connection without running requests waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiting {
    /// The rest of a request's headers.
    Head,
    /// The client, which has not taken all of its answer.
    Listener,
    /// The next request.
    Idle,
}

/// What one connection is doing.
#[derive(Debug)]
pub(crate) struct Pulse {
    env: Env,
    timeouts: Timeouts,
    state: Mutex<State>,
    /// Whether there is something to send that the other side does not take. Asked and told by the connection's task
    /// alone; beside the lock, because each write tells it.
    is_blocked: AtomicBool,
    /// Whether a request was answered since somebody asked.
    has_answered: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Requests between the end of their headers and their answer.
    running: usize,
    /// Never [`Waiting::Listener`]: that is being idle while something is blocked.
    waiting: Waiting,
    /// On the monotonic clock.
    since: Duration,
    /// HTTP/2, where bytes between requests do not begin one.
    is_multiplexed: bool,
}

/// A request that is running; ends when dropped.
#[derive(Debug)]
pub(crate) struct Running(Arc<Pulse>);

impl Pulse {
    /// Of a connection that was accepted at this time of the monotonic clock.
    pub(crate) fn new(env: Env, timeouts: Timeouts, accepted: Duration) -> Arc<Self> {
        let state = State { running: 0, waiting: Waiting::Head, since: accepted, is_multiplexed: false };
        let (is_blocked, has_answered) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { env, timeouts, state: Mutex::new(state), is_blocked, has_answered })
    }

    /// Bytes came in.
    pub(crate) fn heard(&self) {
        let mut state = self.state();
        if state.running == 0 && state.waiting == Waiting::Idle && !state.is_multiplexed {
            state.waiting = Waiting::Head;
            state.since = self.env.monotonic();
        }
    }

    /// The client has taken some of an answer that is made while it is sent: it is not idle.
    pub(crate) fn moved(&self) {
        let mut state = self.state();
        if state.running == 0 && state.waiting == Waiting::Idle {
            state.since = self.env.monotonic();
        }
    }

    /// Bytes were to go out; whether the other side would not take them. The time that it has for all of an answer runs
    /// from the end of the request, however many of them it takes in between; see [`Self::moved`] for one that is made
    /// while it is sent.
    pub(crate) fn sent(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// Whether a request was answered since the last call.
    pub(crate) fn take_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed) && self.has_answered.swap(false, Ordering::Relaxed)
    }

    /// A request's headers are complete.
    pub(crate) fn begin(self: &Arc<Self>, is_multiplexed: bool) -> Running {
        let mut state = self.state();
        state.running += 1;
        state.is_multiplexed = is_multiplexed;
        Running(Arc::clone(self))
    }

    /// When the present wait must be over; `None` while requests run, which have their own deadline.
    fn deadline(&self) -> Option<(Duration, Waiting)> {
        let state = self.state();
        let is_blocked = self.is_blocked.load(Ordering::Relaxed);
        let waiting = if is_blocked && state.waiting == Waiting::Idle { Waiting::Listener } else { state.waiting };
        let limit = match waiting {
            Waiting::Head => self.timeouts.head,
            Waiting::Listener => self.timeouts.write,
            Waiting::Idle => self.timeouts.idle,
        };
        (state.running == 0).then(|| (state.since.saturating_add(limit), waiting))
    }

    /// Nothing that holds this lock can leave the state half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.has_answered.store(true, Ordering::Relaxed);
        let mut state = self.0.state();
        state.running = state.running.saturating_sub(1);
        if state.running == 0 {
            state.waiting = Waiting::Idle;
            state.since = self.0.env.monotonic();
        }
    }
}

/// Wakes the connection's task when a wait has lasted too long.
pub(crate) struct Watchdog {
    pulse: Arc<Pulse>,
    sleep: BoxFuture<'static, ()>,
    /// When the sleep ends, on the monotonic clock.
    due: Duration,
    /// The connection is told to close and gets no other warning.
    is_final: bool,
}

impl Watchdog {
    pub(crate) fn new(pulse: Arc<Pulse>) -> Self {
        let now = pulse.env.monotonic();
        let due = pulse.deadline().map_or(now, |(due, _)| due);
        let sleep = pulse.env.sleep(due.saturating_sub(now));
        Self { pulse, sleep, due, is_final: false }
    }

    /// Completes when a wait has lasted too long, with what it was for. After [`Waiting::Idle`] the connection gets as
    /// long as headers may take to close in good order; then comes [`Waiting::Head`].
    pub(crate) async fn expired(&mut self) -> Waiting {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Waiting> {
        loop {
            // The sleep is only ever moved forward, since most deadlines move back before they are reached.
            if let Some((due, _)) = self.pulse.deadline().filter(|(due, _)| *due < self.due && !self.is_final) {
                self.arm(due);
            }
            ready!(self.sleep.as_mut().poll(context));
            let now = self.pulse.env.monotonic();
            match self.pulse.deadline() {
                Some(_) if self.is_final => return Poll::Ready(Waiting::Head),
                Some((due, waiting)) if due <= now => {
                    self.is_final = true;
                    self.arm(now.saturating_add(self.pulse.timeouts.head));
                    return Poll::Ready(waiting);
                }
                Some((due, _)) => self.arm(due),
                None => self.arm(now.saturating_add(self.pulse.timeouts.idle)),
            }
        }
    }

    fn arm(&mut self, due: Duration) {
        self.sleep = self.pulse.env.sleep(due.saturating_sub(self.pulse.env.monotonic()));
        self.due = due;
    }
}

#[cfg(test)]
mod tests;

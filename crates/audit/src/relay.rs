//! Between those who wait for devices and the threads that write for them: each side is called once for many records.
//!
//! To rouse a thread, and to wake a request from one, costs more than the record does. So a record that finds its writer
//! asleep only notes that, and a task of the runtime, which comes behind all requests that are ready by then, rouses the
//! writer for all of them. It is told once when the batch is written, and wakes those who wait on its own thread.
//!
//! It also gives those up who have waited too long, with one timer for all. Where no task runs it, the relay calls at
//! once, and gives nobody up.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use env::{BoxFuture, Env};

use crate::receipt::{Receipt, Shared};
use crate::spool::Spool;

/// Below so many waiting receipts nobody looks for those that are decided behind one that is not.
const WAITING_KEPT: usize = 1024;

/// What the devices of one server share.
#[derive(Default)]
pub struct Relay(Mutex<State>);

#[derive(Default)]
struct State {
    /// The task that runs the relay.
    runner: Option<Waker>,
    is_run: bool,
    /// Those whose writers sleep although there is something to write.
    unroused: Vec<Arc<Spool>>,
    /// Those whose records were decided.
    unwoken: Vec<Waker>,
    /// Receipts by the time at which they are given up, on the monotonic clock.
    waiting: VecDeque<(Duration, Arc<Shared>)>,
    /// How many may wait before the decided ones are looked for.
    waiting_max: usize,
    /// Whether the task has a timer, behind which it looks at those who wait.
    is_timed: bool,
}

impl State {
    fn call_runner(&self) {
        if let Some(runner) = &self.runner {
            runner.wake_by_ref();
        }
    }

    fn forget_decided(&mut self) {
        while self.waiting.front().is_some_and(|(_, receipt)| receipt.is_decided()) {
            self.waiting.pop_front();
        }
        if self.waiting.len() > self.waiting_max.max(WAITING_KEPT) {
            self.waiting.retain(|(_, receipt)| !receipt.is_decided());
            self.waiting_max = self.waiting.len() * 2;
        }
    }
}

impl Relay {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be spawned so that the relay works in turns. Dropped, it leaves nobody waiting who could be woken.
    #[must_use]
    pub fn runner(self: &Arc<Self>, env: Env) -> Runner {
        self.state().is_run = true;
        Runner { relay: Arc::clone(self), env, had_turn: false, timer: None, roused: Vec::new(), woken: Vec::new() }
    }

    /// Gives the receipt up at this time of the monotonic clock: it completes as if all had refused the record, which
    /// may be written later.
    pub fn give_up(&self, receipt: &Receipt, at: Duration) {
        let mut state = self.state();
        state.forget_decided();
        if !receipt.shared().is_decided() {
            state.waiting.push_back((at, Arc::clone(receipt.shared())));
            if !state.is_timed {
                state.call_runner();
            }
        }
    }

    /// The spool's writer sleeps, and there is something to write.
    pub(crate) fn rouse(&self, spool: &Arc<Spool>) {
        let mut state = self.state();
        if state.is_run {
            state.unroused.push(Arc::clone(spool));
            state.call_runner();
        } else {
            drop(state);
            spool.rouse();
        }
    }

    /// Wakes those who wait for records that were decided; leaves the list empty.
    pub(crate) fn wake(&self, wakers: &mut Vec<Waker>) {
        let mut state = self.state();
        if state.is_run {
            state.unwoken.append(wakers);
            state.call_runner();
        } else {
            drop(state);
            wakers.drain(..).for_each(Waker::wake);
        }
    }
}

/// The task that runs a [`Relay`]. It never completes.
pub struct Runner {
    relay: Arc<Relay>,
    env: Env,
    /// Whether the requests that are ready have had their turn before the writers are roused.
    had_turn: bool,
    timer: Option<BoxFuture<'static, ()>>,
    /// Memory of the two lists, for the next turn.
    roused: Vec<Arc<Spool>>,
    woken: Vec<Waker>,
}

impl Runner {
    /// Gives up who has waited too long, and has itself called when the next one has.
    fn look_at_the_clock(&mut self, context: &mut Context<'_>) {
        loop {
            if let Some(timer) = &mut self.timer
                && timer.as_mut().poll(context).is_pending()
            {
                return;
            }
            self.timer = None;
            let now = self.env.monotonic();
            let mut late = Vec::new();
            let mut state = self.relay.state();
            state.forget_decided();
            while let Some((_, receipt)) = state.waiting.pop_front_if(|(at, _)| *at <= now) {
                late.push(receipt);
            }
            let next = state.waiting.front().map(|(at, _)| at.saturating_sub(now));
            state.is_timed = next.is_some();
            drop(state);
            self.woken.extend(late.iter().filter_map(|receipt| receipt.give_up()));
            self.woken.drain(..).for_each(Waker::wake);
            match next {
                Some(next) => self.timer = Some(self.env.sleep(next)),
                None => return,
            }
        }
    }
}

impl Future for Runner {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let runner = self.get_mut();
        let mut state = runner.relay.state();
        if state.runner.as_ref().is_none_or(|known| !known.will_wake(context.waker())) {
            state.runner = Some(context.waker().clone());
        }
        std::mem::swap(&mut state.unwoken, &mut runner.woken);
        if state.unroused.is_empty() {
            runner.had_turn = false;
        } else if std::mem::take(&mut runner.had_turn) {
            std::mem::swap(&mut state.unroused, &mut runner.roused);
        } else {
            // Behind all that are ready: most of them will have something to write.
            runner.had_turn = true;
            context.waker().wake_by_ref();
        }
        drop(state);
        runner.roused.drain(..).for_each(|spool| spool.rouse());
        runner.woken.drain(..).for_each(Waker::wake);
        runner.look_at_the_clock(context);
        Poll::Pending
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let mut state = self.relay.state();
        (state.is_run, state.is_timed, state.runner) = (false, false, None);
        let (roused, woken) = (std::mem::take(&mut state.unroused), std::mem::take(&mut state.unwoken));
        drop(state);
        roused.iter().for_each(|spool| spool.rouse());
        woken.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;

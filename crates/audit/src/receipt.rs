//! Whether a record was taken: by one device at least, or by none of all that were asked.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Completes with `true` as soon as one device has taken the record, with `false` once all have refused it. Cancel-safe:
/// devices finish their work without somebody who waits.
pub struct Receipt(Arc<Shared>);

/// One device's part of a receipt. Dropped without an answer it is a refusal.
pub(crate) struct Slip(Option<Arc<Shared>>);

pub(crate) struct Shared(Mutex<State>);

struct State {
    pending: usize,
    is_taken: bool,
    waker: Option<Waker>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom to wake, if it is decided by that.
    fn answer(&self, is_taken: bool) -> Option<Waker> {
        let mut state = self.state();
        state.pending = state.pending.saturating_sub(1);
        state.is_taken |= is_taken;
        if state.is_taken || state.pending == 0 { state.waker.take() } else { None }
    }

    pub(crate) fn is_decided(&self) -> bool {
        let state = self.state();
        state.is_taken || state.pending == 0
    }

    /// Refuses for all who have not answered; gives whom to wake.
    pub(crate) fn give_up(&self) -> Option<Waker> {
        let mut state = self.state();
        state.pending = 0;
        state.waker.take()
    }
}

impl Receipt {
    /// A receipt for a record that so many devices are asked to take.
    pub(crate) fn new(devices: usize) -> (Self, Vec<Slip>) {
        let shared = Arc::new(Shared(Mutex::new(State { pending: devices, is_taken: false, waker: None })));
        let slips = (0..devices).map(|_| Slip(Some(Arc::clone(&shared)))).collect();
        (Self(shared), slips)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Slip {
    /// Gives whom to wake.
    #[must_use]
    pub(crate) fn answer(mut self, is_taken: bool) -> Option<Waker> {
        self.0.take().and_then(|shared| shared.answer(is_taken))
    }
}

impl Drop for Slip {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take().and_then(|shared| shared.answer(false)) {
            waker.wake();
        }
    }
}

impl Future for Receipt {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.0.state();
        if state.is_taken || state.pending == 0 {
            return Poll::Ready(state.is_taken);
        }
        if state.waker.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

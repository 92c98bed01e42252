//! Whether a record was taken: by one device at least, or by none of all that were asked.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Completes with `true` as soon as one device has taken the record, with `false` once all have refused it. Cancel-safe:
/// devices finish their work without somebody who waits.
pub struct Receipt(Arc<Shared>);

/// One device's part of a receipt. Dropped without an answer it is a refusal.
pub(crate) struct Slip(Option<Arc<Shared>>);

struct Shared(Mutex<State>);

struct State {
    pending: usize,
    is_taken: bool,
    waker: Option<Waker>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, is_taken: bool) {
        let mut state = self.state();
        state.pending = state.pending.saturating_sub(1);
        state.is_taken |= is_taken;
        let waker = if state.is_taken || state.pending == 0 { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Receipt {
    /// A receipt for a record that so many devices are asked to take.
    pub(crate) fn new(devices: usize) -> (Self, Vec<Slip>) {
        let shared = Arc::new(Shared(Mutex::new(State { pending: devices, is_taken: false, waker: None })));
        let slips = (0..devices).map(|_| Slip(Some(Arc::clone(&shared)))).collect();
        (Self(shared), slips)
    }
}

impl Slip {
    pub(crate) fn answer(mut self, is_taken: bool) {
        if let Some(shared) = self.0.take() {
            shared.answer(is_taken);
        }
    }
}

impl Drop for Slip {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.answer(false);
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

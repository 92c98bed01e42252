//! Waiting for something rare in a task that is woken often by others.
//!
//! Asking a future takes a lock in it, to find out again that the same task waits for it. That is left out as long as
//! it is the same task and a look from outside says that nothing has happened.

use std::task::{Context, Poll, Waker};

/// A future with whom it wakes.
pub(crate) struct Seldom<F> {
    future: F,
    /// Whom it wakes; `None` before it was first asked.
    waker: Option<Waker>,
}

impl<F: Future + Unpin> Seldom<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future, waker: None }
    }

    /// Completes when the future does, whatever its output. `has_happened` must say yes from before the future wakes
    /// anybody, or the end of the wait is missed.
    pub(crate) async fn poll_if(&mut self, has_happened: impl Fn() -> bool) {
        std::future::poll_fn(|context| self.poll(context, &has_happened)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>, has_happened: impl Fn() -> bool) -> Poll<()> {
        let is_known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if is_known && !has_happened() {
            return Poll::Pending;
        }
        self.waker = Some(context.waker().clone());
        std::pin::Pin::new(&mut self.future).poll(context).map(drop)
    }
}

#[cfg(test)]
mod tests;

//! A request that is worked on as soon as it is there.
//!
//! The HTTP library looks for the end of the connection between taking a request and asking for its answer. As long as
//! the request holds on to the buffer that it was read into, that takes another buffer of eight kilobytes, which is
//! wiped when it is freed. Most requests wait for nothing, so they are answered before that look, and the one buffer
//! serves the connection as long as it lives.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A future that may have been asked once already, before anybody waits for it.
pub(crate) enum Begun<F: Future> {
    /// It is over; `None` once that was told.
    Over(Option<F::Output>),
    /// It goes on.
    Open(Pin<Box<F>>),
}

impl<F: Future> Begun<F> {
    /// Asks at once. Whatever the future waits for is told whom to wake when it is asked again, so whoever gets this
    /// must ask, as with any future.
    pub(crate) fn now(future: F) -> Self {
        let mut future = Box::pin(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Self::Over(Some(output)),
            Poll::Pending => Self::Open(future),
        }
    }

    /// Leaves it for later: where several are open at once, each is better asked on its own.
    pub(crate) fn later(future: F) -> Self {
        Self::Open(Box::pin(future))
    }
}

impl<F: Future<Output: Unpin>> Future for Begun<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.get_mut() {
            // A future is not asked again once it is over.
            Self::Over(output) => output.take().map_or(Poll::Pending, Poll::Ready),
            Self::Open(future) => future.as_mut().poll(context),
        }
    }
}

#[cfg(test)]
mod tests;

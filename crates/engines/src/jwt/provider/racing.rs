//! Several things that are waited for at once, each taken when it is there.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Futures that have not come to an end yet. What is left is given up when this is dropped.
pub(super) struct Racing<F>(Vec<Pin<Box<F>>>);

impl<F: Future> Racing<F> {
    /// All of these.
    pub(super) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        Self(futures.into_iter().map(Box::pin).collect())
    }

    /// What the next one gives that comes to an end; none when all have.
    pub(super) async fn next(&mut self) -> Option<F::Output> {
        poll_fn(|cx| {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            let ended = self.0.iter_mut().enumerate().find_map(|(at, future)| match future.as_mut().poll(cx) {
                Poll::Ready(output) => Some((at, output)),
                Poll::Pending => None,
            });
            match ended {
                Some((at, output)) => {
                    drop(self.0.swap_remove(at));
                    Poll::Ready(Some(output))
                }
                None => Poll::Pending,
            }
        })
        .await
    }
}

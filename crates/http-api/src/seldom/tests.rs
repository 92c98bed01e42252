use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::Seldom;

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn the_future_is_asked_once_for_each_task_and_when_something_has_happened() {
    let (asked, happened) = (Cell::new(0), Cell::new(false));
    let future = poll_fn(|_| {
        asked.set(asked.get() + 1);
        if happened.get() { Poll::Ready(()) } else { Poll::Pending }
    });
    let mut seldom = Seldom::new(future);
    let mut wait = pin!(seldom.poll_if(|| happened.get()));
    let (one, other) = (Waker::from(Arc::new(Nobody)), Waker::from(Arc::new(Nobody)));
    for _ in 0..3 {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&one)).is_pending());
    }
    assert_eq!(asked.get(), 1);
    assert!(wait.as_mut().poll(&mut Context::from_waker(&other)).is_pending());
    assert_eq!(asked.get(), 2, "another task has to be known to it");
    happened.set(true);
    assert!(wait.as_mut().poll(&mut Context::from_waker(&other)).is_ready());
}

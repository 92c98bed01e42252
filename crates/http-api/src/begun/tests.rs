use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::Begun;

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn what_waits_for_nothing_is_over_before_anybody_asks() {
    let is_over = Cell::new(false);
    let begun = Begun::now(async {
        is_over.set(true);
        7
    });
    assert!(is_over.get());
    assert_eq!(poll(begun), Poll::Ready(7));
}

#[tokio::test]
async fn what_waits_goes_on_when_it_is_asked() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let begun = tokio::spawn(Begun::now(receiver));
    tokio::task::yield_now().await;
    sender.send(7).expect("somebody waits");
    assert_eq!(begun.await.expect("no panic"), Ok(7));
}

#[test]
fn what_is_left_for_later_is_not_asked() {
    let is_over = Cell::new(false);
    let begun = Begun::later(async { is_over.set(true) });
    assert!(!is_over.get());
    assert_eq!(poll(begun), Poll::Ready(()));
    assert!(is_over.get());
}

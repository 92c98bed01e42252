//! What a watch is told, and what it must never miss.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{HISTORY_BYTES_MAX, History};
use crate::{Change, Error, KEY_BYTES_MAX, Key, Position, Watch};

fn history(commits_max: usize, recorded: u64) -> History {
    let history = History::new(Position(0), commits_max);
    for position in 1..=recorded {
        history.record(Position(position), keys(position));
    }
    history
}

fn keys(position: u64) -> Arc<[Key]> {
    Arc::new([Key::new(position.to_be_bytes().to_vec()).unwrap()])
}

fn changed(position: u64) -> Change {
    Change::Changed(Position(position), keys(position).to_vec())
}

/// The next change, which must be there without waiting.
fn told(watch: &mut Box<dyn Watch>) -> Change {
    match watch.next().as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(change) => change.unwrap(),
        Poll::Pending => panic!("nothing to tell"),
    }
}

fn is_waiting(watch: &mut Box<dyn Watch>) -> bool {
    watch.next().as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn a_watch_tells_the_past_then_progress_then_waits() {
    let history = history(10, 4);
    let mut watch = history.watch(Position(2));
    assert_eq!(told(&mut watch), changed(3));
    assert_eq!(told(&mut watch), changed(4));
    assert_eq!(told(&mut watch), Change::Progress(Position(4)));
    assert!(is_waiting(&mut watch));
    history.record(Position(5), keys(5));
    assert_eq!(told(&mut watch), changed(5));
    assert_eq!(told(&mut watch), Change::Progress(Position(5)));
    assert!(is_waiting(&mut watch));
}

#[test]
fn what_was_dropped_is_gone_and_the_rest_is_not() {
    let history = history(3, 10);
    let mut gone = history.watch(Position(6));
    assert_eq!(told(&mut gone), Change::Gone);
    assert_eq!(told(&mut gone), Change::Gone);
    assert_eq!(told(&mut history.watch(Position(7))), changed(8));
}

#[test]
fn a_watch_that_falls_behind_the_history_is_gone() {
    let history = history(3, 1);
    let mut watch = history.watch(Position(0));
    assert_eq!(told(&mut watch), changed(1));
    for position in 2..=10 {
        history.record(Position(position), keys(position));
    }
    assert_eq!(told(&mut watch), Change::Gone);
}

#[test]
fn a_position_ahead_of_the_store_is_gone_even_when_the_store_gets_there() {
    let history = history(10, 3);
    let mut watch = history.watch(Position(4));
    history.record(Position(4), keys(4));
    assert_eq!(told(&mut watch), Change::Gone);
}

#[test]
fn long_keys_shorten_the_history() {
    let history = History::new(Position(0), usize::MAX);
    let long: Arc<[Key]> = vec![Key::new(vec![b'k'; KEY_BYTES_MAX]).unwrap(); 100].into();
    let fitting = (HISTORY_BYTES_MAX / (100 * KEY_BYTES_MAX)) as u64;
    for position in 1..=fitting + 5 {
        history.record(Position(position), long.clone());
    }
    assert_eq!(told(&mut history.watch(Position(4))), Change::Gone);
    assert_eq!(told(&mut history.watch(Position(5))), Change::Changed(Position(6), long.to_vec()));
}

#[test]
fn a_restart_ends_every_watch_that_may_have_missed_something() {
    let history = history(10, 3);
    let mut watch = history.watch(Position(3));
    assert_eq!(told(&mut watch), Change::Progress(Position(3)));
    history.restart(Position(4));
    assert_eq!(told(&mut watch), Change::Gone);
    assert_eq!(told(&mut history.watch(Position(4))), Change::Progress(Position(4)));
}

#[tokio::test]
async fn waiting_watches_are_woken_by_a_commit_and_by_the_end() {
    async fn next(mut watch: Box<dyn Watch>) -> (Result<Change, Error>, Box<dyn Watch>) {
        (watch.next().await, watch)
    }
    let history = history(10, 0);
    let mut watch = history.watch(Position(0));
    assert_eq!(told(&mut watch), Change::Progress(Position(0)));
    let waiting = tokio::spawn(next(watch));
    tokio::task::yield_now().await;
    history.record(Position(1), keys(1));
    let (change, mut watch) = waiting.await.unwrap();
    assert_eq!(change.unwrap(), changed(1));
    assert_eq!(told(&mut watch), Change::Progress(Position(1)));
    let waiting = tokio::spawn(next(watch));
    tokio::task::yield_now().await;
    history.close();
    assert!(matches!(waiting.await.unwrap().0, Err(Error::Closed)));
}

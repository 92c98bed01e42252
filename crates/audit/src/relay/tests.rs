//! When the relay calls whom.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use env::simulated::env as simulated;

use super::*;
use crate::spool::{Bounds, Entry};

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Something to be woken, and how often it was.
fn calls() -> (Waker, impl Fn() -> usize) {
    let calls = Arc::new(Calls::default());
    (Arc::clone(&calls).into(), move || calls.0.load(Ordering::SeqCst))
}

fn spool() -> Arc<Spool> {
    Arc::new(Spool::new(Bounds { records: 9, bytes: 100 }))
}

/// A receipt that one device has yet to answer, asked once by this waker.
fn asked(waker: &Waker) -> (Receipt, crate::receipt::Slip) {
    let (mut receipt, mut slips) = Receipt::new(1);
    assert!(Pin::new(&mut receipt).poll(&mut Context::from_waker(waker)).is_pending());
    (receipt, slips.pop().expect("one was made"))
}

fn is_refused(receipt: &mut Receipt) -> bool {
    Pin::new(receipt).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(false)
}

#[test]
fn writers_are_roused_behind_all_who_are_ready() {
    let (env, _clock) = simulated(1);
    let relay = Arc::new(Relay::default());
    let mut runner = relay.runner(env);
    let (waker, called) = calls();
    let mut turn = || Pin::new(&mut runner).poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(turn());
    relay.rouse(&spool());
    assert_eq!(called(), 1);
    assert!(turn() && called() == 2, "it puts itself behind the others");
    relay.rouse(&spool());
    assert_eq!(relay.state().unroused.len(), 2, "so another comes along");
    assert!(turn());
    assert_eq!((relay.state().unroused.len(), called()), (0, 3));
}

#[test]
fn those_who_wait_are_woken_by_the_task_which_is_called_once_for_all() {
    let (env, _clock) = simulated(1);
    let relay = Arc::new(Relay::default());
    let (waiter, woken) = calls();
    relay.wake(&mut vec![waiter.clone()]);
    assert_eq!(woken(), 1, "there is no task yet");
    let mut runner = relay.runner(env);
    let (waker, called) = calls();
    let mut turn = || Pin::new(&mut runner).poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(turn());
    let mut wakers = vec![waiter.clone(), waiter.clone(), waiter];
    relay.wake(&mut wakers);
    assert_eq!((wakers.len(), woken(), called()), (0, 1, 1));
    assert!(turn());
    assert_eq!((woken(), called()), (4, 1));
}

#[test]
fn whoever_has_waited_too_long_is_given_up() {
    let (env, clock) = simulated(1);
    let relay = Arc::new(Relay::default());
    let mut runner = relay.runner(env);
    let (waker, called) = calls();
    let mut turn = || Pin::new(&mut runner).poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(turn());
    let (waiter, woken) = calls();
    let [mut early, mut taken, mut late] = [5, 5, 7].map(|secs| {
        let (receipt, slip) = asked(&waiter);
        relay.give_up(&receipt, Duration::from_secs(secs));
        (receipt, Some(slip))
    });
    assert!(called() >= 1 && turn(), "it is called to look at the clock");
    assert!(taken.1.take().is_some_and(|slip| slip.answer(true).is_some()));
    let before = called();
    clock.advance(Duration::from_secs(5));
    assert!(called() > before && turn());
    assert_eq!(woken(), 1, "the one that was taken is not given up, and the last has time");
    assert!(is_refused(&mut early.0) && !is_refused(&mut taken.0) && !is_refused(&mut late.0));
    clock.advance(Duration::from_secs(2));
    assert!(turn() && is_refused(&mut late.0));
    assert!(late.1.take().is_some_and(|slip| slip.answer(true).is_none()), "too late");
    let state = relay.state();
    assert!(state.waiting.is_empty() && !state.is_timed);
}

#[test]
fn those_who_were_decided_take_no_room() {
    let relay = Relay::default();
    let (waiter, _) = calls();
    let at = Duration::from_secs(5);
    let (stuck, _slip) = asked(&waiter);
    relay.give_up(&stuck, at);
    for _ in 0..10 * WAITING_KEPT {
        let (receipt, slip) = asked(&waiter);
        relay.give_up(&receipt, at);
        let _waker = slip.answer(true);
    }
    assert!(relay.state().waiting.len() <= WAITING_KEPT + 1);
}

#[test]
fn a_task_that_ends_leaves_nobody_behind() {
    let (env, _clock) = simulated(1);
    let relay = Arc::new(Relay::default());
    let runner = relay.runner(env);
    let (waiter, woken) = calls();
    relay.wake(&mut vec![waiter.clone()]);
    assert_eq!(woken(), 0);
    drop(runner);
    relay.wake(&mut vec![waiter]);
    assert_eq!(woken(), 2);
}

#[tokio::test]
async fn records_of_many_requests_come_to_a_writer_together() {
    let (env, _clock) = simulated(1);
    let relay = Arc::new(Relay::default());
    let spool = spool();
    let running = tokio::spawn(relay.runner(env));
    let (started, mut batches) = tokio::sync::mpsc::unbounded_channel();
    let (written, ours) = (Arc::clone(&spool), Arc::clone(&relay));
    let writer = std::thread::spawn(move || {
        while let Some(work) = written.next() {
            let _sent = started.send(work.entries.len());
            let mut wakers: Vec<_> = work.entries.into_iter().filter_map(|entry| entry.slip.answer(true)).collect();
            ours.wake(&mut wakers);
        }
    });
    while !spool.has_sleeping_writer() {
        tokio::task::yield_now().await;
    }
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (relay, spool) = (Arc::clone(&relay), Arc::clone(&spool));
        requests.spawn(async move {
            let (receipt, mut slips) = Receipt::new(1);
            if spool.push(Entry { record: Vec::new(), slip: slips.pop().expect("one was made") }) {
                relay.rouse(&spool);
            }
            receipt.await
        });
    }
    assert_eq!(requests.join_all().await, [true; 5]);
    assert_eq!(batches.recv().await, Some(5), "all in the first one");
    running.abort();
    spool.close();
    writer.join().expect("it ended well");
}

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use env::simulated::{SimulatedClock, env};

use super::{Pulse, Waiting, Watchdog};
use crate::config::Timeouts;

const TIMEOUTS: Timeouts = Timeouts {
    head: Duration::from_secs(10),
    read: Duration::from_secs(30),
    write: Duration::from_secs(60),
    idle: Duration::from_secs(300),
    request: Duration::from_secs(90),
    drain: Duration::from_secs(30),
};

struct Bench {
    clock: Arc<SimulatedClock>,
    pulse: Arc<Pulse>,
    watchdog: Watchdog,
}

impl Bench {
    fn new() -> Self {
        let (env, clock) = env(1);
        let pulse = Pulse::new(env, TIMEOUTS, Duration::ZERO);
        let watchdog = Watchdog::new(Arc::clone(&pulse));
        Self { clock, pulse, watchdog }
    }

    fn poll(&mut self) -> Option<Waiting> {
        let expired = pin!(self.watchdog.expired());
        match expired.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(waiting) => Some(waiting),
            Poll::Pending => None,
        }
    }

    fn after(&mut self, secs: u64) -> Option<Waiting> {
        self.clock.advance(Duration::from_secs(secs));
        self.poll()
    }
}

#[test]
fn a_silent_client_is_let_go_after_the_head_timeout() {
    let mut bench = Bench::new();
    assert_eq!(bench.poll(), None);
    assert_eq!(bench.after(9), None);
    bench.pulse.heard();
    assert_eq!(bench.after(1), Some(Waiting::Head));
}

#[test]
fn bytes_that_trickle_do_not_prolong_the_wait() {
    let mut bench = Bench::new();
    drop(bench.pulse.begin(false));
    assert_eq!(bench.after(100), None);
    bench.pulse.heard();
    assert_eq!(bench.poll(), None);
    for _ in 0..9 {
        assert_eq!(bench.after(1), None);
        bench.pulse.heard();
    }
    assert_eq!(bench.after(1), Some(Waiting::Head));
}

#[test]
fn a_running_request_is_never_cut_off() {
    let mut bench = Bench::new();
    let running = bench.pulse.begin(false);
    bench.pulse.heard();
    for _ in 0..10 {
        assert_eq!(bench.after(1000), None);
    }
    drop(running);
    assert_eq!(bench.after(299), None);
    assert_eq!(bench.after(300), Some(Waiting::Idle));
}

#[test]
fn an_idle_connection_is_warned_and_then_let_go() {
    let mut bench = Bench::new();
    drop(bench.pulse.begin(true));
    // On HTTP/2 these are pings and the like.
    bench.pulse.heard();
    assert_eq!(bench.after(299), None);
    assert_eq!(bench.after(1), Some(Waiting::Idle));
    assert_eq!(bench.poll(), None);
    let late = bench.pulse.begin(true);
    assert_eq!(bench.after(10), None);
    drop(late);
    assert_eq!(bench.after(300), Some(Waiting::Head));
}

#[test]
fn a_client_that_does_not_listen_is_let_go_after_the_write_timeout() {
    let mut bench = Bench::new();
    let running = bench.pulse.begin(false);
    bench.pulse.sent(true);
    assert_eq!(bench.after(1000), None, "a running request has a deadline of its own");
    drop(running);
    assert_eq!(bench.after(59), None);
    // A byte now and then does not prolong the wait.
    bench.pulse.sent(false);
    assert_eq!(bench.poll(), None);
    bench.pulse.sent(true);
    assert_eq!(bench.after(1), Some(Waiting::Listener));
}

#[test]
fn a_client_that_has_listened_is_only_idle() {
    let mut bench = Bench::new();
    drop(bench.pulse.begin(false));
    bench.pulse.sent(true);
    assert_eq!(bench.after(59), None);
    bench.pulse.sent(false);
    assert_eq!(bench.after(240), None);
    assert_eq!(bench.after(1), Some(Waiting::Idle));
}

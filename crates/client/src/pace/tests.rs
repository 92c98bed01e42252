//! How calls are spread, with a clock that is moved by hand.

use std::time::Duration;

use tokio::time::Instant;

use super::{Pace, Rate};

fn rate(text: &str) -> Rate {
    text.parse().expect("a rate")
}

#[test]
fn a_burst_starts_at_once_and_the_rest_keeps_the_pace() {
    let (pace, start) = (Pace::new(rate("10:3")), Instant::now());
    let waits: Vec<_> = (0..5).map(|_| pace.take(start).as_millis()).collect();
    assert_eq!(waits, [0, 0, 0, 100, 200]);
    // After a pause as long as what was used, the burst is whole again.
    let later = start + Duration::from_secs(1);
    let waits: Vec<_> = (0..4).map(|_| pace.take(later).as_millis()).collect();
    assert_eq!(waits, [0, 0, 0, 100]);
}

#[test]
fn without_a_burst_a_second_of_calls_starts_at_once() {
    let (pace, start) = (Pace::new(rate("2")), Instant::now());
    let waits: Vec<_> = (0..3).map(|_| pace.take(start).as_millis()).collect();
    assert_eq!(waits, [0, 0, 500]);
    let slow = Pace::new(rate("0.5"));
    assert_eq!((slow.take(start), slow.take(start)), (Duration::ZERO, Duration::from_secs(2)));
}

#[test]
fn rates_that_mean_nothing_are_refused() {
    for text in ["", "0", "-1", "x", "10:0", "10:x", "inf", "NaN", "1e9", "0.001"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}

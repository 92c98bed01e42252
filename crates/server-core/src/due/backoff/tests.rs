use super::*;

const SECOND: i64 = 1_000_000_000;

fn line(number: usize) -> Key {
    Key::new(format!("due/{number}").into_bytes()).expect("a short key")
}

/// For how many whole seconds it waits.
fn wait(backoff: &Backoff, line: &Key, at: i64) -> i64 {
    (0..).find(|secs| !backoff.is_waiting(line, at + secs * SECOND)).expect("it ends")
}

#[test]
fn each_failure_doubles_the_wait_up_to_the_longest() {
    let mut backoff = Backoff::default();
    let mut waits = Vec::new();
    for _ in 0..11 {
        backoff.failed(line(1), 7 * SECOND);
        waits.push(wait(&backoff, &line(1), 7 * SECOND));
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(wait(&backoff, &line(2), 7 * SECOND), 0, "others do not wait");
    for _ in 0..200 {
        backoff.failed(line(1), 7 * SECOND);
    }
    assert_eq!(wait(&backoff, &line(1), 7 * SECOND), 300);
    backoff.went_well(&line(1));
    assert_eq!(wait(&backoff, &line(1), 7 * SECOND), 0);
}

#[test]
fn a_clock_that_goes_back_keeps_nothing_waiting() {
    let mut backoff = Backoff::default();
    backoff.failed(line(1), 100 * SECOND);
    assert!(backoff.is_waiting(&line(1), 100 * SECOND));
    assert!(!backoff.is_waiting(&line(1), 99 * SECOND));
}

#[test]
fn the_memory_is_bounded_and_makes_room_for_new_failures() {
    let mut backoff = Backoff::default();
    for number in 0..FAILURES_MAX + 5 {
        backoff.failed(line(number), 0);
    }
    assert_eq!(backoff.0.len(), FAILURES_MAX);
    assert!(!backoff.is_waiting(&line(FAILURES_MAX), 0));
    backoff.failed(line(0), 0);
    assert_eq!(wait(&backoff, &line(0), 0), 2, "one that is known counts on");
    backoff.failed(line(FAILURES_MAX), SECOND);
    assert!(backoff.is_waiting(&line(FAILURES_MAX), SECOND));
    assert_eq!(backoff.0.len(), 2, "those whose wait is over made room");
}

use super::*;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Whether a figure is within seven percent of what was recorded.
#[track_caller]
fn assert_near(found: Option<f64>, expected_millis: f64) {
    let found = found.expect("something was recorded");
    assert!((found / expected_millis - 1.0).abs() < 0.07, "{found} is not near {expected_millis}");
}

#[test]
fn buckets_grow_without_gaps_and_hold_their_middles() {
    let mut last = 0;
    for units in 0..1_000_000_u64 {
        let bucket = bucket(units << UNIT_BITS);
        assert!(bucket == last || bucket == last + 1, "{units} units: bucket {bucket} after {last}");
        last = bucket;
    }
    for index in 0..BUCKETS {
        let middle = (middle_millis(index) * 1e6) as u64;
        assert_eq!(bucket(middle), index);
    }
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
}

#[test]
fn quantiles_are_near_what_was_recorded() {
    let summary = Summary::new();
    for millis in 1..=1000 {
        summary.record(Duration::from_millis(millis));
    }
    let reading = summary.read(secs(0));
    assert_eq!((reading.count, reading.sum), (1000, Duration::from_millis(500_500)));
    assert_near(reading.quantile_millis(0.5), 500.0);
    assert_near(reading.quantile_millis(0.9), 900.0);
    assert_near(reading.quantile_millis(0.99), 990.0);
}

#[test]
fn quantiles_are_of_what_came_lately_and_counts_of_all() {
    let summary = Summary::new();
    summary.record(Duration::from_millis(100));
    assert_near(summary.read(secs(100)).quantile_millis(0.5), 100.0);
    summary.record(Duration::from_millis(1));
    // Who looks again at once sees no less than who looked first.
    assert_eq!(summary.read(secs(101)).recent_count(), 2);
    let later = summary.read(secs(115));
    assert_near(later.quantile_millis(0.99), 1.0);
    assert_eq!((later.recent_count(), later.count), (1, 2));
    assert_eq!(summary.read(secs(130)).quantile_millis(0.5), None, "nothing came since");
    assert_eq!(summary.read(secs(130)).count, 2);
}

#[test]
fn threads_that_record_at_once_lose_nothing() {
    let summary = Summary::new();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..1000).for_each(|_| summary.record(Duration::from_micros(10))));
        }
    });
    assert_eq!(summary.count(), 6000);
    assert_eq!(summary.read(secs(1)).sum, Duration::from_millis(60));
}

//! What is printed, what is read, and the ends of the range.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::{Timestamp, TimestampError};

#[test]
fn times_print_like_rfc3339_nano() {
    for (nanos, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (1_000_000_001_500_000_000, "2001-09-09T01:46:41.5Z"),
        (1_767_225_600_000_000_001, "2026-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (i128::MIN, "0001-01-01T00:00:00Z"),
    ] {
        let time = Timestamp::from_unix_nanos(nanos);
        assert_eq!(time.to_string(), text);
        assert_eq!(text.parse(), Ok(time));
        assert_eq!(serde_json::to_value(time).expect("a string"), text);
        assert_eq!(serde_json::from_value::<Timestamp>(text.into()).expect("a time"), time);
    }
}

#[test]
fn offsets_are_read_and_nonsense_is_not() {
    assert_eq!("2026-01-01T02:00:00+02:00".parse(), Ok(Timestamp::from_unix_secs(1_767_225_600)));
    for text in ["", "never", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "-000001-01-01T00:00:00Z"] {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
    }
}

#[test]
fn arithmetic_stops_at_the_ends() {
    assert_eq!(Timestamp::MAX.plus(Duration::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.minus(Duration::MAX), Timestamp::MIN);
    assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
    assert_eq!(Timestamp::from_unix_secs(10).since(Timestamp::from_unix_secs(4)), Duration::from_secs(6));
    assert_eq!(Timestamp::from_unix_nanos(-1).unix_secs(), -1);
}

proptest! {
    #[test]
    fn every_time_prints_as_the_library_does(nanos in Timestamp::MIN.unix_nanos()..=Timestamp::MAX.unix_nanos()) {
        for unit in [1, 1_000, 1_000_000, 1_000_000_000, 86_400_000_000_000] {
            let time = Timestamp::from_unix_nanos(nanos / unit * unit);
            prop_assert_eq!(time.to_string(), time.0.to_string());
        }
    }

    #[test]
    fn system_time_goes_both_ways(nanos in -1_000_000_000_000_000_000_i128..10_000_000_000_000_000_000) {
        let time = Timestamp::from_unix_nanos(nanos);
        prop_assert_eq!(time.unix_nanos(), nanos);
        prop_assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }
}

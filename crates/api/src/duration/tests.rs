//! Tables of texts, and the fuzz corpus.

use std::time::Duration;

use proptest::prelude::*;

use super::{DurationError, NANOS_MAX, format, format_short, format_signed, from_secs, parse, parse_signed};

#[test]
fn texts_become_durations() {
    for (text, nanos) in [
        ("", 0),
        ("0", 0),
        ("3600", 3_600_000_000_000),
        ("+5", 5_000_000_000),
        ("1h", 3_600_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1d", 86_400_000_000_000),
        ("1d12h", 129_600_000_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("5.s", 5_000_000_000),
        ("250ms", 250_000_000),
        ("10us", 10_000),
        ("10µs", 10_000),
        ("7ns", 7),
        ("0.9999999999999999999999ns", 0),
        ("9223372036854775807ns", NANOS_MAX),
    ] {
        assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text:?}");
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for (text, error) in [
        ("x", DurationError::Malformed),
        ("-", DurationError::Malformed),
        ("+", DurationError::Malformed),
        (".", DurationError::Malformed),
        (".s", DurationError::Malformed),
        ("h", DurationError::Malformed),
        ("1.5", DurationError::Malformed),
        ("1h30", DurationError::Malformed),
        ("1 h", DurationError::Malformed),
        (" 1h", DurationError::Malformed),
        ("1H", DurationError::Malformed),
        ("1w", DurationError::Malformed),
        ("--1s", DurationError::Malformed),
        ("1e3s", DurationError::Malformed),
        ("system", DurationError::Malformed),
        ("-1s", DurationError::Negative),
        ("9223372037", DurationError::TooLong),
        ("99999999999999999999", DurationError::TooLong),
        ("106752d", DurationError::TooLong),
        ("9223372036854775807ns1ns", DurationError::TooLong),
    ] {
        assert_eq!(parse(text), Err(error), "{text:?}");
    }
    assert_eq!(parse(&"0".repeat(1000)), Err(DurationError::Malformed));
}

#[test]
fn negative_durations_have_their_own_door() {
    assert_eq!(parse_signed("-1s"), Ok(-1_000_000_000));
    assert_eq!(parse_signed("-30"), Ok(-30_000_000_000));
    assert_eq!(from_secs(-1), Err(DurationError::Negative));
    assert_eq!(from_secs(60), Ok(Duration::from_secs(60)));
    assert_eq!(from_secs(i64::MAX), Err(DurationError::TooLong));
}

#[test]
fn durations_print_like_go() {
    for (nanos, long, short) in [
        (0, "0s", "0s"),
        (1, "1ns", "1ns"),
        (1_500, "1.5µs", "1.5µs"),
        (250_000_000, "250ms", "250ms"),
        (1_500_000_000, "1.5s", "1.5s"),
        (60_000_000_000, "1m0s", "1m"),
        (90_000_000_000, "1m30s", "1m30s"),
        (3_600_000_000_000, "1h0m0s", "1h"),
        (3_610_000_000_000, "1h0m10s", "1h0m10s"),
        (5_400_000_000_000, "1h30m0s", "1h30m"),
        (2_764_800_000_000_000, "768h0m0s", "768h"),
        (12_319_000_000_001, "3h25m19.000000001s", "3h25m19.000000001s"),
    ] {
        let duration = Duration::from_nanos(nanos);
        assert_eq!(format(duration), long);
        assert_eq!(format_short(duration), short);
    }
    assert_eq!(format_signed(-1_000_000_000), "-1s");
    assert_eq!(format(Duration::MAX), "5124095576030431h0m15.999999999s");
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(nanos in 0..=NANOS_MAX) {
        let duration = Duration::from_nanos(nanos);
        prop_assert_eq!(parse(&format(duration)), Ok(duration));
        prop_assert_eq!(parse(&format_short(duration)), Ok(duration));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[-+0-9.a-zµ ]{0,40}") {
        if let Ok(nanos) = parse_signed(&text) {
            prop_assert_eq!(parse_signed(&format_signed(nanos)), Ok(nanos));
        }
    }
}

#[test]
fn the_corpus_passes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/duration");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the repository") {
        let bytes = std::fs::read(entry.expect("readable").path()).expect("readable");
        if let Ok(nanos) = parse_signed(&String::from_utf8_lossy(&bytes)) {
            assert_eq!(parse_signed(&format_signed(nanos)), Ok(nanos));
        }
        files += 1;
    }
    assert!(files > 0);
}

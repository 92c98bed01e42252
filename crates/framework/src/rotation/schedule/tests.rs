use super::*;

fn of(period: u64, schedule: &str, window: u64) -> Result<Option<Schedule>, String> {
    let (period, window) = (Duration::from_secs(period), Duration::from_secs(window));
    Schedule::of_fields(Some(period), Some(schedule.to_owned()), Some(window)).map_err(|error| error.to_string())
}

#[test]
fn fields_that_contradict_each_other_are_refused() {
    assert_eq!(Schedule::of_fields(None, None, None).unwrap(), None);
    assert_eq!(of(0, " ", 0), Ok(None));
    assert_eq!(of(60, "", 0), Ok(Some(Schedule::Period { secs: 60 })));
    let nightly = Schedule::Cron { text: "0 0 * * *".to_owned(), window_secs: 3600 };
    assert_eq!(of(0, " 0  0 * * * ", 3600), Ok(Some(nightly)));
    for (period, schedule, window, text) in [
        (60, "0 0 * * *", 0, "mutually exclusive fields rotation_period and rotation_schedule"),
        (60, "", 3600, "rotation_window needs a rotation_schedule"),
        (0, "", 3600, "rotation_window needs a rotation_schedule"),
        (4, "", 0, "rotation_period must be 5 to"),
        (u64::MAX, "", 0, "rotation_period must be 5 to"),
        (0, "0 0 * * *", 3599, "rotation_window must be 3600 seconds or more"),
        (0, "0 0 30 2 *", 0, "could not parse rotation_schedule: no day fits the schedule"),
        (0, "marker", 0, "could not parse rotation_schedule: a schedule has five fields"),
    ] {
        let error = of(period, schedule, window).expect_err(text);
        assert!(error.starts_with(text) && !error.contains("marker"), "{error}");
    }
}

#[test]
fn what_is_made_together_does_not_stay_together() {
    let start: Timestamp = "2030-01-01T00:00:30Z".parse().expect("a time");
    let hourly = Schedule::Period { secs: 3600 };
    let nightly = Schedule::Cron { text: "0 3 * * *".to_owned(), window_secs: 0 };
    let midnight: Timestamp = "2030-01-01T03:00:00Z".parse().expect("a time");
    for chance in [0, 1, 999, 35_999, u64::MAX] {
        let next = hourly.next(start, chance).expect("one").since(start);
        assert!((3600..=3636).contains(&next.as_secs()), "{next:?}");
        let next = nightly.next(start, chance).expect("one");
        assert!(next >= midnight && next.since(midnight) < CRON_JITTER_MAX, "{next}");
    }
    assert_ne!(hourly.next(start, 1), hourly.next(start, 2));
}

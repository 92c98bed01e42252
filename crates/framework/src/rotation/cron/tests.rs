use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn next(expression: &str, after: &str) -> String {
    let cron = Cron::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    cron.next(at(after)).map(|time| time.to_string()).unwrap_or_default()
}

#[test]
fn schedules_come_when_they_say() {
    // 2030-01-01 is a Tuesday.
    for (expression, after, expected) in [
        ("* * * * *", "2030-01-01T00:00:00Z", "2030-01-01T00:01:00Z"),
        ("* * * * *", "2030-01-01T00:00:59.9Z", "2030-01-01T00:01:00Z"),
        ("0 0 * * SAT", "2030-01-01T00:00:00Z", "2030-01-05T00:00:00Z"),
        ("0 0 * * sat", "2030-01-05T00:00:00Z", "2030-01-12T00:00:00Z"),
        ("0 0 * * 7", "2030-01-01T00:00:00Z", "2030-01-06T00:00:00Z"),
        ("0 0 * * 0", "2030-01-01T00:00:00Z", "2030-01-06T00:00:00Z"),
        ("0 0 * * 5-7", "2030-01-06T00:00:00Z", "2030-01-11T00:00:00Z"),
        ("*/15 8-9,17 * * MON-FRI", "2030-01-04T17:45:00Z", "2030-01-07T08:00:00Z"),
        ("5/20 * * * *", "2030-01-01T00:26:00Z", "2030-01-01T00:45:00Z"),
        ("30 4 31 * *", "2030-02-01T00:00:00Z", "2030-03-31T04:30:00Z"),
        ("0 0 29 2 *", "2030-01-01T00:00:00Z", "2032-02-29T00:00:00Z"),
        ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("59 23 31 DEC *", "2030-12-31T23:59:00Z", "2031-12-31T23:59:00Z"),
        // Either day is enough where both are restricted, and only then.
        ("0 0 15 * FRI", "2030-01-01T00:00:00Z", "2030-01-04T00:00:00Z"),
        ("0 0 15 * FRI", "2030-01-11T00:00:00Z", "2030-01-15T00:00:00Z"),
        ("0 0 */1 * FRI", "2030-01-01T00:00:00Z", "2030-01-04T00:00:00Z"),
        ("0 0 13 * *", "2030-01-01T00:00:00Z", "2030-01-13T00:00:00Z"),
    ] {
        assert_eq!(next(expression, after), expected, "{expression} after {after}");
    }
}

#[test]
fn what_is_no_schedule_is_refused_with_the_field() {
    for (text, error) in [
        ("", CronError::Fields),
        ("* * * *", CronError::Fields),
        ("* * * * * *", CronError::Fields),
        ("@daily", CronError::Fields),
        ("60 * * * *", CronError::Field("minute")),
        ("* 24 * * *", CronError::Field("hour")),
        ("* * 0 * *", CronError::Field("day of the month")),
        ("* * 32 * *", CronError::Field("day of the month")),
        ("* * * 13 *", CronError::Field("month")),
        ("* * * januar *", CronError::Field("month")),
        ("* * * * 8", CronError::Field("day of the week")),
        ("5-1 * * * *", CronError::Field("minute")),
        ("*/0 * * * *", CronError::Field("minute")),
        ("*/60 * * * *", CronError::Field("minute")),
        ("1,,2 * * * *", CronError::Field("minute")),
        ("-1 * * * *", CronError::Field("minute")),
        ("+1 * * * *", CronError::Field("minute")),
        ("1.5 * * * *", CronError::Field("minute")),
        ("99999999999 * * * *", CronError::Field("minute")),
        ("0 0 30 2 *", CronError::Never),
        ("0 0 31 4,6,9,11 *", CronError::Never),
    ] {
        assert_eq!(Cron::parse(text), Err(error), "{text}");
    }
    assert_eq!(Cron::parse(&format!("{} * * * *", ["1"; 200].join(","))), Err(CronError::Fields), "far too long");
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "[-*/,0-9a-z ]{0,40}") {
        Cron::parse(&text).ok();
    }

    /// The next time fits, and no minute before it does.
    #[test]
    fn nothing_is_left_out(minute in 0..60_u8, step in 1..24_u8, day in 1..29_u8, weekday in 0..7_u8, start in 0..4_000_000_000_i64) {
        for text in [format!("{minute} */{step} * * *"), format!("{minute} 3 {day} * *"), format!("*/{step} 1 * * {weekday}")] {
            let cron = Cron::parse(&text).expect("it is one");
            let start = Timestamp::from_unix_secs(start);
            let found = cron.next(start).expect("there is one").unix_secs();
            prop_assert!(found > start.unix_secs() && found % 60 == 0);
            let fits = |minute: i64| {
                let date = date_of(minute.div_euclid(24 * 60)).expect("a day");
                cron.has_day(date) && cron.has_minute(minute.rem_euclid(24 * 60))
            };
            prop_assert!(fits(found / 60));
            prop_assert!((start.unix_secs() / 60 + 1..found / 60).all(|minute| !fits(minute)));
        }
    }
}

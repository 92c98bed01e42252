//! Five-field cron expressions, as Vault documents them for rotation schedules: minute, hour, day of the month, month, day
//! of the week, in UTC. Numbers, names of months and days, `*`, lists, ranges and steps; nothing else.
//!
//! Where both days are restricted, either is enough (cron(8), POSIX `crontab`). The calendar is jiff's.

use api::Timestamp;
use jiff::civil::{Date, Weekday};

/// The longest expression, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// How far a day that fits is looked for, in days: between two leap days are eight years at the most, and a leap day that
/// falls on a given day of the week comes within forty.
const DAYS_MAX: usize = 40 * 366;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SECS_PER_DAY: i64 = 86_400;

/// Why a text is no expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CronError {
    /// Too few, too many, or far too long.
    #[error("a schedule has five fields: minute, hour, day of the month, month, day of the week")]
    Fields,
    /// A field does not say what it may.
    #[error("the field for the {0} cannot be read, or is out of its range")]
    Field(&'static str),
    /// No day is one of these.
    #[error("no day fits the schedule")]
    Never,
}

/// A parsed expression. Each field is a set of bits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether both the day of the month and the day of the week say something, so that either is enough.
    is_either_day: bool,
}

/// What one field may say.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", first: 0, last: 59, names: &[] },
    Field { name: "hour", first: 0, last: 23, names: &[] },
    Field { name: "day of the month", first: 1, last: 31, names: &[] },
    Field { name: "month", first: 1, last: 12, names: &MONTHS },
    Field { name: "day of the week", first: 0, last: 7, names: &WEEKDAYS },
];

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// See [`CronError`].
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let parts: Vec<_> = text.split_ascii_whitespace().collect();
        let parts: [&str; 5] = parts.try_into().map_err(|_| CronError::Fields)?;
        if text.len() > TEXT_BYTES_MAX {
            return Err(CronError::Fields);
        }
        let mut sets = [(0, false); 5];
        for ((part, field), set) in parts.into_iter().zip(&FIELDS).zip(&mut sets) {
            *set = field.parse(part).ok_or(CronError::Field(field.name))?;
        }
        let [(minutes, _), (hours, _), (days, is_any_day), (months, _), (weekdays, is_any_weekday)] = sets;
        // Sunday is 0 and 7.
        let weekdays = (weekdays | weekdays >> 7) & 0x7f;
        let cron = Self { minutes, hours, days, months, weekdays, is_either_day: !is_any_day && !is_any_weekday };
        cron.next(Timestamp::UNIX_EPOCH).map(|_| cron).ok_or(CronError::Never)
    }

    /// The first minute after a time that fits; `None` behind the end of the calendar.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let minute = after.unix_secs().div_euclid(60) + 1;
        let mut date = date_of(minute.div_euclid(24 * 60))?;
        let mut earliest = minute.rem_euclid(24 * 60);
        for _ in 0..DAYS_MAX {
            if self.has_day(date)
                && let Some(minute) = (earliest..24 * 60).find(|minute| self.has_minute(*minute))
            {
                return Some(Timestamp::from_unix_secs(days_of(date) * SECS_PER_DAY + minute * 60));
            }
            earliest = 0;
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn has_minute(&self, minute: i64) -> bool {
        has(self.hours, minute / 60) && has(self.minutes, minute % 60)
    }

    fn has_day(&self, date: Date) -> bool {
        let weekday = match date.weekday() {
            Weekday::Sunday => 0,
            other => other.to_monday_one_offset(),
        };
        let (day, weekday) = (has(self.days, date.day()), has(self.weekdays, weekday));
        has(self.months, date.month()) && if self.is_either_day { day || weekday } else { day && weekday }
    }
}

impl Field {
    /// The set that a field names, and whether it is simply all.
    fn parse(&self, text: &str) -> Option<(u64, bool)> {
        let (mut set, mut is_any) = (0, false);
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(step.parse().ok().filter(|step| (1..=self.last).contains(step))?)),
                None => (item, None),
            };
            let (first, last) = match range.split_once('-') {
                Some((first, last)) => (self.value(first)?, self.value(last)?),
                None if range == "*" => (self.first, self.last),
                // A number with a step is where the steps begin.
                None => (self.value(range)?, if step.is_some() { self.last } else { self.value(range)? }),
            };
            if first > last {
                return None;
            }
            is_any |= range == "*" && step.is_none_or(|step| step == 1);
            let step = usize::try_from(step.unwrap_or(1)).ok()?;
            (first..=last).step_by(step).for_each(|value| set |= 1_u64 << value);
        }
        Some((set, is_any))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(index) => u32::try_from(index).ok()? + self.first,
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        (self.first..=self.last).contains(&value).then_some(value)
    }
}

fn has(set: u64, value: impl Into<i64>) -> bool {
    u32::try_from(value.into()).is_ok_and(|value| set.checked_shr(value).is_some_and(|rest| rest & 1 == 1))
}

/// The day of a number of days since 1970.
fn date_of(days: i64) -> Option<Date> {
    let timestamp = jiff::Timestamp::from_second(days.checked_mul(SECS_PER_DAY)?).ok()?;
    Some(timestamp.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// The number of days from 1970 to a day.
fn days_of(date: Date) -> i64 {
    i64::from((date - jiff::civil::date(1970, 1, 1)).get_days())
}

#[cfg(test)]
mod tests;

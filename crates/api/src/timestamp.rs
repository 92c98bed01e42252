//! A point in time as it stands on the wire: RFC 3339 in UTC with nanoseconds, trailing zeros trimmed.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time from the year 1 to the year 9999, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Prints and serializes as RFC 3339 in UTC (`2026-01-02T03:04:05.6Z`), as Go's `RFC3339Nano` does. Arithmetic stops
/// at the ends of the range.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// The text is no time of RFC 3339, or outside of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: expected RFC 3339 such as 2026-01-02T03:04:05Z, years 0001 to 9999")]
pub struct TimestampError;

const SECS_MIN: i64 = -62_135_596_800;
const NANOS_PER_SEC: i128 = 1_000_000_000;
const NANOS: i64 = 1_000_000_000;
const SECS_PER_DAY: i64 = 86_400;
/// The longest text: a date, a time and nine digits behind the point.
const TEXT_BYTES: usize = "9999-12-31T23:59:59.999999999Z".len();

impl Timestamp {
    /// `0001-01-01T00:00:00Z`: Go's zero time, which several endpoints print for “never”.
    pub const MIN: Self = Self(jiff::Timestamp::constant(SECS_MIN, 0));
    /// The last one, on 9999-12-30.
    pub const MAX: Self = Self(jiff::Timestamp::MAX);
    /// `1970-01-01T00:00:00Z`.
    pub const UNIX_EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// Of nanoseconds since the Unix epoch, brought into the range.
    #[must_use]
    pub fn from_unix_nanos(nanos: i128) -> Self {
        // All times that are stored take this way, without a division of 128 bits.
        if let Some(time) = i64::try_from(nanos).ok().and_then(of_nanos) {
            return Self(time);
        }
        let nanos = nanos.clamp(Self::MIN.unix_nanos(), Self::MAX.unix_nanos());
        // Clamped to the range just above.
        Self(jiff::Timestamp::from_nanosecond(nanos).unwrap_or(jiff::Timestamp::MAX))
    }

    /// Of seconds since the Unix epoch, brought into the range.
    #[must_use]
    pub fn from_unix_secs(secs: i64) -> Self {
        Self::from_unix_nanos(i128::from(secs) * NANOS_PER_SEC)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn unix_nanos(self) -> i128 {
        self.0.as_nanosecond()
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn unix_secs(self) -> i64 {
        // 9999 years of seconds fit many times.
        i64::try_from(self.unix_nanos().div_euclid(NANOS_PER_SEC)).unwrap_or(i64::MAX)
    }

    /// The same point with whole seconds, rounded down.
    #[must_use]
    pub fn truncate_to_secs(self) -> Self {
        Self::from_unix_secs(self.unix_secs())
    }

    /// Later by `duration`, at most [`Self::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_unix_nanos(self.unix_nanos().saturating_add(nanos_of(duration)))
    }

    /// Earlier by `duration`, at least [`Self::MIN`].
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_unix_nanos(self.unix_nanos().saturating_sub(nanos_of(duration)))
    }

    /// The time from `earlier` to this; zero if that is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = u128::try_from(self.unix_nanos() - earlier.unix_nanos()).unwrap_or(0);
        let (secs, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        Duration::new(u64::try_from(secs).unwrap_or(u64::MAX), u32::try_from(rest).unwrap_or(0))
    }
}

/// Nanoseconds of 64 bits, which are from the year 1677 to 2262.
fn of_nanos(nanos: i64) -> Option<jiff::Timestamp> {
    let (secs, rest) = (nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS));
    jiff::Timestamp::new(secs, i32::try_from(rest).ok()?).ok()
}

/// A `Duration` has less than 2^64 seconds, whose nanoseconds fit an `i128`.
fn nanos_of(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self::UNIX_EPOCH.plus(after),
            Err(before) => Self::UNIX_EPOCH.minus(before.duration()),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        if timestamp >= Timestamp::UNIX_EPOCH {
            Self::UNIX_EPOCH + timestamp.since(Timestamp::UNIX_EPOCH)
        } else {
            Self::UNIX_EPOCH - Timestamp::UNIX_EPOCH.since(timestamp)
        }
    }
}

/// A text on the stack.
struct Text {
    bytes: [u8; TEXT_BYTES],
    length: usize,
}

impl Text {
    /// The time, printed digit by digit: most replies have some, and formatting machinery would be half of their cost.
    fn of(time: Timestamp) -> Self {
        let (mut secs, mut nanos) = (time.0.as_second(), i64::from(time.0.subsec_nanosecond()));
        if nanos < 0 {
            (secs, nanos) = (secs - 1, nanos + NANOS);
        }
        let (days, rest) = (secs.div_euclid(SECS_PER_DAY), secs.rem_euclid(SECS_PER_DAY));
        let (year, month, day) = civil(days);
        let mut text = Self { bytes: [0; TEXT_BYTES], length: 0 };
        for (number, digits, end) in [
            (year, 4, b'-'),
            (month, 2, b'-'),
            (day, 2, b'T'),
            (rest / 3600, 2, b':'),
            (rest / 60 % 60, 2, b':'),
            (rest % 60, 2, b'.'),
        ] {
            text.push_number(number, digits);
            text.push(end);
        }
        text.push_number(nanos, 9);
        while text.bytes.get(text.length - 1) == Some(&b'0') {
            text.length -= 1;
        }
        if nanos == 0 {
            // The point goes with the last zero.
            text.length -= 1;
        }
        text.push(b'Z');
        text
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// With leading zeros.
    fn push_number(&mut self, number: i64, digits: u32) {
        for place in (0..digits).rev() {
            let digit = number / 10_i64.pow(place) % 10;
            self.push(b'0' + u8::try_from(digit).unwrap_or_default());
        }
    }

    fn as_str(&self) -> &str {
        // Only digits and signs were put in.
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// Year, month and day of a day counted from 1970-01-01 in the Gregorian calendar: years begin in March, so that the
/// leap day is the last, and 400 of them have the same number of days.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_400_YEARS: i64 = 146_097;
    const DAYS_BEFORE_1970: i64 = 719_468;
    let days = days + DAYS_BEFORE_1970;
    let (era, day) = (days.div_euclid(DAYS_400_YEARS), days.rem_euclid(DAYS_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months of 30 and 31 days in a row of five that repeats: 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Text::of(*self).as_str())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let time = Self(text.parse().map_err(|_| TimestampError)?);
        if time < Self::MIN { Err(TimestampError) } else { Ok(time) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::of(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Owned, since a text with escapes cannot be borrowed.
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;

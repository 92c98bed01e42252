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

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
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
        serializer.collect_str(self)
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

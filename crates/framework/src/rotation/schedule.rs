//! When something is rotated by itself: every so often, or by a cron expression with a window (the fields and texts that
//! Vault documents for static roles).

use std::time::Duration;

use api::Timestamp;
use serde::{Deserialize, Serialize};

use super::cron::Cron;
use crate::error::Error;

/// The shortest period (documented Vault limit).
pub const PERIOD_MIN: Duration = Duration::from_secs(5);
/// The longest period: ten years.
pub const PERIOD_MAX: Duration = Duration::from_secs(10 * 366 * 86_400);
/// The shortest window (documented Vault limit).
pub const WINDOW_MIN: Duration = Duration::from_secs(3600);
/// The most that a period is lengthened by chance: what was made together is not rotated together for ever.
const PERIOD_JITTER_MAX: Duration = Duration::from_secs(60);
/// The same for schedules, so that all those of midnight do not come in one second.
const CRON_JITTER_MAX: Duration = Duration::from_secs(20);

/// When something is rotated.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// So many seconds after the last time.
    Period {
        /// In seconds, from [`PERIOD_MIN`] to [`PERIOD_MAX`].
        secs: u64,
    },
    /// At times of day, in UTC.
    Cron {
        /// Five fields; see [`Cron`].
        text: String,
        /// For how long after such a time it may be done, in seconds; what was not done by then waits for the next time. 0
        /// for no such limit.
        window_secs: u64,
    },
}

impl Schedule {
    /// What the fields `rotation_period`, `rotation_schedule` and `rotation_window` of a request say together; `None` when
    /// they say nothing. Zero and empty texts say nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they contradict each other, are out of their ranges, or the schedule is none.
    pub fn of_fields(
        period: Option<Duration>,
        schedule: Option<String>,
        window: Option<Duration>,
    ) -> Result<Option<Self>, Error> {
        let period = period.filter(|period| !period.is_zero());
        let window = window.filter(|window| !window.is_zero());
        match (period, schedule.filter(|text| !text.trim().is_empty())) {
            (Some(_), Some(_)) => Err(Error::invalid(
                "mutually exclusive fields rotation_period and rotation_schedule were both specified; only one of them \
                 can be provided",
            )),
            (_, None) if window.is_some() => Err(Error::invalid("rotation_window needs a rotation_schedule")),
            (None, None) => Ok(None),
            (Some(period), None) => {
                if !(PERIOD_MIN..=PERIOD_MAX).contains(&period) {
                    let (min, max) = (PERIOD_MIN.as_secs(), PERIOD_MAX.as_secs());
                    return Err(Error::Invalid(format!("rotation_period must be {min} to {max} seconds").into()));
                }
                Ok(Some(Self::Period { secs: period.as_secs() }))
            }
            (None, Some(text)) => {
                if window.is_some_and(|window| window < WINDOW_MIN) {
                    let min = WINDOW_MIN.as_secs();
                    return Err(Error::Invalid(format!("rotation_window must be {min} seconds or more").into()));
                }
                Cron::parse(&text)
                    .map_err(|error| Error::Invalid(format!("could not parse rotation_schedule: {error}").into()))?;
                let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
                Ok(Some(Self::Cron { text, window_secs: window.map_or(0, |window| window.as_secs()) }))
            }
        }
    }

    /// The next time after this one, put off a little by `chance`, which is any number. `None` when none comes any more.
    #[must_use]
    pub fn next(&self, after: Timestamp, chance: u64) -> Option<Timestamp> {
        let (time, jitter) = match self {
            Self::Period { secs } => {
                let period = Duration::from_secs(*secs);
                (after.plus(period), (period / 100).min(PERIOD_JITTER_MAX))
            }
            Self::Cron { text, .. } => (Cron::parse(text).ok()?.next(after)?, CRON_JITTER_MAX),
        };
        let most = u64::try_from(jitter.as_millis()).unwrap_or_default().max(1);
        Some(time.plus(Duration::from_millis(chance % most)))
    }

    /// For how long after its time it may be done; `None` for as long as it takes.
    #[must_use]
    pub fn window(&self) -> Option<Duration> {
        match self {
            Self::Cron { window_secs, .. } if *window_secs > 0 => Some(Duration::from_secs(*window_secs)),
            Self::Cron { .. } | Self::Period { .. } => None,
        }
    }

    /// The fields as a read shows them.
    #[must_use]
    pub fn show(&self) -> serde_json::Map<String, serde_json::Value> {
        let pairs = match self {
            Self::Period { secs } => vec![("rotation_period", (*secs).into())],
            Self::Cron { text, window_secs } => {
                vec![("rotation_schedule", text.as_str().into()), ("rotation_window", (*window_secs).into())]
            }
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests;

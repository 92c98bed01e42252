//! Keeps calls to a rate, so that a script does not flood a server that others need too.
//!
//! The rule is the generic cell rate algorithm: one point in time says how far the calls so far have used up what is
//! allowed. It bounds how fast calls start, never how many are under way.

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// The slowest rate that can be asked for: a call in a hundred seconds.
const PER_SECOND_MIN: f64 = 0.01;
/// The fastest rate that can be asked for, in calls a second, and the largest burst.
const PER_SECOND_MAX: f64 = 1_000_000.0;

/// How many calls may start in a second. Read from `10` or `10:20`, a rate and a burst, as `VAULT_RATE_LIMIT` has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The time from one call to the next.
    interval: Duration,
    /// How many may start at once after a pause; at least one.
    burst: u32,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected calls per second from 0.01 to 1000000, and perhaps a burst, as in 10 or 10:20";
        let (rate, burst) = match text.split_once(':') {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let rate = rate.trim().parse::<f64>().ok().filter(|rate| (PER_SECOND_MIN..=PER_SECOND_MAX).contains(rate));
        let rate = rate.ok_or(EXPECTED)?;
        let burst = match burst {
            Some(burst) => burst.trim().parse::<u32>().ok().filter(|burst| *burst > 0).ok_or(EXPECTED)?,
            // Fits, as the rate is bounded; a rate below one still lets one call start.
            None => (rate as u32).max(1),
        };
        Ok(Self { interval: Duration::from_secs_f64(1.0 / rate), burst })
    }
}

/// What is left of a [`Rate`], shared by all clones of a client.
pub(crate) struct Pace {
    rate: Rate,
    /// When everything that was allowed so far would have been used up at an even pace.
    used_until: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, used_until: Mutex::new(None) }
    }

    /// Takes one call; the time to wait before it may start.
    pub(crate) fn take(&self, now: Instant) -> Duration {
        // Nothing is left half done under this lock, so that a panic elsewhere does not matter to it.
        let mut used_until = self.used_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let start = used_until.map_or(now, |used| used.max(now));
        *used_until = Some(start + self.rate.interval);
        let ahead = self.rate.interval * (self.rate.burst - 1);
        start.saturating_duration_since(now).saturating_sub(ahead)
    }
}

#[cfg(test)]
mod tests;

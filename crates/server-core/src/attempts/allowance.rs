//! How many shares this node looks at: shares are asked for without a token, and putting many together takes time.
//!
//! A full key ceremony of the most shares that there can be passes at once; beyond that a share a fifth of a second. Only
//! shares that name the running attempt are counted, so that strangers who know of none use up nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use env::Env;
use framework::Error;

/// How many shares may come at once: as many as there can be, and some typing errors.
const SHARES_MAX: u32 = 300;
/// How long it takes until one more may come.
const REFILL: Duration = Duration::from_millis(200);

/// What is left of it.
pub(super) struct Allowance {
    env: Env,
    /// When it will be full again, on the monotonic clock.
    full_at: Mutex<Duration>,
}

impl Allowance {
    pub(super) fn new(env: Env) -> Self {
        Self { env, full_at: Mutex::default() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there is none left.
    pub(super) fn take(&self) -> Result<(), Error> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.env.monotonic();
        let next = (*full_at).max(now).saturating_add(REFILL);
        if next.saturating_sub(now) > REFILL * SHARES_MAX {
            return Err(Error::TooMany("too many keys were given in a short time: wait a few seconds".into()));
        }
        *full_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Allowance, REFILL, SHARES_MAX};

    #[test]
    fn a_burst_passes_then_one_at_a_time() {
        let (env, clock) = env::simulated::env(1);
        let allowance = Allowance::new(env);
        let taken = || (0..2 * SHARES_MAX).take_while(|_| allowance.take().is_ok()).count();
        assert_eq!(taken(), 300);
        clock.advance(REFILL);
        assert_eq!(taken(), 1);
        clock.advance(REFILL * 7);
        assert_eq!(taken(), 7);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(taken(), 300);
    }
}

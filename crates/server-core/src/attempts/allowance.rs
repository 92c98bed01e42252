//! How much of what needs no token this node does: it looks at shares, and putting many together takes time; it begins
//! attempts, and each is a commit.
//!
//! A full key ceremony of the most shares that there can be passes at once; beyond that a share a fifth of a second. Only
//! shares that name the running attempt are counted, so that strangers who know of none use up nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use env::Env;
use framework::Error;

/// How much may come at once, and how long it takes until one more may.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    burst: u32,
    refill: Duration,
}

/// Shares: as many as there can be, and some typing errors.
pub(crate) const SHARES: Rate = Rate { burst: 300, refill: Duration::from_millis(200) };
/// Attempts that are begun.
pub(crate) const BEGINNINGS: Rate = Rate { burst: 30, refill: Duration::from_secs(1) };

/// PGP keys that are read: two ceremonies with a key for each share, and some typing errors.
pub(crate) const PGP_KEYS: Rate = Rate { burst: 600, refill: Duration::from_secs(1) };

/// Values whose holders are asked for: a few large states at once, then a thousand a second.
pub(crate) const VALUES: Rate = Rate { burst: 50_000, refill: Duration::from_millis(1) };

/// What is left of a rate.
pub(crate) struct Allowance {
    env: Env,
    rate: Rate,
    /// When it will be full again, on the monotonic clock.
    full_at: Mutex<Duration>,
}

impl Allowance {
    pub(crate) fn new(env: Env, rate: Rate) -> Self {
        Self { env, rate, full_at: Mutex::default() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there is none left.
    pub(crate) fn take(&self) -> Result<(), Error> {
        self.take_many(1)
    }

    /// Takes so many at once, or none.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are not as many left.
    pub(crate) fn take_many(&self, count: u32) -> Result<(), Error> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.env.monotonic();
        let Rate { burst, refill } = self.rate;
        let next = (*full_at).max(now).saturating_add(refill.saturating_mul(count));
        if next.saturating_sub(now) > refill * burst {
            return Err(Error::TooMany("too much of this in a short time: wait a few seconds".into()));
        }
        *full_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Allowance, SHARES};

    #[test]
    fn a_burst_passes_then_one_at_a_time() {
        let (env, clock) = env::simulated::env(1);
        let allowance = Allowance::new(env, SHARES);
        let taken = || (0..2 * SHARES.burst).take_while(|_| allowance.take().is_ok()).count();
        assert_eq!(taken(), 300);
        clock.advance(SHARES.refill);
        assert_eq!(taken(), 1);
        clock.advance(SHARES.refill * 7);
        assert_eq!(taken(), 7);
        clock.advance(Duration::from_secs(3600));
        assert!(allowance.take_many(301).is_err() && allowance.take_many(u32::MAX).is_err());
        assert!(allowance.take_many(299).is_ok());
        assert_eq!(taken(), 1);
    }
}

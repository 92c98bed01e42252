//! When lines of the due index that failed are tried again: later with each time, so that one that fails for ever costs
//! next to nothing. Kept in memory alone: after a restart each is tried at once.

use std::collections::BTreeMap;
use std::time::Duration;

use storage::Key;

/// How long a line waits after it has failed once; twice as long after each further time.
const FIRST: Duration = Duration::from_secs(1);
/// The longest that a line waits.
const LONGEST: Duration = Duration::from_secs(300);
/// How many failures are remembered, about 200 bytes each. Further ones are tried again at once.
const FAILURES_MAX: usize = 10_000;

/// The lines that failed.
#[derive(Default)]
pub(super) struct Backoff(BTreeMap<Key, Failure>);

struct Failure {
    /// How often in a row.
    times: u32,
    /// When it failed last, in nanoseconds since 1970.
    at: i64,
}

impl Failure {
    fn is_over(&self, now: i64) -> bool {
        let factor = 2_u32.saturating_pow(self.times.saturating_sub(1));
        let wait = FIRST.saturating_mul(factor).min(LONGEST);
        // A clock that has gone back must not keep anything waiting.
        now < self.at || u128::from(now.abs_diff(self.at)) >= wait.as_nanos()
    }
}

impl Backoff {
    /// Whether the time to try a line again has not come.
    pub(super) fn is_waiting(&self, line: &Key, now: i64) -> bool {
        self.0.get(line).is_some_and(|failure| !failure.is_over(now))
    }

    /// Remembers that a line failed.
    pub(super) fn failed(&mut self, line: Key, now: i64) {
        if self.0.len() >= FAILURES_MAX && !self.0.contains_key(&line) {
            // Lines that were taken away elsewhere are forgotten like this.
            self.0.retain(|_, failure| !failure.is_over(now));
            if self.0.len() >= FAILURES_MAX {
                return;
            }
        }
        let failure = self.0.entry(line).or_insert(Failure { times: 0, at: now });
        failure.times = failure.times.saturating_add(1);
        failure.at = now;
    }

    /// Forgets a line that went well.
    pub(super) fn went_well(&mut self, line: &Key) {
        self.0.remove(line);
    }
}

#[cfg(test)]
mod tests;

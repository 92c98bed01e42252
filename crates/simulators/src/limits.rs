//! A limit on calls per second for each caller, as SaaS APIs have one: who is over it is told when to come again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::machine_millis;

/// How many calls each caller has in a second of the machine's clock.
pub(crate) struct RateLimit {
    /// `None` for as many as they like.
    pub(crate) per_second: Option<u32>,
    counts: BTreeMap<String, (i64, u32)>,
}

/// Where a caller stands.
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Until the next second begins.
    pub(crate) reset: Duration,
    /// Whether this call was one too many.
    pub(crate) is_over: bool,
}

impl RateLimit {
    pub(crate) const fn new(per_second: Option<u32>) -> Self {
        Self { per_second, counts: BTreeMap::new() }
    }

    /// Counts a call; nothing where there is no limit.
    pub(crate) fn count(&mut self, caller: &str) -> Option<Allowance> {
        let limit = self.per_second?;
        let now = machine_millis();
        let (second, count) = self.counts.entry(caller.to_owned()).or_default();
        if *second != now / 1_000 {
            (*second, *count) = (now / 1_000, 0);
        }
        *count = count.saturating_add(1);
        let reset = Duration::from_millis(u64::try_from(1_000 - now.rem_euclid(1_000)).unwrap_or_default());
        Some(Allowance { limit, remaining: limit.saturating_sub(*count), reset, is_over: *count > limit })
    }
}

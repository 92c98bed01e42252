//! A limit on calls per minute for each caller.

use std::collections::BTreeMap;

const MINUTE_MILLIS: i64 = 60_000;

/// How many calls each caller has made in this minute.
#[derive(Default)]
pub(super) struct Minutes(BTreeMap<String, (i64, u32)>);

/// Where a caller stands.
pub(super) struct Allowance {
    pub(super) count: u32,
    pub(super) allowed: u32,
    /// Until the next minute begins, in whole seconds.
    pub(super) reset_secs: i64,
    /// Whether this call was one too many.
    pub(super) is_over: bool,
}

impl Minutes {
    /// Counts a call.
    pub(super) fn count(&mut self, caller: &str, allowed: u32, now_millis: i64) -> Allowance {
        let minute = now_millis.div_euclid(MINUTE_MILLIS);
        let (of, count) = self.0.entry(caller.to_owned()).or_default();
        if *of != minute {
            (*of, *count) = (minute, 0);
        }
        *count = count.saturating_add(1);
        let reset_secs = (MINUTE_MILLIS - now_millis.rem_euclid(MINUTE_MILLIS)).div_euclid(1_000) + 1;
        Allowance { count: *count, allowed, reset_secs, is_over: *count > allowed }
    }
}

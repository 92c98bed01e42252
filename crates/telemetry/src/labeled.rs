//! Counters that are told apart by labels whose values come from what is stored: how many there can be is bounded here,
//! because whoever reads them (and keeps them for months) pays for each.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What stands for every value of a label once there are too many.
pub(crate) const OTHER: &str = "other";

/// Counters by the values of `N` labels. Takes a lock: for events that have cost a commit already.
#[derive(Debug)]
pub struct Labeled<const N: usize> {
    names: [&'static str; N],
    series_max: usize,
    counts: Mutex<BTreeMap<[String; N], u64>>,
}

impl<const N: usize> Labeled<N> {
    /// Counters under these labels, `series_max` of them at most beside one for all others.
    #[must_use]
    pub const fn new(names: [&'static str; N], series_max: usize) -> Self {
        Self { names, series_max, counts: Mutex::new(BTreeMap::new()) }
    }

    /// One more under these values, in the order of the labels.
    pub fn add(&self, values: [&str; N]) {
        let mut counts = self.counts();
        let values = values.map(str::to_owned);
        if counts.len() < self.series_max || counts.contains_key(&values) {
            *counts.entry(values).or_default() += 1;
        } else {
            *counts.entry([OTHER; N].map(str::to_owned)).or_default() += 1;
        }
    }

    /// Calls `show` for each series.
    pub fn each(&self, mut show: impl FnMut(&[(&'static str, &str)], u64)) {
        for (values, count) in self.counts().iter() {
            let labels: Vec<_> = self.names.into_iter().zip(values.iter().map(String::as_str)).collect();
            show(&labels, *count);
        }
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<[String; N], u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_bound_is_counted_together() {
        let counters = Labeled::new(["mount"], 2);
        for value in ["a", "b", "c", "a", "d"] {
            counters.add([value]);
        }
        let mut shown = Vec::new();
        counters.each(|labels, count| shown.push(format!("{}={} {count}", labels[0].0, labels[0].1)));
        assert_eq!(shown, ["mount=a 2", "mount=b 1", "mount=other 2"]);
    }
}

//! How long engines take, by mount and operation. Bounded, because mounts are what tenants make: past the bound they are
//! counted together.
//!
//! A loaded mount holds its meter, so that a request finds it without a look at a table. Meters go when nobody holds them
//! and nothing was counted for the time that metrics are kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use framework::Operation;
use telemetry::{Summary, prometheus_name};

/// The most mounts that are counted apart.
const METERS_MAX: usize = 512;
/// The most summaries of them, one for each operation that was seen: about twelve megabytes in all.
const SUMMARIES_MAX: usize = 1_024;
/// The mount that stands for all others.
const OTHERS: &str = "(other)-";

const OPERATIONS: [Operation; 8] = [
    Operation::Create,
    Operation::Read,
    Operation::Update,
    Operation::Patch,
    Operation::Delete,
    Operation::List,
    Operation::Scan,
    Operation::Help,
];

/// The time of one mount's requests.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// The mount's path as it stands in the names of metrics.
    name: String,
    /// In the order of the operations.
    summaries: [OnceLock<Summary>; OPERATIONS.len()],
    last: Mutex<Last>,
}

/// When something was counted, as far as readers have seen.
#[derive(Debug, Default)]
struct Last {
    count: u64,
    at: Option<Duration>,
}

/// Meters by namespace and name, as Prometheus has them: mounts that look alike there are one.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    meters: Mutex<BTreeMap<(String, String), Arc<Meter>>>,
    summaries: AtomicUsize,
    others: Arc<Meter>,
}

impl Routes {
    /// The meter of a mount.
    pub(crate) fn meter(&self, namespace: &str, point: &str) -> Arc<Meter> {
        let mut meters = self.meters();
        let name = point.replace('/', "-");
        let key = (namespace.to_owned(), prometheus_name(&name));
        if let Some(meter) = meters.get(&key) {
            return Arc::clone(meter);
        }
        if meters.len() >= METERS_MAX {
            return Arc::clone(&self.others);
        }
        Arc::clone(meters.entry(key).or_insert_with(|| Arc::new(Meter { name, ..Meter::default() })))
    }

    pub(crate) fn record(&self, meter: &Arc<Meter>, operation: Operation, took: Duration) {
        let summary = meter.summaries.get(operation as usize);
        let summary = summary.and_then(OnceLock::get).or_else(|| self.first(meter, operation));
        if let Some(summary) = summary {
            summary.record(took);
        }
    }

    /// The summary of an operation that was not seen on this mount before.
    fn first<'m>(&'m self, meter: &'m Arc<Meter>, operation: Operation) -> Option<&'m Summary> {
        // Two threads at once may count one too many, and both have their place.
        let is_apart = Arc::ptr_eq(meter, &self.others)
            || self.summaries.fetch_add(1, Ordering::Relaxed) < SUMMARIES_MAX
            || self.give_back();
        let meter = if is_apart { meter } else { &self.others };
        Some(meter.summaries.get(operation as usize)?.get_or_init(Summary::new))
    }

    /// The place that was not there is none that was taken.
    fn give_back(&self) -> bool {
        self.summaries.fetch_sub(1, Ordering::Relaxed);
        false
    }

    /// Calls `show` for each mount and operation that something was counted of within `retention`, with the namespace's
    /// path and the name that the mount has among metrics.
    pub(crate) fn each(
        &self,
        now: Duration,
        retention: Duration,
        mut show: impl FnMut(&str, &str, Operation, &Summary),
    ) {
        let mut meters = self.meters();
        meters.retain(|(namespace, _), meter| {
            let is_of_late = meter.is_of_late(now, retention);
            if is_of_late {
                meter.each(|operation, summary| show(namespace, &meter.name, operation, summary));
            }
            // Nobody can take it up between this look and its end: that takes the lock.
            let stays = is_of_late || Arc::strong_count(meter) > 1;
            if !stays {
                self.summaries.fetch_sub(meter.summaries.iter().filter_map(OnceLock::get).count(), Ordering::Relaxed);
            }
            stays
        });
        self.others.each(|operation, summary| show("", OTHERS, operation, summary));
    }

    fn meters(&self) -> MutexGuard<'_, BTreeMap<(String, String), Arc<Meter>>> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    fn each(&self, mut show: impl FnMut(Operation, &Summary)) {
        for (operation, summary) in OPERATIONS.into_iter().zip(&self.summaries) {
            if let Some(summary) = summary.get() {
                show(operation, summary);
            }
        }
    }

    /// Whether something was counted within this time, or since the last look.
    fn is_of_late(&self, now: Duration, retention: Duration) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.summaries.iter().filter_map(OnceLock::get).map(Summary::count).sum();
        if count > last.count || last.at.is_none() {
            *last = Last { count, at: Some(now) };
        }
        count > 0 && last.at.is_some_and(|at| now.saturating_sub(at) <= retention)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const MILLISECOND: Duration = Duration::from_millis(1);

    fn names(routes: &Routes, now: Duration) -> Vec<String> {
        let mut names = Vec::new();
        routes.each(now, DAY, |namespace, name, operation, summary| {
            names.push(format!("{namespace}{name} {operation} {}", summary.count()));
        });
        names
    }

    #[test]
    fn a_mount_is_counted_by_operation_and_namespace() {
        let routes = Routes::default();
        let (one, other) = (routes.meter("", "secret/"), routes.meter("team/", "secret/"));
        for (meter, operation) in
            [(&one, Operation::Read), (&one, Operation::Read), (&one, Operation::List), (&other, Operation::Help)]
        {
            routes.record(meter, operation, MILLISECOND);
        }
        assert_eq!(names(&routes, DAY), ["secret- read 2", "secret- list 1", "team/secret- help 1"]);
    }

    #[test]
    fn mounts_whose_metrics_have_one_name_are_counted_as_one() {
        let routes = Routes::default();
        for point in ["a/b/", "a-b/", "a_b/"] {
            routes.record(&routes.meter("", point), Operation::Read, MILLISECOND);
        }
        assert_eq!(names(&routes, DAY), ["a-b- read 3"]);
    }

    #[test]
    fn what_comes_after_the_bounds_is_counted_together() {
        let routes = Routes::default();
        let meters: Vec<_> = (0..METERS_MAX + 2).map(|index| routes.meter("", &format!("{index}/"))).collect();
        for meter in &meters {
            for operation in [Operation::Read, Operation::List, Operation::Delete] {
                routes.record(meter, operation, MILLISECOND);
            }
        }
        let names = names(&routes, DAY);
        assert_eq!(names.len(), SUMMARIES_MAX + 3);
        let others: Vec<_> = names.iter().filter(|name| name.starts_with("(other)- ")).cloned().collect();
        let apart = SUMMARIES_MAX;
        let total: usize = names.iter().filter_map(|name| name.rsplit(' ').next()?.parse::<usize>().ok()).sum();
        assert_eq!((others.len(), total), (3, meters.len() * 3), "{others:?} beside {apart}");
    }

    #[test]
    fn a_mount_without_requests_is_not_shown_for_ever_and_leaves_its_place() {
        let routes = Routes::default();
        let meter = routes.meter("", "old/");
        routes.record(&meter, Operation::Read, MILLISECOND);
        assert_eq!(names(&routes, DAY), ["old- read 1"]);
        assert_eq!(names(&routes, DAY * 2), ["old- read 1"]);
        let later = DAY * 2 + MILLISECOND;
        assert_eq!(names(&routes, later), Vec::<String>::new());
        // Whoever holds it still counts, and is shown again.
        routes.record(&meter, Operation::Read, MILLISECOND);
        assert_eq!(names(&routes, later), ["old- read 2"]);
        drop(meter);
        assert_eq!(names(&routes, later + DAY * 2), Vec::<String>::new());
        assert_eq!((routes.meters().len(), routes.summaries.load(Ordering::Relaxed)), (0, 0));
    }
}

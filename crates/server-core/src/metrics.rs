//! What a node counts of its own work, under the names that dashboards for Vault know.
//!
//! A request costs six looks at the clock, two more for each of its audit records, and a few additions in memory of its
//! own thread; everything else is done by whoever reads. What others count already (caches, admission, audit spools) is
//! read from them. A series is never made from what a client chooses: labels are mounts, namespaces, types and ranges,
//! and how many there can be is bounded.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use env::Env;
use framework::{Load, Namespace, Operation, Reply};
use storage::timed::Times;
use telemetry::trace::Stages;
use telemetry::{Counter, Labeled, Settings, Summary};

use crate::mounts::LiveMount;
use crate::traces::{self, Tracing};

mod page;
mod routes;

pub(crate) use page::MetricsPart;
pub(crate) use routes::Meter;

use routes::Routes;

/// The most series of tokens and leases that were made, each: mounts and namespaces together with a few fixed words.
const CREATION_SERIES_MAX: usize = 500;

/// How metrics are shown, and what others count that is shown with them.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// How names look.
    pub names: Settings,
    /// For how long a mount is shown after its last request; `None` shows nothing in Prometheus' format.
    pub retention: Option<Duration>,
    /// What the front door does.
    pub load: Arc<Load>,
    /// What the storage does.
    pub store: Arc<Times>,
    /// Which requests are traced; `None` for none.
    pub tracing: Option<Tracing>,
}

impl Default for Telemetry {
    /// Names as Vault's, kept for a day (documented Vault default), and nobody else who counts.
    fn default() -> Self {
        Self {
            names: Settings { prefix: "vault".to_owned(), host: String::new() },
            retention: Some(Duration::from_secs(24 * 3600)),
            load: Arc::default(),
            store: Arc::default(),
            tracing: None,
        }
    }
}

/// What the engine's part of a request is called as a stage.
const ENGINE: &str = "engine";

/// Durations under the name that they are shown by.
pub(crate) struct Timer {
    name: &'static str,
    summary: Summary,
}

impl Timer {
    fn new(name: &'static str) -> Self {
        Self { name, summary: Summary::new() }
    }
}

/// The core's own numbers.
pub(crate) struct Metrics {
    env: Env,
    started: Duration,
    telemetry: Telemetry,
    /// From arrival to answer, the audit of both included.
    pub(crate) handle_request: Timer,
    /// The same of requests that a token came of and that none came with.
    pub(crate) handle_login_request: Timer,
    /// To find out where a request leads and who asks.
    pub(crate) check_token: Timer,
    /// Until a device has taken the record of a request.
    pub(crate) audit_request: Timer,
    pub(crate) audit_request_failure: Counter,
    /// The same for the record of its answer.
    pub(crate) audit_reply: Timer,
    pub(crate) audit_reply_failure: Counter,
    pub(crate) token_create: Timer,
    /// Of those that were not resolved lately.
    pub(crate) token_lookup: Timer,
    pub(crate) token_revoke: Timer,
    pub(crate) lease_register: Timer,
    pub(crate) lease_renew: Timer,
    pub(crate) lease_revoke: Timer,
    /// Leases whose time came.
    pub(crate) lease_due: Counter,
    /// Tries to take a lease back that failed.
    pub(crate) lease_failed: Counter,
    /// Leases that nobody tries to take back any more.
    pub(crate) lease_given_up: Counter,
    /// Secrets of engines that were rotated when their time had come.
    pub(crate) rotated: Counter,
    /// Tries to that failed.
    pub(crate) rotation_failed: Counter,
    /// Requests that a rate limit refused.
    pub(crate) rate_limited: Counter,
    /// Leases and tokens that a lease-count quota refused.
    pub(crate) lease_refused: Counter,
    tokens_made: Labeled<5>,
    leases_made: Labeled<4>,
    routes: Routes,
    /// The cluster's name since the first time that it was known.
    cluster: OnceLock<String>,
}

impl Metrics {
    pub(crate) fn new(env: Env, telemetry: Telemetry) -> Self {
        Self {
            started: env.monotonic(),
            env,
            telemetry,
            handle_request: Timer::new("core.handle_request"),
            handle_login_request: Timer::new("core.handle_login_request"),
            check_token: Timer::new("core.check_token"),
            audit_request: Timer::new("audit.log_request"),
            audit_request_failure: Counter::default(),
            audit_reply: Timer::new("audit.log_response"),
            audit_reply_failure: Counter::default(),
            token_create: Timer::new("token.create"),
            token_lookup: Timer::new("token.lookup"),
            token_revoke: Timer::new("token.revoke"),
            lease_register: Timer::new("expire.register"),
            lease_renew: Timer::new("expire.renew"),
            lease_revoke: Timer::new("expire.revoke"),
            lease_due: Counter::default(),
            lease_failed: Counter::default(),
            lease_given_up: Counter::default(),
            rotated: Counter::default(),
            rotation_failed: Counter::default(),
            rate_limited: Counter::default(),
            lease_refused: Counter::default(),
            tokens_made: Labeled::new(
                ["namespace", "auth_method", "mount_point", "creation_ttl", "token_type"],
                CREATION_SERIES_MAX,
            ),
            leases_made: Labeled::new(
                ["namespace", "secret_engine", "mount_point", "creation_ttl"],
                CREATION_SERIES_MAX,
            ),
            routes: Routes::default(),
            cluster: OnceLock::new(),
        }
    }

    /// A moment, to be given to [`took`](Self::took) later.
    pub(crate) fn now(&self) -> Duration {
        self.env.monotonic()
    }

    /// Counts what began at this moment and ends now, as a stage of the request too if that is traced.
    pub(crate) fn took(&self, timer: &Timer, began: Duration) {
        let now = self.now();
        timer.summary.record(now.saturating_sub(began));
        if let Some(stages) = self.stages() {
            stages.add(timer.name, began, now);
        }
    }

    /// The same of an engine's work.
    pub(crate) fn routed(&self, mount: &LiveMount, namespace: &Namespace, operation: Operation, began: Duration) {
        let now = self.now();
        let meter = mount.meter.get_or_init(|| self.routes.meter(&namespace.path, &mount.point()));
        self.routes.record(meter, operation, now.saturating_sub(began));
        if let Some(stages) = self.stages() {
            stages.add(ENGINE, began, now);
            stages.note(traces::MOUNT, mount.point());
            stages.note(traces::MOUNT_TYPE, mount.settings.engine_type.as_str());
            if !namespace.path.is_empty() {
                stages.note(traces::NAMESPACE, namespace.path.as_str());
            }
        }
    }

    /// The stages of the request that this thread is working on, if it is traced.
    fn stages(&self) -> Option<Arc<Stages>> {
        if self.telemetry.tracing.is_some() { Stages::current() } else { None }
    }

    /// Counts what an engine has handed out. `path` is the one behind the mount path.
    pub(crate) fn made(&self, mount: &LiveMount, namespace: &Namespace, path: &str, reply: &Reply) {
        let engine_type = mount.settings.engine_type.as_str();
        let namespace = shown(&namespace.path);
        // What renews a token answers with it, too.
        let is_new = engine_type != "token" || path.starts_with("create");
        if let Some(auth) = reply.auth.as_ref().filter(|_| is_new) {
            self.tokens_made.add([namespace, engine_type, &mount.point(), range(auth.ttl), auth.token_type]);
        }
        // Of the core's own, only what renews a lease answers with one.
        let is_made = engine_type != "system";
        if let Some(lease) = reply.lease.as_ref().filter(|lease| is_made && !lease.id.is_empty()) {
            self.leases_made.add([namespace, engine_type, &mount.point(), range(lease.duration)]);
        }
    }
}

/// A namespace's path as labels show it.
fn shown(namespace: &str) -> &str {
    if namespace.is_empty() { "root" } else { namespace }
}

/// The range that a TTL falls into, in the words that Vault documents for the label.
fn range(ttl: Duration) -> &'static str {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const RANGES: [(u64, &str); 9] = [
        (MINUTE, "1m"),
        (10 * MINUTE, "10m"),
        (20 * MINUTE, "20m"),
        (HOUR, "1h"),
        (2 * HOUR, "2h"),
        (DAY, "1d"),
        (2 * DAY, "2d"),
        (7 * DAY, "7d"),
        (30 * DAY, "30d"),
    ];
    // For ever is longer than any of them.
    let secs = if ttl.is_zero() { u64::MAX } else { ttl.as_secs() };
    RANGES.into_iter().find(|(most, _)| secs <= *most).map_or("+Inf", |(_, name)| name)
}

#[cfg(test)]
mod tests;

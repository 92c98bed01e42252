//! Everything that `sys/metrics` shows, collected when it is asked for. No call of the storage: it is what operators look
//! at when that stands still.

use std::sync::Arc;
use std::time::Duration;

use barrier::CacheUse;
use telemetry::{Page, Summary};
use tokio::sync::Semaphore;

use super::{Metrics, shown};
use crate::in_flight::InFlight;
use crate::process::{Host, Usage};
use crate::seals::Seals;

/// What `sys/metrics` needs.
pub(crate) struct MetricsPart {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) seals: Arc<Seals>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) host: Arc<dyn Host>,
    /// One reader at a time: to read costs more than to ask, and some may ask without a token.
    pub(crate) reading: Arc<Semaphore>,
}

impl MetricsPart {
    pub(crate) fn new(metrics: Arc<Metrics>, seals: Arc<Seals>, in_flight: Arc<InFlight>, host: Arc<dyn Host>) -> Self {
        Self { metrics, seals, in_flight, host, reading: Arc::new(Semaphore::new(1)) }
    }

    /// Whether there is something for Prometheus.
    pub(crate) fn is_for_prometheus(&self) -> bool {
        self.metrics.telemetry.retention.is_some()
    }

    /// Since when there is something to count.
    pub(crate) fn uptime(&self) -> Duration {
        self.metrics.now().saturating_sub(self.metrics.started)
    }

    /// All numbers.
    pub(crate) fn page(&self) -> Page {
        let metrics = self.metrics.as_ref();
        let mut page = Page::new(metrics.telemetry.names.clone());
        self.node(&mut page);
        self.caches(&mut page);
        self.audit(&mut page);
        metrics.front_door(&mut page);
        metrics.durations(&mut page);
        metrics.limits(&mut page);
        metrics.handed_out(&mut page, self.cluster());
        metrics.routes(&mut page);
        metrics.traces(&mut page);
        process(&mut page, &self.host.usage());
        page
    }

    /// The cluster's name; empty before the first unseal.
    fn cluster(&self) -> &str {
        let known = &self.metrics.cluster;
        match (known.get(), self.seals.identity.cluster()) {
            (None, Ok(cluster)) => known.get_or_init(|| cluster.name.clone()),
            (Some(name), _) => name,
            (None, Err(_)) => "",
        }
    }

    fn node(&self, page: &mut Page) {
        let unsealed = if self.seals.store.barrier().is_sealed() { 0.0 } else { 1.0 };
        let cluster = [("cluster", self.cluster())];
        page.gauge("core.unsealed", "Whether the node is unsealed.", &cluster, unsealed);
        page.gauge("core.active", "Whether the node serves requests; every unsealed one does.", &cluster, unsealed);
        let in_flight = self.in_flight.count() as f64;
        page.gauge("core.in_flight_requests", "Requests that are being answered.", &[], in_flight);
    }

    fn caches(&self, page: &mut Page) {
        if let Some(CacheUse { hits, misses, bytes }) = self.seals.store.barrier().cache_use() {
            page.counter("cache.hit", "Entries that the cache of ciphertext had.", &[], hits);
            page.counter("cache.miss", "Entries that it had not.", &[], misses);
            page.gauge("cache.bytes", "What the cache of ciphertext takes.", &[], bytes as f64);
        }
        let CacheUse { hits, misses, bytes } = self.seals.tokens.cache_use();
        page.counter("token.cache.hit", "Tokens that were resolved before.", &[], hits);
        page.counter("token.cache.miss", "Tokens that were not.", &[], misses);
        page.gauge("token.cache.bytes", "What resolved tokens take.", &[], bytes as f64);
    }

    fn audit(&self, page: &mut Page) {
        for (path, backlog) in self.seals.audit.backlogs() {
            let device = [("device", path.as_str())];
            page.gauge("audit.waiting_records", "Records that wait for a device.", &device, backlog.records as f64);
            page.gauge("audit.waiting_bytes", "What they take.", &device, backlog.bytes as f64);
            page.counter("audit.lost_records", "Records that a device did not take.", &device, backlog.lost);
        }
        for path in self.seals.audit.unopened() {
            let device = [("device", path.as_str())];
            page.gauge("audit.unopened", "Devices that are enabled and cannot be opened here.", &device, 1.0);
        }
    }
}

impl Metrics {
    fn front_door(&self, page: &mut Page) {
        let load = &self.telemetry.load;
        page.gauge("admission.in_work", "Requests in work.", &[], load.in_work.value() as f64);
        page.gauge("admission.queued", "Requests that wait for a place.", &[], load.queued.value() as f64);
        page.counter("admission.waited", "Requests that had to wait.", &[], load.waited.count());
        page.counter("admission.refused", "Requests refused for want of room.", &[], load.refused.count());
        page.counter("admission.cut", "Connections closed because the client was too slow.", &[], load.cut.count());
    }

    fn durations(&self, page: &mut Page) {
        let store = &self.telemetry.store;
        let shown: [(&str, &str, &Summary); 14] = [
            (self.handle_request.name, "Milliseconds from a request to its answer.", &self.handle_request.summary),
            (self.handle_login_request.name, "The same of logins.", &self.handle_login_request.summary),
            (self.check_token.name, "Until it is known where a request leads and who asks.", &self.check_token.summary),
            (self.audit_request.name, "Until a device has taken the record of a request.", &self.audit_request.summary),
            (self.audit_reply.name, "Until a device has taken the record of an answer.", &self.audit_reply.summary),
            ("barrier.get", "Reads that no cache answered.", &store.reads),
            ("barrier.list", "Pages of a range.", &store.scans),
            ("barrier.put", "Commits, deletions among them.", &store.commits),
            (self.token_create.name, "Making a token.", &self.token_create.summary),
            (self.token_lookup.name, "Resolving a token that was not resolved before.", &self.token_lookup.summary),
            (self.token_revoke.name, "Revoking a token with all that hangs on it.", &self.token_revoke.summary),
            (self.lease_register.name, "Storing a lease.", &self.lease_register.summary),
            (self.lease_renew.name, "Renewing a lease.", &self.lease_renew.summary),
            (self.lease_revoke.name, "Revoking a lease.", &self.lease_revoke.summary),
        ];
        let now = self.now();
        for (name, about, summary) in shown {
            page.summary(name, about, &[], summary.read(now));
        }
        let failed = "Requests that ended because no device took a record.";
        page.counter("audit.log_request_failure", failed, &[], self.audit_request_failure.count());
        page.counter("audit.log_response_failure", failed, &[], self.audit_reply_failure.count());
    }

    fn limits(&self, page: &mut Page) {
        let counters = [
            ("expire.lease_expiration", "Leases whose time came.", &self.lease_due),
            ("expire.lease_expiration.error", "Tries to take a lease back that failed.", &self.lease_failed),
            ("expire.given_up", "Leases that nobody tries to take back any more.", &self.lease_given_up),
            ("rotation.success", "Secrets rotated when their time had come.", &self.rotated),
            ("rotation.failure", "Tries to rotate a secret that failed.", &self.rotation_failed),
            ("quota.rate_limit.violation", "Requests that a rate limit refused.", &self.rate_limited),
            ("quota.lease_count.violation", "Leases and tokens that a quota refused.", &self.lease_refused),
        ];
        for (name, about, counter) in counters {
            page.counter(name, about, &[], counter.count());
        }
    }

    fn traces(&self, page: &mut Page) {
        let Some(tracing) = &self.telemetry.tracing else { return };
        let queue = &tracing.queue;
        page.counter("trace.sent", "Traces that a collector has taken.", &[], queue.sent.count());
        page.counter("trace.dropped", "Traces that found no room.", &[], queue.dropped.count());
        page.counter("trace.failed", "Batches of traces that could not be sent.", &[], queue.failed.count());
    }

    fn handed_out(&self, page: &mut Page, cluster: &str) {
        let mut show = |name: &str, about: &str, labels: &[(&'static str, &str)], count| {
            let labels: Vec<_> = [("cluster", cluster)].into_iter().chain(labels.iter().copied()).collect();
            page.counter(name, about, &labels, count);
        };
        self.tokens_made.each(|labels, count| show("token.creation", "Tokens that were made.", labels, count));
        self.leases_made.each(|labels, count| show("secret.lease.creation", "Leases that were made.", labels, count));
    }

    fn routes(&self, page: &mut Page) {
        let now = self.now();
        let retention = self.telemetry.retention.unwrap_or(Duration::MAX);
        self.routes.each(now, retention, |namespace, mount, operation, summary| {
            let about = "Milliseconds that an engine took.";
            let labels = [("namespace", shown(namespace))];
            // The root namespace's are named as where there are no others.
            let labels = if namespace.is_empty() { &[][..] } else { &labels[..] };
            page.summary(&format!("route.{operation}.{mount}"), about, labels, summary.read(now));
        });
    }
}

/// What the process takes: under the names that every Prometheus client library has, and under Vault's, as far as those
/// mean something outside Go.
fn process(page: &mut Page, usage: &Usage) {
    let tasks = tokio::runtime::Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks());
    let resident = usage.resident_bytes as f64;
    page.gauge("runtime.num_goroutines", "Tasks that run or wait.", &[], tasks as f64);
    page.gauge("runtime.alloc_bytes", "Memory that is in use.", &[], resident);
    page.gauge("runtime.sys_bytes", "Memory that the system has given.", &[], resident);
    page.gauge("runtime.threads", "Threads of the system.", &[], usage.threads as f64);
    let plain = [
        ("process_cpu_seconds_total", "Processor time.", true, usage.processor.as_secs_f64()),
        ("process_start_time_seconds", "Start, in seconds since 1970.", false, usage.started_secs),
        ("process_resident_memory_bytes", "Memory that is in use.", false, resident),
        ("process_virtual_memory_bytes", "Addresses that are in use.", false, usage.virtual_bytes as f64),
        ("process_open_fds", "Open files and connections.", false, usage.open_files as f64),
        ("process_max_fds", "The most of them.", false, usage.open_files_max as f64),
    ];
    for (name, about, is_counter, value) in plain {
        page.plain(name, about, is_counter, value);
    }
}

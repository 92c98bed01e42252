//! Measures the budgets of `docs/performance.md`: what a request costs beside what a bare server, the disk and the store
//! alone can do on the same machine in the same minutes.
//!
//! Absolute figures of a shared machine say little; ratios of cases that take turns say more, and processor time of the
//! server's own process survives a busy neighbor. Nothing here asserts on a clock: the command only reports.
//!
//! A new row is a line in [`budgets`], and a new subject a file below `subject/` beside it.

pub mod account;
pub mod arrivals;
pub mod budgets;
pub mod case;
pub mod cores;
pub mod disk;
pub mod figure;
pub mod findings;
pub mod lender;
pub mod plan;
pub mod population;
pub mod report;
pub mod servers;
pub mod subject;
pub mod tls;
pub mod worker;
pub mod wrk;

/// One moment of the real clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Stops the calling thread for a while of real time.
#[expect(clippy::disallowed_methods, reason = "a benchmark lets a server come to rest")]
pub fn rest(time: std::time::Duration) {
    std::thread::sleep(time);
}

//! The server's log, on standard error. It never carries tokens, values or bodies of requests. A path stands in it only
//! where a damaged entry is named by its storage key, which whoever runs the storage can read anyway.

use std::io;

use tracing_subscriber::filter::LevelFilter;

use super::failure::Failure;

/// How to log.
#[derive(Clone, Debug)]
pub(super) struct LogPlan {
    /// The least important level that is shown.
    pub(super) level: LevelFilter,
    /// One JSON object a line instead of text.
    pub(super) is_json: bool,
}

impl LogPlan {
    /// What to say of a level that there is not.
    pub(super) fn unknown_level() -> Failure {
        Failure::Usage("-log-level must be trace, debug, info, warn, error or off".to_owned())
    }

    /// Reads a level's name, in Vault's words too.
    pub(super) fn level(name: &str) -> Option<LevelFilter> {
        match name.to_ascii_lowercase().as_str() {
            "trace" => Some(LevelFilter::TRACE),
            "debug" => Some(LevelFilter::DEBUG),
            "" | "info" | "notice" => Some(LevelFilter::INFO),
            "warn" | "warning" => Some(LevelFilter::WARN),
            "err" | "error" => Some(LevelFilter::ERROR),
            "off" => Some(LevelFilter::OFF),
            _ => None,
        }
    }
}

/// Starts it, once for the process.
pub(super) fn start(plan: &LogPlan) {
    let log = tracing_subscriber::fmt().with_max_level(plan.level).with_writer(io::stderr).with_ansi(false);
    // Only a second call in one process fails, and then the first one's log goes on.
    std::panic::set_hook(Box::new(report_panic));
    drop(if plan.is_json { log.json().try_init() } else { log.try_init() });
}

/// Where it happened, and not what was said: a panic's text may hold what the program was working on. The request that
/// it happened in is answered with an error and its id.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(place, thread = thread.name().unwrap_or_default(), "a panic: this is a mistake of the program");
}

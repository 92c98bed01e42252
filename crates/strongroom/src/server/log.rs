//! The server's log, on standard error. It never carries tokens, values or bodies of requests. A path stands in it only
//! where a damaged entry is named by its storage key, which whoever runs the storage can read anyway.
//!
//! Levels can be changed while the server runs. Code of others is kept at `info` whatever is asked: below it, libraries
//! write what they send and receive.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use server_core::LogLevels;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use super::failure::Failure;

/// The parts of the server that have a level of their own: its crates, by the names that log lines carry.
const LOGGERS: [&str; 7] =
    ["barrier", "engines", "framework", "http_api", "server_core", "storage_embedded", "strongroom"];
/// The most that code of others says.
const OTHERS_MAX: LevelFilter = LevelFilter::INFO;

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
pub(super) fn start(plan: &LogPlan) -> Arc<dyn LogLevels> {
    let levels = Levels::new(plan.level);
    let (filter, handle) = reload::Layer::new(levels.targets());
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let log = tracing_subscriber::registry().with(filter);
    // Only a second call in one process fails, and then the first one's log goes on.
    std::panic::set_hook(Box::new(report_panic));
    drop(if plan.is_json { log.with(lines.json()).try_init() } else { log.with(lines).try_init() });
    Arc::new(Log { levels: Mutex::new(levels), handle })
}

/// The running log.
struct Log {
    levels: Mutex<Levels>,
    handle: reload::Handle<Targets, Registry>,
}

/// What each part says.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Levels {
    configured: LevelFilter,
    all: LevelFilter,
    /// Those that differ from `all`, or once did.
    own: BTreeMap<&'static str, LevelFilter>,
}

impl Levels {
    fn new(configured: LevelFilter) -> Self {
        Self { configured, all: configured, own: BTreeMap::new() }
    }

    fn set(&mut self, logger: &str, level: Option<LevelFilter>) -> bool {
        let Some(name) = LOGGERS.into_iter().find(|name| *name == logger) else { return false };
        self.own.insert(name, level.unwrap_or(self.configured));
        true
    }

    fn set_all(&mut self, level: Option<LevelFilter>) {
        self.all = level.unwrap_or(self.configured);
        self.own.clear();
    }

    fn by_logger(&self) -> BTreeMap<&'static str, LevelFilter> {
        LOGGERS.into_iter().map(|name| (name, self.own.get(name).copied().unwrap_or(self.all))).collect()
    }

    fn targets(&self) -> Targets {
        Targets::new().with_default(self.all.min(OTHERS_MAX)).with_targets(self.by_logger())
    }
}

impl Log {
    fn change<T>(&self, change: impl FnOnce(&mut Levels) -> T) -> T {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut levels);
        if let Err(error) = self.handle.reload(levels.targets()) {
            tracing::error!(%error, "the log's levels could not be changed");
        }
        changed
    }
}

impl LogLevels for Log {
    fn levels(&self) -> BTreeMap<&'static str, LevelFilter> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).by_logger()
    }

    fn set(&self, logger: &str, level: Option<LevelFilter>) -> bool {
        self.change(|levels| levels.set(logger, level))
    }

    fn set_all(&self, level: Option<LevelFilter>) {
        self.change(|levels| levels.set_all(level));
    }
}

/// Where it happened, and not what was said: a panic's text may hold what the program was working on. The request that
/// it happened in is answered with an error and its id.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(place, thread = thread.name().unwrap_or_default(), "a panic: this is a mistake of the program");
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_level_is_changed_for_all_or_for_one_and_goes_back_to_the_configured_one() {
        let mut levels = Levels::new(LevelFilter::WARN);
        levels.set_all(Some(LevelFilter::DEBUG));
        assert!(levels.set("barrier", Some(LevelFilter::ERROR)));
        assert!(!levels.set("hyper", Some(LevelFilter::TRACE)), "code of others has no level of its own");
        assert_eq!(levels.by_logger()["barrier"], LevelFilter::ERROR);
        assert_eq!(levels.by_logger()["http_api"], LevelFilter::DEBUG);
        assert!(levels.set("barrier", None));
        assert_eq!(levels.by_logger()["barrier"], LevelFilter::WARN);
        levels.set_all(None);
        assert!(levels.by_logger().values().all(|level| *level == LevelFilter::WARN));
        assert_eq!(levels.by_logger().len(), LOGGERS.len());
    }

    #[test]
    fn others_never_say_more_than_info() {
        let mut levels = Levels::new(LevelFilter::TRACE);
        assert!(levels.targets().would_enable("server_core::due", &Level::TRACE));
        assert!(levels.targets().would_enable("h2::codec", &Level::INFO));
        assert!(!levels.targets().would_enable("h2::codec", &Level::DEBUG));
        levels.set_all(Some(LevelFilter::ERROR));
        assert!(!levels.targets().would_enable("h2::codec", &Level::WARN));
        assert!(levels.set("server_core", Some(LevelFilter::DEBUG)));
        assert!(levels.targets().would_enable("server_core::due", &Level::DEBUG));
        assert!(!levels.targets().would_enable("barrier", &Level::WARN));
    }
}

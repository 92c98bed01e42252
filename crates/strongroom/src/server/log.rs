//! The server's log, on standard error and in a file if there is one. It never carries tokens, values or bodies of requests. A path stands in it only
//! where a damaged entry is named by its storage key, which whoever runs the storage can read anyway.
//!
//! Levels can be changed while the server runs. Code of others is kept at `info` whatever is asked: below it, libraries
//! write what they send and receive.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use env::Env;
use framework::Chunks;
use server_core::LogLevels;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer as _, Registry};

use super::failure::{self, Failure};
use crate::config::LogFile;

mod file;
mod format;
mod watchers;

use file::Rotating;
use format::Lines;
use watchers::{Tap, Watchers};

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
    /// Where it is written beside standard error.
    pub(super) file: Option<LogFile>,
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
///
/// # Errors
/// When its file cannot be had.
pub(super) fn start(plan: &LogPlan) -> Result<Arc<Log>, Failure> {
    let levels = Levels::new(plan.level);
    let (filter, handle) = reload::Layer::new(levels.targets());
    let file = match &plan.file {
        Some(settings) => {
            let refused = |source| Failure::File { action: "open", path: settings.path.clone(), source };
            Some(Arc::new(Rotating::open(settings.clone(), Env::real()).map_err(refused)?))
        }
        None => None,
    };
    let writer = match &file {
        Some(file) => BoxMakeWriter::new(io::stderr.and(Arc::clone(file))),
        None => BoxMakeWriter::new(io::stderr),
    };
    let form = Lines { env: Env::real(), is_json: plan.is_json };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).event_format(form);
    // Each with a filter of its own: who watches may see more than is written.
    let (seen, seen_handle) = reload::Layer::new(watchers::targets(LevelFilter::OFF));
    // It fails only where nothing is written either. A line about it would wait for the lock that is held here.
    let refilter = move |targets| drop(seen_handle.reload(targets));
    let watchers = Arc::new(Watchers::new(Env::real(), refilter));
    let tap = Tap(Arc::clone(&watchers)).with_filter(seen);
    std::panic::set_hook(Box::new(report_panic));
    // Only a second call in one process fails, and then the first one's log goes on.
    drop(tracing_subscriber::registry().with(lines.with_filter(filter)).with(tap).try_init());
    Ok(Arc::new(Log { levels: Mutex::new(levels), handle, file, watchers }))
}

/// The running log.
pub(super) struct Log {
    levels: Mutex<Levels>,
    handle: reload::Handle<Targets, Registry>,
    file: Option<Arc<Rotating>>,
    watchers: Arc<Watchers>,
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

    /// Another level is configured now. What was set for one logger stays.
    fn configure(&mut self, level: LevelFilter) {
        if level != self.configured {
            (self.configured, self.all) = (level, level);
        }
    }

    fn by_logger(&self) -> BTreeMap<&'static str, LevelFilter> {
        LOGGERS.into_iter().map(|name| (name, self.own.get(name).copied().unwrap_or(self.all))).collect()
    }

    fn targets(&self) -> Targets {
        Targets::new().with_default(self.all.min(OTHERS_MAX)).with_targets(self.by_logger())
    }
}

impl Log {
    /// Opens its file anew: somebody else has moved the old one away.
    pub(super) fn reopen(&self) {
        let Some(file) = &self.file else { return };
        if let Err(error) = file.reopen() {
            let (error, path) = (failure::chain(&error), file.path().display());
            tracing::error!(%error, %path, "the log's file could not be opened anew, the old one stays");
        }
    }

    /// Another level is configured now.
    pub(super) fn configure(&self, level: LevelFilter) {
        self.change(|levels| levels.configure(level));
    }

    /// Tells whoever watches that it is over.
    pub(super) fn end_watching(&self) {
        self.watchers.end();
    }

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

    fn follow(&self, level: LevelFilter, is_json: bool) -> Option<Box<dyn Chunks>> {
        self.watchers.follow(level, is_json)
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
mod tests;

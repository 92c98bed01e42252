//! What the program around the core lets it see and turn of itself: its configuration without secrets, the machine, the
//! log. Narrow on purpose: the core reads no file and knows no logging library's set-up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framework::Chunks;
use serde_json::{Map, Value};
use tracing::level_filters::LevelFilter;

/// What the composition root hands in.
#[derive(Clone)]
pub struct Process {
    /// The configuration as `sys/config/state/sanitized` shows it: made from an allow-list, never from the files.
    pub config: Map<String, Value>,
    /// The machine.
    pub host: Arc<dyn Host>,
    /// The log.
    pub logs: Arc<dyn LogLevels>,
}

impl Process {
    /// Of a program that is no server, and of which nobody asks anything.
    #[must_use]
    pub fn unknown() -> Self {
        Self { config: Map::new(), host: Arc::new(Unknown), logs: Arc::new(Unknown) }
    }
}

/// The machine that the server runs on.
pub trait Host: Send + Sync {
    /// Its name in the network; empty when unknown.
    fn name(&self) -> String;

    /// Its processors, memory, disks and system, in the names that `sys/host-info` has: `cpu`, `cpu_times`, `disk`,
    /// `host` and `memory`. What cannot be found out is left out. May block for as long as a disk takes to answer.
    fn describe(&self) -> Map<String, Value>;

    /// What this process takes of it now. Asked for each time that metrics are read, so it must not wait for a disk.
    fn usage(&self) -> Usage;
}

/// What a process takes of its machine. What cannot be found out is zero.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Usage {
    /// Processor time, of the system's work for it too.
    pub processor: Duration,
    /// When it was started, in seconds since 1970.
    pub started_secs: f64,
    /// Memory that is really there, in bytes.
    pub resident_bytes: u64,
    /// Addresses in use, in bytes.
    pub virtual_bytes: u64,
    /// Open files, connections among them.
    pub open_files: u64,
    /// The most that it may have open.
    pub open_files_max: u64,
    /// Threads of the system.
    pub threads: u64,
}

/// The log: its levels, which last as long as the process, and its lines for whoever watches.
pub trait LogLevels: Send + Sync {
    /// The level of each logger.
    fn levels(&self) -> BTreeMap<&'static str, LevelFilter>;

    /// Gives one logger this level, or the configured one again with `None`. Tells whether there is such a logger.
    fn set(&self, logger: &str, level: Option<LevelFilter>) -> bool;

    /// The same for all loggers.
    fn set_all(&self, level: Option<LevelFilter>);

    /// The lines of this level and above that are written from now on, as text or each a JSON object, whatever is
    /// written elsewhere. What a slow reader does not take in time is left out, and a line says so. `None` when as many
    /// watch as may, and of a log that cannot be watched.
    fn follow(&self, _level: LevelFilter, _is_json: bool) -> Option<Box<dyn Chunks>> {
        None
    }
}

struct Unknown;

impl Host for Unknown {
    fn name(&self) -> String {
        String::new()
    }

    fn describe(&self) -> Map<String, Value> {
        Map::new()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

impl LogLevels for Unknown {
    fn levels(&self) -> BTreeMap<&'static str, LevelFilter> {
        BTreeMap::new()
    }

    fn set(&self, _: &str, _: Option<LevelFilter>) -> bool {
        false
    }

    fn set_all(&self, _: Option<LevelFilter>) {}
}

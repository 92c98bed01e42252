//! Settings of the whole process that keep its memory to itself.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Something that [`harden_process`] asked for and did not get.
#[derive(Debug)]
pub struct Shortfall {
    /// What is missing, for the log.
    pub what: &'static str,
    /// Why.
    pub source: io::Error,
}

/// Turns core dumps off for good (`RLIMIT_CORE` 0, soft and hard) and makes the process undumpable
/// (`PR_SET_DUMPABLE` 0), which also keeps debuggers and `/proc/<pid>/mem` of the same user away.
///
/// Gives back what could not be done; the caller logs it. Call it first thing in `main`, before secrets are read.
#[must_use]
pub fn harden_process() -> Vec<Shortfall> {
    let limits = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    [("core dumps are not switched off", limits), ("the process can be dumped and debugged by its own user", dumpable)]
        .into_iter()
        .filter_map(|(what, result)| result.err().map(|error| Shortfall { what, source: error.into() }))
        .collect()
}

#[cfg(test)]
mod tests;

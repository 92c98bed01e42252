//! The program: `strongroom server` and the offline commands here, every client command in the `cli` crate.
//!
//! A library, so that the configuration's parser can be fuzzed; the binary beside it only calls [`run`].

use std::ffi::OsString;
use std::process::ExitCode;

mod builtin;
pub mod config;
mod offline;
mod server;

/// Commands that are not the client's.
const OWN_COMMANDS: &[cli::OtherCommand] = &[cli::OtherCommand {
    name: "server",
    summary: "Start a server, for development or from a configuration file",
    flags: server::FLAGS,
}];

/// Runs the command that `args` name; the first of them is how the program was called. Started under another name
/// (`vault`, `bao`, by a link), it is that command: help and hints print that name.
#[must_use]
pub fn run(args: Vec<OsString>) -> ExitCode {
    if args.get(1).is_some_and(|word| word == "server") {
        return server::command(&args);
    }
    cli::run(args, OWN_COMMANDS, offline::OFFLINE)
}

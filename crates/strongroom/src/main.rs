//! The one binary: `strongroom server` and the offline commands here, every client command in the `cli` crate.
//!
//! Started under another name (`vault`, `bao`, by a link), it is that command: help and hints print that name.

use std::ffi::OsString;
use std::process::ExitCode;

use secret::WipingAllocator;

mod builtin;
mod config;

mod server;

/// Every byte of the heap that held a secret is wiped when it is freed, whoever freed it.
#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

/// Commands that are not the client's.
const OWN_COMMANDS: &[cli::OtherCommand] =
    &[cli::OtherCommand { name: "server", summary: "Start a server, for development or from a configuration file" }];

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|word| word == "server") {
        return server::command(&args);
    }
    cli::run(args, OWN_COMMANDS)
}

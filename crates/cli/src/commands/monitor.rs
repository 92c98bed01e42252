//! `monitor`: the log of the server as it is written, until the server or the user ends it.

use std::time::Duration;

use client::{Method, Request};

use super::Command;
use crate::Failure;
use crate::flags::Flag;
use crate::session::Session;

/// A quiet server is not a lost one: how long to wait for the next line.
const QUIET: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "monitor",
    arguments: "",
    arguments_min: 0,
    arguments_max: 0,
    summary: "Show the server's log as it is written",
    help: "Lines are shown from now on, until the command is interrupted or the server ends. What the server writes to its \
        own log stays as it is.",
    flags: &[
        Flag::text("log-level", "The least important level: trace, debug, info, warn or error. Default info."),
        Flag::text("log-format", "standard, or json for one object a line. Default standard."),
    ],
    run: monitor,
}];

fn monitor(session: &mut Session<'_>) -> Result<u8, Failure> {
    let connection = session.connect_within(QUIET)?;
    let mut request = Request::new(Method::GET, "sys/monitor");
    for (flag, name) in [("log-level", "log_level"), ("log-format", "log_format")] {
        if let Some(value) = session.args.text(flag) {
            request = request.query(name, value);
        }
    }
    let mut rest = Vec::new();
    let shown = connection.receive(request, |bytes| {
        rest.extend_from_slice(bytes);
        // What the network brings together is not what was written together.
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let lines: Vec<u8> = rest.drain(..=end).collect();
        session.terminal.out(String::from_utf8_lossy(&lines).trim_end_matches('\n'))
    });
    shown.map_err(|error| Failure::api("Error following the log", &error))??;
    Ok(0)
}

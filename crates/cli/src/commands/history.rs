//! `version-history`: which versions of the server have run on this storage, and since when.

use serde_json::Value;

use super::Command;
use crate::output::{Format, display, print_structure, print_wrapped};
use crate::session::Session;
use crate::{Failure, table};

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "version-history",
    arguments: "",
    arguments_min: 0,
    arguments_max: 0,
    summary: "Show the versions that the server has run in",
    help: "",
    flags: &[],
    run: history,
}];

fn history(session: &mut Session<'_>) -> Result<u8, Failure> {
    let reply = session.connect()?.list("sys/version-history", &[]);
    let reply = reply.map_err(|error| Failure::api("Error reading the version history", &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    let data = reply.as_ref().and_then(|reply| reply.data.as_ref());
    let Some(keys) = data.and_then(|data| data.get("keys")).and_then(Value::as_array) else {
        return Err(Failure::absent("The server tells of no versions"));
    };
    if session.format != Format::Table {
        return reply.as_ref().map_or(Ok(0), |reply| print_structure(session, reply));
    }
    let info = data.and_then(|data| data.get("key_info"));
    let row = |version: &Value| {
        let name = display(version);
        let field = |field: &str| {
            let value = info.and_then(|info| info.get(&name)).and_then(|info| info.get(field));
            value.filter(|value| !value.is_null()).map(display).unwrap_or_default()
        };
        vec![name.clone(), field("timestamp_installed"), field("build_date")]
    };
    let header = ["Version", "Installation Time", "Build Date"];
    session.terminal.out(&table::with_header(&header, keys.iter().map(row).collect()))?;
    Ok(0)
}

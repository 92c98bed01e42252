//! `audit`: enables, disables and lists audit devices, and checks what they wrote.

use serde_json::{Map, Value, json};

mod verify;

use super::{Command, MANY};
use crate::flags::Flag;
use crate::output::{Format, display, is_detailed, print_structure, print_wrapped};
use crate::session::{Session, sanitize};
use crate::{Failure, data, table};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "audit enable",
        arguments: "TYPE [KEY=VALUE...]",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Enable an audit device",
        help: "For example \"{program} audit enable file file_path=/var/log/audit.log\".",
        flags: &[
            Flag::text("path", "Where to mount it. Default: its type."),
            Flag::text("description", "What it is for."),
            Flag::switch("local", "Keep it from other clusters."),
        ],
        run: enable,
    },
    Command {
        words: "audit disable",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Disable an audit device",
        help: "",
        flags: &[],
        run: disable,
    },
    Command {
        words: "audit list",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "List audit devices",
        help: "",
        flags: &[Flag::switch("detailed", "Show everything that is known. Also VAULT_DETAILED.")],
        run: list,
    },
    Command {
        words: "audit verify",
        arguments: "FILE...",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Check that records are as the server wrote them",
        help: "Files that were rotated go in their order, the oldest first. The server is sent hashes of the records, \
               and keeps the key that their MACs are made with. Exits with 1 if anything is found.",
        flags: &[Flag::switch("partial", "Later records are elsewhere: do not miss them.")],
        run: verify::run,
    },
];

fn enable(session: &mut Session<'_>) -> Result<u8, Failure> {
    let kind = session.args.argument(0).unwrap_or_default().trim().to_owned();
    let path = session.args.text("path").map_or_else(|| sanitize(&kind), sanitize);
    if kind.is_empty() || path.is_empty() {
        return Err(Failure::usage("The type and the path must not be empty"));
    }
    let options: Map<_, _> = data::parse(session.terminal, session.args.positional.get(1..).unwrap_or_default())?;
    let body = json!({
        "type": kind,
        "description": session.args.text("description").unwrap_or_default(),
        "local": session.args.is_on("local"),
        "options": options,
    });
    let reply = session.connect()?.write(&format!("sys/audit/{path}"), &body);
    reply.map_err(|error| Failure::api("Error enabling audit device", &error))?;
    session.tell(&format!("Success! Enabled the {kind} audit device at: {path}/"))
}

fn disable(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let reply = session.connect()?.delete(&format!("sys/audit/{path}"), &[]);
    reply.map_err(|error| Failure::api("Error disabling audit device", &error))?;
    session.tell(&format!("Success! Disabled audit device (if it was enabled) at: {path}/"))
}

fn list(session: &mut Session<'_>) -> Result<u8, Failure> {
    let reply = session.connect()?.read("sys/audit", &[]);
    let reply = reply.map_err(|error| Failure::api("Error listing audits", &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    // No device is an empty object; nothing at all is a server without audit devices.
    let data = reply.and_then(|reply| reply.data);
    let data = data.ok_or_else(|| Failure::absent("Error listing audits: the server has nothing at sys/audit"))?;
    if session.format != Format::Table {
        return print_structure(session, &data);
    }
    let Some(devices) = data.as_object().filter(|devices| !devices.is_empty()) else {
        return Err(Failure::absent("No audit devices are enabled."));
    };
    let is_detailed = is_detailed(session);
    let row = |(path, device): (&String, &Value)| {
        let field = |name: &str| device.get(name).filter(|value| !value.is_null()).map(display).unwrap_or_default();
        let mut row = vec![path.clone(), field("type"), field("description")];
        if is_detailed {
            let is_local = device.get("local").and_then(Value::as_bool).unwrap_or_default();
            row.push(if is_local { "local" } else { "replicated" }.to_owned());
            row.push(options(device));
        }
        row
    };
    let header: &[&str] = match is_detailed {
        true => &["Path", "Type", "Description", "Replication", "Options"],
        false => &["Path", "Type", "Description"],
    };
    session.terminal.out(&table::with_header(header, devices.iter().map(row).collect()))?;
    Ok(0)
}

fn options(device: &Value) -> String {
    let options = device.get("options").and_then(Value::as_object).into_iter().flatten();
    options.map(|(key, value)| format!("{key}={}", display(value))).collect::<Vec<_>>().join(" ")
}

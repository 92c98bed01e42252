//! `operator`: seals and unseals the server, and looks after its encryption key.

use api::Timestamp;
use api::status::SealStatus;
use client::{Method, Request};
use serde_json::{Value, json};

use super::logical::data_or_stdin;
use super::{Command, status};
use crate::connection::Connection;
use crate::flags::Flag;
use crate::output::{Format, display, print_field, print_structure, print_wrapped};
use crate::session::Session;
use crate::{Failure, table};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "operator unseal",
        arguments: "[KEY]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Give one unseal key",
        help: "Without an argument the key is asked for, so that no shell's history has it. A - takes it from standard \
            input. Run it once for each key until enough are given.",
        flags: &[
            Flag::switch("reset", "Forget the keys given so far."),
            Flag::switch("migrate", "Take part in a change of seal."),
        ],
        run: unseal,
    },
    Command {
        words: "operator seal",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "Seal the server",
        help: "It answers no requests until it is unsealed again.",
        flags: &[],
        run: seal,
    },
    Command {
        words: "operator step-down",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "Ask the server to give up its active role",
        help: "Kept for scripts: where every node is active, nothing changes.",
        flags: &[],
        run: step_down,
    },
    Command {
        words: "operator key-status",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "Show the term of the encryption key",
        help: "",
        flags: &[],
        run: key_status,
    },
    Command {
        words: "operator members",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "List the nodes of the cluster",
        help: "",
        flags: &[],
        run: members,
    },
    Command {
        words: "operator rotate",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "Start a new term of the encryption key",
        help: "What was stored before stays readable.",
        flags: &[],
        run: rotate,
    },
];

/// Titles, and the fields of `sys/ha-status` below them.
const MEMBER_COLUMNS: [(&str, &str); 8] = [
    ("Host Name", "hostname"),
    ("API Address", "api_address"),
    ("Cluster Address", "cluster_address"),
    ("Active Node", "active_node"),
    ("Version", "version"),
    ("Upgrade Version", "upgrade_version"),
    ("Redundancy Zone", "redundancy_zone"),
    ("Last Echo", "last_echo"),
];

fn unseal(session: &mut Session<'_>) -> Result<u8, Failure> {
    let body = if session.args.is_on("reset") {
        json!({"reset": true})
    } else {
        let key = match session.args.argument(0).map(str::to_owned) {
            Some(argument) => data_or_stdin(session, argument)?,
            None => session.ask("Unseal Key (will be hidden): ")?.into_exposed(),
        };
        json!({"key": key.trim(), "migrate": session.args.is_on("migrate")})
    };
    let connection = session.connect()?;
    let seal = connection.call::<SealStatus>(Request::new(Method::PUT, "sys/unseal").json(&body));
    let seal = seal.map_err(|error| Failure::api("Error unsealing", &error))?;
    status::print(session, &connection, &seal)
}

fn seal(session: &mut Session<'_>) -> Result<u8, Failure> {
    let reply = session.connect()?.send(Request::new(Method::PUT, "sys/seal"));
    reply.map_err(|error| Failure::api("Error sealing", &error))?;
    session.tell("Success! Vault is sealed.")
}

fn step_down(session: &mut Session<'_>) -> Result<u8, Failure> {
    let reply = session.connect()?.send(Request::new(Method::PUT, "sys/step-down"));
    reply.map_err(|error| Failure::api("Error stepping down", &error))?;
    let address = session.address()?;
    // A node that is the only active one, or one of many that all are, goes on as before, and says so to nobody.
    session.tell(&format!("Asked to step down: {address}"))
}

fn key_status(session: &mut Session<'_>) -> Result<u8, Failure> {
    let connection = session.connect()?;
    print_key_status(session, &connection)
}

fn rotate(session: &mut Session<'_>) -> Result<u8, Failure> {
    let connection = session.connect()?;
    let reply = connection.send(Request::new(Method::PUT, "sys/rotate"));
    reply.map_err(|error| Failure::api("Error rotating key", &error))?;
    session.tell("Success! Rotated key\n")?;
    print_key_status(session, &connection)
}

fn print_key_status(session: &mut Session<'_>, connection: &Connection) -> Result<u8, Failure> {
    let reply = connection.read("sys/key-status", &[]);
    let reply = reply.map_err(|error| Failure::api("Error reading key status", &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    let Some(data) = reply.and_then(|reply| reply.data) else {
        return Err(Failure::absent("Error reading key status: the reply has none"));
    };
    if session.format != Format::Table {
        return print_structure(session, &data);
    }
    let field = |name: &str| data.get(name).map(display).unwrap_or_default();
    let time = data.get("install_time").and_then(Value::as_str).map(short_time).unwrap_or_default();
    let rows = [("Key Term", field("term")), ("Install Time", time), ("Encryption Count", field("encryptions"))];
    let rows = rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]).collect();
    session.terminal.out(&table::columns(rows))?;
    Ok(0)
}

fn members(session: &mut Session<'_>) -> Result<u8, Failure> {
    let reply = session.connect()?.read("sys/ha-status", &[]);
    let reply = reply.map_err(|error| Failure::api("Error listing members", &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    let data = reply.and_then(|reply| reply.data).ok_or_else(|| Failure::absent("The server tells of no members"))?;
    if let Some(name) = session.args.text("field").map(str::to_owned) {
        return print_field(session, &name, data.get(&name).cloned());
    }
    if session.format != Format::Table {
        return print_structure(session, &data);
    }
    let nodes = data.get("nodes").and_then(Value::as_array).into_iter().flatten();
    let cell = |node: &Value, name: &str| node.get(name).filter(|value| !value.is_null()).map(display);
    let row =
        |node: &Value| MEMBER_COLUMNS.iter().map(|(_, name)| cell(node, name).unwrap_or_default()).collect::<Vec<_>>();
    let header = MEMBER_COLUMNS.map(|(title, _)| title);
    session.terminal.out(&table::with_header(&header, nodes.map(row).collect()))?;
    Ok(0)
}

/// `02 Jan 06 15:04 UTC` (RFC 822), or the text as it is if it is no time.
fn short_time(text: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts = text.parse::<Timestamp>().ok().and_then(|time| {
        let utc = time.to_string();
        let (date, clock) = utc.split_once('T')?;
        let (year, month_and_day) = date.split_once('-')?;
        let (month, day) = month_and_day.split_once('-')?;
        let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(format!("{day} {month} {} {} UTC", year.get(2..)?, clock.get(..5)?))
    });
    parts.unwrap_or_else(|| text.to_owned())
}

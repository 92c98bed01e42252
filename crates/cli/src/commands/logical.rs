//! `read`, `write`, `patch`, `list`, `scan`, `delete`, `unwrap` and `path-help`: calls on any path, as they are.

use api::reply::Envelope;
use client::{Method, Request};
use secret::SecretString;
use serde_json::{Value, json};

use super::{Command, MANY};
use crate::connection::{Answer, Connection};
use crate::flags::{Flag, Kind};
use crate::output::{Format, print_field, print_keys, print_reply, print_structure, warn};
use crate::session::{Session, sanitize};
use crate::{Failure, data};

const DATA_HELP: &str = "Data is given as key=value; key=@file takes a file's content and key=- standard input. A \
    single - takes a JSON object from standard input, @file one from a file.";

const DETAILED: Flag = Flag::switch("detailed", "With what the server tells about each name. Also VAULT_DETAILED.");
const AFTER: Flag = Flag::text("after", "Begin behind this name.");
const LIMIT: Flag = Flag::new("limit", Kind::Number, "How many names at most.");

/// What lists take, wherever they are.
pub(super) const LIST_FLAGS: &[Flag] = &[DETAILED, AFTER, LIMIT];

/// The same for an engine of its own path.
pub(super) const MOUNT_LIST_FLAGS: &[Flag] = &[super::kv::MOUNT, DETAILED, AFTER, LIMIT];

/// How far down a list goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    One,
    Any,
}

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "read",
        arguments: "PATH [KEY=VALUE...]",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Read what is at a path",
        help: "Further arguments are sent as query parameters. -format=raw prints the body as it came.",
        flags: &[],
        run: read,
    },
    Command {
        words: "write",
        arguments: "PATH [DATA...]",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Write to a path",
        help: DATA_HELP,
        flags: &[Flag::switch("force", "Write even without data.").alias("f")],
        run: write,
    },
    Command {
        words: "patch",
        arguments: "PATH [DATA...]",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Merge data into what is at a path",
        help: DATA_HELP,
        flags: &[Flag::switch("force", "Send it even without data.").alias("f")],
        run: patch,
    },
    Command {
        words: "list",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "List the names under a path",
        help: "",
        flags: LIST_FLAGS,
        run: |session| list(session, Depth::One),
    },
    Command {
        words: "scan",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "List all names below a path, at any depth",
        help: "",
        flags: LIST_FLAGS,
        run: |session| list(session, Depth::Any),
    },
    Command {
        words: "delete",
        arguments: "PATH [KEY=VALUE...]",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Delete what is at a path",
        help: "Further arguments are sent as query parameters.",
        flags: &[],
        run: delete,
    },
    Command {
        words: "unwrap",
        arguments: "[TOKEN]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Unwrap what a wrapping token holds",
        help: "Without an argument, the token in use is the wrapping token. A - takes it from standard input.",
        flags: &[],
        run: unwrap,
    },
    Command {
        words: "path-help",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Show the server's own help for a path",
        help: "",
        flags: &[],
        run: path_help,
    },
];

fn read(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let query = data::parse_pairs(session.args.positional.get(1..).unwrap_or_default())?;
    let failed = |error: client::Error| Failure::api(&format!("Error reading {path}"), &error);
    let connection = session.connect()?;
    if session.format == Format::Raw && session.args.text("field").is_none() {
        let reply = connection.send(Request { query, ..Request::new(Method::GET, &path) }).map_err(failed)?;
        session.terminal.raw(&reply.body)?;
        return Ok(0);
    }
    let reply = connection.read(&path, &query).map_err(failed)?;
    let reply = found(session, reply, &path)?;
    print_reply(session, &reply)
}

/// The reply, if it brings anything: the lack of it is told beside the output in every format, warnings with it.
pub(super) fn found(session: &mut Session<'_>, reply: Option<Envelope>, path: &str) -> Result<Envelope, Failure> {
    let is_something = |reply: &Envelope| reply.data.is_some() || reply.auth.is_some() || reply.wrap_info.is_some();
    match reply {
        Some(reply) if is_something(&reply) => Ok(reply),
        reply => {
            if let Some(reply) = reply {
                warn(session, &reply);
            }
            Err(Failure::absent(format!("No value found at {path}")))
        }
    }
}

fn write(session: &mut Session<'_>) -> Result<u8, Failure> {
    let (path, data) = path_and_data(session)?;
    let reply = session.connect()?.write(&path, &data);
    print_change(session, &path, reply)
}

fn patch(session: &mut Session<'_>) -> Result<u8, Failure> {
    let (path, data) = path_and_data(session)?;
    let reply = session.connect()?.patch(&path, &data);
    print_change(session, &path, reply)
}

fn path_and_data(session: &mut Session<'_>) -> Result<(String, Value), Failure> {
    let path = session.path(0)?;
    let data = data::parse(session.terminal, session.args.positional.get(1..).unwrap_or_default())?;
    if data.is_empty() && !session.args.is_on("force") {
        return Err(Failure::usage("Must supply data or use -force"));
    }
    Ok((path, Value::Object(data)))
}

fn print_change(session: &mut Session<'_>, path: &str, reply: Answer) -> Result<u8, Failure> {
    match reply.map_err(|error| Failure::api(&format!("Error writing data to {path}"), &error))? {
        Some(reply) => print_reply(session, &reply),
        None => session.tell(&format!("Success! Data written to: {path}")),
    }
}

fn list(session: &mut Session<'_>, depth: Depth) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let connection = session.connect()?;
    list_at(session, &connection, &path, depth)
}

/// Prints the names at a path.
pub(super) fn list_at(
    session: &mut Session<'_>,
    connection: &Connection,
    path: &str,
    depth: Depth,
) -> Result<u8, Failure> {
    let flag = |name: &str| session.args.text(name).map(|value| (name.to_owned(), value.to_owned()));
    let query: Vec<_> = [flag("after"), flag("limit")].into_iter().flatten().collect();
    let (reply, doing) = match depth {
        Depth::One => (connection.list(path, &query), "listing"),
        Depth::Any => (connection.scan(path, &query), "scanning"),
    };
    match reply.map_err(|error| Failure::api(&format!("Error {doing} {path}"), &error))? {
        Some(reply) if reply.wrap_info.is_some() => print_reply(session, &reply),
        reply => print_keys(session, path, reply.as_ref()),
    }
}

fn delete(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let query = data::parse_pairs(session.args.positional.get(1..).unwrap_or_default())?;
    let reply = session.connect()?.delete(&path, &query);
    match reply.map_err(|error| Failure::api(&format!("Error deleting {path}"), &error))? {
        Some(reply) => print_reply(session, &reply),
        None => session.tell(&format!("Success! Data deleted (if it existed) at: {path}")),
    }
}

fn unwrap(session: &mut Session<'_>) -> Result<u8, Failure> {
    let token = match session.args.argument(0).map(str::to_owned) {
        Some(token) => Some(SecretString::new(data_or_stdin(session, token)?)),
        None => None,
    };
    let own = session.token()?;
    let (connection, body) = match (token, own) {
        // Whoever has a token unwraps by it, so that the audit log tells who it was.
        (Some(token), Some(own)) if own.expose() != token.expose() => {
            (session.connect_as(&own)?, json!({"token": token.into_exposed()}))
        }
        (Some(token), _) | (None, Some(token)) => (session.connect_as(&token)?, json!({})),
        (None, None) => return Err(Failure::usage("There is no token to unwrap: give it as the argument")),
    };
    let reply = connection.write("sys/wrapping/unwrap", &body);
    match reply.map_err(|error| Failure::api("Error unwrapping", &error))? {
        Some(reply) => print_reply(session, &reply),
        None => session.tell("Successfully unwrapped. There was no data in the wrapped secret."),
    }
}

/// An argument that may be `-` for standard input, without the newline there.
pub(super) fn data_or_stdin(session: &mut Session<'_>, argument: String) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument);
    }
    let text = session.terminal.read_stdin();
    let text = text.map_err(|problem| Failure::usage(format!("Could not read standard input: {problem}")))?;
    Ok(text.trim().to_owned())
}

fn path_help(session: &mut Session<'_>) -> Result<u8, Failure> {
    // A slash at the end asks for a mount's own help.
    let path = session.args.argument(0).unwrap_or_default().trim().trim_start_matches('/').to_owned();
    if sanitize(&path).is_empty() {
        return Err(Failure::usage("The path must not be empty"));
    }
    let request = Request::new(Method::GET, &path).query("help", "1");
    let help: Value =
        session.connect()?.call(request).map_err(|error| Failure::api("Error retrieving help", &error))?;
    if let Some(name) = session.args.text("field").map(str::to_owned) {
        return print_field(session, &name, help.get(&name).cloned());
    }
    if session.format != Format::Table {
        return print_structure(session, &help);
    }
    let text = help.get("help").and_then(Value::as_str);
    session.terminal.out(text.ok_or_else(|| Failure::absent(format!("The server has no help for {path}")))?)?;
    Ok(0)
}

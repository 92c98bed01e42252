//! `kv`: secrets of a key-value engine, whichever version it is. The engine is asked first, so that users need not
//! know that version 2 keeps data below `data/`.

use api::reply::Envelope;
use client::{Method, Request};
use serde_json::{Map, Value, json};

use super::logical::{self, Depth, found};
use super::{Command, MANY};
use crate::connection::Connection;
use crate::flags::{Flag, Kind};
use crate::output::{Format, print_field, print_map, print_reply, warn};
use crate::session::{Session, sanitize};
use crate::{Failure, data, table};

pub(super) const MOUNT: Flag =
    Flag::text("mount", "Path of the engine. Without it, the path starts with the engine's and is asked about.");
const VERSIONS: Flag = Flag::new("versions", Kind::List, "Numbers of the versions, divided by commas.");
/// Spaces between a table's columns, and the header `Value`.
const VALUE_COLUMN: usize = 4 + 5;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "kv put",
        arguments: "PATH DATA...",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Write a secret, as a new version where there are versions",
        help: "Data is given as for \"{program} write\". What is not given is no part of the new version.",
        flags: &[
            MOUNT,
            Flag::new("cas", Kind::Number, "Write only if this is the current version; 0: if there is none."),
        ],
        run: put,
    },
    Command {
        words: "kv get",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Show a secret",
        help: "",
        flags: &[MOUNT, Flag::new("version", Kind::Number, "Show this version in place of the current one.")],
        run: get,
    },
    Command {
        words: "kv list",
        arguments: "[PATH]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "List the names of secrets",
        help: "",
        flags: logical::MOUNT_LIST_FLAGS,
        run: |session| list(session, Depth::One),
    },
    Command {
        words: "kv scan",
        arguments: "[PATH]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "List the names of all secrets below a path, at any depth",
        help: "",
        flags: logical::MOUNT_LIST_FLAGS,
        run: |session| list(session, Depth::Any),
    },
    Command {
        words: "kv delete",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Delete a secret; a deleted version can be brought back",
        help: "",
        flags: &[MOUNT, VERSIONS],
        run: delete,
    },
    Command {
        words: "kv undelete",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Bring deleted versions back",
        help: "",
        flags: &[MOUNT, VERSIONS],
        run: |session| change_versions(session, "undelete"),
    },
    Command {
        words: "kv destroy",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Remove versions for good",
        help: "",
        flags: &[MOUNT, VERSIONS],
        run: |session| change_versions(session, "destroy"),
    },
];

/// A secret's place in its engine.
pub(super) struct Place {
    mount: String,
    rest: String,
    pub is_versioned: bool,
}

impl Place {
    /// Asks the server which engine the session's path belongs to.
    pub fn find(session: &Session<'_>, connection: &Connection) -> Result<Self, Failure> {
        let path = sanitize(session.args.argument(0).unwrap_or_default());
        let given = session.args.text("mount").map(sanitize);
        let asked = given.as_deref().unwrap_or(&path);
        if asked.is_empty() {
            return Err(Failure::usage("Not enough arguments: expected a path, or -mount"));
        }
        let (mount, is_versioned) = preflight(connection, asked)?;
        if given.is_some() {
            return Ok(Self {
                mount: if mount.is_empty() { asked.to_owned() } else { mount },
                rest: path,
                is_versioned,
            });
        }
        let inside = path.strip_prefix(&mount).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let rest = if mount.is_empty() { Some(path.as_str()) } else { inside.map(|rest| rest.trim_start_matches('/')) };
        Ok(Self { rest: rest.unwrap_or(&path).to_owned(), mount, is_versioned })
    }

    /// The path of an API of version 2, or the plain path for version 1.
    pub fn path(&self, api: &str) -> String {
        let api = if self.is_versioned { api } else { "" };
        let parts = [self.mount.as_str(), api, self.rest.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    /// Refuses what only version 2 knows.
    pub fn expect_versions(&self, command: &str) -> Result<(), Failure> {
        if self.is_versioned {
            return Ok(());
        }
        Err(Failure::usage(format!("{command} not supported on KV Version 1")))
    }
}

/// The mount that a path belongs to, and whether it keeps versions. A server that knows no such question is an old
/// one without versions.
fn preflight(connection: &Connection, path: &str) -> Result<(String, bool), Failure> {
    let request = Request::new(Method::GET, &format!("sys/internal/ui/mounts/{path}"));
    let reply: Value = match connection.ask(request) {
        Ok(reply) => reply,
        Err(error) if error.status() == Some(404) => return Ok((String::new(), false)),
        Err(error) => return Err(Failure::api("Error making the preflight request", &error)),
    };
    let data = reply.get("data").unwrap_or(&reply);
    let version = data.get("options").and_then(|options| options.get("version")).and_then(Value::as_str);
    let mount = data.get("path").and_then(Value::as_str).map(sanitize).unwrap_or_default();
    Ok((mount, version == Some("2")))
}

fn put(session: &mut Session<'_>) -> Result<u8, Failure> {
    let data = data::parse(session.terminal, session.args.positional.get(1..).unwrap_or_default())?;
    if data.is_empty() {
        return Err(Failure::usage("Must supply data"));
    }
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    let path = place.path("data");
    let body = match (place.is_versioned, session.args.number("cas").filter(|cas| *cas >= 0)) {
        (true, Some(cas)) => json!({"data": data, "options": {"cas": cas}}),
        (true, None) => json!({"data": data, "options": {}}),
        (false, _) => Value::Object(data),
    };
    let reply = connection.write(&path, &body);
    let reply = reply.map_err(|error| Failure::api(&format!("Error writing data to {path}"), &error))?;
    print_written(session, &path, reply)
}

/// Prints what a write answered: a new version, or nothing.
pub(super) fn print_written(session: &mut Session<'_>, path: &str, reply: Option<Envelope>) -> Result<u8, Failure> {
    let Some(reply) = reply else { return session.tell(&format!("Success! Data written to: {path}")) };
    if is_plain(session) {
        warn(session, &reply);
        if let Some(Value::Object(metadata)) = &reply.data {
            print_title(session, "Secret Path", path)?;
            return print_section(session, "Metadata", metadata);
        }
    }
    print_reply(session, &reply)
}

fn get(session: &mut Session<'_>) -> Result<u8, Failure> {
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    let path = place.path("data");
    let version = session.args.number("version").filter(|version| *version > 0 && place.is_versioned);
    let query: Vec<_> = version.map(|version| ("version".to_owned(), version.to_string())).into_iter().collect();
    let reply = connection.read(&path, &query);
    let reply = reply.map_err(|error| Failure::api(&format!("Error reading {path}"), &error))?;
    let reply = found(session, reply, &path)?;
    let outer = reply.data.as_ref().filter(|_| place.is_versioned && reply.wrap_info.is_none());
    let inner = outer.and_then(|data| data.get("data"));
    if let (Some(name), None) = (session.args.text("field").map(str::to_owned), &reply.wrap_info) {
        let secret = if outer.is_some() { inner } else { reply.data.as_ref() };
        match secret {
            Some(Value::Object(data)) if name == "data" && !data.contains_key("data") => {
                return print_field(session, &name, secret.cloned());
            }
            Some(Value::Object(data)) if outer.is_some() => {
                return print_field(session, &name, data.get(&name).cloned());
            }
            _ if outer.is_some() => return Err(Failure::absent(format!("No data found at {path}"))),
            // Without versions, the envelope has fields too.
            _ => {}
        }
    }
    if !is_plain(session) || reply.wrap_info.is_some() {
        return print_reply(session, &reply);
    }
    warn(session, &reply);
    match outer {
        Some(outer) => print_versioned(session, &path, outer.get("metadata"), inner),
        None => match &reply.data {
            Some(Value::Object(data)) => print_section(session, "Data", data),
            _ => Ok(0),
        },
    }
}

fn print_versioned(
    session: &mut Session<'_>,
    path: &str,
    metadata: Option<&Value>,
    data: Option<&Value>,
) -> Result<u8, Failure> {
    print_title(session, "Secret Path", path)?;
    if let Some(Value::Object(metadata)) = metadata {
        print_section(session, "Metadata", metadata)?;
        session.terminal.out("")?;
    }
    match data {
        Some(Value::Object(data)) => print_section(session, "Data", data),
        _ => Ok(0),
    }
}

fn list(session: &mut Session<'_>, depth: Depth) -> Result<u8, Failure> {
    let connection = session.connect()?;
    let path = Place::find(session, &connection)?.path("metadata");
    logical::list_at(session, &connection, &path, depth)
}

fn delete(session: &mut Session<'_>) -> Result<u8, Failure> {
    let versions = versions(session)?;
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    let (path, reply) = if versions.is_empty() {
        let path = place.path("data");
        let reply = connection.delete(&path, &[]);
        (path, reply)
    } else {
        place.expect_versions("Versions are")?;
        let path = place.path("delete");
        let reply = connection.write(&path, &json!({"versions": versions}));
        (path, reply)
    };
    match reply.map_err(|error| Failure::api(&format!("Error deleting {path}"), &error))? {
        Some(reply) => print_reply(session, &reply),
        None => session.tell(&format!("Success! Data deleted (if it existed) at: {path}")),
    }
}

fn change_versions(session: &mut Session<'_>, api: &str) -> Result<u8, Failure> {
    let versions = versions(session)?;
    if versions.is_empty() {
        return Err(Failure::usage(format!(
            "No versions provided, use the \"-versions\" flag to specify the version to {api}"
        )));
    }
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    place.expect_versions(&format!("{api} is"))?;
    let path = place.path(api);
    let reply = connection.write(&path, &json!({"versions": versions}));
    match reply.map_err(|error| Failure::api(&format!("Error writing data to {path}"), &error))? {
        Some(reply) => print_reply(session, &reply),
        None => session.tell(&format!("Success! Data written to: {path}")),
    }
}

/// The numbers of `-versions`.
fn versions(session: &Session<'_>) -> Result<Vec<u64>, Failure> {
    let given = session.args.list("versions").iter().flat_map(|list| list.split(',')).map(str::trim);
    let numbers: Result<Vec<_>, _> = given.filter(|number| !number.is_empty()).map(str::parse).collect();
    numbers.map_err(|_| Failure::usage("invalid value for flag -versions: expected numbers divided by commas"))
}

/// Whether people look at it, and at all of it.
pub(super) fn is_plain(session: &Session<'_>) -> bool {
    session.format == Format::Table && session.args.text("field").is_none()
}

/// Prints where something is.
pub(super) fn print_title(session: &mut Session<'_>, text: &str, path: &str) -> Result<(), Failure> {
    let title = table::title(text, path.chars().count());
    session.terminal.out(&format!("{title}\n{path}\n"))
}

/// Prints entries under a title of about their table's width.
pub(super) fn print_section(
    session: &mut Session<'_>,
    text: &str,
    entries: &Map<String, Value>,
) -> Result<u8, Failure> {
    let longest = entries.keys().map(|key| key.chars().count()).max().unwrap_or(0);
    session.terminal.out(&table::title(text, longest + VALUE_COLUMN))?;
    print_map(session, entries)
}

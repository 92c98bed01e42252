//! `kv patch` and `kv rollback`: new versions that are made from older ones.
//!
//! Where the server cannot merge, or does not let this caller, a secret is read, changed here, and written with the
//! version that was read, so that nobody's change in between is lost.

use api::reply::Envelope;
use serde_json::{Map, Value, json};

use super::kv::{MOUNT, Place, print_written};
use super::{Command, MANY};
use crate::connection::{Answer, Connection};
use crate::flags::{Flag, Kind};
use crate::session::Session;
use crate::{Failure, data};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "kv patch",
        arguments: "PATH [DATA...]",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Merge data into a secret, as a new version",
        help: "Data is given as for \"{program} write\". What is not given stays as it is.",
        flags: &[
            MOUNT,
            Flag::new("cas", Kind::Number, "Write only if this is the current version."),
            Flag::text("method", "patch: the server merges. rw: read, then write. Default: patch where it is allowed."),
            Flag::new("remove-data", Kind::List, "A key to remove. Can be given several times."),
        ],
        run: patch,
    },
    Command {
        words: "kv rollback",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Write an older version once more, as a new one",
        help: "",
        flags: &[MOUNT, Flag::new("version", Kind::Number, "The version to go back to.")],
        run: rollback,
    },
];

/// Who merges.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Server,
    Client,
    /// The server, or we if it does not.
    Either,
}

/// A version of a secret, with its number.
struct Version {
    data: Map<String, Value>,
    number: Value,
}

fn patch(session: &mut Session<'_>) -> Result<u8, Failure> {
    let method = match session.args.text("method") {
        None => Method::Either,
        Some("patch") => Method::Server,
        Some("rw") => Method::Client,
        Some(_) => return Err(Failure::usage("Invalid method: expected patch or rw")),
    };
    let mut changes = data::parse(session.terminal, session.args.positional.get(1..).unwrap_or_default())?;
    changes.extend(session.args.list("remove-data").iter().map(|key| (key.clone(), Value::Null)));
    if changes.is_empty() {
        return Err(Failure::usage("Must supply data"));
    }
    let cas = session.args.number("cas").filter(|cas| *cas >= 0);
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    place.expect_versions("Patching is")?;
    let path = place.path("data");
    if method == Method::Client {
        describe_rewriting(session, &path)?;
    }
    let reply = match method {
        Method::Client => merge_here(&connection, &path, changes, cas)?,
        Method::Server | Method::Either => {
            let options = cas.map_or_else(|| json!({}), |cas| json!({ "cas": cas }));
            let reply = connection.patch(&path, &json!({ "data": changes, "options": options }));
            match reply {
                Err(error) if method == Method::Either && matches!(error.status(), Some(403 | 405)) => {
                    merge_here(&connection, &path, changes, cas)?
                }
                // There is no version to merge into, or it is a deleted one.
                Err(error) if error.status() == Some(404) && error.warnings().is_empty() => return Err(absent(&path)),
                reply => reply.map_err(|error| Failure::api(&format!("Error writing data to {path}"), &error))?,
            }
        }
    };
    print_written(session, &path, reply)
}

/// Reads, merges the top level, and writes over the version that was read.
fn merge_here(
    connection: &Connection,
    path: &str,
    changes: Map<String, Value>,
    cas: Option<i64>,
) -> Result<Option<Envelope>, Failure> {
    let Version { mut data, number } = version_of(connection.ask_read(path, &[]), path)?.ok_or_else(|| absent(path))?;
    for (key, value) in changes {
        if value.is_null() {
            data.remove(&key);
        } else {
            data.insert(key, value);
        }
    }
    let cas = cas.map_or(number, Value::from);
    let reply = connection.write(path, &json!({ "data": data, "options": { "cas": cas } }));
    reply.map_err(|error| Failure::api(&format!("Error writing data to {path}"), &error))
}

fn rollback(session: &mut Session<'_>) -> Result<u8, Failure> {
    let wanted = session.args.number("version").filter(|version| *version > 0);
    let wanted = wanted.ok_or_else(|| Failure::usage("Give the version to go back to: -version=<number>"))?;
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    place.expect_versions("Rollback is")?;
    let path = place.path("data");
    describe_rewriting(session, &path)?;
    let failed = |error: client::Error| Failure::api(&format!("Error reading {path}"), &error);
    // The latest version may be a deleted one: its number is all that is needed.
    let latest = connection.ask_read(&path, &[]).map_err(failed)?.ok_or_else(|| absent(&path))?;
    let latest = field(&latest, "metadata").and_then(|metadata| metadata.get("version")).cloned();
    let query = [("version".to_owned(), wanted.to_string())];
    let Some(Version { data, .. }) = version_of(connection.ask_read(&path, &query), &path)? else {
        return Err(Failure::absent(format!("Version {wanted} of {path} is not there, or is deleted")));
    };
    let body = json!({ "data": data, "options": { "cas": latest.ok_or_else(|| absent(&path))? } });
    let reply = connection.write(&path, &body);
    let reply = reply.map_err(|error| Failure::api(&format!("Error writing data to {path}"), &error))?;
    print_written(session, &path, reply)
}

/// Ends a command that reads and writes with the policy for both, if that is what was asked for: who has no right to
/// read yet must be able to ask for it.
fn describe_rewriting(session: &Session<'_>, path: &str) -> Result<(), Failure> {
    if !session.args.is_on("output-policy") {
        return Ok(());
    }
    let calls = [client::Method::GET, client::Method::PUT].map(|method| client::Request::new(method, path));
    Err(Failure::described(client::policy(&calls)))
}

/// A version that was read, if it is there and not deleted.
fn version_of(reply: Answer, path: &str) -> Result<Option<Version>, Failure> {
    let reply = reply.map_err(|error| Failure::api(&format!("Error reading {path}"), &error))?;
    Ok(reply.and_then(|reply| {
        let Value::Object(mut data) = reply.data? else { return None };
        let number = data.get("metadata")?.get("version")?.clone();
        match data.remove("data")? {
            Value::Object(data) => Some(Version { data, number }),
            _ => None,
        }
    }))
}

fn field<'a>(reply: &'a Envelope, name: &str) -> Option<&'a Value> {
    reply.data.as_ref()?.get(name)
}

fn absent(path: &str) -> Failure {
    Failure::absent(format!("No value found at {path}"))
}

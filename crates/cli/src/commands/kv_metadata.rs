//! `kv metadata`: what a versioned engine knows about a secret beside its values.

use serde_json::{Map, Value, json};

use super::Command;
use super::kv::{MOUNT, Place, is_plain, print_section, print_title};
use super::logical::found;
use crate::flags::{Flag, Kind};
use crate::output::{print_reply, warn};
use crate::session::Session;
use crate::{Failure, data};

const MAX_VERSIONS: Flag =
    Flag::new("max-versions", Kind::Number, "How many versions are kept; 0: as the engine says.");
const CAS_REQUIRED: Flag = Flag::switch("cas-required", "Whether writes must name the current version.");
const DELETE_AFTER: Flag =
    Flag::new("delete-version-after", Kind::Duration, "How long a version lives; -1s: for ever.");
const CUSTOM: Flag = Flag::new("custom-metadata", Kind::List, "A key=value of your own. Can be given several times.");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "kv metadata get",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Show a secret's settings and versions",
        help: "",
        flags: &[MOUNT],
        run: get,
    },
    Command {
        words: "kv metadata put",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Set a secret's settings, without making a version",
        help: "",
        flags: &[MOUNT, MAX_VERSIONS, CAS_REQUIRED, DELETE_AFTER, CUSTOM],
        run: put,
    },
    Command {
        words: "kv metadata patch",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Change some of a secret's settings",
        help: "What is not given stays, entries of the custom metadata too.",
        flags: &[
            MOUNT,
            MAX_VERSIONS,
            CAS_REQUIRED,
            DELETE_AFTER,
            CUSTOM,
            Flag::new("remove-custom-metadata", Kind::List, "A key to remove. Can be given several times."),
        ],
        run: patch,
    },
    Command {
        words: "kv metadata delete",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Remove a secret with all its versions, for good",
        help: "",
        flags: &[MOUNT],
        run: delete,
    },
];

fn get(session: &mut Session<'_>) -> Result<u8, Failure> {
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    place.expect_versions("Metadata")?;
    let path = place.path("metadata");
    let reply = connection.read(&path, &[]);
    let reply = reply.map_err(|error| Failure::api(&format!("Error reading {path}"), &error))?;
    let mut reply = found(session, reply, &path)?;
    if !is_plain(session) || reply.wrap_info.is_some() {
        return print_reply(session, &reply);
    }
    warn(session, &reply);
    let Some(Value::Object(metadata)) = &mut reply.data else { return Ok(0) };
    let versions = metadata.remove("versions");
    print_title(session, "Metadata Path", &path)?;
    print_section(session, "Metadata", metadata)?;
    for (number, version) in numbered(versions.as_ref()) {
        session.terminal.out("")?;
        print_section(session, &format!("Version {number}"), version)?;
    }
    Ok(0)
}

/// The versions in the order of their numbers, not of their texts.
fn numbered(versions: Option<&Value>) -> Vec<(u64, &Map<String, Value>)> {
    let entries = versions.and_then(Value::as_object).into_iter().flatten();
    let mut numbered: Vec<_> =
        entries.filter_map(|(number, version)| Some((number.parse().ok()?, version.as_object()?))).collect();
    numbered.sort_by_key(|(number, _)| *number);
    numbered
}

fn put(session: &mut Session<'_>) -> Result<u8, Failure> {
    let body = settings(session)?;
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    place.expect_versions("Metadata")?;
    let path = place.path("metadata");
    let reply = connection.write(&path, &Value::Object(body));
    match reply.map_err(|error| Failure::api(&format!("Error writing data to {path}"), &error))? {
        Some(reply) => print_reply(session, &reply),
        None => session.tell(&format!("Success! Data written to: {path}")),
    }
}

fn patch(session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut body = settings(session)?;
    let removed = session.args.list("remove-custom-metadata");
    if !removed.is_empty()
        && let Value::Object(custom) = body.entry("custom_metadata").or_insert_with(|| json!({}))
    {
        custom.extend(removed.iter().map(|key| (key.clone(), Value::Null)));
    }
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    place.expect_versions("Metadata")?;
    let path = place.path("metadata");
    match connection.patch(&path, &body.into()) {
        Ok(Some(reply)) => print_reply(session, &reply),
        Ok(None) => session.tell(&format!("Success! Data written to: {path}")),
        Err(error) if error.status() == Some(404) => Err(Failure::absent(format!("No value found at {path}"))),
        Err(error) => Err(Failure::api(&format!("Error writing data to {path}"), &error)),
    }
}

/// Only what was given: the rest stays as it is.
fn settings(session: &Session<'_>) -> Result<Map<String, Value>, Failure> {
    let args = &session.args;
    let mut body = Map::new();
    if let Some(versions) = args.number("max-versions") {
        body.insert("max_versions".to_owned(), json!(versions));
    }
    if let Some(required) = args.switch("cas-required") {
        body.insert("cas_required".to_owned(), json!(required));
    }
    if let Some(duration) = args.text("delete-version-after") {
        body.insert("delete_version_after".to_owned(), json!(duration));
    }
    let custom = data::parse_flag("custom-metadata", args.list("custom-metadata"))?;
    if !custom.is_empty() {
        let custom: Map<_, _> = custom.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
        body.insert("custom_metadata".to_owned(), Value::Object(custom));
    }
    Ok(body)
}

fn delete(session: &mut Session<'_>) -> Result<u8, Failure> {
    let connection = session.connect()?;
    let place = Place::find(session, &connection)?;
    place.expect_versions("Metadata")?;
    let path = place.path("metadata");
    let reply = connection.delete(&path, &[]);
    match reply.map_err(|error| Failure::api(&format!("Error deleting {path}"), &error))? {
        Some(reply) => print_reply(session, &reply),
        None => session.tell(&format!("Success! Data deleted (if it existed) at: {path}")),
    }
}

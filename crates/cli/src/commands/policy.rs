//! `policy`: the texts that say who may do what.

use serde_json::{Value, json};

use super::Command;
use crate::output::{Format, display, print_field, print_structure, print_wrapped};
use crate::session::{Session, sanitize};
use crate::{Failure, data};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "policy list",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "List the names of policies",
        help: "",
        flags: &[],
        run: list,
    },
    Command {
        words: "policy read",
        arguments: "NAME",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Show the text of a policy",
        help: "",
        flags: &[],
        run: read,
    },
    Command {
        words: "policy write",
        arguments: "NAME FILE",
        arguments_min: 2,
        arguments_max: 2,
        summary: "Make or replace a policy from a file",
        help: "A - in place of the file takes the text from standard input.",
        flags: &[],
        run: write,
    },
    Command {
        words: "policy delete",
        arguments: "NAME",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Delete a policy",
        help: "",
        flags: &[],
        run: delete,
    },
];

fn list(session: &mut Session<'_>) -> Result<u8, Failure> {
    let reply = session.connect()?.list("sys/policies/acl", &[]);
    let reply = reply.map_err(|error| Failure::api("Error listing policies", &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    let keys = reply.and_then(|reply| reply.data).and_then(|mut data| data.get_mut("keys").map(Value::take));
    let keys = keys.unwrap_or_else(|| json!([]));
    if session.format != Format::Table {
        return print_structure(session, &keys);
    }
    for name in keys.as_array().into_iter().flatten() {
        session.terminal.out(&display(name))?;
    }
    Ok(0)
}

fn read(session: &mut Session<'_>) -> Result<u8, Failure> {
    let name = name(session)?;
    let reply = session.connect()?.read(&format!("sys/policies/acl/{name}"), &[]);
    let reply = reply.map_err(|error| Failure::api(&format!("Error reading policy named {name}"), &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    let data = reply.and_then(|reply| reply.data);
    let text = data.as_ref().and_then(|data| data.get("policy")).and_then(Value::as_str);
    // The root policy is a name without a text.
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(Failure::absent(format!("No policy named: {name}")));
    };
    if let Some(field) = session.args.text("field").map(str::to_owned) {
        return print_field(session, &field, data.as_ref().and_then(|data| data.get(&field)).cloned());
    }
    if session.format != Format::Table {
        return print_structure(session, &json!({"policy": text}));
    }
    session.terminal.out(text.trim())?;
    Ok(0)
}

fn write(session: &mut Session<'_>) -> Result<u8, Failure> {
    let name = name(session)?;
    let file = session.args.argument(1).unwrap_or_default().to_owned();
    let text = data::read(session.terminal, &file)?;
    let reply = session.connect()?.write(&format!("sys/policies/acl/{name}"), &json!({"policy": text}));
    let reply = reply.map_err(|error| Failure::api("Error uploading policy", &error))?;
    if let Some(reply) = reply {
        crate::output::warn(session, &reply);
    }
    session.tell(&format!("Success! Uploaded policy: {name}"))
}

fn delete(session: &mut Session<'_>) -> Result<u8, Failure> {
    let name = name(session)?;
    let reply = session.connect()?.delete(&format!("sys/policies/acl/{name}"), &[]);
    reply.map_err(|error| Failure::api(&format!("Error deleting {name}"), &error))?;
    session.tell(&format!("Success! Deleted policy: {name}"))
}

/// Names have no capital letters.
fn name(session: &Session<'_>) -> Result<String, Failure> {
    let name = sanitize(session.args.argument(0).unwrap_or_default()).to_lowercase();
    if name.is_empty() { Err(Failure::usage("The name must not be empty")) } else { Ok(name) }
}

//! `namespace`: makes, shows, changes, deletes and locks namespaces. Paths are relative to `-namespace`.

use serde_json::{Map, Value, json};

use super::Command;
use crate::connection::Answer;
use crate::flags::{Flag, Kind};
use crate::output::{Format, print_keys, print_reply, print_structure};
use crate::session::{Session, sanitize};
use crate::{Failure, data};

const CUSTOM: Flag = Flag::new("custom-metadata", Kind::List, "A key=value of your own. Can be given several times.");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "namespace list",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "List the namespaces below this one",
        help: "",
        flags: &[Flag::switch("detailed", "With what is known about each. Also VAULT_DETAILED.")],
        run: list,
    },
    Command {
        words: "namespace lookup",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Show what is known about a namespace",
        help: "",
        flags: &[],
        run: lookup,
    },
    Command {
        words: "namespace create",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Make a namespace",
        help: "",
        flags: &[CUSTOM],
        run: create,
    },
    Command {
        words: "namespace patch",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Change the metadata of a namespace",
        help: "What is not given stays.",
        flags: &[
            CUSTOM,
            Flag::new("remove-custom-metadata", Kind::List, "A key to remove. Can be given several times."),
        ],
        run: patch,
    },
    Command {
        words: "namespace delete",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Delete a namespace with all that it holds",
        help: "",
        flags: &[],
        run: delete,
    },
    Command {
        words: "namespace lock",
        arguments: "[PATH]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Refuse all requests to a namespace until it is unlocked",
        help: "Without a path, the namespace that -namespace names. The reply has the key that unlocks it.",
        flags: &[],
        run: lock,
    },
    Command {
        words: "namespace unlock",
        arguments: "[PATH]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Answer requests to a namespace again",
        help: "Needs -unlock-key, but for a root token.",
        flags: &[],
        run: unlock,
    },
];

fn list(session: &mut Session<'_>) -> Result<u8, Failure> {
    let reply = session.connect()?.list("sys/namespaces", &[]);
    match reply.map_err(|error| Failure::api("Error listing namespaces", &error))? {
        None if session.format == Format::Table => {
            Err(Failure::absent("No namespaces found: there are none, or this server does not have namespaces"))
        }
        Some(reply) if reply.wrap_info.is_some() => print_reply(session, &reply),
        reply => print_keys(session, "sys/namespaces", reply.as_ref()),
    }
}

fn lookup(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let reply = session.connect()?.read(&format!("sys/namespaces/{path}"), &[]);
    print(session, reply, "Error looking up namespace", &path)
}

fn create(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let body = json!({"custom_metadata": custom(session)?});
    let reply = session.connect()?.write(&format!("sys/namespaces/{path}"), &body);
    print(session, reply, "Error creating namespace", &path)
}

fn patch(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let mut custom = custom(session)?;
    custom.extend(session.args.list("remove-custom-metadata").iter().map(|key| (key.clone(), Value::Null)));
    if custom.is_empty() {
        return Err(Failure::usage("Nothing to change: give -custom-metadata or -remove-custom-metadata"));
    }
    let reply = session.connect()?.patch(&format!("sys/namespaces/{path}"), &json!({"custom_metadata": custom}));
    print(session, reply, "Error patching namespace", &path)
}

fn delete(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let reply = session.connect()?.delete(&format!("sys/namespaces/{path}"), &[]);
    let reply = reply.map_err(|error| Failure::api("Error deleting namespace", &error))?;
    if let Some(reply) = reply {
        crate::output::warn(session, &reply);
    }
    session.tell(&format!("Success! Namespace deleted at: {path}/"))
}

fn lock(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = below("sys/namespaces/api-lock/lock", session);
    let reply = session.connect()?.write(&path, &json!({}));
    match reply.map_err(|error| Failure::api("Error locking namespace", &error))? {
        Some(reply) => print_reply(session, &reply),
        None => session.tell("Success! Namespace locked"),
    }
}

fn unlock(session: &mut Session<'_>) -> Result<u8, Failure> {
    let path = below("sys/namespaces/api-lock/unlock", session);
    let key = session.args.text("unlock-key").map_or_else(|| json!({}), |key| json!({"unlock_key": key}));
    let reply = session.connect()?.write(&path, &key);
    reply.map_err(|error| Failure::api("Error unlocking namespace", &error))?;
    session.tell("Success! Namespace unlocked")
}

/// A path that may be followed by a namespace.
fn below(path: &str, session: &Session<'_>) -> String {
    match session.args.argument(0).map(sanitize).filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => format!("{path}/{namespace}"),
        None => path.to_owned(),
    }
}

fn custom(session: &Session<'_>) -> Result<Map<String, Value>, Failure> {
    let pairs = data::parse_flag("custom-metadata", session.args.list("custom-metadata"))?;
    Ok(pairs.into_iter().map(|(key, value)| (key, Value::from(value))).collect())
}

/// Prints a namespace: programs get what is known about it, without the envelope.
fn print(session: &mut Session<'_>, reply: Answer, what: &str, path: &str) -> Result<u8, Failure> {
    let reply = reply.map_err(|error| Failure::api(what, &error))?;
    let reply = reply.ok_or_else(|| Failure::absent(format!("{what}: there is none at {path}/")))?;
    match &reply.data {
        Some(data) if session.format != Format::Table && session.args.text("field").is_none() => {
            print_structure(session, data)
        }
        _ => print_reply(session, &reply),
    }
}

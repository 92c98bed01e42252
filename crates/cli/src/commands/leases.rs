//! `lease`: looks at the leases of dynamic secrets, renews and revokes them.

use serde_json::{Map, Value, json};

use super::Command;
use crate::Failure;
use crate::flags::{Flag, Kind};
use crate::output::print_reply;
use crate::session::{Session, sanitize};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "lease lookup",
        arguments: "ID",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Show what is known about a lease",
        help: "",
        flags: &[],
        run: |session| {
            let id = id(session)?;
            send(session, "sys/leases/lookup", &json!({"lease_id": id}), "Error looking up lease")
        },
    },
    Command {
        words: "lease renew",
        arguments: "ID",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Let a lease live longer",
        help: "",
        flags: &[Flag::new("increment", Kind::Duration, "By how much. The server may say otherwise.").alias("i")],
        run: renew,
    },
    Command {
        words: "lease revoke",
        arguments: "ID",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Revoke a lease, or all below a path",
        help: "",
        flags: &[
            Flag::switch("prefix", "The argument is the start of many leases."),
            Flag::switch("force", "Forget them even if what they stand for cannot be revoked; needs -prefix.")
                .alias("f"),
            Flag::switch("sync", "Wait until it is done."),
        ],
        run: revoke,
    },
];

fn id(session: &Session<'_>) -> Result<String, Failure> {
    let id = sanitize(session.args.argument(0).unwrap_or_default());
    if id.is_empty() { Err(Failure::usage("The lease must not be empty")) } else { Ok(id) }
}

fn renew(session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut body = Map::from_iter([("lease_id".to_owned(), json!(id(session)?))]);
    if let Some(increment) = session.args.text("increment") {
        body.insert("increment".to_owned(), json!(increment));
    }
    send(session, "sys/leases/renew", &Value::Object(body), "Error renewing lease")
}

fn send(session: &mut Session<'_>, path: &str, body: &Value, what: &str) -> Result<u8, Failure> {
    let reply = session.connect()?.write(path, body).map_err(|error| Failure::api(what, &error))?;
    let reply = reply.ok_or_else(|| Failure::absent(format!("{what}: the server knows no such lease")))?;
    print_reply(session, &reply)
}

fn revoke(session: &mut Session<'_>) -> Result<u8, Failure> {
    let id = id(session)?;
    let is = |name: &str| session.args.is_on(name);
    let (is_sync, what) = (is("sync"), if is("prefix") { "leases with prefix" } else { "lease" });
    let (path, body) = match (is("prefix"), is("force")) {
        (false, false) => ("sys/leases/revoke".to_owned(), json!({"lease_id": id, "sync": is_sync})),
        (true, false) => (format!("sys/leases/revoke-prefix/{id}"), json!({"sync": is_sync})),
        (true, true) => (format!("sys/leases/revoke-force/{id}"), json!({})),
        (false, true) => return Err(Failure::usage("-force needs -prefix")),
    };
    if is("force") {
        session.terminal.err(
            "WARNING! What the leases stand for may stay alive: the server forgets them even where it cannot revoke.\n",
        );
    }
    let reply = session.connect()?.write(&path, &body);
    reply.map_err(|error| Failure::api(&format!("Error revoking {what} {id}"), &error))?;
    if is_sync || session.args.is_on("force") {
        return session.tell(&format!("Success! Revoked {what}: {id}"));
    }
    session.tell("All revocation operations queued successfully!")
}

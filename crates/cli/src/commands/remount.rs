//! `secrets move` and `auth move`: gives a mount another path. The server does it in the background; the command waits
//! until it says how that ended.

use std::time::Duration;

use serde_json::{Value, json};

use super::Command;
use super::mounts::{AUTH, SECRETS, Side};
use crate::Failure;
use crate::connection::Connection;
use crate::session::{Session, sanitize};

/// Between two questions how far it is.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "secrets move",
        arguments: "SOURCE DESTINATION",
        arguments_min: 2,
        arguments_max: 2,
        summary: "Give a secrets engine another path",
        help: "What it holds moves along. Leases of it are revoked.",
        flags: &[],
        run: |session| remount(session, &SECRETS),
    },
    Command {
        words: "auth move",
        arguments: "SOURCE DESTINATION",
        arguments_min: 2,
        arguments_max: 2,
        summary: "Give an auth method another path",
        help: "Its settings move along. Tokens that it gave are revoked.",
        flags: &[],
        run: |session| remount(session, &AUTH),
    },
];

fn remount(session: &mut Session<'_>, side: &Side) -> Result<u8, Failure> {
    let path = |index| side.with_prefix(&sanitize(session.args.argument(index).unwrap_or_default()));
    let (Some(from), Some(to)) = (path(0), path(1)) else {
        return Err(Failure::usage("The source and the destination must not be empty"));
    };
    let connection = session.connect()?;
    let reply = connection.write("sys/remount", &json!({"from": from, "to": to}));
    let reply = reply.map_err(|error| Failure::api(&format!("Error moving {} {from} to {to}", side.noun), &error))?;
    let id = reply.as_ref().and_then(|reply| reply.data.as_ref()).and_then(|data| data.get("migration_id"));
    let Some(id) = id.and_then(Value::as_str).map(str::to_owned) else {
        // Servers of old answer when it is done.
        return session.tell(&format!("Success! Moved {} {from} to: {to}", side.noun));
    };
    session.tell(&format!("Started moving {} {from} to {to}, with migration ID {id}", side.noun))?;
    let status = outcome(session, &connection, &id)?;
    if status != "success" {
        let problem = format!("Error moving {} {from} to {to}, with migration ID {id}: {status}", side.noun);
        return Err(Failure::absent(problem));
    }
    session.tell(&format!("Success! Finished moving {} {from} to {to}, with migration ID {id}", side.noun))
}

/// Waits until the migration has ended; how.
fn outcome(session: &mut Session<'_>, connection: &Connection, id: &str) -> Result<String, Failure> {
    loop {
        let reply = connection.ask_read(&format!("sys/remount/status/{id}"), &[]);
        let reply = reply.map_err(|error| Failure::api(&format!("Error reading the status of migration {id}"), &error));
        let data = reply?.and_then(|reply| reply.data);
        let status = data.as_ref().and_then(|data| data.get("migration_info")?.get("status")?.as_str());
        match status {
            Some("in-progress") => (session.terminal.pause)(PAUSE),
            Some(status) => return Ok(status.to_owned()),
            None => return Err(Failure::absent(format!("The server tells nothing about migration {id}"))),
        }
    }
}

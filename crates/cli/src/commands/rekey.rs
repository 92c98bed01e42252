//! `operator rekey`: new unseal keys, or recovery keys, in place of the old ones, of which enough must be given.

use client::{Method, Request};
use serde_json::{Map, Value, json};

use super::logical::data_or_stdin;
use super::{Command, pgp};
use crate::connection::Connection;
use crate::flags::{Flag, Kind};
use crate::output::{Format, display, print_field, print_reply, print_structure};
use crate::session::Session;
use crate::{Failure, table};

const SHARES_DEFAULT: i64 = 5;
const THRESHOLD_DEFAULT: i64 = 3;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "operator rekey",
        arguments: "[KEY]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Replace the unseal keys",
        help: "-init begins, then each holder gives one key: asked for, as the argument, or on standard input with - and \
            -nonce. The new keys are shown once, by whoever gives the last key.",
        flags: FLAGS,
        run: rekey,
    },
    Command {
        words: "operator rotate-keys",
        arguments: "[KEY]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Replace the unseal keys, with a token",
        help: "The same as operator rekey, for servers that ask for a token as well. The token needs sudo.",
        flags: FLAGS,
        run: rotate_keys,
    },
];

const FLAGS: &[Flag] = &[
    Flag::switch("init", "Begin."),
    Flag::switch("cancel", "Give it up. With -verify, begin to verify anew."),
    Flag::switch("status", "Show how far it is."),
    Flag::switch("verify", "With -init: new keys count only once they were given back. Else: give one of them back."),
    Flag::new("key-shares", Kind::Number, "How many keys there are. Default 5.").alias("n"),
    Flag::new("key-threshold", Kind::Number, "How many of them are needed. Default 3.").alias("t"),
    Flag::text("nonce", "The attempt that the key is for."),
    Flag::text("target", "barrier for unseal keys, recovery for recovery keys. Default barrier."),
    pgp::KEYS,
    Flag::switch("backup", "Let the server keep a copy of the new keys; needs -pgp-keys."),
    Flag::switch("backup-retrieve", "Show that copy."),
    Flag::switch("backup-delete", "Delete that copy."),
];

/// Whose keys are replaced.
#[derive(Clone, Copy)]
struct Target {
    api: &'static str,
    backup: &'static str,
    noun: &'static str,
    /// Whether the replies have an envelope.
    is_enveloped: bool,
}

impl Target {
    /// Sends a request; gives what the reply says.
    fn call(self, connection: &Connection, request: Request) -> Result<Value, client::Error> {
        connection.call(request).map(|reply| self.said(reply))
    }

    fn said(self, mut reply: Value) -> Value {
        if self.is_enveloped { reply.get_mut("data").map(Value::take).unwrap_or_default() } else { reply }
    }
}

fn rekey(session: &mut Session<'_>) -> Result<u8, Failure> {
    let backup = "sys/rekey/backup";
    let barrier = Target { api: "sys/rekey", backup, noun: "Unseal Key", is_enveloped: false };
    let (api, backup) = ("sys/rekey-recovery-key", "sys/rekey/recovery-key-backup");
    replace(session, [barrier, Target { api, backup, noun: "Recovery Key", is_enveloped: false }])
}

fn rotate_keys(session: &mut Session<'_>) -> Result<u8, Failure> {
    let (api, backup) = ("sys/rotate/root", "sys/rotate/root/backup");
    let barrier = Target { api, backup, noun: "Unseal Key", is_enveloped: true };
    let (api, backup) = ("sys/rotate/recovery", "sys/rotate/recovery/backup");
    replace(session, [barrier, Target { api, backup, noun: "Recovery Key", is_enveloped: true }])
}

fn replace(session: &mut Session<'_>, [barrier, recovery]: [Target; 2]) -> Result<u8, Failure> {
    let target = match session.args.text("target").unwrap_or("barrier") {
        "barrier" | "root" => barrier,
        "recovery" | "hsm" => recovery,
        _ => return Err(Failure::usage("Invalid target: expected barrier or recovery")),
    };
    let connection = session.connect()?;
    let is = |name: &str| session.args.is_on(name);
    // Of several, the one that destroys or shows least.
    if is("backup-delete") {
        let reply = connection.delete(target.backup, &[]);
        reply.map_err(|error| Failure::api("Error deleting backed up keys", &error))?;
        return session.tell("Success! Delete backed up keys (if they existed)");
    }
    if is("backup-retrieve") {
        let reply = connection.read(target.backup, &[]);
        let reply = reply.map_err(|error| Failure::api("Error retrieving backed up keys", &error))?;
        let reply = reply.ok_or_else(|| Failure::absent("Backed up keys not found"))?;
        return print_reply(session, &reply);
    }
    let stage = if is("verify") && !is("init") { "verify" } else { "init" };
    let path = format!("{}/{stage}", target.api);
    if is("cancel") {
        let nonce = session.args.text("nonce").map(|nonce| json!({"nonce": nonce}));
        let request = Request::new(Method::DELETE, &path);
        let request = match &nonce {
            Some(nonce) => request.json(nonce),
            None => request,
        };
        connection.send(request).map_err(|error| Failure::api("Error canceling rekey", &error))?;
        return session.tell("Success! Canceled rekeying (if it was started)");
    }
    if is("init") {
        return begin(session, &connection, target);
    }
    let status = if is("status") {
        target.call(&connection, Request::new(Method::GET, &path))
    } else {
        connection.ask(Request::new(Method::GET, &path)).map(|reply| target.said(reply))
    }
    .map_err(|error| Failure::api("Error getting rekey status", &error))?;
    if is("status") {
        return print_status(session, &status);
    }
    give(session, &connection, target, &status, stage)
}

fn begin(session: &mut Session<'_>, connection: &Connection, target: Target) -> Result<u8, Failure> {
    let keys = pgp::read_all(session.args.list("pgp-keys"))?;
    let mut body = Map::from_iter([
        ("secret_shares".to_owned(), json!(session.args.number("key-shares").unwrap_or(SHARES_DEFAULT))),
        ("secret_threshold".to_owned(), json!(session.args.number("key-threshold").unwrap_or(THRESHOLD_DEFAULT))),
        ("backup".to_owned(), json!(session.args.is_on("backup"))),
        ("require_verification".to_owned(), json!(session.args.is_on("verify"))),
    ]);
    if keys.is_empty() {
        session.terminal.err(
            "WARNING! Without -pgp-keys the new keys are shown as they are. If they are lost, so is all that the server \
             holds.\n",
        );
    } else {
        body.insert("pgp_keys".to_owned(), json!(keys));
    }
    let request = Request::new(Method::PUT, &format!("{}/init", target.api)).json(&Value::Object(body));
    let status = target.call(connection, request).map_err(|error| Failure::api("Error initializing rekey", &error))?;
    print_status(session, &status)
}

/// Gives one key: of the old ones, or of the new ones to verify them.
fn give(
    session: &mut Session<'_>,
    connection: &Connection,
    target: Target,
    status: &Value,
    stage: &str,
) -> Result<u8, Failure> {
    let is_started = status.get("started").and_then(Value::as_bool);
    if is_started == Some(false) {
        let hint = format!("Begin with \"{} operator rekey -init\".", session.terminal.program);
        return Err(Failure::usage("No rekey is in progress").hint(hint));
    }
    let (key, nonce) = key_and_nonce(session, status, target.noun)?;
    let path = format!("{}/{}", target.api, if stage == "verify" { "verify" } else { "update" });
    let request = Request::new(Method::PUT, &path).json(&json!({"key": key, "nonce": nonce}));
    let reply = target.call(connection, request).map_err(|error| Failure::api("Error posting unseal key", &error))?;
    if reply.get("complete").and_then(Value::as_bool) != Some(true) {
        // A key that was given is answered with the state, or with as little as the nonce.
        return print_status(session, if reply.get("progress").is_some() { &reply } else { status });
    }
    if session.format != Format::Table || session.args.text("field").is_some() {
        return print_status(session, &reply);
    }
    if stage == "verify" {
        return session.tell("Success! The new keys are verified, and count from now on.");
    }
    print_keys(session, &reply, target)
}

/// A key, and the attempt that it is for. Who types it sees the attempt; who pipes it has to name it, so that a key
/// never goes to an attempt of somebody else's.
pub(super) fn key_and_nonce(
    session: &mut Session<'_>,
    status: &Value,
    noun: &str,
) -> Result<(String, String), Failure> {
    let current = status.get("nonce").or_else(|| status.get("verification_nonce")).and_then(Value::as_str);
    let given = session.args.text("nonce").map(str::to_owned);
    let key = match session.args.argument(0).map(str::to_owned) {
        Some(argument) if argument == "-" && given.is_none() => {
            return Err(Failure::usage("Missing nonce value: specify it via the -nonce flag"));
        }
        Some(argument) => data_or_stdin(session, argument)?,
        None => {
            session.terminal.err(&format!("Operation nonce: {}", current.unwrap_or_default()));
            session.ask(&format!("{noun} (will be hidden): "))?.into_exposed()
        }
    };
    Ok((key.trim().to_owned(), given.unwrap_or_else(|| current.unwrap_or_default().to_owned())))
}

fn print_keys(session: &mut Session<'_>, reply: &Value, target: Target) -> Result<u8, Failure> {
    let list = |name: &str| reply.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let prints = list("pgp_fingerprints");
    let mut lines = Vec::new();
    for (index, key) in list("keys_base64").iter().enumerate() {
        let number = index + 1;
        lines.push(match prints.get(index) {
            Some(print) => format!("Key {number} fingerprint: {}; value: {}", display(print), display(key)),
            None => format!("Key {number}: {}", display(key)),
        });
    }
    let program = &session.terminal.program;
    lines.push(match reply.get("verification_nonce").and_then(Value::as_str).filter(|nonce| !nonce.is_empty()) {
        Some(nonce) => format!(
            "\nVerification nonce: {nonce}\n\nThe {} is not replaced yet: give the new keys back with\n\"{program} operator \
             rekey -verify\".",
            target.noun.to_lowercase()
        ),
        None => "\nSuccess! The keys above are the only ones that count from now on, and are not shown again.".to_owned(),
    });
    session.terminal.out(&lines.join("\n"))?;
    Ok(0)
}

fn print_status(session: &mut Session<'_>, status: &Value) -> Result<u8, Failure> {
    if let Some(name) = session.args.text("field").map(str::to_owned) {
        return print_field(session, &name, status.get(&name).cloned());
    }
    if session.format != Format::Table {
        return print_structure(session, status);
    }
    let field = |name: &str| status.get(name).filter(|value| !value.is_null()).map(display);
    let mut rows = Vec::new();
    let mut row = |title: &str, value: Option<String>| {
        rows.extend(value.map(|value| vec![title.to_owned(), value]));
    };
    row("Nonce", field("nonce"));
    row("Started", field("started"));
    if status.get("started").and_then(Value::as_bool) == Some(true) {
        let of = |name: &str| field(name).unwrap_or_default();
        // While new keys are verified, as many of them are needed as will be.
        let required = field("required").unwrap_or_else(|| of("t"));
        row("Rekey Progress", Some(format!("{}/{required}", of("progress"))));
        row("New Shares", field("n"));
        row("New Threshold", field("t"));
        row("Verification Required", field("verification_required"));
        row("Verification Nonce", field("verification_nonce").filter(|nonce| !nonce.is_empty()));
        row("PGP Fingerprints", field("pgp_fingerprints"));
        row(
            "Backup",
            field("backup").filter(|_| status.get("pgp_fingerprints").is_some_and(|prints| !prints.is_null())),
        );
    }
    session.terminal.out(&table::with_header(&["Key", "Value"], rows))?;
    Ok(0)
}

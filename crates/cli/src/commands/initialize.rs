//! `operator init`: makes the root key and shows its shares, once.

use api::status::{InitReply, InitStatus, SealStatus};
use client::{Method, Request};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Command, pgp};
use crate::Failure;
use crate::failure::EXIT_API;
use crate::flags::{Flag, Kind};
use crate::help::wrap;
use crate::output::{Format, print_structure};
use crate::session::Session;

const SHARES_DEFAULT: i64 = 5;
const THRESHOLD_DEFAULT: i64 = 3;
/// Flags with numbers, and the fields that they are sent in.
const NUMBERS: [(&str, &str); 4] = [
    ("key-shares", "secret_shares"),
    ("key-threshold", "secret_threshold"),
    ("recovery-shares", "recovery_shares"),
    ("recovery-threshold", "recovery_threshold"),
];
/// The columns of the explanation.
const WIDTH: usize = 78;

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "operator init",
    arguments: "",
    arguments_min: 0,
    arguments_max: 0,
    summary: "Initialize the server and show its unseal keys and first token",
    help: "The keys are shown once and kept nowhere. With -status, the exit code is 0 if the server is initialized and \
        2 if it is not.",
    flags: &[
        Flag::new("key-shares", Kind::Number, "How many unseal keys there are. Default 5.").alias("n"),
        Flag::new("key-threshold", Kind::Number, "How many of them are needed. Default 3.").alias("t"),
        Flag::new("recovery-shares", Kind::Number, "How many recovery keys there are, with auto-unseal. Default 5."),
        Flag::new("recovery-threshold", Kind::Number, "How many of them are needed. Default 3."),
        pgp::KEYS,
        Flag::new("recovery-pgp-keys", Kind::List, "The same for the recovery keys."),
        Flag::text("root-token-pgp-key", "The same, one file, for the first token."),
        Flag::new("stored-shares", Kind::Number, "Has no effect; for scripts of old."),
        Flag::switch("status", "Only tell whether the server is initialized."),
    ],
    run: initialize,
}];

/// What `-format=json` prints. No `Debug`: these are the keys to everything.
#[derive(Serialize)]
struct Initialized<'a> {
    unseal_keys_b64: &'a [String],
    unseal_keys_hex: &'a [String],
    unseal_shares: i64,
    unseal_threshold: i64,
    recovery_keys_b64: &'a [String],
    recovery_keys_hex: &'a [String],
    recovery_keys_shares: i64,
    recovery_keys_threshold: i64,
    root_token: &'a str,
}

/// How many keys are made, and how many are needed.
#[derive(Clone, Copy)]
struct Sharing {
    shares: i64,
    threshold: i64,
}

fn initialize(session: &mut Session<'_>) -> Result<u8, Failure> {
    if session.args.is_on("status") {
        return print_status(session);
    }
    let connection = session.connect()?;
    let failed = |error: client::Error| Failure::api("Error initializing", &error);
    let seal: SealStatus = connection.ask(Request::new(Method::GET, "sys/seal-status")).map_err(failed)?;
    let (sharing, body) = wishes(session, seal.recovery_seal)?;
    let reply: InitReply = connection.call(Request::new(Method::PUT, "sys/init").json(&body)).map_err(failed)?;
    let is_auto = seal.recovery_seal;
    if session.format != Format::Table {
        return print_keys(session, &reply, sharing, is_auto);
    }
    session.terminal.out(&text(session, &reply, sharing, is_auto))?;
    Ok(0)
}

/// What the server is asked for. Every flag is sent as it was given, also one that does not fit the seal: the server
/// refuses it, whereas keys of another number than the user wanted could not be taken back. Only defaults go by the seal.
fn wishes(session: &Session<'_>, is_auto: bool) -> Result<(Sharing, Value), Failure> {
    let args = &session.args;
    let mut body = Map::new();
    for (flag, field) in NUMBERS {
        if let Some(number) = args.number(flag) {
            body.insert(field.to_owned(), json!(number));
        }
    }
    let (prefix, kind) = if is_auto { ("recovery", "recovery") } else { ("key", "secret") };
    let sharing = Sharing {
        shares: args.number(&format!("{prefix}-shares")).unwrap_or(SHARES_DEFAULT),
        threshold: args.number(&format!("{prefix}-threshold")).unwrap_or(THRESHOLD_DEFAULT),
    };
    body.insert(format!("{kind}_shares"), json!(sharing.shares));
    body.insert(format!("{kind}_threshold"), json!(sharing.threshold));
    for (flag, field) in [("pgp-keys", "pgp_keys"), ("recovery-pgp-keys", "recovery_pgp_keys")] {
        let keys = pgp::read_all(args.list(flag))?;
        if !keys.is_empty() {
            body.insert(field.to_owned(), json!(keys));
        }
    }
    if let Some(file) = args.text("root-token-pgp-key") {
        body.insert("root_token_pgp_key".to_owned(), json!(pgp::read(file)?));
    }
    Ok((sharing, Value::Object(body)))
}

fn print_status(session: &mut Session<'_>) -> Result<u8, Failure> {
    let status = session.connect()?.call::<InitStatus>(Request::new(Method::GET, "sys/init"));
    let status = status.map_err(|error| Failure::api("Error checking init status", &error).code(crate::EXIT_USAGE))?;
    if session.format != Format::Table {
        print_structure(session, &json!({"Initialized": status.initialized}))?;
    } else {
        session.terminal.out(if status.initialized { "Vault is initialized" } else { "Vault is not initialized" })?;
    }
    Ok(if status.initialized { 0 } else { EXIT_API })
}

fn print_keys(session: &mut Session<'_>, reply: &InitReply, sharing: Sharing, is_auto: bool) -> Result<u8, Failure> {
    let none = Sharing { shares: 0, threshold: 0 };
    let (unseal, recovery) = if is_auto { (none, sharing) } else { (sharing, none) };
    let printed = Initialized {
        unseal_keys_b64: &reply.keys_base64,
        unseal_keys_hex: &reply.keys,
        unseal_shares: unseal.shares,
        unseal_threshold: unseal.threshold,
        recovery_keys_b64: &reply.recovery_keys_base64,
        recovery_keys_hex: &reply.recovery_keys,
        recovery_keys_shares: recovery.shares,
        recovery_keys_threshold: recovery.threshold,
        root_token: &reply.root_token,
    };
    print_structure(session, &printed)
}

fn text(session: &Session<'_>, reply: &InitReply, sharing: Sharing, is_auto: bool) -> String {
    let mut lines = Vec::new();
    for (index, key) in reply.keys_base64.iter().enumerate() {
        lines.push(format!("Unseal Key {}: {key}", index + 1));
    }
    for (index, key) in reply.recovery_keys_base64.iter().enumerate() {
        lines.push(format!("Recovery Key {}: {key}", index + 1));
    }
    lines.push(format!("\nInitial Root Token: {}\n", reply.root_token));
    let Sharing { shares, threshold } = sharing;
    let program = &session.terminal.program;
    let paragraphs = if is_auto {
        vec![
            "Success! Vault is initialized".to_owned(),
            format!(
                "Recovery key initialized with {shares} key shares and a key threshold of {threshold}. Give the keys \
                 above to different people, and keep none of them here: they are not shown again."
            ),
        ]
    } else {
        vec![
            format!(
                "Vault initialized with {shares} key shares and a key threshold of {threshold}. Give the keys above to \
                 different people, and keep none of them here: they are not shown again. After every start, and after \
                 \"{program} operator seal\", {threshold} of them are needed before the server answers requests."
            ),
            format!(
                "The server does not store its root key. With fewer than {threshold} of these keys nobody can unseal \
                 it, and all that it holds is lost."
            ),
        ]
    };
    let paragraphs: Vec<_> = paragraphs.iter().map(|text| wrap(text, WIDTH, "")).collect();
    format!("{}\n{}", lines.join("\n"), paragraphs.join("\n\n"))
}

//! `operator generate-root`: a new root token, from enough unseal keys.
//!
//! The server sends it encrypted, by a one-time password or a PGP key, so that the holder of the last key does not see
//! it: only who began the attempt can read it.

use client::{Method, Request};
use data_encoding::{BASE64, BASE64_NOPAD};
use serde_json::{Value, json};

use super::logical::data_or_stdin;
use super::rekey::key_and_nonce;
use super::{Command, pgp};
use crate::connection::Connection;
use crate::flags::Flag;
use crate::output::{Format, display, print_field, print_structure};
use crate::session::Session;
use crate::{Failure, table};

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "operator generate-root",
    arguments: "[KEY]",
    arguments_min: 0,
    arguments_max: 1,
    summary: "Make a new root token from unseal keys",
    help: "-init begins and shows a one-time password; then each holder gives one key: asked for, as the argument, or on \
        standard input with - and -nonce. What the last one gets, -decode turns into the token.",
    flags: &[
        Flag::switch("init", "Begin."),
        Flag::switch("cancel", "Give it up."),
        Flag::switch("status", "Show how far it is."),
        Flag::text("decode", "The encoded token, to be decoded with -otp; - takes it from standard input."),
        Flag::text("otp", "The one-time password: to begin with, or to decode with."),
        Flag::switch("generate-otp", "Only print a one-time password that fits."),
        Flag::text("pgp-key", "File of a PGP key that the token is encrypted to, in place of a password."),
        Flag::text("nonce", "The attempt that the key is for."),
        Flag::switch("dr-token", "Make an operation token of a disaster recovery cluster."),
        Flag::switch("recovery-token", "Make a recovery token."),
    ],
    run: generate,
}];

fn generate(session: &mut Session<'_>) -> Result<u8, Failure> {
    if let Some(encoded) = session.args.text("decode").map(str::to_owned) {
        return print_decoded(session, encoded);
    }
    let is = |name: &str| session.args.is_on(name);
    let api = match (is("dr-token"), is("recovery-token")) {
        (true, true) => return Err(Failure::usage("Give either -dr-token or -recovery-token, not both")),
        (true, false) => "sys/replication/dr/secondary/generate-operation-token",
        (false, true) => "sys/generate-recovery-token",
        (false, false) => "sys/generate-root",
    };
    let attempt = format!("{api}/attempt");
    let connection = session.connect()?;
    if is("cancel") {
        let reply = connection.send(Request::new(Method::DELETE, &attempt));
        reply.map_err(|error| Failure::api("Error canceling root token generation", &error))?;
        return session.tell("Success! Root token generation canceled (if it was started)");
    }
    if is("init") {
        return begin(session, &connection, &attempt);
    }
    let request = Request::new(Method::GET, &attempt);
    let status = if is("status") { connection.call(request) } else { connection.ask(request) };
    let status: Value = status.map_err(|error| Failure::api("Error getting root generation status", &error))?;
    if is("status") {
        return print_status(session, &status);
    }
    if is("generate-otp") {
        let length = status.get("otp_length").and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| (1..=OTP_CHARS_MAX).contains(length));
        let length = length.ok_or_else(|| Failure::absent("The server does not tell how long the password must be"))?;
        let password = (session.terminal.letters)(length);
        session.terminal.out(&password)?;
        return Ok(0);
    }
    give(session, &connection, api, &status)
}

/// The longest one-time password that is made, in characters: tokens are shorter.
const OTP_CHARS_MAX: usize = 1024;

fn begin(session: &mut Session<'_>, connection: &Connection, attempt: &str) -> Result<u8, Failure> {
    let body = match (session.args.text("otp"), session.args.text("pgp-key")) {
        (Some(_), Some(_)) => return Err(Failure::usage("Give either -otp or -pgp-key, not both")),
        (Some(otp), None) => json!({"otp": otp}),
        (None, Some(file)) => json!({"pgp_key": pgp::read(file)?}),
        (None, None) => json!({}),
    };
    let status = connection.call(Request::new(Method::PUT, attempt).json(&body));
    let status = status.map_err(|error| Failure::api("Error initializing root generation", &error))?;
    print_status(session, &status)
}

fn give(session: &mut Session<'_>, connection: &Connection, api: &str, status: &Value) -> Result<u8, Failure> {
    if status.get("started").and_then(Value::as_bool) != Some(true) {
        let hint = format!("Begin with \"{} operator generate-root -init\".", session.terminal.program);
        return Err(Failure::usage("No root generation is in progress").hint(hint));
    }
    let (key, nonce) = key_and_nonce(session, status, "Unseal Key")?;
    let request = Request::new(Method::PUT, &format!("{api}/update")).json(&json!({"key": key, "nonce": nonce}));
    let status = connection.call(request).map_err(|error| Failure::api("Error posting unseal key", &error))?;
    print_status(session, &status)
}

fn print_status(session: &mut Session<'_>, status: &Value) -> Result<u8, Failure> {
    if let Some(name) = session.args.text("field").map(str::to_owned) {
        return print_field(session, &name, status.get(&name).cloned());
    }
    if session.format != Format::Table {
        return print_structure(session, status);
    }
    let field = |name: &str| {
        let text = status.get(name).filter(|value| !value.is_null()).map(display);
        text.filter(|text| !text.is_empty())
    };
    let of = |name: &str| field(name).unwrap_or_default();
    let mut rows = Vec::new();
    let mut row = |title: &str, value: Option<String>| {
        rows.extend(value.map(|value| vec![title.to_owned(), value]));
    };
    row("Nonce", Some(of("nonce")));
    row("Started", Some(of("started")));
    row("Progress", Some(format!("{}/{}", of("progress"), of("required"))));
    row("Complete", Some(of("complete")));
    row("PGP Fingerprint", field("pgp_fingerprint"));
    row("Encoded Token", field("encoded_token").or_else(|| field("encoded_root_token")));
    row("OTP", field("otp"));
    row("OTP Length", field("otp_length"));
    session.terminal.out(&table::columns(rows))?;
    Ok(0)
}

fn print_decoded(session: &mut Session<'_>, encoded: String) -> Result<u8, Failure> {
    let otp = session.args.text("otp").map(str::to_owned);
    let otp = otp.ok_or_else(|| Failure::usage("Missing one-time password: give it with -otp"))?;
    let encoded = data_or_stdin(session, encoded)?;
    let token = decoded(encoded.trim(), otp.trim()).map_err(Failure::usage)?;
    if session.format != Format::Table {
        return print_structure(session, &json!({"token": token}));
    }
    session.terminal.out(&token)?;
    Ok(0)
}

/// Undoes the server's exclusive or, byte by byte.
fn decoded(encoded: &str, otp: &str) -> Result<String, &'static str> {
    let bytes = BASE64_NOPAD.decode(encoded.trim_end_matches('=').as_bytes());
    let bytes = bytes.map_err(|_| "Error decoding the root token: it is no base64")?;
    // Old passwords are base64 of the bytes; new ones are the bytes.
    let otp = match otp.len() == bytes.len() {
        true => otp.as_bytes().to_vec(),
        false => BASE64.decode(otp.as_bytes()).unwrap_or_default(),
    };
    if otp.len() != bytes.len() {
        return Err("Error decoding the root token: the one-time password does not have its length");
    }
    let token = bytes.iter().zip(&otp).map(|(byte, key)| byte ^ key).collect();
    let token = String::from_utf8(token).ok().filter(|token| token.chars().all(|char| char.is_ascii_graphic()));
    token.ok_or("Error decoding the root token: the one-time password does not fit")
}

#[cfg(test)]
mod tests;

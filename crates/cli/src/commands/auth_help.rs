//! `auth help`: how to log in with an auth method, named by its type or by its path.

use api::status::Mount;
use std::collections::BTreeMap;

use super::Command;
use super::login::{BROWSER_METHOD, DATA_METHODS, PASSWORD_METHODS};
use crate::Failure;
use crate::session::{Session, sanitize};

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "auth help",
    arguments: "TYPE | PATH",
    arguments_min: 1,
    arguments_max: 1,
    summary: "Tell how to log in with an auth method",
    help: "A type, such as userpass, is known without the server; a path is asked about, which needs a token.",
    flags: &[],
    run: help,
}];

fn help(session: &mut Session<'_>) -> Result<u8, Failure> {
    let name = session.path(0)?;
    let program = session.terminal.program.clone();
    if let Some(text) = text(&program, &name, &name) {
        session.terminal.out(&text)?;
        return Ok(0);
    }
    let reply = session.connect()?.read_unwrapped("sys/auth");
    let reply = reply.map_err(|error| Failure::api("Error listing auth methods", &error))?;
    let mounts = reply.and_then(|reply| reply.data).and_then(|data| serde_json::from_value(data).ok());
    let mounts: BTreeMap<String, Mount> = mounts.unwrap_or_default();
    let mount = mounts.iter().find(|(path, _)| sanitize(path) == name);
    let (_, mount) = mount.ok_or_else(|| Failure::absent(format!("Error: no auth method at \"{name}/\"")))?;
    let text = text(&program, &mount.kind, &name);
    let text = text.ok_or_else(|| {
        Failure::usage(format!("No help for auth method {}: this program cannot log in with it", mount.kind))
    })?;
    session.terminal.out(&text)?;
    Ok(0)
}

/// What to type; `None` for a type that `login` does not know.
fn text(program: &str, kind: &str, path: &str) -> Option<String> {
    let place = if kind == path { String::new() } else { format!(" -path={path}") };
    Some(if kind == "token" {
        format!(
            "Usage: {program} login [TOKEN]\n\nThe token is its own proof. Without it as an argument, it is asked for; a \
             - takes it from standard input."
        )
    } else if PASSWORD_METHODS.contains(&kind) {
        format!(
            "Usage: {program} login -method={kind}{place} [username=NAME] [password=TEXT]\n\nThe name is that of the \
             user of this machine if none is given. The password is asked for if none is\ngiven; password=- takes it \
             from standard input, password=@FILE from a file."
        )
    } else if DATA_METHODS.contains(&kind) {
        let data = match kind {
            "approle" => "role_id=ID [secret_id=TEXT]",
            "cert" => "[name=ROLE]",
            _ => "role=NAME jwt=TEXT",
        };
        let hint = if kind == "cert" {
            "The proof is the certificate of the connection: give -client-cert and -client-key as well."
        } else {
            "KEY=- takes a value from standard input, KEY=@FILE from a file."
        };
        format!("Usage: {program} login -method={kind}{place} {data}\n\n{hint}")
    } else if kind == BROWSER_METHOD {
        format!(
            "Usage: {program} login -method={kind}{place} [role=NAME] [port=8250] [listenaddress=localhost]\n\nPrints a URL \
             for a browser, and waits on this machine for it to come back from the provider. Where others\nsee this \
             machine by another name, callbackmethod, callbackhost and callbackport say which. With callbackmode=direct the\n\
             provider sends the browser to the server, and the command asks there."
        )
    } else {
        return None;
    })
}

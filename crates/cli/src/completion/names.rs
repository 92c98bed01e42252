//! Names that only the server knows, and values that some flags have.

use serde_json::Value;

use super::session;
use crate::Terminal;
use crate::commands::Command;
use crate::connection::Connection;
use crate::flags::Flag;

/// The most files of a folder that are looked at.
const FILES_MAX: usize = 10_000;

/// What an argument names.
enum Named {
    /// A path of any mount.
    AnyMount,
    SecretsMount,
    AuthMount,
    Policy,
    File,
    /// One of these.
    Word(&'static [&'static str]),
}

/// Names for the positional argument at `index` of a command.
pub(super) fn of_argument(
    terminal: &mut Terminal,
    args: &[String],
    command: &Command,
    index: usize,
    partial: &str,
) -> Vec<String> {
    let named = match (command.words, index) {
        ("read" | "write" | "patch" | "list" | "scan" | "delete" | "path-help", 0) => Named::AnyMount,
        ("secrets disable" | "secrets tune" | "secrets move" | "kv enable-versioning", 0) => Named::SecretsMount,
        ("auth disable" | "auth tune" | "auth move" | "auth help", 0) => Named::AuthMount,
        ("policy read" | "policy write" | "policy delete", 0) => Named::Policy,
        ("policy explain", 0) => Named::AnyMount,
        ("policy write", 1) | ("policy fmt", 0) => Named::File,
        ("secrets enable", 0) => Named::Word(&["kv", "kv-v2"]),
        (words, 0) if words.starts_with("kv ") => Named::SecretsMount,
        _ => return Vec::new(),
    };
    names(terminal, args, &named, partial).unwrap_or_default()
}

/// Values for a flag.
pub(super) fn of_flag(terminal: &mut Terminal, args: &[String], flag: &Flag, partial: &str) -> Vec<String> {
    let named = match flag.name {
        "policy" => Named::Policy,
        "mount" => Named::SecretsMount,
        "ca-cert" | "ca-path" | "client-cert" | "client-key" | "config" | "pgp-key" | "pgp-keys"
        | "root-token-pgp-key" => Named::File,
        "format" => Named::Word(&["json", "raw", "table", "yaml"]),
        "method" => {
            Named::Word(&["approle", "cert", "jwt", "kubernetes", "ldap", "oidc", "radius", "token", "userpass"])
        }
        "type" => Named::Word(&["batch", "service"]),
        "listing-visibility" => Named::Word(&["hidden", "unauth"]),
        "token-type" => Named::Word(&["batch", "default-batch", "default-service", "service"]),
        _ => return Vec::new(),
    };
    names(terminal, args, &named, partial).unwrap_or_default()
}

/// Files that a path may go on with; folders end in a slash.
fn files(partial: &str) -> Vec<String> {
    let folder = partial.rfind('/').map_or("", |slash| partial.get(..=slash).unwrap_or_default());
    let Ok(entries) = std::fs::read_dir(if folder.is_empty() { "." } else { folder }) else { return Vec::new() };
    let path = |entry: std::fs::DirEntry| {
        let slash = if entry.path().is_dir() { "/" } else { "" };
        Some(format!("{folder}{}{slash}", entry.file_name().to_str()?))
    };
    entries.take(FILES_MAX).filter_map(|entry| path(entry.ok()?)).collect()
}

fn names(terminal: &mut Terminal, args: &[String], named: &Named, partial: &str) -> Option<Vec<String>> {
    match named {
        Named::Word(words) => return Some(words.iter().map(|word| (*word).to_owned()).collect()),
        Named::File => return Some(files(partial)),
        _ => {}
    }
    let session = session(terminal, args)?;
    let connection: Connection = session.connect_within(session.terminal.patience).ok()?;
    let policies = |data: Value| match data.get("keys") {
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    if let Named::Policy = named {
        return connection.list("sys/policies/acl", &[]).ok()??.data.map(policies);
    }
    let data = connection.read("sys/internal/ui/mounts", &[]).ok()??.data?;
    let paths = |kind: &str, prefix: &str| {
        let mounts = data.get(kind).and_then(Value::as_object).into_iter().flatten();
        mounts.map(|(path, _)| format!("{prefix}{path}")).collect::<Vec<_>>()
    };
    Some(match named {
        Named::SecretsMount => paths("secret", ""),
        Named::AuthMount => paths("auth", ""),
        _ => [paths("secret", ""), paths("auth", "auth/")].concat(),
    })
}

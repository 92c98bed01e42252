//! The policy that a call needs, for users who have to write one.

use std::collections::BTreeMap;

use reqwest::Method;

use crate::Request;

/// Paths that need `sudo` beside the capability of the call: those of the usual API, whether this server has them or
/// not. A `*` at the end stands for anything, and for nothing. A test holds it against the server's own list.
const SUDO: &[&str] = &[
    "auth/token/accessors",
    "auth/token/revoke-orphan",
    "sys/audit",
    "sys/audit-verify",
    "sys/audit/*",
    "sys/auth/*",
    "sys/config/auditing/*",
    "sys/config/cors",
    "sys/config/reload/*",
    "sys/config/ui/headers",
    "sys/config/ui/headers/*",
    "sys/generate-root-token",
    "sys/generate-root-token/attempt",
    "sys/generate-root-token/update",
    "sys/internal/inspect/*",
    "sys/leases",
    "sys/leases/lookup/*",
    "sys/leases/revoke-force/*",
    "sys/leases/revoke-prefix/*",
    "sys/plugins/catalog/*",
    "sys/plugins/runtimes/catalog/*",
    "sys/raw*",
    "sys/remount",
    "sys/revoke-force/*",
    "sys/revoke-prefix/*",
    "sys/rotate",
    "sys/rotate/keyring",
    "sys/rotate/recovery/backup",
    "sys/rotate/recovery/init",
    "sys/rotate/recovery/update",
    "sys/rotate/recovery/verify",
    "sys/rotate/root/backup",
    "sys/rotate/root/init",
    "sys/rotate/root/update",
    "sys/rotate/root/verify",
    "sys/rotations/failing",
    "sys/seal",
    "sys/step-down",
    "sys/storage/backup",
    "sys/storage/backup-verify",
];

/// A policy that allows these calls and nothing else: one block for each path.
#[must_use]
pub fn policy(requests: &[Request]) -> String {
    let mut blocks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for request in requests {
        let path = request.path.trim_start_matches('/');
        let rights = blocks.entry(path).or_default();
        rights.extend(capabilities(request));
    }
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let block = |(path, mut rights): (&str, Vec<&str>)| {
        rights.sort_unstable();
        rights.dedup();
        if needs_sudo(path) {
            rights.push("sudo");
        }
        let rights: Vec<_> = rights.into_iter().map(quote).collect();
        format!("path {} {{\n  capabilities = [{}]\n}}", quote(path), rights.join(", "))
    };
    blocks.into_iter().map(block).collect::<Vec<_>>().join("\n\n")
}

/// What a call needs on its path, beside `sudo`.
fn capabilities(request: &Request) -> &'static [&'static str] {
    let asks = |name: &str| request.query.iter().any(|(key, value)| key == name && value == "true");
    match request.method {
        Method::GET if asks("list") => &["list"],
        Method::GET if asks("scan") => &["scan"],
        Method::PATCH => &["patch"],
        Method::DELETE => &["delete"],
        // A path may need either, depending on what is there already.
        Method::PUT | Method::POST => &["create", "update"],
        _ => &["read"],
    }
}

fn needs_sudo(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let fits = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == *pattern,
    };
    SUDO.iter().any(fits)
}

#[cfg(test)]
mod tests;

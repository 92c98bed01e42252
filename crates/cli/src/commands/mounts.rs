//! `secrets` and `auth`: enables, disables and lists engines. Both are the same thing at two places.

use std::collections::BTreeMap;

use api::status::Mount;
use serde_json::{Map, Value, json};

use super::{Command, tune};
use crate::flags::Flag;
use crate::output::{Format, is_detailed, print_structure, print_wrapped};
use crate::session::{Session, sanitize};
use crate::{Failure, table};

const DETAILED: Flag = Flag::switch("detailed", "Show everything that is known. Also VAULT_DETAILED.");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "secrets enable",
        arguments: "TYPE",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Enable a secrets engine",
        help: "For example \"{program} secrets enable -path=team -version=2 kv\".",
        flags: tune::SECRETS_ENABLE,
        run: |session| enable(session, &SECRETS),
    },
    Command {
        words: "secrets disable",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Disable a secrets engine and remove all that it holds",
        help: "",
        flags: &[],
        run: |session| disable(session, &SECRETS),
    },
    Command {
        words: "secrets list",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "List secrets engines",
        help: "",
        flags: &[DETAILED],
        run: |session| list(session, &SECRETS),
    },
    Command {
        words: "auth enable",
        arguments: "TYPE",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Enable an auth method",
        help: "",
        flags: tune::AUTH_ENABLE,
        run: |session| enable(session, &AUTH),
    },
    Command {
        words: "auth disable",
        arguments: "PATH",
        arguments_min: 1,
        arguments_max: 1,
        summary: "Disable an auth method and revoke the tokens that it gave",
        help: "",
        flags: &[],
        run: |session| disable(session, &AUTH),
    },
    Command {
        words: "auth list",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "List auth methods",
        help: "",
        flags: &[DETAILED],
        run: |session| list(session, &AUTH),
    },
];

/// One of the two places.
pub(super) struct Side {
    /// Where the server keeps its list.
    pub api: &'static str,
    /// What its entries are called.
    pub noun: &'static str,
    is_auth: bool,
}

impl Side {
    /// A path as `sys/remount` takes it; `None` if it is empty.
    pub fn with_prefix(&self, path: &str) -> Option<String> {
        let path = if self.is_auth { path.strip_prefix("auth/").unwrap_or(path) } else { path };
        let prefix = if self.is_auth { "auth/" } else { "" };
        (!path.is_empty()).then(|| format!("{prefix}{path}/"))
    }
}

pub(super) static SECRETS: Side = Side { api: "sys/mounts", noun: "secrets engine", is_auth: false };
pub(super) static AUTH: Side = Side { api: "sys/auth", noun: "auth method", is_auth: true };

fn enable(session: &mut Session<'_>, side: &Side) -> Result<u8, Failure> {
    let kind = session.args.argument(0).unwrap_or_default().trim().to_owned();
    let path = session.args.text("path").map(sanitize).unwrap_or_else(|| sanitize(&kind));
    if kind.is_empty() || path.is_empty() {
        return Err(Failure::usage("The type and the path must not be empty"));
    }
    let mut body = Map::new();
    body.insert("type".to_owned(), json!(kind));
    body.insert("description".to_owned(), json!(session.args.text("description").unwrap_or_default()));
    body.insert("local".to_owned(), json!(session.args.is_on("local")));
    body.insert("seal_wrap".to_owned(), json!(session.args.is_on("seal-wrap")));
    if session.args.is_on("external-entropy-access") {
        body.insert("external_entropy_access".to_owned(), json!(true));
    }
    body.insert("config".to_owned(), Value::Object(tune::config(&session.args)));
    if let Some(options) = tune::options(&session.args)? {
        body.insert("options".to_owned(), options);
    }
    let reply = session.connect()?.write(&format!("{}/{path}", side.api), &Value::Object(body));
    let reply = reply.map_err(|error| Failure::api("Error enabling", &error))?;
    if let Some(reply) = reply {
        crate::output::warn(session, &reply);
    }
    let article = if side.is_auth { "" } else { "the " };
    session.tell(&format!("Success! Enabled {article}{kind} {} at: {path}/", side.noun))
}

fn disable(session: &mut Session<'_>, side: &Side) -> Result<u8, Failure> {
    let path = session.path(0)?;
    let reply = session.connect()?.delete(&format!("{}/{path}", side.api), &[]);
    let failed = |error: client::Error| Failure::api(&format!("Error disabling {} at {path}/", side.noun), &error);
    reply.map_err(failed)?;
    session.tell(&format!("Success! Disabled the {} (if it existed) at: {path}/", side.noun))
}

fn list(session: &mut Session<'_>, side: &Side) -> Result<u8, Failure> {
    let what = format!("Error listing {}s", side.noun);
    let reply = session.connect()?.read(side.api, &[]).map_err(|error| Failure::api(&what, &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    let data = reply.and_then(|reply| reply.data).unwrap_or_else(|| json!({}));
    if session.format != Format::Table {
        return print_structure(session, &data);
    }
    let mounts: BTreeMap<String, Mount> = serde_json::from_value(data)
        .map_err(|_| Failure::absent(format!("{what}: the reply is not what this API answers")))?;
    let text = if is_detailed(session) { detailed(&mounts, side) } else { simple(&mounts, side) };
    session.terminal.out(&text)?;
    Ok(0)
}

fn simple(mounts: &BTreeMap<String, Mount>, side: &Side) -> String {
    let mut header = vec!["Path", "Type", "Accessor", "Description"];
    if side.is_auth {
        header.push("Version");
    }
    let row = |(path, mount): (&String, &Mount)| {
        let version = version(mount);
        let mut row = vec![path.clone(), mount.kind.clone(), mount.accessor.clone(), mount.description.clone()];
        row.extend(side.is_auth.then_some(version));
        row
    };
    table::with_header(&header, mounts.iter().map(row).collect())
}

fn detailed(mounts: &BTreeMap<String, Mount>, side: &Side) -> String {
    let fourth = if side.is_auth { "Token Type" } else { "Force No Cache" };
    let header = [
        "Path",
        "Plugin",
        "Accessor",
        "Default TTL",
        "Max TTL",
        fourth,
        "Replication",
        "Seal Wrap",
        "External Entropy Access",
        "Options",
        "Description",
        "UUID",
        "Version",
        "Running Version",
        "Running SHA256",
        "Deprecation Status",
    ];
    let row = |(path, mount): (&String, &Mount)| {
        let config = &mount.config;
        let fourth = if side.is_auth { config.token_type.clone() } else { config.force_no_cache.to_string() };
        vec![
            path.clone(),
            mount.kind.clone(),
            mount.accessor.clone(),
            ttl(config.default_lease_ttl),
            ttl(config.max_lease_ttl),
            fourth,
            if mount.local { "local" } else { "replicated" }.to_owned(),
            mount.seal_wrap.to_string(),
            mount.external_entropy_access.to_string(),
            options(mount),
            mount.description.clone(),
            mount.uuid.clone(),
            version(mount),
            mount.running_plugin_version.clone(),
            mount.running_sha256.clone(),
            mount.deprecation_status.clone(),
        ]
    };
    table::with_header(&header, mounts.iter().map(row).collect())
}

fn version(mount: &Mount) -> String {
    mount.plugin_version.clone()
}

/// Zero is what the system says.
fn ttl(secs: i64) -> String {
    if secs == 0 { "system".to_owned() } else { secs.to_string() }
}

fn options(mount: &Mount) -> String {
    let entries = mount.options.iter().flatten().map(|(key, value)| format!("{key}:{value}"));
    format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
}

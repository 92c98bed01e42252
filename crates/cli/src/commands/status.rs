//! `status`: whether the server is initialized and unsealed. Its exit code is what scripts wait for.

use api::Timestamp;
use api::status::{Leader, SealStatus};
use client::{Method, Request};
use serde::Serialize;

use super::Command;
use crate::connection::Connection;
use crate::output::{Format, print_field, print_structure};
use crate::session::Session;
use crate::{EXIT_USAGE, Failure, table};

const EXIT_SEALED: u8 = 2;

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "status",
    arguments: "",
    arguments_min: 0,
    arguments_max: 0,
    summary: "Show whether the server is initialized and unsealed",
    help: "The exit code is 0 if it is unsealed, 2 if it is sealed, and 1 if it cannot be told.",
    flags: &[],
    run: status,
}];

/// What `-format=json` prints: the seal's state, and the node's place among the others.
#[derive(Serialize)]
struct Status<'a> {
    #[serde(flatten)]
    seal: &'a SealStatus,
    ha_enabled: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_self: bool,
    active_time: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    leader_address: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    leader_cluster_address: &'a str,
}

fn status(session: &mut Session<'_>) -> Result<u8, Failure> {
    let connection = session.connect()?;
    let seal = connection.call::<SealStatus>(Request::new(Method::GET, "sys/seal-status"));
    let seal = seal.map_err(|error| Failure::api("Error checking seal status", &error).code(EXIT_USAGE))?;
    print(session, &connection, &seal)?;
    Ok(if seal.sealed { EXIT_SEALED } else { 0 })
}

/// Prints the seal's state and the node's place among the others, as `operator unseal` does too.
pub(super) fn print(session: &mut Session<'_>, connection: &Connection, seal: &SealStatus) -> Result<u8, Failure> {
    let leader = leader(connection)?;
    let active_time = Some(leader.active_time.clone()).filter(|time| !time.is_empty());
    let status = Status {
        seal,
        ha_enabled: leader.ha_enabled,
        is_self: leader.is_self,
        active_time: active_time.unwrap_or_else(|| Timestamp::MIN.to_string()),
        leader_address: &leader.leader_address,
        leader_cluster_address: &leader.leader_cluster_address,
    };
    if let Some(name) = session.args.text("field").map(str::to_owned) {
        let value = serde_json::to_value(&status).ok().and_then(|status| status.get(&name).cloned());
        return print_field(session, &name, value);
    }
    if session.format != Format::Table {
        return print_structure(session, &status);
    }
    let rows = [seal_rows(seal), leader_rows(seal, &leader)].concat();
    session.terminal.out(&table::with_header(&["Key", "Value"], rows))?;
    Ok(0)
}

/// The node's place. A sealed one that refuses to tell is one of several: a single one has no leader to look for.
fn leader(connection: &Connection) -> Result<Leader, Failure> {
    match connection.call(Request::new(Method::GET, "sys/leader")) {
        Ok(leader) => Ok(leader),
        Err(error) if error.to_string().contains("Vault is sealed") => {
            Ok(Leader { ha_enabled: true, ..Leader::default() })
        }
        Err(error) => Err(Failure::api("Error checking leader status", &error).code(EXIT_USAGE)),
    }
}

fn seal_rows(seal: &SealStatus) -> Vec<Vec<String>> {
    let shares = if seal.recovery_seal { "Total Recovery Shares" } else { "Total Shares" };
    let mut rows = vec![row("Seal Type", &seal.kind)];
    if let Some(kind) = seal.recovery_seal_type.as_ref().filter(|_| seal.recovery_seal) {
        rows.push(row("Recovery Seal Type", kind));
    }
    rows.extend([
        row("Initialized", &seal.initialized),
        row("Sealed", &seal.sealed),
        row(shares, &seal.n),
        row("Threshold", &seal.t),
    ]);
    if seal.sealed {
        rows.push(row("Unseal Progress", &format!("{}/{}", seal.progress, seal.t)));
        rows.push(row("Unseal Nonce", &seal.nonce));
    }
    if seal.migration {
        rows.push(row("Seal Migration in Progress", &true));
    }
    rows.push(row("Version", &seal.version));
    rows.push(row("Build Date", &seal.build_date));
    rows.push(row("Storage Type", &seal.storage_type.as_deref().unwrap_or_default()));
    if let (Some(name), Some(id)) = (&seal.cluster_name, &seal.cluster_id) {
        rows.push(row("Cluster Name", name));
        rows.push(row("Cluster ID", id));
    }
    rows
}

fn leader_rows(seal: &SealStatus, leader: &Leader) -> Vec<Vec<String>> {
    let mut rows = vec![row("HA Enabled", &leader.ha_enabled)];
    if !leader.ha_enabled || seal.sealed {
        return rows;
    }
    rows.push(row("HA Cluster", &leader.leader_cluster_address));
    if !leader.is_self {
        let mode = if leader.performance_standby { "performance standby" } else { "standby" };
        let address = if leader.leader_address.is_empty() { "<none>" } else { &leader.leader_address };
        rows.extend([row("HA Mode", &mode), row("Active Node Address", &address)]);
        return rows;
    }
    rows.push(row("HA Mode", &"active"));
    if leader.active_time.parse().is_ok_and(|time: Timestamp| time > Timestamp::MIN) {
        rows.push(row("Active Since", &leader.active_time));
    }
    rows
}

fn row(key: &str, value: &impl ToString) -> Vec<String> {
    vec![key.to_owned(), value.to_string()]
}

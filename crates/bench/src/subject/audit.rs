//! Warm reads with a file audit device, beside a server that does nothing and the same reads without a device: two
//! records for each, formatted, hashed, chained and written before the answer leaves.

use anyhow::Result;
use e2e::http::Client;
use e2e::server::{Home, Tls};
use serde_json::json;

use super::{CONNECTIONS, READ};
use crate::case::{Case, rotate};
use crate::cores::Cores;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::number;
use crate::servers::{Bare, Ours};

/// Measures the row.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let bare = Bare::start(&home, Tls::Off, Cores::Server)?;
    let silent = Ours::start(Tls::Off, Cores::Server)?;
    let audited = Ours::start(Tls::Off, Cores::Server)?;
    let device = json!({"type": "file", "options": {"file_path": audited.home.path().join("audit.log")}});
    let mut root = Client::new(audited.plain).with_token(&audited.keys.root_token);
    root.expect(204, "PUT", "/v1/sys/audit/file", Some(&device))?;
    let mut cases = [
        Case::new("bare hyper", bare.process.id(), bare.load(READ, CONNECTIONS, plan)),
        Case::new("read, audited", audited.pid(), audited.load(READ, CONNECTIONS, plan)),
        Case::new("read without a device", silent.pid(), silent.load(READ, CONNECTIONS, plan)),
    ];
    rotate(&mut cases, plan)?;
    let [bare, audited, silent] = &cases;
    let (value, from) = audited.over(bare);
    findings.tell("audited read", value, format!("{from}; {} µs CPU without a device", number(silent.micros.median())))
}

//! Warm requests beside a server that does nothing, and what a server takes before anything is asked of it.

use anyhow::{Result, ensure};
use e2e::http::{Client, Reply};
use e2e::server::{Home, Tls};

use super::{CONNECTIONS, READ};
use crate::account::resident_mib;
use crate::case::{Case, rotate};
use crate::cores::Cores;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::rest;
use crate::servers::{Bare, Ours};

/// How much the two replies may differ in length, in bytes: a timestamp leaves zeros at its end out.
const LENGTH_SLACK: usize = 9;

/// Measures the rows.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let bare = Bare::start(&home, Tls::Off, Cores::Server)?;
    let ours = Ours::start(Tls::Off, Cores::Server)?;
    rest(plan.time);
    findings.tell("idle memory", resident_mib(ours.pid())?, "`VmRSS`, one mount, one token")?;
    check_likeness(
        &Client::new(bare.address).request("GET", READ, None)?,
        &ours.client().expect(200, "GET", READ, None)?,
    )?;
    let mut cases = [
        Case::new("bare hyper", bare.process.id(), bare.load(READ, CONNECTIONS, plan)),
        Case::new("read", ours.pid(), ours.load(READ, CONNECTIONS, plan)),
        Case::new("lookup-self", ours.pid(), ours.load("/v1/auth/token/lookup-self", CONNECTIONS, plan)),
    ];
    rotate(&mut cases, plan)?;
    let [bare, read, lookup] = &cases;
    for (row, case) in [("read", read), ("lookup-self", lookup)] {
        let (value, from) = case.over(bare);
        findings.tell(row, value, from)?;
    }
    Ok(())
}

/// The comparison is fair only as long as both send the same: names of headers, and bytes of the body.
fn check_likeness(bare: &Reply, ours: &Reply) -> Result<()> {
    let names = |reply: &Reply| {
        let mut names: Vec<_> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    ensure!(names(bare) == names(ours), "bare hyper sends {:?}, we send {:?}", names(bare), names(ours));
    let (bare, ours) = (bare.body.len(), ours.body.len());
    ensure!(bare.abs_diff(ours) <= LENGTH_SLACK, "bare hyper sends {bare} bytes, we send {ours}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(headers: &[&str], length: usize) -> Reply {
        let headers = headers.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        Reply { status: 200, headers, body: vec![b' '; length] }
    }

    #[test]
    fn unlike_replies_are_not_compared() {
        let ours = reply(&["date", "content-type"], 375);
        assert!(check_likeness(&reply(&["content-type", "date"], 371), &ours).is_ok());
        assert!(check_likeness(&reply(&["date"], 375), &ours).is_err());
        assert!(check_likeness(&reply(&["content-type", "date"], 300), &ours).is_err());
    }
}

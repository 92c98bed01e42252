//! What grows with the number of namespaces and mounts, and what must not: the start, memory, the price of a request.

use anyhow::Result;
use e2e::server::Tls;
use serde_json::json;

use super::starts::Starts;
use super::{CONNECTIONS, populated};
use crate::case::Case;
use crate::cores::Cores;
use crate::findings::Findings;
use crate::plan::{Plan, thousands};
use crate::population::Effort;
use crate::report::number;
use crate::servers::Ours;

/// Mounts in each namespace, beside those that every one has.
const MOUNTS: u32 = 5;
/// Namespaces that count as few.
const FEW: u32 = 100;

/// Measures the rows.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let mut ours = Ours::start(Tls::Off, Cores::Server)?;
    settle(&mut ours, 0..FEW)?;
    let small = Starts::measure(&mut ours, plan)?;
    let few = reads(&ours, plan, FEW)?;
    settle(&mut ours, FEW..plan.few)?;
    let large = Starts::measure(&mut ours, plan)?;
    let with = format!("with {FEW}");
    findings.tell("tenant start", large.unsealed.median(), format!("{with}: {}", number(small.unsealed.median())))?;
    large.growth(&small, ["tenant start growth", "tenant memory growth"], findings)?;
    let many = reads(&ours, plan, plan.few)?;
    let from = format!("{} µs ÷ {} µs", number(many), number(few));
    findings.tell("tenant read", many / few, from)
}

fn settle(ours: &mut Ours, numbers: std::ops::Range<u32>) -> Result<()> {
    ours.server.process.kill()?;
    let words = ["settle", &numbers.start.to_string(), &numbers.end.to_string(), &MOUNTS.to_string()];
    let Effort { seconds, .. } = populated(ours, Cores::Both, &words)?;
    let count = thousands(u32::try_from(numbers.len())?);
    crate::worker::say(&format!("{count} namespaces with {MOUNTS} mounts each made in {seconds:.1} s"));
    Ok(())
}

/// Processor time of a warm read in the last namespace of so many, in microseconds.
fn reads(ours: &Ours, plan: &Plan, count: u32) -> Result<f64> {
    let path = format!("/v1/team{:05}/kv{}/data/app", count - 1, MOUNTS - 1);
    let secret = json!({"data": {"user": "shop", "password": "correct horse battery staple"}});
    let root = &ours.keys.root_token;
    e2e::http::Client::new(ours.plain).with_token(root).expect(200, "PUT", &path, Some(&secret))?;
    let mut load = ours.load(&path, CONNECTIONS, plan);
    load.token = Some(root.clone());
    let mut case = Case::new("read in a namespace", ours.pid(), load);
    for _ in 0..plan.rounds {
        case.turn()?;
    }
    Ok(case.micros.median())
}

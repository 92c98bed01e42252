//! What grows with the number of leases and tokens, and what must not; what clearing many of them away takes.
//!
//! They are made in a process of its own through a core over the same store ([`crate::population`]); starts and memory are
//! the shipped server's.

use std::time::Duration;

use anyhow::Result;
use e2e::server::Tls;

use super::populated;
use super::starts::Starts;
use crate::cores::Cores;
use crate::disk::Ceiling;
use crate::figure::Figure;
use crate::findings::Findings;
use crate::plan::{Plan, thousands};
use crate::population::{Effort, Expiry};
use crate::report::number;
use crate::rest;
use crate::servers::Ours;

/// Leases of which each costs what one more costs.
const MORE: u32 = 2_000;
/// Longer than the benchmark runs, in seconds.
const LONG_SECS: u32 = 100 * 3600;
/// How many leases are made in a second at the least, so that none of those that end together ends too early.
const LENT_A_SECOND_MIN: u32 = 4_000;

/// Measures the rows.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let mut ours = Ours::start(Tls::Off, Cores::Server)?;
    ours.server.process.kill()?;
    populated::<Effort>(&ours, Cores::Server, &["mount"])?;
    expiry(plan, &ours, findings)?;
    fill(&ours, plan.few, plan.few / 10)?;
    let few = one_more(&ours, plan, "few")?;
    let few_revoked: Effort = populated(&ours, Cores::Server, &["revoke", "batch"])?;
    let small = Starts::measure(&mut ours, plan)?;
    ours.server.process.kill()?;
    fill(&ours, plan.secrets - plan.few, plan.loaded)?;
    let many = one_more(&ours, plan, "many")?;
    let large = Starts::measure(&mut ours, plan)?;
    let with = format!("with {} of each", thousands(plan.few));
    findings.tell("lease memory", large.resident.median(), format!("{with}: {}", number(small.resident.median())))?;
    findings.tell("lease start", large.unsealed.median(), format!("{with}: {}", number(small.unsealed.median())))?;
    large.growth(&small, ["lease start growth", "lease memory growth"], findings)?;
    let from = format!("{} µs ÷ {} µs", number(many.median()), number(few.median()));
    findings.tell("one lease", many.over(&few).median(), from)?;
    ours.server.process.kill()?;
    let revoked: Effort = populated(&ours, Cores::Server, &["revoke", "batch"])?;
    let each = |effort: Effort, count: u32| number(effort.cpu * 1e6 / f64::from(count));
    let from = format!(
        "{} µs CPU each; of a prefix of {} when there were {} of each: {}",
        each(revoked, plan.loaded),
        thousands(plan.few / 10),
        thousands(plan.few),
        each(few_revoked, plan.few / 10),
    );
    findings.tell("revoke prefix", revoked.seconds, from)
}

/// Makes so many tokens and as many leases, some of these below a prefix of their own.
fn fill(ours: &Ours, count: u32, batch: u32) -> Result<()> {
    let long = LONG_SECS.to_string();
    let tokens: Effort = populated(ours, Cores::Both, &["tokens", &count.to_string()])?;
    let leases: Effort = populated(ours, Cores::Both, &["lend", "many", &(count - batch).to_string(), &long])?;
    populated::<Effort>(ours, Cores::Both, &["lend", "batch", &batch.to_string(), &long])?;
    let (count, tokens, leases) = (thousands(count), tokens.seconds, leases.seconds);
    crate::worker::say(&format!("{count} tokens made in {tokens:.1} s, as many leases in {leases:.1} s"));
    Ok(())
}

/// Processor time of one more lease, in microseconds.
fn one_more(ours: &Ours, plan: &Plan, role: &str) -> Result<Figure> {
    let mut figure = Figure::default();
    for _ in 0..plan.rounds {
        let words = ["lend", role, &MORE.to_string(), &LONG_SECS.to_string()];
        figure.add(populated::<Effort>(ours, Cores::Server, &words)?.cpu * 1e6 / f64::from(MORE));
    }
    Ok(figure)
}

/// Has many leases end at once, on a store with nothing else to clear away.
fn expiry(plan: &Plan, ours: &Ours, findings: &mut Findings<'_>) -> Result<()> {
    let ceiling = Ceiling::new(ours.home.path().join("ceiling"))?.removals(plan.loaded)?;
    let seconds = 2 + plan.loaded / LENT_A_SECOND_MIN;
    populated::<Effort>(ours, Cores::Both, &["lend", "ending", &plan.loaded.to_string(), &seconds.to_string()])?;
    rest(Duration::from_secs(seconds.into()));
    let millis = (plan.time / 2).as_millis().to_string();
    let Expiry { keys, reads_beside, reads_alone, seconds } = populated(ours, Cores::Server, &["expire", &millis])?;
    let from = format!("{} keys/s ÷ {} in commits of 100; all in {} s", number(keys), number(ceiling), number(seconds));
    findings.tell("expiry", keys / ceiling, from)?;
    let from = format!("{}/s ÷ {}/s alone, in the same process", number(reads_beside), number(reads_alone));
    findings.tell("reads beside expiry", reads_beside / reads_alone, from)
}

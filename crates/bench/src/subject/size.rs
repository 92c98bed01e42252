//! What grows with the number of secrets, and what must not: memory, a page of names, the start after `kill -9`.

use anyhow::{Context as _, Result, ensure};
use e2e::server::Tls;
use serde_json::json;

use super::starts::Starts;
use super::{CONNECTIONS, cold, skew};
use crate::account::resident_mib;
use crate::arrivals::{Arrivals, Pace, Requests};
use crate::case::{Case, rotate};
use crate::cores::Cores;
use crate::findings::Findings;
use crate::now;
use crate::plan::{Plan, thousands};
use crate::report::number;
use crate::servers::Ours;

/// Secrets in the folder of the short list, and names on a page.
const PAGE: u32 = 1_000;
/// The folder that grows.
const LONG: &str = "long";
/// The longest that all secrets may take to be read.
const READ_ALL_MAX: std::time::Duration = std::time::Duration::from_secs(120);

/// Measures the rows.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let mut ours = Ours::start(Tls::Off, Cores::Server)?;
    fill(&ours, "short", 0..PAGE)?;
    fill(&ours, LONG, 0..plan.few)?;
    let small = Starts::measure(&mut ours, plan)?;
    fill(&ours, LONG, plan.few..plan.loaded)?;
    let written = resident_mib(ours.pid())?;
    read_all(&ours, 0..plan.loaded)?;
    let from = format!("`VmRSS`; {} when {} were written and none was read", number(written), thousands(plan.loaded));
    findings.tell("loaded memory", resident_mib(ours.pid())?, from)?;
    fill(&ours, LONG, plan.loaded..plan.secrets)?;
    pages(plan, &ours, findings)?;
    let large = Starts::measure(&mut ours, plan)?;
    let with = format!("with {}", thousands(plan.few));
    findings.tell("answer", large.answered.median(), format!("{with}: {}", number(small.answered.median())))?;
    findings.tell("unsealed", large.unsealed.median(), format!("{with}: {}", number(small.unsealed.median())))?;
    large.growth(&small, ["start growth", "memory growth"], findings)?;
    cold::measure(plan, &mut ours, findings)?;
    skew::measure(plan, &ours, findings)
}

/// The path of a secret of the long list.
pub(super) fn path_of(number: u32) -> String {
    format!("/v1/kv/data/app/{LONG}/{number:07}")
}

fn pages(plan: &Plan, ours: &Ours, findings: &mut Findings<'_>) -> Result<()> {
    let page = |folder: &str| format!("/v1/kv/metadata/app/{folder}?list=true&limit={PAGE}");
    let mut cases = [
        Case::new("page of few", ours.pid(), ours.load(&page("short"), 1, plan)),
        Case::new("page of many", ours.pid(), ours.load(&page(LONG), 1, plan)),
    ];
    rotate(&mut cases, plan)?;
    let [few, many] = &cases;
    let from = format!("{} µs ÷ {} µs", number(many.p50.median()), number(few.p50.median()));
    findings.tell("page", many.p50.over(&few.p50).median(), from)
}

/// Writes the secrets of these numbers into a folder, over many connections.
fn fill(ours: &Ours, folder: &str, numbers: std::ops::Range<u32>) -> Result<()> {
    let start = now();
    let count = numbers.len();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let mut client = ours.client();
                let numbers = numbers.clone().skip(connection).step_by(CONNECTIONS);
                scope.spawn(move || {
                    let body = json!({"data": {"user": "shop", "password": "correct horse battery staple"}});
                    for number in numbers {
                        let path = format!("/v1/kv/data/app/{folder}/{number:07}");
                        client.expect(200, "PUT", &path, Some(&body))?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        writers.into_iter().try_for_each(|writer| writer.join().ok().context("a writer panicked")?)
    })?;
    crate::worker::say(&format!("{count} secrets written in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(())
}

/// Reads each of these secrets once, so that every cache has had its chance to fill.
fn read_all(ours: &Ours, numbers: std::ops::Range<u32>) -> Result<()> {
    let requests = Requests::each(numbers.clone().map(|number| ours.request(&path_of(number))).collect());
    let time = READ_ALL_MAX;
    let load = Arrivals { address: ours.plain, requests, connections: CONNECTIONS, pace: Pace::Closed, time };
    let outcome = load.run()?;
    ensure!(usize::try_from(outcome.good)? == numbers.len(), "not all were read: {outcome}");
    Ok(())
}

//! Reads of secrets that the server has in no cache, beside reads of one that it has: after a restart, each secret once.
//! The file is in the kernel's cache still: what is measured is our own way to the store, not the disk.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::size::path_of;
use super::{CONNECTIONS, READ};
use crate::account::cpu_seconds;
use crate::arrivals::{Arrivals, Pace, Requests};
use crate::figure::Figure;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::number;
use crate::servers::Ours;

/// Secrets read in one round.
const SECRETS: u32 = 20_000;
/// Far from each other, and never the same in one round: it shares no factor with any size of a plan.
const STRIDE: u64 = 7_919;
/// The longest that a round may take.
const ROUND_MAX: Duration = Duration::from_secs(60);

/// Measures the two rows, on a server that has the plan's secrets.
pub(super) fn measure(plan: &Plan, ours: &mut Ours, findings: &mut Findings<'_>) -> Result<()> {
    let [mut cold, mut warm] = <[Figure; 2]>::default();
    let count = SECRETS.min(plan.secrets);
    for _ in 0..plan.rounds {
        ours.restart()?;
        // The token, its policy and the mount are known then: a cold secret, not a cold server.
        ours.client().expect(200, "GET", READ, None)?;
        let path = |number: u32| -> Result<String> {
            Ok(path_of(u32::try_from(u64::from(number) * STRIDE % u64::from(plan.secrets))?))
        };
        let texts: Vec<_> = (0..count).map(|number| Ok(ours.request(&path(number)?))).collect::<Result<_>>()?;
        cold.add(micros(ours, texts)?);
        warm.add(micros(ours, vec![ours.request(READ); usize::try_from(count)?])?);
    }
    let from = format!("{count} secrets, each once after a restart, the file in the kernel's cache");
    findings.tell("cold read", cold.median(), from)?;
    let from = format!("{} µs ÷ {} µs", number(cold.median()), number(warm.median()));
    findings.tell("cold ÷ warm", cold.over(&warm).median(), from)
}

/// Processor time of the server for each of these requests, in microseconds.
fn micros(ours: &Ours, texts: Vec<bytes::Bytes>) -> Result<f64> {
    let load = Arrivals {
        address: ours.plain,
        requests: Requests::each(texts),
        connections: CONNECTIONS,
        pace: Pace::Closed,
        time: ROUND_MAX,
    };
    let before = cpu_seconds(ours.pid())?;
    let outcome = load.run()?;
    let spent = cpu_seconds(ours.pid())? - before;
    // One that was late was read all the same.
    let read = outcome.good + outcome.late;
    ensure!(read > 0 && read == outcome.offered(), "not all were read: {outcome}");
    Ok(spent * 1e6 / f64::from(read))
}

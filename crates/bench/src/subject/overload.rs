//! More than the server can take: requests that come twice as fast as it can answer, and many more connections than it
//! needs. Goodput is what was answered with 200 within a client's patience; what is refused or late is none.

use anyhow::{Result, ensure};
use e2e::server::{Home, Tls};

use super::{CONNECTIONS, CROWD, READ};
use crate::account::cpu_seconds;
use crate::arrivals::{Arrivals, Pace, Requests};
use crate::case::{Case, rotate};
use crate::cores::Cores;
use crate::figure::Figure;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::number;
use crate::servers::{Bare, Ours};

/// How much more than the peak comes in.
const OVERLOAD: f64 = 2.0;

/// Measures the rows.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let bare = Bare::start(&Home::new(Tls::Off)?, Tls::Off, Cores::Server)?;
    let ours = Ours::start(Tls::Off, Cores::Server)?;
    twice(plan, &ours, findings)?;
    let mut cases = [
        Case::new("read", ours.pid(), ours.load(READ, CONNECTIONS, plan)),
        Case::new("1,000 connections", ours.pid(), ours.load(READ, CROWD, plan)).with_refusals(),
        Case::new("bare hyper", bare.process.id(), bare.load(READ, CONNECTIONS, plan)),
        Case::new("1,000 connections", bare.process.id(), bare.load(READ, CROWD, plan)),
    ];
    rotate(&mut cases, plan)?;
    let [few, crowd, bare, bare_crowd] = &cases;
    let (value, from) = crowd.over(few);
    let refused = number(100.0 * crowd.refused.median());
    let (of_bare, bare_from) = bare_crowd.over(bare);
    findings.tell("crowd", value, format!("{from}; refused {refused} %; bare hyper {}: {bare_from}", number(of_bare)))
}

/// Reads come due at twice the peak rate over many connections, whatever has become of those before (an open loop).
fn twice(plan: &Plan, ours: &Ours, findings: &mut Findings<'_>) -> Result<()> {
    let [mut peaks, mut kept, mut offered, mut unsent, mut refused, mut late, mut p99, mut micros] =
        <[Figure; 8]>::default();
    let load = |connections, pace| Arrivals {
        address: ours.plain,
        requests: Requests::same(ours.request(READ)),
        connections,
        pace,
        time: plan.time,
    };
    for _ in 0..plan.rounds {
        let peak = load(CONNECTIONS, Pace::Closed).run()?;
        ensure!(peak.good > 0 && peak.refused + peak.failed == 0, "at its peak: {peak}");
        let before = cpu_seconds(ours.pid())?;
        let flood = load(CROWD, Pace::Open { rate: OVERLOAD * peak.rate(peak.good) }).run()?;
        let spent = cpu_seconds(ours.pid())? - before;
        peaks.add(peak.rate(peak.good));
        kept.add(flood.rate(flood.good));
        offered.add(flood.rate(flood.offered()));
        for (figure, count) in
            [(&mut unsent, flood.unsent), (&mut refused, flood.refused + flood.failed), (&mut late, flood.late)]
        {
            figure.add(100.0 * f64::from(count) / f64::from(flood.offered()));
        }
        p99.add(flood.p99_micros() / 1e3);
        micros.add(spent * 1e6 / f64::from(flood.good.max(1)));
    }
    let from = format!(
        "of {}/s due on {CROWD} connections: {}/s answered, {} µs CPU each, p99 {} ms; refused {} %, late {} %, never \
         sent because its connection still waited {} %; peak {}/s on {CONNECTIONS}",
        number(offered.median()),
        number(kept.median()),
        number(micros.median()),
        number(p99.median()),
        number(refused.median()),
        number(late.median()),
        number(unsent.median()),
        number(peaks.median()),
    );
    findings.tell("overload", kept.over(&peaks).median(), from)
}

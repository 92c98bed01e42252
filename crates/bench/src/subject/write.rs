//! Durable writes beside the disk and the store alone, and what reads feel of them. Server, store and disk are measured
//! on the same core and the same file system.

use anyhow::Result;
use e2e::server::Tls;

use super::{CONNECTIONS, READ};
use crate::case::{Case, check};
use crate::cores::Cores;
use crate::disk::Ceiling;
use crate::figure::Figure;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::number;
use crate::servers::Ours;
use crate::wrk::Load;

/// Lua that writes each time under another path.
fn unique(prefix: &str) -> Option<String> {
    Some(format!(
        "local n = 0\nwrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.body = '{{\"data\":{{\"user\":\"shop\",\"password\":\"correct horse battery staple\"}}}}'\n\
         function request()\n  n = n + 1\n  return wrk.format(nil, \"/v1/kv/data/app/{prefix}/\" .. n)\nend\n"
    ))
}

/// What the ceilings came to.
#[derive(Default)]
struct Ceilings {
    appends: Figure,
    one: Figure,
    many: Figure,
}

/// One connection that reads while all others write.
#[derive(Default)]
struct Beside {
    spread: Figure,
    p50: Figure,
    p99: Figure,
    writes: Figure,
}

/// Measures the rows.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let ours = Ours::start(Tls::Off, Cores::Server)?;
    let ceiling = Ceiling::new(ours.home.path().join("ceiling"))?;
    let mut ceilings = Ceilings::default();
    let mut beside = Beside::default();
    let mut single = Case::new("write, 1 connection", ours.pid(), ours.load("/", 1, plan));
    let mut group = Case::new("write, 32 connections", ours.pid(), ours.load("/", CONNECTIONS, plan));
    for round in 0..plan.rounds {
        ceilings.appends.add(ceiling.appends(plan.time)?);
        ceilings.one.add(ceiling.commits(1, plan.time)?);
        single.load.script = unique(&format!("one/{round}"));
        single.turn()?;
        ceilings.many.add(ceiling.commits(CONNECTIONS, plan.time)?);
        group.load.script = unique(&format!("many/{round}"));
        group.turn()?;
        beside.turn(&ours, &Load { script: unique(&format!("full/{round}")), ..group.load.clone() }, plan)?;
    }
    for (row, case, other, name) in [
        ("write, one", &single, &ceilings.one, "store, 1 caller"),
        ("write, many", &group, &ceilings.many, "store, 32 callers"),
        ("write, disk", &single, &ceilings.appends, "append of 512 bytes"),
    ] {
        let from = format!("{}; {name}: {}/s", case.said(), number(other.median()));
        findings.tell(row, case.rates.over(other).median(), from)?;
    }
    let from = format!(
        "{} µs ÷ {} µs of one connection that reads, beside {} writes/s",
        number(beside.p99.median()),
        number(beside.p50.median()),
        number(beside.writes.median()),
    );
    findings.tell("read beside writes", beside.spread.median(), from)
}

impl Beside {
    fn turn(&mut self, ours: &Ours, writers: &Load, plan: &Plan) -> Result<()> {
        let writers = writers.start()?;
        let read = ours.load(READ, 1, plan).run();
        // Waited for in any case: no generator outlives its round.
        let writes = writers.finish()?;
        let read = read?;
        check("write beside reads", writes)?;
        check("read beside writes", read)?;
        self.spread.add(read.p99_micros / read.p50_micros);
        self.p50.add(read.p50_micros);
        self.p99.add(read.p99_micros);
        self.writes.add(writes.rate);
        Ok(())
    }
}

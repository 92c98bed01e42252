//! What a second core brings. The machine has two, and a load generator needs processor time as well: so both sides are
//! given one core together, and then two together.
//!
//! With everything on one core, server and generator share it; with everything on two, each has as much again. What the
//! server's processor time for a request does then is the figure: locks and cache lines that the cores fight for show as
//! more of it. Bare hyper, which shares nothing, is measured the same way, for what the machine itself takes away.

use anyhow::Result;
use e2e::server::{Home, Tls};

use super::{CONNECTIONS, READ};
use crate::case::{Case, rotate};
use crate::cores::Cores;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::number;
use crate::servers::{Bare, Ours};
use crate::wrk::Load;

/// Measures the row.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let bare = [Bare::start(&home, Tls::Off, Cores::Server)?, Bare::start(&home, Tls::Off, Cores::Both)?];
    let ours = [Ours::start(Tls::Off, Cores::Server)?, Ours::start(Tls::Off, Cores::Both)?];
    let on = |cores, load: Load| Load { cores, ..load };
    let [bare_one, bare_two] = &bare;
    let [one, two] = &ours;
    let mut cases = [
        Case::new("bare, one", bare_one.process.id(), on(Cores::Server, bare_one.load(READ, CONNECTIONS, plan))),
        Case::new("bare, two", bare_two.process.id(), on(Cores::Both, bare_two.load(READ, CONNECTIONS, plan))),
        Case::new("one core", one.pid(), on(Cores::Server, one.load(READ, CONNECTIONS, plan))),
        Case::new("two cores", two.pid(), on(Cores::Both, two.load(READ, CONNECTIONS, plan))),
    ];
    rotate(&mut cases, plan)?;
    let [bare_one, bare_two, one, two] = &cases;
    let gain = |one: &Case<'_>, two: &Case<'_>| 2.0 * one.micros.over(&two.micros).median();
    let from = format!(
        "2 × {} µs CPU ÷ {} µs CPU a read, the generator on the same cores as the server; requests/s with it: {}; bare \
         hyper the same way: {}",
        number(one.micros.median()),
        number(two.micros.median()),
        number(two.rates.over(&one.rates).median()),
        number(gain(bare_one, bare_two)),
    );
    findings.tell("two cores", gain(one, two), from)
}

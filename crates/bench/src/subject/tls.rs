//! What TLS costs: records beside our own plain listener, handshakes beside rustls alone, and connections that only stay
//! open.

use anyhow::Result;
use e2e::server::Tls;

use super::{CONNECTIONS, READ};
use crate::account::{cpu_seconds, resident_mib};
use crate::case::Case;
use crate::cores::Cores;
use crate::figure::Figure;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::number;
use crate::servers::{Bare, Ours};
use crate::tls::Client;
use crate::wrk::Load;

/// Measures the rows.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let plain = Ours::start(Tls::Off, Cores::Server)?;
    let ours = Ours::start(Tls::On, Cores::Server)?;
    let bare = Bare::start(&ours.home, Tls::On, Cores::Server)?;
    let client = Client::new(&ours.home.authority())?;
    let secure = Load { scheme: "https", address: ours.server.address, ..ours.load(READ, CONNECTIONS, plan) };
    let mut cases = [
        Case::new("plain read", plain.pid(), plain.load(READ, CONNECTIONS, plan)),
        Case::new("TLS read", ours.pid(), secure),
    ];
    let [mut bare_shakes, mut shakes] = <[Figure; 2]>::default();
    for _ in 0..plan.rounds {
        cases.iter_mut().try_for_each(Case::turn)?;
        for (figure, pid, address) in
            [(&mut bare_shakes, bare.process.id(), bare.address), (&mut shakes, ours.pid(), ours.server.address)]
        {
            // The generator costs about as much as the server: the server's own processor time is the figure.
            let before = cpu_seconds(pid)?;
            let (count, _) = client.handshakes(address, plan.time)?;
            figure.add(count / (cpu_seconds(pid)? - before));
        }
    }
    let [read, secure] = &cases;
    let (value, from) = secure.over(read);
    findings.tell("TLS read", value, from)?;
    let from = format!("{} ÷ {} a CPU second", number(shakes.median()), number(bare_shakes.median()));
    findings.tell("handshakes", shakes.over(&bare_shakes).median(), from)?;
    idle(plan, &ours, &client, findings)
}

fn idle(plan: &Plan, ours: &Ours, client: &Client, findings: &mut Findings<'_>) -> Result<()> {
    let before = resident_mib(ours.pid())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let open = runtime.block_on(async {
        let mut open = Vec::new();
        for _ in 0..plan.idle {
            open.push(client.connect(ours.server.address).await?);
        }
        anyhow::Ok(open)
    })?;
    let from = format!("`VmRSS`; {} before", number(before));
    findings.tell("idle connections", resident_mib(ours.pid())?, from)?;
    drop(open);
    Ok(())
}

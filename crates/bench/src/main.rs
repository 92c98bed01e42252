//! `make bench`: takes all figures in turns and writes the table. `bench [--quick] [--write FILE]`.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bench::account::{cpu_seconds, resident_mib};
use bench::disk::{self, Store};
use bench::figure::Figure;
use bench::report::{self, Goal, Row, ask, number};
use bench::subjects::{Bare, Ours};
use bench::tls::Client as TlsClient;
use bench::wrk::{Load, Outcome};
use bench::{now, rest};
use e2e::server::{Home, Tls};

/// How much of everything.
struct Plan {
    rounds: usize,
    /// One case in one round.
    time: Duration,
    /// Secrets under the long list, and before the restart.
    secrets: u32,
    /// TLS connections that stay open.
    idle: u32,
}

const WHOLE: Plan = Plan { rounds: 5, time: Duration::from_secs(2), secrets: 1_000_000, idle: 10_000 };
const QUICK: Plan = Plan { rounds: 5, time: Duration::from_secs(1), secrets: 20_000, idle: 1_000 };

/// Connections of the loads that are about processor time.
const CONNECTIONS: usize = 32;
/// Connections of a load that is more than the server can take.
const CROWD: usize = 1_000;
/// Secrets in the folder of the short list, and names on a page.
const PAGE: u32 = 1_000;

fn main() -> Result<()> {
    let mut plan = WHOLE;
    let mut file = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => plan = QUICK,
            "--write" => file = Some(PathBuf::from(arguments.next().context("--write needs a file")?)),
            other => bail!("unknown argument {other}: bench [--quick] [--write FILE]"),
        }
    }
    let mut rows = Vec::new();
    requests(&plan, &mut rows)?;
    writes(&plan, &mut rows)?;
    tls(&plan, &mut rows)?;
    size(&plan, &mut rows)?;
    println!("{}", report::table(&rows));
    if let Some(file) = file {
        report::write(&file, &conditions(&plan), &rows)?;
    }
    Ok(())
}

/// What the figures were taken of, and on what.
fn conditions(plan: &Plan) -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!(
        "Commit {}, {}; {} rounds of {} s a case, medians of all; {} cores of {}, the server on one, the load on another.",
        ask("git", &["describe", "--always", "--dirty"]),
        ask("date", &["-u", "+%Y-%m-%d"]),
        plan.rounds,
        plan.time.as_secs_f64(),
        ask("nproc", &[]),
        model.trim_start_matches([' ', '\t', ':']),
    )
}

/// One case of a rotation: who answers, what is sent, and what came of it.
struct Case<'s> {
    pid: u32,
    load: Load,
    rates: Figure,
    micros: Figure,
    p50: Figure,
    p99: Figure,
    name: &'s str,
}

impl<'s> Case<'s> {
    fn new(name: &'s str, pid: u32, load: Load) -> Self {
        let [rates, micros, p50, p99] = Default::default();
        Self { pid, load, rates, micros, p50, p99, name }
    }

    fn turn(&mut self) -> Result<()> {
        let before = cpu_seconds(self.pid)?;
        let outcome = self.load.run().with_context(|| self.name.to_owned())?;
        let spent = cpu_seconds(self.pid)? - before;
        check(self.name, outcome)?;
        self.rates.add(outcome.rate);
        self.micros.add(spent * 1e6 / outcome.requests);
        self.p50.add(outcome.p50_micros);
        self.p99.add(outcome.p99_micros);
        Ok(())
    }

    /// This case through another: rates, and what is behind them.
    fn over(&self, what: &str, other: &Self, goal: Goal) -> Row {
        let value = self.rates.over(&other.rates).median();
        Row { what: what.to_owned(), value, goal, from: format!("{} ÷ {}", self.said(), other.said()) }
    }

    fn said(&self) -> String {
        format!("{}: {}/s, {} µs CPU", self.name, number(self.rates.median()), number(self.micros.median()))
    }
}

/// A refused request costs less than an answered one: a figure with some in it would flatter.
fn check(name: &str, outcome: Outcome) -> Result<()> {
    ensure!(outcome.requests > 0.0, "{name}: nothing was answered");
    ensure!(outcome.refused == 0.0, "{name}: {} of {} were refused", outcome.refused, outcome.requests);
    Ok(())
}

fn load(ours: &Ours, path: &str, connections: usize, plan: &Plan) -> Load {
    Load {
        scheme: "http",
        address: ours.server.address,
        path: path.to_owned(),
        token: Some(ours.token.clone()),
        connections,
        time: plan.time,
        script: None,
    }
}

fn rotate(cases: &mut [Case<'_>], plan: &Plan) -> Result<()> {
    for _ in 0..plan.rounds {
        for case in &mut *cases {
            case.turn()?;
        }
    }
    Ok(())
}

/// Reads, beside a server that does nothing.
fn requests(plan: &Plan, rows: &mut Vec<Row>) -> Result<()> {
    let plain = Home::new(Tls::Off)?;
    let bare = Bare::start(&plain, Tls::Off)?;
    let ours = Ours::start(Tls::Off)?;
    rest(plan.time);
    let resident = resident_mib(ours.server.process.id())?;
    let pid = ours.server.process.id();
    let bare_load = Load { address: bare.address, ..load(&ours, "/v1/kv/data/app/read", CONNECTIONS, plan) };
    let mut cases = [
        Case::new("bare hyper", bare.process.id(), bare_load),
        Case::new("read", pid, load(&ours, "/v1/kv/data/app/read", CONNECTIONS, plan)),
        Case::new("lookup-self", pid, load(&ours, "/v1/auth/token/lookup-self", CONNECTIONS, plan)),
        Case::new("read, many connections", pid, load(&ours, "/v1/kv/data/app/read", CROWD, plan)),
    ];
    rotate(&mut cases, plan)?;
    let [bare, read, lookup, crowd] = &cases;
    rows.push(read.over("KV v2 read, warm, 10-rule policy ÷ bare hyper", bare, Goal::AtLeast(0.5, 0.7)));
    rows.push(lookup.over("lookup-self ÷ bare hyper", bare, Goal::AtLeast(0.5, 0.7)));
    rows.push(crowd.over("goodput of 1,000 connections ÷ of 32", read, Goal::AtLeast(0.8, 0.95)));
    rows.push(Row {
        what: "resident, unsealed, idle, MiB".to_owned(),
        value: resident,
        goal: Goal::AtMost(22.0, 15.0),
        from: "`VmRSS`".to_owned(),
    });
    Ok(())
}

/// Lua that writes each time under another path.
fn unique(prefix: &str) -> String {
    format!(
        "local n = 0\nwrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.body = '{{\"data\":{{\"user\":\"shop\",\"password\":\"correct horse battery staple\"}}}}'\n\
         function request()\n  n = n + 1\n  return wrk.format(nil, \"/v1/kv/data/app/{prefix}/\" .. n)\nend\n"
    )
}

/// Durable writes, beside the disk and the store.
fn writes(plan: &Plan, rows: &mut Vec<Row>) -> Result<()> {
    let ours = Ours::start(Tls::Off)?;
    let pid = ours.server.process.id();
    let mut store = Store::open(ours.home.path())?;
    let [mut appends, mut one, mut many, mut spread] = [const { Vec::new() }; 4].map(|_: Vec<f64>| Figure::default());
    let mut single = Case::new("write, 1 connection", pid, load(&ours, "/", 1, plan));
    let mut group = Case::new("write, 32 connections", pid, load(&ours, "/", CONNECTIONS, plan));
    let mut beside = load(&ours, "/v1/kv/data/app/read", 1, plan);
    for round in 0..plan.rounds {
        appends.add(disk::appends(ours.home.path(), plan.time)?);
        one.add(store.commits(1, plan.time)?);
        single.load.script = Some(unique(&format!("one/{round}")));
        single.turn()?;
        many.add(store.commits(u64::try_from(CONNECTIONS)?, plan.time)?);
        group.load.script = Some(unique(&format!("many/{round}")));
        group.turn()?;
        // Reads while all writers are busy: the spread of their times.
        let full = Load { script: Some(unique(&format!("full/{round}"))), ..group.load.clone() }.start()?;
        beside.time = plan.time;
        let read = beside.run()?;
        check("write beside reads", full.finish()?)?;
        check("read beside writes", read)?;
        spread.add(read.p99_micros / read.p50_micros);
    }
    let said = |figure: &Figure, what: &str| format!("{what}: {}/s", number(figure.median()));
    let row = |what: &str, case: &Case<'_>, other: &Figure, name: &str, goal| Row {
        what: what.to_owned(),
        value: case.rates.over(other).median(),
        goal,
        from: format!("{} ÷ {}", case.said(), said(other, name)),
    };
    rows.push(row("durable write, 1 connection ÷ store rate", &single, &one, "store", Goal::AtLeast(0.6, 0.8)));
    rows.push(row(
        "durable write, 32 connections ÷ group-commit ceiling",
        &group,
        &many,
        "store, 32 callers",
        Goal::AtLeast(0.6, 0.85),
    ));
    rows.push(row(
        "durable write, 1 connection ÷ append + fdatasync",
        &single,
        &appends,
        "append of 512 bytes",
        Goal::AtLeast(0.2, 0.45),
    ));
    rows.push(Row {
        what: "p99 ÷ p50 of reads while 32 connections write".to_owned(),
        value: spread.median(),
        goal: Goal::AtMost(5.0, 3.0),
        from: "one connection that reads".to_owned(),
    });
    Ok(())
}

/// Records, handshakes and idle connections.
fn tls(plan: &Plan, rows: &mut Vec<Row>) -> Result<()> {
    let plain = Ours::start(Tls::Off)?;
    let ours = Ours::start(Tls::On)?;
    let bare = Bare::start(&ours.home, Tls::On)?;
    let client = TlsClient::new(&ours.home.authority())?;
    let path = "/v1/kv/data/app/read";
    let secure = Load { scheme: "https", ..load(&ours, path, CONNECTIONS, plan) };
    let mut cases = [
        Case::new("plain read", plain.server.process.id(), load(&plain, path, CONNECTIONS, plan)),
        Case::new("TLS read", ours.server.process.id(), secure),
    ];
    let [mut bare_shakes, mut shakes] = [Figure::default(), Figure::default()];
    for _ in 0..plan.rounds {
        cases.iter_mut().try_for_each(Case::turn)?;
        for (figure, pid, address) in [
            (&mut bare_shakes, bare.process.id(), bare.address),
            (&mut shakes, ours.server.process.id(), ours.server.address),
        ] {
            // The generator costs about as much as the server: the server's own processor time is the figure.
            let before = cpu_seconds(pid)?;
            let (count, _) = client.handshakes(address, plan.time)?;
            figure.add(count / (cpu_seconds(pid)? - before));
        }
    }
    let [read, secure] = &cases;
    rows.push(secure.over("TLS read ÷ own plain read", read, Goal::AtLeast(0.75, 0.85)));
    rows.push(Row {
        what: "TLS handshakes ÷ bare rustls, for each second of CPU".to_owned(),
        value: shakes.over(&bare_shakes).median(),
        goal: Goal::AtLeast(0.7, 0.9),
        from: format!("{} ÷ {} a CPU second", number(shakes.median()), number(bare_shakes.median())),
    });
    let pid = ours.server.process.id();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let open = runtime.block_on(async {
        let mut open = Vec::new();
        for _ in 0..plan.idle {
            open.push(client.connect(ours.server.address).await?);
        }
        anyhow::Ok(open)
    })?;
    rows.push(Row {
        what: format!("resident with {} idle TLS connections, MiB", plan.idle),
        value: resident_mib(pid)?,
        goal: if plan.idle >= WHOLE.idle { Goal::AtMost(400.0, 200.0) } else { Goal::None },
        from: "`VmRSS`".to_owned(),
    });
    drop(open);
    Ok(())
}

/// What grows with the number of secrets, and what must not.
fn size(plan: &Plan, rows: &mut Vec<Row>) -> Result<()> {
    let mut ours = Ours::start(Tls::Off)?;
    fill(&ours, "short", PAGE)?;
    let small = restarts(&mut ours, plan)?;
    fill(&ours, "long", plan.secrets)?;
    let pid = ours.server.process.id();
    let page = |folder: &str| format!("/v1/kv/metadata/app/{folder}?list=true&limit={PAGE}");
    let mut cases = [
        Case::new("page of few", pid, load(&ours, &page("short"), 1, plan)),
        Case::new("page of many", pid, load(&ours, &page("long"), 1, plan)),
    ];
    rotate(&mut cases, plan)?;
    let [few, many] = &cases;
    rows.push(Row {
        what: format!("a page of {PAGE} names of {} ÷ of {PAGE}, time", plan.secrets),
        value: many.p50.over(&few.p50).median(),
        goal: Goal::AtMost(1.2, 1.0),
        from: format!("{} µs ÷ {} µs", number(many.p50.median()), number(few.p50.median())),
    });
    let large = restarts(&mut ours, plan)?;
    let kill = format!("after `kill -9` with {} secrets", plan.secrets);
    for (what, value, before, goal) in [
        (format!("start to first answer {kill}, ms"), &large.answered, &small.answered, Goal::AtMost(40.0, 15.0)),
        (format!("start to unsealed {kill}, ms"), &large.unsealed, &small.unsealed, Goal::AtMost(60.0, 30.0)),
        (format!("resident {kill}, MiB"), &large.resident, &small.resident, Goal::AtMost(64.0, 40.0)),
    ] {
        let from = format!("with {PAGE}: {}", number(before.median()));
        rows.push(Row { what, value: value.median(), goal, from });
    }
    let binary = std::fs::metadata(e2e::binary::find()?)?.len();
    rows.push(Row {
        what: "binary, stripped, MB".to_owned(),
        value: f64::from(u32::try_from(binary)?) / 1e6,
        goal: Goal::AtMost(25.0, 18.0),
        from: "release build".to_owned(),
    });
    Ok(())
}

#[derive(Default)]
struct Starts {
    answered: Figure,
    unsealed: Figure,
    resident: Figure,
}

fn restarts(ours: &mut Ours, plan: &Plan) -> Result<Starts> {
    let mut starts = Starts::default();
    for _ in 0..plan.rounds {
        let (answered, unsealed) = ours.restart()?;
        starts.answered.add(answered.as_secs_f64() * 1e3);
        starts.unsealed.add(unsealed.as_secs_f64() * 1e3);
        starts.resident.add(resident_mib(ours.server.process.id())?);
    }
    Ok(starts)
}

/// Writes so many secrets into a folder, over many connections.
fn fill(ours: &Ours, folder: &str, count: u32) -> Result<()> {
    let start = now();
    let connections = u32::try_from(CONNECTIONS)?;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..connections)
            .map(|connection| {
                let mut client = ours.client();
                scope.spawn(move || {
                    let body =
                        serde_json::json!({"data": {"user": "shop", "password": "correct horse battery staple"}});
                    for number in (connection..count).step_by(CONNECTIONS) {
                        let path = format!("/v1/kv/data/app/{folder}/{number:07}");
                        client.expect(200, "PUT", &path, Some(&body))?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        writers.into_iter().try_for_each(|writer| writer.join().ok().context("a writer panicked")?)
    })?;
    println!("{count} secrets written in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

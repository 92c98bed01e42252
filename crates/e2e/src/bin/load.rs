//! `make bench`: requests per second and processor time per request of the real binary, beside what the disk can do.
//!
//! Ratios in one run on one machine say something, absolute numbers little: the cases take turns for several rounds,
//! and the table shows medians. Processor time is the server's alone (`proc_pid_stat(5)`), so it survives a busy
//! machine better than the rate does.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::http::Client;
use e2e::operator;
use e2e::server::{Home, Tls};
use serde_json::{Value, json};

/// Rounds over all cases; the median of them is shown.
const ROUNDS: usize = 5;
/// Requests of one case in one round.
const READS: u64 = 20_000;
const WRITES: u64 = 1_000;
/// `USER_HZ`, the unit of the times in `/proc`: 100 on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes that the comparison with the bare disk appends at once.
const APPEND_BYTES: usize = 512;

/// One line of the table.
struct Case {
    name: &'static str,
    connections: u64,
    requests: u64,
    method: &'static str,
    /// The path of the n-th request.
    path: fn(u64) -> String,
    body: Option<Value>,
}

fn main() -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let start = now();
    let server = home.start()?;
    let started = start.elapsed();
    let mut client = server.client();
    let keys = operator::initialize(&mut client)?;
    let start = now();
    operator::unseal(&mut client, &keys)?;
    let unsealed = start.elapsed();
    let token = prepare(&mut server.client().with_token(&keys.root_token))?;
    let pid = server.process.id();
    println!("start to first answer {started:?}, unseal {unsealed:?}, resident {} KiB", resident_kib(pid)?);
    println!("one append of {APPEND_BYTES} bytes with fdatasync: {:?}", append(&home)?);

    let cases = cases();
    let mut rates = vec![Vec::new(); cases.len()];
    let mut costs = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (case, (rates, costs)) in cases.iter().zip(rates.iter_mut().zip(&mut costs)) {
            let (ticks, start) = (cpu_ticks(pid)?, now());
            run(case, server.address, &token).with_context(|| case.name)?;
            let (seconds, ticks) = (start.elapsed().as_secs_f64(), cpu_ticks(pid)? - ticks);
            let requests = u32::try_from(case.requests)?;
            rates.push(f64::from(requests) / seconds);
            costs.push(f64::from(u32::try_from(ticks)?) / TICKS_PER_SECOND * 1e6 / f64::from(requests));
        }
    }
    println!("{:<44} {:>12} {:>16}", "", "requests/s", "CPU µs/request");
    for (case, (rates, costs)) in cases.iter().zip(rates.iter_mut().zip(&mut costs)) {
        println!("{:<44} {:>12.0} {:>16.1}", case.name, median(rates), median(costs));
    }
    println!("resident afterwards {} KiB", resident_kib(pid)?);
    Ok(())
}

fn cases() -> Vec<Case> {
    let read = |name, connections, method, path| Case { name, connections, requests: READS, method, path, body: None };
    let data = json!({"data": {"user": "shop", "password": "correct horse battery staple"}});
    let write = |name, connections, path| Case {
        name,
        connections,
        requests: WRITES,
        method: "PUT",
        path,
        body: Some(data.clone()),
    };
    vec![
        read("health, no token, 1 connection", 1, "GET", |_| "/v1/sys/health".to_owned()),
        read("lookup-self, 1 connection", 1, "GET", |_| "/v1/auth/token/lookup-self".to_owned()),
        read("KV v2 read, warm, 1 connection", 1, "GET", |_| "/v1/kv/data/app/read".to_owned()),
        read("KV v2 read, warm, 8 connections", 8, "GET", |_| "/v1/kv/data/app/read".to_owned()),
        write("KV v2 write, durable, 1 connection", 1, |n| format!("/v1/kv/data/app/one/{n}")),
        write("KV v2 write, durable, 32 connections", 32, |n| format!("/v1/kv/data/app/many/{n}")),
    ]
}

/// A mount, a secret, and a service token whose policy has ten rules.
fn prepare(root: &mut Client) -> Result<String> {
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "2"}})))?;
    root.expect(200, "PUT", "/v1/kv/data/app/read", Some(&json!({"data": {"password": "correct horse"}})))?;
    let mut rules = String::from("path \"kv/data/app/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n");
    for number in 1..10 {
        rules += &format!("path \"other/{number}/+/x/*\" {{ capabilities = [\"read\"] }}\n");
    }
    root.expect(204, "PUT", "/v1/sys/policies/acl/app", Some(&json!({"policy": rules})))?;
    let token = root.expect(200, "POST", "/v1/auth/token/create", Some(&json!({"policies": ["app"], "ttl": "1h"})))?;
    operator::text(&token.json()?, "/auth/client_token")
}

/// Sends the case's requests, an equal part on each connection.
fn run(case: &Case, address: SocketAddr, token: &str) -> Result<()> {
    let each = case.requests / case.connections;
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..case.connections)
            .map(|connection| {
                scope.spawn(move || {
                    let mut client = Client::new(address).with_token(token);
                    for number in connection * each..(connection + 1) * each {
                        client.expect(200, case.method, &(case.path)(number), case.body.as_ref())?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|sender| sender.join().ok().context("a sender panicked")?)
    })
}

/// What the disk under the store takes for one durable append, at best.
fn append(home: &Home) -> Result<Duration> {
    let mut file = OpenOptions::new().create(true).append(true).open(home.path().join("append"))?;
    let start = now();
    for _ in 0..WRITES {
        file.write_all(&[0x5a; APPEND_BYTES])?;
        File::sync_data(&file)?;
    }
    Ok(start.elapsed() / u32::try_from(WRITES)?)
}

/// User and system time of the process, fields 14 and 15 of `/proc/<pid>/stat`.
fn cpu_ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("reading the server's times")?;
    // The name, in parentheses, may hold blanks; the third field follows it.
    let (_, fields) = stat.rsplit_once(')').context("no name in the process's status")?;
    let times: Vec<u64> = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(times.len() == 2, "no times in {stat:?}");
    Ok(times.iter().sum())
}

fn resident_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("reading the server's size")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no size in the status")?;
    line.trim().trim_end_matches(" kB").parse().context("reading the size")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

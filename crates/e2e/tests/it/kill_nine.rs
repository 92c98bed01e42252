//! `kill -9` again and again under concurrent writes: whatever was acknowledged is there afterwards, with its exact
//! value, and the store always opens.
//!
//! Each writer owns its keys and writes them one after another, so that after a crash each key holds its last
//! acknowledged value or the one write that was under way. Some rounds kill the server while it starts, recovers or
//! unseals instead. The seed of a failed run is in its output.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::chance::Chance;
use e2e::deadline::Deadline;
use e2e::http::Client;
use e2e::operator::{self, Keys};
use e2e::server::{Home, Server, Tls};
use serde_json::{Value, json};

/// How often the server is killed; fewer for a quick look.
const KILLS_VARIABLE: &str = "STRONGROOM_E2E_KILLS";
const KILLS: u64 = 200;
/// Repeats a failed run, as far as the kernel's scheduler lets it.
const SEED_VARIABLE: &str = "STRONGROOM_E2E_SEED";
const SEED: u64 = 20_261_123;
/// Connections that write at the same time.
const WRITERS: u64 = 8;
/// Keys of each writer, written in turn.
const KEYS_PER_WRITER: u64 = 24;
/// The most acknowledged writes before a kill.
const WRITES_BEFORE_KILL_MAX: u64 = 60;
/// One round in this many is killed while it starts.
const START_KILL_EVERY: u64 = 4;
/// The longest that such a round lives, in microseconds.
const START_KILL_MICROS_MAX: u64 = 60_000;
/// Every so many rounds all keys are compared, not only those written since the last kill.
const FULL_CHECK_EVERY: u64 = 25;
/// How long the writes before one kill may take before the test gives up.
const ROUND_MAX: Duration = Duration::from_secs(60);

/// What may be found under a key.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The last value whose write was acknowledged, or that was seen after a crash.
    settled: Option<String>,
    /// The value whose write was sent and not answered.
    pending: Option<String>,
    /// Whether it was written since it was last compared.
    is_new: bool,
}

type Model = BTreeMap<String, Known>;

#[test]
fn acknowledged_writes_survive_every_kill() -> Result<()> {
    let number = |name: &str, default| -> Result<u64> {
        std::env::var(name).map_or(Ok(default), |text| text.parse().with_context(|| format!("reading {name}")))
    };
    let (kills, seed) = (number(KILLS_VARIABLE, KILLS)?, number(SEED_VARIABLE, SEED)?);
    println!("{kills} kills, seed {seed}");
    let mut chance = Chance::new(seed);
    let home = Home::new(Tls::Off)?;
    let mut server = home.start()?;
    let keys = operator::initialize(&mut server.client())?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    for (path, version) in [("one", "1"), ("two", "2")] {
        let mount = json!({"type": "kv", "options": {"version": version}});
        root.expect(204, "POST", &format!("/v1/sys/mounts/{path}"), Some(&mount))?;
    }
    let mut models: Vec<Model> = vec![Model::new(); usize::try_from(WRITERS)?];
    let mut acknowledged = 0;
    for round in 1..=kills {
        let context = || format!("round {round} of seed {seed}");
        if chance.below(START_KILL_EVERY) == 0 {
            server.process.kill()?;
            kill_while_starting(&home, &keys, &mut chance).with_context(context)?;
        } else {
            acknowledged +=
                write_until_killed(&mut server, &keys, &mut models, round, &mut chance).with_context(context)?;
        }
        server = home.start().with_context(context)?;
        let mut client = server.client().with_token(&keys.root_token);
        operator::unseal(&mut client, &keys).with_context(context)?;
        let everything = round % FULL_CHECK_EVERY == 0 || round == kills;
        for model in &mut models {
            check(&mut client, model, everything).with_context(context)?;
        }
        if everything {
            println!("{round} kills, {acknowledged} acknowledged writes, all there");
        }
    }
    ensure!(acknowledged > kills, "only {acknowledged} writes were acknowledged: the test proved little");
    Ok(())
}

/// Starts a server and kills it after a short while, wherever it is by then. It must not end by itself.
fn kill_while_starting(home: &Home, keys: &Keys, chance: &mut Chance) -> Result<()> {
    let mut server = home.spawn()?;
    let lifetime = Duration::from_micros(chance.below(START_KILL_MICROS_MAX));
    if chance.below(2) == 0 {
        // The unseal key is on its way while the kill comes, when the server is up by then.
        let (address, keys) = (server.address, keys.clone());
        let unsealing = std::thread::spawn(move || operator::unseal(&mut Client::new(address), &keys));
        let early = server.process.wait_for_exit(lifetime)?;
        server.process.kill()?;
        // Cut off by the kill, most often; what matters is that the next start finds everything.
        drop(unsealing.join());
        return refuse_exit(early.is_some(), &server);
    }
    let early = server.process.wait_for_exit(lifetime)?;
    server.process.kill()?;
    refuse_exit(early.is_some(), &server)
}

fn refuse_exit(ended: bool, server: &Server) -> Result<()> {
    ensure!(!ended || server.lost_its_port(), "the server ended by itself:\n{}", server.process.output());
    Ok(())
}

/// Writes on all connections until enough writes were acknowledged, and kills the server in the middle of the rest.
fn write_until_killed(
    server: &mut Server,
    keys: &Keys,
    models: &mut Vec<Model>,
    round: u64,
    chance: &mut Chance,
) -> Result<u64> {
    let acknowledged = Arc::new(AtomicU64::new(0));
    let stopped = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = std::mem::take(models)
        .into_iter()
        .zip(0..)
        .map(|(model, number)| {
            let (acknowledged, stopped) = (Arc::clone(&acknowledged), Arc::clone(&stopped));
            let writer = Writer { address: server.address, number, round, token: keys.root_token.clone(), model };
            std::thread::spawn(move || writer.run(&acknowledged, &stopped))
        })
        .collect();
    let enough = 1 + chance.below(WRITES_BEFORE_KILL_MAX);
    let deadline = Deadline::after(ROUND_MAX);
    let mut ended = None;
    while acknowledged.load(Ordering::Relaxed) < enough && ended.is_none() && !deadline.has_passed() {
        ended = server.process.wait_for_exit(Duration::from_millis(1))?;
    }
    server.process.kill()?;
    stopped.store(true, Ordering::Relaxed);
    for writer in writers {
        models.push(writer.join().ok().context("a writer panicked")??);
    }
    ensure!(ended.is_none(), "the server ended by itself:\n{}", server.process.output());
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    ensure!(acknowledged >= enough, "{acknowledged} writes in {ROUND_MAX:?}:\n{}", server.process.output());
    Ok(acknowledged)
}

struct Writer {
    address: SocketAddr,
    number: u64,
    round: u64,
    token: String,
    model: Model,
}

impl Writer {
    fn run(mut self, acknowledged: &AtomicU64, stopped: &AtomicBool) -> Result<Model> {
        let mut client = Client::new(self.address).with_token(&self.token);
        for count in 0_u64.. {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            let slot = (self.round * 7 + count) % KEYS_PER_WRITER;
            let value = format!("writer {} round {} write {count}", self.number, self.round);
            // Half of the writers use KV version 1, half version 2.
            let (path, body) = if self.number.is_multiple_of(2) {
                (format!("/v1/one/w{}/k{slot}", self.number), json!({"value": value}))
            } else {
                (format!("/v1/two/data/w{}/k{slot}", self.number), json!({"data": {"value": value}}))
            };
            let known = self.model.entry(path.clone()).or_default();
            known.pending = Some(value);
            known.is_new = true;
            let Ok(reply) = client.request("PUT", &path, Some(&body)) else {
                // Killed while the write was under way, or a moment before it: both values are right.
                break;
            };
            match reply.status {
                200 | 204 => {
                    known.settled = known.pending.take();
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                status => bail!("{path}: {status} {}", reply.text()),
            }
        }
        Ok(self.model)
    }
}

/// Compares what the server has with what it acknowledged, and takes over what it has.
fn check(client: &mut Client, model: &mut Model, everything: bool) -> Result<()> {
    for (path, known) in model {
        if !everything && !known.is_new {
            continue;
        }
        let reply = client.request("GET", path, None)?;
        let found = match reply.status {
            200 => value_in(&reply.json()?),
            404 => None,
            status => bail!("{path}: {status} {}", reply.text()),
        };
        let fits = found == known.settled || (known.pending.is_some() && found == known.pending);
        ensure!(fits, "{path} holds {found:?}, and should hold {known:?}");
        *known = Known { settled: found, pending: None, is_new: false };
    }
    Ok(())
}

/// The value of a KV read, version 1 or 2.
fn value_in(reply: &Value) -> Option<String> {
    let value = reply.pointer("/data/data/value").or_else(|| reply.pointer("/data/value"))?;
    Some(value.as_str()?.to_owned())
}

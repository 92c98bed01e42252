//! Many leases, tokens, namespaces and mounts in a server's store, made through a core in this process: what is written is
//! what a server writes, without a million requests over HTTP first.
//!
//! The core has the engines of the server and one that lends ([`crate::lender`]). A server must not have the folder open
//! meanwhile, and what was made with a server's keys it opens again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use barrier::seal::Device;
use barrier::{Barrier, CacheMode};
use env::Env;
use framework::{Operation, Reply, Request, Service as _};
use secret::{Secret, SecretBytes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use server_core::{AuditRules, Core, EngineType, Limits, LockoutDefaults, Node, Parts, Process, Telemetry};
use storage::counting::Counting;
use storage::{Key, KeyRange, Scan, Storage as _};
use storage_embedded::{Embedded, Options};
use tokio::task::JoinSet;

use crate::account::cpu_seconds;
use crate::lender::lender;
use crate::{now, rest};

/// As the server's own default.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// The longest life of what nobody has given another one.
const TTL: Duration = Duration::from_secs(768 * 3600);
/// Requests at work at once.
const CALLERS: u32 = 64;
/// Reads at work at once beside what is cleared away.
const READERS: u32 = 8;
/// How often it is looked at whether everything is cleared away.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Lines of the due index that have nothing to do with what was made here.
const LINES_LEFT_MAX: usize = 10;
/// Where the lender is mounted.
pub const LENDER: &str = "lend";
/// The key space of the due index.
const DUE: &str = "due/";

/// What some work took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Effort {
    /// Of real time, in seconds.
    pub seconds: f64,
    /// Of the process's processor time, in seconds.
    pub cpu: f64,
}

/// How what was due was cleared away.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Expiry {
    /// Keys that went from the store, a second, with nothing else to do.
    pub keys: f64,
    /// Reads a second meanwhile.
    pub reads_beside: f64,
    /// Reads a second afterwards.
    pub reads_alone: f64,
    /// How long all of it took, in seconds.
    pub seconds: f64,
}

/// An unsealed core over a server's store. Clones are the same.
#[derive(Clone)]
pub struct Population {
    core: Arc<Core>,
    store: Arc<Embedded>,
    /// The same store, as the core sees it.
    counting: Arc<Counting>,
    root: String,
}

impl Population {
    /// Opens the store of a server that is down, with the one share of its key in hex and its first token.
    ///
    /// # Errors
    /// When the folder is in use or the share is wrong.
    pub async fn open(folder: &Path, share: &str, root: &str) -> Result<Self> {
        let env = Env::real();
        let store = Arc::new(Embedded::open(folder, Options::default(), &env)?);
        let counting = Arc::new(Counting::new(store.clone()));
        let core = core(counting.clone(), env)?;
        core.unseal(SecretBytes::new(bytes_of(share)?)).await?;
        Ok(Self { core: Arc::new(core), store, counting, root: root.to_owned() })
    }

    /// Seals the core and closes the store.
    ///
    /// # Errors
    /// When the store cannot be closed.
    pub async fn close(self) -> Result<()> {
        self.core.seal().await;
        Ok(self.store.close().await?)
    }

    /// Mounts the lender.
    ///
    /// # Errors
    /// When the core refuses.
    pub async fn mount_lender(&self) -> Result<Effort> {
        let mount = |_| (Operation::Update, format!("sys/mounts/{LENDER}"), json!({ "type": "lender" }));
        self.repeat(1, mount).await
    }

    /// Takes so many leases of a role, which end after so many seconds.
    ///
    /// # Errors
    /// When the core refuses one.
    pub async fn lend(&self, role: &str, count: u32, ttl_secs: u64) -> Result<Effort> {
        let path = format!("{LENDER}/lend/{role}");
        self.repeat(count, move |_| (Operation::Read, path.clone(), json!({ "ttl": ttl_secs }))).await
    }

    /// Makes so many orphan service tokens.
    ///
    /// # Errors
    /// When the core refuses one.
    pub async fn make_tokens(&self, count: u32) -> Result<Effort> {
        let settings = json!({ "policies": ["default"], "no_parent": true, "ttl": "700h" });
        self.repeat(count, move |_| (Operation::Update, "auth/token/create".to_owned(), settings.clone())).await
    }

    /// Makes namespaces with these numbers and so many mounts in each.
    ///
    /// # Errors
    /// When the core refuses one.
    pub async fn settle(&self, numbers: std::ops::Range<u32>, mounts: u32) -> Result<Effort> {
        let count = u32::try_from(numbers.len())?;
        let name = move |number: u32| format!("team{:05}", numbers.start + number);
        let space = move |number| (Operation::Update, format!("sys/namespaces/{}", name(number)), json!({}));
        let spaces = self.repeat(count, space).await?;
        let kv = json!({ "type": "kv", "options": { "version": "2" } });
        let mount = move |number: u32| {
            let path = format!("{}/sys/mounts/kv{}", name(number / mounts), number % mounts);
            (Operation::Update, path, kv.clone())
        };
        let mounts = self.repeat(count * mounts, mount).await?;
        Ok(Effort { seconds: spaces.seconds + mounts.seconds, cpu: spaces.cpu + mounts.cpu })
    }

    /// Revokes all leases of a role and waits until they are gone.
    ///
    /// # Errors
    /// When the core refuses, or some are left.
    pub async fn revoke(&self, role: &str) -> Result<Effort> {
        let path = format!("sys/leases/revoke-prefix/{LENDER}/lend/{role}");
        let effort = self.repeat(1, move |_| (Operation::Update, path.clone(), json!({ "sync": true }))).await?;
        let left = self.call(Operation::List, &format!("sys/leases/lookup/{LENDER}/lend/{role}"), json!({})).await?;
        let is_empty = match &left.data {
            Some(framework::Data::Object(data)) => data.get("keys").and_then(Value::as_array).is_none_or(Vec::is_empty),
            _ => true,
        };
        ensure!(is_empty, "the prefix was revoked, and some leases are left");
        Ok(effort)
    }

    /// Lets what is due be cleared away: alone for a while, then beside reads for as long, then to the end, after which
    /// the reads go on alone.
    ///
    /// # Errors
    /// When the core refuses a read, or everything was cleared away before the reads had their time.
    pub async fn expire(&self, time: Duration) -> Result<Expiry> {
        let (start, before) = (now(), self.counting.removals());
        wait(time).await?;
        let removed = u32::try_from(self.counting.removals() - before)?;
        let keys = f64::from(removed) / start.elapsed().as_secs_f64();
        let reads_beside = self.read(time).await?;
        ensure!(self.is_anything_due().await?, "there was too little to clear away");
        while self.is_anything_due().await? {
            wait(LOOK_AGAIN).await?;
        }
        let seconds = start.elapsed().as_secs_f64();
        Ok(Expiry { keys, reads_beside, reads_alone: self.read(time).await?, seconds })
    }

    /// Reads one secret again and again; how often a second.
    async fn read(&self, time: Duration) -> Result<f64> {
        let start = now();
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            let population = self.clone();
            readers.spawn(async move {
                let mut count = 0_u32;
                while start.elapsed() < time {
                    population.call(Operation::Read, "kv/data/app/read", json!({})).await?;
                    count += 1;
                    // Nothing in a warm read waits, and others have their turn on a real connection.
                    tokio::task::yield_now().await;
                }
                anyhow::Ok(count)
            });
        }
        let mut all = 0;
        while let Some(count) = readers.join_next().await {
            all += count??;
        }
        Ok(f64::from(all) / start.elapsed().as_secs_f64())
    }

    /// Whether the due index has more than the lines that have nothing to do with what was made here.
    async fn is_anything_due(&self) -> Result<bool> {
        let lines = KeyRange::prefix(&Key::constant(DUE));
        let page = self.store.scan(&Scan::range(lines, LINES_LEFT_MAX + 1).keys_only()).await?;
        Ok(page.items.len() > LINES_LEFT_MAX)
    }

    /// Makes requests, many at once, and says what that took. Every one must succeed.
    async fn repeat(
        &self,
        count: u32,
        request: impl Fn(u32) -> (Operation, String, Value) + Send + Sync + 'static,
    ) -> Result<Effort> {
        let (start, cpu) = (now(), own_cpu()?);
        let (next, request) = (Arc::new(AtomicU32::new(0)), Arc::new(request));
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS.min(count) {
            let (population, next, request) = (self.clone(), Arc::clone(&next), Arc::clone(&request));
            callers.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return anyhow::Ok(());
                    }
                    let (operation, path, data) = request(number);
                    population.call(operation, &path, data).await?;
                }
            });
        }
        while let Some(done) = callers.join_next().await {
            done??;
        }
        Ok(Effort { seconds: start.elapsed().as_secs_f64(), cpu: own_cpu()? - cpu })
    }

    async fn call(&self, operation: Operation, path: &str, data: Value) -> Result<Reply> {
        let mut request = Request::new("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee".to_owned(), operation, path);
        request.token = Some(Secret::new(self.root.clone()));
        if let Value::Object(data) = data {
            request.data = data;
        }
        let answer = self.core.answer(request).await;
        answer.result.map_err(|error| anyhow!("{operation} {path}: {error:?}"))
    }
}

async fn wait(time: Duration) -> Result<()> {
    Ok(tokio::task::spawn_blocking(move || rest(time)).await?)
}

fn own_cpu() -> Result<f64> {
    cpu_seconds(std::process::id())
}

fn bytes_of(hex: &str) -> Result<Vec<u8>> {
    let digits = |start: usize| hex.get(start..start + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    (0..hex.len()).step_by(2).map(|start| digits(start).context("the share is not in hex")).collect()
}

fn core(store: Arc<Counting>, env: Env) -> Result<Core> {
    let options = barrier::Options { cache_bytes: CACHE_BYTES, cache: CacheMode::SoleWriter };
    let builtin = engines::builtin().iter();
    let engines = builtin.map(|it| EngineType { name: it.type_name, kind: it.kind, make: it.make }).chain([lender()]);
    let parts = Parts {
        barrier: Barrier::new(store, env.clone(), options),
        device: Device::Shamir,
        env,
        node: Node {
            api_version: "1.21.4".to_owned(),
            version: "0.0.0",
            build_date: "1970-01-01T00:00:00Z",
            storage_type: "embedded",
            api_address: String::new(),
        },
        process: Process::unknown(),
        telemetry: Telemetry::default(),
        limits: Limits { default_lease_ttl: TTL, max_lease_ttl: TTL },
        user_lockout: LockoutDefaults::default(),
        cluster_name: None,
        audit_rules: AuditRules::default(),
        enable_unauthenticated_access: false,
        raw_storage_endpoint: false,
        engines: engines.collect(),
    };
    Ok(Core::new(parts)?)
}

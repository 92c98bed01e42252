//! Cores for the tests of this crate: over any store, with a clock that is turned by hand and two small engines.
//!
//! For tests only: it panics where a test should fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use barrier::seal::{Device, InitOptions};
use barrier::{Barrier, CacheMode};
use env::Env;
use env::simulated::SimulatedClock;
use framework::testing::object;
use framework::view::{CommitError, Listing};
use framework::{
    Chunks, Context, Data, Engine, Error, Kind, Mounted, Operation, Path, Reply, Request, Segment, Service, Status,
    fields, retry,
};
use secret::{Secret, SecretBytes};
use serde_json::{Map, Value, json};
use storage::memory::Memory;
use storage::{Batch, Export, Item, Key, KeyRange, Outcome, Page, Position, Scan, Snapshot, Storage, Watch};
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;

use crate::due::{self, Next, Places};
use crate::{
    AuditRules, Core, EngineType, Host, Limits, LockoutDefaults, LogLevels, Node, Parts, Process, Telemetry, Usage,
};

pub(crate) mod club;
mod door;
pub(crate) mod keeper;
pub(crate) mod outside;

/// The cache of each barrier, in bytes.
const CACHE_BYTES: usize = 4 * 1024 * 1024;
/// How often a future that waits for nothing real is let run before it counts as hung.
const TURNS_MAX: usize = 50_000;
/// The server's TTLs in these tests.
pub(crate) const LIMITS: Limits = Limits { default_lease_ttl: hours(768), max_lease_ttl: hours(768) };

pub(crate) const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// One node.
pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) env: Env,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) storage: Arc<dyn Storage>,
    /// The root token's text.
    pub(crate) root: String,
    pub(crate) share: SecretBytes,
    cache: CacheMode,
}

impl Bench {
    /// Initialized and unsealed over a fresh store in memory.
    pub(crate) async fn new() -> Self {
        Self::over(Arc::new(Memory::new())).await
    }

    /// Initialized and unsealed over an empty store that nobody else writes.
    pub(crate) async fn over(storage: Arc<dyn Storage>) -> Self {
        let mut bench = Self::fresh(storage, CacheMode::SoleWriter);
        bench.init().await;
        bench
    }

    /// Over an empty store, not initialized.
    pub(crate) fn fresh(storage: Arc<dyn Storage>, cache: CacheMode) -> Self {
        Self::fresh_with(storage, cache, Device::Shamir)
    }

    /// The same with another seal.
    pub(crate) fn fresh_with(storage: Arc<dyn Storage>, cache: CacheMode, device: Device) -> Self {
        Self::fresh_as(storage, cache, device, 1, |_| ())
    }

    /// Initialized and unsealed over a fresh store in memory, with rules for locking users out.
    pub(crate) async fn locking(defaults: LockoutDefaults) -> Self {
        let (storage, seed) = (Arc::new(Memory::new()), 1);
        let mut bench = Self::fresh_as(storage, CacheMode::SoleWriter, Device::Shamir, seed, |parts| {
            parts.user_lockout = defaults;
        });
        bench.init().await;
        bench
    }

    /// The same with a seed of its own, so that it draws no bytes that another node has drawn, and other settings.
    pub(crate) fn fresh_as(
        storage: Arc<dyn Storage>,
        cache: CacheMode,
        device: Device,
        seed: u64,
        change: impl FnOnce(&mut Parts),
    ) -> Self {
        let (env, clock) = env::simulated::env(seed);
        let mut parts = parts(Arc::clone(&storage), &env, cache, device);
        change(&mut parts);
        let core = Core::new(parts).expect("the tables are sound");
        Self { core, env, clock, storage, root: String::new(), share: SecretBytes::new(Vec::new()), cache }
    }

    /// Initialized and unsealed, with other settings of its metrics.
    pub(crate) async fn with_telemetry(telemetry: Telemetry) -> Self {
        let (storage, seed) = (Arc::new(Memory::new()), 1);
        let mut bench = Self::fresh_as(storage, CacheMode::SoleWriter, Device::Shamir, seed, |parts| {
            parts.telemetry = telemetry;
        });
        bench.init().await;
        bench
    }

    /// Initializes and unseals.
    pub(crate) async fn init(&mut self) {
        let made = self.core.init(&InitOptions::shamir(1, 1), None).await.expect("the store is empty");
        self.root.clone_from(made.root_token.expose());
        self.share = made.shares.into_iter().next().expect("one share was asked for");
        self.unseal().await;
    }

    pub(crate) async fn unseal(&self) {
        let status = self.core.unseal(self.share.clone()).await.expect("the share is right");
        assert!(!status.sealed, "one share unseals");
    }

    /// Another node over the same store, unsealed. Both must read through.
    pub(crate) async fn beside(&self) -> Self {
        assert_eq!(self.cache, CacheMode::ReadThrough, "two writers cannot both be the only one");
        self.reopened(Arc::clone(&self.storage)).await
    }

    /// Another node that reaches the same entries through another storage, unsealed.
    pub(crate) async fn beside_over(&self, storage: Arc<dyn Storage>) -> Self {
        assert_eq!(self.cache, CacheMode::ReadThrough, "two writers cannot both be the only one");
        self.reopened(storage).await
    }

    /// The node after a crash: whatever it was about is gone, the store goes on.
    pub(crate) async fn crashed(self, storage: Arc<dyn Storage>) -> Self {
        let next = self.reopened(storage).await;
        drop(self);
        next
    }

    async fn reopened(&self, storage: Arc<dyn Storage>) -> Self {
        // Another seed: a node that draws the same random bytes again would be none.
        let random = Arc::new(env::simulated::SeededRandom::new(u64::from_le_bytes(self.env.random())));
        let env = Env::new(Arc::clone(&self.clock) as _, random);
        let next = Self {
            core: Core::new(parts(Arc::clone(&storage), &env, self.cache, Device::Shamir))
                .expect("the tables are sound"),
            env,
            clock: Arc::clone(&self.clock),
            storage,
            root: self.root.clone(),
            share: self.share.clone(),
            cache: self.cache,
        };
        next.unseal().await;
        next
    }

    /// Somebody with this token.
    pub(crate) fn with(&self, token: &str) -> Client<'_> {
        Client { core: &self.core, token: Some(token.to_owned()), namespace: String::new() }
    }

    /// Somebody without a token.
    pub(crate) fn nobody(&self) -> Client<'_> {
        Client { core: &self.core, token: None, namespace: String::new() }
    }

    /// Somebody with the root token.
    pub(crate) fn root(&self) -> Client<'_> {
        self.with(&self.root)
    }

    /// Makes a token with the root token; gives its text.
    pub(crate) async fn token(&self, about: Value) -> String {
        self.root().create("create", about).await
    }

    /// Makes a token that has this policy text and nothing else.
    pub(crate) async fn token_for(&self, name: &str, text: &str) -> String {
        self.root().write(&format!("sys/policies/acl/{name}"), json!({ "policy": text })).await;
        self.token(json!({ "policies": [name], "no_default_policy": true })).await
    }

    /// Enables the test engine.
    pub(crate) async fn mount(&self, path: &str) {
        let enabled = self.root().write(&format!("sys/mounts/{path}"), json!({ "type": "kv" })).await;
        assert_eq!(enabled, json!({}), "enabling {path}");
    }

    /// Looks after everything that is due now, as the worker does.
    pub(crate) async fn settle(&self) {
        let seals = &self.core.seals;
        let owners = seals.owners();
        let (_stop, stopped) = watch::channel(false);
        let mut places = Places::default();
        loop {
            let now = seals.tokens.now_nanos();
            let pass = due::pass(&seals.store, &owners, now, &stopped, &mut places);
            let next = pass.await.expect("the due index can be read");
            let is_busy = seals.leases.quiet().await | seals.oidc.quiet().await | seals.rotations.quiet().await;
            if !is_busy && next == Next::Later {
                return;
            }
        }
    }

    /// One pass over what is due, on a store that may be cut off meanwhile.
    pub(crate) async fn settle_unless_broken(&self) {
        let seals = &self.core.seals;
        let owners = seals.owners();
        let (_stop, stopped) = watch::channel(false);
        let mut places = Places::default();
        loop {
            let now = seals.tokens.now_nanos();
            let Ok(next) = due::pass(&seals.store, &owners, now, &stopped, &mut places).await else { return };
            let is_busy = seals.leases.quiet().await | seals.oidc.quiet().await | seals.rotations.quiet().await;
            if !is_busy && next == Next::Later {
                return;
            }
        }
    }

    /// All keys in the store below a prefix.
    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        dump(&*self.storage, prefix).await.into_iter().map(|(key, _)| key).collect()
    }
}

fn parts(storage: Arc<dyn Storage>, env: &Env, cache: CacheMode, device: Device) -> Parts {
    Parts {
        barrier: Barrier::new(storage, env.clone(), barrier::Options { cache_bytes: CACHE_BYTES, cache }),
        device,
        env: env.clone(),
        node: Node {
            api_version: "1.21.4".to_owned(),
            version: "0.0.0",
            build_date: "1970-01-01T00:00:00Z",
            storage_type: "inmem",
            api_address: "http://127.0.0.1:8200".to_owned(),
        },
        process: Process {
            config: object(json!({ "cluster_name": "test" })),
            host: Arc::new(Machine),
            logs: Arc::new(Logs::default()),
        },
        telemetry: Telemetry::default(),
        limits: LIMITS,
        user_lockout: LockoutDefaults::default(),
        cluster_name: None,
        raw_storage_endpoint: true,
        audit_rules: AuditRules::default(),
        enable_unauthenticated_access: true,
        engines: vec![
            EngineType { name: "kv", kind: Kind::Secrets, make: secrets },
            EngineType { name: "lender", kind: Kind::Secrets, make: outside::lender },
            EngineType { name: "keeper", kind: Kind::Secrets, make: keeper::make },
            EngineType { name: "cubbyhole", kind: Kind::Secrets, make: cubbyhole },
            EngineType { name: "gate", kind: Kind::Auth, make: gate },
            EngineType { name: "club", kind: Kind::Auth, make: club::make },
            EngineType { name: "door", kind: Kind::Auth, make: door::door },
            // The same under the name of a method whose users are locked out.
            EngineType { name: "userpass", kind: Kind::Auth, make: club::make },
        ],
    }
}

/// A machine that never changes.
struct Machine;

impl Host for Machine {
    fn name(&self) -> String {
        "machine".to_owned()
    }

    fn describe(&self) -> Map<String, Value> {
        object(json!({ "memory": { "total": 1 } }))
    }

    fn usage(&self) -> Usage {
        Usage { resident_bytes: 1024, open_files: 7, ..Usage::default() }
    }
}

/// Two loggers, configured to `info`.
#[derive(Default)]
struct Logs(Mutex<BTreeMap<&'static str, LevelFilter>>);

const LOGGERS: [&str; 2] = ["one", "two"];

impl LogLevels for Logs {
    fn levels(&self) -> BTreeMap<&'static str, LevelFilter> {
        let set = self.0.lock().expect("no test panics in here");
        LOGGERS.into_iter().map(|name| (name, set.get(name).copied().unwrap_or(LevelFilter::INFO))).collect()
    }

    fn set(&self, logger: &str, level: Option<LevelFilter>) -> bool {
        let Some(name) = LOGGERS.into_iter().find(|name| *name == logger) else { return false };
        let mut set = self.0.lock().expect("no test panics in here");
        match level {
            Some(level) => drop(set.insert(name, level)),
            None => drop(set.remove(name)),
        }
        true
    }

    fn set_all(&self, level: Option<LevelFilter>) {
        for name in LOGGERS {
            self.set(name, level);
        }
    }

    /// One line that says how it was asked for. At `trace`, as many watch as may.
    fn follow(&self, level: LevelFilter, is_json: bool) -> Option<Box<dyn Chunks>> {
        let line = format!("{level} json={is_json}\n");
        (level < LevelFilter::TRACE).then(|| Box::new(OneLine(Some(line))) as Box<dyn Chunks>)
    }
}

struct OneLine(Option<String>);

#[async_trait]
impl Chunks for OneLine {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, framework::Error> {
        Ok(self.0.take().map(String::into_bytes))
    }
}

/// Everything below a prefix, keys as text and values as they are stored.
pub(crate) async fn dump(storage: &dyn Storage, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut range = match prefix {
        "" => KeyRange { start: Key::constant("\u{1}"), end: None },
        prefix => KeyRange::prefix(&Key::new(prefix.as_bytes().to_vec()).expect("a short prefix")),
    };
    let mut entries = Vec::new();
    loop {
        let page = storage.scan(&Scan::range(range.clone(), 1000)).await.expect("the store can be read");
        for item in page.items {
            if let Item::Entry(entry) = item {
                entries.push((String::from_utf8_lossy(entry.key.as_bytes()).into_owned(), entry.value.to_vec()));
            }
        }
        match page.next {
            Some(next) => range.start = next,
            None => return entries,
        }
    }
}

/// A store that lets others run in front of each call, as a real one does.
pub(crate) struct Yielding(pub(crate) Memory);

#[async_trait]
impl Storage for Yielding {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, storage::Error> {
        tokio::task::yield_now().await;
        self.0.read(keys).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, storage::Error> {
        tokio::task::yield_now().await;
        self.0.scan(scan).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Outcome, storage::Error> {
        tokio::task::yield_now().await;
        self.0.commit(batch).await
    }

    async fn now(&self) -> Result<Position, storage::Error> {
        self.0.now().await
    }

    async fn watch(&self, from: Position) -> Result<Box<dyn Watch>, storage::Error> {
        self.0.watch(from).await
    }

    async fn export(&self) -> Result<Box<dyn Export>, storage::Error> {
        self.0.export().await
    }
}

/// The future, begun after so many turns of the others.
pub(crate) async fn late<T>(turns: usize, future: impl Future<Output = T>) -> T {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    future.await
}

/// The future's output, or `None` when it waits for something that will not happen.
pub(crate) async fn unless_hung<T>(future: impl Future<Output = T>) -> Option<T> {
    let turns = async {
        for _ in 0..TURNS_MAX {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        output = future => Some(output),
        () = turns => None,
    }
}

/// The future's output, with a clock that goes on whenever everybody waits for it.
pub(crate) async fn patiently<T>(clock: &SimulatedClock, future: impl Future<Output = T>) -> T {
    let time = async {
        loop {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_millis(5));
        }
    };
    tokio::select! {
        biased;
        output = future => output,
        never = time => never,
    }
}

/// Somebody who sends requests. Replies are JSON: what is empty is left out, so that nothing to say is `{}`; an error
/// is `{"refused": "<kind>: <text>"}`.
#[derive(Clone)]
pub(crate) struct Client<'b> {
    core: &'b Core,
    token: Option<String>,
    namespace: String,
}

impl Client<'_> {
    /// The same with a namespace in the header.
    pub(crate) fn within(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        self.call(Operation::Read, path, json!({})).await
    }

    pub(crate) async fn list(&self, path: &str) -> Value {
        self.call(Operation::List, path, json!({})).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Value {
        self.call(Operation::Delete, path, json!({})).await
    }

    pub(crate) async fn help(&self, path: &str) -> Value {
        self.call(Operation::Help, path, json!({})).await
    }

    pub(crate) async fn write(&self, path: &str, data: Value) -> Value {
        self.call(Operation::Update, path, data).await
    }

    pub(crate) async fn call(&self, operation: Operation, path: &str, data: Value) -> Value {
        self.send(self.request(operation, path, data)).await
    }

    pub(crate) fn request(&self, operation: Operation, path: &str, data: Value) -> Request {
        let mut request = Request::new("00000000-0000-4000-8000-000000000000".to_owned(), operation, path);
        request.token = self.token.clone().map(Secret::new);
        request.namespace.clone_from(&self.namespace);
        request.data = object(data);
        request
    }

    pub(crate) async fn send(&self, request: Request) -> Value {
        show(self.core.answer(request).await.result)
    }

    /// The reply itself, for what [`show`] leaves out.
    pub(crate) async fn answer(&self, request: Request) -> Result<Reply, Error> {
        self.core.answer(request).await.result
    }

    /// Makes a token; gives its text.
    pub(crate) async fn create(&self, path: &str, about: Value) -> String {
        let reply = self.write(&format!("auth/token/{path}"), about).await;
        reply["auth"]["client_token"].as_str().unwrap_or_else(|| panic!("no token: {reply}")).to_owned()
    }

    /// What a lookup tells of the caller's token.
    pub(crate) async fn lookup(&self) -> Value {
        self.read("auth/token/lookup-self").await["data"].take()
    }
}

/// A refusal as [`Client`] shows it.
pub(crate) fn refused(kind: &str, text: &str) -> Value {
    json!({ "refused": format!("{kind}: {text}") })
}

pub(crate) fn denied() -> Value {
    refused("Denied", "permission denied")
}

pub(crate) fn invalid(text: &str) -> Value {
    refused("Invalid", text)
}

pub(crate) fn sealed() -> Value {
    refused("Sealed", "Vault is sealed")
}

/// A reply as JSON; see [`Client`].
pub(crate) fn show(result: Result<Reply, Error>) -> Value {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => {
            let variant = format!("{error:?}");
            let kind: String = variant.chars().take_while(char::is_ascii_alphanumeric).collect();
            return refused(&kind, &framework::testing::chain(&error));
        }
    };
    let mut shown = Map::new();
    match reply.data {
        Some(Data::Object(map)) => drop(shown.insert("data".to_owned(), Value::Object(map))),
        Some(Data::Raw(text)) => {
            shown.insert("data".to_owned(), serde_json::from_str(text.get()).expect("a raw value is JSON"));
        }
        None => {}
    }
    if !reply.warnings.is_empty() {
        shown.insert("warnings".to_owned(), json!(reply.warnings));
    }
    if let Some(lease) = reply.lease {
        let lease = json!({ "id": lease.id, "renewable": lease.renewable, "duration": lease.duration.as_secs() });
        shown.insert("lease".to_owned(), lease);
    }
    if let Some(auth) = reply.auth {
        let identity = auth.identity_policies;
        let auth = json!({
            "client_token": auth.client_token.expose(), "accessor": auth.accessor, "policies": auth.policies,
            "token_policies": auth.token_policies, "metadata": auth.metadata, "lease_duration": auth.ttl.as_secs(),
            "renewable": auth.renewable, "entity_id": auth.entity_id, "token_type": auth.token_type,
            "orphan": auth.is_orphan, "num_uses": auth.num_uses,
        });
        let mut auth = auth;
        if let Some(fields) = auth.as_object_mut().filter(|_| !identity.is_empty()) {
            fields.insert("identity_policies".to_owned(), json!(identity));
        }
        shown.insert("auth".to_owned(), auth);
    }
    if let Some(mfa) = reply.mfa {
        let mfa = json!({ "request_id": mfa.request_id, "constraints": mfa.constraints, "token_type": mfa.token_type });
        shown.insert("mfa".to_owned(), mfa);
    }
    if !reply.headers.is_empty() {
        let headers: Vec<_> = reply.headers.iter().map(|it| format!("{}: {}", it.name, it.value)).collect();
        shown.insert("headers".to_owned(), json!(headers));
    }
    if reply.status != Status::Usual {
        shown.insert("status".to_owned(), json!(format!("{:?}", reply.status)));
    }
    Value::Object(shown)
}

fields! {
    /// A place.
    struct At {
        /// Location.
        path: String,
    }
}

fields! {
    /// A folder.
    struct Folder {
        /// Location.
        path: String,
    }
}

fields! {
    /// What to keep there.
    struct Keep {
        /// Location.
        path: String,
        ..data
    }
}

/// JSON objects under free paths.
fn secrets(options: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    match options.get("version").map_or("1", String::as_str) {
        "1" => flat("kv"),
        "2" => mount(table("kv").on_upgrade("1", mark_next)),
        version => Err(Error::Invalid(format!("no version \"{version}\" of kv").into())),
    }
}

fn cubbyhole(_: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    flat("cubbyhole")
}

fn flat(name: &'static str) -> Result<Arc<dyn Mounted>, Error> {
    mount(table(name))
}

fn mount(engine: Engine<()>) -> Result<Arc<dyn Mounted>, Error> {
    engine.mount(()).map_err(|source| Error::world("make it", source))
}

fn table(name: &'static str) -> Engine<()> {
    let item = Path::new("{path}", "An object.")
        .param("path", Segment::Rest, "Location.")
        .exists::<At>(exists)
        .read::<At>(read, "Read it.")
        .update::<Keep>(keep, "Keep one.")
        .delete::<At>(remove, "Remove it.")
        .list::<Folder>(list, "List them.")
        .scan::<Folder>(scan, "List those that may be read.");
    Engine::secrets(name, "Keeps objects.").paths([item]).on_due(expire)
}

/// Marks one object that is not marked yet as one of the second version.
async fn mark_next((): &(), context: &Context, (): ()) -> Result<bool, Error> {
    for (name, revision) in context.view.page("", 1000).await? {
        let Some(stored) = context.view.get(&name).await? else { continue };
        let mut object: Map<String, Value> = stored.json()?;
        if object.insert("form".to_owned(), json!(2)).is_none() {
            let changes = context.view.changes().replace(&name, revision, framework::view::encode(&object)?);
            return match changes.commit().await {
                Ok(_) | Err(CommitError::Conflict) => Ok(false),
                Err(CommitError::Failed(error)) => Err(error),
            };
        }
    }
    Ok(true)
}

/// Removes the object that a line is about, together with the line.
async fn expire((): &(), context: &Context, due: framework::Due) -> Result<(), Error> {
    let path: String = due.note()?;
    if path == "stubborn" {
        return Err(Error::world("expire it", "it is stubborn"));
    }
    let stored = context.view.get(&path).await?;
    let changes = context.view.changes().done(&due);
    let changes = match stored {
        Some(stored) => changes.delete(&path, stored.revision()),
        None => changes,
    };
    match changes.commit().await {
        Ok(_) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// An auth method with a row that asks for no token.
fn gate(_: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    let paths = [
        Path::new("login", "Who is there?").unauthenticated().update(knock, "Knock."),
        Path::new("config", "Not for everybody.").sudo().read(knock, "Look."),
        Path::new("echo", "What comes back.").read(echo, "Show headers, and send some.").update(page, "Send a page."),
    ];
    Engine::auth("gate", "Opens to nobody.").paths(paths).mount(()).map_err(|source| Error::world("make it", source))
}

async fn knock((): &(), context: &Context, _: framework::input::Nothing) -> Result<Reply, Error> {
    let caller = &context.caller;
    let has_token = caller.token.is_some();
    Ok(Reply::data(json!({ "seen": caller.display_name, "is_sudo": caller.is_sudo, "has_token": has_token })))
}

/// Tells what it sees of some headers, and sends others.
async fn echo((): &(), context: &Context, _: framework::input::Nothing) -> Result<Reply, Error> {
    let seen = |name: &str| json!(context.headers.all(name));
    let names = ["X-Vault-Token", "authorization", "x-amz-date", "X-Other"];
    let data: Map<_, _> = names.iter().map(|name| ((*name).to_owned(), seen(name))).collect();
    Ok(own_headers(Reply::data(data.into())))
}

/// Bytes instead of data.
async fn page((): &(), _: &Context, _: framework::input::Nothing) -> Result<Reply, Error> {
    Ok(own_headers(Reply::body("text/plain", "page")))
}

fn own_headers(reply: Reply) -> Reply {
    reply.with_header("Location", "/there").with_header("Cache-Control", "max-age=9").with_header("X-Quiet", "psst")
}

async fn exists((): &(), context: &Context, input: At) -> Result<bool, Error> {
    Ok(context.view.get(&input.path).await?.is_some())
}

async fn read((): &(), context: &Context, input: At) -> Result<Reply, Error> {
    Ok(Reply::raw(context.view.get(&input.path).await?.ok_or(Error::NotFound)?.raw()?))
}

async fn keep((): &(), context: &Context, input: Keep) -> Result<Reply, Error> {
    let text = framework::view::encode(&input.data)?;
    retry!(_ => {
        let known = context.view.get(&input.path).await?.map(|stored| stored.revision());
        let changes = context.view.changes().put(&input.path, known, text.clone());
        // Of what it is made with: nothing of this engine's is taken away again but with its mount.
        let hashes = if context.view.makes_fingerprints() { context.view.hashes_of(&input.data)? } else { Vec::new() };
        let lines = context.view.stored_fingerprints(&hashes, &input.path).await?;
        let changes = hashes.iter().zip(lines).fold(changes, |it, (hash, known)| it.note_fingerprint(hash, &input.path, known));
        // An object can say itself in how many seconds it goes.
        let changes = match input.data.get("expires").and_then(Value::as_u64) {
            Some(secs) => {
                let at = context.now().plus(Duration::from_secs(secs));
                changes.due(at, &context.env.uuid(), framework::view::encode(&input.path)?)
            }
            None => changes,
        };
        changes.commit().await
    })?;
    Ok(Reply::empty())
}

async fn remove((): &(), context: &Context, input: At) -> Result<Reply, Error> {
    retry!(_ => {
        if let Some(stored) = context.view.get(&input.path).await? {
            context.view.changes().delete(&input.path, stored.revision()).commit().await?;
        }
        Ok(())
    })?;
    Ok(Reply::empty())
}

async fn scan((): &(), context: &Context, input: Folder) -> Result<Reply, Error> {
    let may_read = |name: &str| context.may(Operation::Read, &[input.path.as_str(), name].concat());
    Ok(Reply::list(context.view.scan(&input.path, &Listing::default(), may_read).await?))
}

async fn list((): &(), context: &Context, input: Folder) -> Result<Reply, Error> {
    let folder = if input.path.is_empty() { String::new() } else { format!("{}/", input.path.trim_end_matches('/')) };
    Ok(Reply::list(context.view.list(&folder, &Listing::default()).await?))
}

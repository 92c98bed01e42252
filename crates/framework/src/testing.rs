//! A harness for the tests of engines: a real barrier over a store in memory, a clock that stands still, and replies
//! as JSON that is easy to compare.
//!
//! It routes and asks for existence as the core does, so that what it counts is what a request costs. For tests only:
//! it panics where a test should fail.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use barrier::{Barrier, Changes};
use env::Env;
use env::simulated::SimulatedClock;
use serde_json::{Map, Value, json};
pub use storage::counting::{Call, Counting};
pub use storage::faulty::{Fault, Faulty};
pub use storage::gate::Gate;
use storage::memory::Memory;
use storage::rival::Rival;
use storage::{Key, KeyRange, Revision, Scan, Storage};

use crate::context::{Caller, Connection, Context, Headers, Judge, Mount, Namespace};
use crate::engine::Mounted;
use crate::engine::Route;
use crate::error::Error;
use crate::lease::Intents;
use crate::login::confirm;
use crate::reply::{Data, Reply, Shape, Status};
use crate::request::Operation;
use crate::rotation::{self, Looked, RotationKeys};
use crate::view::{COMMIT_TRIES, CommitError, Due, StoredTime, View, contended, from_barrier, to_stored};
use lending::Lending;

mod fingerprints;
mod lending;

/// Where the mount of a harness keeps its entries.
const PREFIX: &str = "ns/root/data/11111111-2222-4333-8444-555555555555/";
/// The liveness entry of that mount.
static LIVENESS: Key = Key::constant("ns/root/mount-live/11111111-2222-4333-8444-555555555555");
/// Where the lines of the due index are.
const DUE: &str = "due/00/";
/// Where those of rotations are.
const DUE_ROTATIONS: &str = "due/01/";
/// How many lines one look at the due index takes.
const DUE_LINES: usize = 100;
/// How often the due index is looked at before its work counts as endless.
const DUE_LOOKS_MAX: usize = 10_000;
/// The seed of every harness: the same session gives the same random bytes.
const SEED: u64 = 1;

/// A judge that asks a function; that of a [`Harness`] allows everything unless it is given another.
pub struct Only<F>(
    /// Whether an operation is allowed on a path.
    pub F,
);

impl<F: Fn(Operation, &str) -> bool + Send + Sync> Judge for Only<F> {
    fn allows(&self, operation: Operation, path: &str) -> bool {
        (self.0)(operation, path)
    }
}

/// Where the rotations of a harness are stored.
struct Rotations;

impl RotationKeys for Rotations {
    fn entry(&self, name: &str) -> Result<Key, Error> {
        short_key(format!("rotation/{name}"))
    }

    fn failing(&self, name: &str) -> Result<Key, Error> {
        short_key(format!("rotation-failed/{name}"))
    }

    fn line(&self, at: StoredTime, name: &str) -> Result<Key, Error> {
        short_key(format!("{DUE_ROTATIONS}{at:016x}/{name}"))
    }
}

fn short_key(text: String) -> Result<Key, Error> {
    Key::new(text.into_bytes()).map_err(|_| Error::invalid("long"))
}

/// A mounted engine with nothing around it.
pub struct Harness {
    engine: Arc<dyn Mounted>,
    barrier: Barrier,
    env: Env,
    clock: Arc<SimulatedClock>,
    prefix: String,
    liveness: Vec<(Key, Revision)>,
    mount: Mount,
    namespace: Arc<Namespace>,
    caller: Caller,
    lending: Arc<Lending>,
}

impl Harness {
    /// The engine over a fresh store in memory.
    pub async fn new(engine: Arc<dyn Mounted>) -> Self {
        Self::over(Arc::new(Memory::new()), engine).await
    }

    /// The engine over an empty store.
    ///
    /// # Panics
    /// When the store is not empty or refuses.
    pub async fn over(storage: Arc<dyn Storage>, engine: Arc<dyn Mounted>) -> Self {
        Self::within(env::simulated::env(SEED), storage, engine).await
    }

    async fn within(
        (env, clock): (Env, Arc<SimulatedClock>),
        storage: Arc<dyn Storage>,
        engine: Arc<dyn Mounted>,
    ) -> Self {
        let barrier = barrier::testing::unsealed_over(storage, &env).await;
        let mut changes = Changes::new();
        changes.create(LIVENESS.clone(), b"live".to_vec());
        let receipt = barrier.commit(changes).await.expect("a fresh store takes the liveness entry");
        let mount = Mount {
            path: format!("{}/", engine.type_name()),
            accessor: format!("{}_00000000", engine.type_name()),
            uuid: "11111111-2222-4333-8444-555555555555".to_owned(),
            default_lease_ttl: Duration::from_secs(768 * 3600),
            max_lease_ttl: Duration::from_secs(768 * 3600),
            ..Mount::default()
        };
        let caller = Caller {
            accessor: "test-accessor".to_owned(),
            display_name: "test".to_owned(),
            token_hash: "test-token-hash".to_owned(),
            judge: Some(Arc::new(Only(|_, _: &str| true))),
            ..Caller::default()
        };
        let namespace = Arc::new(Namespace { id: "root".to_owned(), path: String::new() });
        let liveness = vec![(LIVENESS.clone(), receipt.revision)];
        let lending = Lending::new(env.clone());
        Self { engine, barrier, env, clock, prefix: PREFIX.to_owned(), liveness, mount, namespace, caller, lending }
    }

    /// The engine over a fresh store in memory that counts its calls, from zero.
    pub async fn counted(engine: Arc<dyn Mounted>) -> (Self, Arc<Counting>) {
        let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
        let harness = Self::over(Arc::clone(&counting) as Arc<dyn Storage>, engine).await;
        counting.take();
        (harness, counting)
    }

    /// The engine over a fresh store in memory that fails when it is told to.
    pub async fn faulty(engine: Arc<dyn Mounted>) -> (Self, Arc<Faulty>) {
        let (env, clock) = env::simulated::env(SEED);
        let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env.clone()));
        (Self::within((env, clock), Arc::clone(&faulty) as Arc<dyn Storage>, engine).await, faulty)
    }

    /// The engine over a fresh store in memory on which somebody else is often faster.
    pub async fn rivaled(engine: Arc<dyn Mounted>, seed: u64, chance_percent: u64) -> (Self, Arc<Rival>) {
        let rival = Arc::new(Rival::new(Arc::new(Memory::new()), seed, chance_percent));
        (Self::over(Arc::clone(&rival) as Arc<dyn Storage>, engine).await.without_liveness(), rival)
    }

    /// The engine over a fresh store in memory that stops a commit when it is told to.
    pub async fn gated(engine: Arc<dyn Mounted>) -> (Self, Arc<Gate>) {
        let gate = Arc::new(Gate::new(Arc::new(Memory::new())));
        (Self::over(Arc::clone(&gate) as Arc<dyn Storage>, engine).await, gate)
    }

    /// The same mount with another engine, as after its options have changed.
    #[must_use]
    pub fn with_engine(mut self, engine: Arc<dyn Mounted>) -> Self {
        self.engine = engine;
        self
    }

    /// The same with its entries elsewhere, as another mount's or another token's.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// The same with views that expect nothing of the mount's liveness entry, for stores that touch every entry.
    #[must_use]
    pub fn without_liveness(mut self) -> Self {
        self.liveness.clear();
        self
    }

    /// The same with another caller.
    #[must_use]
    pub fn with_caller(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// The same with a caller who may do other things beside the request itself.
    #[must_use]
    pub fn with_judge(mut self, judge: impl Fn(Operation, &str) -> bool + Send + Sync + 'static) -> Self {
        self.caller.judge = Some(Arc::new(Only(judge)));
        self
    }

    /// The same in another namespace.
    #[must_use]
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Arc::new(namespace);
        self
    }

    /// The same with a changed mount.
    #[must_use]
    pub fn with_mount(mut self, change: impl FnOnce(&mut Mount)) -> Self {
        change(&mut self.mount);
        self
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Arc<dyn Mounted> {
        &self.engine
    }

    /// The clock, to be turned by hand.
    #[must_use]
    pub fn clock(&self) -> &SimulatedClock {
        &self.clock
    }

    /// The mount's part of the storage, to look behind the engine.
    #[must_use]
    pub fn view(&self) -> View {
        let due =
            |at, id: &str| Key::new(format!("{DUE}{at:016x}/{id}").into_bytes()).map_err(|_| Error::invalid("long"));
        let view = View::new(self.barrier.clone(), self.prefix.clone(), self.liveness.clone());
        let fingerprints = fingerprints::Plain::of(&self.mount);
        view.with_due(Arc::new(due)).with_rotations(Arc::new(Rotations)).with_fingerprints(Arc::new(fingerprints))
    }

    /// The keys of the lines in the due index, due or not.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn due_lines(&self) -> Result<Vec<(Key, Revision)>, Error> {
        let page = self.barrier.scan(&Scan::prefix(&Key::constant(DUE), DUE_LINES).keys_only()).await;
        let items = page.map_err(from_barrier)?.items.into_iter();
        Ok(items
            .filter_map(|item| match item {
                barrier::Item::Key(key, revision) => Some((key, revision)),
                _ => None,
            })
            .collect())
    }

    /// Calls the engine for everything that is due by now, rotations included, until nothing is. One that fails is due
    /// again later.
    ///
    /// # Errors
    /// The first that the engine or the store gives.
    ///
    /// # Panics
    /// When there is no end to it.
    pub async fn settle(&self) -> Result<(), Error> {
        let now = to_stored(self.env.now().into()).saturating_add(1);
        let end = Key::new(format!("{DUE}{now:016x}").into_bytes()).map_err(|_| Error::invalid("long"))?;
        let range = KeyRange { start: Key::constant(DUE), end: Some(end) };
        for look in 0.. {
            assert!(look < DUE_LOOKS_MAX, "what is due does not come to an end");
            let page = self.barrier.scan(&Scan::range(range.clone(), DUE_LINES)).await.map_err(from_barrier)?;
            if page.items.is_empty() && !self.rotate_one().await? {
                return Ok(());
            }
            for item in page.items {
                if let barrier::Item::Entry(key, line) = item {
                    self.engine.due(&self.context(""), Due::new(key, line.revision, line.value)).await?;
                }
            }
        }
        Ok(())
    }

    /// Looks at the first line of a rotation that is due, and lets the engine do it; false when there is none.
    async fn rotate_one(&self) -> Result<bool, Error> {
        let now = to_stored(self.env.now().into());
        let end = short_key(format!("{DUE_ROTATIONS}{:016x}", now.saturating_add(1)))?;
        let range = KeyRange { start: Key::constant(DUE_ROTATIONS), end: Some(end) };
        let page = self.barrier.scan(&Scan::range(range, 1).keys_only()).await.map_err(from_barrier)?;
        let Some(barrier::Item::Key(key, revision)) = page.items.into_iter().next() else { return Ok(false) };
        let line = String::from_utf8_lossy(key.as_bytes()).into_owned();
        let (at, name) = line.trim_start_matches(DUE_ROTATIONS).split_once('/').unwrap_or_default();
        let context = self.context("");
        match rotation::look(&context, name, StoredTime::from_str_radix(at, 16).unwrap_or_default()).await? {
            Looked::Mine(rotating) => {
                let outcome = self.engine.rotate(&context, rotating.clone()).await;
                rotating.settle(&context, outcome.as_ref().copied()).await?;
            }
            Looked::Nothing => {}
            Looked::Stale => {
                let mut changes = Changes::new();
                changes.delete(key, revision);
                self.barrier.commit(changes).await.map_err(crate::view::from_commit)?;
            }
        }
        Ok(true)
    }

    /// Marks the mount as going away, as the core does before it sweeps: every commit through older views fails.
    ///
    /// # Panics
    /// When it has been marked before, or the views of this harness expect no liveness.
    pub async fn mark_removed(&self) {
        let (key, revision) = self.liveness.first().cloned().expect("the harness has a liveness entry");
        let mut changes = Changes::new();
        changes.replace(key, revision, b"removing".to_vec());
        self.barrier.commit(changes).await.expect("the mount was alive");
    }

    /// Lets the barrier's cache forget these names of the mount's view, through a commit that cannot succeed.
    ///
    /// # Panics
    /// When the commit does succeed.
    pub async fn make_cold(&self, names: &[&str]) {
        // Revisions that no store has given to any of these entries.
        let never = Revision(u64::MAX);
        let view = self.view();
        let changes = names.iter().fold(view.changes(), |changes, name| changes.delete(name, never));
        let outcome = changes.commit().await;
        assert!(matches!(outcome, Err(CommitError::Conflict)), "a commit at revisions that never were");
    }

    /// Lets the engine take over what the one before has stored.
    ///
    /// # Errors
    /// The first that the engine gives.
    ///
    /// # Panics
    /// When there is no end to it.
    pub async fn upgrade(&self) -> Result<(), Error> {
        for look in 0.. {
            assert!(look < DUE_LOOKS_MAX, "the upgrade does not come to an end");
            if self.engine.upgrade(&self.context("")).await? {
                break;
            }
        }
        Ok(())
    }

    /// What a handler is given for a request.
    #[must_use]
    pub fn context(&self, path: &str) -> Context {
        Context {
            view: self.view(),
            env: self.env.clone(),
            mount: Arc::new(self.mount.clone()),
            namespace: Arc::clone(&self.namespace),
            caller: self.caller.clone(),
            connection: Arc::new(Connection::default()),
            wrap_ttl: None,
            request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            path: path.to_owned(),
            headers: Headers::default(),
            intents: Some(Arc::clone(&self.lending) as Arc<dyn Intents>),
        }
    }

    /// Routes and answers a request. Writes are `Update`; where the engine knows, it is asked for existence first.
    ///
    /// # Errors
    /// As the engine says.
    pub async fn call(&self, operation: Operation, path: &str, data: Map<String, Value>) -> Result<Reply, Error> {
        let context = self.context(path);
        let route = self.engine.route(operation, path)?;
        let is_new = operation == Operation::Update
            && route.knows_existence
            && !self.engine.exists(&context, &route, &data).await?;
        let operation = if is_new { Operation::Create } else { operation };
        self.answer(&context, route, operation, data).await
    }

    /// Answers a request that is routed already. What a login changes is changed, as when a token is made; and the
    /// engine is asked again when something else was faster.
    ///
    /// # Errors
    /// As the engine says.
    pub async fn answer(
        &self,
        context: &Context,
        route: Route,
        operation: Operation,
        data: Map<String, Value>,
    ) -> Result<Reply, Error> {
        for _ in 0..COMMIT_TRIES {
            let result = self.engine.handle(context, route.clone(), operation, data.clone()).await;
            self.settle_grant(&result).await;
            let mut reply = result?;
            let Some(login) = &mut reply.login else { return Ok(reply) };
            let expected = login.expected.iter().chain(&self.liveness).cloned().collect();
            if confirm(&self.barrier, expected, std::mem::take(&mut login.changes)).await?.is_empty() {
                return Ok(reply);
            }
        }
        Err(contended())
    }

    /// Reads; a query stands behind `?`, as `data/a?version=2`.
    pub async fn read(&self, path: &str) -> Value {
        self.ask(Operation::Read, path).await
    }

    /// Lists; takes a query like [`read`](Self::read).
    pub async fn list(&self, path: &str) -> Value {
        self.ask(Operation::List, path).await
    }

    /// Scans; takes a query like [`read`](Self::read).
    pub async fn scan(&self, path: &str) -> Value {
        self.ask(Operation::Scan, path).await
    }

    /// Deletes; takes a query like [`read`](Self::read).
    pub async fn delete(&self, path: &str) -> Value {
        self.ask(Operation::Delete, path).await
    }

    /// Writes an object.
    ///
    /// # Panics
    /// When `data` is no object.
    pub async fn write(&self, path: &str, data: Value) -> Value {
        show(self.call(Operation::Update, path, object(data)).await)
    }

    /// Merges an object.
    ///
    /// # Panics
    /// When `data` is no object.
    pub async fn patch(&self, path: &str, data: Value) -> Value {
        show(self.call(Operation::Patch, path, object(data)).await)
    }

    async fn ask(&self, operation: Operation, path: &str) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        show(self.call(operation, path, parse_query(query)).await)
    }
}

/// The values of a query such as `a=1&b=2`; nothing in it is escaped.
#[must_use]
pub fn parse_query(query: &str) -> Map<String, Value> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name.to_owned(), Value::String(value.to_owned()))).collect()
}

/// The object in a value.
///
/// # Panics
/// When it is something else.
#[must_use]
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
    .expect("the test gives an object")
}

/// A result as JSON: what is empty or usual is left out, so that nothing to say is `{}` and a missing thing is
/// `{"error": "not found"}`.
#[must_use]
pub fn show(result: Result<Reply, Error>) -> Value {
    match result {
        Ok(reply) => show_reply(reply),
        Err(error) => match error {
            Error::Invalid(text) => json!({ "error": "invalid", "text": text }),
            Error::World { .. } | Error::WorldShown { .. } => json!({ "error": "world", "text": chain(&error) }),
            error => json!({ "error": error.to_string() }),
        },
    }
}

/// An error and its causes, one after the other.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn show_reply(reply: Reply) -> Value {
    let mut shown = Map::new();
    if let Some(data) = reply.data {
        let data = match data {
            Data::Object(map) => Value::Object(map),
            Data::Raw(text) => serde_json::from_str(text.get()).expect("a raw value is JSON"),
        };
        assert!(data.is_object(), "a reply's data is an object");
        shown.insert("data".to_owned(), data);
    }
    if !reply.warnings.is_empty() {
        shown.insert("warnings".to_owned(), json!(reply.warnings));
    }
    if let Some(auth) = reply.auth {
        let about = json!({
            "accessor": auth.accessor, "policies": auth.policies, "metadata": auth.metadata,
            "ttl_secs": auth.ttl.as_secs(), "renewable": auth.renewable, "token_type": auth.token_type,
        });
        shown.insert("auth".to_owned(), about);
    }
    if let Some(login) = reply.login {
        let note: Value = serde_json::from_str(login.note.get()).expect("a raw value is JSON");
        let mut about = json!({
            "alias": login.alias.map(|alias| alias.name), "display_name": login.display_name, "note": note,
            "metadata": login.metadata, "terms": login.terms.show(), "expected": login.expected.len(),
        });
        if let (Some(groups), Some(about)) = (login.groups, about.as_object_mut()) {
            about.insert("groups".to_owned(), json!(groups));
        }
        shown.insert("login".to_owned(), about);
    }
    if let Some(lease) = reply.lease {
        let lease = json!({ "id": lease.id, "renewable": lease.renewable, "duration_secs": lease.duration.as_secs() });
        shown.insert("lease".to_owned(), lease);
    }
    if let Some(grant) = reply.grant {
        let about = json!({
            "kind": grant.kind, "ttl_secs": grant.ttl.as_secs(), "max_ttl_secs": grant.max_ttl.as_secs(),
            "renewable": grant.is_renewable,
        });
        shown.insert("grant".to_owned(), about);
    }
    if let Some(body) = reply.body {
        let text = String::from_utf8_lossy(&body.bytes);
        shown.insert("body".to_owned(), json!({ "content_type": body.content_type, "text": text }));
    }
    if !reply.headers.is_empty() {
        let headers: Vec<_> = reply.headers.iter().map(|it| format!("{}: {}", it.name, it.value)).collect();
        shown.insert("headers".to_owned(), json!(headers));
    }
    if reply.status != Status::Usual {
        shown.insert("status".to_owned(), json!(format!("{:?}", reply.status)));
    }
    if reply.shape != Shape::Envelope {
        shown.insert("shape".to_owned(), json!(format!("{:?}", reply.shape)));
    }
    Value::Object(shown)
}

/// Compares with a golden file; with `UPDATE_GOLDEN=1` in the environment writes it instead.
///
/// # Panics
/// When they differ, or the file cannot be read or written.
pub fn golden(file: &Path, actual: &str) {
    let mut actual = actual.trim_end().to_owned();
    actual.push('\n');
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).expect("the golden folder can be made");
        }
        std::fs::write(file, &actual).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    assert!(expected == actual, "{} differs; set UPDATE_GOLDEN=1 and look at the diff. Now:\n{actual}", file.display());
}

#[cfg(test)]
mod tests;

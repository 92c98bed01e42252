//! `strongroom server`: from a configuration to a running node, and down again.
//!
//! The composition root: the only place that knows concrete stores, seals, engines and front doors all at once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use barrier::{Barrier, CacheMode};
use env::Env;
use framework::Service;
use http_api::{Admission, Listener, ListenerConfig};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server_core::{Core, Host, Limits, LogLevels, Node, Parts, Process, ReloadOrder, Subsystem, Telemetry, Tracing};
use storage::Storage;
use storage::timed::Timed;
use storage_embedded::Embedded;
use tokio::sync::{mpsc, watch};
use tracing_subscriber::filter::LevelFilter;

mod arguments;
mod bootstrap;
mod confinement;
mod dev;
mod failure;
mod host;
mod log;
mod plan;
mod recovery;
mod sanitized;
mod signals;
mod traces;

use arguments::Arguments;
pub(crate) use arguments::FLAGS;
use failure::Failure;
#[cfg(test)]
pub(crate) use failure::chain;
use log::Log;
use plan::{Mode, Plan, SealPlan, StoragePlan};
use signals::Signals;

use crate::config;

/// Our own version, beside the API level that clients choose features by.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// When the program was built, if the build says so (`make install` names the commit's date): a build without it gives
/// the same bytes every day.
const BUILD_DATE: &str = match option_env!("STRONGROOM_BUILD_DATE") {
    Some(date) if !date.is_empty() => date,
    _ => "1970-01-01T00:00:00Z",
};
/// How often and how long a start waits for another process to let go of the store: two seconds in all.
const IN_USE_TRIES: u32 = 40;
const IN_USE_PAUSE: Duration = Duration::from_millis(50);
/// How many tasks a thread runs before it looks for what the network has brought. A commit of many wakes as many requests
/// at once, and by default a read that comes then is not even seen before two such groups have been worked on.
const TASKS_AT_ONCE: u32 = 16;
/// What running tasks get to end after the listeners have drained.
const RUNTIME_PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command and tells its exit code: 0 after a clean end, 1 otherwise.
pub(crate) fn command(args: &[OsString]) -> ExitCode {
    let program = args.first().map(|it| cli::program_name(it)).unwrap_or_default();
    match arguments::parse(&program, args.get(2..).unwrap_or_default()) {
        Ok(arguments::Asked::Help(text)) => {
            cli::print(&text);
            ExitCode::SUCCESS
        }
        Ok(arguments::Asked::Run(arguments)) => match run(&program, &arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => report(&failure),
        },
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    cli::print_error(&failure.chain());
    ExitCode::FAILURE
}

fn run(program: &str, arguments: &Arguments) -> Result<(), Failure> {
    let plan = if arguments.is_dev { dev::plan(arguments)? } else { plan::from_files(arguments)? };
    if arguments.is_plan {
        cli::print(&bootstrap::listing(&plan.bootstrap));
        plan.warnings.iter().for_each(|warning| cli::print_error(&format!("warning: {warning}")));
        return Ok(());
    }
    // Before the runtime: whatever confines a thread confines those that it starts. Before the log, whose file is to
    // belong to whom the server runs as.
    let confined = confinement::enter(&plan)?;
    let logs = log::start(&plan.log)?;
    raise_file_limit();
    // Behind the change of the user, which undoes part of it.
    let shortfalls = secret::harden_process();
    let runtime = runtime().map_err(Failure::Runtime)?;
    let result = runtime.block_on(async {
        for warning in &plan.warnings {
            tracing::warn!("{warning}");
        }
        if !arguments.is_dev {
            confinement::report(&plan, &confined);
        }
        for shortfall in shortfalls {
            tracing::warn!(error = %shortfall.source, "{}", shortfall.what);
        }
        if arguments.is_recovery {
            recovery::serve(arguments, plan, &logs).await
        } else {
            serve(program, arguments, plan, logs).await
        }
    });
    runtime.shutdown_timeout(RUNTIME_PATIENCE);
    result
}

/// A thread for each processor; where there is one only, the runtime that spares what threads need to share work.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = match std::thread::available_parallelism() {
        Ok(count) if count.get() == 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.event_interval(TASKS_AT_ONCE).enable_all().build()
}

/// As many open files as the system lets us have: every connection is one, and the store must not go without because
/// clients took them all.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    if let Err(error) = raised {
        tracing::warn!(%error, "the number of open files stays at {:?}", limit.current);
    }
}

/// The store behind the barrier, with what ends it.
struct Store {
    storage: Arc<dyn Storage>,
    embedded: Option<Arc<Embedded>>,
    kind: &'static str,
}

async fn serve(program: &str, arguments: &Arguments, plan: Plan, logs: Arc<Log>) -> Result<(), Failure> {
    let env = Env::real();
    let signals = Signals::receive().map_err(Failure::Signals)?;
    let store = open_store(&plan.storage, &env).await?;
    let telemetry = telemetry(&plan);
    let admission = Admission::new(plan.admission, &env, Arc::clone(&telemetry.load));
    send_traces(&plan, &telemetry, &env);
    let core = Arc::new(build_core(&plan, &store, &env, Arc::clone(&logs) as _, telemetry)?);
    let mut listeners = Vec::new();
    for config in &plan.listeners {
        listeners.push(bind(config, &core, &admission, &env).await?);
    }
    let _pid_file = plan.pid_file.as_deref().map(plan::PidFile::write).transpose()?;
    cli::print(&plan::summary(&plan, &listeners, store.kind, Mode::Usual));
    let declared = Declared {
        running: bootstrap::Running::start(&core, &env, plan.bootstrap.clone()),
        paths: plan.config_paths.clone(),
        has_level: arguments.log_level.is_none(),
    };
    if arguments.is_dev {
        dev::open(program, arguments, &core, &listeners, plan.dev_tls.as_ref()).await?;
    } else {
        unseal_unattended(&core, &plan).await?;
    }
    let (orders, reload) =
        (core.reload_orders(), async |part, listeners: &_| reload(part, &core, &declared, &logs, listeners).await);
    run_listeners(listeners, &logs, signals, orders, reload).await;
    drop(declared);
    core.seal().await;
    if let Some(embedded) = store.embedded {
        embedded.close().await.map_err(Failure::CloseStore)?;
    }
    tracing::info!("stopped");
    Ok(())
}

async fn open_store(plan: &StoragePlan, env: &Env) -> Result<Store, Failure> {
    match plan {
        StoragePlan::Memory => {
            Ok(Store { storage: Arc::new(storage::memory::Memory::new()), embedded: None, kind: "inmem" })
        }
        StoragePlan::Embedded { path, cache_bytes } => {
            let mut options = storage_embedded::Options::default();
            if let Some(bytes) = *cache_bytes {
                options.cache_bytes = bytes;
            }
            let opened = open_embedded(path, &options, env).await;
            let embedded =
                Arc::new(opened.map_err(|source| Failure::OpenStore { path: path.clone(), source: Box::new(source) })?);
            Ok(Store { storage: embedded.clone(), embedded: Some(embedded), kind: "embedded" })
        }
    }
}

/// A killed predecessor holds the folder until the kernel has cleared it away, so a restart waits for that a little.
async fn open_embedded(
    path: &Path,
    options: &storage_embedded::Options,
    env: &Env,
) -> Result<Embedded, storage_embedded::Error> {
    for _ in 0..IN_USE_TRIES {
        match Embedded::open(path, options.clone(), env) {
            Err(storage_embedded::Error::InUse(_)) => env.sleep(IN_USE_PAUSE).await,
            opened => return opened,
        }
    }
    Embedded::open(path, options.clone(), env)
}

/// How metrics are shown, with the counters that front door and storage will write.
fn telemetry(plan: &Plan) -> Telemetry {
    let config::Telemetry { prefix, shows_host, retention, traces } = &plan.telemetry;
    let host = if *shows_host { host::Linux.name() } else { String::new() };
    let names = telemetry::Settings { prefix: prefix.clone(), host };
    let tracing = traces.as_ref().map(|collector| Tracing {
        queue: Arc::default(),
        ratio: collector.ratio,
        shows_paths: collector.shows_paths,
    });
    Telemetry { names, retention: *retention, tracing, ..Telemetry::default() }
}

/// Starts the task that sends traces, if there are any. It ends with the runtime.
fn send_traces(plan: &Plan, telemetry: &Telemetry, env: &Env) {
    let (Some(collector), Some(tracing)) = (&plan.telemetry.traces, &telemetry.tracing) else { return };
    let resource = [
        ("service.name", "strongroom".to_owned()),
        ("service.version", VERSION.to_owned()),
        ("host.name", host::Linux.name()),
    ];
    tokio::spawn(traces::send(collector.clone(), Arc::clone(&tracing.queue), resource, env.clone()));
}

/// The sealed barrier over the store.
fn barrier_over(store: &Store, plan: &Plan, env: &Env, telemetry: &Telemetry) -> Barrier {
    let options = barrier::Options { cache_bytes: plan.cache_bytes, cache: CacheMode::SoleWriter };
    let timed = Timed::new(Arc::clone(&store.storage), env.clone(), Arc::clone(&telemetry.store));
    Barrier::new(Arc::new(timed), env.clone(), options)
}

/// What the node says of itself.
fn node(plan: &Plan, store: &Store) -> Node {
    Node {
        api_version: plan.api_version.clone(),
        version: VERSION,
        build_date: BUILD_DATE,
        storage_type: store.kind,
        api_address: plan.api_address(),
    }
}

fn build_core(
    plan: &Plan,
    store: &Store,
    env: &Env,
    logs: Arc<dyn LogLevels>,
    telemetry: Telemetry,
) -> Result<Core, Failure> {
    let (barrier, node) = (barrier_over(store, plan, env, &telemetry), node(plan, store));
    let limits = Limits { default_lease_ttl: plan.default_lease_ttl, max_lease_ttl: plan.max_lease_ttl };
    let parts = Parts {
        barrier,
        device: plan.device(),
        env: env.clone(),
        node,
        process: Process { config: sanitized::config(plan, store.kind), host: Arc::new(host::Linux), logs },
        telemetry,
        limits,
        user_lockout: plan.user_lockout.clone(),
        cluster_name: plan.cluster_name.clone(),
        raw_storage_endpoint: plan.raw_storage_endpoint,
        audit_rules: plan.audit_rules.clone(),
        enable_unauthenticated_access: plan.enable_unauthenticated_access,
        engines: crate::builtin::engines(),
    };
    Core::new(parts).map_err(Failure::Build)
}

async fn bind(
    config: &ListenerConfig,
    service: &Arc<impl Service>,
    admission: &Arc<Admission>,
    env: &Env,
) -> Result<Listener, Failure> {
    let service: Arc<dyn Service> = Arc::clone(service) as _;
    Listener::bind(config, service, Arc::clone(admission), env.clone()).await.map_err(Failure::Listen)
}

/// With a seal key from the operator the node opens by itself, if there is something to open.
async fn unseal_unattended(core: &Core, plan: &Plan) -> Result<(), Failure> {
    if matches!(plan.seal, SealPlan::Shamir) {
        return Ok(());
    }
    if core.is_initialized().await.map_err(Failure::Unseal)? {
        core.unseal_unattended().await.map_err(Failure::Unseal)?;
        tracing::info!("unsealed with the operator's key");
    } else {
        tracing::info!("not initialized yet: initialize to unseal");
    }
    Ok(())
}

/// What the configuration declares, and where it stands.
struct Declared {
    running: bootstrap::Running,
    paths: Vec<PathBuf>,
    /// Whether the log's level is the files' to say, and not the command line's.
    has_level: bool,
}

impl Declared {
    /// Reads it again. If it is wrong, what was declared before stays.
    async fn reload(&self) -> Result<(), String> {
        if !self.paths.is_empty() {
            let paths = self.paths.clone();
            let declared = beside(move || plan::declared(&paths).map_err(|failure| failure.chain())).await?;
            self.running.declare(declared);
        }
        Ok(())
    }
}

/// The level of the log that the files say now, if it is theirs to say.
async fn log_level(paths: &[PathBuf], has_level: bool) -> Result<Option<LevelFilter>, String> {
    if paths.is_empty() || !has_level {
        return Ok(None);
    }
    let paths = paths.to_vec();
    beside(move || plan::log_level(&paths).map(Some).map_err(|failure| failure.chain())).await
}

/// Does what may wait for a disk beside the threads that serve, one of which waits for the signal to stop.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(failure::chain(&error)))
}

/// Reads a part of what the server was started with anew. What fails is logged, and what was there before goes on.
async fn reload(
    part: Subsystem,
    core: &Core,
    declared: &Declared,
    logs: &Arc<Log>,
    listeners: &[http_api::Handle],
) -> Result<(), framework::Error> {
    let done = match part {
        Subsystem::Log => reload_log(logs, log_level(&declared.paths, declared.has_level).await).await,
        Subsystem::Audit => {
            core.reopen_audit_devices().await;
            Ok(())
        }
        Subsystem::Declarations => declared.reload().await,
        Subsystem::Listeners => reload_listeners(listeners).await,
    };
    reloaded(part, done)
}

/// Opens the log's file anew, and takes over the level that is declared now, if there is one.
async fn reload_log(logs: &Arc<Log>, level: Result<Option<LevelFilter>, String>) -> Result<(), String> {
    let log = Arc::clone(logs);
    let reopen = move || {
        log.reopen();
        Ok(())
    };
    beside(reopen).await?;
    level.map(|level| level.into_iter().for_each(|level| logs.configure(level)))
}

/// Reads the certificates anew, of every listener that can.
async fn reload_listeners(listeners: &[http_api::Handle]) -> Result<(), String> {
    let listeners = listeners.to_vec();
    let reload = move || {
        let reloaded: Vec<_> = listeners.iter().map(http_api::Handle::reload).collect();
        reloaded.into_iter().collect::<Result<(), _>>().map_err(|error| failure::chain(&error))
    };
    beside(reload).await
}

/// Logs what failed.
fn reloaded(part: Subsystem, done: Result<(), String>) -> Result<(), framework::Error> {
    done.map_err(|error| {
        let what = match part {
            Subsystem::Log => "the log's level",
            Subsystem::Audit => "audit devices",
            Subsystem::Declarations => "bootstrap",
            Subsystem::Listeners => "certificates",
        };
        tracing::error!(%error, "{what} could not be reloaded, what was there before stays");
        framework::Error::world("reload", std::io::Error::other(error))
    })
}

/// Serves until a signal says to stop, then lets running requests finish. At the hang-up signal `reload` is called for each
/// part of what the server was started with: certificates, declarations, the log's level and the files of logs.
async fn run_listeners(
    listeners: Vec<Listener>,
    logs: &Log,
    signals: Signals,
    orders: Option<mpsc::Receiver<ReloadOrder>>,
    reload: impl AsyncFn(Subsystem, &[http_api::Handle]) -> Result<(), framework::Error>,
) {
    let (stop, stopped) = watch::channel(false);
    let handles: Vec<_> = listeners.iter().map(Listener::handle).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for listener in listeners {
        let mut stopped = stopped.clone();
        tasks.spawn(async move {
            // An error means that the sender is gone, which is a reason to stop too.
            listener.serve(async move { drop(stopped.wait_for(|stopped| *stopped).await) }).await;
        });
    }
    signals.until_stop(orders, async |part| reload(part, &handles).await).await;
    tracing::info!("stopping: running requests may finish");
    stop.send_replace(true);
    logs.end_watching();
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a listener ended badly");
        }
    }
}

#[cfg(test)]
mod bad_input;

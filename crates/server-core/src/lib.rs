//! The server behind its front doors: seal state, mounts, tokens, policies, and the pipeline that every request takes.
//!
//! One module per noun, each owning its state and its stored format; [`Core`] only wires them together. Nothing here
//! knows HTTP, a concrete store or a concrete engine; engines that are not part of the core come in as a list.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use barrier::seal::{Device, InitOptions, SealControl, SealStatus, Target};
use barrier::{Barrier, CacheUse};
use env::Env;
pub(crate) use framework::cidr;
use framework::router::TableError;
use framework::{Answer, BrowserSettings, Error, Mounted, Operation, Request, Service};
use secret::{Secret, SecretBytes};
use telemetry::trace;

mod attempts;
mod audit_log;
pub mod backups;
mod bootstrap;
mod browser;
mod cluster;
mod due;
mod fingerprints;
mod identity;
mod in_flight;
mod index;
mod keys;
mod leases;
mod lockout;
mod metrics;
mod mfa;
mod mounts;
mod namespaces;
mod node;
mod oidc;
mod pgp;
mod policies;
mod process;
mod quotas;
mod recovery;
mod reloads;
mod request;
pub mod restored;
mod rotation;
mod rotations;
mod seals;
mod store;
mod sys;
mod tokens;
mod traces;
mod ttl;
mod versions;
mod wrapping;

pub use audit::Rules as AuditRules;
pub use audit_log::AuditDevice;
pub use bootstrap::{BootstrapState, Marks};
pub use lockout::{LockoutDefaults, LockoutSettings};
pub use metrics::Telemetry;
pub use mounts::{EngineType, Make};
pub use node::Node;
pub use process::{Host, LogLevels, Process, Usage};
pub use recovery::{Recovery, RecoveryParts};
pub use reloads::{ReloadOrder, Subsystem};
pub use seals::Initialized;
pub use tokens::Limits;
pub use traces::Tracing;

use attempts::Attempts;
use audit_log::AuditLog;
use backups::Backups;
use browser::Browser;
use cluster::Identity;
use fingerprints::Holders;
use identity::Identities;
use in_flight::InFlight;
use index::Index;
use leases::Leases;
use lockout::Lockout;
use metrics::{Metrics, MetricsPart};
use mfa::Mfa;
use mounts::Mounts;
use namespaces::Namespaces;
use oidc::Oidc;
use policies::Policies;
use policies::password::PasswordPolicies;
use quotas::Quotas;
use reloads::Reloads;
use request::Pipeline;
use rotation::Rotation;
use rotations::Rotations;
use seals::Seals;
use store::Store;
use sys::{
    ClusterPart, ConfigPart, CountersPart, ExplainPart, HostPart, LeasesPart, LockoutPart, LoggersPart, MonitorPart,
    MountsPart, NamespacesPart, Openness, QuotasPart, RawPart, RekeyPart, SealPart, Sys,
};
use tokens::Tokens;
use traces::Traces;
use wrapping::Wrapping;

/// Everything that a core is made of.
pub struct Parts {
    /// The sealed barrier over the configured store.
    pub barrier: Barrier,
    /// What protects the root key.
    pub device: Device,
    /// Clocks and randomness.
    pub env: Env,
    /// What the node says of itself.
    pub node: Node,
    /// What the core may see and turn of the program around it.
    pub process: Process,
    /// How metrics are shown, and who counts beside the core.
    pub telemetry: Telemetry,
    /// The server's TTLs.
    pub limits: Limits,
    /// When users are locked out, where their mount does not say it itself.
    pub user_lockout: LockoutDefaults,
    /// The cluster's name, if the operator chose one.
    pub cluster_name: Option<String>,
    /// What audit devices may do on this machine.
    pub audit_rules: AuditRules,
    /// Whether shares alone rekey and generate a root token; otherwise a token is asked for as well.
    pub enable_unauthenticated_access: bool,
    /// Whether `sys/raw` is there.
    pub raw_storage_endpoint: bool,
    /// The engines that can be enabled. One of the type `cubbyhole` must be among them.
    pub engines: Vec<EngineType>,
}

/// A node's server, sealed at first.
pub struct Core {
    seals: Arc<Seals>,
    pipeline: Pipeline,
    browser: Arc<Browser>,
    in_flight: Arc<InFlight>,
    metrics: Arc<Metrics>,
    traces: Traces,
    reloads: Arc<Reloads>,
}

/// How the caches are used that a warm request lives on.
#[derive(Debug, Clone, Copy)]
pub struct Caches {
    /// Entries as they are stored, opened for each read; `None` where each read asks the store.
    pub ciphertext: Option<CacheUse>,
    /// Tokens with their compiled policies.
    pub tokens: CacheUse,
}

/// Why a core could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The table of an engine cannot be routed.
    #[error("table of an engine is ambiguous")]
    Table(#[from] TableError),
    /// The list of engines lacks one that the core needs.
    #[error("the list of engines has no \"{0}\"")]
    Missing(&'static str),
    /// An engine that the core needs could not be made.
    #[error("engine \"{0}\" could not be made")]
    Make(&'static str, #[source] Error),
}

impl Core {
    /// Puts the services together. Nothing is read from the store.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn new(parts: Parts) -> Result<Self, BuildError> {
        let Parts { barrier, device, env, node, process, telemetry, limits, user_lockout, cluster_name, .. } = parts;
        let Parts { audit_rules, enable_unauthenticated_access, raw_storage_endpoint, engines, .. } = parts;
        let traces = Traces::new(env.clone(), telemetry.tracing.clone());
        let metrics = Arc::new(Metrics::new(env.clone(), telemetry));
        let store = Store::new(barrier.clone());
        let identity = Arc::new(Identity::default());
        let policies = Arc::new(Policies::new(store.clone()));
        let namespaces = Arc::new(Namespaces::new(store.clone(), env.clone()));
        let cubbyhole = make(&engines, "cubbyhole")?;
        let mounts = Arc::new(Mounts::new(
            store.clone(),
            env.clone(),
            limits,
            engines,
            Arc::clone(&namespaces),
            identity.clone(),
        ));
        let identities = Arc::new(Identities::new(store.clone(), env.clone(), Arc::clone(&mounts)));
        let address = node.api_address.clone();
        let oidc = Arc::new(Oidc::new(store.clone(), env.clone(), identity.clone(), Arc::clone(&identities), address));
        let quotas = Arc::new(Quotas::new(store.clone(), env.clone(), Arc::clone(&mounts)));
        let tokens = Tokens::new(
            store.clone(),
            env.clone(),
            identity.clone(),
            policies.clone(),
            Arc::clone(&identities),
            Arc::clone(&quotas),
            Arc::clone(&metrics),
        );
        let tokens = Arc::new(tokens);
        let address = node.api_address.clone();
        let wrapping = Wrapping::new(store.clone(), env.clone(), identity.clone(), Arc::clone(&tokens), address);
        let wrapping = Arc::new(wrapping);
        let mfa = Mfa::new(
            store.clone(),
            env.clone(),
            identity.clone(),
            Arc::clone(&identities),
            Arc::clone(&mounts),
            Arc::clone(&tokens),
        );
        let mfa = Arc::new(mfa);
        let name = process.host.name();
        let audit = Arc::new(AuditLog::new(store.clone(), env.clone(), name, audit_rules));
        let leases = Leases::new(
            store.clone(),
            env.clone(),
            identity.clone(),
            Arc::clone(&mounts),
            Arc::clone(&quotas),
            Arc::clone(&metrics),
        );
        let leases = Arc::new(leases);
        let rotations = Rotations::new(store.clone(), env.clone(), Arc::clone(&mounts), Arc::clone(&metrics));
        let rotations = Arc::new(rotations);
        let lockout = Arc::new(Lockout::new(store.clone(), env.clone(), user_lockout));
        let (node, in_flight) = (Arc::new(node), Arc::new(InFlight::new(env.clone())));
        let control = Arc::new(SealControl::new(barrier, device));
        let attempts = Attempts::new(store.clone(), env.clone(), identity.clone(), Arc::clone(&control), &node);
        let attempts = Arc::new(attempts);
        let seals = Arc::new(Seals {
            control,
            attempts: Arc::clone(&attempts),
            store: store.clone(),
            env: env.clone(),
            identity: identity.clone(),
            node: Arc::clone(&node),
            tokens: Arc::clone(&tokens),
            policies: Arc::clone(&policies),
            mounts: Arc::clone(&mounts),
            audit: Arc::clone(&audit),
            leases: Arc::clone(&leases),
            rotations: Arc::clone(&rotations),
            identities: Arc::clone(&identities),
            oidc: Arc::clone(&oidc),
            mfa: Arc::clone(&mfa),
            quotas: Arc::clone(&quotas),
            lockout: Arc::clone(&lockout),
            rotation: Arc::new(Rotation::new(store.clone(), env.clone())),
            worker: due::Worker::default(),
            turning: tokio::sync::Mutex::default(),
            unsealed: tokio::sync::watch::Sender::new(false),
            bootstrap: bootstrap::SharedState::default(),
            cluster_name,
        });
        let index = Index::new(store.barrier().clone(), env.clone(), identity.clone());
        let browser = Arc::new(Browser::new(store.clone()));
        let reloads = Arc::new(Reloads::new());
        let sys = sys::engine(Sys {
            seal: SealPart { seals: Arc::clone(&seals), node: Arc::clone(&node) },
            mounts: MountsPart {
                mounts: Arc::clone(&mounts),
                tokens: Arc::clone(&tokens),
                max_lease_ttl_secs: limits.max_lease_ttl.as_secs(),
            },
            leases: LeasesPart { leases: Arc::clone(&leases), tokens: Arc::clone(&tokens) },
            rotations,
            namespaces: NamespacesPart { namespaces: Arc::clone(&namespaces), tokens: Arc::clone(&tokens) },
            quotas: QuotasPart(Arc::clone(&quotas)),
            lockout: LockoutPart { lockout: Arc::clone(&lockout), mounts: Arc::clone(&mounts) },
            policies: Arc::clone(&policies),
            tokens: Arc::clone(&tokens),
            wrapping: Arc::clone(&wrapping),
            mfa: Arc::clone(&mfa),
            passwords: PasswordPolicies::new(store.clone(), env.clone()),
            explain: ExplainPart { policies, tokens: Arc::clone(&tokens), mounts: Arc::clone(&mounts) },
            browser: Arc::clone(&browser),
            audit: Arc::clone(&audit),
            metrics: Arc::new(MetricsPart::new(
                Arc::clone(&metrics),
                Arc::clone(&seals),
                Arc::clone(&in_flight),
                Arc::clone(&process.host),
            )),
            host: HostPart::new(Arc::clone(&process.host), Arc::clone(&in_flight), store.clone()),
            cluster: ClusterPart { node: Arc::clone(&node), host: process.host, mounts: Arc::clone(&mounts) },
            monitor: MonitorPart(Arc::clone(&process.logs)),
            loggers: LoggersPart(process.logs),
            backups: Backups::new(store.clone(), env.clone(), identity.clone(), node.version),
            raw: RawPart::new(&store, raw_storage_endpoint).guarded_by(Arc::clone(&audit)),
            config: ConfigPart(process.config),
            counters: CountersPart::new(store.clone()),
            reloads: Arc::clone(&reloads),
            holders: Holders::new(store.clone(), env.clone(), identity),
            rekey: RekeyPart { attempts: Arc::clone(&attempts), target: Target::Barrier },
            recovery_rekey: RekeyPart { attempts: Arc::clone(&attempts), target: Target::Recovery },
            attempts,
            openness: if enable_unauthenticated_access { Openness::Open } else { Openness::Token },
        })?;
        let identity = identity::paths::engine(identities, oidc, Arc::clone(&mfa))?;
        mounts.set_fixed([sys, identity, tokens::paths::engine(Arc::clone(&tokens))?, cubbyhole]);
        Ok(Self {
            seals,
            pipeline: Pipeline {
                store,
                env,
                tokens,
                mounts,
                leases,
                quotas,
                lockout,
                wrapping,
                mfa,
                index,
                audit,
                metrics: Arc::clone(&metrics),
            },
            browser,
            in_flight,
            metrics,
            traces,
            reloads,
        })
    }

    /// Whether the store has been initialized.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn is_initialized(&self) -> Result<bool, Error> {
        let is_initialized = self.seals.control.is_initialized().await;
        is_initialized.map_err(|source| Error::world("read the seal entry", source))
    }

    /// Initializes the store; `root_token` chooses the first token's text, for development.
    ///
    /// # Errors
    /// As `sys/init`.
    pub async fn init(&self, options: &InitOptions, root_token: Option<Secret<String>>) -> Result<Initialized, Error> {
        if let Some(token) = &root_token {
            tokens::rules::check_id(token.expose())?;
        }
        self.seals.init(options, root_token).await
    }

    /// Enters one share of the unseal key.
    ///
    /// # Errors
    /// As `sys/unseal`.
    pub async fn unseal(&self, share: SecretBytes) -> Result<SealStatus, Error> {
        self.seals.unseal(share).await
    }

    /// Unseals with the key that the operator gave the node.
    ///
    /// # Errors
    /// When the seal is of another kind, the key is wrong, or the store gives no answer.
    pub async fn unseal_unattended(&self) -> Result<SealStatus, Error> {
        self.seals.unseal_unattended().await
    }

    /// Says which audit devices the configuration of this node declares: from now on nobody can disable them through this
    /// node, and whoever enables one as declared puts it in the place of what is there.
    pub fn declare_audit_devices(&self, devices: Vec<AuditDevice>) {
        self.pipeline.audit.declare(devices);
    }

    /// Says whether the configuration of this node declares any audit devices, before the node is unsealed and whenever the
    /// configuration is read anew. Behind an unseal nothing is answered then, but what is about the seal, until there is a
    /// device that records it.
    pub fn expect_audit_devices(&self, are_declared: bool) {
        self.pipeline.audit.expect(are_declared);
    }

    /// Has every audit device open its file or connection anew: for the rotation of logs.
    pub async fn reopen_audit_devices(&self) {
        self.pipeline.audit.reopen().await;
    }

    /// What somebody wants to be read anew, for the program that knows the files; `None` when somebody has it already.
    pub fn reload_orders(&self) -> Option<tokio::sync::mpsc::Receiver<ReloadOrder>> {
        self.reloads.take()
    }

    /// Whether the node is unsealed, for who has something to do then.
    #[must_use]
    pub fn unsealed(&self) -> tokio::sync::watch::Receiver<bool> {
        self.seals.unsealed.subscribe()
    }

    /// A token with every right for what the node's own configuration declares. It is a batch token: stored nowhere,
    /// and good for a few minutes. Must not leave the process.
    ///
    /// # Errors
    /// While sealed.
    pub async fn bootstrap_token(&self) -> Result<Secret<String>, Error> {
        let created = self.seals.tokens.create(keys::ROOT_NAMESPACE, bootstrap::token()).await;
        Ok(created.map_err(Error::from)?.token)
    }

    /// What nodes of this cluster have put in force by their configurations.
    ///
    /// # Errors
    /// While sealed, and when the store gives no answer.
    pub async fn bootstrap_marks(&self) -> Result<Marks, Error> {
        bootstrap::marks(&self.seals.store).await
    }

    /// Notes that `content` was put in force under `name`; `declared` names all that is declared. Only keyed hashes are
    /// kept of any of it.
    ///
    /// # Errors
    /// While sealed, and when the store does not take it.
    pub async fn bootstrap_mark(&self, name: &str, content: &str, declared: &[String]) -> Result<(), Error> {
        bootstrap::mark(&self.seals.store, &self.seals.env, name, content, declared).await
    }

    /// Says how far the node is with what its configuration declares; `sys/health` shows it.
    pub fn set_bootstrap_state(&self, state: BootstrapState) {
        self.seals.bootstrap.set(state);
    }

    /// How the caches are used since the start.
    #[must_use]
    pub fn cache_use(&self) -> Caches {
        Caches { ciphertext: self.seals.store.barrier().cache_use(), tokens: self.seals.tokens.cache_use() }
    }

    /// Stops background work and locks the keys away; for the end of the process too.
    pub async fn seal(&self) {
        self.pipeline.audit.close().await;
        // While the keys are there: behind this, no end of a file can be cut off unseen.
        self.pipeline.audit.commit_last_heads().await;
        self.seals.seal().await;
    }
}

impl Drop for Core {
    /// A core that is let go without a seal leaves no task behind. Its keys go with the last request.
    fn drop(&mut self) {
        self.seals.worker.tell_to_stop();
        self.seals.tokens.stop();
        self.seals.leases.stop();
        self.seals.rotations.stop();
    }
}

#[async_trait]
impl Service for Core {
    async fn answer(&self, request: Request) -> Answer {
        let _listed = self.in_flight.enter(&request);
        let (began, has_token) = (self.metrics.now(), request.token.is_some());
        let tag = telemetry::Tag::of(&request.id);
        let trace = self.traces.begin(&request);
        let handled = pin!(self.pipeline.handle(request));
        let answer = match trace {
            None => telemetry::tagged(tag, handled).await,
            Some(begun) => {
                let answer = trace::staged(&begun.stages, pin!(telemetry::tagged(tag, handled))).await;
                self.traces.end(begun, &answer);
                answer
            }
        };
        let is_login = !has_token && matches!(&answer.result, Ok(reply) if reply.auth.is_some());
        let metrics = &self.metrics;
        metrics.took(if is_login { &metrics.handle_login_request } else { &metrics.handle_request }, began);
        answer
    }

    fn is_urgent(&self, operation: Operation, path: &str) -> bool {
        self.pipeline.access(operation, path).is_some_and(|access| access.is_urgent)
    }

    fn reads_body(&self, operation: Operation, path: &str) -> bool {
        let is_said = || self.pipeline.access(operation, path).is_some_and(|access| access.reads_delete_body);
        operation.has_body() || (operation == Operation::Delete && is_said())
    }

    async fn browser_settings(&self) -> Result<Arc<BrowserSettings>, Error> {
        self.browser.settings().await
    }
}

fn make(engines: &[EngineType], name: &'static str) -> Result<Arc<dyn Mounted>, BuildError> {
    let engine = engines.iter().find(|it| it.name == name).ok_or(BuildError::Missing(name))?;
    (engine.make)(&BTreeMap::new()).map_err(|error| BuildError::Make(name, error))
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

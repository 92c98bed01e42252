//! What a server is made of, whether it comes from configuration files or from the flags of a development server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use barrier::seal::Device;
use http_api::{AdmissionLimits, Endpoint, Listener, ListenerConfig};
use secret::LockedKey;
use server_core::{AuditRules, LockoutDefaults};
use tracing_subscriber::filter::LevelFilter;

use super::VERSION;
use super::arguments::Arguments;
use super::dev::DevTls;
use super::failure::Failure;
use super::log::LogPlan;
use crate::config::{self, Bootstrap, Config, Confinement, LEASE_TTL, LogFormat, LogLevel, Seal, Storage, Telemetry};

/// What the barrier's cache of ciphertext may take unless told otherwise.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Everything that is decided before the server starts.
pub(super) struct Plan {
    pub(super) storage: StoragePlan,
    pub(super) seal: SealPlan,
    pub(super) listeners: Vec<ListenerConfig>,
    pub(super) admission: AdmissionLimits,
    pub(super) user_lockout: LockoutDefaults,
    pub(super) cache_bytes: usize,
    pub(super) api_version: String,
    /// Empty when unknown.
    pub(super) api_address: String,
    pub(super) cluster_name: Option<String>,
    pub(super) raw_storage_endpoint: bool,
    /// What audit devices may do on this machine.
    pub(super) audit_rules: AuditRules,
    pub(super) enable_unauthenticated_access: bool,
    pub(super) default_lease_ttl: Duration,
    pub(super) max_lease_ttl: Duration,
    pub(super) log: LogPlan,
    pub(super) telemetry: Telemetry,
    pub(super) pid_file: Option<PathBuf>,
    /// What is to be in force once the server is unsealed.
    pub(super) bootstrap: Bootstrap,
    pub(super) confinement: Confinement,
    /// Whom to run as, names or numbers.
    pub(super) user: Option<String>,
    pub(super) group: Option<String>,
    /// The folders that audit files may be in.
    pub(super) audit_dirs: Vec<PathBuf>,
    /// What else the confined server may read.
    pub(super) readable_dirs: Vec<PathBuf>,
    /// The files and folders that the configuration was read from.
    pub(super) config_paths: Vec<PathBuf>,
    /// What the operator should know about the configuration.
    pub(super) warnings: Vec<String>,
    /// Certificates that live as long as the server.
    pub(super) dev_tls: Option<DevTls>,
}

/// Which store.
pub(super) enum StoragePlan {
    /// Gone with the process.
    Memory,
    /// In a folder.
    Embedded {
        path: PathBuf,
        /// The pages that the store keeps in memory; none for its own default.
        cache_bytes: Option<usize>,
    },
}

/// Which seal.
pub(super) enum SealPlan {
    Shamir,
    Static(LockedKey<32>),
}

impl Plan {
    /// The defaults of everything that has one. No listener: there is always somebody who names one.
    pub(super) fn defaults() -> Self {
        Self {
            storage: StoragePlan::Memory,
            seal: SealPlan::Shamir,
            listeners: Vec::new(),
            admission: AdmissionLimits::default(),
            user_lockout: LockoutDefaults::default(),
            cache_bytes: CACHE_BYTES,
            api_version: api::API_VERSION.to_owned(),
            api_address: String::new(),
            cluster_name: None,
            raw_storage_endpoint: false,
            audit_rules: AuditRules::default(),
            enable_unauthenticated_access: true,
            default_lease_ttl: LEASE_TTL,
            max_lease_ttl: LEASE_TTL,
            log: LogPlan { level: LevelFilter::INFO, is_json: false, file: None },
            telemetry: Telemetry::default(),
            pid_file: None,
            bootstrap: Bootstrap::default(),
            confinement: Confinement::Off,
            user: None,
            group: None,
            audit_dirs: Vec::new(),
            readable_dirs: Vec::new(),
            config_paths: Vec::new(),
            warnings: Vec::new(),
            dev_tls: None,
        }
    }

    /// Where the node is reached: as configured, else where its first TCP listener is, if that is an address to go to.
    pub(super) fn api_address(&self) -> String {
        if !self.api_address.is_empty() {
            return self.api_address.clone();
        }
        let tcp = self.listeners.iter().filter_map(|it| match it.endpoint {
            Endpoint::Tcp(address) => Some((address, it.tls.is_some())),
            Endpoint::Unix(_) => None,
        });
        let first = tcp.into_iter().next().filter(|(address, _)| !address.ip().is_unspecified() && address.port() != 0);
        let Some((address, is_tls)) = first else { return String::new() };
        format!("{}://{address}", if is_tls { "https" } else { "http" })
    }

    /// The seal for the core.
    pub(super) fn device(&self) -> Device {
        match &self.seal {
            SealPlan::Shamir => Device::Shamir,
            SealPlan::Static(key) => Device::Static(LockedKey::copy_of(key.expose())),
        }
    }
}

/// What the configuration files say, with the flags on top.
pub(super) fn from_files(arguments: &Arguments) -> Result<Plan, Failure> {
    let loaded = config::load(&arguments.configs).map_err(|source| Failure::Config(Box::new(source)))?;
    let config = loaded.config;
    config.bootstrap.check().map_err(|source| Failure::Config(Box::new(source)))?;
    let defaults = Plan::defaults();
    let cache_bytes = if config.disable_cache { 0 } else { config.cache_size_bytes.unwrap_or(defaults.cache_bytes) };
    Ok(Plan {
        seal: seal(&config)?,
        log: log(&config, arguments)?,
        raw_storage_endpoint: config.raw_storage_endpoint,
        audit_rules: audit_rules(&config),
        storage: match config.storage {
            Storage::Memory => StoragePlan::Memory,
            Storage::Embedded { path, cache_size_bytes } => {
                StoragePlan::Embedded { path, cache_bytes: cache_size_bytes }
            }
        },
        listeners: config.listeners,
        admission: config.admission,
        user_lockout: config.user_lockout,
        cache_bytes,
        api_version: config.api_version.unwrap_or(defaults.api_version),
        api_address: config.api_addr.unwrap_or_default(),
        cluster_name: config.cluster_name,
        enable_unauthenticated_access: config.enable_unauthenticated_access,
        default_lease_ttl: config.default_lease_ttl,
        max_lease_ttl: config.max_lease_ttl,
        telemetry: config.telemetry,
        pid_file: config.pid_file,
        bootstrap: config.bootstrap,
        confinement: config.confinement,
        user: config.user,
        group: config.group,
        audit_dirs: config.audit_dirs,
        readable_dirs: config.readable_dirs,
        config_paths: arguments.configs.clone(),
        warnings: loaded.warnings,
        dev_tls: None,
    })
}

/// A confined server writes files in the folders that are named and nowhere else, and says so when a device is enabled,
/// on a kernel that would not stop it as well: what is enabled must not depend on the kernel.
fn audit_rules(config: &Config) -> AuditRules {
    let is_free = config.confinement == Confinement::Off && config.audit_dirs.is_empty();
    AuditRules {
        may_have_prefix: config.allow_audit_log_prefixing,
        file_folders: if is_free { None } else { Some(config.audit_dirs.clone()) },
    }
}

/// What the files declare now, for the hang-up signal. Nothing else of them counts before the next start.
pub(super) fn declared(paths: &[PathBuf]) -> Result<Bootstrap, Failure> {
    let loaded = config::load(paths).map_err(|source| Failure::Config(Box::new(source)))?;
    loaded.config.bootstrap.check().map_err(|source| Failure::Config(Box::new(source)))?;
    Ok(loaded.config.bootstrap)
}

/// The level of the log that the files say now, for the same.
pub(super) fn log_level(paths: &[PathBuf]) -> Result<LevelFilter, Failure> {
    let loaded = config::load(paths).map_err(|source| Failure::Config(Box::new(source)))?;
    Ok(level(&loaded.config))
}

fn seal(config: &Config) -> Result<SealPlan, Failure> {
    match &config.seal {
        Seal::Shamir => Ok(SealPlan::Shamir),
        Seal::Static { previous: Some(_), .. } => Err(Failure::Config(
            "moving from one static seal key to another is not supported in this release: leave previous_key out"
                .into(),
        )),
        Seal::Static { current, previous: None } => {
            current.source.load().map(SealPlan::Static).map_err(|source| Failure::Config(Box::new(source)))
        }
    }
}

fn log(config: &Config, arguments: &Arguments) -> Result<LogPlan, Failure> {
    let level = match &arguments.log_level {
        Some(name) => LogPlan::level(name).ok_or_else(LogPlan::unknown_level)?,
        None => level(config),
    };
    let is_json = match &arguments.log_format {
        Some(format) => format == "json",
        None => config.log_format == Some(LogFormat::Json),
    };
    Ok(LogPlan { level, is_json, file: config.log_file.clone() })
}

fn level(config: &Config) -> LevelFilter {
    match config.log_level.unwrap_or(LogLevel::Info) {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

/// A file that holds the process's id while the server runs.
pub(super) struct PidFile(PathBuf);

impl PidFile {
    pub(super) fn write(path: &Path) -> Result<Self, Failure> {
        std::fs::write(path, format!("{}\n", std::process::id())).map_err(|source| Failure::File {
            action: "write",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nobody is left to tell that it stayed behind.
        drop(std::fs::remove_file(&self.0));
    }
}

/// What a server is started for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// To serve.
    Usual,
    /// To have its store mended.
    Recovery,
}

/// What is printed at the start: where the server listens and what it stands on.
pub(super) fn summary(plan: &Plan, listeners: &[Listener], storage: &str, mode: Mode) -> String {
    let seal = match plan.seal {
        SealPlan::Shamir => "shamir",
        SealPlan::Static(_) => "static",
    };
    let mut rows = Vec::new();
    for (number, listener) in listeners.iter().enumerate() {
        let tls = if listener.is_tls() { "enabled" } else { "disabled" };
        let about = match listener.endpoint() {
            Endpoint::Tcp(address) => format!("tcp (addr: \"{address}\", tls: \"{tls}\")"),
            Endpoint::Unix(socket) => {
                format!("unix (addr: \"{}\", mode: \"{:04o}\")", socket.path.display(), socket.mode)
            }
        };
        rows.push((format!("Listener {}", number + 1), about));
    }
    if mode == Mode::Recovery {
        rows.push(("Recovery Mode".to_owned(), "true".to_owned()));
    }
    rows.push(("Seal".to_owned(), seal.to_owned()));
    rows.push(("Storage".to_owned(), storage.to_owned()));
    rows.push(("Version".to_owned(), format!("Strongroom v{VERSION}, API level {}", plan.api_version)));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let rows: Vec<_> =
        rows.into_iter().map(|(name, value)| format!("{name:>width$}: {value}\n", width = width + 8)).collect();
    format!(
        "==> Strongroom server configuration:\n\n{}\n==> Strongroom server started! Log data will stream in below:\n\n",
        rows.concat()
    )
}

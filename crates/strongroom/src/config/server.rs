//! The top level of the files, and how several files add up.

use std::path::PathBuf;
use std::time::Duration;

use hcl::{Block, Body, Item};
use http_api::{AdmissionLimits, Endpoint};
use server_core::LockoutDefaults;

use super::error::{ConfigError, Problem};
use super::keys::{TOP_IGNORED, TOP_REFUSED};
use super::reader::Reader;
use super::{
    Bootstrap, Config, Confinement, LEASE_TTL, LogFormat, LogLevel, Seal, Storage, Telemetry, listener, lockout, log,
    seal, storage, telemetry,
};

const PLACE: &str = "at the top level";
/// The most that the caches may be given: a tebibyte, to catch slips.
const CACHE_BYTES_MAX: usize = 1 << 40;
/// The most folders in one key.
const FOLDERS_MAX: usize = 64;
/// The most requests that may be taken on at once: each takes memory.
const REQUESTS_MAX: usize = 1 << 20;

pub(super) const KEYS: &[&str] = &[
    "allow_audit_log_prefixing",
    "api_addr",
    "api_version",
    "audit",
    "audit_dirs",
    "backend",
    "bootstrap",
    "cache_size_bytes",
    "cluster_name",
    "confinement",
    "confinement_read_dirs",
    "default_lease_ttl",
    "default_max_request_duration",
    "disable_cache",
    "enable_unauthenticated_access",
    "group",
    "listener",
    "log_file",
    "log_format",
    "log_level",
    "log_rotate_bytes",
    "log_rotate_duration",
    "log_rotate_max_files",
    "max_lease_ttl",
    "max_queued_requests",
    "max_request_queue_duration",
    "max_requests_in_work",
    "pid_file",
    "raw_storage_endpoint",
    "seal",
    "storage",
    "telemetry",
    "user",
    "user_lockout",
];

/// What the files said so far.
#[derive(Default)]
pub(super) struct Draft {
    storage: Option<Storage>,
    seal: Option<Seal>,
    listeners: Vec<listener::Draft>,
    user_lockout: LockoutDefaults,
    api_addr: Option<String>,
    cluster_name: Option<String>,
    allow_audit_log_prefixing: bool,
    enable_unauthenticated_access: Option<bool>,
    raw_storage_endpoint: bool,
    default_lease_ttl: Option<Duration>,
    max_lease_ttl: Option<Duration>,
    request: Option<Duration>,
    admission: AdmissionLimits,
    cache_size_bytes: Option<usize>,
    disable_cache: bool,
    log_level: Option<LogLevel>,
    log_format: Option<LogFormat>,
    log_file: log::Draft,
    telemetry: Option<Telemetry>,
    pid_file: Option<PathBuf>,
    confinement: Confinement,
    user: Option<String>,
    group: Option<String>,
    audit_dirs: Vec<PathBuf>,
    bootstrap: Bootstrap,
    readable_dirs: Vec<PathBuf>,
    api_version: Option<String>,
}

/// The one label of a stanza.
pub(super) fn label<'a>(block: &Block<'a>) -> &'a str {
    block.labels.first().map_or("", |label| label.text.as_str())
}

impl Draft {
    /// Adds a file.
    pub(super) fn add(&mut self, reader: &mut Reader<'_>, body: &Body) -> Result<(), ConfigError> {
        if let Some(block) = one(reader, body, &["storage", "backend"], 1)? {
            self.storage = Some(storage::parse(reader, &block)?);
        }
        if let Some(block) = one(reader, body, &["seal"], 1)? {
            self.seal = Some(seal::parse(reader, &block)?);
        }
        if let Some(block) = one(reader, body, &["telemetry"], 0)? {
            self.telemetry = Some(telemetry::parse(reader, &block)?);
        }
        for block in body.blocks("listener", 1).map_err(|error| reader.text_error(error))? {
            self.listener(reader, &block)?;
        }
        for block in body.blocks("user_lockout", 1).map_err(|error| reader.text_error(error))? {
            lockout::parse(reader, &block, &mut self.user_lockout)?;
        }
        for block in body.blocks("bootstrap", 0).map_err(|error| reader.text_error(error))? {
            self.bootstrap.add(reader, &block)?;
        }
        for item in &body.items {
            self.attribute(reader, item)?;
        }
        Ok(())
    }

    fn listener(&mut self, reader: &mut Reader<'_>, block: &Block<'_>) -> Result<(), ConfigError> {
        let draft = listener::parse(reader, block)?;
        let endpoint = &draft.config.endpoint;
        if !is_for_the_system_to_choose(endpoint)
            && self.listeners.iter().any(|it| is_same(&it.config.endpoint, endpoint))
        {
            return Err(reader.error(block.position.line, Problem::SameAddress(endpoint.to_string())));
        }
        self.listeners.push(draft);
        Ok(())
    }

    fn attribute(&mut self, reader: &mut Reader<'_>, item: &Item) -> Result<(), ConfigError> {
        match item.name() {
            "storage" | "backend" | "seal" | "listener" | "telemetry" | "user_lockout" | "bootstrap" => {}
            "api_addr" => self.api_addr = some(api_addr(reader, item)?),
            "api_version" => self.api_version = some(api_version(reader, item)?),
            "allow_audit_log_prefixing" => self.allow_audit_log_prefixing = reader.flag(item)?,
            "enable_unauthenticated_access" => self.enable_unauthenticated_access = Some(reader.flag(item)?),
            "raw_storage_endpoint" => self.raw_storage_endpoint = reader.flag(item)?,
            "cluster_name" => self.cluster_name = some(reader.text(item)?),
            "default_lease_ttl" => self.default_lease_ttl = reader.duration(item)?,
            "max_lease_ttl" => self.max_lease_ttl = reader.duration(item)?,
            "default_max_request_duration" => self.request = reader.duration(item)?,
            "max_requests_in_work" => set(&mut self.admission.in_work, reader.count(item, REQUESTS_MAX)?),
            "max_queued_requests" => set(&mut self.admission.queued, reader.count(item, REQUESTS_MAX)?),
            "max_request_queue_duration" => set(&mut self.admission.wait, reader.duration(item)?),
            "cache_size_bytes" => self.cache_size_bytes = reader.count(item, CACHE_BYTES_MAX)?,
            "disable_cache" => self.disable_cache = reader.flag(item)?,
            "log_level" => self.log_level = log_level(reader, item)?,
            "log_format" => self.log_format = log_format(reader, item)?,
            "pid_file" => self.pid_file = some(reader.text(item)?).map(PathBuf::from),
            "confinement" => self.confinement = confinement(reader, item)?,
            "user" => self.user = some(reader.text(item)?),
            "group" => self.group = some(reader.text(item)?),
            "audit" => self.bootstrap.add_devices(reader, item)?,
            "audit_dirs" => self.audit_dirs = folders(reader, item)?,
            "confinement_read_dirs" => self.readable_dirs = folders(reader, item)?,
            _ if self.log_file.take(reader, item)? => {}
            _ => reader.foreign(item, PLACE, KEYS, TOP_IGNORED, TOP_REFUSED)?,
        }
        Ok(())
    }

    /// Fills in the defaults and looks at what only all files together can tell.
    pub(super) fn finish(self) -> Result<Config, ConfigError> {
        let storage = self.storage.ok_or(ConfigError::Missing(Problem::NoStorage))?;
        if self.listeners.is_empty() {
            return Err(ConfigError::Missing(Problem::NoListener));
        }
        let max_lease_ttl = self.max_lease_ttl.unwrap_or(LEASE_TTL);
        // A shorter maximum alone brings the default down with it.
        let default_lease_ttl = self.default_lease_ttl.unwrap_or(LEASE_TTL.min(max_lease_ttl));
        if default_lease_ttl > max_lease_ttl {
            return Err(ConfigError::Missing(Problem::LeaseTtl));
        }
        let request = self.request;
        Ok(Config {
            storage,
            seal: self.seal.unwrap_or(Seal::Shamir),
            listeners: self.listeners.into_iter().map(|listener| listener.finish(request)).collect(),
            admission: self.admission,
            user_lockout: self.user_lockout,
            api_addr: self.api_addr,
            cluster_name: self.cluster_name,
            allow_audit_log_prefixing: self.allow_audit_log_prefixing,
            enable_unauthenticated_access: self.enable_unauthenticated_access.unwrap_or(true),
            raw_storage_endpoint: self.raw_storage_endpoint,
            default_lease_ttl,
            max_lease_ttl,
            cache_size_bytes: self.cache_size_bytes,
            disable_cache: self.disable_cache,
            log_level: self.log_level,
            log_format: self.log_format,
            log_file: self.log_file.finish(),
            telemetry: self.telemetry.unwrap_or_default(),
            pid_file: self.pid_file,
            bootstrap: self.bootstrap,
            confinement: self.confinement,
            user: self.user,
            group: self.group,
            audit_dirs: self.audit_dirs,
            readable_dirs: self.readable_dirs,
            api_version: self.api_version,
        })
    }
}

/// Zero stands for the default.
fn set<T>(into: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *into = value;
    }
}

/// The stanza of which a file may have one.
fn one<'a>(
    reader: &Reader<'_>,
    body: &'a Body,
    names: &[&'static str],
    labels: usize,
) -> Result<Option<Block<'a>>, ConfigError> {
    let mut found = None;
    for name in names {
        for block in body.blocks(name, labels).map_err(|error| reader.text_error(error))? {
            if found.is_some() {
                return Err(reader.error(block.position.line, Problem::SecondStanza(name)));
            }
            found = Some(block);
        }
    }
    Ok(found)
}

fn is_for_the_system_to_choose(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Tcp(address) if address.port() == 0)
}

/// Two sockets with different modes are still one file.
fn is_same(one: &Endpoint, other: &Endpoint) -> bool {
    match (one, other) {
        (Endpoint::Unix(one), Endpoint::Unix(other)) => one.path == other.path,
        (one, other) => one == other,
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn api_addr(reader: &Reader<'_>, item: &Item) -> Result<String, ConfigError> {
    let text = reader.text(item)?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_url = host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace));
    if text.is_empty() || is_url {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err(reader.wrong(item, "a URL such as \"https://vault.example.com:8200\""))
}

/// Clients parse it as a semantic version, and some crash on build metadata.
fn api_version(reader: &Reader<'_>, item: &Item) -> Result<String, ConfigError> {
    let text = reader.text(item)?;
    let is_number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    if text.is_empty() || (text.split('.').count() == 3 && text.split('.').all(is_number)) {
        return Ok(text);
    }
    Err(reader.wrong(item, "a version of three numbers, such as \"1.21.4\""))
}

fn confinement(reader: &Reader<'_>, item: &Item) -> Result<Confinement, ConfigError> {
    match reader.text(item)?.as_str() {
        "" | "auto" => Ok(Confinement::Auto),
        "require" => Ok(Confinement::Require),
        "off" => Ok(Confinement::Off),
        _ => Err(reader.wrong(item, "auto, require or off")),
    }
}

/// Absolute, because what a confined server may touch must not depend on where it was started.
fn folders(reader: &Reader<'_>, item: &Item) -> Result<Vec<PathBuf>, ConfigError> {
    let folders: Vec<PathBuf> = reader.texts(item)?.into_iter().map(PathBuf::from).collect();
    let is_plain = |folder: &PathBuf| {
        folder.is_absolute() && !folder.components().any(|part| part == std::path::Component::ParentDir)
    };
    if folders.len() > FOLDERS_MAX || !folders.iter().all(is_plain) {
        return Err(reader.wrong(item, format!("up to {FOLDERS_MAX} absolute paths without \"..\"")));
    }
    Ok(folders)
}

fn log_level(reader: &Reader<'_>, item: &Item) -> Result<Option<LogLevel>, ConfigError> {
    Ok(Some(match reader.text(item)?.to_ascii_lowercase().as_str() {
        "" => return Ok(None),
        "trace" => LogLevel::Trace,
        "debug" => LogLevel::Debug,
        "info" | "notice" => LogLevel::Info,
        "warn" | "warning" => LogLevel::Warn,
        "error" | "err" => LogLevel::Error,
        _ => return Err(reader.wrong(item, "trace, debug, info, warn or error")),
    }))
}

fn log_format(reader: &Reader<'_>, item: &Item) -> Result<Option<LogFormat>, ConfigError> {
    Ok(Some(match reader.text(item)?.to_ascii_lowercase().as_str() {
        "" => return Ok(None),
        "standard" => LogFormat::Standard,
        "json" => LogFormat::Json,
        _ => return Err(reader.wrong(item, "standard or json")),
    }))
}

//! The server's configuration: HCL or JSON files in Vault's form, read into types.
//!
//! Every key falls into one of four classes, and none is passed over in silence. Ours become fields; keys that Vault or
//! OpenBao know and that mean nothing here become warnings; keys whose absence would leave the server weaker than its
//! operator believes, and keys that nobody knows, are errors that name the file, the line and the remedy.
//!
//! Reading does not open, resolve or contact anything but the files themselves. It must never show key material.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_api::{AdmissionLimits, ListenerConfig};
use server_core::LockoutDefaults;

mod bootstrap;
mod error;
mod keys;
mod listener;
mod lockout;
mod log;
mod reader;
mod seal;
mod server;
mod storage;
mod telemetry;

pub use bootstrap::{Bootstrap, Declaration, Declared, Fields, SourceError, Subject, resolve};
pub use error::{ConfigError, Problem};
pub use log::LogFile;
pub use seal::{KeyError, KeySource, Seal, StaticKey};
pub use storage::Storage;
pub use telemetry::{Collector, Telemetry};

/// What tokens and leases get when nothing is asked, and the most that they can get (documented Vault default).
pub const LEASE_TTL: Duration = Duration::from_secs(768 * 3600);
/// The most files that one server reads.
pub const FILES_MAX: usize = 1_000;

/// Everything that the files say, with the defaults of what they do not.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where data is kept.
    pub storage: Storage,
    /// What protects the root key.
    pub seal: Seal,
    /// The sockets, in the order of the files. Never empty.
    pub listeners: Vec<ListenerConfig>,
    /// How many requests the node takes on.
    pub admission: AdmissionLimits,
    /// When users are locked out, by type of auth method.
    pub user_lockout: LockoutDefaults,
    /// How clients reach this node, such as `https://vault.example.com:8200`.
    pub api_addr: Option<String>,
    /// What the cluster is called.
    pub cluster_name: Option<String>,
    /// Whether audit devices may put a text in front of each record.
    pub allow_audit_log_prefixing: bool,
    /// Whether shares alone rekey and generate a root token; otherwise a token is asked for as well.
    pub enable_unauthenticated_access: bool,
    /// Whether stored entries can be read and written as they are, by `sys/raw`.
    pub raw_storage_endpoint: bool,
    /// What tokens and leases get when nothing is asked.
    pub default_lease_ttl: Duration,
    /// The most that they can get. Never below `default_lease_ttl`.
    pub max_lease_ttl: Duration,
    /// What all caches together may take, in bytes; absent: the server's own default.
    pub cache_size_bytes: Option<usize>,
    /// Whether values are cached at all.
    pub disable_cache: bool,
    /// The least important level that is logged.
    pub log_level: Option<LogLevel>,
    /// How log lines look.
    pub log_format: Option<LogFormat>,
    /// Where the log is written beside standard error.
    pub log_file: Option<LogFile>,
    /// How metrics are shown.
    pub telemetry: Telemetry,
    /// A file that holds the process id while the server runs.
    pub pid_file: Option<PathBuf>,
    /// What is to be in force once the server is unsealed.
    pub bootstrap: Bootstrap,
    /// How far the server locks itself in.
    pub confinement: Confinement,
    /// Whom to run as when started as root: a name or a number.
    pub user: Option<String>,
    /// The group to run as, likewise.
    pub group: Option<String>,
    /// The folders that audit files may be in. Absolute.
    pub audit_dirs: Vec<PathBuf>,
    /// Further files and folders that the confined server may read. Absolute.
    pub readable_dirs: Vec<PathBuf>,
    /// The Vault API level to report instead of our own, a semantic version without build metadata.
    pub api_version: Option<String>,
}

/// A [`Config`] and what its author should be told.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the server is to be.
    pub config: Config,
    /// Sentences that start with file and line.
    pub warnings: Vec<String>,
}

/// How far the server locks itself in, against whoever takes it over through a mistake of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Confinement {
    /// As far as the kernel allows. The default.
    #[default]
    Auto,
    /// All the way, or it does not start.
    Require,
    /// Not at all.
    Off,
}

/// How much is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What an operator may want to know. The default.
    Info,
    /// What should not be.
    Warn,
    /// What went wrong.
    Error,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Text. The default.
    Standard,
    /// One JSON object a line.
    Json,
}

/// A configuration file that has been read.
#[derive(Clone, Debug)]
pub struct Source {
    /// What to call it in messages.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Reads files, and the `.hcl` and `.json` files of folders in the order of their names, and understands them as one
/// configuration: later attributes win over earlier ones, listeners add up.
///
/// # Errors
/// When a file cannot be read, or as [`parse`].
pub fn load(paths: &[PathBuf]) -> Result<Loaded, ConfigError> {
    let mut sources = Vec::new();
    for path in paths {
        for file in files_of(path)? {
            if sources.len() == FILES_MAX {
                return Err(ConfigError::TooManyFiles);
            }
            let text = read_bounded(&file).map_err(|source| ConfigError::Read { path: file.clone(), source })?;
            sources.push(Source { name: file.display().to_string(), text });
        }
    }
    parse(&sources)
}

/// Understands texts as one configuration; see [`load`].
///
/// # Errors
/// The first mistake with its file and line, or what is missing from all of them.
pub fn parse(sources: &[Source]) -> Result<Loaded, ConfigError> {
    let mut draft = server::Draft::default();
    let mut warnings = Vec::new();
    for source in sources {
        let body = hcl::parse(&source.text).map_err(|error| ConfigError::Text { file: source.name.clone(), error })?;
        draft.add(&mut reader::Reader { file: &source.name, warnings: &mut warnings }, &body)?;
    }
    Ok(Loaded { config: draft.finish()?, warnings })
}

/// The path itself, or the files of a folder.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let is_ours = file.extension().is_some_and(|extension| extension == "hcl" || extension == "json");
        if is_ours && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(ConfigError::EmptyFolder(path.to_owned()));
    }
    files.sort();
    Ok(files)
}

/// One byte more than a document may have is enough for the parser to say so.
fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(hcl::DOCUMENT_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;

//! A device's type and options as an operator writes them: Vault's names, and those of ours that Vault has not.
//!
//! An option that nobody knows is refused: one that was meant to keep something out of the records must not be passed
//! over in silence.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::sinks::file::FileTarget;
use crate::sinks::http::{self, HttpTarget};
use crate::sinks::socket::{SocketTarget, Transport};
use crate::sinks::syslog::{self, SyslogTarget};
use crate::spool::Bounds;

/// How many records may wait for a device, unless it says otherwise.
const SPOOL_RECORDS: usize = 8_192;
/// The most that it may say.
const SPOOL_RECORDS_MAX: usize = 1_000_000;
/// How many bytes may wait for a device, unless it says otherwise.
const SPOOL_BYTES: usize = 16 * 1024 * 1024;
/// The most that it may say.
const SPOOL_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// The longest text in front of each record, in bytes.
const PREFIX_BYTES_MAX: usize = 256;

/// The most headers that a device of type http sends.
const HEADERS_MAX: usize = 64;
/// What stands in place of a header's value, or of a query, where options are shown.
const HIDDEN: &str = "(hidden)";

/// How long a write to a socket may take, unless it says otherwise (documented Vault default).
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// The most that it may say: a request waits for five seconds.
const WRITE_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// The longest tag of a syslog message, in characters (RFC 3164 §4.1.3).
const TAG_CHARACTERS_MAX: usize = 32;

/// The types, for a message.
const TYPES: &str = "file, http, socket and syslog";

/// What is asked for and cannot be.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// A type that nobody knows.
    #[error("unknown backend type: {0:?}; there are {TYPES}")]
    Type(String),
    /// An option that has to be there.
    #[error("{0} is required")]
    Missing(&'static str),
    /// An option that the type does not have.
    #[error("unknown option {0:?} for a device of type {1:?}")]
    Unknown(String, String),
    /// A value that an option does not take.
    #[error("option {name:?}: {why}")]
    Value {
        /// The option.
        name: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A text in front of each record, which the server's configuration does not allow.
    #[error("audit log prefixing is not allowed: the configuration needs allow_audit_log_prefixing = true")]
    Prefix,
    /// A file where none may be.
    #[error("file_path must be below a folder of audit_dirs, a key of the server's configuration, which names {}",
            names(.0))]
    Folder(Vec<PathBuf>),
    /// The system gives no thread.
    #[error("start a thread for the device")]
    Thread(#[source] io::Error),
}

/// What the server's configuration lets devices do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// Whether a device may put a text in front of each record.
    pub may_have_prefix: bool,
    /// The folders that files of records may be in, or below; none: anywhere. Standard output is no file.
    pub file_folders: Option<Vec<PathBuf>>,
}

impl Rules {
    /// By the text of the path alone: what a link leads to is for the kernel to see.
    fn check_file(&self, path: &Path) -> Result<(), OptionError> {
        let Some(folders) = &self.file_folders else { return Ok(()) };
        let is_plain = !path.components().any(|part| part == Component::ParentDir);
        if is_plain && folders.iter().any(|folder| path.starts_with(folder) && path != folder) {
            return Ok(());
        }
        Err(OptionError::Folder(folders.clone()))
    }
}

fn names(folders: &[PathBuf]) -> String {
    if folders.is_empty() {
        return "none".to_owned();
    }
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A device's options, understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    pub(crate) is_raw: bool,
    pub(crate) hashes_accessors: bool,
    pub(crate) elides_lists: bool,
    pub(crate) prefix: String,
    pub(crate) bounds: Bounds,
    pub(crate) sink: Target,
}

/// Where records go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    File(FileTarget),
    Syslog(SyslogTarget),
    Socket(SocketTarget),
    Http(HttpTarget),
}

impl Target {
    /// The type as the operator writes it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Syslog(_) => "syslog",
            Self::Socket(_) => "socket",
            Self::Http(_) => "http",
        }
    }
}

impl Settings {
    /// Understands a type and its options.
    ///
    /// # Errors
    /// The first option that is missing, unknown, or has a value that it does not take.
    pub fn parse(kind: &str, options: &BTreeMap<String, String>, rules: &Rules) -> Result<Self, OptionError> {
        let mut options =
            Options { rest: options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect() };
        let sink = match kind {
            "file" => Target::File(file(&mut options, rules)?),
            "syslog" => Target::Syslog(syslog(&mut options)?),
            "socket" => Target::Socket(socket(&mut options)?),
            "http" => Target::Http(web_server(&mut options)?),
            _ => return Err(OptionError::Type(kind.to_owned())),
        };
        match options.take("format").unwrap_or("json") {
            "json" => {}
            "jsonx" => return Err(value("format", "jsonx, which is XML, is not available: use json")),
            other => return Err(value("format", &format!("unknown format type {other:?}: use json"))),
        }
        let prefix = options.take("prefix").unwrap_or_default().to_owned();
        if !prefix.is_empty() && !rules.may_have_prefix {
            return Err(OptionError::Prefix);
        }
        if prefix.len() > PREFIX_BYTES_MAX || prefix.contains(['\n', '\r']) {
            return Err(value("prefix", &format!("at most {PREFIX_BYTES_MAX} bytes without an end of line")));
        }
        let settings = Self {
            is_raw: options.flag("log_raw", false)?,
            hashes_accessors: options.flag("hmac_accessor", true)?,
            elides_lists: options.flag("elide_list_responses", false)?,
            prefix,
            bounds: Bounds {
                records: options.number("spool_records", SPOOL_RECORDS, SPOOL_RECORDS_MAX)?,
                bytes: options.number("spool_bytes", SPOOL_BYTES, SPOOL_BYTES_MAX)?,
            },
            sink,
        };
        match options.rest.into_keys().next() {
            Some(name) => Err(OptionError::Unknown(name.to_owned(), kind.to_owned())),
            None => Ok(settings),
        }
    }
}

pub(crate) fn value(name: &'static str, why: &str) -> OptionError {
    OptionError::Value { name, why: why.to_owned() }
}

/// Options that nobody has taken yet.
pub(crate) struct Options<'o> {
    rest: BTreeMap<&'o str, &'o str>,
}

impl<'o> Options<'o> {
    pub(crate) fn take(&mut self, name: &str) -> Option<&'o str> {
        self.rest.remove(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&mut self, name: &'static str) -> Result<&'o str, OptionError> {
        self.take(name).ok_or(OptionError::Missing(name))
    }

    /// A Boolean, or one of the words and numbers that Go takes for one.
    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> Result<bool, OptionError> {
        match self.take(name) {
            None => Ok(default),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(text) => Err(value(name, &format!("strconv.ParseBool: parsing {text:?}: invalid syntax"))),
        }
    }

    pub(crate) fn number(&mut self, name: &'static str, default: usize, max: usize) -> Result<usize, OptionError> {
        let Some(text) = self.take(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| value(name, &format!("a number from 1 to {max}")))
    }
}

fn file(options: &mut Options<'_>, rules: &Rules) -> Result<FileTarget, OptionError> {
    // `path` is what the option was called at first.
    let path = match options.take("path") {
        Some(path) => path,
        None => options.required("file_path")?,
    };
    let is_special = matches!(path, "stdout" | "discard");
    if !is_special && !Path::new(path).is_absolute() {
        return Err(value("file_path", "an absolute path, stdout or discard"));
    }
    if !is_special {
        rules.check_file(Path::new(path))?;
    }
    let mode = match options.take("mode") {
        None => Some(0o600),
        Some(text) => mode(text)?,
    };
    let is_synced = options.flag("fsync", false)?;
    Ok(FileTarget { path: PathBuf::from(path), mode, is_synced })
}

fn syslog(options: &mut Options<'_>) -> Result<SyslogTarget, OptionError> {
    let facility = options.take("facility").unwrap_or("AUTH");
    let unknown = || value("facility", &format!("{facility:?} is none: for example AUTH, DAEMON, LOCAL0"));
    let facility = syslog::facility(facility).ok_or_else(unknown)?;
    let tag = options.take("tag").unwrap_or("vault").to_owned();
    if tag.chars().count() > TAG_CHARACTERS_MAX || !tag.chars().all(|it| it.is_ascii_graphic() && !"[]:".contains(it)) {
        return Err(value("tag", &format!("up to {TAG_CHARACTERS_MAX} visible characters without [, ] and :")));
    }
    let socket = PathBuf::from(options.take("socket_path").unwrap_or("/dev/log"));
    Ok(SyslogTarget { facility, tag, socket })
}

fn socket(options: &mut Options<'_>) -> Result<SocketTarget, OptionError> {
    let address = options.required("address")?.to_owned();
    let transport = match options.take("socket_type").unwrap_or("tcp") {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        "unix" => Transport::Unix,
        other => return Err(value("socket_type", &format!("tcp, udp or unix, not {other:?}"))),
    };
    let is_place = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
    if transport != Transport::Unix && !address.rsplit_once(':').is_some_and(is_place) {
        return Err(value("address", "a host and a port, such as 192.0.2.1:9090"));
    }
    Ok(SocketTarget { transport, address, write_timeout: write_timeout(options)? })
}

fn write_timeout(options: &mut Options<'_>) -> Result<Duration, OptionError> {
    let write_timeout = match options.take("write_timeout") {
        None => WRITE_TIMEOUT,
        Some(text) => api::duration::parse(text).map_err(|_| value("write_timeout", "a duration such as 2s"))?,
    };
    if write_timeout.is_zero() || write_timeout > WRITE_TIMEOUT_MAX {
        return Err(value("write_timeout", &format!("up to {} seconds, and not zero", WRITE_TIMEOUT_MAX.as_secs())));
    }
    Ok(write_timeout)
}

/// `uri` and `headers` are OpenBao's; the rest is ours.
fn web_server(options: &mut Options<'_>) -> Result<HttpTarget, OptionError> {
    let wrong = || value("uri", "a URL with http or https, such as https://192.0.2.1/audit, without a user in it");
    let url = reqwest::Url::parse(options.required("uri")?).map_err(|_| wrong())?;
    let is_sound = matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty();
    if !is_sound || url.password().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let is_batched = options.flag("batch", false)?;
    let trust = match options.take("ca_cert") {
        None => outbound::Trust::System,
        // An empty text is no wish for the system's.
        Some(text) => outbound::tls::authorities(text)
            .map(outbound::Trust::Authorities)
            .map_err(|_| value("ca_cert", "certificates in PEM"))?,
    };
    let mut headers = reqwest::header::HeaderMap::new();
    let kind = if is_batched { "application/x-ndjson" } else { "application/json" };
    let given = [("content-type".to_owned(), vec![kind.to_owned()])].into_iter().chain(web_headers(options)?);
    for (name, values) in given {
        for (index, text) in values.into_iter().enumerate() {
            let why = "names that HTTP allows and the connection does not set itself, each with a list of texts";
            let (name, text) = http::header(&name, &text).ok_or_else(|| value("headers", why))?;
            if index == 0 {
                // One that is given takes the place of ours.
                headers.remove(&name);
            }
            headers.append(name, text);
        }
    }
    let write_timeout = write_timeout(options)?;
    Ok(HttpTarget { url, headers, trust, write_timeout, is_batched })
}

/// An object of names with lists of texts, in JSON (documented OpenBao behavior). Values that OpenBao would look up on the
/// server are refused: whoever may enable a device must not read the server's files and environment with it.
fn web_headers(options: &mut Options<'_>) -> Result<BTreeMap<String, Vec<String>>, OptionError> {
    let Some(text) = options.take("headers") else { return Ok(BTreeMap::new()) };
    let wrong = |why: &str| value("headers", why);
    let headers: BTreeMap<String, Vec<String>> = serde_json::from_str(text)
        .map_err(|_| wrong("JSON with a list of texts for each name, such as {\"Authorization\": [\"Bearer …\"]}"))?;
    let is_looked_up = |text: &String| text.starts_with("env://") || text.starts_with("file://");
    if headers.values().flatten().any(is_looked_up) {
        return Err(wrong("env:// and file:// are not looked up; declared devices can have from_env and from_file"));
    }
    if headers.values().map(Vec::len).sum::<usize>() > HEADERS_MAX {
        return Err(wrong(&format!("at most {HEADERS_MAX}")));
    }
    Ok(headers)
}

/// Options as they may be shown to those who may see devices: without the values of headers and without the query of a
/// URL, which are credentials.
#[must_use]
pub fn shown(kind: &str, mut options: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if kind != "http" {
        return options;
    }
    if let Some(text) = options.get_mut("headers") {
        let headers = serde_json::from_str::<BTreeMap<String, Vec<String>>>(text).unwrap_or_default();
        let hidden: BTreeMap<_, _> = headers.into_keys().map(|name| (name, [HIDDEN])).collect();
        *text = serde_json::to_string(&hidden).unwrap_or_default();
    }
    // By the text alone, so that the rest stays as it was written.
    if let Some(uri) = options.get_mut("uri")
        && let Some((place, _)) = uri.split_once('?')
    {
        *uri = [place, "?", HIDDEN].concat();
    }
    options
}

/// Octal digits; zero keeps the mode of a file that is there (documented Vault behavior).
fn mode(text: &str) -> Result<Option<u32>, OptionError> {
    let mode = u32::from_str_radix(text, 8);
    let mode = mode.map_err(|_| value("mode", &format!("strconv.ParseUint: parsing {text:?}: invalid syntax")))?;
    if mode & !0o666 != 0 {
        return Err(value("mode", "a file of records is neither executable nor special"));
    }
    Ok(Some(mode).filter(|mode| *mode > 0))
}

#[cfg(test)]
mod tests;

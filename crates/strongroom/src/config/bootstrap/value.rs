//! Values of declarations: as they stand in the file, or where they are found when they are needed.
//!
//! Each may be a secret. `Debug` shows where it is and never what.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde_json::{Map, Value};

/// The most that a file or variable may hold, in bytes: a policy is no longer.
const SOURCE_BYTES_MAX: u64 = 512 * 1024;
/// Where the service supervisor puts credentials (systemd).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Values by their names.
pub type Fields = BTreeMap<String, Declared>;

/// A value.
#[derive(Clone)]
pub enum Declared {
    /// As it stands in the file.
    Plain(Value),
    /// `{ from_file = "…" }`: the text of a file, without the end of its last line.
    File {
        /// Which.
        path: PathBuf,
        /// Where that was written.
        place: String,
    },
    /// `{ from_env = "…" }`: a variable of the environment.
    Variable {
        /// Which.
        name: String,
        /// Where that was written.
        place: String,
    },
    /// `{ from_credential = "…" }`: a file in the folder that the service supervisor names.
    Credential {
        /// Which.
        name: String,
        /// Where that was written.
        place: String,
    },
    /// A list of values.
    List(Vec<Self>),
    /// Values by their names.
    Object(Fields),
}

/// A value that could not be had. Tells nothing of the value.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file is not there or not readable.
    #[error("{place}: read {}", .path.display())]
    Read {
        /// Where it is asked for.
        place: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The variable is not set.
    #[error("{place}: the environment variable {name} is not set")]
    NoVariable {
        /// Where it is asked for.
        place: String,
        /// Which.
        name: String,
    },
    /// What was found is no text, or too long.
    #[error("{place}: {what} is not UTF-8 text of at most {SOURCE_BYTES_MAX} bytes")]
    NotText {
        /// Where it is asked for.
        place: String,
        /// Where the value is.
        what: String,
    },
}

impl fmt::Debug for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("(value)"),
            Self::File { path, .. } => write!(f, "(file {})", path.display()),
            Self::Variable { name, .. } => write!(f, "(variable {name})"),
            Self::Credential { name, .. } => write!(f, "(credential {name})"),
            Self::List(values) => f.debug_list().entries(values).finish(),
            Self::Object(fields) => f.debug_map().entries(fields).finish(),
        }
    }
}

impl Declared {
    /// Adds the files below it.
    pub(super) fn files(&self, into: &mut Vec<PathBuf>) {
        match self {
            Self::File { path, .. } => into.push(path.clone()),
            Self::Credential { name, .. } => into.extend(credential(name)),
            Self::List(values) => values.iter().for_each(|value| value.files(into)),
            Self::Object(fields) => fields.values().for_each(|value| value.files(into)),
            Self::Plain(_) | Self::Variable { .. } => {}
        }
    }

    fn resolve(&self) -> Result<Value, SourceError> {
        match self {
            Self::Plain(value) => Ok(value.clone()),
            Self::File { path, place } => read(path, place),
            Self::Variable { name, place } => {
                let value = std::env::var(name).map_err(|_| no_variable(name, place))?;
                Ok(Value::String(value))
            }
            Self::Credential { name, place } => {
                let path = credential(name).ok_or_else(|| no_variable(CREDENTIALS, place))?;
                read(&path, place)
            }
            Self::List(values) => values.iter().map(Self::resolve).collect(),
            Self::Object(fields) => resolve(fields).map(Value::Object),
        }
    }
}

/// The values themselves.
///
/// # Errors
/// The first that cannot be had.
pub fn resolve(fields: &Fields) -> Result<Map<String, Value>, SourceError> {
    fields.iter().map(|(name, value)| Ok((name.clone(), value.resolve()?))).collect()
}

fn no_variable(name: &str, place: &str) -> SourceError {
    SourceError::NoVariable { place: place.to_owned(), name: name.to_owned() }
}

fn credential(name: &str) -> Option<PathBuf> {
    Some(Path::new(&std::env::var_os(CREDENTIALS)?).join(name))
}

fn read(path: &Path, place: &str) -> Result<Value, SourceError> {
    let mut bytes = Vec::new();
    let opened = open(path).and_then(|file| file.take(SOURCE_BYTES_MAX + 1).read_to_end(&mut bytes));
    opened.map_err(|source| SourceError::Read { place: place.to_owned(), path: path.to_owned(), source })?;
    let not_text = || SourceError::NotText { place: place.to_owned(), what: format!("file {}", path.display()) };
    if bytes.len() as u64 > SOURCE_BYTES_MAX {
        return Err(not_text());
    }
    let text = String::from_utf8(bytes).map_err(|_| not_text())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Value::String(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

/// A file that has its content now: a pipe or a terminal would be waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

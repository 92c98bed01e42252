//! The `seal` stanza, and the key material that it points to.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hcl::Block;
use secret::{LockedKey, SecretString, Zeroizing};

use super::error::{ConfigError, Problem};
use super::keys::{SEAL_IGNORED, SEAL_REFUSED};
use super::reader::Reader;

/// Bytes of a static key (AES-256).
pub const KEY_BYTES: usize = 32;
/// The longest file or variable that holds one, in bytes: text, with room for a comment's worth of white space.
const KEY_TEXT_BYTES_MAX: u64 = 1024;

/// What protects the root key.
#[derive(Clone, Debug)]
pub enum Seal {
    /// Shares of the unseal key, entered by people.
    Shamir,
    /// A key that the operator keeps.
    Static {
        /// The one that is used.
        current: StaticKey,
        /// One that may still be needed to open what it closed.
        previous: Option<StaticKey>,
    },
}

/// A key of a static seal.
#[derive(Clone, Debug)]
pub struct StaticKey {
    /// Its name, which is not secret.
    pub id: String,
    /// Where it is.
    pub source: KeySource,
}

/// Where a key is.
#[derive(Clone)]
pub enum KeySource {
    /// In the configuration itself: hex or base64.
    Inline(SecretString),
    /// `file://…`: the bytes themselves, or hex or base64.
    File(PathBuf),
    /// `env://…`: an environment variable with hex or base64.
    Variable(String),
    /// `credential://…`: a file in the folder that the service supervisor names in `CREDENTIALS_DIRECTORY` (systemd).
    Credential(String),
}

/// A key that could not be had. Never tells anything of the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is not there or not readable.
    #[error("read the seal key from {}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The variable is not set.
    #[error("the environment variable {0}, which the seal key needs, is not set")]
    NoVariable(String),
    /// What was found is no key.
    #[error("the seal key from {0} is not {KEY_BYTES} bytes in hex or base64")]
    NotAKey(String),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl KeySource {
    fn parse(text: String) -> Self {
        let behind = |prefix: &str| text.strip_prefix(prefix);
        if let Some(path) = behind("file://") {
            Self::File(path.into())
        } else if let Some(name) = behind("env://") {
            Self::Variable(name.to_owned())
        } else if let Some(name) = behind("credential://") {
            Self::Credential(name.to_owned())
        } else {
            Self::Inline(SecretString::new(text))
        }
    }

    /// Where the key is, without the key.
    fn describe(&self) -> String {
        match self {
            Self::Inline(_) => "the configuration".to_owned(),
            Self::File(path) => format!("file {}", path.display()),
            Self::Variable(name) => format!("the environment variable {name}"),
            Self::Credential(name) => format!("the credential {name}"),
        }
    }

    /// Fetches the key.
    ///
    /// # Errors
    /// When it is not there, or is not a key of 32 bytes.
    pub fn load(&self) -> Result<LockedKey<KEY_BYTES>, KeyError> {
        self.load_with(&|name| std::env::var(name).ok())
    }

    pub(super) fn load_with(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<LockedKey<KEY_BYTES>, KeyError> {
        let set = |name: &str| variable(name).ok_or_else(|| KeyError::NoVariable(name.to_owned()));
        let bytes = match self {
            Self::Inline(text) => Zeroizing::new(text.expose().clone().into_bytes()),
            Self::Variable(name) => Zeroizing::new(set(name)?.into_bytes()),
            Self::File(path) => read(path)?,
            Self::Credential(name) => read(&Path::new(&set("CREDENTIALS_DIRECTORY")?).join(name))?,
        };
        let is_file = matches!(self, Self::File(_) | Self::Credential(_));
        let key = if is_file && bytes.len() == KEY_BYTES { Some(bytes) } else { decode(&bytes) };
        let key = key.as_deref().and_then(|key| <&[u8; KEY_BYTES]>::try_from(key.as_slice()).ok());
        key.map(LockedKey::copy_of).ok_or_else(|| KeyError::NotAKey(self.describe()))
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(KEY_TEXT_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
    Ok(bytes)
}

/// Hex, or base64 in any of its alphabets, with white space around it.
fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.trim_ascii();
    [HEXLOWER_PERMISSIVE, BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD]
        .iter()
        .filter_map(|encoding| encoding.decode(text).ok().map(Zeroizing::new))
        .find(|bytes| bytes.len() == KEY_BYTES)
}

const OURS: &str = "ours are \"shamir\" and \"static\"";
const KEYS: &[&str] = &["current_key", "current_key_id", "previous_key", "previous_key_id"];

pub(super) fn parse(reader: &mut Reader<'_>, block: &Block<'_>) -> Result<Seal, ConfigError> {
    let (kind, line) = (super::server::label(block), block.position.line);
    match kind {
        "shamir" => {
            for item in &block.body.items {
                reader.foreign(item, "in seal \"shamir\"", &[], SEAL_IGNORED, SEAL_REFUSED)?;
            }
            Ok(Seal::Shamir)
        }
        "static" => static_seal(reader, block),
        _ => Err(reader.error(line, Problem::UnknownKind { stanza: "seal", kind: kind.to_owned(), remedy: OURS })),
    }
}

fn static_seal(reader: &mut Reader<'_>, block: &Block<'_>) -> Result<Seal, ConfigError> {
    const PLACE: &str = "in seal \"static\"";
    let (mut current, mut current_id, mut previous, mut previous_id) = (None, None, None, None);
    for item in &block.body.items {
        let (into, is_key) = match item.name() {
            "current_key" => (&mut current, true),
            "current_key_id" => (&mut current_id, false),
            "previous_key" => (&mut previous, true),
            "previous_key_id" => (&mut previous_id, false),
            _ => {
                reader.foreign(item, PLACE, KEYS, SEAL_IGNORED, SEAL_REFUSED)?;
                continue;
            }
        };
        // Not `some_text`, whose message may show what it was given.
        let text = item.value.as_str().filter(|text| !text.is_empty() && item.keys.len() == 1);
        let Some(text) = text else {
            let (key, found) = (item.name().to_owned(), item.value.describe().to_owned());
            let problem = Problem::Value { key, expected: "text in quotes that is not empty".to_owned(), found };
            return Err(reader.error(item.value.position.line, problem));
        };
        let is_inline = is_key && !text.contains("://");
        *into = Some(text.to_owned());
        if is_inline {
            let text =
                "the seal key stands in the configuration itself; file://, credential:// or env:// keep it apart";
            reader.warn(item.position().line, text);
        }
    }
    let missing = |key| reader.error(block.position.line, Problem::NoKey { place: "seal \"static\"", key });
    let key = |id, text| StaticKey { id, source: KeySource::parse(text) };
    let current =
        key(current_id.ok_or_else(|| missing("current_key_id"))?, current.ok_or_else(|| missing("current_key"))?);
    let previous = match (previous_id, previous) {
        (None, None) => None,
        (Some(id), Some(text)) => Some(key(id, text)),
        (None, Some(_)) => return Err(missing("previous_key_id")),
        (Some(_), None) => return Err(missing("previous_key")),
    };
    Ok(Seal::Static { current, previous })
}

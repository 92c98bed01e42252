//! What can be wrong with a configuration. Operators see these sentences: each says what would be right.

use std::io;
use std::path::PathBuf;

use super::FILES_MAX;
use super::bootstrap::DECLARATIONS_MAX;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder could not be read.
    #[error("read {}", .path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder without a file for us.
    #[error("folder {} holds no .hcl and no .json file", .0.display())]
    EmptyFolder(PathBuf),
    /// More than [`FILES_MAX`].
    #[error("there are more than {FILES_MAX} configuration files")]
    TooManyFiles,
    /// A file that is not in the language.
    #[error("{file}, {error}")]
    Text {
        /// Which one.
        file: String,
        /// What is wrong and where.
        error: hcl::Error,
    },
    /// A mistake in one place.
    #[error("{file}, line {line}: {problem}")]
    At {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What it is.
        problem: Problem,
    },
    /// Something that no file says.
    #[error("{0}")]
    Missing(Problem),
}

/// What is wrong in one place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// A key that nobody knows.
    #[error("unknown key {key:?} {place}{}", suggestion(.nearest.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands: `in` a stanza, or `at` the top level.
        place: &'static str,
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// A key that would have to be obeyed, and cannot be.
    #[error("key {key:?} is not supported here: {reason}")]
    Unsupported {
        /// The key.
        key: String,
        /// What follows from that.
        reason: &'static str,
    },
    /// A value of the wrong kind, or out of its range.
    #[error("key {key:?} takes {expected}, not {found}")]
    Value {
        /// The key.
        key: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// A stanza of a kind that we lack.
    #[error("there is no {stanza} of kind {kind:?} here; {remedy}")]
    UnknownKind {
        /// `storage`, `listener` or `seal`.
        stanza: &'static str,
        /// The label.
        kind: String,
        /// Those that we have.
        remedy: &'static str,
    },
    /// A stanza that may be there once.
    #[error("there is a second {0} stanza; a server has one")]
    SecondStanza(&'static str),
    /// A stanza that may be there once for each type.
    #[error("there is a second user_lockout stanza for {0:?}")]
    SecondLockout(String),
    /// No storage.
    #[error("no storage is configured; write storage \"embedded\" {{ path = \"/var/lib/strongroom\" }}")]
    NoStorage,
    /// No listener.
    #[error("no listener is configured; write listener \"tcp\" {{ … }}")]
    NoListener,
    /// An attribute that has to be there.
    #[error("{place} needs the key {key:?}")]
    NoKey {
        /// The stanza.
        place: &'static str,
        /// The key.
        key: &'static str,
    },
    /// TLS without its files.
    #[error("listener \"tcp\" needs tls_cert_file and tls_key_file, or tls_disable = true for plain HTTP")]
    NoCertificate,
    /// TLS versions that exclude each other.
    #[error("tls_min_version is newer than tls_max_version")]
    TlsVersions,
    /// Client certificates both refused and required.
    #[error("tls_disable_client_certs and tls_require_and_verify_client_cert exclude each other")]
    ClientCertificates,
    /// Required client certificates without an authority.
    #[error("tls_require_and_verify_client_cert needs tls_client_ca_file: the authorities that are trusted")]
    NoClientAuthority,
    /// Two listeners in one place.
    #[error("a listener before this one has the same address {0}")]
    SameAddress(String),
    /// A path that no request could have.
    #[error("{0:?} is no path: give names with / between them")]
    BadPath(String),
    /// A name that is the server's own.
    #[error("{name} cannot be declared: {why}")]
    Reserved {
        /// What was declared.
        name: String,
        /// What is in the way.
        why: &'static str,
    },
    /// One thing twice.
    #[error("{name} is declared already, in {first}")]
    DeclaredTwice {
        /// What.
        name: String,
        /// Where it was declared first.
        first: String,
    },
    /// More than anybody reads through.
    #[error("there are more than {DECLARATIONS_MAX} declarations")]
    TooManyDeclarations,
    /// None or several of keys that exclude each other.
    #[error("{place} needs one of the keys {keys}")]
    OneOf {
        /// The stanza.
        place: &'static str,
        /// The keys.
        keys: &'static str,
    },
    /// Lease times that exclude each other.
    #[error("default_lease_ttl is longer than max_lease_ttl")]
    LeaseTtl,
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"))
}

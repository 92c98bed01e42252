//! Why a listener cannot be set up, or its certificate not be exchanged.

use std::io;
use std::path::PathBuf;

use crate::config::Endpoint;

/// Why a listener cannot be set up, or its certificate not be exchanged. Never holds key material.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket cannot be had.
    #[error("listening on {endpoint}")]
    Bind {
        /// Where.
        endpoint: Endpoint,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A socket's file cannot be given to somebody unknown.
    #[error("{name:?} is neither a number nor a name in {file}")]
    Owner {
        /// The user or group.
        name: String,
        /// Where it was looked for.
        file: &'static str,
    },
    /// A file cannot be read.
    #[error("reading {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is longer than any certificate or key.
    #[error("{} is longer than {max} bytes", path.display())]
    TooLong {
        /// Which one.
        path: PathBuf,
        /// The most.
        max: u64,
    },
    /// A file has no certificate, or one that is damaged.
    #[error("{} holds no certificate in PEM form", path.display())]
    Certificates {
        /// Which one.
        path: PathBuf,
        /// Why; `None` when there is simply none.
        #[source]
        source: Option<rustls_pki_types::pem::Error>,
    },
    /// A file has no private key, or one that is damaged.
    #[error("{} holds no private key in PEM form", path.display())]
    Key {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The certificate and the key are of no use, or do not belong together.
    #[error("using {} with {}", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// A certificate cannot be an authority.
    #[error("using {} as authorities for client certificates", path.display())]
    Authorities {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The oldest version is newer than the newest, or the library refuses them.
    #[error("the range of TLS versions is empty or not supported")]
    Versions {
        /// Why; `None` when the range is empty.
        #[source]
        source: Option<rustls::Error>,
    },
    /// A custom header that cannot be sent.
    #[error("custom header {name:?}: {reason}")]
    Header {
        /// Which one.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// A bound that would let nothing through.
    #[error("{name} must be at least {least}")]
    Limit {
        /// Which one.
        name: &'static str,
        /// The least that works.
        least: usize,
    },
}

/// The error and its causes, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut link = error.source();
    while let Some(cause) = link {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        link = cause.source();
    }
    text
}

//! Why a server did not start or did not end well.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// One failure, with its cause.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A configuration file makes no sense.
    #[error("configuration cannot be used")]
    Config(#[source] Box<dyn Error + Send + Sync>),
    /// A file could not be read or written.
    #[error("{action} {}", .path.display())]
    File {
        /// What was being done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The server could not lock itself in, or become another user.
    #[error("confine the server")]
    Confine(#[source] Box<dyn Error + Send + Sync>),
    /// The async runtime did not start.
    #[error("start the runtime")]
    Runtime(#[source] io::Error),
    /// The store did not open.
    #[error("open the store in {}", .path.display())]
    OpenStore {
        /// Where it is.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Box<storage_embedded::Error>,
    },
    /// The store did not close cleanly; what was acknowledged is durable.
    #[error("close the store")]
    CloseStore(#[source] storage::Error),
    /// The parts do not fit together.
    #[error("put the server together")]
    Build(#[source] server_core::BuildError),
    /// There is nothing to recover, or nobody can say.
    #[error("start in recovery mode")]
    Recover(#[source] framework::Error),
    /// A listener did not start.
    #[error("start a listener")]
    Listen(#[source] http_api::Error),
    /// The node did not unseal by itself.
    #[error("unseal with the operator's key")]
    Unseal(#[source] framework::Error),
    /// A development server could not be prepared.
    #[error("{action}")]
    Dev {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Signals cannot be received.
    #[error("listen for signals")]
    Signals(#[source] io::Error),
}

impl Failure {
    /// The failure and all its causes in one line.
    pub(super) fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and all its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

//! The small set of outcomes other than success that the API can express. Each front door has one table from these
//! to its status codes and bodies.

use std::borrow::Cow;

/// A boxed cause.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no reply. The texts of the caller's errors are shown to the client; the world's are logged only.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's: the request makes no sense as it is. Says what was wrong and what would be right.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The caller's: a login whose credentials are not those of the user that it names, or there is no such user. Too
    /// many of them lock the user out, where the row tells [who that is](crate::Path::user).
    #[error("{0}")]
    BadCredentials(Cow<'static, str>),
    /// The caller's: not allowed, or nobody may know whether it exists.
    #[error("permission denied")]
    Denied,
    /// The caller's: a denial that may say why, because it reveals nothing that the caller could not know.
    #[error("{0}")]
    DeniedBecause(Cow<'static, str>),
    /// Nothing is there; the body's list of errors is empty.
    #[error("not found")]
    NotFound,
    /// No engine, or no path of the engine, takes this.
    #[error("{0}")]
    Unrouted(Cow<'static, str>),
    /// The path is there, but not for this operation.
    #[error("unsupported operation")]
    UnsupportedOperation,
    /// The body has the wrong media type for the operation.
    #[error("{0}")]
    UnsupportedMedia(Cow<'static, str>),
    /// The body is longer than the listener takes.
    #[error("{0}")]
    TooLarge(Cow<'static, str>),
    /// The caller asks too often.
    #[error("{0}")]
    TooMany(Cow<'static, str>),
    /// The server is sealed.
    #[error("Vault is sealed")]
    Sealed,
    /// The server has never been initialized.
    #[error("server is not yet initialized")]
    Uninitialized,
    /// The server cannot take more work at the moment.
    #[error("{0}")]
    Busy(Cow<'static, str>),
    /// The caller has seen a newer state than this node has; another node, or this one a little later, has it.
    #[error("required index state not present")]
    NotYetSeen,
    /// The world's: storage, network, a device. The text and the cause go to the log; the client gets a plain
    /// sentence and the request's id.
    #[error("{action}")]
    World {
        /// What was being done.
        action: Cow<'static, str>,
        /// Why it failed.
        #[source]
        source: Source,
    },
    /// The world's, with a sentence that the client may see, for example a full disk.
    #[error("{shown}")]
    WorldShown {
        /// What the client reads.
        shown: Cow<'static, str>,
        /// Why it failed; for the log.
        #[source]
        source: Source,
    },
}

impl Error {
    /// A request that makes no sense as it is.
    pub fn invalid(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(text.into())
    }

    /// A failure of the world, with what was being done.
    pub fn world(action: impl Into<Cow<'static, str>>, source: impl Into<Source>) -> Self {
        Self::World { action: action.into(), source: source.into() }
    }
}

/// A failure with its causes, as it is kept for operators: at most so many bytes. Errors hold no secrets.
#[must_use]
pub fn shown(error: &Error, bytes_max: usize) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}

/// The text of several complaints as the Go libraries of this field print them, which clients search in:
/// `2 errors occurred:\n\t* first\n\t* second\n\n`.
#[must_use]
pub fn multi(complaints: &[impl AsRef<str>]) -> String {
    let mut text = match complaints.len() {
        1 => "1 error occurred:\n".to_owned(),
        count => format!("{count} errors occurred:\n"),
    };
    for complaint in complaints {
        text.push_str("\t* ");
        text.push_str(complaint.as_ref());
        text.push('\n');
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;

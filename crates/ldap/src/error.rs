//! Why a directory has not answered, or has refused.

use std::time::Duration;

use crate::ber::Malformed;
use crate::tls::TlsError;

/// A question to a directory that has no answer. Texts of the directory are its own; none holds what was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection.
    #[error("could not connect to {url}")]
    Connect {
        /// Where to.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The connection is there, but TLS is not.
    #[error("could not begin TLS with {url}")]
    BeginTls {
        /// With whom.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The keys or certificates cannot be used.
    #[error("could not use the settings of TLS")]
    UseTls(#[source] TlsError),
    /// The connection broke.
    #[error("the connection to the directory broke")]
    Broken(#[source] std::io::Error),
    /// The directory has hung up.
    #[error("the directory closed the connection")]
    Closed,
    /// The time is over.
    #[error("the directory did not {what} within {} seconds", limit.as_secs())]
    TimedOut {
        /// What it was to do.
        what: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// It sent something that is no answer.
    #[error("could not understand the directory")]
    Understand(#[from] UnderstandError),
    /// It sent more than anybody would want.
    #[error("the directory answered with more than {0}")]
    TooMuch(&'static str),
    /// It said no.
    #[error("the directory refused to {what} with the result {code}{}", Said(text))]
    Refused {
        /// What it was to do.
        what: &'static str,
        /// Its result code (RFC 4511 §4.1.9).
        code: u32,
        /// What it said.
        text: String,
    },
}

/// An answer that is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnderstandError {
    /// It is no message.
    #[error("the bytes are no message of LDAP")]
    Malformed,
    /// It is the answer to another question.
    #[error("the message answers another question")]
    Unexpected,
}

impl From<Malformed> for Error {
    fn from(_: Malformed) -> Self {
        Self::Understand(UnderstandError::Malformed)
    }
}

impl Error {
    /// Whether it is about who binds, and not about the directory: the name is none or nobody's, the password is wrong,
    /// or the account may not be used (RFC 4511 §4.1.9 and appendix A.2; constraintViolation is how a locked account is
    /// told of).
    #[must_use]
    pub fn is_about_credentials(&self) -> bool {
        const CODES: [u32; 6] = [
            19, // constraintViolation
            32, // noSuchObject
            34, // invalidDNSyntax
            48, // inappropriateAuthentication
            49, // invalidCredentials
            50, // insufficientAccessRights
        ];
        // unwillingToPerform is what some directories say of accounts that are disabled.
        matches!(self, Self::Refused { code, .. } if CODES.contains(code) || *code == 53)
    }

    /// Whether the connection is what failed, so that another one may do better.
    #[must_use]
    pub const fn is_of_connection(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Closed)
    }
}

/// A text of the directory, if it said one.
struct Said<'a>(&'a str);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

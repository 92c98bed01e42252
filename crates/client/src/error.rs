//! Why a call brought no answer. Errors name the call, and never what was sent with it.

use std::fmt;

use api::reply::ErrorBody;
use reqwest::{Method, Url};

use crate::config::ConfigError;
use crate::tls::TlsError;
use crate::{REPLY_BYTES_MAX, Reply, Untrusted};

/// The longest part of a body that is no error body to be shown, in bytes.
const RAW_BYTES_SHOWN: usize = 4096;

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys or certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client could not be set up.
    #[error("could not set up the HTTP client")]
    Build(#[source] reqwest::Error),
    /// The path would be changed on its way.
    #[error("the path must not have a segment \".\" or \"..\"")]
    DotSegment,
    /// No connection, or it broke.
    #[error("{method} \"{url}\"")]
    Send {
        /// What was called.
        method: Method,
        /// What was called.
        url: Box<Url>,
        /// Why.
        source: reqwest::Error,
    },
    /// The TLS handshake failed.
    #[error("{method} \"{url}\"")]
    Untrusted {
        /// What was called.
        method: Method,
        /// What was called.
        url: Box<Url>,
        /// Why.
        source: Untrusted,
    },
    /// The reply is longer than [`REPLY_BYTES_MAX`].
    #[error("{method} \"{url}\": the reply is longer than {REPLY_BYTES_MAX} bytes")]
    TooLong {
        /// What was called.
        method: Method,
        /// What was called.
        url: Box<Url>,
    },
    /// The server sends us from HTTPS to HTTP, where the token could be read by others, or nowhere.
    #[error("{method} \"{url}\": the server redirects to a place that a token must not be sent to")]
    Redirect {
        /// What was called.
        method: Method,
        /// What was called.
        url: Box<Url>,
    },
    /// The server sends us elsewhere, and we were told not to go.
    #[error("{method} \"{url}\": the server redirects, and redirects are switched off")]
    RedirectOff {
        /// What was called.
        method: Method,
        /// What was called.
        url: Box<Url>,
    },
    /// The reply says success in another language.
    #[error("{method} \"{url}\": the reply is not what this API answers")]
    Decode {
        /// What was called.
        method: Method,
        /// What was called.
        url: Box<Url>,
    },
    /// The server refused.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// Nothing was sent, as asked for: the call as a `curl` command line, which holds what would be sent but the token, or
    /// as the policy that it needs.
    #[error("{0}")]
    Described(Box<str>),
}

impl Error {
    /// No answer to a call.
    pub(crate) fn send(method: Method, url: Box<Url>, source: reqwest::Error) -> Self {
        match Untrusted::of(&source) {
            Some(source) => Self::Untrusted { method, url, source },
            None => Self::Send { method, url, source: source.without_url() },
        }
    }

    /// What the server hints at beside a refusal; none if there was no answer.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        match self {
            Self::Api(error) => &error.warnings,
            _ => &[],
        }
    }

    /// The status of a refusal; `None` if there was no answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api(error) => Some(error.status),
            _ => None,
        }
    }
}

/// A refusal by the server. Prints in the form that users know from the `vault` command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What was called.
    pub method: Method,
    /// What was called.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The namespace that was asked for.
    pub namespace: Option<String>,
    /// What the server says.
    pub errors: Vec<String>,
    /// What the server hints at beside its errors, such as a path that was meant.
    pub warnings: Vec<String>,
    /// Whether `errors` is one text that did not come as an error body, such as a proxy's page.
    pub is_raw: bool,
}

impl ApiError {
    pub(crate) fn new(method: Method, url: Url, namespace: Option<String>, reply: &Reply) -> Self {
        let (errors, is_raw) = match serde_json::from_slice::<ErrorBody>(&reply.body) {
            Ok(body) => (body.errors, false),
            Err(_) if reply.body.is_empty() => (Vec::new(), false),
            Err(_) => {
                let shown = reply.body.get(..RAW_BYTES_SHOWN).unwrap_or(&reply.body);
                (vec![String::from_utf8_lossy(shown).into_owned()], true)
            }
        };
        let hints = serde_json::from_slice::<Hints>(&reply.body).unwrap_or_default();
        let warnings = hints.warnings.unwrap_or_default();
        Self { method, url, status: reply.status, namespace, errors, warnings, is_raw }
    }
}

/// What a refusal may have beside its errors.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Hints {
    warnings: Option<Vec<String>>,
}

impl std::error::Error for ApiError {}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Error making API request.\n\n")?;
        if let Some(namespace) = &self.namespace {
            writeln!(f, "Namespace: {namespace}")?;
        }
        let kind = if self.is_raw { "Raw Message" } else { "Errors" };
        write!(f, "URL: {} {}\nCode: {}. {kind}:\n", self.method, self.url, self.status)?;
        for error in &self.errors {
            write!(f, "\n{}{error}", if self.is_raw { "" } else { "* " })?;
        }
        Ok(())
    }
}

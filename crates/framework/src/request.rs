//! A logical request: what any front door turns its wire format into.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secret::Secret;
use serde_json::{Map, Value};

use crate::browser::BrowserSettings;
use crate::context::Connection;
use crate::error::Error;
use crate::reply::{Header, Reply};

/// What a request wants to do. `Create` and `Update` are one on the wire; the core tells them apart by asking the
/// engine whether the thing exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Operation {
    /// Store something that was not there.
    Create,
    /// Read one thing.
    Read,
    /// Replace or act on something.
    Update,
    /// Merge into something that is there.
    Patch,
    /// Remove.
    Delete,
    /// One level of names.
    List,
    /// All names below, folders folded out (OpenBao's verb).
    Scan,
    /// Describe the path.
    Help,
}

impl Operation {
    /// The word that policies, audit records and messages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Scan => "scan",
            Self::Help => "help",
        }
    }

    /// Whether the request carries a body that the engine reads.
    #[must_use]
    pub const fn has_body(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the token of a wrapped reply is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WrapFormat {
    /// As any other token.
    #[default]
    Token,
    /// As a signed JSON Web Token that holds the token, for receivers that want to check where it comes from.
    Jwt,
}

/// The headers of a request, as its front door holds them: nothing of them is copied unless somebody asks.
pub trait HeaderSource: Send + Sync {
    /// All values of a header in the order in which they came. Names are compared without case; a value that is no text
    /// is left out.
    fn values(&self, name: &str) -> Vec<String>;
}

/// A request as a front door hands it to the core. Its path and token are as the client sent them, decoded. Its `Debug`
/// shows the names of the values and no value.
#[derive(Clone)]
pub struct Request {
    /// Random UUID, shown to the client and written to the logs.
    pub id: String,
    /// `Update` stands for every write until the core has asked the engine.
    pub operation: Operation,
    /// Without version prefix and leading slash. A list ends in `/` or not: both are the same.
    pub path: String,
    /// The namespace asked for by header; empty for the root namespace.
    pub namespace: String,
    /// The client's token, any text.
    pub token: Option<Secret<String>>,
    /// Body, form or query, as one object.
    pub data: Map<String, Value>,
    /// The reply is to be wrapped, for this long.
    pub wrap_ttl: Option<Duration>,
    /// How the token of a wrapped reply is written.
    pub wrap_format: WrapFormat,
    /// How far the store had come when the client's earlier requests were answered, as the answers told; any text.
    pub indexes: Vec<String>,
    /// Where the request came in.
    pub connection: Arc<Connection>,
    /// What else the client sent about the request. Engines see of it what their mount's `passthrough_request_headers`
    /// names, and never the token.
    pub headers: Option<Arc<dyn HeaderSource>>,
}

impl Request {
    /// A request with nothing but its operation and path; tests and internal callers fill in the rest.
    #[must_use]
    pub fn new(id: String, operation: Operation, path: impl Into<String>) -> Self {
        Self {
            id,
            operation,
            path: path.into(),
            namespace: String::new(),
            token: None,
            data: Map::new(),
            wrap_ttl: None,
            wrap_format: WrapFormat::default(),
            indexes: Vec::new(),
            connection: Arc::new(Connection::default()),
            headers: None,
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &self.id)
            .field("operation", &self.operation)
            .field("path", &self.path)
            .field("namespace", &self.namespace)
            .field("data", &self.data.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Whatever answers requests: the core, or a stand-in for it in a front door's tests.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Never panics: a panic below is caught and becomes an [`Error::World`]. Cancel-safe in
    /// the sense of storage: a commit under way is finished or not begun, never half.
    async fn answer(&self, request: Request) -> Answer;

    /// Whether a request must be answered even when the node refuses others for want of room: what an operator needs
    /// to see and to act. A word on the path itself. Asked only then, and must not wait.
    fn is_urgent(&self, operation: Operation, path: &str) -> bool {
        let _ = (operation, path);
        false
    }

    /// Whether the body of a request is read. That of a `DELETE` is, where a word on the path says so.
    fn reads_body(&self, operation: Operation, path: &str) -> bool {
        let _ = path;
        operation.has_body()
    }

    /// The cluster's settings that concern browsers, as of now. Asked for requests that come from one, so it should
    /// cost nothing once known.
    ///
    /// # Errors
    /// When they are set and cannot be read. While sealed they are the defaults.
    async fn browser_settings(&self) -> Result<Arc<BrowserSettings>, Error> {
        Ok(Arc::default())
    }
}

/// What became of a request.
#[derive(Debug)]
pub struct Answer {
    /// The request's id.
    pub request_id: String,
    /// The engine type that answered; empty when none did.
    pub mount_type: String,
    /// The reply, or why there is none.
    pub result: Result<Reply, Error>,
    /// After a change: how far the store has come, for later requests to send along.
    pub index: Option<String>,
    /// Headers that the answer gets whether the request went well or not, beside those of the reply.
    pub headers: Vec<Header>,
}

#[cfg(test)]
mod tests;

//! What a handler is given beside its input. It cannot reach the core or other mounts from here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::Timestamp;
use env::Env;
use secret::Secret;
use serde::Serialize;

use crate::engine::Kind;
use crate::error::Error;
use crate::lease::{Intent, Intents, note};
use crate::request::Operation;
use crate::view::View;

/// A handler's surroundings for one request.
pub struct Context {
    /// The mount's own part of the storage.
    pub view: View,
    /// Clock and randomness.
    pub env: Env,
    /// The mount that the request came to.
    pub mount: Arc<Mount>,
    /// The namespace that the mount is in.
    pub namespace: Arc<Namespace>,
    /// Who asks.
    pub caller: Caller,
    /// Where the request came in.
    pub connection: Arc<Connection>,
    /// For how long the caller asks the reply to be wrapped.
    pub wrap_ttl: Option<Duration>,
    /// The request's id.
    pub request_id: String,
    /// The request's path behind the mount path.
    pub path: String,
    /// The request's headers that the mount asks for.
    pub headers: Headers,
    /// Stores what is about to be made outside; only in requests to a row that [makes leases](crate::Path::makes_leases).
    pub intents: Option<Arc<dyn Intents>>,
}

impl Context {
    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from(self.env.now())
    }

    /// Announces that something is about to be made outside the server, with everything that it takes to find it and to
    /// undo it, and the candidate credential where the engine chooses it. Once this returns, a lease comes of it, or the
    /// kind's [`undo`](crate::SecretKind::undo) is called with the note: after an error of the handler at once, after a
    /// crash when no request of then can be at work any more.
    ///
    /// # Errors
    /// When the caller's token or the mount goes away meanwhile, or the store refuses: then nothing must be made.
    pub async fn intend<T: Serialize>(&self, kind: &'static str, data: &T) -> Result<Intent, Error> {
        let note = note(data)?;
        match &self.intents {
            Some(intents) => intents.intend(kind, note).await,
            None => Err(Error::world("store an intent", "the row does not say that it makes leases")),
        }
    }

    /// Takes an intent back that there is nothing to undo of: the outside has refused for certain, or what it made is the
    /// engine's own and stored. After a crash [`undo`](crate::SecretKind::undo) is called all the same, and must see that.
    pub fn withdraw(&self, intent: Intent) {
        if let Some(intents) = &self.intents {
            intents.withdraw(intent);
        }
    }

    /// Whether the caller's policies would allow an operation on a path of this mount, which is told without the mount
    /// path in front: for replies that show only what the caller may ask for one by one. The request itself has been
    /// judged before its handler is called.
    #[must_use]
    pub fn may(&self, operation: Operation, path: &str) -> bool {
        let Some(judge) = &self.caller.judge else { return false };
        let before = match self.mount.kind {
            Kind::Secrets => "",
            Kind::Auth => "auth/",
        };
        judge.allows(operation, &[self.namespace.path.as_str(), before, &self.mount.path, path].concat())
    }
}

/// Says what a caller may do. The core's resolved token is one.
pub trait Judge: Send + Sync {
    /// Whether an operation without parameters is allowed on a path, which is told as in a request to the root namespace. That of a list or
    /// scan ends in `/`, unless it is of the top.
    fn allows(&self, operation: Operation, path: &str) -> bool;
}

impl fmt::Debug for dyn Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// Some headers of a request. Names are compared without case. `Debug` shows the names alone: a value may be a secret.
#[derive(Clone, Default)]
pub struct Headers(BTreeMap<String, Vec<String>>);

impl Headers {
    /// The first value of a header.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    /// All values of a header in the order in which they came.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }
}

impl FromIterator<(String, Vec<String>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, Vec<String>)>>(headers: I) -> Self {
        let headers = headers.into_iter().filter(|(_, values)| !values.is_empty());
        Self(headers.map(|(name, values)| (name.to_ascii_lowercase(), values)).collect())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// An engine at a path, as its handlers see it.
#[derive(Clone, Debug, Default)]
pub struct Mount {
    /// Secrets engine or auth method.
    pub kind: Kind,
    /// Ends in `/`; auth methods without `auth/` in front.
    pub path: String,
    /// Stable, not secret: `<type>_<8 hex>`.
    pub accessor: String,
    /// Part of every storage key of the mount.
    pub uuid: String,
    /// The mount's options, such as `version`.
    pub options: BTreeMap<String, String>,
    /// What leases and tokens get when nothing else is asked.
    pub default_lease_ttl: Duration,
    /// The most that they can get.
    pub max_lease_ttl: Duration,
}

/// A tenant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Namespace {
    /// `root`, or six random characters.
    pub id: String,
    /// Empty for the root namespace, else ends in `/`.
    pub path: String,
}

impl Namespace {
    /// A path in this namespace as seen from the root one.
    #[must_use]
    pub fn full_path<'p>(&self, path: &'p str) -> Cow<'p, str> {
        if self.path.is_empty() { Cow::Borrowed(path) } else { Cow::Owned([self.path.as_str(), path].concat()) }
    }
}

/// Who asks, as far as an engine may know.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The token's text as the client sent it, for the engines of the core alone; redacted wherever it is printed.
    pub token: Option<Secret<String>>,
    /// The accessor of the token; empty without one.
    pub accessor: String,
    /// The display name of the token.
    pub display_name: String,
    /// The entity behind it; empty for nobody known.
    pub entity_id: String,
    /// When the token was made: for one of a login, when that was.
    pub issued: Option<Timestamp>,
    /// The keyed hash that names the token in storage; empty without one. Not secret.
    pub token_hash: String,
    /// Whether the policies gave `sudo` on this path.
    pub is_sudo: bool,
    /// Says what else the caller may do; nothing without one. See [`Context::may`].
    pub judge: Option<Arc<dyn Judge>>,
}

/// Where a request came in.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The other side; `None` on a Unix socket or inside the process.
    pub remote: Option<SocketAddr>,
    /// Whether the bytes were encrypted on the way.
    pub is_tls: bool,
    /// The certificates that the client presented, DER, leaf first. Possession is proven, trust is not.
    pub client_certificates: Vec<Vec<u8>>,
    /// What the operator shows without a token to whoever reaches this listener.
    pub openings: Openings,
}

/// What a listener shows without a token, as its configuration says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Openings {
    /// The node's metrics.
    pub metrics: bool,
    /// The requests that it is answering.
    pub in_flight_requests: bool,
}

/// What an operator can have a listener show without a token. Said of a row by [`Path::opened_by`](crate::Path::opened_by).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// See [`Openings::metrics`].
    Metrics,
    /// See [`Openings::in_flight_requests`].
    InFlightRequests,
}

impl Openings {
    /// Whether this is shown.
    #[must_use]
    pub const fn shows(self, opening: Opening) -> bool {
        match opening {
            Opening::Metrics => self.metrics,
            Opening::InFlightRequests => self.in_flight_requests,
        }
    }
}

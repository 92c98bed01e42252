//! Recovery mode: a node that opens its store and nothing else, for the day on which the server does not come up, or
//! must not, with what is stored.
//!
//! It answers a handful of rows of `sys/`. Shares give a recovery token, which lives in memory alone, and with it
//! `sys/raw` reads and writes entries. There are no mounts, tokens, leases or namespaces here, no worker, no sweep and no
//! audit device: whatever is written was asked for with the token, and the log is the only record of it. This module
//! must never start any of them, and never write by itself.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use barrier::Barrier;
use barrier::seal::{Device, SealControl};
use env::Env;
use framework::router::TableError;
use framework::{
    Answer, Caller, Context, Error, Headers, Mount, Mounted, Namespace, Operation, Reply, Request, Service, View,
};
use serde_json::{Map, Value};

use crate::keys::ROOT_NAMESPACE;
use crate::node::Node;
use crate::store::Store;
use crate::sys::RawPart;

mod paths;
mod rescue;

use paths::RecoveryPart;
use rescue::Rescue;

/// Where the rows are.
const SYSTEM: &str = "sys/";
/// What all other requests are told. With the status of a sealed node: whoever took 404 for an answer would believe that
/// secrets are gone.
const NOT_SERVED: &str = "Vault is in recovery mode: only sys/health, sys/seal-status, sys/generate-recovery-token and, \
    with a recovery token, sys/raw are answered";

/// Everything that a node in recovery mode is made of.
pub struct RecoveryParts {
    /// The sealed barrier over the configured store.
    pub barrier: Barrier,
    /// What protects the root key.
    pub device: Device,
    /// Clocks and randomness.
    pub env: Env,
    /// What the node says of itself.
    pub node: Node,
}

/// A node in recovery mode, sealed at first.
pub struct Recovery {
    env: Env,
    barrier: Barrier,
    engine: Arc<dyn Mounted>,
    rescue: Arc<Rescue>,
    namespace: Arc<Namespace>,
}

impl Recovery {
    /// Puts it together. Nothing is read from the store.
    ///
    /// # Errors
    /// When the table cannot be routed.
    pub fn new(parts: RecoveryParts) -> Result<Self, TableError> {
        let RecoveryParts { barrier, device, env, node } = parts;
        let rescue = Arc::new(Rescue::new(env.clone(), SealControl::new(barrier.clone(), device)));
        let raw = RawPart::new(&Store::new(barrier.clone()), true);
        let engine = paths::engine(RecoveryPart { rescue: Arc::clone(&rescue), node, raw })?;
        let namespace = Arc::new(Namespace { id: ROOT_NAMESPACE.to_owned(), path: String::new() });
        Ok(Self { env, barrier, engine, rescue, namespace })
    }

    /// Whether the store has been initialized. One that has not been has nothing to be recovered.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn is_initialized(&self) -> Result<bool, Error> {
        self.rescue.is_initialized().await
    }

    /// Locks the keys away and forgets the token and the shares; for the end of the process.
    pub async fn close(&self) {
        self.rescue.close().await;
    }

    async fn run(&self, request: &Request, data: Map<String, Value>) -> Result<Reply, Error> {
        let not_served = || Error::Busy(NOT_SERVED.into());
        let path = request.path.strip_prefix(SYSTEM).ok_or_else(not_served)?;
        let route = self.engine.route(request.operation, path).map_err(|error| match error {
            Error::Unrouted(_) => not_served(),
            error => error,
        })?;
        if !route.access.is_unauthenticated {
            self.admit(request)?;
        }
        let context = Context {
            // Nothing here keeps anything of its own: below a prefix that nobody uses.
            view: View::new(self.barrier.clone(), "none/", Vec::new()),
            env: self.env.clone(),
            mount: Arc::new(Mount::default()),
            namespace: Arc::clone(&self.namespace),
            caller: Caller::default(),
            connection: Arc::clone(&request.connection),
            wrap_ttl: None,
            request_id: request.id.clone(),
            path: path.to_owned(),
            headers: Headers::default(),
            intents: None,
        };
        self.engine.handle(&context, route, request.operation, data).await
    }

    /// Lets a request through that comes with the recovery token, and says so in the log, because no audit device does.
    fn admit(&self, request: &Request) -> Result<(), Error> {
        if !self.rescue.is_token(request.token.as_ref()) {
            return Err(Error::Denied);
        }
        if !matches!(request.namespace.trim_matches('/'), "" | ROOT_NAMESPACE) {
            return Err(Error::invalid("operation unavailable in namespaces"));
        }
        if request.wrap_ttl.is_some() {
            return Err(Error::invalid("no reply can be wrapped in recovery mode"));
        }
        let (operation, path) = (request.operation.name(), request.path.as_str());
        let remote = request.connection.remote.map(|it| it.to_string()).unwrap_or_default();
        tracing::warn!(operation, path, remote, "recovery mode: a request with the recovery token");
        Ok(())
    }
}

#[async_trait]
impl Service for Recovery {
    async fn answer(&self, mut request: Request) -> Answer {
        let data = std::mem::take(&mut request.data);
        let tag = telemetry::Tag::of(&request.id);
        let result = telemetry::tagged(tag, pin!(self.run(&request, data))).await;
        let mount_type = if result.is_ok() { self.engine.type_name().to_owned() } else { String::new() };
        Answer { request_id: request.id, mount_type, result, index: None, headers: Vec::new() }
    }

    fn is_urgent(&self, operation: Operation, path: &str) -> bool {
        let route = path.strip_prefix(SYSTEM).and_then(|path| self.engine.route(operation, path).ok());
        route.is_some_and(|route| route.access.is_urgent)
    }
}

#[cfg(test)]
mod tests;

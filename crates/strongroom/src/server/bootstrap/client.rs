//! The node as a client of itself: requests without a listener, under a token of the node's own.

use env::Env;
use framework::reply::Data;
use framework::{Error, Operation, Reply, Request, Service as _, Status};
use secret::Secret;
use serde_json::{Map, Value};
use server_core::Core;

/// What a read shows.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Shown {
    /// Nothing is there.
    Absent,
    /// The path cannot be read: it is an action, or leads nowhere yet.
    Unreadable,
    /// This is there.
    Object(Map<String, Value>),
}

/// Asks under one token.
pub(super) struct Client<'c> {
    core: &'c Core,
    env: &'c Env,
    token: Secret<String>,
}

impl<'c> Client<'c> {
    pub(super) async fn new(core: &'c Core, env: &'c Env) -> Result<Self, Error> {
        Ok(Self { core, env, token: core.bootstrap_token().await? })
    }

    /// What is at the path.
    pub(super) async fn read(&self, namespace: &str, path: &str) -> Result<Shown, Error> {
        match self.ask(Operation::Read, namespace, path, Map::new()).await {
            Ok(Reply { status: Status::Gone, .. }) | Err(Error::NotFound) => Ok(Shown::Absent),
            Ok(reply) => Ok(shown(reply)),
            Err(Error::UnsupportedOperation | Error::Unrouted(_) | Error::Invalid(_)) => Ok(Shown::Unreadable),
            // The token has every right: what denies it hides that nothing is there.
            Err(Error::Denied | Error::DeniedBecause(_)) => Ok(Shown::Unreadable),
            Err(error) => Err(error),
        }
    }

    /// Writes to the path. What comes back is of no interest, and may be secret.
    pub(super) async fn write(&self, namespace: &str, path: &str, data: Map<String, Value>) -> Result<(), Error> {
        self.ask(Operation::Update, namespace, path, data).await.map(drop)
    }

    async fn ask(
        &self,
        operation: Operation,
        namespace: &str,
        path: &str,
        data: Map<String, Value>,
    ) -> Result<Reply, Error> {
        let mut request = Request::new(self.env.uuid(), operation, path);
        namespace.clone_into(&mut request.namespace);
        request.token = Some(self.token.clone());
        request.data = data;
        self.core.answer(request).await.result
    }
}

fn shown(reply: Reply) -> Shown {
    let data = match reply.data {
        Some(Data::Object(data)) => Some(data),
        Some(Data::Raw(text)) => serde_json::from_str(text.get()).ok(),
        None => None,
    };
    data.map_or(Shown::Unreadable, Shown::Object)
}

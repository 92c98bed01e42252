//! The client for commands: the same calls, but each waits for its answer, since a command does one thing at a time.

use api::reply::Envelope;
use client::{Client, Config, Error, Reply, Request};
use secret::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::failure::{Failure, chain};

pub(crate) type Answer = Result<Option<Envelope>, Error>;

pub(crate) struct Connection {
    runtime: Runtime,
    client: Client,
}

impl Connection {
    pub fn new(config: &Config) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(|error| Failure::usage(format!("Could not start: {error}")))?,
            client: Client::new(config).map_err(|error| Failure::usage(chain(&error)))?,
        })
    }

    /// The same with another token.
    pub fn with_token(self, token: &SecretString) -> Result<Self, Failure> {
        let client = self.client.with_token(Some(token)).map_err(|error| Failure::usage(chain(&error)))?;
        Ok(Self { client, ..self })
    }

    pub fn read(&self, path: &str, query: &[(String, String)]) -> Answer {
        self.runtime.block_on(self.client.read(path, query))
    }

    /// The same for what has to be known before the command's own call; see [`Self::ask`].
    pub fn ask_read(&self, path: &str, query: &[(String, String)]) -> Answer {
        self.runtime.block_on(self.client.asking().read(path, query))
    }

    /// The same, not wrapped.
    pub fn read_unwrapped(&self, path: &str) -> Answer {
        self.runtime.block_on(self.client.unwrapped().read(path, &[]))
    }

    pub fn list(&self, path: &str, query: &[(String, String)]) -> Answer {
        self.runtime.block_on(self.client.list(path, query))
    }

    /// Everything below a path, at any depth.
    pub fn scan(&self, path: &str, query: &[(String, String)]) -> Answer {
        self.runtime.block_on(self.client.scan(path, query))
    }

    pub fn write(&self, path: &str, body: &Value) -> Answer {
        self.runtime.block_on(self.client.write(path, body))
    }

    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.runtime.block_on(self.client.patch(path, body))
    }

    pub fn delete(&self, path: &str, query: &[(String, String)]) -> Answer {
        self.runtime.block_on(self.client.delete(path, query))
    }

    pub fn call<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        self.runtime.block_on(self.client.call(request))
    }

    /// The same for what has to be known before the command's own call: it is sent even if that one is only described,
    /// and is not wrapped.
    pub fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        self.runtime.block_on(self.client.asking().call(request))
    }

    /// Hands an answer of any length to `sink` as it comes.
    pub fn receive<E>(
        &self,
        request: Request,
        sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, Error> {
        self.runtime.block_on(self.client.receive(request, sink))
    }

    pub fn send(&self, request: Request) -> Result<Reply, Error> {
        self.runtime.block_on(self.client.send(request))
    }
}

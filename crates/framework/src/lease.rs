//! Secrets that end: what an engine says of one when it hands it out, and how its kinds are renewed and revoked.
//!
//! A handler answers with a [`Grant`]; the core turns it into a lease before the reply leaves. What is made outside the
//! server is announced first, by [`Context::intend`](crate::Context::intend): the core stores the announcement, and
//! whatever becomes of the request, of the node or of the answer from outside, either a lease stands for the thing or it
//! is undone. Revoking and undoing are called again after a failure, and may be called twice at once, so both must take
//! what is gone already for done. Nothing here ever prints what an engine keeps about a secret.

use std::fmt;
use std::time::Duration;

use api::Timestamp;
use async_trait::async_trait;
use env::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::context::Context;
use crate::error::Error;
use crate::path::Handler;

/// The longest data that an engine may keep about one secret, in bytes.
pub const LEASE_DATA_BYTES_MAX: usize = 32 * 1024;

type Hook<S, T> = Box<dyn for<'a> Fn(&'a S, &'a Context, Held) -> BoxFuture<'a, Result<T, Error>> + Send + Sync>;

/// One kind of secret that an engine with state `S` hands out.
pub struct SecretKind<S> {
    pub(crate) name: &'static str,
    pub(crate) revoke: Hook<S, ()>,
    pub(crate) undo: Option<Hook<S, ()>>,
    pub(crate) limits: Option<Hook<S, Limits>>,
    pub(crate) renew: Option<Hook<S, ()>>,
}

impl<S: Send + Sync + 'static> SecretKind<S> {
    /// A kind that `revoke` takes back. `name` is stored in leases and never changes its meaning.
    #[must_use]
    pub fn new(name: &'static str, revoke: impl for<'a> Handler<'a, S, Held, ()> + 'static) -> Self {
        let revoke: Hook<S, ()> = Box::new(move |state, context, held| Box::pin(revoke.call(state, context, held)));
        Self { name, revoke, undo: None, limits: None, renew: None }
    }

    /// How what was intended, and may have been made or not, is taken back. [`Held::data`] is the intent's note.
    #[must_use]
    pub fn undo(mut self, undo: impl for<'a> Handler<'a, S, Held, ()> + 'static) -> Self {
        self.undo = Some(Box::new(move |state, context, held| Box::pin(undo.call(state, context, held))));
        self
    }

    /// How long secrets of the kind may live at a renewal, for example because their role has been changed. A kind
    /// without it stays within the limits that it was granted with.
    #[must_use]
    pub fn limits(mut self, limits: impl for<'a> Handler<'a, S, Held, Limits> + 'static) -> Self {
        self.limits = Some(Box::new(move |state, context, held| Box::pin(limits.call(state, context, held))));
        self
    }

    /// What a renewal has to do outside before it is stored; [`Held::expires`] is the new end.
    #[must_use]
    pub fn renew(mut self, renew: impl for<'a> Handler<'a, S, Held, ()> + 'static) -> Self {
        self.renew = Some(Box::new(move |state, context, held| Box::pin(renew.call(state, context, held))));
        self
    }
}

/// What a secret's hooks are told of it.
#[derive(Clone)]
pub struct Held {
    kind: String,
    data: Box<RawValue>,
    /// When it was handed out, or intended.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl Held {
    /// A secret of a kind, with what its engine kept about it.
    #[must_use]
    pub fn new(kind: impl Into<String>, data: Box<RawValue>, issued: Timestamp, expires: Timestamp) -> Self {
        Self { kind: kind.into(), data, issued, expires }
    }

    /// Which kind of the engine's.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What the engine kept: of the grant, or of the intent as long as nothing was granted.
    ///
    /// # Errors
    /// [`Error::World`] when it does not decode: it is damaged or newer than this release.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.data.get()).map_err(|source| Error::world("decode what is kept of a secret", source))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// How long secrets may live. Zero says nothing: then the mount's time counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// What the secret gets when nothing is asked.
    pub ttl: Duration,
    /// The most that it can live, counted from when it was handed out.
    pub max_ttl: Duration,
}

/// A secret that ends. Its `Debug` shows nothing of what the engine keeps.
pub struct Grant {
    /// One of the engine's kinds.
    pub kind: &'static str,
    /// What the engine needs to renew and revoke it.
    pub data: Box<RawValue>,
    /// What the request or the role asks for; zero is the mount's default.
    pub ttl: Duration,
    /// The most that the role gives; zero is the mount's.
    pub max_ttl: Duration,
    /// Whether it can be renewed.
    pub is_renewable: bool,
    /// The intent that it fulfills.
    pub intent: Option<Intent>,
}

impl Grant {
    /// A renewable secret of a kind that lives as long as the mount says. `data` must not be larger than
    /// [`LEASE_DATA_BYTES_MAX`].
    ///
    /// # Errors
    /// When the data does not encode.
    pub fn new<T: Serialize>(kind: &'static str, data: &T) -> Result<Self, Error> {
        let data = note(data)?;
        Ok(Self { kind, data, ttl: Duration::ZERO, max_ttl: Duration::ZERO, is_renewable: true, intent: None })
    }

    /// What is asked for, and the most that there can be; zero is the mount's.
    #[must_use]
    pub fn lasting(mut self, ttl: Duration, max_ttl: Duration) -> Self {
        (self.ttl, self.max_ttl) = (ttl, max_ttl);
        self
    }

    /// It ends when its time is over, whatever anybody asks.
    #[must_use]
    pub fn not_renewable(mut self) -> Self {
        self.is_renewable = false;
        self
    }

    /// It is what was intended.
    #[must_use]
    pub fn fulfilling(mut self, intent: Intent) -> Self {
        self.intent = Some(intent);
        self
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("kind", &self.kind).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// The number of an intent within its request. A handler that returns without fulfilling it has it undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Intent(pub usize);

/// Stores what is about to be made outside. The core's part of a request that may hand out secrets is one.
#[async_trait]
pub trait Intents: Send + Sync {
    /// Stores the intent, durably before it returns.
    ///
    /// # Errors
    /// When the token or the mount goes away meanwhile, or the store refuses: then nothing must be made.
    async fn intend(&self, kind: &'static str, note: Box<RawValue>) -> Result<Intent, Error>;

    /// There is nothing to undo: nothing was made for certain, or what was made is looked after in another way.
    fn withdraw(&self, intent: Intent);
}

impl fmt::Debug for dyn Intents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Intents")
    }
}

/// What an engine keeps about a secret, as it is stored.
pub(crate) fn note<T: Serialize>(data: &T) -> Result<Box<RawValue>, Error> {
    let data = to_raw_value(data).map_err(|source| Error::world("encode what is kept of a secret", source))?;
    if data.get().len() > LEASE_DATA_BYTES_MAX {
        return Err(Error::world("keep what is needed of a secret", "it is too long"));
    }
    Ok(data)
}

#[cfg(test)]
mod tests;

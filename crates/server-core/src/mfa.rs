//! Login MFA: logins that need a second factor, a code that changes with time (documented Vault behavior of login MFA).
//!
//! A *method* says how secrets are made; an entity has at most one *secret* of each; an *enforcement* says whose logins need
//! which methods, in its namespace and all below it. Every auth method gets it at the one place where logins become tokens
//! ([`admit`]): either the proof comes with the login, or the login waits under a name ([`waiting`]) until it comes.
//!
//! Nothing of it is in a node's memory. What waits is an entry, used by an expected removal in the commit that makes the
//! token. Used codes and wrong ones are counted in an entry beside the secret, which the same commit expects as it was read:
//! of two who bring one code at once, on whichever nodes, one gets in; and however many guess at once, each is counted
//! before it is told that it was wrong. No reply shows a secret but the one that makes it.

use std::sync::Arc;

use barrier::Changes;
use env::Env;
use framework::view::to_stored;
use framework::{Error, Namespace};
use storage::{Expectation, Key, Revision};

use crate::cluster::Identity;
use crate::identity::Identities;
use crate::keys::{self, ROOT_NAMESPACE};
use crate::mounts::Mounts;
use crate::store::{Lost, Store};
use crate::tokens::Tokens;

pub(crate) mod admit;
mod barcode;
mod enforcements;
pub(crate) mod entry;
mod methods;
pub(crate) mod paths;
pub(crate) mod proofs;
mod secrets;
mod sweep;
mod totp;
mod waiting;

/// The word in the due index's keys.
const DUE_KIND: &str = "mfa";
/// The word of the API for the only type of method.
const TOTP: &str = "totp";
/// The longest name of a method or an enforcement, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// How many entries one storage call of a list asks for.
const PAGE: usize = 100;

/// Second factors of all namespaces.
pub(crate) struct Mfa {
    store: Store,
    env: Env,
    cluster: Arc<Identity>,
    identities: Arc<Identities>,
    mounts: Arc<Mounts>,
    tokens: Arc<Tokens>,
}

impl Mfa {
    pub(crate) fn new(
        store: Store,
        env: Env,
        cluster: Arc<Identity>,
        identities: Arc<Identities>,
        mounts: Arc<Mounts>,
        tokens: Arc<Tokens>,
    ) -> Self {
        Self { store, env, cluster, identities, mounts, tokens }
    }

    fn now_nanos(&self) -> i64 {
        to_stored(self.env.now().into())
    }

    /// A namespace's id and those of the namespaces that it is in, from the inside out, each with its path.
    async fn line_of(&self, namespace: &Namespace) -> Result<Vec<(String, String)>, Error> {
        let mut line = vec![(namespace.id.clone(), namespace.path.clone())];
        let mut path = namespace.path.trim_end_matches('/');
        while let Some((above, _)) = path.rsplit_once('/') {
            // One that is being removed takes all below it along.
            let place = self.mounts.namespaces.at(above).await?.ok_or(Error::Denied)?;
            line.push((place.namespace.id.clone(), place.namespace.path.clone()));
            path = above;
        }
        if namespace.id != ROOT_NAMESPACE {
            line.push((ROOT_NAMESPACE.to_owned(), String::new()));
        }
        Ok(line)
    }

    /// Changes that expect the namespace to live.
    async fn changes(&self, ns: &str) -> Result<Changes, Error> {
        let live_key = keys::namespace_live(ns)?;
        let [live] = self.store.revisions_of([live_key.clone()]).await?;
        let mut changes = Changes::new();
        changes.expect(Expectation::At(live_key, live.ok_or(Error::NotFound)?));
        Ok(changes)
    }

    async fn commit(&self, changes: Changes) -> Result<Revision, Lost> {
        self.store.commit(changes).await.map(|receipt| receipt.revision)
    }

    async fn delete_if_there(&self, key: Key, changes: &mut Changes) -> Result<(), Error> {
        if let [Some(revision)] = self.store.revisions_of([key.clone()]).await? {
            changes.delete(key, revision);
        }
        Ok(())
    }
}

/// Names come in headers, with a colon behind them, and in keys, with a slash.
fn check_name(what: &str, name: &str) -> Result<(), Error> {
    if name.len() > NAME_BYTES_MAX || name.contains([':', '/']) || name.chars().any(char::is_control) {
        let text = format!("the name of {what} has {NAME_BYTES_MAX} bytes at most, and neither \":\" nor \"/\"");
        return Err(Error::Invalid(text.into()));
    }
    Ok(())
}

/// The last part of a key below a folder.
fn name_below(key: &Key, folder: &str) -> String {
    key.as_bytes().get(folder.len()..).map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! What several people do together: each gives a share, and with the last one something happens. A new root token, new
//! unseal keys, new recovery keys; one attempt of each at a time.
//!
//! An attempt is an entry that names the node it belongs to, so that all nodes know of it; the shares are in locked memory
//! of that node and nowhere else, and are gone when it is sealed or ends. Whoever asks afterwards is told that the attempt
//! was lost. The entry is deleted in the commit that does what the attempt is about: it happens once. Shares must never
//! be kept longer than the attempt, told to anybody, or counted for another nonce than the one they came with.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use barrier::Changes;
use barrier::seal::{Authority, Proof, SealControl, ShareError, VerifyError, check_share};
use env::Env;
use framework::Error;
use framework::view::{StoredTime, from_barrier, to_stored};
use secret::SecretBytes;
use serde::{Deserialize, Serialize};
use storage::Revision;
use tokio::sync::MutexGuard;
use tokio::task::JoinHandle;

use crate::cluster::Identity;
use crate::keys;
use crate::node::Node;
use crate::pgp;
use crate::store::{Lost, Store, encode};

pub(crate) mod allowance;
mod backup;
pub(crate) mod cover;
pub(crate) mod generate_root;
pub(crate) mod rekey;
pub(crate) mod shares;

use allowance::{Allowance, BEGINNINGS, SHARES};
use cover::Cover;
use rekey::RekeyAttempt;
use shares::Shares;

/// How long the shares from before a rekey could still bring the store back if this process died: long enough for the
/// reply with the new ones to leave.
const SETTLE_AFTER: Duration = Duration::from_secs(10);

/// The running attempts of this node.
pub(crate) struct Attempts {
    store: Store,
    env: Env,
    identity: Arc<Identity>,
    control: Arc<SealControl>,
    /// Names this process: an attempt of another one is not ours, even at the same address.
    process: String,
    /// Where others reach this node; empty when unknown.
    address: String,
    /// Whether it takes the nonce to cancel a young rekey. Clients of earlier levels do not send it.
    cancels_by_nonce: bool,
    shares: Allowance,
    beginnings: Allowance,
    pub(crate) pgp: pgp::Reader,
    root: Slot<Cover>,
    barrier: Slot<RekeyAttempt>,
    recovery: Slot<RekeyAttempt>,
    /// Drops the shares from before a rekey, in a moment.
    settling: Mutex<Option<JoinHandle<()>>>,
}

/// Why there is no answer from here.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The attempt is another node's, at this address.
    Elsewhere(String),
    /// Anything else.
    Error(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// `core/attempt/<kind>`.
#[derive(Serialize, Deserialize)]
struct AttemptEntry {
    v: u32,
    nonce: String,
    process: String,
    address: String,
    started: StoredTime,
}

/// The place of one kind of attempt. Its lock is held while the store is asked: two people who give their shares at the
/// same moment must both count.
struct Slot<T> {
    kind: &'static str,
    held: tokio::sync::Mutex<Option<Held<T>>>,
}

/// An attempt of this node.
struct Held<T> {
    nonce: String,
    /// Of its entry.
    revision: Revision,
    shares: Shares,
    about: T,
}

/// A slot as it was found.
struct Found<'s, T> {
    held: MutexGuard<'s, Option<Held<T>>>,
    /// The entry of an attempt that was lost, which a new one replaces.
    lost: Option<Revision>,
}

impl<T> Slot<T> {
    fn new(kind: &'static str) -> Self {
        Self { kind, held: tokio::sync::Mutex::default() }
    }
}

impl Attempts {
    pub(crate) fn new(store: Store, env: Env, identity: Arc<Identity>, control: Arc<SealControl>, node: &Node) -> Self {
        Self {
            process: env.uuid(),
            shares: Allowance::new(env.clone(), SHARES),
            beginnings: Allowance::new(env.clone(), BEGINNINGS),
            pgp: pgp::Reader::new(env.clone()),
            store,
            env,
            identity,
            control,
            address: node.api_address.clone(),
            cancels_by_nonce: node.is_at_least(1, 20),
            root: Slot::new("root"),
            barrier: Slot::new("rekey"),
            recovery: Slot::new("rekey-recovery"),
            settling: Mutex::default(),
        }
    }

    /// Drops all shares. With the seal.
    pub(crate) async fn forget(&self) {
        if let Some(task) = self.settling.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
        *self.root.held.lock().await = None;
        *self.barrier.held.lock().await = None;
        *self.recovery.held.lock().await = None;
    }

    /// Lets the shares from before a rekey count no longer, once the reply with the new ones is out.
    fn settle_later(&self) {
        let (control, env) = (Arc::clone(&self.control), self.env.clone());
        let task = tokio::spawn(async move {
            env.sleep(SETTLE_AFTER).await;
            control.settle().await;
        });
        *self.settling.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// How many shares are needed; 0 where no recovery key was ever made.
    async fn required(&self) -> Result<u8, Error> {
        let split = self.control.authorizing().await.map_err(from_verify)?;
        Ok(split.map_or(0, |split| split.threshold))
    }

    /// The attempt of this node, if the entry still says so.
    async fn find<'s, T>(&self, slot: &'s Slot<T>) -> Result<Found<'s, T>, Refused> {
        let mut held = slot.held.lock().await;
        let Some(entry) = self.store.get::<AttemptEntry>(&keys::attempt(slot.kind)?).await? else {
            *held = None;
            return Ok(Found { held, lost: None });
        };
        if held.as_ref().is_some_and(|held| held.revision == entry.revision) {
            return Ok(Found { held, lost: None });
        }
        *held = None;
        let AttemptEntry { process, address, .. } = entry.value;
        // Where nobody else writes the store, it was this node, whatever it was called then.
        let is_alone = self.store.barrier().cache_use().is_some();
        if !is_alone && process != self.process && !address.is_empty() && address != self.address {
            return Err(Refused::Elsewhere(address));
        }
        Ok(Found { held, lost: Some(entry.revision) })
    }

    /// Begins an attempt in a slot that holds none.
    async fn begin<T>(&self, slot: &Slot<T>, found: &mut Found<'_, T>, about: T) -> Result<(), Lost> {
        self.beginnings.take()?;
        let nonce = self.env.uuid();
        let entry = AttemptEntry {
            v: 1,
            nonce: nonce.clone(),
            process: self.process.clone(),
            address: self.address.clone(),
            started: to_stored(self.env.now().into()),
        };
        let mut changes = Changes::new();
        changes.set(keys::attempt(slot.kind)?, found.lost, encode(&entry)?);
        let receipt = self.store.commit(changes).await?;
        *found.held = Some(Held { nonce, revision: receipt.revision, shares: Shares::default(), about });
        found.lost = None;
        Ok(())
    }

    /// Gives up the attempt, whichever node it belongs to. `may` sees the nonce and the age of it.
    async fn cancel<T>(
        &self,
        slot: &Slot<T>,
        may: impl Fn(&str, Duration) -> Result<(), Error>,
    ) -> Result<(), Refused> {
        let mut held = slot.held.lock().await;
        let key = keys::attempt(slot.kind)?;
        for _ in 0..framework::view::COMMIT_TRIES {
            let Some(entry) = self.store.get::<AttemptEntry>(&key).await? else {
                *held = None;
                return Ok(());
            };
            let age = to_stored(self.env.now().into()).saturating_sub(entry.value.started);
            may(&entry.value.nonce, Duration::from_nanos(u64::try_from(age).unwrap_or(0)))?;
            let mut changes = Changes::new();
            changes.delete(key.clone(), entry.revision);
            match self.store.commit(changes).await {
                Ok(_) => {
                    *held = None;
                    return Ok(());
                }
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error.into()),
            }
        }
        Err(framework::view::contended().into())
    }

    /// Counts one share towards the authority that an attempt needs; `None` while there are too few. A set that proves
    /// nothing starts over.
    async fn count<T>(
        &self,
        held: &mut Held<T>,
        share: &SecretBytes,
        texts: &Texts,
    ) -> Result<Option<Authority>, Error> {
        check_share(share).map_err(invalid_share)?;
        self.shares.take()?;
        if !held.shares.add(share) {
            return Err(Error::invalid(texts.twice));
        }
        match self.control.authorize(&held.shares.raw()).await {
            Ok(Proof::TooFew) => Ok(None),
            Ok(Proof::Enough(authority)) => {
                held.shares = Shares::default();
                Ok(Some(authority))
            }
            Ok(Proof::Wrong) => {
                held.shares = Shares::default();
                Err(Error::invalid(texts.wrong))
            }
            Err(error) => {
                // The store may be gone just now: the last share is given back, not all progress.
                held.shares.give_back();
                Err(from_verify(error))
            }
        }
    }
}

/// What is said of one kind of attempt.
pub(crate) struct Texts {
    /// There is none.
    pub(crate) none: &'static str,
    /// There was one.
    pub(crate) lost: &'static str,
    /// A share came twice.
    pub(crate) twice: &'static str,
    /// The shares prove nothing.
    pub(crate) wrong: &'static str,
}

impl<T> Found<'_, T> {
    /// The attempt, if its nonce was given.
    fn attempt(&mut self, nonce: &str, what: &str, texts: &Texts) -> Result<&mut Held<T>, Error> {
        let is_lost = self.lost.is_some();
        let Some(held) = self.held.as_mut() else {
            return Err(Error::invalid(if is_lost { texts.lost } else { texts.none }));
        };
        if held.nonce != nonce {
            return Err(wrong_nonce(what, &held.nonce));
        }
        Ok(held)
    }
}

/// The nonce is no secret, and clients show this text.
pub(crate) fn wrong_nonce(what: &str, nonce: &str) -> Error {
    Error::Invalid(format!("incorrect nonce supplied; nonce for this {what} operation is \"{nonce}\"").into())
}

pub(crate) fn invalid_share(why: ShareError) -> Error {
    Error::Invalid(why.to_string().into())
}

pub(crate) fn from_verify(error: VerifyError) -> Error {
    match error {
        VerifyError::NoRecoveryKey => {
            Error::invalid("there is no recovery key: none was asked for when the server was initialized")
        }
        VerifyError::Read(error) => from_barrier(error),
        error => Error::world("check shares", error),
    }
}

#[cfg(test)]
mod tests;

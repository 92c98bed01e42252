//! What the endpoints under `sys/` do to the seal: init, unseal, status, seal, and checking shares.
//!
//! One lock, over the running unseal attempt. It is an asynchronous one and is held while the store is asked: two
//! people entering their shares at the same moment must both count.

use std::sync::atomic::{AtomicBool, Ordering};

use secret::{KEY_BYTES, LockedBytes, LockedKey, SecretBytes, is_equal};
use storage::{Batch, CommitId, Expectation, Key, Write};
use tokio::sync::Mutex;

use super::share::check_share;
use super::stored::Opened;
use super::{
    Device, InitError, InitOptions, InitReply, Kind, Proof, SealEntry, SealEntryError, SealStatus, Split, UnsealError,
    combine, recovery, split,
};
use crate::keyring::Keyring;
use crate::keyspace::{KEYRING, RECOVERY, SEAL};
use crate::{Barrier, CommitError, Error};

/// A barrier with the seal over it, on one node.
#[derive(Debug)]
pub struct SealControl {
    pub(super) barrier: Barrier,
    pub(super) device: Device,
    attempt: Mutex<Attempt>,
    /// Once true for ever true: a store is initialized once.
    is_initialized: AtomicBool,
    /// Whether this process has replaced a key whose former shares still count; see [`SealControl::settle`].
    pub(super) has_replaced: AtomicBool,
}

/// The shares entered so far.
#[derive(Debug, Default)]
struct Attempt {
    /// Empty while there is no share.
    nonce: String,
    shares: Vec<LockedBytes>,
}

impl SealControl {
    /// Puts a configured seal over a barrier.
    #[must_use]
    pub fn new(barrier: Barrier, device: Device) -> Self {
        Self {
            barrier,
            device,
            attempt: Mutex::default(),
            is_initialized: AtomicBool::new(false),
            has_replaced: AtomicBool::new(false),
        }
    }

    /// The barrier under the seal.
    #[must_use]
    pub fn barrier(&self) -> &Barrier {
        &self.barrier
    }

    /// Whether the store has a seal entry. Asks the store until it says so once.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn is_initialized(&self) -> Result<bool, Error> {
        if !self.is_initialized.load(Ordering::Relaxed) && self.barrier.stored(&SEAL).await?.is_some() {
            self.is_initialized.store(true, Ordering::Relaxed);
        }
        Ok(self.is_initialized.load(Ordering::Relaxed))
    }

    /// Makes root key, keyring and shares, and writes them with the caller's first entries in one commit that expects
    /// an empty store. The node stays sealed. Shares are handed out only once the commit is known to be in.
    ///
    /// # Errors
    /// See [`InitError`].
    pub async fn init(&self, options: &InitOptions, initial: Vec<(Key, SecretBytes)>) -> Result<InitReply, InitError> {
        let (secret_split, recovery_split) = checked(options, self.device.kind()).map_err(InitError::Options)?;
        if self.is_initialized().await.map_err(InitError::Read)? {
            return Err(InitError::AlreadyInitialized);
        }
        let env = &self.barrier.0.env;
        let fresh_key = || LockedKey::<KEY_BYTES>::filled(|bytes| env.fill(bytes));
        let (root, shamir_key) = (fresh_key(), fresh_key());
        let seal_key = match &self.device {
            Device::Shamir => &shamir_key,
            Device::Static(key) => key,
        };
        let seal_entry =
            SealEntry::wrap(self.device.kind(), secret_split, recovery_split, seal_key.expose(), &root, env);
        let mut reply = InitReply::default();
        if let Some(split) = secret_split {
            reply.shares = self.handed_out(&shamir_key, split);
        }
        let keyring = Keyring::generate(env);
        let mut batch = Batch::new(CommitId(env.random()))
            .create(SEAL.clone(), seal_entry.encode())
            .create(KEYRING.clone(), self.barrier.seal_keyring(&root, &keyring));
        let mut entries = initial;
        if let Some(split) = recovery_split {
            let recovery_key = fresh_key();
            entries.push((RECOVERY.clone(), recovery::encode(&recovery_key, split, None)));
            reply.recovery_shares = self.handed_out(&recovery_key, split);
        }
        for (key, value) in entries {
            let sealed = self.barrier.seal_value(keyring.active(), &key, &value);
            batch.expectations.push(Expectation::Absent(key.clone()));
            batch.writes.push(Write::Put(key, sealed));
        }
        secret::wipe_stack();
        match self.barrier.commit_sealed(batch).await {
            Ok(_) => {
                self.is_initialized.store(true, Ordering::Relaxed);
                Ok(reply)
            }
            Err(CommitError::Conflict(keys)) if keys.contains(&SEAL) => Err(InitError::AlreadyInitialized),
            Err(CommitError::Conflict(_)) => Err(InitError::NotEmpty),
            Err(error) => Err(InitError::Write(error)),
        }
    }

    /// What `sys/seal-status` tells.
    ///
    /// # Errors
    /// When the store gives no answer, or holds a seal entry that cannot be read.
    pub async fn status(&self) -> Result<SealStatus, UnsealError> {
        let attempt = self.attempt.lock().await;
        let entry = self.entry().await?;
        Ok(self.status_of(&attempt, entry.as_ref()))
    }

    /// Takes one share; unseals with the last one needed. On an unsealed node it changes nothing and tells the status.
    ///
    /// # Errors
    /// See [`UnsealError`]. A share that cannot be one, or a store that gives no answer, leaves the progress as it was;
    /// a full set that does not open the root key resets it.
    pub async fn unseal(&self, share: SecretBytes) -> Result<SealStatus, UnsealError> {
        let mut attempt = self.attempt.lock().await;
        let entry = self.entry().await?.ok_or(UnsealError::NotInitialized)?;
        if !self.barrier.is_sealed() {
            return Ok(self.status_of(&attempt, Some(&entry)));
        }
        self.check_kind(&entry)?;
        entry.split.ok_or(UnsealError::NotApplicable(entry.kind))?;
        check_share(&share).map_err(UnsealError::Share)?;
        if attempt.shares.is_empty() {
            attempt.nonce = self.barrier.0.env.uuid();
        }
        if !attempt.shares.iter().any(|known| is_equal(known.expose(), share.expose())) {
            attempt.shares.push(LockedBytes::copy_of(share.expose()));
        }
        drop(share);
        let shares: Vec<_> = attempt.shares.iter().map(LockedBytes::expose).collect();
        match opened(&entry, &shares) {
            Proof::TooFew => return Ok(self.status_of(&attempt, Some(&entry))),
            Proof::Wrong => {
                *attempt = Attempt::default();
                return Err(UnsealError::WrongKey);
            }
            // The store may be gone just now: the last share is given back, not all progress.
            Proof::Enough((by, _, root)) => {
                self.barrier.unseal(root).await.map_err(|error| {
                    attempt.shares.pop();
                    forget_if_empty(&mut attempt);
                    UnsealError::Barrier(error)
                })?;
                if entry.previous.is_some() {
                    self.settle_by(by).await;
                }
            }
        }
        *attempt = Attempt::default();
        Ok(self.status_of(&attempt, Some(&entry)))
    }

    /// Unseals with the operator's key, at start or after `init`.
    ///
    /// # Errors
    /// See [`UnsealError`]; [`UnsealError::NotApplicable`] for a Shamir seal.
    pub async fn unseal_auto(&self) -> Result<SealStatus, UnsealError> {
        let Device::Static(seal_key) = &self.device else {
            return Err(UnsealError::NotApplicable(self.device.kind()));
        };
        let attempt = self.attempt.lock().await;
        let entry = self.entry().await?.ok_or(UnsealError::NotInitialized)?;
        self.check_kind(&entry)?;
        if self.barrier.is_sealed() {
            let root = entry.open(seal_key.expose());
            secret::wipe_stack();
            let root = root.map_err(|error| match error {
                SealEntryError::WrongKey => UnsealError::WrongKey,
                error => UnsealError::Entry(error),
            })?;
            self.barrier.unseal(root).await.map_err(UnsealError::Barrier)?;
        }
        Ok(self.status_of(&attempt, Some(&entry)))
    }

    /// Forgets the shares entered so far.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub async fn reset(&self) -> Result<SealStatus, UnsealError> {
        *self.attempt.lock().await = Attempt::default();
        self.status().await
    }

    /// Wipes the keys, drops the cache and forgets the shares entered so far.
    pub async fn seal(&self) {
        *self.attempt.lock().await = Attempt::default();
        self.barrier.seal();
    }

    /// The seal entry, if there is one.
    pub(super) async fn entry(&self) -> Result<Option<SealEntry>, UnsealError> {
        let Some(entry) = self.barrier.stored(&SEAL).await.map_err(UnsealError::Barrier)? else { return Ok(None) };
        SealEntry::decode(&entry.value).map(Some).map_err(UnsealError::Entry)
    }

    pub(super) fn check_kind(&self, entry: &SealEntry) -> Result<(), UnsealError> {
        let configured = self.device.kind();
        let is_same = entry.kind == configured;
        if is_same { Ok(()) } else { Err(UnsealError::OtherKind { stored: entry.kind, configured }) }
    }

    fn status_of(&self, attempt: &Attempt, entry: Option<&SealEntry>) -> SealStatus {
        let split = entry.map_or(Split { shares: 0, threshold: 0 }, SealEntry::shown_split);
        let kind = entry.map_or(self.device.kind(), |entry| entry.kind);
        SealStatus {
            kind,
            initialized: entry.is_some(),
            sealed: self.barrier.is_sealed(),
            threshold: split.threshold,
            shares: split.shares,
            progress: attempt.shares.len(),
            nonce: attempt.nonce.clone(),
            recovery_seal: kind != Kind::Shamir,
        }
    }

    /// The shares of a key; a single one is the key itself.
    pub(super) fn handed_out(&self, key: &LockedKey<KEY_BYTES>, into: Split) -> Vec<SecretBytes> {
        if into.shares == 1 {
            return vec![SecretBytes::from(key.expose().as_slice())];
        }
        split(key.expose(), into.shares, into.threshold, &self.barrier.0.env).expect("the numbers have been checked")
    }
}

fn forget_if_empty(attempt: &mut Attempt) {
    if attempt.shares.is_empty() {
        *attempt = Attempt::default();
    }
}

/// The root key, if these shares make the seal key of the entry, or the one before it where that counts as well; with
/// the seal key itself. What the ciphers leave on the stack is wiped.
pub(super) fn opened(
    entry: &SealEntry,
    shares: &[&[u8]],
) -> Proof<(Opened, LockedKey<KEY_BYTES>, LockedKey<KEY_BYTES>)> {
    let previous = entry.previous.as_ref().map(|previous| previous.split);
    let sets = [(Opened::ByCurrent, entry.split), (Opened::ByPrevious, previous)];
    let sets = sets.into_iter().filter_map(|(by, split)| Some((by, split?)));
    let proof = proven(sets, shares, |by, key| {
        let root = match by {
            Opened::ByCurrent => entry.open(key.expose()),
            Opened::ByPrevious => entry.open_previous(key.expose()),
        };
        root.ok().map(|root| (by, key, root))
    });
    secret::wipe_stack();
    proof
}

/// Tries the sets of shares that may count, each once there are enough for it.
pub(super) fn proven<T>(
    sets: impl Iterator<Item = (Opened, Split)>,
    shares: &[&[u8]],
    test: impl Fn(Opened, LockedKey<KEY_BYTES>) -> Option<T>,
) -> Proof<T> {
    let mut may_need_more = false;
    for (by, split) in sets {
        if shares.len() < usize::from(split.threshold) {
            may_need_more = true;
        } else if let Some(found) = put_together(shares, split).and_then(|key| test(by, key)) {
            return Proof::Enough(found);
        }
    }
    if may_need_more { Proof::TooFew } else { Proof::Wrong }
}

/// The key that these shares make; `None` if they do not go together. It never lies on the stack.
pub(super) fn put_together(shares: &[&[u8]], split: Split) -> Option<LockedKey<KEY_BYTES>> {
    let key = match shares {
        [share] if split.shares == 1 => SecretBytes::from(*share),
        shares => combine(shares).ok()?,
    };
    key.expose().as_slice().try_into().ok().map(LockedKey::copy_of)
}

/// The splits that the options ask for: of the seal key and of the recovery key. The error is the reply's text.
fn checked(options: &InitOptions, kind: Kind) -> Result<(Option<Split>, Option<Split>), String> {
    let secret = [("secret_shares", options.secret_shares), ("secret_threshold", options.secret_threshold)];
    let recovery = [("recovery_shares", options.recovery_shares), ("recovery_threshold", options.recovery_threshold)];
    let foreign = match kind {
        Kind::Shamir => recovery,
        Kind::Static => secret,
    };
    let given: Vec<_> = foreign.iter().filter(|(_, number)| *number != 0).map(|(name, _)| *name).collect();
    if !given.is_empty() {
        return Err(format!("parameters {} not applicable to seal type {kind}", given.join(",")));
    }
    match kind {
        Kind::Shamir => Ok((Some(checked_split(options.secret_shares, options.secret_threshold)?), None)),
        Kind::Static if options.recovery_shares == 0 && options.recovery_threshold == 0 => Ok((None, None)),
        Kind::Static => Ok((None, Some(checked_split(options.recovery_shares, options.recovery_threshold)?))),
    }
}

/// The published rules, with their texts.
pub(super) fn checked_split(shares: i64, threshold: i64) -> Result<Split, String> {
    let text = match (shares, threshold) {
        (..=0, _) => "shares must be at least one",
        (_, ..=0) => "threshold must be at least one",
        (2.., 1) => "threshold must be greater than one for multiple shares",
        (256.., _) => "shares must be less than 256",
        (_, 256..) => "threshold must be less than 256",
        _ if threshold > shares => "threshold cannot be larger than shares",
        _ => {
            let narrow = |number: i64| u8::try_from(number).map_err(|_| "shares must be less than 256".to_owned());
            return Ok(Split { shares: narrow(shares)?, threshold: narrow(threshold)? });
        }
    };
    Err(text.to_owned())
}

#[cfg(test)]
mod tests;

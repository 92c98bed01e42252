//! New shares in place of the old ones: of the seal key, together with a new root key, or of the recovery key.
//!
//! Everything that makes the new key count is one commit, so that after a crash either the old shares or the new ones
//! work. New shares that nobody has given back yet ([`NewKey::is_proven`]) may have been lost with the process that made
//! them: until [`SealControl::settle`] the old ones count as well, and the next unseal tells which of the two people have.
//! What is in this module must never hand out a share before the caller can be told that it counts.

use std::sync::atomic::Ordering;

use secret::{KEY_BYTES, LockedKey, SecretBytes, is_equal};
use storage::Key;

use super::control::{checked_split, opened, put_together};
use super::recovery::{self, Stored};
use super::stored::Opened;
use super::{Device, Kind, Proof, SealControl, SealEntry, SealEntryError, Split, UnsealError, VerifyError};
use crate::keyspace::{KEYRING, RECOVERY, ROOT, SEAL};
use crate::{Changes, CommitError, Error, RotateError};

/// How often a replacement starts over because another node wrote one of its entries meanwhile.
const TRIES: usize = 4;

/// Which key is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The seal key and the root key under it.
    Barrier,
    /// The recovery key.
    Recovery,
}

/// What enough shares prove. It holds the key that they make, in locked memory, because a replacement may have to let it
/// count a little longer.
#[derive(Debug)]
pub struct Authority {
    /// The seal key with its split; none where a recovery key authorizes.
    seal_key: Option<(Split, LockedKey<KEY_BYTES>)>,
}

/// A key that does not count yet.
#[derive(Debug)]
pub struct NewKey {
    target: Target,
    /// None for a seal key that nobody holds shares of.
    split: Option<Split>,
    key: LockedKey<KEY_BYTES>,
    /// Whether its holders have shown that they have it.
    pub is_proven: bool,
}

/// Why a key was not replaced.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplaceError {
    /// There is no recovery key in this store.
    #[error("store has no recovery key")]
    NoRecoveryKey,
    /// The seal entry cannot be used.
    #[error("seal entry cannot be used")]
    Seal(#[source] UnsealError),
    /// The root key could not be opened with the operator's key.
    #[error("root key does not open")]
    Open(#[source] SealEntryError),
    /// The store gave no answer, or the barrier is sealed.
    #[error("what is to be replaced could not be read")]
    Read(#[source] Error),
    /// The commit was refused, or its outcome is unknown. A conflict is about the caller's own keys.
    #[error("new key could not be written")]
    Write(#[source] CommitError),
}

impl NewKey {
    /// How it was split; none if nobody holds shares of it.
    #[must_use]
    pub fn split(&self) -> Option<Split> {
        self.split
    }

    /// Whether these shares are the key's.
    #[must_use]
    pub fn check(&self, shares: &[&[u8]]) -> Proof<()> {
        match self.split {
            Some(split) if shares.len() < usize::from(split.threshold) => Proof::TooFew,
            Some(split) => match put_together(shares, split) {
                Some(key) if is_equal(key.expose(), self.key.expose()) => Proof::Enough(()),
                _ => Proof::Wrong,
            },
            None => Proof::Wrong,
        }
    }
}

impl SealControl {
    /// How many shares authorize what asks for them: of the seal key, or with a static seal of the recovery key. `None`
    /// when there is no recovery key.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub async fn authorizing(&self) -> Result<Option<Split>, VerifyError> {
        let entry = self.stored_entry().await?;
        Ok(entry.split.or(entry.recovery))
    }

    /// Which split new shares of a key would have.
    ///
    /// # Errors
    /// The text of the reply, when the numbers make no sense.
    pub fn new_split(shares: i64, threshold: i64) -> Result<Split, String> {
        checked_split(shares, threshold)
    }

    /// The kind of seal that this node is configured for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.device.kind()
    }

    /// Whether these shares are enough to authorize what asks for them (root token generation, rekey).
    ///
    /// # Errors
    /// See [`VerifyError`]; the recovery key can be checked on an unsealed node only.
    pub async fn authorize(&self, shares: &[&[u8]]) -> Result<Proof<Authority>, VerifyError> {
        let mut entry = self.stored_entry().await?;
        if entry.split.is_none() {
            return self.check_recovery(shares).await;
        }
        // Whoever asks the process that handed out the new shares has had the chance to see them.
        if self.has_replaced.load(Ordering::Acquire) {
            entry.previous = None;
        }
        let previous = entry.previous.as_ref().map(|previous| previous.split);
        Ok(match opened(&entry, shares) {
            Proof::Enough((by, key, _)) => {
                let split = if by == Opened::ByCurrent { entry.split } else { previous };
                Proof::Enough(Authority { seal_key: split.map(|split| (split, key)) })
            }
            Proof::TooFew => Proof::TooFew,
            Proof::Wrong => Proof::Wrong,
        })
    }

    async fn check_recovery(&self, shares: &[&[u8]]) -> Result<Proof<Authority>, VerifyError> {
        let mut verifier = self.verifier().await?;
        if self.has_replaced.load(Ordering::Acquire) {
            verifier.forget_previous();
        }
        Ok(match verifier.check(shares) {
            Proof::Enough(by) => {
                // People have shown which of the two they hold.
                if verifier.is_in_doubt() {
                    self.settle_by(by).await;
                }
                Proof::Enough(Authority { seal_key: None })
            }
            Proof::TooFew => Proof::TooFew,
            Proof::Wrong => Proof::Wrong,
        })
    }

    /// What tells whether shares are the recovery key's. On an unsealed barrier only.
    pub(super) async fn verifier(&self) -> Result<Stored, VerifyError> {
        let stored = self.barrier.read_one(&RECOVERY).await.map_err(VerifyError::Read)?;
        let stored = stored.ok_or(VerifyError::NoRecoveryKey)?;
        let corrupt = || VerifyError::Read(Error::Corrupt { key: RECOVERY.clone() });
        Stored::decode(stored.value.expose()).ok_or_else(corrupt)
    }

    /// A key to take the place of another, and its shares, which do not count yet: none of a seal key that no people
    /// hold.
    #[must_use]
    pub fn new_key(&self, target: Target, split: Split) -> (NewKey, Vec<SecretBytes>) {
        let key = LockedKey::filled(|bytes| self.barrier.0.env.fill(bytes));
        if target == Target::Barrier && self.device.kind() != Kind::Shamir {
            return (NewKey { target, split: None, key, is_proven: true }, Vec::new());
        }
        let shares = self.handed_out(&key, split);
        (NewKey { target, split: Some(split), key, is_proven: false }, shares)
    }

    /// Makes a new key count, with the caller's changes in the same commit. From its success on the old shares are worth
    /// nothing, once [`settle`](Self::settle) has been called or the new ones were proven before.
    ///
    /// # Errors
    /// See [`ReplaceError`]. After an unknown outcome the old shares still work, whatever became of the commit.
    pub async fn replace_key(&self, new: &NewKey, old: &Authority, with: &Changes) -> Result<(), ReplaceError> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let replaced = match new.target {
                Target::Barrier => self.replace_root(new, old, with.clone()).await,
                Target::Recovery => self.replace_recovery(new, with.clone()).await,
            };
            match replaced {
                Err(ReplaceError::Write(CommitError::Conflict(keys))) if tries > 0 && keys.iter().all(is_own) => {}
                Ok(()) => {
                    self.has_replaced.store(!new.is_proven, Ordering::Release);
                    return Ok(());
                }
                settled => return settled,
            }
        }
    }

    async fn replace_root(&self, new: &NewKey, old: &Authority, with: Changes) -> Result<(), ReplaceError> {
        let env = &self.barrier.0.env;
        let (entry, revision) = self.entry_to_replace().await?;
        let root = LockedKey::<KEY_BYTES>::filled(|bytes| env.fill(bytes));
        let seal_key = match &self.device {
            Device::Shamir => &new.key,
            Device::Static(key) => key,
        };
        let mut next = SealEntry::wrap(entry.kind, new.split, entry.recovery, seal_key.expose(), &root, env);
        if let (false, Some((split, key))) = (new.is_proven, &old.seal_key) {
            next.keep_previous(*split, key.expose(), &root, env);
        }
        secret::wipe_stack();
        self.barrier.change_root(root, (revision, next.encode()), with).await.map_err(|error| match error {
            RotateError::Write(error) => ReplaceError::Write(error),
            RotateError::Read(error) => ReplaceError::Read(error),
            RotateError::Full => ReplaceError::Write(CommitError::Unknown),
        })
    }

    async fn replace_recovery(&self, new: &NewKey, mut with: Changes) -> Result<(), ReplaceError> {
        let (Device::Static(seal_key), Some(split)) = (&self.device, new.split) else {
            return Err(ReplaceError::NoRecoveryKey);
        };
        let (entry, revision) = self.entry_to_replace().await?;
        let found = self.barrier.read_one(&RECOVERY).await.map_err(ReplaceError::Read)?;
        let found = found.ok_or(ReplaceError::NoRecoveryKey)?;
        let corrupt = || ReplaceError::Read(Error::Corrupt { key: RECOVERY.clone() });
        let stored = Stored::decode(found.value.expose()).ok_or_else(corrupt)?;
        let previous = (!new.is_proven).then(|| stored.into_current());
        with.replace(RECOVERY.clone(), found.revision, recovery::encode(&new.key, split, previous));
        let next = self.with_recovery_split(&entry, seal_key, split)?;
        self.barrier.change_seal((revision, next.encode()), with).await.map_err(ReplaceError::Write)
    }

    /// The seal entry with other numbers of recovery shares, which its wrapping is bound to.
    fn with_recovery_split(
        &self,
        entry: &SealEntry,
        seal_key: &LockedKey<KEY_BYTES>,
        split: Split,
    ) -> Result<SealEntry, ReplaceError> {
        let root = entry.open(seal_key.expose()).map_err(ReplaceError::Open)?;
        let env = &self.barrier.0.env;
        let next = SealEntry::wrap(entry.kind, None, Some(split), seal_key.expose(), &root, env);
        secret::wipe_stack();
        Ok(next)
    }

    /// Lets the shares before a replacement of this process count no longer. The caller knows that the new ones have
    /// been handed out; asked twice, or with nothing to settle, it does nothing.
    pub async fn settle(&self) {
        let can_settle = self.device.kind() == Kind::Shamir || !self.barrier.is_sealed();
        if can_settle && self.has_replaced.load(Ordering::Acquire) {
            self.settle_by(Opened::ByCurrent).await;
        }
    }

    /// Lets only those shares count that people have shown to have. A failure is not the caller's: the next one who
    /// unseals or authorizes settles it.
    pub(super) async fn settle_by(&self, by: Opened) {
        let settled = match self.device.kind() {
            Kind::Shamir => self.settle_seal(by).await,
            Kind::Static => self.settle_recovery(by).await,
        };
        match settled {
            Ok(true) if by == Opened::ByPrevious => {
                tracing::warn!("the last rekey was not finished: the keys from before it count, the new ones do not");
                self.has_replaced.store(false, Ordering::Release);
            }
            Ok(_) => self.has_replaced.store(false, Ordering::Release),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the keys from before the last rekey still count: they could not be dropped");
            }
        }
    }

    async fn settle_seal(&self, by: Opened) -> Result<bool, ReplaceError> {
        let (entry, revision) = self.entry_to_replace().await?;
        if entry.previous.is_none() {
            return Ok(false);
        }
        let next = entry.settled(by).encode();
        self.barrier.change_seal_alone((revision, next)).await.map_err(ReplaceError::Write)?;
        Ok(true)
    }

    async fn settle_recovery(&self, by: Opened) -> Result<bool, ReplaceError> {
        let Device::Static(seal_key) = &self.device else { return Ok(false) };
        let found = match self.barrier.read_one(&RECOVERY).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(false),
            Err(error) => return Err(ReplaceError::Read(error)),
        };
        let stored = Stored::decode(found.value.expose()).filter(Stored::is_in_doubt);
        let Some(stored) = stored else { return Ok(false) };
        let (split, value) = stored.settled(by);
        let (entry, revision) = self.entry_to_replace().await?;
        let next = self.with_recovery_split(&entry, seal_key, split)?;
        let mut with = Changes::new();
        with.replace(RECOVERY.clone(), found.revision, value);
        self.barrier.change_seal((revision, next.encode()), with).await.map_err(ReplaceError::Write)?;
        Ok(true)
    }

    async fn stored_entry(&self) -> Result<SealEntry, VerifyError> {
        let entry = self.barrier.stored(&SEAL).await.map_err(VerifyError::Read)?.ok_or(VerifyError::NotInitialized)?;
        SealEntry::decode(&entry.value).map_err(VerifyError::Entry)
    }

    async fn entry_to_replace(&self) -> Result<(SealEntry, storage::Revision), ReplaceError> {
        let stored = self.barrier.stored(&SEAL).await.map_err(ReplaceError::Read)?;
        let stored = stored.ok_or(ReplaceError::Seal(UnsealError::NotInitialized))?;
        let entry = SealEntry::decode(&stored.value).map_err(|error| ReplaceError::Seal(UnsealError::Entry(error)))?;
        self.check_kind(&entry).map_err(ReplaceError::Seal)?;
        Ok((entry, stored.revision))
    }
}

/// Whether a conflict is about an entry of the barrier, so that reading it again helps.
fn is_own(key: &Key) -> bool {
    [&SEAL, &KEYRING, &ROOT, &RECOVERY].contains(&key)
}

#[cfg(test)]
mod tests;

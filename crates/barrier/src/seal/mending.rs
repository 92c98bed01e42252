//! Unsealing for whoever mends a store that does not come up otherwise: by shares that were collected elsewhere, and
//! without a write. Which keys count after an interrupted rekey stays open; the next ordinary unseal decides it.

use super::control::opened;
use super::{Proof, SealControl, SealEntry, UnsealError, VerifyError};

impl SealControl {
    /// Unseals the barrier if these shares authorize it: shares of the seal key, or with a static seal, where the
    /// operator's key opens it, shares of the recovery key. An unsealed barrier loads its keys again. Must not run twice
    /// at once, and not beside [`unseal`](Self::unseal).
    ///
    /// Run it to its end: the recovery key can be checked behind the barrier only, which is opened for that and closed
    /// again when the shares are not enough.
    ///
    /// # Errors
    /// See [`UnsealError`]; shares that prove nothing are no error.
    pub async fn unseal_to_mend(&self, shares: &[&[u8]]) -> Result<Proof<()>, UnsealError> {
        let entry = self.entry().await?.ok_or(UnsealError::NotInitialized)?;
        self.check_kind(&entry)?;
        if entry.split.is_none() {
            return self.unseal_by_recovery_key(&entry, shares).await;
        }
        match opened(&entry, shares) {
            Proof::Enough((_, _, root)) => {
                self.barrier.unseal(root).await.map_err(UnsealError::Barrier)?;
                Ok(Proof::Enough(()))
            }
            Proof::TooFew => Ok(Proof::TooFew),
            Proof::Wrong => Ok(Proof::Wrong),
        }
    }

    async fn unseal_by_recovery_key(&self, entry: &SealEntry, shares: &[&[u8]]) -> Result<Proof<()>, UnsealError> {
        entry.recovery.ok_or(UnsealError::NoRecoveryKey)?;
        let was_sealed = self.barrier.is_sealed();
        self.unseal_auto().await?;
        let proof = self.check_by_verifier(shares).await;
        if was_sealed && !matches!(proof, Ok(Proof::Enough(()))) {
            self.barrier.seal();
        }
        proof
    }

    async fn check_by_verifier(&self, shares: &[&[u8]]) -> Result<Proof<()>, UnsealError> {
        let verifier = self.verifier().await.map_err(|error| match error {
            VerifyError::NotInitialized => UnsealError::NotInitialized,
            VerifyError::NoRecoveryKey => UnsealError::NoRecoveryKey,
            VerifyError::Entry(error) => UnsealError::Entry(error),
            VerifyError::Read(error) => UnsealError::Barrier(error),
        })?;
        Ok(match verifier.check(shares) {
            Proof::Enough(_) => Proof::Enough(()),
            Proof::TooFew => Proof::TooFew,
            Proof::Wrong => Proof::Wrong,
        })
    }
}

#[cfg(test)]
mod tests;

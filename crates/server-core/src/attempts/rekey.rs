//! New unseal keys, with a new root key under them, or new recovery keys, by authority of the old ones. The new keys are
//! handed out once; where it was asked for they count only after enough of them were given back.

use std::sync::Arc;

use barrier::Changes;
use barrier::seal::{Authority, Kind, NewKey, Proof, ReplaceError, SealControl, Split, Target, check_share};
use data_encoding::{BASE64, HEXLOWER};
use framework::Error;
use framework::view::{from_barrier, from_commit};
use openpgp::PublicKey;
use secret::SecretBytes;
use serde_json::{Value, json};

use super::{Attempts, Found, Refused, Shares, Slot, Texts, from_verify, invalid_share, wrong_nonce};
use crate::keys;
use crate::pgp;
use crate::store::Lost;

/// How long after its begin an attempt is given up only by somebody who names its nonce (documented Vault behavior).
const NONCE_NEEDED: std::time::Duration = std::time::Duration::from_secs(600);

const TEXTS: Texts = Texts {
    none: "no rekey in progress",
    lost: "no rekey in progress: the one that was begun was lost when its node was sealed or restarted; the keys are the \
           old ones",
    twice: "given key has already been provided during this rekey operation",
    wrong: "rekey failed: the keys do not belong together or to this server; progress was reset",
};

/// What is to be made.
pub(super) struct RekeyAttempt {
    split: Split,
    /// To encrypt the new shares to; none, or one for each.
    keys: Vec<Arc<PublicKey>>,
    has_backup: bool,
    needs_verification: bool,
    /// There once the new keys were handed out, if they do not count yet.
    verification: Option<Verification>,
}

/// New keys that are to be given back.
struct Verification {
    nonce: String,
    new: NewKey,
    authority: Authority,
    /// As they were handed out, if a copy is to be kept.
    covered: Vec<(Arc<PublicKey>, SecretBytes)>,
    shares: Shares,
}

/// An attempt that has come to its end.
struct Done<'d> {
    target: Target,
    nonce: &'d str,
    /// Of its entry.
    revision: storage::Revision,
    new: &'d NewKey,
    authority: &'d Authority,
    /// As they were handed out, if a copy is to be kept.
    covered: &'d [(Arc<PublicKey>, SecretBytes)],
}

/// How somebody asks for it. Numbers as they came.
pub(crate) struct RekeyRequest {
    pub(crate) shares: i64,
    pub(crate) threshold: i64,
    pub(crate) needs_verification: bool,
    pub(crate) pgp_keys: Vec<String>,
    pub(crate) has_backup: bool,
}

impl Attempts {
    fn slot(&self, target: Target) -> &Slot<RekeyAttempt> {
        match target {
            Target::Barrier => &self.barrier,
            Target::Recovery => &self.recovery,
        }
    }

    /// What is known of the attempt.
    pub(crate) async fn rekey_status(&self, target: Target) -> Result<Value, Refused> {
        self.check_target(target)?;
        let found = self.find(self.slot(target)).await?;
        Ok(self.rekey_view(&found).await?)
    }

    /// Begins.
    pub(crate) async fn begin_rekey(&self, target: Target, request: RekeyRequest) -> Result<Value, Refused> {
        self.check_target(target)?;
        let is_unattended = target == Target::Barrier && self.control.kind() != Kind::Shamir;
        if request.has_backup && request.pgp_keys.is_empty() {
            let text = "cannot request a backup of the new keys without providing PGP keys for encryption";
            return Err(Error::invalid(text).into());
        }
        if is_unattended && !request.pgp_keys.is_empty() {
            return Err(Error::invalid("PGP keys are not applicable: nobody is handed an unseal key").into());
        }
        let split = match is_unattended {
            // The operator's key stays; there is nothing to be split.
            true => Split { shares: 1, threshold: 1 },
            false => SealControl::new_split(request.shares, request.threshold)
                .map_err(|text| Error::Invalid(format!("invalid rekey seal configuration: {text}").into()))?,
        };
        pgp::check_count(&request.pgp_keys, request.shares)?;
        let slot = self.slot(target);
        let mut found = self.find(slot).await?;
        if found.held.is_some() {
            return Err(in_progress().into());
        }
        if self.required().await? == 0 {
            return Err(from_verify(barrier::seal::VerifyError::NoRecoveryKey).into());
        }
        let needs_verification = request.needs_verification && !is_unattended;
        let has_backup = request.has_backup;
        // Last, for it takes the longest.
        let keys = self.pgp.read(request.pgp_keys).await?;
        let about = RekeyAttempt { split, keys, has_backup, needs_verification, verification: None };
        match self.begin(slot, &mut found, about).await {
            Ok(()) => tracing::warn!(?target, "somebody has begun to replace the keys"),
            Err(Lost::Race(_)) => return Err(in_progress().into()),
            Err(Lost::Failed(error)) => return Err(error.into()),
        }
        Ok(self.rekey_view(&found).await?)
    }

    /// Gives it up.
    pub(crate) async fn cancel_rekey(&self, target: Target, nonce: &str) -> Result<(), Refused> {
        self.check_target(target)?;
        let may = |running: &str, age| {
            if !self.cancels_by_nonce || running == nonce || age >= NONCE_NEEDED {
                return Ok(());
            }
            let text = "invalid nonce: for ten minutes an attempt is canceled only by its nonce";
            Err(Error::invalid(text))
        };
        self.cancel(self.slot(target), may).await
    }

    /// Takes one of the old shares; with the last one needed the new keys are made, and handed out.
    pub(crate) async fn give_rekey(&self, target: Target, share: &SecretBytes, nonce: &str) -> Result<Value, Refused> {
        self.check_target(target)?;
        let slot = self.slot(target);
        let mut found = self.find(slot).await?;
        let held = found.attempt(nonce, "rekey", &TEXTS)?;
        if let Some(verification) = &held.about.verification {
            let text = format!(
                "rekey operation already finished; verification must be performed; nonce for the verification operation \
                 is \"{}\"",
                verification.nonce
            );
            return Err(Error::Invalid(text.into()).into());
        }
        let Some(authority) = self.count(held, share, &TEXTS).await? else {
            return Ok(self.rekey_view(&found).await?);
        };
        let (new, shares) = self.control.new_key(target, held.about.split);
        let shares = pgp::covered(shares, &held.about.keys, &self.env)?;
        let mut body = json!({
            "nonce": nonce,
            "complete": true,
            "keys": shares.iter().map(|share| HEXLOWER.encode(share.expose())).collect::<Vec<_>>(),
            "keys_base64": shares.iter().map(|share| BASE64.encode(share.expose())).collect::<Vec<_>>(),
            "pgp_fingerprints": pgp::fingerprints(&held.about.keys),
            "backup": held.about.has_backup,
            "verification_required": held.about.needs_verification,
        });
        let covered =
            if held.about.has_backup { held.about.keys.iter().cloned().zip(shares).collect() } else { Vec::new() };
        if held.about.needs_verification {
            let verification =
                Verification { nonce: self.env.uuid(), new, authority, covered, shares: Shares::default() };
            if let Some(body) = body.as_object_mut() {
                body.insert("verification_nonce".to_owned(), json!(verification.nonce));
            }
            held.about.verification = Some(verification);
            return Ok(body);
        }
        let done = Done { target, nonce, revision: held.revision, new: &new, authority: &authority, covered: &covered };
        self.replace(done).await?;
        *found.held = None;
        Ok(body)
    }

    /// What is known of the verification.
    pub(crate) async fn verify_status(&self, target: Target) -> Result<Value, Refused> {
        self.check_target(target)?;
        let mut found = self.find(self.slot(target)).await?;
        let split = found.held.as_ref().map(|held| held.about.split).ok_or_else(none)?;
        let verification = found.held.as_mut().and_then(|held| held.about.verification.as_ref());
        Ok(verify_view(split, verification))
    }

    /// Takes one of the new shares; with the last one needed they count.
    pub(crate) async fn verify_rekey(
        &self,
        target: Target,
        share: &SecretBytes,
        nonce: &str,
    ) -> Result<Value, Refused> {
        self.check_target(target)?;
        let slot = self.slot(target);
        let mut found = self.find(slot).await?;
        let is_lost = found.lost.is_some();
        let held = found.held.as_mut().ok_or_else(|| if is_lost { Error::invalid(TEXTS.lost) } else { none() })?;
        let (revision, split, attempt) = (held.revision, held.about.split, held.nonce.clone());
        let Some(verification) = &mut held.about.verification else {
            return Err(Error::invalid("no rekey verification in progress").into());
        };
        if verification.nonce != nonce {
            return Err(wrong_nonce("verify", &verification.nonce).into());
        }
        check_share(share).map_err(invalid_share)?;
        self.shares.take()?;
        if !verification.shares.add(share) {
            let text = "given key has already been provided during this verify operation";
            return Err(Error::invalid(text).into());
        }
        match verification.new.check(&verification.shares.raw()) {
            Proof::TooFew => return Ok(verify_view(split, Some(verification))),
            Proof::Wrong => {
                verification.shares = Shares::default();
                return Err(Error::invalid("rekey verification failed; incorrect key shares supplied").into());
            }
            Proof::Enough(()) => verification.new.is_proven = true,
        }
        let Verification { new, authority, covered, .. } = &*verification;
        let replaced = self.replace(Done { target, nonce: &attempt, revision, new, authority, covered }).await;
        if replaced.is_err() {
            // They are proven all the same, but have to be given again, so that somebody is there when it works.
            verification.shares = Shares::default();
        }
        replaced?;
        *found.held = None;
        Ok(json!({ "nonce": nonce, "complete": true }))
    }

    /// Begins the verification anew: the same keys, another nonce.
    pub(crate) async fn restart_verification(&self, target: Target) -> Result<Value, Refused> {
        self.check_target(target)?;
        let mut found = self.find(self.slot(target)).await?;
        let split = found.held.as_ref().map(|held| held.about.split).ok_or_else(none)?;
        let mut verification = found.held.as_mut().and_then(|held| held.about.verification.as_mut());
        if let Some(verification) = &mut verification {
            verification.nonce = self.env.uuid();
            verification.shares = Shares::default();
        }
        Ok(verify_view(split, verification.as_deref()))
    }

    /// Makes the new keys count.
    async fn replace(&self, done: Done<'_>) -> Result<(), Error> {
        let Done { target, nonce, revision, new, authority, covered } = done;
        let slot = self.slot(target);
        let mut changes = Changes::new();
        changes.delete(keys::attempt(slot.kind)?, revision);
        if !covered.is_empty() {
            self.keep_backup(target, nonce, covered, &mut changes).await?;
        }
        self.control.replace_key(new, authority, &changes).await.map_err(from_replace)?;
        tracing::warn!(kind = slot.kind, "the keys were replaced");
        if !new.is_proven {
            self.settle_later();
        }
        Ok(())
    }

    fn check_target(&self, target: Target) -> Result<(), Error> {
        if target == Target::Recovery && self.control.kind() == Kind::Shamir {
            return Err(Error::invalid("recovery rekeying not supported"));
        }
        Ok(())
    }

    async fn rekey_view(&self, found: &Found<'_, RekeyAttempt>) -> Result<Value, Error> {
        let held = found.held.as_ref();
        let split = held.map_or(Split { shares: 0, threshold: 0 }, |held| held.about.split);
        let mut view = json!({
            "nonce": held.map_or("", |held| held.nonce.as_str()),
            "started": held.is_some(),
            "t": split.threshold,
            "n": split.shares,
            "progress": held.map_or(0, |held| held.shares.count()),
            "required": self.required().await?,
            "pgp_fingerprints": held.and_then(|held| pgp::fingerprints(&held.about.keys)),
            "backup": held.is_some_and(|held| held.about.has_backup),
            "verification_required": held.is_some_and(|held| held.about.needs_verification),
        });
        let verification = held.and_then(|held| held.about.verification.as_ref());
        if let (Some(view), Some(verification)) = (view.as_object_mut(), verification) {
            view.insert("verification_nonce".to_owned(), json!(verification.nonce));
        }
        Ok(view)
    }
}

fn verify_view(split: Split, verification: Option<&Verification>) -> Value {
    json!({
        "nonce": verification.map_or("", |it| it.nonce.as_str()),
        "started": verification.is_some(),
        "t": split.threshold,
        "n": split.shares,
        "progress": verification.map_or(0, |it| it.shares.count()),
    })
}

fn none() -> Error {
    Error::invalid("no rekey configuration found")
}

fn in_progress() -> Error {
    Error::invalid("rekey already in progress")
}

fn from_replace(error: ReplaceError) -> Error {
    match error {
        ReplaceError::Write(barrier::CommitError::Conflict(_)) => Error::invalid(TEXTS.none),
        ReplaceError::Write(error) => from_commit(error),
        ReplaceError::Read(error) => from_barrier(error),
        error => Error::world("replace the keys", error),
    }
}

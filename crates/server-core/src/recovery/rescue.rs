//! The recovery token: from shares, into memory. Attempt, shares and token are this process's alone and end with it; the
//! store hears of none of them, so that a kill at any line leaves it as it was.
//!
//! Two locks: the attempt's, an asynchronous one that is held while the store is asked, so that two people who give their
//! shares at the same moment both count; and the token's, taken under it and held for no longer than a comparison.

use std::sync::{Arc, Mutex, PoisonError};

use barrier::seal::{Proof, SealControl, SealStatus, VerifyError, check_share};
use env::Env;
use framework::Error;
use secret::{LockedBytes, Secret, SecretBytes, is_equal};
use serde_json::Value;

use crate::attempts::allowance::{Allowance, BEGINNINGS, SHARES};
use crate::attempts::cover::{Cover, CoverRequest, Standing};
use crate::attempts::generate_root::{TEXTS, in_progress};
use crate::attempts::shares::Shares;
use crate::attempts::{from_verify, invalid_share, wrong_nonce};
use crate::pgp;
use crate::seals::{from_own_key, from_unseal, to_the_end};
use crate::tokens::{RANDOM_CHARACTERS, ROOT_TOKEN_CHARACTERS};

/// What a recovery token begins with.
const PREFIX: &str = "hvr.";
/// One-time passwords are as long as tokens, of either kind.
const _: () = assert!(PREFIX.len() + RANDOM_CHARACTERS == ROOT_TOKEN_CHARACTERS);

/// The way to a recovery token.
pub(super) struct Rescue {
    env: Env,
    control: SealControl,
    shares: Allowance,
    beginnings: Allowance,
    pgp: pgp::Reader,
    held: tokio::sync::Mutex<Option<Held>>,
    token: Mutex<Option<LockedBytes>>,
}

/// An attempt.
struct Held {
    nonce: String,
    shares: Shares,
    cover: Cover,
}

impl Rescue {
    pub(super) fn new(env: Env, control: SealControl) -> Self {
        Self {
            shares: Allowance::new(env.clone(), SHARES),
            beginnings: Allowance::new(env.clone(), BEGINNINGS),
            pgp: pgp::Reader::new(env.clone()),
            env,
            control,
            held: tokio::sync::Mutex::default(),
            token: Mutex::default(),
        }
    }

    pub(super) async fn is_initialized(&self) -> Result<bool, Error> {
        let is_initialized = self.control.is_initialized().await;
        is_initialized.map_err(|source| Error::world("read the seal entry", source))
    }

    pub(super) async fn seal_status(&self) -> Result<SealStatus, Error> {
        self.control.status().await.map_err(from_unseal)
    }

    /// Whether this is the token of now.
    pub(super) fn is_token(&self, given: Option<&Secret<String>>) -> bool {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let known = token.as_ref().zip(given);
        known.is_some_and(|(token, given)| is_equal(token.expose(), given.expose()))
    }

    /// What is known of the attempt.
    pub(super) async fn status(&self) -> Result<Value, Error> {
        let held = self.held.lock().await;
        self.view(held.as_ref(), "").await
    }

    /// Begins.
    pub(super) async fn begin(&self, request: CoverRequest) -> Result<Value, Error> {
        let mut held = self.held.lock().await;
        request.check()?;
        if held.is_some() {
            return Err(in_progress());
        }
        if self.required().await? == 0 {
            return Err(from_verify(VerifyError::NoRecoveryKey));
        }
        let (cover, shown) = request.chosen(&self.env, &self.pgp).await?;
        self.beginnings.take()?;
        *held = Some(Held { nonce: self.env.uuid(), shares: Shares::default(), cover });
        tracing::warn!("somebody has begun to generate a recovery token");
        self.view(held.as_ref(), shown.expose()).await
    }

    /// Gives it up. A token that was made before stays.
    pub(super) async fn cancel(&self) {
        *self.held.lock().await = None;
    }

    /// Takes one share; with the last one needed the barrier is unsealed and the token is made, in place of an earlier
    /// one. Whether or not the client stays, the step is done whole.
    pub(super) async fn give(self: &Arc<Self>, share: SecretBytes, nonce: String) -> Result<Value, Error> {
        let rescue = Arc::clone(self);
        to_the_end(async move { rescue.take(&share, &nonce).await }).await?
    }

    async fn take(&self, share: &SecretBytes, nonce: &str) -> Result<Value, Error> {
        let mut slot = self.held.lock().await;
        let held = slot.as_mut().ok_or_else(|| Error::invalid(TEXTS.none))?;
        if held.nonce != nonce {
            return Err(wrong_nonce("root generation", &held.nonce));
        }
        check_share(share).map_err(invalid_share)?;
        self.shares.take()?;
        if !held.shares.add(share) {
            return Err(Error::invalid(TEXTS.twice));
        }
        match self.control.unseal_to_mend(&held.shares.raw()).await {
            Ok(Proof::Enough(())) => held.shares = Shares::default(),
            Ok(Proof::TooFew) => return self.view(slot.as_ref(), "").await,
            Ok(Proof::Wrong) => {
                held.shares = Shares::default();
                tracing::warn!("shares for a recovery token were wrong");
                return Err(Error::invalid(TEXTS.wrong));
            }
            Err(error) => {
                // The store may be gone just now: the last share is given back, not all progress.
                held.shares.give_back();
                // Shares that are wrong are no error: a key that is can only be the operator's.
                return Err(from_own_key(error));
            }
        }
        let token = Secret::new([PREFIX, &self.env.base62(RANDOM_CHARACTERS)].concat());
        let encoded = held.cover.cover(token.expose(), &self.env)?;
        let required = self.required().await?;
        let standing = Standing {
            nonce,
            progress: required.into(),
            required,
            fingerprint: held.cover.fingerprint(),
            otp: "",
            encoded: Some(encoded.expose()),
        };
        let body = standing.body();
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(LockedBytes::copy_of(token.expose().as_bytes()));
        *slot = None;
        tracing::warn!(
            "a recovery token was generated: the store is open to whoever has it, and earlier ones are void"
        );
        Ok(body)
    }

    /// Locks the keys away, with token and shares.
    pub(super) async fn close(&self) {
        *self.held.lock().await = None;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.control.seal().await;
    }

    async fn required(&self) -> Result<u8, Error> {
        let split = self.control.authorizing().await.map_err(from_verify)?;
        Ok(split.map_or(0, |split| split.threshold))
    }

    async fn view(&self, held: Option<&Held>, otp: &str) -> Result<Value, Error> {
        let standing = Standing {
            nonce: held.map_or("", |held| held.nonce.as_str()),
            progress: held.map_or(0, |held| held.shares.count()),
            required: self.required().await?,
            fingerprint: held.map_or("", |held| held.cover.fingerprint()),
            otp,
            encoded: None,
        };
        Ok(standing.body())
    }
}

//! A new root token from shares, for whoever has lost all others. It leaves encrypted, by a one-time password that only
//! the one who began the attempt knows, or to a PGP key, so that the giver of the last share does not get it.

use std::sync::Arc;

use data_encoding::{BASE64, BASE64_NOPAD};
use env::Env;
use framework::Error;
use openpgp::PublicKey;
use secret::{LockedBytes, Secret, SecretBytes};
use serde_json::{Value, json};
use storage::Expectation;

use super::{Attempts, Found, Refused, Texts};
use crate::keys::{self, ROOT_NAMESPACE};
use crate::pgp;
use crate::store::Lost;
use crate::tokens::{ROOT_TOKEN_CHARACTERS, create};

const TEXTS: Texts = Texts {
    none: "no root generation in progress",
    lost: "no root generation in progress: the one that was begun was lost when its node was sealed or restarted",
    twice: "given key has already been provided during this generation operation",
    wrong: "root generation failed: the keys do not belong together or to this server; progress was reset",
};

/// How the token is to be encrypted.
pub(super) enum RootAttempt {
    /// By a password that is as long as the token.
    Otp(LockedBytes),
    /// To somebody's key.
    Pgp(Arc<PublicKey>),
}

/// How somebody asks for it.
pub(crate) struct RootRequest {
    /// Empty: one is made up, and shown this once, unless there is a PGP key.
    pub(crate) otp: Secret<String>,
    /// Empty: a password.
    pub(crate) pgp_key: String,
}

impl RootAttempt {
    fn fingerprint(&self) -> &str {
        match self {
            Self::Otp(_) => "",
            Self::Pgp(key) => key.fingerprint(),
        }
    }

    /// The token as it is told to the giver of the last share.
    fn cover(&self, token: &str, env: &Env) -> Result<Secret<String>, Error> {
        Ok(Secret::new(match self {
            Self::Otp(otp) => BASE64_NOPAD.encode(masked(token.as_bytes(), otp.expose()).expose()),
            Self::Pgp(key) => BASE64.encode(pgp::encrypted(key, token, env)?.expose()),
        }))
    }
}

impl Attempts {
    /// What is known of the attempt.
    pub(crate) async fn root_status(&self) -> Result<Value, Refused> {
        let found = self.find(&self.root).await?;
        Ok(self.root_view(&found, "").await?)
    }

    /// Begins.
    pub(crate) async fn begin_root(&self, request: RootRequest) -> Result<Value, Refused> {
        let mut found = self.find(&self.root).await?;
        let is_made_up = request.otp.expose().is_empty() && request.pgp_key.is_empty();
        if !request.otp.expose().is_empty() && !request.pgp_key.is_empty() {
            return Err(Error::invalid("only one of otp and pgp_key can be given").into());
        }
        let otp = if is_made_up { Secret::new(self.env.base62(ROOT_TOKEN_CHARACTERS)) } else { request.otp };
        if request.pgp_key.is_empty() && otp.expose().len() != ROOT_TOKEN_CHARACTERS {
            return Err(Error::invalid("OTP string is wrong length").into());
        }
        if found.held.is_some() {
            return Err(in_progress().into());
        }
        if self.required().await? == 0 {
            return Err(super::from_verify(barrier::seal::VerifyError::NoRecoveryKey).into());
        }
        // Last, for it takes the longest.
        let pgp_key = self.pgp.read_one(request.pgp_key).await?;
        let otp_bytes = || RootAttempt::Otp(LockedBytes::copy_of(otp.expose().as_bytes()));
        let about = pgp_key.map_or_else(otp_bytes, RootAttempt::Pgp);
        match self.begin(&self.root, &mut found, about).await {
            Ok(()) => tracing::warn!("somebody has begun to generate a root token"),
            Err(Lost::Race(_)) => return Err(in_progress().into()),
            Err(Lost::Failed(error)) => return Err(error.into()),
        }
        Ok(self.root_view(&found, if is_made_up { otp.expose() } else { "" }).await?)
    }

    /// Gives it up.
    pub(crate) async fn cancel_root(&self) -> Result<(), Refused> {
        self.cancel(&self.root, |_, _| Ok(())).await
    }

    /// Takes one share; with the last one needed the token is made.
    pub(crate) async fn give_root(&self, share: &SecretBytes, nonce: &str) -> Result<Value, Refused> {
        let mut found = self.find(&self.root).await?;
        let held = found.attempt(nonce, "root generation", &TEXTS)?;
        if self.count(held, share, &TEXTS).await?.is_none() {
            return Ok(self.root_view(&found, "").await?);
        }
        let required = self.required().await?;
        let (nonce, revision) = (held.nonce.clone(), held.revision);
        let parts = create::root(&self.env, &*self.identity.cluster()?, None)?;
        let token = parts.created.token;
        let encoded = held.about.cover(token.expose(), &self.env)?;
        let fingerprint = held.about.fingerprint().to_owned();
        let live = keys::namespace_live(ROOT_NAMESPACE)?;
        let [found_live] = self.store.revisions_of([live.clone()]).await?;
        let mut changes = barrier::Changes::new();
        changes.expect(Expectation::At(live, found_live.ok_or(Error::Denied)?));
        changes.delete(keys::attempt(self.root.kind)?, revision);
        for (key, value) in parts.entries {
            changes.create(key, value);
        }
        match self.store.commit(changes).await {
            Ok(_) => *found.held = None,
            Err(Lost::Race(_)) => {
                *found.held = None;
                return Err(Error::invalid(TEXTS.none).into());
            }
            Err(Lost::Failed(error)) => return Err(error.into()),
        }
        tracing::warn!(accessor = parts.created.entry.accessor, "a root token was generated");
        Ok(json!({
            "nonce": nonce,
            "started": true,
            "progress": required,
            "required": required,
            "complete": true,
            "encoded_token": encoded.expose(),
            "encoded_root_token": encoded.expose(),
            "pgp_fingerprint": fingerprint,
            "otp": "",
            "otp_length": ROOT_TOKEN_CHARACTERS,
        }))
    }

    async fn root_view(&self, found: &Found<'_, RootAttempt>, otp: &str) -> Result<Value, Error> {
        let held = found.held.as_ref();
        Ok(json!({
            "nonce": held.map_or("", |held| held.nonce.as_str()),
            "started": held.is_some(),
            "progress": held.map_or(0, |held| held.shares.0.len()),
            "required": self.required().await?,
            "complete": false,
            "encoded_token": "",
            "encoded_root_token": "",
            "pgp_fingerprint": held.map_or("", |held| held.about.fingerprint()),
            "otp": otp,
            "otp_length": ROOT_TOKEN_CHARACTERS,
        }))
    }
}

fn in_progress() -> Error {
    Error::invalid("root generation already in progress")
}

/// Byte by byte one with the other; both have one length.
fn masked(token: &[u8], otp: &[u8]) -> Secret<Vec<u8>> {
    Secret::new(token.iter().zip(otp).map(|(a, b)| a ^ b).collect())
}

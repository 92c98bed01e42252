//! A new root token from shares, for whoever has lost all others.

use framework::Error;
use secret::SecretBytes;
use serde_json::Value;
use storage::Expectation;

use super::cover::{Cover, CoverRequest, Standing};
use super::{Attempts, Found, Refused, Texts};
use crate::keys::{self, ROOT_NAMESPACE};
use crate::store::Lost;
use crate::tokens::create;

/// What is said of an attempt that ends in a token. That for a recovery token says the same, as clients know it.
pub(crate) const TEXTS: Texts = Texts {
    none: "no root generation in progress",
    lost: "no root generation in progress: the one that was begun was lost when its node was sealed or restarted",
    twice: "given key has already been provided during this generation operation",
    wrong: "root generation failed: the keys do not belong together or to this server; progress was reset",
};

impl Attempts {
    /// What is known of the attempt.
    pub(crate) async fn root_status(&self) -> Result<Value, Refused> {
        let found = self.find(&self.root).await?;
        Ok(self.root_view(&found, "").await?)
    }

    /// Begins.
    pub(crate) async fn begin_root(&self, request: CoverRequest) -> Result<Value, Refused> {
        let mut found = self.find(&self.root).await?;
        request.check()?;
        if found.held.is_some() {
            return Err(in_progress().into());
        }
        if self.required().await? == 0 {
            return Err(super::from_verify(barrier::seal::VerifyError::NoRecoveryKey).into());
        }
        // Last, for a PGP key takes the longest.
        let (about, shown) = request.chosen(&self.env, &self.pgp).await?;
        match self.begin(&self.root, &mut found, about).await {
            Ok(()) => tracing::warn!("somebody has begun to generate a root token"),
            Err(Lost::Race(_)) => return Err(in_progress().into()),
            Err(Lost::Failed(error)) => return Err(error.into()),
        }
        Ok(self.root_view(&found, shown.expose()).await?)
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
        let standing = Standing {
            nonce: &nonce,
            progress: required.into(),
            required,
            fingerprint: &fingerprint,
            otp: "",
            encoded: Some(encoded.expose()),
        };
        Ok(standing.body())
    }

    async fn root_view(&self, found: &Found<'_, Cover>, otp: &str) -> Result<Value, Error> {
        let held = found.held.as_ref();
        let standing = Standing {
            nonce: held.map_or("", |held| held.nonce.as_str()),
            progress: held.map_or(0, |held| held.shares.count()),
            required: self.required().await?,
            fingerprint: held.map_or("", |held| held.about.fingerprint()),
            otp,
            encoded: None,
        };
        Ok(standing.body())
    }
}

/// There is one already.
pub(crate) fn in_progress() -> Error {
    Error::invalid("root generation already in progress")
}

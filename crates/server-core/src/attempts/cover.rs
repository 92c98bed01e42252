//! How a token that shares have made leaves the server: encrypted, by a one-time password that only the one who began the
//! attempt knows, or to a PGP key, so that the giver of the last share does not get it. And what is told of such an
//! attempt, in the words of the API.

use std::sync::Arc;

use data_encoding::{BASE64, BASE64_NOPAD};
use env::Env;
use framework::Error;
use openpgp::PublicKey;
use secret::{LockedBytes, Secret};
use serde_json::{Value, json};

use crate::pgp;
use crate::tokens::ROOT_TOKEN_CHARACTERS;

/// How the token is to be encrypted.
pub(crate) enum Cover {
    /// By a password that is as long as the token.
    Otp(LockedBytes),
    /// To somebody's key.
    Pgp(Arc<PublicKey>),
}

/// How somebody asks for it.
pub(crate) struct CoverRequest {
    /// Empty: one is made up, and shown this once, unless there is a PGP key.
    pub(crate) otp: Secret<String>,
    /// Empty: a password.
    pub(crate) pgp_key: String,
}

impl CoverRequest {
    /// Refuses what makes no sense, without looking into a key.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let otp = self.otp.expose();
        if !otp.is_empty() && !self.pgp_key.is_empty() {
            return Err(Error::invalid("only one of otp and pgp_key can be given"));
        }
        if !otp.is_empty() && otp.len() != ROOT_TOKEN_CHARACTERS {
            return Err(Error::invalid("OTP string is wrong length"));
        }
        Ok(())
    }

    /// The cover, and the password if it was made up, to be shown this once; empty otherwise. To be asked for once
    /// everything else is well, because reading a key takes a while.
    pub(crate) async fn chosen(self, env: &Env, reader: &pgp::Reader) -> Result<(Cover, Secret<String>), Error> {
        let nothing = Secret::new(String::new());
        if let Some(key) = reader.read_one(self.pgp_key).await? {
            return Ok((Cover::Pgp(key), nothing));
        }
        let is_made_up = self.otp.expose().is_empty();
        let otp = if is_made_up { Secret::new(env.base62(ROOT_TOKEN_CHARACTERS)) } else { self.otp };
        let cover = Cover::Otp(LockedBytes::copy_of(otp.expose().as_bytes()));
        Ok((cover, if is_made_up { otp } else { nothing }))
    }
}

impl Cover {
    /// By which people know the PGP key; empty for a password.
    pub(crate) fn fingerprint(&self) -> &str {
        match self {
            Self::Otp(_) => "",
            Self::Pgp(key) => key.fingerprint(),
        }
    }

    /// The token as it is told to the giver of the last share. It has [`ROOT_TOKEN_CHARACTERS`].
    pub(crate) fn cover(&self, token: &str, env: &Env) -> Result<Secret<String>, Error> {
        Ok(Secret::new(match self {
            Self::Otp(otp) => BASE64_NOPAD.encode(masked(token.as_bytes(), otp.expose()).expose()),
            Self::Pgp(key) => BASE64.encode(pgp::encrypted(key, token, env)?.expose()),
        }))
    }
}

/// What is told of an attempt.
pub(crate) struct Standing<'a> {
    /// Empty when there is none.
    pub(crate) nonce: &'a str,
    /// How many shares were given.
    pub(crate) progress: usize,
    /// How many are needed.
    pub(crate) required: u8,
    /// Of the PGP key.
    pub(crate) fingerprint: &'a str,
    /// A password that was just made up.
    pub(crate) otp: &'a str,
    /// The token, once it is made.
    pub(crate) encoded: Option<&'a str>,
}

impl Standing<'_> {
    /// The reply.
    pub(crate) fn body(&self) -> Value {
        let encoded = self.encoded.unwrap_or_default();
        json!({
            "nonce": self.nonce,
            "started": !self.nonce.is_empty(),
            "progress": self.progress,
            "required": self.required,
            "complete": self.encoded.is_some(),
            "encoded_token": encoded,
            "encoded_root_token": encoded,
            "pgp_fingerprint": self.fingerprint,
            "otp": self.otp,
            "otp_length": ROOT_TOKEN_CHARACTERS,
        })
    }
}

/// Byte by byte one with the other; both have one length.
fn masked(token: &[u8], otp: &[u8]) -> Secret<Vec<u8>> {
    Secret::new(token.iter().zip(otp).map(|(a, b)| a ^ b).collect())
}

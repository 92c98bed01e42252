//! A login that has begun, as its state says it: for which role, where the browser comes back to, until when. The state
//! goes through the browser and the provider and comes back with a MAC of the mount's, so that nobody else makes one.
//!
//! What the provider must see of this login and what must stay here (the nonce, the verifier of RFC 7636) are made of the
//! login's id with the same key.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use env::Env;
use framework::Error;
use secret::{MacKey, is_equal, sha256};
use serde::{Deserialize, Serialize};

use super::LOGIN_SECS_MAX;
use crate::jwt::entry::ConfigEntry;

/// What stands in front of a state, as in Vault's.
const PREFIX: &str = "st_";
/// The longest state that is looked at, in bytes.
const STATE_BYTES_MAX: usize = 8 * 1024;

/// A login that has begun.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Hex, drawn.
    #[serde(rename = "i")]
    pub(super) id: String,
    #[serde(rename = "r")]
    pub(super) role: String,
    #[serde(rename = "u")]
    pub(super) redirect_uri: String,
    /// Since 1970.
    #[serde(rename = "e")]
    pub(super) expires_secs: i64,
    /// The hash of what the client has to come back with, if it has said anything.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    client_nonce: Option<String>,
    /// From where it was begun, to be shown to a user whose browser brings it here by itself (RFC 8628 §5.4).
    #[serde(rename = "a", default, skip_serializing_if = "String::is_empty")]
    pub(super) from: String,
}

/// The key that the states of a configuration are made with.
pub(super) struct StateKey(MacKey);

impl Begun {
    /// A login that begins now.
    pub(super) fn new(env: &Env, now_secs: i64, role: &str, redirect_uri: &str, client_nonce: &str) -> Self {
        Self {
            id: HEXLOWER.encode(&env.random::<16>()),
            role: role.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            expires_secs: now_secs.saturating_add(LOGIN_SECS_MAX),
            client_nonce: Some(client_nonce).filter(|nonce| !nonce.is_empty()).map(nonce_hash),
            from: String::new(),
        }
    }

    /// Whether whoever ends the login is who has begun it. One who says something does not end a login that was begun
    /// without a word: somebody else has begun it, and would be whom they are logged in as.
    pub(super) fn is_begun_with(&self, client_nonce: &str) -> bool {
        match (&self.client_nonce, client_nonce) {
            (None, given) => given.is_empty(),
            (Some(hash), given) => is_equal(hash, nonce_hash(given)),
        }
    }
}

impl StateKey {
    /// The key of a configuration.
    pub(super) fn of(config: &ConfigEntry) -> Result<Self, Error> {
        let key = HEXLOWER.decode(config.state_key.as_bytes());
        key.map(|key| Self(MacKey::new(&key))).map_err(|source| Error::world("decode the key of states", source))
    }

    /// The state of a login.
    pub(super) fn seal(&self, begun: &Begun) -> Result<String, Error> {
        let said = BASE64URL_NOPAD.encode(&framework::view::encode(begun)?);
        let mac = BASE64URL_NOPAD.encode(&self.0.sign(&[b"state\0", said.as_bytes()]));
        Ok(format!("{PREFIX}{said}.{mac}"))
    }

    /// The login of a state; none when it is not one of ours, or too late for it. What stands behind a comma says which
    /// namespace it is for, which the request has said already.
    pub(super) fn open(&self, state: &str, now_secs: i64) -> Option<Begun> {
        let state = state.split_once(',').map_or(state, |(state, _)| state);
        let (said, mac) = state.strip_prefix(PREFIX).filter(|it| it.len() <= STATE_BYTES_MAX)?.split_once('.')?;
        let expected = BASE64URL_NOPAD.encode(&self.0.sign(&[b"state\0", said.as_bytes()]));
        if !is_equal(mac, expected) {
            return None;
        }
        let begun: Begun = serde_json::from_slice(&BASE64URL_NOPAD.decode(said.as_bytes()).ok()?).ok()?;
        (now_secs < begun.expires_secs).then_some(begun)
    }

    /// What the provider's token has to say, so that it is for this login.
    pub(super) fn nonce(&self, begun: &Begun) -> String {
        HEXLOWER.encode(&self.0.sign(&[b"nonce\0", begun.id.as_bytes()]))
    }

    /// What proves to the provider that whoever shows the code has asked for it (RFC 7636 §4.1).
    pub(super) fn verifier(&self, begun: &Begun) -> String {
        BASE64URL_NOPAD.encode(&self.0.sign(&[b"verifier\0", begun.id.as_bytes()]))
    }

    /// What the provider is told of the verifier beforehand (RFC 7636 §4.2).
    pub(super) fn challenge(&self, begun: &Begun) -> String {
        BASE64URL_NOPAD.encode(&sha256(self.verifier(begun).as_bytes()))
    }
}

fn nonce_hash(nonce: &str) -> String {
    HEXLOWER.encode(&sha256(nonce.as_bytes()))
}

//! Access tokens: all about them is in their text, sealed; nothing is stored but that one is revoked. They open `userinfo` and nothing else, because
//! they are no tokens of this server: an application must never act as the person who logged in.
//!
//! `hvo.`, and in base64url without padding: format (1 byte), term (4 bytes, big-endian), nonce (24 bytes), ciphertext and
//! tag, as in batch tokens, under a subkey of their own.

use barrier::xaes::{NONCE_BYTES, XaesKey};
use barrier::{Barrier, Purpose, Subkey};
use data_encoding::BASE64URL_NOPAD;
use framework::Error;
use framework::view::from_barrier;
use secret::Secret;
use serde::{Deserialize, Serialize};

use crate::oidc::Oidc;
use crate::store::encode;

/// What access tokens begin with.
const PREFIX: &str = "hvo.";
/// The longest access token, in bytes of text: what a listener takes as a token.
const TEXT_BYTES_MAX: usize = 8192;
/// The layout in front of the ciphertext.
const FORMAT: u8 = 1;
/// What the ciphertext is bound to, before the head.
const LABEL: &[u8] = b"strongroom access token";
const TERM_BYTES: usize = 4;
const HEAD_BYTES: usize = 1 + TERM_BYTES;

/// What is sealed in an access token.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(PartialEq, Eq, Debug))]
pub(super) struct Access {
    pub(super) v: u32,
    pub(super) namespace: String,
    pub(super) provider: String,
    pub(super) client_id: String,
    pub(super) entity_id: String,
    pub(super) scopes: Vec<String>,
    /// Nanoseconds since 1970.
    pub(super) expires: i64,
    /// What names the code in the store that it came of; empty in those of earlier releases.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) code: String,
}

impl Oidc {
    /// The text of an access token, bound to the token epoch: a restore ends it.
    ///
    /// # Errors
    /// When it would be longer than what is taken for one.
    pub(super) fn seal_access(&self, access: &Access) -> Result<Secret<String>, Error> {
        let key = self.store.barrier().subkey(Purpose::AccessTokens).map_err(from_barrier)?;
        let text = seal(&key, &self.cluster.cluster()?.token_epoch, &self.env.random(), access)?;
        if text.expose().len() > TEXT_BYTES_MAX {
            let why = format!("the access token would be longer than {TEXT_BYTES_MAX} bytes: ask for fewer scopes");
            return Err(Error::Invalid(why.into()));
        }
        Ok(text)
    }

    /// What is sealed in a text; `None` for whatever this cluster did not seal in this token epoch.
    pub(super) async fn open_access(&self, token: &str) -> Result<Option<Access>, Error> {
        open(self.store.barrier(), &self.cluster.cluster()?.token_epoch, token).await
    }
}

fn seal(key: &Subkey, epoch: &str, nonce: &[u8; NONCE_BYTES], access: &Access) -> Result<Secret<String>, Error> {
    let plaintext = Secret::new(encode(access)?);
    let mut head = [FORMAT; HEAD_BYTES];
    head[1..].copy_from_slice(&key.term.to_be_bytes());
    let mut sealed = [head.as_slice(), nonce].concat();
    let bound = [LABEL, &head, epoch.as_bytes()].concat();
    XaesKey::new(key.key.expose()).seal(nonce, &bound, plaintext.expose(), &mut sealed);
    Ok(Secret::new([PREFIX, &BASE64URL_NOPAD.encode(&sealed)].concat()))
}

async fn open(barrier: &Barrier, epoch: &str, token: &str) -> Result<Option<Access>, Error> {
    let Some(text) = token.strip_prefix(PREFIX).filter(|_| token.len() <= TEXT_BYTES_MAX) else { return Ok(None) };
    let Ok(bytes) = BASE64URL_NOPAD.decode(text.as_bytes()) else { return Ok(None) };
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let Some((nonce, sealed)) = rest.split_first_chunk::<NONCE_BYTES>() else { return Ok(None) };
    let (format, term) = (head[0], u32::from_be_bytes([head[1], head[2], head[3], head[4]]));
    if format != FORMAT {
        return Ok(None);
    }
    let key = barrier.subkey_of(Purpose::AccessTokens, term).await.map_err(from_barrier)?;
    let Some(key) = key else { return Ok(None) };
    let bound = [LABEL, head.as_slice(), epoch.as_bytes()].concat();
    let Ok(opened) = XaesKey::new(key.key.expose()).open(nonce, &bound, sealed) else { return Ok(None) };
    let access = serde_json::from_slice(opened.expose());
    access.map(Some).map_err(|source| Error::world("decode what an access token holds", source))
}

#[cfg(test)]
mod tests;

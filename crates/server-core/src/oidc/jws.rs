//! Signed tokens in their compact form (RFC 7515 §7.1): written with one of our keys, and taken apart to be checked with
//! the one that it names. Nothing of a text is proven before its signature is.

use data_encoding::BASE64URL_NOPAD;
use framework::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::jwk::{Jwk, Pair};

/// The longest text that is taken for a token, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
}

/// A text with the form of a token.
pub(super) struct Unproven<'t> {
    /// The key that it names.
    pub(super) kid: String,
    algorithm: String,
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

/// The token of these claims, signed.
pub(super) fn sign(pair: &Pair, claims: &Map<String, Value>) -> Result<String, Error> {
    let header =
        Header { alg: pair.public.alg.name().to_owned(), kid: pair.public.kid.clone(), typ: Some("JWT".to_owned()) };
    let mut text = BASE64URL_NOPAD.encode(&framework::view::encode(&header)?);
    text.push('.');
    text.push_str(&BASE64URL_NOPAD.encode(&framework::view::encode(claims)?));
    let signature = pair.sign(text.as_bytes())?;
    text.push('.');
    text.push_str(&BASE64URL_NOPAD.encode(&signature));
    Ok(text)
}

impl<'t> Unproven<'t> {
    /// Takes a text apart; `None` for what has another form.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).ok()?).ok()?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        Some(Self { kid: header.kid, algorithm: header.alg, signed, claims, signature })
    }

    /// The claims, if this key has signed them. The algorithm is the key's; a text that names another one is refused,
    /// whatever it would verify as.
    pub(super) fn prove(&self, key: &Jwk) -> Option<Map<String, Value>> {
        let is_meant = key.kid == self.kid && key.alg.name() == self.algorithm;
        if !is_meant || !key.verifies(self.signed.as_bytes(), &self.signature) {
            return None;
        }
        let claims = BASE64URL_NOPAD.decode(self.claims.as_bytes()).ok()?;
        serde_json::from_slice(&claims).ok()
    }
}

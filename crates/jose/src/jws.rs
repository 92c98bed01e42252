//! Signed tokens in their compact form (RFC 7515 §7.1): written with one of our keys, and taken apart to be checked.
//! Nothing of a text is proven before its signature is.

use api::json::{Limits, parse};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Algorithm, Error, Pair, PublicKey};

/// The longest text that is taken for a token, in bytes.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// What a header may be: a few texts.
const HEADER_LIMITS: Limits =
    Limits { depth: 8, string_bytes: 64 * 1024, object_entries: 100, array_elements: 100, tokens: 2_000 };
/// What claims may be: groups by the thousand, and claims of claims, but no depth to get lost in.
const CLAIMS_LIMITS: Limits =
    Limits { depth: 32, string_bytes: TEXT_BYTES_MAX, object_entries: 10_000, array_elements: 50_000, tokens: 100_000 };

#[derive(Serialize)]
struct Header<'h> {
    alg: &'h str,
    kid: &'h str,
    typ: &'h str,
}

/// A text with the form of a token. Its `Debug` shows the header's part alone.
pub struct Unproven<'t> {
    /// The key that it names, if any.
    pub kid: Option<String>,
    /// The algorithm that it names; `None` for one that does not exist here, which nothing can prove.
    pub algorithm: Option<Algorithm>,
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

/// The token of these claims, signed.
///
/// # Errors
/// When the key is damaged.
pub fn sign(pair: &Pair, claims: &Map<String, Value>) -> Result<String, Error> {
    let header = Header { alg: pair.public.alg.name(), kid: &pair.public.kid, typ: "JWT" };
    let mut text = BASE64URL_NOPAD.encode(&serde_json::to_vec(&header).map_err(Error::Encode)?);
    text.push('.');
    text.push_str(&BASE64URL_NOPAD.encode(&serde_json::to_vec(claims).map_err(Error::Encode)?));
    let signature = pair.sign(text.as_bytes())?;
    text.push('.');
    text.push_str(&BASE64URL_NOPAD.encode(&signature));
    Ok(text)
}

impl<'t> Unproven<'t> {
    /// Takes a text apart; `None` for what has another form, or says that it cannot be understood by us (`crit`, RFC 7515
    /// §4.1.11).
    #[must_use]
    pub fn parse(text: &'t str) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.').filter(|(_, claims)| !claims.contains('.'))?;
        let header = parse(&BASE64URL_NOPAD.decode(header.as_bytes()).ok()?, &HEADER_LIMITS).ok()?;
        if header.get("crit").is_some() {
            return None;
        }
        let algorithm = Algorithm::parse(header.get("alg")?.as_str()?);
        let kid = match header.get("kid") {
            None => None,
            // An empty name is none, as others read it.
            Some(kid) => Some(kid.as_str()?.to_owned()).filter(|kid| !kid.is_empty()),
        };
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        Some(Self { kid, algorithm, signed, claims, signature })
    }

    /// Whether this key has signed it, with the algorithm that it names. A key of another name than the token's is not
    /// tried.
    #[must_use]
    pub fn is_proven_by(&self, key: &PublicKey) -> bool {
        let is_meant = match (&self.kid, key.kid()) {
            (Some(named), Some(own)) => named == own,
            _ => true,
        };
        let Some(algorithm) = self.algorithm.filter(|_| is_meant) else { return false };
        key.verifies(algorithm, self.signed.as_bytes(), &self.signature)
    }

    /// The claims, if this key has signed them.
    #[must_use]
    pub fn prove(&self, key: &PublicKey) -> Option<Map<String, Value>> {
        if self.is_proven_by(key) { self.unproven_claims() } else { None }
    }

    /// The claims, whoever has made them; `None` when they are no object within the bounds. For those who prove the
    /// token first, or find out with them whom to ask for a proof.
    #[must_use]
    pub fn unproven_claims(&self) -> Option<Map<String, Value>> {
        let claims = BASE64URL_NOPAD.decode(self.claims.as_bytes()).ok()?;
        match parse(&claims, &CLAIMS_LIMITS).ok()? {
            Value::Object(claims) => Some(claims),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Unproven<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unproven").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

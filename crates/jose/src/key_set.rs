//! Sets of public keys: those of a document (RFC 7517 §5), or those that an operator has written down.

use api::json::{Limits, parse};
use serde_json::Value;

use crate::{Error, PublicKey, Unproven};

/// The most keys of one set. A token without a key's name is tried with all of them, so this bounds what it costs.
pub const KEYS_MAX: usize = 100;

/// What a document may be. Keys with their chains of certificates come to a few kilobytes each.
const LIMITS: Limits =
    Limits { depth: 16, string_bytes: 64 * 1024, object_entries: 1_000, array_elements: 1_000, tokens: 100_000 };

/// Why a document is no set of keys.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// It is not JSON, or goes beyond the bounds.
    #[error("the key set is not JSON within its bounds")]
    Json(#[source] api::json::JsonError),
    /// It has no list of keys.
    #[error("the document has no list named \"keys\"")]
    NoKeys,
    /// There are too many.
    #[error("the key set has more than {KEYS_MAX} keys")]
    TooMany,
}

/// Some public keys.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

impl KeySet {
    /// The keys of a document. Those that nothing is verified with here are passed over (RFC 7517 §5).
    ///
    /// # Errors
    /// When it is no such document, or has more than [`KEYS_MAX`] keys.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let document = parse(document, &LIMITS).map_err(KeySetError::Json)?;
        let keys = document.get("keys").and_then(Value::as_array).ok_or(KeySetError::NoKeys)?;
        if keys.len() > KEYS_MAX {
            return Err(KeySetError::TooMany);
        }
        Ok(Self { keys: keys.iter().filter_map(PublicKey::from_jwk).collect() })
    }

    /// The keys of texts in PEM, one of each.
    ///
    /// # Errors
    /// For the first one without a key.
    pub fn from_pems<'p>(texts: impl IntoIterator<Item = &'p str>) -> Result<Self, Error> {
        let keys = texts.into_iter().map(PublicKey::from_pem).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether one of them has this name.
    #[must_use]
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Whether one of them has signed the token: those of the name that it has, or all of them where it has none or
    /// they have none.
    #[must_use]
    pub fn proves(&self, token: &Unproven<'_>) -> bool {
        self.keys.iter().any(|key| token.is_proven_by(key))
    }
}

#[cfg(test)]
mod tests;

//! From text to the bytes of a key: base64, armor, or base64 of armor (documented Vault behavior is base64; people paste
//! the others). What comes out is bounded, and nobody has looked into it.

use std::io::Read as _;

use data_encoding::BASE64;
use pgp::armor::{BlockType, Dearmor};

use crate::{KEY_BYTES_MAX, KeyError};

/// What begins every armor, private keys too.
const ARMOR: &str = "-----BEGIN PGP ";
/// The longest text: base64 in lines, and headers.
const TEXT_BYTES_MAX: usize = 2 * KEY_BYTES_MAX;

/// The bytes of the key in a text.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    let text = text.trim();
    if text.starts_with("keybase:") {
        return Err(KeyError::Keybase);
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(KeyError::TooLong);
    }
    if text.starts_with(ARMOR) {
        return dearmored(text);
    }
    let packed: String = text.split_whitespace().collect();
    let bytes = BASE64.decode(packed.as_bytes()).map_err(|_| KeyError::Encoding)?;
    match std::str::from_utf8(&bytes) {
        Ok(inner) if inner.trim_start().starts_with(ARMOR) => dearmored(inner.trim()),
        _ if bytes.is_empty() => Err(KeyError::Encoding),
        _ if bytes.len() > KEY_BYTES_MAX => Err(KeyError::TooLong),
        _ => Ok(bytes),
    }
}

fn dearmored(text: &str) -> Result<Vec<u8>, KeyError> {
    let mut armor = Dearmor::new(text.as_bytes());
    armor.read_header().map_err(|_| KeyError::Malformed)?;
    if armor.typ != Some(BlockType::PublicKey) {
        return Err(KeyError::NotPublic);
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(KEY_BYTES_MAX + 1).unwrap_or(u64::MAX);
    armor.take(limit).read_to_end(&mut bytes).map_err(|_| KeyError::Malformed)?;
    if bytes.len() > KEY_BYTES_MAX { Err(KeyError::TooLong) } else { Ok(bytes) }
}

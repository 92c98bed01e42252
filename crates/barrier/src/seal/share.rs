//! A share as people type it: hex or base64, to be guessed as the published API does.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use secret::{KEY_BYTES, SecretBytes};

/// The shortest key or share that is taken, in bytes.
pub const SHARE_BYTES_MIN: usize = 16;
/// The longest: a key and its point, in bytes.
pub const SHARE_BYTES_MAX: usize = KEY_BYTES + 1;

/// Why a text or its bytes cannot be a share. The texts are those of the published API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Neither encoding fits.
    #[error("'key' must be a valid hex or base64 string")]
    Encoding,
    /// Shorter than [`SHARE_BYTES_MIN`].
    #[error("key is shorter than minimum {SHARE_BYTES_MIN} bytes")]
    TooShort,
    /// Longer than [`SHARE_BYTES_MAX`].
    #[error("key is longer than maximum {SHARE_BYTES_MAX} bytes")]
    TooLong,
}

/// The bytes of a typed share. It counts as hex only if what it decodes to has a share's length, for 44 characters of
/// base64 may all be hex digits; otherwise as base64 (standard alphabet, padded).
///
/// # Errors
/// [`ShareError::Encoding`]; the length is checked when the share is used.
pub fn decode_share(text: &str) -> Result<SecretBytes, ShareError> {
    let text = text.trim().as_bytes();
    let hex = HEXLOWER_PERMISSIVE.decode(text).map(SecretBytes::new);
    match hex {
        Ok(share) if check_share(&share).is_ok() => Ok(share),
        _ => BASE64.decode(text).map(SecretBytes::new).map_err(|_| ShareError::Encoding),
    }
}

/// Whether this many bytes can be a share.
///
/// # Errors
/// [`ShareError::TooShort`] or [`ShareError::TooLong`].
pub fn check_share(share: &SecretBytes) -> Result<(), ShareError> {
    match share.expose().len() {
        length if length < SHARE_BYTES_MIN => Err(ShareError::TooShort),
        length if length > SHARE_BYTES_MAX => Err(ShareError::TooLong),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

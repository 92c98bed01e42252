//! Keyed hashes and keys derived from keys.

use std::fmt;

use aws_lc_rs::{digest, hkdf, hmac};

use crate::{KEY_BYTES, Secret};

/// The length of an [`hmac_sha256`], in bytes.
pub const MAC_BYTES: usize = 32;

/// HMAC-SHA256 (RFC 2104, FIPS 198-1) of the parts, one behind the other. The parts are not separated: where their
/// lengths vary, the caller puts something between them.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; MAC_BYTES] {
    MacKey::new(key).sign(parts)
}

/// A key of [`hmac_sha256`] whose schedule is computed once: for whoever makes many with one key. It is wiped with the
/// heap that it lies on. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// A key of any length; RFC 2104 wants at least [`MAC_BYTES`].
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// As [`hmac_sha256`].
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; MAC_BYTES] {
    let mut hash = [0; MAC_BYTES];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// HKDF-SHA256 (RFC 5869) without salt: a key of its own for each `info`. The parts of `info` are not separated.
///
/// # Panics
/// Never: 32 bytes are within what RFC 5869 §2.3 lets HKDF-SHA256 give.
#[must_use]
pub fn derive_key(key: &[u8], info: &[&[u8]]) -> Secret<[u8; KEY_BYTES]> {
    let mut derived = Secret::new([0; KEY_BYTES]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(key)
        .expand(info, KeyLength)
        .and_then(|key| key.fill(derived.expose_mut()))
        .expect("HKDF-SHA256 gives up to 8,160 bytes");
    derived
}

/// Tells HKDF how much to give.
struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

#[cfg(test)]
mod tests;

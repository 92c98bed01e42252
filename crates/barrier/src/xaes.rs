//! XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM with a nonce long enough to be drawn at random.
//!
//! Many nodes seal under one key without sharing a counter; 192 random bits allow 2^80 messages at a collision risk of
//! 2^-32. The first half of the nonce derives a key by CMAC-AES256 (NIST SP 800-108r1 §4.1), the second half is the
//! GCM nonce. A nonce must never be used twice: callers draw it from `Env` and nowhere else.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use secret::{KEY_BYTES, Secret, SecretBytes};

/// The length of a nonce, in bytes.
pub const NONCE_BYTES: usize = 24;
/// How much longer a ciphertext is than its plaintext, in bytes.
pub const TAG_BYTES: usize = 16;

/// The length of an AES block, in bytes.
const BLOCK_BYTES: usize = 16;
/// The part of the nonce that goes into the derived key, in bytes; the rest is the GCM nonce.
const DERIVING_BYTES: usize = 12;
/// The label in the messages of the key derivation.
const LABEL: u8 = b'X';

/// A ciphertext that this key, nonce and associated data did not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ciphertext does not open")]
pub struct Forged;

/// A key with its derivation prepared.
pub struct XaesKey {
    cipher: EncryptingKey,
    /// K1, the CMAC subkey for whole blocks (NIST SP 800-38B §6.1).
    whole_block: Secret<[u8; BLOCK_BYTES]>,
}

impl XaesKey {
    /// Prepares a key.
    ///
    /// # Panics
    /// Never: AES-256 takes any 32 bytes.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let cipher = UnboundCipherKey::new(&AES_256, key).and_then(EncryptingKey::ecb).expect("AES-256 takes 32 bytes");
        let mut whole_block = Secret::new([0; BLOCK_BYTES]);
        cipher.encrypt(whole_block.expose_mut()).expect("one whole block");
        double(whole_block.expose_mut());
        Self { cipher, whole_block }
    }

    /// Appends the ciphertext and tag of `plaintext` to `out`.
    ///
    /// # Panics
    /// Never: GCM takes up to 64 GiB.
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], associated: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        let (key, nonce) = self.derive(nonce);
        out.reserve_exact(plaintext.len() + TAG_BYTES);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(associated), &mut out[start..])
            .expect("GCM takes up to 64 GiB");
        out.extend_from_slice(tag.as_ref());
    }

    /// The plaintext of a ciphertext with its tag.
    ///
    /// # Errors
    /// [`Forged`] when any of key, nonce, associated data or ciphertext is not what it was when sealed.
    pub fn open(&self, nonce: &[u8; NONCE_BYTES], associated: &[u8], sealed: &[u8]) -> Result<SecretBytes, Forged> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Forged)?;
        let (key, nonce) = self.derive(nonce);
        let mut plaintext = Secret::new(vec![0; ciphertext.len()]);
        key.open_separate_gather(nonce, Aad::from(associated), ciphertext, tag, plaintext.expose_mut())
            .map_err(|_| Forged)?;
        Ok(plaintext)
    }

    /// The AES-256-GCM key and nonce for one message: the "detailed key derivation algorithm" of the specification.
    fn derive(&self, nonce: &[u8; NONCE_BYTES]) -> (LessSafeKey, Nonce) {
        let (deriving, rest) = nonce.split_at(DERIVING_BYTES);
        let mut blocks = Secret::new([0; KEY_BYTES]);
        for (counter, block) in (1..).zip(blocks.expose_mut().chunks_exact_mut(BLOCK_BYTES)) {
            let (head, context) = block.split_at_mut(BLOCK_BYTES - DERIVING_BYTES);
            head.copy_from_slice(&[0, counter, LABEL, 0]);
            context.copy_from_slice(deriving);
            block.iter_mut().zip(self.whole_block.expose()).for_each(|(byte, mask)| *byte ^= mask);
        }
        self.cipher.encrypt(blocks.expose_mut()).expect("two whole blocks");
        let key = UnboundKey::new(&AES_256_GCM, blocks.expose()).expect("AES-256 takes 32 bytes");
        let nonce = Nonce::try_assume_unique_for_key(rest).expect("half of 24 bytes");
        (LessSafeKey::new(key), nonce)
    }
}

/// Multiplies by x in GF(2^128) as NIST SP 800-38B §6.1 does it, in constant time.
fn double(block: &mut [u8; BLOCK_BYTES]) {
    let number = u128::from_be_bytes(*block);
    let carry = number >> 127;
    *block = ((number << 1) ^ (carry * 0x87)).to_be_bytes();
}

impl std::fmt::Debug for XaesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("XaesKey(..)")
    }
}

#[cfg(test)]
mod tests;

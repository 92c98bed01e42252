//! How a value looks in the store: `format ‖ term ‖ nonce ‖ ciphertext ‖ tag`, 1 + 4 + 24 + n + 16 bytes.
//!
//! The associated data is `format ‖ term ‖ storage key`, so that an entry opens only under the key where it was put
//! and under the term that it names. Term 0 is the root key, which seals the keyring alone.

use bytes::Bytes;
use secret::SecretBytes;
use storage::{Key, VALUE_BYTES_MAX};

use crate::xaes::{NONCE_BYTES, TAG_BYTES, XaesKey};

/// How much longer a stored value is than its plaintext, in bytes.
pub const OVERHEAD_BYTES: usize = HEAD_BYTES + NONCE_BYTES + TAG_BYTES;
/// The longest plaintext of one entry, in bytes.
pub const PLAINTEXT_BYTES_MAX: usize = VALUE_BYTES_MAX - OVERHEAD_BYTES;

/// The format that this release writes, and the newest that it reads.
const FORMAT: u8 = 1;
/// Format and term.
const HEAD_BYTES: usize = 1 + 4;

/// Why a stored value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Changed, swapped, cut or made by somebody else.
    Corrupt,
    /// Written by a later release.
    NewerFormat(u8),
}

/// A stored value in its parts.
pub(crate) struct Sealed<'a> {
    /// Which term's key opens it; 0 is the root key.
    pub term: u32,
    nonce: &'a [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
}

/// Seals a value for its place. The nonce must be fresh and random.
pub(crate) fn seal(cipher: &XaesKey, term: u32, key: &Key, nonce: &[u8; NONCE_BYTES], plaintext: &[u8]) -> Bytes {
    let mut value = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
    value.push(FORMAT);
    value.extend_from_slice(&term.to_be_bytes());
    value.extend_from_slice(nonce);
    cipher.seal(nonce, &associated_data(term, key), plaintext, &mut value);
    value.into()
}

impl<'a> Sealed<'a> {
    /// Takes a stored value apart.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        let (format, rest) = value.split_first().ok_or(Fault::Corrupt)?;
        match *format {
            FORMAT => {}
            newer if newer > FORMAT => return Err(Fault::NewerFormat(newer)),
            _ => return Err(Fault::Corrupt),
        }
        let (term, rest) = rest.split_first_chunk().ok_or(Fault::Corrupt)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(Fault::Corrupt)?;
        Ok(Self { term: u32::from_be_bytes(*term), nonce, ciphertext })
    }

    /// The value that was sealed under `key`.
    pub(crate) fn open(&self, cipher: &XaesKey, key: &Key) -> Result<SecretBytes, Fault> {
        cipher.open(self.nonce, &associated_data(self.term, key), self.ciphertext).map_err(|_| Fault::Corrupt)
    }
}

fn associated_data(term: u32, key: &Key) -> Vec<u8> {
    [&[FORMAT], term.to_be_bytes().as_slice(), key.as_bytes()].concat()
}

#[cfg(test)]
mod tests;

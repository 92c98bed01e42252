//! As much of OpenPGP (RFC 9580) as it takes to encrypt a few bytes to somebody's public key.
//!
//! [`PublicKey::parse`] reads a transferable public key, checks which of its keys its owner has bound to it for
//! encryption, and refuses what is revoked or expired; [`PublicKey::encrypt`] makes a message that every implementation
//! opens: AES-256 with integrity protection (SEIPD version 1). RSA, Curve25519 and the NIST curves; keys of version 4.
//!
//! The packets and the cryptography are rPGP's, the crate `pgp`, which tells what a key says and not whether to believe
//! it: that is decided here. A crate of its own, so that nothing else may use the second cryptography that comes with it;
//! nothing here may read a private key, decrypt, sign or fetch keys.

use std::time::UNIX_EPOCH;

use env::Env;
use pgp::packet::{PublicKey as PrimaryKey, PublicSubkey};

mod certificate;
mod framing;
mod message;
mod text;

/// The longest public key that is read, in bytes: one with hundreds of signatures of others.
pub const KEY_BYTES_MAX: usize = 256 * 1024;
/// The longest plaintext of a message, in bytes.
pub const PLAINTEXT_BYTES_MAX: usize = 16 * 1024;
/// The most that the keys of one request may have checked together: as many keys as there can be shares, with the
/// signatures that keys usually have. Each takes about a millisecond.
const CHECKED_MAX: usize = 1024;

/// A public key that something can be encrypted to.
#[derive(Debug, Clone)]
pub struct PublicKey {
    /// Of the primary key, in hexadecimal.
    fingerprint: String,
    recipient: Recipient,
}

/// How much of the keys of one request is still checked. Whoever sends them decides how much there is of it.
#[derive(Debug)]
pub struct Effort {
    left: usize,
}

/// The part of the key that is encrypted to.
#[derive(Debug, Clone)]
enum Recipient {
    Primary(PrimaryKey),
    Subkey(PublicSubkey),
}

/// Why a text is no key that can be encrypted to. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither base64 nor armored.
    #[error("PGP key is neither base64 nor armored")]
    Encoding,
    /// The name of a key on a server that is not asked.
    #[error("PGP keys are not fetched from Keybase: give the key itself")]
    Keybase,
    /// Longer than [`KEY_BYTES_MAX`], or with more signatures than are verified.
    #[error("PGP key is too long")]
    TooLong,
    /// Together with others, more signatures than are verified for one request.
    #[error("PGP keys have too many signatures together")]
    TooMuch,
    /// A primary key of an algorithm that nobody makes keys of any more, and that takes the longest to check.
    #[error("PGP keys with a DSA key are not supported")]
    Dsa,
    /// The framing, or a part of the key, is broken.
    #[error("PGP key is malformed")]
    Malformed,
    /// Several keys at once: it would be chance which one is taken.
    #[error("there is more than one PGP key")]
    Several,
    /// It begins with something else, a private key maybe.
    #[error("not a public PGP key")]
    NotPublic,
    /// Another version of keys.
    #[error("PGP keys of version {0} are not supported")]
    Version(u8),
    /// The owner has taken it back.
    #[error("PGP key is revoked")]
    Revoked,
    /// Its time is over.
    #[error("PGP key has expired")]
    Expired,
    /// No part of it is for encryption, by a signature of its owner that holds, in an algorithm that is supported.
    #[error("PGP key has no valid part for encryption: RSA, Curve25519 or a NIST curve, bound with SHA-2")]
    NoEncryption,
}

/// Why there is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncryptError {
    /// Longer than [`PLAINTEXT_BYTES_MAX`].
    #[error("plaintext is too long")]
    TooLong,
    /// The key's numbers make no key.
    #[error("PGP key cannot be encrypted to")]
    Key,
}

impl Default for Effort {
    fn default() -> Self {
        Self { left: CHECKED_MAX }
    }
}

impl Effort {
    fn spend(&mut self) -> Result<(), KeyError> {
        self.left = self.left.checked_sub(1).ok_or(KeyError::TooMuch)?;
        Ok(())
    }
}

impl PublicKey {
    /// Reads a key in base64 or armored, as of now. Takes some milliseconds for each signature of the owner, and belongs
    /// on a thread that may be blocked; all keys of one request share one effort.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(text: &str, env: &Env, effort: &mut Effort) -> Result<Self, KeyError> {
        let certificate = certificate::read(&text::decode(text)?)?;
        let now_secs = env.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let recipient = certificate::recipient(&certificate, now_secs, effort)?;
        // Whoever holds a key here may rely on it later, when something can be shown only once.
        effort.spend()?;
        message::encrypt(&recipient, &[], env).map_err(|_| KeyError::NoEncryption)?;
        Ok(Self { fingerprint: certificate::fingerprint(&certificate), recipient })
    }

    /// The fingerprint of the primary key: 40 hexadecimal digits, by which people know it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A message with this plaintext, not armored.
    ///
    /// # Errors
    /// See [`EncryptError`].
    pub fn encrypt(&self, plaintext: &[u8], env: &Env) -> Result<Vec<u8>, EncryptError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(EncryptError::TooLong);
        }
        message::encrypt(&self.recipient, plaintext, env)
    }
}

#[cfg(test)]
mod tests;

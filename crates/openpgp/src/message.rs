//! An encrypted message: a session key for the recipient (RFC 9580 §5.1.1), and the plaintext under it with a check of its
//! integrity (§5.13.1). The session key is random and forgotten. rPGP keeps copies of the plaintext while it works; they
//! are wiped when they are freed, as all memory of the program is.

use env::Env;
use pgp::composed::MessageBuilder;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use rand_core::{CryptoRng, RngCore};

use crate::{EncryptError, Recipient};

const CIPHER: SymmetricKeyAlgorithm = SymmetricKeyAlgorithm::AES256;
/// The message.
pub(crate) fn encrypt(recipient: &Recipient, plaintext: &[u8], env: &Env) -> Result<Vec<u8>, EncryptError> {
    let mut random = Randomness(env);
    let mut message = MessageBuilder::from_bytes("", plaintext.to_vec()).seipd_v1(&mut random, CIPHER);
    match recipient {
        Recipient::Primary(key) => message.encrypt_to_key(&mut random, key),
        Recipient::Subkey(key) => message.encrypt_to_key(&mut random, key),
    }
    .map_err(|_| EncryptError::Key)?;
    message.to_vec(&mut random).map_err(|_| EncryptError::Key)
}

/// The environment's randomness as rPGP takes it.
struct Randomness<'e>(&'e Env);

impl RngCore for Randomness<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.0.random())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.0.random())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

/// [`Env`] promises randomness fit for keys.
impl CryptoRng for Randomness<'_> {}

//! Public keys and what they have signed.
//!
//! The algorithms are those of the Web's certificates, without SHA-1 and without RSA below 2048 bits. They are told apart
//! by the bytes of their identifiers, parameters included, so that there is nothing to interpret.

use aws_lc_rs::digest;
use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::aws_lc_rs as algorithms;

use crate::Malformed;
use crate::der::{self, Reader, SEQUENCE};

static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P256_SHA512,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P384_SHA512,
    algorithms::ECDSA_P521_SHA256,
    algorithms::ECDSA_P521_SHA384,
    algorithms::ECDSA_P521_SHA512,
    algorithms::ED25519,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    sum
}

/// A public key (RFC 5280 §4.1.2.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey<'a> {
    whole: &'a [u8],
    /// The inside of its algorithm's identifier.
    algorithm: &'a [u8],
    key: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// The key that this SubjectPublicKeyInfo holds.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(whole: &'a [u8]) -> Result<Self, Malformed> {
        let mut inside = Reader::new(der::only(whole, SEQUENCE)?.content);
        let algorithm = inside.content(SEQUENCE)?;
        let key = inside.bytes_as_bits()?;
        inside.end()?;
        Ok(Self { whole, algorithm, key })
    }

    /// The whole SubjectPublicKeyInfo.
    #[must_use]
    pub const fn info(&self) -> &'a [u8] {
        self.whole
    }

    /// The inside of the algorithm's identifier.
    #[must_use]
    pub const fn algorithm(&self) -> &'a [u8] {
        self.algorithm
    }

    /// The key without what tells its algorithm.
    #[must_use]
    pub const fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The SHA-256 of the whole SubjectPublicKeyInfo.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(self.whole)
    }

    /// Whether the key has made this signature with the algorithm whose identifier has this inside.
    #[must_use]
    pub fn has_signed(&self, algorithm: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let fits = |it: &&&dyn SignatureVerificationAlgorithm| {
            it.public_key_alg_id().as_ref() == self.algorithm && it.signature_alg_id().as_ref() == algorithm
        };
        let known = ALGORITHMS.iter().find(fits);
        known.is_some_and(|known| known.verify_signature(self.key, message, signature).is_ok())
    }
}

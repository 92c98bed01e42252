//! Keys that sign JSON Web Tokens, and what is published of them (RFC 7517, RFC 7518, RFC 8037): the algorithms that
//! Vault offers, on aws-lc. Which algorithm a key is for is part of the key, and is never taken from what was signed.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaParameters,
    RsaSignatureEncoding, UnparsedPublicKey,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use framework::Error;
use secret::Secret;
use serde::{Deserialize, Serialize};

/// The size of new RSA keys, in bits (what Vault makes).
const RSA_SIZE: KeySize = KeySize::Rsa2048;
/// What stands in front of the coordinates of an uncompressed point (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// How tokens are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// The same with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// The same with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// ECDSA on P-521 with SHA-512.
    #[serde(rename = "ES512")]
    Es512,
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A public key as it is published and stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Jwk {
    r#use: Use,
    pub(crate) kid: String,
    pub(crate) alg: Algorithm,
    #[serde(flatten)]
    parts: Parts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Use {
    #[serde(rename = "sig")]
    Signing,
}

/// What of a key depends on its type. All numbers are base64url.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kty")]
enum Parts {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: String, x: String },
}

/// A key with its private half, as it is stored. Has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pair {
    /// PKCS #8, base64.
    private: String,
    pub(crate) public: Jwk,
}

/// A private key, ready to sign.
enum Signer {
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// An elliptic curve with the hash that belongs to it.
struct Curve {
    name: &'static str,
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static EcdsaVerificationAlgorithm,
}

const P256: Curve =
    Curve { name: "P-256", signing: &ECDSA_P256_SHA256_FIXED_SIGNING, verifying: &ECDSA_P256_SHA256_FIXED };
const P384: Curve =
    Curve { name: "P-384", signing: &ECDSA_P384_SHA384_FIXED_SIGNING, verifying: &ECDSA_P384_SHA384_FIXED };
const P521: Curve =
    Curve { name: "P-521", signing: &ECDSA_P521_SHA512_FIXED_SIGNING, verifying: &ECDSA_P521_SHA512_FIXED };

/// What an algorithm works with.
enum Family {
    Rsa(&'static RsaSignatureEncoding, &'static RsaParameters),
    Ec(Curve),
    Ed,
}

impl Algorithm {
    /// All of them, as they are published.
    pub(crate) const ALL: [Self; 7] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Es256, Self::Es384, Self::Es512, Self::EdDsa];

    /// As it stands in headers of tokens (RFC 7518 §3.1, RFC 8037 §3.1).
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name; `None` for all others, `none` and shared keys among them.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The left half of the hash that belongs to the algorithm, base64url: what an ID token says of a code and an access
    /// token (OpenID Connect Core §3.1.3.6).
    pub(crate) fn half_hash(self, text: &str) -> String {
        use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
        let algorithm = match self {
            Self::Rs256 | Self::Es256 => &SHA256,
            Self::Rs384 | Self::Es384 => &SHA384,
            Self::Rs512 | Self::Es512 | Self::EdDsa => &SHA512,
        };
        let hash = digest(algorithm, text.as_bytes());
        let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
        BASE64URL_NOPAD.encode(half)
    }

    fn family(self) -> Family {
        match self {
            Self::Rs256 => Family::Rsa(&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Family::Rsa(&RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Family::Rsa(&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512),
            Self::Es256 => Family::Ec(P256),
            Self::Es384 => Family::Ec(P384),
            Self::Es512 => Family::Ec(P521),
            Self::EdDsa => Family::Ed,
        }
    }
}

impl Pair {
    /// A fresh key. Takes up to a second of a processor for RSA.
    ///
    /// # Errors
    /// When the library makes none.
    pub(crate) fn generate(algorithm: Algorithm, kid: String) -> Result<Self, Error> {
        let failed = |source: aws_lc_rs::error::Unspecified| Error::world("make a signing key", source);
        let (private, parts) = match algorithm.family() {
            Family::Rsa(..) => {
                let key = RsaKeyPair::generate(RSA_SIZE).map_err(failed)?;
                let private = Secret::new(key.as_der().map_err(failed)?.as_ref().to_vec());
                (private, rsa_parts(key.public_key().as_ref())?)
            }
            Family::Ec(curve) => {
                let made = EcdsaKeyPair::generate_pkcs8(curve.signing, &SystemRandom::new()).map_err(failed)?;
                let private = Secret::new(made.as_ref().to_vec());
                let key = EcdsaKeyPair::from_pkcs8(curve.signing, private.expose()).map_err(damaged)?;
                (private, curve.parts(key.public_key().as_ref())?)
            }
            Family::Ed => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
                let private = Secret::new(made.as_ref().to_vec());
                let key = Ed25519KeyPair::from_pkcs8(private.expose()).map_err(damaged)?;
                let x = BASE64URL_NOPAD.encode(key.public_key().as_ref());
                (private, Parts::Okp { crv: "Ed25519".to_owned(), x })
            }
        };
        let public = Jwk { r#use: Use::Signing, kid, alg: algorithm, parts };
        Ok(Self { private: BASE64.encode(private.expose()), public })
    }

    /// A signature in the form that tokens have: that of ECDSA is two numbers side by side (RFC 7518 §3.4).
    ///
    /// # Errors
    /// When the key is damaged.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |source: aws_lc_rs::error::Unspecified| Error::world("sign a token", source);
        let random = SystemRandom::new();
        match self.signer()? {
            Signer::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Signer::Ec(key) => Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Signer::Ed(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }

    fn signer(&self) -> Result<Signer, Error> {
        let private = BASE64.decode(self.private.as_bytes()).map_err(|source| Error::world(OPEN, source))?;
        let private = Secret::new(private);
        let private = private.expose();
        Ok(match self.public.alg.family() {
            Family::Rsa(encoding, _) => Signer::Rsa(RsaKeyPair::from_pkcs8(private).map_err(damaged)?, encoding),
            Family::Ec(curve) => Signer::Ec(EcdsaKeyPair::from_pkcs8(curve.signing, private).map_err(damaged)?),
            Family::Ed => Signer::Ed(Ed25519KeyPair::from_pkcs8(private).map_err(damaged)?),
        })
    }
}

impl Jwk {
    /// Whether the private half has made this signature, with the key's own algorithm.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let decoded = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap_or_default();
        match (self.alg.family(), &self.parts) {
            (Family::Rsa(_, parameters), Parts::Rsa { n, e }) => {
                let key = PublicKeyComponents { n: decoded(n), e: decoded(e) };
                key.verify(parameters, message, signature).is_ok()
            }
            (Family::Ec(curve), Parts::Ec { x, y, .. }) => {
                let point = [[UNCOMPRESSED].as_slice(), &decoded(x), &decoded(y)].concat();
                UnparsedPublicKey::new(curve.verifying, point).verify(message, signature).is_ok()
            }
            (Family::Ed, Parts::Okp { x, .. }) => {
                UnparsedPublicKey::new(&ED25519, decoded(x)).verify(message, signature).is_ok()
            }
            _ => false,
        }
    }
}

impl Curve {
    fn parts(&self, point: &[u8]) -> Result<Parts, Error> {
        let coordinates = point.strip_prefix(&[UNCOMPRESSED]);
        let coordinates = coordinates.ok_or_else(|| Error::world("publish a key", "its point is compressed"))?;
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
        Ok(Parts::Ec { crv: self.name.to_owned(), x, y })
    }
}

const OPEN: &str = "open a signing key";

fn damaged(source: aws_lc_rs::error::KeyRejected) -> Error {
    Error::world(OPEN, source)
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 §A.1.1): a sequence of two integers, in DER.
fn rsa_parts(der: &[u8]) -> Result<Parts, Error> {
    let read = || {
        let (sequence, _) = element(SEQUENCE, der)?;
        let (n, rest) = element(INTEGER, sequence)?;
        let (e, _) = element(INTEGER, rest)?;
        let number = |bytes: &[u8]| {
            let start = bytes.iter().position(|byte| *byte != 0)?;
            bytes.get(start..).map(|bytes| BASE64URL_NOPAD.encode(bytes))
        };
        Some(Parts::Rsa { n: number(n)?, e: number(e)? })
    };
    read().ok_or_else(|| Error::world("publish a key", "it is no RSA public key"))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// The content of the first element, and what is behind it (X.690 §8.1).
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        short @ 0..=0x7f => (usize::from(*short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f)).filter(|(it, _)| it.len() <= 2)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length).filter(|_| *first == tag)
}

#[cfg(test)]
mod tests;

//! Keys of our own: pairs that sign, and what is published of them. Which algorithm a key is for is part of the key, and
//! is never taken from what was signed.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaSignatureEncoding};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use secret::Secret;
use serde::{Deserialize, Serialize};

use crate::algorithm::{Algorithm, Curve, Family};
use crate::key::UNCOMPRESSED;
use crate::{Error, PublicKey, der};

/// The size of new RSA keys, in bits (what Vault makes).
const RSA_SIZE: KeySize = KeySize::Rsa2048;

/// A public key as it is published and stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Jwk {
    r#use: Use,
    /// What tokens name it by.
    pub kid: String,
    /// What alone it signs with.
    pub alg: Algorithm,
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
pub struct Pair {
    /// PKCS #8, base64.
    private: String,
    /// What is published of it.
    pub public: Jwk,
}

/// A private key, ready to sign.
enum Signer {
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Pair {
    /// A fresh key. Takes up to a second of a processor for RSA.
    ///
    /// # Errors
    /// When the library makes none.
    pub fn generate(algorithm: Algorithm, kid: String) -> Result<Self, Error> {
        let (private, parts) = match algorithm.family() {
            Family::Rsa(..) => {
                let key = RsaKeyPair::generate(RSA_SIZE).map_err(Error::Make)?;
                let private = Secret::new(key.as_der().map_err(Error::Make)?.as_ref().to_vec());
                (private, rsa_parts(key.public_key().as_ref())?)
            }
            Family::Ec(curve) => {
                let made = EcdsaKeyPair::generate_pkcs8(curve.signing, &SystemRandom::new()).map_err(Error::Make)?;
                let private = Secret::new(made.as_ref().to_vec());
                let key = EcdsaKeyPair::from_pkcs8(curve.signing, private.expose()).map_err(Error::Open)?;
                (private, ec_parts(curve, key.public_key().as_ref())?)
            }
            Family::Ed => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(Error::Make)?;
                let private = Secret::new(made.as_ref().to_vec());
                let key = Ed25519KeyPair::from_pkcs8(private.expose()).map_err(Error::Open)?;
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
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match self.signer()? {
            Signer::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signature).map_err(Error::Sign)?;
                Ok(signature)
            }
            Signer::Ec(key) => Ok(key.sign(&random, message).map_err(Error::Sign)?.as_ref().to_vec()),
            Signer::Ed(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }

    fn signer(&self) -> Result<Signer, Error> {
        let private = Secret::new(BASE64.decode(self.private.as_bytes()).map_err(Error::Decode)?);
        let private = private.expose();
        Ok(match self.public.alg.family() {
            Family::Rsa(encoding, _) => Signer::Rsa(RsaKeyPair::from_pkcs8(private).map_err(Error::Open)?, encoding),
            Family::Ec(curve) => Signer::Ec(EcdsaKeyPair::from_pkcs8(curve.signing, private).map_err(Error::Open)?),
            Family::Ed => Signer::Ed(Ed25519KeyPair::from_pkcs8(private).map_err(Error::Open)?),
        })
    }
}

impl Jwk {
    /// The key, ready to verify with its own algorithm; `None` when it is damaged.
    #[must_use]
    pub fn key(&self) -> Option<PublicKey> {
        let decoded = |text: &String| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let key = match &self.parts {
            Parts::Rsa { n, e } => PublicKey::rsa(&decoded(n)?, &decoded(e)?)?,
            Parts::Ec { crv, x, y } => PublicKey::ec(crv, &decoded(x)?, &decoded(y)?)?,
            Parts::Okp { crv, x } => PublicKey::okp(crv, &decoded(x)?)?,
        };
        Some(key.named(Some(self.kid.clone())).only_with(Some(self.alg)))
    }
}

fn ec_parts(curve: Curve, point: &[u8]) -> Result<Parts, Error> {
    let coordinates = point.strip_prefix(&[UNCOMPRESSED]).ok_or(Error::Publish)?;
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
    Ok(Parts::Ec { crv: curve.name.to_owned(), x, y })
}

fn rsa_parts(der: &[u8]) -> Result<Parts, Error> {
    let (n, e) = der::rsa(der).ok_or(Error::Publish)?;
    Ok(Parts::Rsa { n: BASE64URL_NOPAD.encode(n), e: BASE64URL_NOPAD.encode(e) })
}

#[cfg(test)]
mod tests;

//! Public keys of others, as JSON or in PEM: what signatures are checked with.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde_json::Value;

use crate::algorithm::{Algorithm, Curve, Family};
use crate::{Error, der};

/// What stands in front of the coordinates of an uncompressed point (SEC 1 §2.3.3).
pub(crate) const UNCOMPRESSED: u8 = 4;
/// The sizes of RSA keys that are taken, in bytes of the modulus: 2048 to 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// The longest exponent: more costs time at each signature, and nobody has one (aws-lc takes 33 bits).
const EXPONENT_BYTES_MAX: usize = 5;
/// Of an Ed25519 key (RFC 8032 §5.1.5).
const ED25519_BYTES: usize = 32;

/// A public key, and what it may be used for.
#[derive(Clone)]
pub struct PublicKey {
    /// What tokens name it by, if anything.
    kid: Option<String>,
    /// What alone it may be used with, if its owner says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// The key of a JSON Web Key (RFC 7517 §4). `None` for what is no public key of a kind that signs here: a shared
    /// secret, another curve, a key for encryption or for another algorithm.
    #[must_use]
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let number = |name: &str| BASE64URL_NOPAD.decode(text(name)?.trim_end_matches('=').as_bytes()).ok();
        if text("use").is_some_and(|it| it != "sig") {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops").and_then(Value::as_array)
            && !operations.iter().any(|it| it == "verify")
        {
            return None;
        }
        let algorithm = match text("alg") {
            None => None,
            Some(name) => Some(Algorithm::parse(name)?),
        };
        let key = match text("kty")? {
            "RSA" => Self::rsa(&number("n")?, &number("e")?)?,
            "EC" => Self::ec(text("crv")?, &number("x")?, &number("y")?)?,
            "OKP" => Self::okp(text("crv")?, &number("x")?)?,
            _ => return None,
        };
        Some(key.named(text("kid").map(str::to_owned)).only_with(algorithm))
    }

    /// The key of the first public key or certificate in a text.
    ///
    /// # Errors
    /// [`Error::NoPublicKey`] when there is none, or one that nothing is verified with here.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let bytes = text.as_bytes();
        let found = match SubjectPublicKeyInfoDer::from_pem_slice(bytes) {
            Ok(info) => Self::from_info(&info),
            Err(_) => match CertificateDer::from_pem_slice(bytes) {
                Ok(certificate) => der::key_of_certificate(&certificate).and_then(Self::from_info),
                Err(_) => None,
            },
        };
        found.ok_or(Error::NoPublicKey)
    }

    fn from_info(info: &[u8]) -> Option<Self> {
        match der::public_key(info)? {
            der::Found::Rsa(n, e) => Self::rsa(n, e),
            der::Found::Ec(curve, point) => {
                let coordinates = point.strip_prefix(&[UNCOMPRESSED])?;
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                Self::ec(curve, x, y)
            }
            der::Found::Ed25519(x) => Self::okp("Ed25519", x),
        }
    }

    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let (n, e) = (der::without_zeros(n)?, der::without_zeros(e)?);
        let is_sound = MODULUS_BYTES.contains(&n.len()) && e.len() <= EXPONENT_BYTES_MAX;
        is_sound.then(|| Self::new(Material::Rsa { n: n.to_vec(), e: e.to_vec() }))
    }

    pub(crate) fn ec(curve: &str, x: &[u8], y: &[u8]) -> Option<Self> {
        let curve = Curve::named(curve)?;
        let is_sound = [x, y].iter().all(|it| it.len() == curve.coordinate_bytes);
        is_sound.then(|| Self::new(Material::Ec(curve, [&[UNCOMPRESSED], x, y].concat())))
    }

    pub(crate) fn okp(curve: &str, x: &[u8]) -> Option<Self> {
        let is_sound = curve == "Ed25519" && x.len() == ED25519_BYTES;
        is_sound.then(|| Self::new(Material::Ed25519(x.to_vec())))
    }

    fn new(material: Material) -> Self {
        Self { kid: None, algorithm: None, material }
    }

    pub(crate) fn named(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }

    pub(crate) fn only_with(self, algorithm: Option<Algorithm>) -> Self {
        Self { algorithm, ..self }
    }

    /// What tokens name it by, if anything.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the private half has made this signature with this algorithm. Always false for an algorithm that the key
    /// is not of, or not meant for.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if self.algorithm.is_some_and(|own| own != algorithm) {
            return false;
        }
        match (algorithm.family(), &self.material) {
            (Family::Rsa(_, parameters), Material::Rsa { n, e }) => {
                PublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            (Family::Ec(curve), Material::Ec(own, point)) if curve.name == own.name => {
                UnparsedPublicKey::new(curve.verifying, point).verify(message, signature).is_ok()
            }
            (Family::Ed, Material::Ed25519(x)) => {
                UnparsedPublicKey::new(&ED25519, x).verify(message, signature).is_ok()
            }
            _ => false,
        }
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

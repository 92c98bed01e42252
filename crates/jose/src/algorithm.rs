//! How tokens are signed: the names that headers have, and what each works with.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters, RsaSignatureEncoding,
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// How tokens are signed. What is not here (`none`, shared secrets, curves of others) does not exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Algorithm {
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
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// The same with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// The same with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// An elliptic curve with the hash that belongs to it.
#[derive(Clone, Copy)]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    /// Of one coordinate.
    pub(crate) coordinate_bytes: usize,
    pub(crate) signing: &'static EcdsaSigningAlgorithm,
    pub(crate) verifying: &'static EcdsaVerificationAlgorithm,
}

pub(crate) const P256: Curve = Curve {
    name: "P-256",
    coordinate_bytes: 32,
    signing: &ECDSA_P256_SHA256_FIXED_SIGNING,
    verifying: &ECDSA_P256_SHA256_FIXED,
};
pub(crate) const P384: Curve = Curve {
    name: "P-384",
    coordinate_bytes: 48,
    signing: &ECDSA_P384_SHA384_FIXED_SIGNING,
    verifying: &ECDSA_P384_SHA384_FIXED,
};
pub(crate) const P521: Curve = Curve {
    name: "P-521",
    coordinate_bytes: 66,
    signing: &ECDSA_P521_SHA512_FIXED_SIGNING,
    verifying: &ECDSA_P521_SHA512_FIXED,
};

/// What an algorithm works with.
pub(crate) enum Family {
    Rsa(&'static RsaSignatureEncoding, &'static RsaParameters),
    Ec(Curve),
    Ed,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::EdDsa,
    ];

    /// As it stands in headers of tokens (RFC 7518 §3.1, RFC 8037 §3.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name; `None` for all others, `none` and shared keys among them.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The left half of the hash that belongs to the algorithm, base64url: what an ID token says of a code and an access
    /// token (OpenID Connect Core §3.1.3.6).
    #[must_use]
    pub fn half_hash(self, text: &str) -> String {
        use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
        let algorithm = match self {
            Self::Rs256 | Self::Es256 | Self::Ps256 => &SHA256,
            Self::Rs384 | Self::Es384 | Self::Ps384 => &SHA384,
            Self::Rs512 | Self::Es512 | Self::Ps512 | Self::EdDsa => &SHA512,
        };
        let hash = digest(algorithm, text.as_bytes());
        let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
        BASE64URL_NOPAD.encode(half)
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Rs256 => Family::Rsa(&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Family::Rsa(&RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Family::Rsa(&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Family::Rsa(&RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Family::Rsa(&RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Family::Rsa(&RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Family::Ec(P256),
            Self::Es384 => Family::Ec(P384),
            Self::Es512 => Family::Ec(P521),
            Self::EdDsa => Family::Ed,
        }
    }
}

impl Curve {
    /// The curve of this name (RFC 7518 §6.2.1.1).
    pub(crate) fn named(name: &str) -> Option<Self> {
        [P256, P384, P521].into_iter().find(|curve| curve.name == name)
    }
}

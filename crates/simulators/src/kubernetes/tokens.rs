//! Tokens of service accounts: JSON signed with ES256, as a cluster does it that was set up lately.

use anyhow::{Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

/// What stands before the point of a P-256 key in a SubjectPublicKeyInfo (RFC 5480).
const BEFORE_POINT: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(super) fn new() -> Result<Self> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self).map_err(|_| anyhow!("no key could be made"))
    }

    pub(super) fn public_key(&self) -> String {
        let base64 = BASE64.encode(&[BEFORE_POINT, self.0.public_key().as_ref()].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", encode(&json!({ "alg": "ES256", "kid": "one" })), encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map(|it| BASE64URL_NOPAD.encode(it.as_ref())).unwrap_or_default();
        format!("{signed}.{signature}")
    }

    /// The claims of a token that was signed here.
    pub(super) fn open(&self, text: &str) -> Option<Value> {
        let (signed, signature) = text.rsplit_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.0.public_key().as_ref());
        key.verify(signed.as_bytes(), &signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()
    }
}

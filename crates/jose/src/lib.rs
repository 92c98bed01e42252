//! Signed JSON: tokens in their compact form, the keys that sign them and the keys that they are checked with (RFC 7515,
//! 7517, 7518, 8037), on aws-lc.
//!
//! Only signatures by key pairs are known: no `none`, no shared secret, no encryption. What a token says of its own key
//! (`jwk`, `x5c`, `jku`, `x5u`) is never looked at, and what it names as its algorithm is only ever tried with a key of that
//! very kind. Everything that is parsed is bounded in size, nesting and number.

mod algorithm;
mod der;
pub mod jws;
mod key;
mod key_set;
mod pair;

pub use algorithm::Algorithm;
pub use jws::Unproven;
pub use key::PublicKey;
pub use key_set::{KEYS_MAX, KeySet, KeySetError};
pub use pair::{Jwk, Pair};

/// Why a key cannot be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library makes no key.
    #[error("could not make a signing key")]
    Make(#[source] aws_lc_rs::error::Unspecified),
    /// A private key is damaged.
    #[error("could not open a signing key")]
    Open(#[source] aws_lc_rs::error::KeyRejected),
    /// A private key is not even base64.
    #[error("could not decode a signing key")]
    Decode(#[source] data_encoding::DecodeError),
    /// The public half of a new key is not as expected.
    #[error("could not publish a signing key")]
    Publish,
    /// The library does not sign.
    #[error("could not sign")]
    Sign(#[source] aws_lc_rs::error::Unspecified),
    /// What is to be signed is no JSON.
    #[error("could not encode what is to be signed")]
    Encode(#[source] serde_json::Error),
    /// A text has no public key or certificate in PEM, or one of another kind.
    #[error("no RSA, EC or Ed25519 public key or certificate in the PEM text")]
    NoPublicKey,
}

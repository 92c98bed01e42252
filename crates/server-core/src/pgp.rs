//! Public keys that operators give, so that each new key, or a root token, is readable to its holder alone. What is
//! encrypted is the hexadecimal text of a share (documented Vault behavior).

use std::sync::Arc;

use data_encoding::HEXLOWER;
use env::Env;
use framework::Error;
use openpgp::PublicKey;
use secret::{Secret, SecretBytes};

/// The most keys: one for each share.
const KEYS_MAX: usize = 255;

/// Reads one key.
pub(crate) fn key(text: &str, env: &Env) -> Result<Arc<PublicKey>, Error> {
    let key = PublicKey::parse(text, env).map_err(|why| Error::Invalid(format!("error parsing PGP key: {why}").into()));
    key.map(Arc::new)
}

/// Reads a key for each of so many shares; none at all is fine.
pub(crate) fn keys(texts: &[String], shares: i64, env: &Env) -> Result<Vec<Arc<PublicKey>>, Error> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    if texts.len() > KEYS_MAX || i64::try_from(texts.len()) != Ok(shares) {
        return Err(Error::invalid("count mismatch between number of provided PGP keys and number of shares"));
    }
    texts.iter().map(|text| key(text, env)).collect()
}

/// The shares as they are handed out: each encrypted to its key, or as they are where there are no keys.
pub(crate) fn covered(shares: Vec<SecretBytes>, keys: &[Arc<PublicKey>], env: &Env) -> Result<Vec<SecretBytes>, Error> {
    if keys.is_empty() {
        return Ok(shares);
    }
    let pairs = shares.iter().zip(keys);
    pairs.map(|(share, key)| encrypted(key, Secret::new(HEXLOWER.encode(share.expose())).expose(), env)).collect()
}

/// A text encrypted to a key.
pub(crate) fn encrypted(key: &PublicKey, text: &str, env: &Env) -> Result<SecretBytes, Error> {
    let message = key.encrypt(text.as_bytes(), env);
    message.map(SecretBytes::new).map_err(|source| Error::world("encrypt to a PGP key", source))
}

/// By which people know the keys; `None` without any, as clients expect it.
pub(crate) fn fingerprints(keys: &[Arc<PublicKey>]) -> Option<Vec<&str>> {
    (!keys.is_empty()).then(|| keys.iter().map(|key| key.fingerprint()).collect())
}

//! Public keys that operators give, so that each new key, or a root token, is readable to its holder alone. What is
//! encrypted is the hexadecimal text of a share (documented Vault behavior).
//!
//! Strangers may send such keys, and to check one takes milliseconds: so that happens beside the threads that serve, for
//! one request at a time, and for so many keys in a while.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use env::Env;
use framework::Error;
use openpgp::{Effort, KeyError, PublicKey};
use secret::{Secret, SecretBytes};
use tokio::sync::Semaphore;

use crate::attempts::allowance::{Allowance, PGP_KEYS};

/// The most keys: one for each share.
const KEYS_MAX: usize = 255;

/// Reads keys.
pub(crate) struct Reader {
    env: Env,
    allowance: Allowance,
    turn: Arc<Semaphore>,
}

impl Reader {
    pub(crate) fn new(env: Env) -> Self {
        Self { allowance: Allowance::new(env.clone(), PGP_KEYS), env, turn: Arc::new(Semaphore::new(1)) }
    }

    /// Reads the keys of one request, all or none. Nothing that is cheaper to find out should be left to find out.
    pub(crate) async fn read(&self, texts: Vec<String>) -> Result<Vec<Arc<PublicKey>>, Error> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        self.allowance.take_many(u32::try_from(texts.len()).unwrap_or(u32::MAX))?;
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.map_err(|closed| Error::world("read PGP keys", closed))?;
        let env = self.env.clone();
        let read = tokio::task::spawn_blocking(move || {
            // Until it is done, whether somebody still waits for it or not.
            let _turn = turn;
            let mut effort = Effort::default();
            texts.iter().map(|text| PublicKey::parse(text, &env, &mut effort).map(Arc::new)).collect()
        });
        let read: Result<_, KeyError> = read.await.map_err(|ended| Error::world("read PGP keys", ended))?;
        read.map_err(|why| Error::Invalid(format!("error parsing PGP key: {why}").into()))
    }

    /// Reads one key; none of an empty text.
    pub(crate) async fn read_one(&self, text: String) -> Result<Option<Arc<PublicKey>>, Error> {
        let texts = if text.is_empty() { Vec::new() } else { vec![text] };
        Ok(self.read(texts).await?.pop())
    }
}

/// Refuses keys that are not one for each of so many shares; none at all is fine.
pub(crate) fn check_count(texts: &[String], shares: i64) -> Result<(), Error> {
    if !texts.is_empty() && (texts.len() > KEYS_MAX || i64::try_from(texts.len()) != Ok(shares)) {
        return Err(Error::invalid("count mismatch between number of provided PGP keys and number of shares"));
    }
    Ok(())
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

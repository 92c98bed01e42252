//! Locking a namespace: nothing in it or below it is answered until it is unlocked, with the key that the lock gave or
//! by a root token (documented Vault behavior). Nothing is lost meanwhile; what expires goes on expiring.

use aws_lc_rs::digest;
use barrier::Changes;
use data_encoding::HEXLOWER;
use framework::view::COMMIT_TRIES;
use framework::{Error, Namespace};
use secret::Secret;
use storage::Expectation;

use super::Namespaces;
use super::entry::LockEntry;
use crate::keys;
use crate::store::{Lost, encode};

/// The characters of an unlock key.
const KEY_CHARACTERS: usize = 24;

/// What somebody who may is told in a locked namespace.
pub(crate) fn refusal(path: &str) -> Error {
    let text = "API access to this namespace has been locked by an administrator";
    Error::Busy(format!("{text} - \"{path}\" must be unlocked to gain access.").into())
}

impl Namespaces {
    /// Locks a namespace; gives the key that unlocks it.
    pub(crate) async fn lock(&self, namespace: &Namespace) -> Result<Secret<String>, Error> {
        let (lock, at) = (keys::namespace_lock(&namespace.path)?, keys::namespace_at(&namespace.path)?);
        if namespace.path.is_empty() {
            return Err(Error::invalid("the root namespace cannot be locked"));
        }
        let key = Secret::new(self.env.base62(KEY_CHARACTERS));
        for _ in 0..COMMIT_TRIES {
            let [known, place] = self.store.revisions_of([lock.clone(), at.clone()]).await?;
            if known.is_some() {
                return Err(Error::invalid("the namespace is locked already"));
            }
            let mut changes = Changes::new();
            changes.expect(Expectation::At(at.clone(), place.ok_or(Error::NotFound)?));
            changes.create(lock.clone(), encode(&LockEntry { v: 1, key_hash: hash(key.expose()) })?);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(key),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Unlocks a namespace; without a key for those who need none.
    pub(crate) async fn unlock(&self, namespace: &Namespace, key: Option<&Secret<String>>) -> Result<(), Error> {
        let lock = keys::namespace_lock(&namespace.path)?;
        for _ in 0..COMMIT_TRIES {
            let found = self.store.get::<LockEntry>(&lock).await?;
            let found = found.ok_or_else(|| Error::invalid("the namespace is not locked"))?;
            if key.is_some_and(|key| !secret::is_equal(hash(key.expose()), &found.value.key_hash)) {
                return Err(Error::invalid("incorrect unlock key"));
            }
            let mut changes = Changes::new();
            changes.delete(lock.clone(), found.revision);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
}

fn hash(key: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, key.as_bytes()).as_ref())
}

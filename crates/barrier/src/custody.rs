//! Who holds the keys: unsealing, sealing, rotating, and following what another node rotated.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use secret::{KEY_BYTES, LockedKey};
use storage::{Batch, CommitId, Entry, Expectation, Key, Revision, Write};

use crate::entry::{self, Fault, Sealed};
use crate::keyring::{self, Keyring, Purpose, TERMS_MAX};
use crate::keyspace::{self, KEYRING};
use crate::xaes::XaesKey;
use crate::{Barrier, CommitError, Error, KeyStatus, RotateError, Subkey};

/// The number that stands for the root key where an entry names its term.
const ROOT_TERM: u32 = 0;
/// How often a rotation starts over because another node rotated meanwhile.
const ROTATE_TRIES: usize = 3;

/// What an unsealed barrier holds. Never changed, only replaced as a whole.
pub(crate) struct Keys {
    pub root: Arc<LockedKey<KEY_BYTES>>,
    pub keyring: Keyring,
}

impl Barrier {
    /// Opens the keyring with the root key. Used by [`crate::seal::SealControl`] and by offline commands; on an
    /// unsealed barrier it loads the keyring again.
    ///
    /// # Errors
    /// [`Error::NoKeyring`] when the store is not initialized; [`Error::Corrupt`] when the keyring does not open with
    /// this root key.
    pub async fn unseal(&self, root: LockedKey<KEY_BYTES>) -> Result<(), Error> {
        let keyring = self.load_keyring(&root).await?.0;
        if !root.protection().and(keyring.protection()).is_complete() {
            tracing::warn!(
                root = ?root.protection(),
                keyring = ?keyring.protection(),
                "key memory is not fully protected; raise the limit of locked memory (RLIMIT_MEMLOCK)"
            );
        }
        self.0.keys.store(Some(Arc::new(Keys { root: Arc::new(root), keyring })));
        Ok(())
    }

    /// Locks the keys away and drops the cache. Operations that are under way finish with the keys that they hold;
    /// the memory of the keys is wiped when the last of them ends.
    pub fn seal(&self) {
        self.0.keys.store(None);
        if let Some(cache) = &self.0.cache {
            cache.clear();
        }
    }

    /// The active term's key for a purpose.
    ///
    /// # Errors
    /// [`Error::Sealed`].
    pub fn subkey(&self, purpose: Purpose) -> Result<Subkey, Error> {
        let keys = self.0.keys.load_full().ok_or(Error::Sealed)?;
        let term = keys.keyring.active().number;
        let key = keys.keyring.subkey(term, purpose).expect("the active term is in the keyring");
        Ok(Subkey { term, key })
    }

    /// The key of a given term for a purpose, to check what was made before a rotation or by another node; `None` when
    /// there is no such term. The number may come from a stranger: the keyring is looked through once for each of its
    /// revisions, so that made-up terms cost no more than asking for that.
    ///
    /// # Errors
    /// [`Error::Sealed`], or when an unknown term had to be looked up and the store gave no answer.
    pub async fn subkey_of(&self, purpose: Purpose, term: u32) -> Result<Option<Subkey>, Error> {
        let keys = self.0.keys.load_full().ok_or(Error::Sealed)?;
        if let Some(key) = keys.keyring.subkey(term, purpose) {
            return Ok(Some(Subkey { term, key }));
        }
        // Asked before the search: a term that is added meanwhile is looked for with the next request.
        let now = self.revisions(std::slice::from_ref(&KEYRING)).await?.into_iter().next().flatten();
        if now.is_some() && *self.searched() == now {
            return Ok(None);
        }
        let key = self.follow(term).await?.keyring.subkey(term, purpose);
        if key.is_none() {
            *self.searched() = now;
        }
        Ok(key.map(|key| Subkey { term, key }))
    }

    fn searched(&self) -> MutexGuard<'_, Option<Revision>> {
        self.0.searched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The active term.
    ///
    /// # Errors
    /// [`Error::Sealed`].
    pub fn key_status(&self) -> Result<KeyStatus, Error> {
        let keys = self.0.keys.load_full().ok_or(Error::Sealed)?;
        let term = keys.keyring.active();
        Ok(KeyStatus {
            term: term.number,
            install_time: term.created(),
            encryptions: term.sealed.load(Ordering::Relaxed),
        })
    }

    /// Adds a term; new values are sealed under it, old ones stay readable. Gives back its number. If another node
    /// rotates at the same time both terms are added.
    ///
    /// # Errors
    /// See [`RotateError`]; after a write whose outcome is unknown the term may exist.
    pub async fn rotate(&self) -> Result<u32, RotateError> {
        let mut conflict = CommitError::Unknown;
        for _ in 0..ROTATE_TRIES {
            match self.try_rotate().await {
                Err(RotateError::Write(error @ CommitError::Conflict(_))) => conflict = error,
                settled => return settled,
            }
        }
        Err(RotateError::Write(conflict))
    }

    async fn try_rotate(&self) -> Result<u32, RotateError> {
        let held = self.0.keys.load_full().ok_or(RotateError::Read(Error::Sealed))?;
        let (current, revision) = self.load_keyring(&held.root).await.map_err(RotateError::Read)?;
        let next = current.with_fresh_term(&self.0.env).ok_or(RotateError::Full)?;
        let number = next.active().number;
        let handover_key = keyspace::term(number);
        let handover = self.seal_value(current.active(), &handover_key, &next.last_alone().encode());
        let batch = Batch {
            id: CommitId(self.0.env.random()),
            expectations: vec![Expectation::At(KEYRING.clone(), revision), Expectation::Absent(handover_key.clone())],
            writes: vec![
                Write::Put(KEYRING.clone(), self.seal_keyring(&held.root, &next)),
                Write::Put(handover_key, handover),
            ],
        };
        self.commit_sealed(batch).await.map_err(RotateError::Write)?;
        self.replace(&held, Keys { root: held.root.clone(), keyring: next });
        Ok(number)
    }

    /// The keyring as it is stored under the root key.
    pub(crate) fn seal_keyring(&self, root: &LockedKey<KEY_BYTES>, keyring: &Keyring) -> bytes::Bytes {
        let cipher = XaesKey::new(root.expose());
        entry::seal(&cipher, ROOT_TERM, &KEYRING, &self.0.env.random(), keyring.encode().expose())
    }

    /// The keys after looking for a term that is not among them. What comes back holds it if any node made it.
    ///
    /// First the new terms that are stored under the ones before them, because they can be read whatever has become
    /// of the root key; then the keyring itself.
    pub(crate) async fn follow(&self, term: u32) -> Result<Arc<Keys>, Error> {
        let mut held = self.0.keys.load_full().ok_or(Error::Sealed)?;
        for _ in 0..TERMS_MAX {
            if held.keyring.term(term).is_some() {
                return Ok(held);
            }
            let Some(keyring) = self.handed_over(&held.keyring).await? else { break };
            held = self.replace(&held, Keys { root: held.root.clone(), keyring }).ok_or(Error::Sealed)?;
        }
        if held.keyring.term(term).is_some() {
            return Ok(held);
        }
        match self.load_keyring(&held.root).await {
            Ok((keyring, _))
                if keyring.term(term).is_some() || keyring.active().number > held.keyring.active().number =>
            {
                self.replace(&held, Keys { root: held.root.clone(), keyring }).ok_or(Error::Sealed)
            }
            // The entry that asked for the term is what is corrupt, not the keyring.
            Ok(_) => Ok(held),
            Err(error) => Err(error),
        }
    }

    /// The keyring with the term that another node put behind its last one; `None` when there is none.
    async fn handed_over(&self, keyring: &Keyring) -> Result<Option<Keyring>, Error> {
        let active = keyring.active();
        let Some(number) = active.number.checked_add(1) else { return Ok(None) };
        let key = keyspace::term(number);
        let Some(entry) = self.stored(&key).await? else { return Ok(None) };
        let opened = Sealed::parse(&entry.value)
            .and_then(|sealed| {
                if sealed.term == active.number { sealed.open(&active.cipher, &key) } else { Err(Fault::Corrupt) }
            })
            .map_err(|fault| corrupt(&key, fault))?;
        let later = Keyring::decode(&opened).map_err(|fault| malformed(&key, fault))?;
        keyring.extended(&later).map(Some).ok_or(Error::Corrupt { key })
    }

    /// The keyring in the store, and the revision to expect when it is written.
    async fn load_keyring(&self, root: &LockedKey<KEY_BYTES>) -> Result<(Keyring, Revision), Error> {
        let entry = self.stored(&KEYRING).await?.ok_or(Error::NoKeyring)?;
        let opened = Sealed::parse(&entry.value)
            .and_then(|sealed| sealed.open(&XaesKey::new(root.expose()), &KEYRING))
            .map_err(|fault| corrupt(&KEYRING, fault))?;
        let keyring = Keyring::decode(&opened).map_err(|fault| malformed(&KEYRING, fault))?;
        Ok((keyring, entry.revision))
    }

    /// One entry as it is in the store, past the cache.
    pub(crate) async fn stored(&self, key: &Key) -> Result<Option<Entry>, Error> {
        let snapshot = self.0.storage.read(std::slice::from_ref(key)).await.map_err(Error::Storage)?;
        Ok(snapshot.entries.into_iter().next().flatten())
    }

    /// Puts new keys in the place of `held`, unless somebody sealed meanwhile or already put in newer ones. Gives back
    /// the keys that are in place, if any.
    fn replace(&self, held: &Arc<Keys>, new: Keys) -> Option<Arc<Keys>> {
        let new = Arc::new(new);
        let mut expected = held.clone();
        loop {
            let found = self.0.keys.compare_and_swap(&Some(expected.clone()), Some(new.clone()));
            match found.as_ref() {
                Some(found) if Arc::ptr_eq(found, &expected) => return Some(new),
                Some(found) if found.keyring.active().number < new.keyring.active().number => expected = found.clone(),
                found => return found.cloned(),
            }
        }
    }
}

fn corrupt(key: &Key, fault: Fault) -> Error {
    match fault {
        Fault::Corrupt => Error::Corrupt { key: key.clone() },
        Fault::NewerFormat(format) => Error::NewerFormat { key: key.clone(), format: format.into() },
    }
}

fn malformed(key: &Key, fault: keyring::Fault) -> Error {
    match fault {
        keyring::Fault::Malformed => Error::Corrupt { key: key.clone() },
        keyring::Fault::NewerVersion(version) => Error::NewerFormat { key: key.clone(), format: version.into() },
    }
}

#[cfg(test)]
mod tests;

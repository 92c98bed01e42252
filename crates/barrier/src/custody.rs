//! Who holds the keys: unsealing, sealing, rotating, and following what another node rotated.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use secret::{KEY_BYTES, LockedKey, SecretBytes};
use storage::{Batch, CommitId, Entry, Expectation, Key, Revision, Write};

use crate::entry::{self, Fault, Sealed};
use crate::keyring::{self, Keyring, Purpose, TERMS_MAX};
use crate::keyspace::{self, KEYRING, ROOT, SEAL};
use crate::xaes::XaesKey;
use crate::{Barrier, Changes, CommitError, Error, KeyStatus, RotateError, Subkey};

/// The number that stands for the root key where an entry names its term.
const ROOT_TERM: u32 = 0;
/// How often a rotation starts over because another node rotated meanwhile.
const ROTATE_TRIES: usize = 3;

/// What an unsealed barrier holds. Never changed, only replaced as a whole.
pub(crate) struct Keys {
    pub root: Arc<LockedKey<KEY_BYTES>>,
    pub keyring: Arc<Keyring>,
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
        self.0.keys.store(Some(Arc::new(Keys { root: Arc::new(root), keyring: Arc::new(keyring) })));
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
        let (root, current, revision) = self.current(&held).await.map_err(RotateError::Read)?;
        let next = current.with_fresh_term(&self.0.env).ok_or(RotateError::Full)?;
        let number = next.active().number;
        let handover_key = keyspace::term(number);
        let handover = self.seal_value(current.active(), &handover_key, &next.last_alone().encode());
        let batch = Batch {
            id: CommitId(self.0.env.random()),
            expectations: vec![Expectation::At(KEYRING.clone(), revision), Expectation::Absent(handover_key.clone())],
            writes: vec![
                Write::Put(KEYRING.clone(), self.seal_keyring(&root, &next)),
                Write::Put(handover_key, handover),
            ],
        };
        self.commit_sealed(batch).await.map_err(RotateError::Write)?;
        self.replace(&held, Keys { root, keyring: Arc::new(next) });
        Ok(number)
    }

    /// Puts a new root key in the place of the one that is held, in one commit: the keyring under it, the key itself
    /// under the active term for the other nodes, what the caller writes in clear (the seal entry, expected at
    /// `revision`), and what the caller changes besides.
    ///
    /// # Errors
    /// [`RotateError`]; a conflict may be about the caller's own keys or about the barrier's.
    pub(crate) async fn change_root(
        &self,
        new: LockedKey<KEY_BYTES>,
        seal: (Revision, Vec<u8>),
        with: Changes,
    ) -> Result<(), RotateError> {
        let held = self.0.keys.load_full().ok_or(RotateError::Read(Error::Sealed))?;
        let (_, keyring, revision) = self.current(&held).await.map_err(RotateError::Read)?;
        let handover = self.stored(&ROOT).await.map_err(RotateError::Read)?;
        let mut batch = self.sealed(with, keyring.active());
        let expected = match handover {
            Some(entry) => Expectation::At(ROOT.clone(), entry.revision),
            None => Expectation::Absent(ROOT.clone()),
        };
        let root = SecretBytes::from(new.expose().as_slice());
        batch.expectations.extend([
            Expectation::At(SEAL.clone(), seal.0),
            Expectation::At(KEYRING.clone(), revision),
            expected,
        ]);
        batch.writes.extend([
            Write::Put(SEAL.clone(), seal.1.into()),
            Write::Put(KEYRING.clone(), self.seal_keyring(&new, &keyring)),
            Write::Put(ROOT.clone(), self.seal_value(keyring.active(), &ROOT, &root)),
        ]);
        self.commit_sealed(batch).await.map_err(RotateError::Write)?;
        self.hold_root(&held, &Arc::new(new), &Arc::new(keyring));
        Ok(())
    }

    /// Writes another seal entry in clear, expected at `revision`, with changes behind the barrier.
    pub(crate) async fn change_seal(&self, seal: (Revision, Vec<u8>), with: Changes) -> Result<(), CommitError> {
        let keys = self.0.keys.load_full().ok_or(CommitError::Sealed)?;
        let mut batch = self.sealed(with, keys.keyring.active());
        batch.expectations.push(Expectation::At(SEAL.clone(), seal.0));
        batch.writes.push(Write::Put(SEAL.clone(), seal.1.into()));
        self.commit_sealed(batch).await.map(drop)
    }

    /// Writes another seal entry in clear, expected at `revision`; a sealed barrier can do that, too.
    pub(crate) async fn change_seal_alone(&self, seal: (Revision, Vec<u8>)) -> Result<(), CommitError> {
        let batch = Batch::new(CommitId(self.0.env.random())).replace(SEAL.clone(), seal.0, seal.1);
        self.commit_sealed(batch).await.map(drop)
    }

    /// Holds another root key from now on, unless somebody sealed meanwhile. A keyring that is held and has the same terms,
    /// or more by now, stays: it has counted what was sealed.
    fn hold_root(&self, held: &Arc<Keys>, root: &Arc<LockedKey<KEY_BYTES>>, keyring: &Arc<Keyring>) {
        let mut expected = held.clone();
        loop {
            let is_as_new = expected.keyring.active().number >= keyring.active().number;
            let keyring = if is_as_new { expected.keyring.clone() } else { keyring.clone() };
            let new = Arc::new(Keys { root: root.clone(), keyring });
            match self.0.keys.compare_and_swap(&Some(expected.clone()), Some(new)).as_ref() {
                Some(found) if !Arc::ptr_eq(found, &expected) => expected = found.clone(),
                _ => return,
            }
        }
    }

    /// The keyring as it is stored now, the root key that it is under, and the revision to expect. The root key is the
    /// one that is held, or one that another node put in its place.
    async fn current(&self, held: &Arc<Keys>) -> Result<(Arc<LockedKey<KEY_BYTES>>, Keyring, Revision), Error> {
        match self.load_keyring(&held.root).await {
            Ok((keyring, revision)) => Ok((held.root.clone(), keyring, revision)),
            Err(corrupt @ Error::Corrupt { .. }) => {
                let known = self.follow_terms(held.clone(), None).await?;
                let Some(root) = self.handed_over_root(&known.keyring).await? else { return Err(corrupt) };
                let (keyring, revision) = self.load_keyring(&root).await?;
                Ok((Arc::new(root), keyring, revision))
            }
            Err(error) => Err(error),
        }
    }

    /// The root key that another node put in the place of the one that is held; `None` when there is none.
    async fn handed_over_root(&self, keyring: &Keyring) -> Result<Option<LockedKey<KEY_BYTES>>, Error> {
        let Some(entry) = self.stored(&ROOT).await? else { return Ok(None) };
        let opened = Sealed::parse(&entry.value)
            .and_then(|sealed| match keyring.term(sealed.term) {
                Some(term) => sealed.open(&term.cipher, &ROOT),
                None => Err(Fault::Corrupt),
            })
            .map_err(|fault| corrupt(&ROOT, fault))?;
        let key = opened.expose().as_slice().try_into().map_err(|_| Error::Corrupt { key: ROOT.clone() })?;
        Ok(Some(LockedKey::copy_of(key)))
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
        let held = self.0.keys.load_full().ok_or(Error::Sealed)?;
        let held = self.follow_terms(held, Some(term)).await?;
        if held.keyring.term(term).is_some() {
            return Ok(held);
        }
        match self.current(&held).await {
            Ok((root, keyring, _))
                if keyring.term(term).is_some() || keyring.active().number > held.keyring.active().number =>
            {
                self.replace(&held, Keys { root, keyring: Arc::new(keyring) }).ok_or(Error::Sealed)
            }
            // The entry that asked for the term is what is corrupt, not the keyring.
            Ok(_) => Ok(held),
            Err(error) => Err(error),
        }
    }

    /// The keys with the new terms that are stored under the ones before them: up to one, or all.
    async fn follow_terms(&self, mut held: Arc<Keys>, up_to: Option<u32>) -> Result<Arc<Keys>, Error> {
        for _ in 0..TERMS_MAX {
            if up_to.is_some_and(|term| held.keyring.term(term).is_some()) {
                break;
            }
            let Some(keyring) = self.handed_over(&held.keyring).await? else { break };
            let new = Keys { root: held.root.clone(), keyring: Arc::new(keyring) };
            held = self.replace(&held, new).ok_or(Error::Sealed)?;
        }
        Ok(held)
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

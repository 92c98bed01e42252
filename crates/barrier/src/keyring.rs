//! The data keys by term, and the subkeys made from them.
//!
//! New values are sealed under the last term; older terms stay so that what they sealed can be read. The key material
//! sits in locked memory; the prepared ciphers (expanded AES keys) are on the heap, which is wiped as it is freed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use env::Env;
use secret::{KEY_BYTES, LockedBytes, Secret, SecretBytes, derive_key};

use crate::xaes::XaesKey;

/// The most terms that a keyring holds: a rotation per day for nearly three years, in 44 KiB.
pub const TERMS_MAX: usize = 1024;

/// The layout of [`Keyring::encode`].
const VERSION: u8 = 1;
/// An encoded term: number, seconds since 1970, key.
const TERM_BYTES: usize = 4 + 8 + KEY_BYTES;

/// What a subkey is for. Each purpose has a key of its own in each term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Sealing the entries of the store.
    Entries,
    /// Authenticating batch tokens.
    BatchTokens,
    /// Chaining audit records.
    AuditChain,
    /// Sealing backups.
    Backups,
    /// Sealing what applications get of people who log in to them.
    AccessTokens,
}

impl Purpose {
    /// The `info` of the derivation. Part of the stored format: never changed.
    fn info(self) -> &'static [u8] {
        match self {
            Self::Entries => b"strongroom keyring 1: entries",
            Self::BatchTokens => b"strongroom keyring 1: batch tokens",
            Self::AuditChain => b"strongroom keyring 1: audit chain",
            Self::Backups => b"strongroom keyring 1: backups",
            Self::AccessTokens => b"strongroom keyring 1: access tokens",
        }
    }
}

/// One term without its key.
pub(crate) struct Term {
    /// From 1, each new one higher.
    pub number: u32,
    created_secs: u64,
    /// The subkey for [`Purpose::Entries`], prepared.
    pub cipher: XaesKey,
    /// How many entries this process has sealed under the term.
    pub sealed: AtomicU64,
}

impl Term {
    /// When the term was made.
    pub(crate) fn created(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.created_secs)
    }
}

/// All terms in ascending order; never none.
pub(crate) struct Keyring {
    terms: Vec<Arc<Term>>,
    /// The keys of the terms, in their order.
    material: LockedBytes,
}

/// A stored keyring that this release cannot use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed,
    NewerVersion(u8),
}

impl Keyring {
    /// A keyring with a fresh first term.
    pub(crate) fn generate(env: &Env) -> Self {
        let mut material = LockedBytes::zeroed(KEY_BYTES);
        env.fill(material.expose_mut());
        Self::of(&[(1, seconds_since_1970(env))], material)
    }

    /// This keyring with a fresh term behind the last; `None` when it is full.
    pub(crate) fn with_fresh_term(&self, env: &Env) -> Option<Self> {
        let number = self.active().number.checked_add(1)?;
        let mut fresh = LockedBytes::zeroed(KEY_BYTES);
        env.fill(fresh.expose_mut());
        self.extended(&Self::of(&[(number, seconds_since_1970(env))], fresh))
    }

    /// This keyring with all terms of `later` behind the last; `None` when they do not follow or are too many.
    pub(crate) fn extended(&self, later: &Self) -> Option<Self> {
        let terms: Vec<_> = self.terms.iter().chain(&later.terms).cloned().collect();
        let follows = terms.is_sorted_by(|a, b| a.number < b.number);
        if !follows || terms.len() > TERMS_MAX {
            return None;
        }
        let mut material = LockedBytes::zeroed(terms.len() * KEY_BYTES);
        let (old, new) = material.expose_mut().split_at_mut(self.material.expose().len());
        old.copy_from_slice(self.material.expose());
        new.copy_from_slice(later.material.expose());
        Some(Self { terms, material })
    }

    /// The last term alone, as it is handed to nodes that know the one before it.
    pub(crate) fn last_alone(&self) -> Self {
        let last = self.active();
        let start = self.material.expose().len() - KEY_BYTES;
        Self::of(&[(last.number, last.created_secs)], LockedBytes::copy_of(&self.material.expose()[start..]))
    }

    fn of(terms: &[(u32, u64)], material: LockedBytes) -> Self {
        let terms = terms
            .iter()
            .zip(material.expose().chunks_exact(KEY_BYTES))
            .map(|(&(number, created_secs), key)| {
                let cipher = XaesKey::new(subkey(key, number, Purpose::Entries).expose());
                Arc::new(Term { number, created_secs, cipher, sealed: AtomicU64::new(0) })
            })
            .collect();
        Self { terms, material }
    }

    /// The term that new values are sealed under.
    pub(crate) fn active(&self) -> &Arc<Term> {
        self.terms.last().expect("a keyring is made with a term, and none is taken out")
    }

    /// The term with this number.
    pub(crate) fn term(&self, number: u32) -> Option<&Arc<Term>> {
        self.terms.get(self.place(number)?)
    }

    /// The subkey of a term; `None` when the keyring does not hold it.
    pub(crate) fn subkey(&self, number: u32, purpose: Purpose) -> Option<Secret<[u8; KEY_BYTES]>> {
        let key = self.material.expose().chunks_exact(KEY_BYTES).nth(self.place(number)?)?;
        Some(subkey(key, number, purpose))
    }

    fn place(&self, number: u32) -> Option<usize> {
        self.terms.binary_search_by_key(&number, |term| term.number).ok()
    }

    /// What the kernel granted to the keys.
    pub(crate) fn protection(&self) -> secret::Protection {
        self.material.protection()
    }

    /// The stored form: version, then each term.
    pub(crate) fn encode(&self) -> SecretBytes {
        let mut encoded = Secret::new(Vec::with_capacity(1 + self.terms.len() * TERM_BYTES));
        let bytes = encoded.expose_mut();
        bytes.push(VERSION);
        for (term, key) in self.terms.iter().zip(self.material.expose().chunks_exact(KEY_BYTES)) {
            bytes.extend_from_slice(&term.number.to_be_bytes());
            bytes.extend_from_slice(&term.created_secs.to_be_bytes());
            bytes.extend_from_slice(key);
        }
        encoded
    }

    /// Reads the stored form back.
    pub(crate) fn decode(encoded: &SecretBytes) -> Result<Self, Fault> {
        let (version, rest) = encoded.expose().split_first().ok_or(Fault::Malformed)?;
        if *version > VERSION {
            return Err(Fault::NewerVersion(*version));
        }
        let count = rest.len() / TERM_BYTES;
        let is_whole = rest.len() == count * TERM_BYTES && (1..=TERMS_MAX).contains(&count);
        if *version != VERSION || !is_whole {
            return Err(Fault::Malformed);
        }
        let mut material = LockedBytes::zeroed(count * KEY_BYTES);
        let mut terms = Vec::with_capacity(count);
        for (term, key) in rest.chunks_exact(TERM_BYTES).zip(material.expose_mut().chunks_exact_mut(KEY_BYTES)) {
            let (number, term) = term.split_first_chunk().ok_or(Fault::Malformed)?;
            let (created_secs, term) = term.split_first_chunk().ok_or(Fault::Malformed)?;
            key.copy_from_slice(term);
            terms.push((u32::from_be_bytes(*number), u64::from_be_bytes(*created_secs)));
        }
        let is_ascending = terms.is_sorted_by(|a, b| a.0 < b.0);
        if !is_ascending || terms.first().is_none_or(|first| first.0 == 0) {
            return Err(Fault::Malformed);
        }
        Ok(Self::of(&terms, material))
    }
}

impl Term {
    /// Counts entries sealed under the term.
    pub(crate) fn count_sealed(&self, entries: usize) {
        self.sealed.fetch_add(entries as u64, Ordering::Relaxed);
    }
}

fn subkey(key: &[u8], number: u32, purpose: Purpose) -> Secret<[u8; KEY_BYTES]> {
    derive_key(key, &[&number.to_be_bytes(), purpose.info()])
}

fn seconds_since_1970(env: &Env) -> u64 {
    env.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;

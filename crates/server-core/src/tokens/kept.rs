//! The tokens that were resolved lately, bounded in bytes: what one takes depends on its policies, which are of their
//! authors' choice. It only keeps; whether a token is still of today is for [`Tokens`](super::Tokens) to find out.

use std::sync::Arc;

use barrier::CacheUse;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::Resolved;
use super::entry::TokenEntry;
use crate::audit_log::caller_texts::CALLER_TEXTS_BYTES_MAX;

/// What all resolved tokens together may take, in bytes: about four thousand with a policy of ten rules each.
pub(crate) const RESOLVED_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// A guess that only sizes the tables at the start.
const RESOLVED_GUESS: usize = 1_000;
/// What a token takes beside its texts, its sources and its rules, in bytes.
const TOKEN_OVERHEAD_BYTES: usize = 1024;
/// What one more text in a list takes beside its characters, in bytes.
const TEXT_OVERHEAD_BYTES: usize = 48;
/// What one source takes beside the bytes of its key, in bytes.
const SOURCE_OVERHEAD_BYTES: usize = 96;

/// Resolved tokens by their storage name.
pub(super) struct Kept(Cache<String, Arc<Resolved>, Bytes>);

#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<Resolved>> for Bytes {
    fn weight(&self, _: &String, resolved: &Arc<Resolved>) -> u64 {
        let sources = resolved.sources.keys.iter().map(|key| SOURCE_OVERHEAD_BYTES + key.as_bytes().len());
        let identity = resolved.identity_policies.iter().map(|name| TEXT_OVERHEAD_BYTES + name.len());
        let own = TOKEN_OVERHEAD_BYTES
            + CALLER_TEXTS_BYTES_MAX
            + texts(&resolved.entry)
            + identity.sum::<usize>()
            + sources.sum::<usize>();
        (own + resolved.acl.bytes()) as u64
    }
}

/// What the texts of an entry take whose length is the caller's choice.
fn texts(entry: &TokenEntry) -> usize {
    let meta = entry.meta.iter().flatten().flat_map(|(name, value)| [name, value]);
    let lists = entry.policies.iter().chain(meta).map(|text| TEXT_OVERHEAD_BYTES + text.len());
    let networks = entry.bound_cidrs.len() * TEXT_OVERHEAD_BYTES;
    let note = entry.note.as_ref().map_or(0, |note| note.get().len());
    lists.sum::<usize>() + networks + note + entry.path.len() + entry.display_name.len() + entry.role.len()
}

impl Kept {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(RESOLVED_GUESS, RESOLVED_BYTES_MAX, Bytes))
    }

    pub(super) fn get(&self, hash: &str) -> Option<Arc<Resolved>> {
        self.0.get(hash)
    }

    pub(super) fn insert(&self, resolved: &Arc<Resolved>) {
        self.0.insert(resolved.hash.clone(), Arc::clone(resolved));
    }

    pub(super) fn remove(&self, hash: &str) {
        self.0.remove(hash);
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }

    pub(super) fn usage(&self) -> CacheUse {
        CacheUse { hits: self.0.hits(), misses: self.0.misses(), bytes: self.0.weight() }
    }
}

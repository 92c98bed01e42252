//! Clearing away what a deleted namespace held, page by page, from its line in the due index.
//!
//! First the tokens, with everything that hangs on them; then the mounts, whose entries hang on them in turn; then
//! whatever else is there. When that begins nothing can be added any more: whatever is written in a namespace expects
//! its liveness, a mount's or a token's, and all three are gone. Each step can be taken up where a crash left it.

use std::sync::Arc;

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;
use storage::{Expectation, Key, KeyRange, WRITES_MAX};

use super::Namespaces;
use super::change::DUE_KIND;
use super::entry::RemovingEntry;
use crate::due::{Line, Look, Owner, drop_line};
use crate::fingerprints;
use crate::keys;
use crate::mounts::Mounts;
use crate::mounts::sweep::Left;
use crate::quotas;
use crate::store::{Found, Lost, Store};
use crate::tokens::Tokens;
use crate::tokens::revoke::Children;

/// How many pages one turn removes, so that a large namespace does not keep everything else waiting.
const PAGES_MAX: usize = 50;

/// Clears away deleted namespaces.
pub(crate) struct Sweeper {
    pub(crate) store: Store,
    pub(crate) namespaces: Arc<Namespaces>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) mounts: Arc<Mounts>,
}

#[async_trait]
impl Owner for Sweeper {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        self.look(line).await.map(drop)
    }

    async fn look(&self, line: Line) -> Result<Look, Error> {
        let ns = line.id.as_str();
        let key = keys::namespace_removing(ns)?;
        let Some(removing) = self.store.get::<RemovingEntry>(&key).await? else {
            return drop_line(&self.store, line).await.map(|()| Look::Worked);
        };
        // When a step was stopped by its bound the line stays, and the worker comes back after it has looked at what
        // else is due.
        if !self.tokens(ns).await? {
            return Ok(Look::Worked);
        }
        if !fingerprints::forget_namespace(&self.store, ns).await? {
            return Ok(Look::Worked);
        }
        match self.mounts.remove_all(ns).await? {
            Left::Nothing => {}
            Left::FreshMarks => return Ok(Look::Worked),
            // They have lines of their own, and may have to wait for what is outside.
            Left::Marks => return Ok(Look::UnderWay),
        }
        quotas::sweep::forget_namespace(&self.store, ns).await?;
        if self.rest(ns, &key).await? {
            self.finish(line, key, removing).await?;
        }
        Ok(Look::Worked)
    }
}

impl Sweeper {
    /// Revokes all tokens. One that cannot be read is left to the last step: nobody can use it.
    async fn tokens(&self, ns: &str) -> Result<bool, Error> {
        let prefix = keys::all_of(ns, "token")?;
        let mut range = KeyRange::prefix(&prefix);
        for _ in 0..PAGES_MAX {
            let (page, next) = self.store.keys(range.clone(), WRITES_MAX).await?;
            for (key, _) in page {
                let hash = key.as_bytes().get(prefix.as_bytes().len()..);
                let Some(hash) = hash.and_then(|hash| std::str::from_utf8(hash).ok()) else { continue };
                match self.tokens.revoke(ns, hash, Children::Revoke).await {
                    Ok(()) => {}
                    Err(Error::Sealed) => return Err(Error::Sealed),
                    Err(error) => tracing::warn!(%error, "a token of a deleted namespace could not be revoked"),
                }
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Removes every key of the namespace but the one that says that it is being removed.
    async fn rest(&self, ns: &str, removing: &Key) -> Result<bool, Error> {
        let mut range = KeyRange::prefix(&keys::namespace_all(ns)?);
        for _ in 0..PAGES_MAX {
            let (page, next) = self.store.keys(range.clone(), WRITES_MAX).await?;
            let mut changes = Changes::new();
            for (key, revision) in page.into_iter().filter(|(key, _)| key != removing) {
                changes.delete(key, revision);
            }
            if !changes.is_empty() {
                match self.store.commit(changes).await {
                    Ok(_) => {}
                    // With another node that does the same: look again at what is left.
                    Err(Lost::Race(_)) => return Ok(false),
                    Err(Lost::Failed(error)) => return Err(error),
                }
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// The last commit: the path is free again.
    async fn finish(&self, line: Line, key: Key, removing: Found<RemovingEntry>) -> Result<(), Error> {
        let path = removing.value.path.as_str();
        let (at, lock) = (keys::namespace_at(path)?, keys::namespace_lock(path)?);
        let entry = self.namespaces.entry(path).await?;
        let [locked] = self.store.revisions_of([lock.clone()]).await?;
        let mut changes = Changes::new();
        if let Some(entry) = entry.filter(|entry| entry.value.is_removing && entry.value.id == line.id) {
            changes.delete(at, entry.revision);
            match locked {
                Some(revision) => changes.delete(lock, revision),
                None => changes.expect(Expectation::Absent(lock)),
            };
        }
        changes.delete(key, removing.revision);
        changes.delete(line.key, line.revision);
        match self.store.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

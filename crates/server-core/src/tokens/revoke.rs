//! Revoking tokens: mark, then sweep.
//!
//! The mark is committed first; from then on the token is refused, and nothing can be made under it. The sweep walks
//! the tree of children depth first with a stack of its own, one page of children at a time, marks each before it goes
//! below it, and removes a token only when nothing hangs on it any more. Whoever finds a marked token's line in the due
//! index takes the sweep up where it stopped; two sweeps at once get in each other's way but do no harm.

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::{Key, KeyRange, Revision, WRITES_MAX};

use super::create::DUE_KIND;
use super::entry::State;
use super::{Stored, Tokens};
use crate::due::{Line, Owner};
use crate::keys;
use crate::store::{Lost, encode};

/// What becomes of the children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Children {
    /// They are revoked too.
    Revoke,
    /// They live on as orphans.
    Keep,
}

impl Tokens {
    /// Revokes a token. No error when it is not there: then there is nothing to do.
    pub(crate) async fn revoke(&self, namespace: &str, hash: &str, children: Children) -> Result<(), Error> {
        let state = match children {
            Children::Revoke => State::Revoking,
            Children::Keep => State::Orphaning,
        };
        if self.mark(namespace, hash, state, true).await? { self.sweep(namespace, hash).await } else { Ok(()) }
    }

    /// Marks a token, with a line in the due index if asked, so that a crash is taken up again. False when the token
    /// is not there.
    async fn mark(&self, namespace: &str, hash: &str, mark: State, with_line: bool) -> Result<bool, Error> {
        for _ in 0..COMMIT_TRIES {
            let Some(Stored { entry, .. }) = self.stored(namespace, hash).await? else { return Ok(false) };
            if entry.value.state != State::Live {
                return Ok(true);
            }
            let mut marked = entry.value;
            marked.state = mark;
            let mut changes = Changes::new();
            changes.replace(keys::token(namespace, hash)?, entry.revision, encode(&marked)?);
            if with_line {
                let line = keys::due(self.now_nanos(), namespace, DUE_KIND, hash)?;
                let [known] = self.store.get_all([line.clone()]).await?;
                changes.set(line, known.map(|known| known.revision), Vec::new());
            }
            match self.store.commit(changes).await {
                Ok(_) => return Ok(true),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Removes a marked token and everything below it.
    async fn sweep(&self, namespace: &str, hash: &str) -> Result<(), Error> {
        let mut stack = vec![hash.to_owned()];
        while let Some(top) = stack.last().cloned() {
            let children = self.children(namespace, &top).await?;
            let is_orphaning = self.stored(namespace, &top).await?.is_some_and(|it| it.entry.value.state == State::Orphaning);
            if children.is_empty() {
                self.remove(namespace, &top).await?;
                stack.pop();
            } else if is_orphaning {
                self.delete_all(children.into_iter().map(|child| (child.key, child.revision))).await?;
            } else {
                for child in children {
                    // A child line without its token is left over from a removal elsewhere.
                    if self.mark(namespace, &child.hash, State::Revoking, false).await? {
                        stack.push(child.hash);
                    } else {
                        self.delete_all([(child.key, child.revision)]).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn children(&self, namespace: &str, hash: &str) -> Result<Vec<Child>, Error> {
        let prefix = keys::prefix(&format!("ns/{namespace}/token-child/{hash}/"))?;
        let (page, _) = self.store.keys(KeyRange::prefix(&prefix), WRITES_MAX).await?;
        let children = page.into_iter().filter_map(|(key, revision)| {
            let hash = std::str::from_utf8(key.as_bytes().get(prefix.as_bytes().len()..)?).ok()?.to_owned();
            Some(Child { hash, key, revision })
        });
        Ok(children.collect())
    }

    /// Removes a marked token that has no children left: first its cubbyhole, then all its parts in one commit.
    async fn remove(&self, namespace: &str, hash: &str) -> Result<(), Error> {
        self.sweep_cubbyhole(namespace, hash).await?;
        let cluster = self.identity.cluster()?;
        for _ in 0..COMMIT_TRIES {
            let Some(Stored { entry, state }) = self.stored(namespace, hash).await? else { return Ok(()) };
            let mut parts = vec![
                keys::token_uses(namespace, hash)?,
                keys::accessor(namespace, &cluster.accessor_hash(&entry.value.accessor))?,
            ];
            if let Some(parent) = &entry.value.parent {
                parts.push(keys::token_child(namespace, parent, hash)?);
            }
            if let Some(expires) = state.value.expires {
                parts.push(keys::due(expires, namespace, DUE_KIND, hash)?);
            }
            let found = self.store.revisions(&parts).await?;
            let mut changes = Changes::new();
            changes.delete(keys::token(namespace, hash)?, entry.revision);
            changes.delete(keys::token_state(namespace, hash)?, state.revision);
            for (key, revision) in parts.into_iter().zip(found) {
                if let Some(revision) = revision {
                    changes.delete(key, revision);
                }
            }
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    async fn sweep_cubbyhole(&self, namespace: &str, hash: &str) -> Result<(), Error> {
        let prefix = keys::prefix(&keys::cubbyhole(namespace, hash))?;
        loop {
            let (page, _) = self.store.keys(KeyRange::prefix(&prefix), WRITES_MAX).await?;
            if page.is_empty() {
                return Ok(());
            }
            self.delete_all(page).await?;
        }
    }

    /// Deletes up to a commit's worth of keys. A key that somebody else changed is left to the next look.
    async fn delete_all(&self, keys: impl IntoIterator<Item = (Key, Revision)>) -> Result<(), Error> {
        let mut changes = Changes::new();
        for (key, revision) in keys {
            changes.delete(key, revision);
        }
        if changes.is_empty() {
            return Ok(());
        }
        match self.store.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

struct Child {
    hash: String,
    key: Key,
    revision: Revision,
}

#[async_trait]
impl Owner for Tokens {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    /// Expires the token, takes a revocation up again, or moves the line to where the expiry is now.
    async fn fire(&self, line: Line) -> Result<(), Error> {
        let (namespace, hash) = (line.namespace.as_str(), line.id.as_str());
        let mut changes = Changes::new();
        changes.delete(line.key.clone(), line.revision);
        if let Some(Stored { entry, state }) = self.stored(namespace, hash).await? {
            let is_live = entry.value.state == State::Live;
            if is_live && !state.value.is_expired(self.now_nanos()) {
                if let Some(expires) = state.value.expires {
                    let moved = keys::due(expires, namespace, DUE_KIND, hash)?;
                    let [known] = self.store.get_all([moved.clone()]).await?;
                    if known.is_none() && moved != line.key {
                        changes.create(moved, Vec::new());
                    }
                }
            } else {
                if is_live {
                    self.mark(namespace, hash, State::Revoking, false).await?;
                }
                self.sweep(namespace, hash).await?;
            }
        }
        match self.store.commit(changes).await {
            // Somebody else took the line away, or the sweep did.
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

//! Revoking tokens: mark, then sweep.
//!
//! The mark is committed first; from then on the token is refused, and nothing can be made under it. The sweep walks
//! the tree of children depth first with a stack of its own, one page of children at a time, marks each before it goes
//! below it, and removes a token only when nothing hangs on it any more. Whoever finds a marked token's line in the due
//! index takes the sweep up where it stopped; two sweeps at once get in each other's way but do no harm.

use std::collections::BTreeSet;

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::{Expectation, Key, KeyRange, Revision, WRITES_MAX};

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

/// Why a token is marked, and what must still be so when it is.
enum Cause<'c> {
    /// Somebody asked for it. A line in the due index goes with the mark, so that a crash is taken up again.
    Asked(Children),
    /// The token above it goes. Whoever does that has a line of its own in the due index.
    Below(&'c Child),
    /// Its time or its uses are over. The line that told so stays until all is done.
    Over,
}

impl Tokens {
    /// Revokes a token. No error when it is not there: then there is nothing to do.
    pub(crate) async fn revoke(&self, namespace: &str, hash: &str, children: Children) -> Result<(), Error> {
        let is_marked = self.mark(namespace, hash, &Cause::Asked(children)).await?;
        if is_marked { self.sweep(namespace, hash).await } else { Ok(()) }
    }

    /// Marks a token. False when it is not there, or the cause holds no longer.
    async fn mark(&self, namespace: &str, hash: &str, cause: &Cause<'_>) -> Result<bool, Error> {
        for _ in 0..COMMIT_TRIES {
            let Some(stored) = self.stored(namespace, hash).await? else { return Ok(false) };
            if stored.entry.value.state != State::Live {
                return Ok(true);
            }
            let mut changes = Changes::new();
            match cause {
                Cause::Asked(_) => {
                    self.promise(keys::due(self.now_nanos(), namespace, DUE_KIND, hash)?, &mut changes).await?;
                }
                Cause::Below(child) => {
                    changes.expect(Expectation::At(child.key.clone(), child.revision));
                }
                Cause::Over => {
                    if !self.is_over(namespace, hash, &stored).await? {
                        return Ok(false);
                    }
                    // A renewal that comes in between wins: its caller is told that the token lives on.
                    changes.expect(Expectation::At(keys::token_state(namespace, hash)?, stored.state.revision));
                }
            }
            let mut marked = stored.entry.value;
            marked.state = if let Cause::Asked(Children::Keep) = cause { State::Orphaning } else { State::Revoking };
            changes.replace(keys::token(namespace, hash)?, stored.entry.revision, encode(&marked)?);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(true),
                // It is no child any more; a token of the same text that somebody made meanwhile is another token.
                Err(Lost::Race(keys)) if matches!(cause, Cause::Below(child) if keys.contains(&child.key)) => {
                    return Ok(false);
                }
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Whether a live token has come to its end by itself.
    async fn is_over(&self, namespace: &str, hash: &str, stored: &Stored) -> Result<bool, Error> {
        if stored.state.value.is_expired(self.now_nanos()) {
            return Ok(true);
        }
        Ok(stored.entry.value.num_uses > 0 && self.uses_left(namespace, hash).await? == 0)
    }

    /// Removes a marked token and everything below it.
    async fn sweep(&self, namespace: &str, hash: &str) -> Result<(), Error> {
        let mut stack = vec![hash.to_owned()];
        // What cannot be marked, because its entry is damaged, and what hangs on that.
        let mut stuck = BTreeSet::new();
        let mut failure = None;
        while let Some(top) = stack.last().cloned() {
            let state = self.stored(namespace, &top).await?.map(|it| it.entry.value.state);
            let Some(mark) = state.filter(|state| *state != State::Live) else {
                // Another sweep was faster; what has the same text now is another token.
                stack.pop();
                continue;
            };
            let children = self.children(namespace, &top).await?;
            if children.is_empty() {
                self.remove(namespace, &top).await?;
                stack.pop();
            } else if mark == State::Orphaning {
                self.delete_all(children.into_iter().map(|child| (child.key, child.revision))).await?;
            } else {
                let mut has_moved = false;
                for child in children.into_iter().filter(|child| !stuck.contains(&child.hash)).collect::<Vec<_>>() {
                    has_moved = true;
                    match self.mark(namespace, &child.hash, &Cause::Below(&child)).await {
                        Ok(true) => stack.push(child.hash),
                        // A line without its token is left over from a removal elsewhere.
                        Ok(false) => self.delete_all([(child.key, child.revision)]).await?,
                        Err(Error::Sealed) => return Err(Error::Sealed),
                        // One that fails must not save its siblings.
                        Err(error) => {
                            stuck.insert(child.hash);
                            failure.get_or_insert(error);
                        }
                    }
                }
                if !has_moved {
                    stuck.insert(top);
                    stack.pop();
                }
            }
        }
        failure.map_or(Ok(()), Err)
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
            if entry.value.state == State::Live {
                return Ok(());
            }
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

    /// Ends the token, takes a revocation up again, or moves the line to where the expiry is now.
    async fn fire(&self, line: Line) -> Result<(), Error> {
        let (namespace, hash) = (line.namespace.as_str(), line.id.as_str());
        let mut changes = Changes::new();
        if let Some(stored) = self.stored(namespace, hash).await? {
            if stored.entry.value.state != State::Live {
                self.sweep(namespace, hash).await?;
            } else if self.is_over(namespace, hash, &stored).await? {
                if !self.mark(namespace, hash, &Cause::Over).await? {
                    // Renewed just now: the line stays for another look.
                    return Ok(());
                }
                self.sweep(namespace, hash).await?;
            } else if let Some(expires) = stored.state.value.expires {
                let moved = keys::due(expires, namespace, DUE_KIND, hash)?;
                if moved == line.key {
                    // The clock has gone back since the line was found to be due. Without it nobody would look again.
                    return Ok(());
                }
                self.promise(moved, &mut changes).await?;
            }
        }
        // Mostly the sweep took the line along; whoever reads this from the cache saves a commit that would fail.
        if self.store.revisions_of([line.key.clone()]).await? != [Some(line.revision)] {
            return Ok(());
        }
        changes.delete(line.key, line.revision);
        match self.store.commit(changes).await {
            // Somebody else took the line away.
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

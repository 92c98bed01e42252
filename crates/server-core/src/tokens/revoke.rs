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
use super::text::{named_from, parse_name};
use super::{Stored, Tokens};
use crate::due::{Line, Owner};
use crate::keys;
use crate::leases::sweep::release_page;
use crate::store::{Lost, encode};

/// How many tokens that cannot be marked one sweep goes around. Behind more of them it stops, and tells its failure.
const STUCK_MAX: usize = 10_000;

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
    /// The token above it goes, or the mount that it comes from. Whoever does that has a line of its own in the due index.
    Below(&'c Child),
    /// Its time or its uses are over. The line that told so stays until all is done.
    Over,
}

impl Tokens {
    /// Revokes a token. No error when it is not there: then there is nothing to do.
    pub(crate) async fn revoke(&self, namespace: &str, hash: &str, children: Children) -> Result<(), Error> {
        let began = self.metrics.now();
        let is_marked = self.mark(namespace, hash, &Cause::Asked(children)).await?;
        let swept = if is_marked { self.sweep(namespace, hash).await } else { Ok(()) };
        self.metrics.took(&self.metrics.token_revoke, began);
        swept
    }

    /// Marks a token as a revocation does that crashes right behind it.
    #[cfg(test)]
    pub(super) async fn mark_only(&self, namespace: &str, hash: &str) {
        let marked = self.mark(namespace, hash, &Cause::Asked(Children::Revoke)).await;
        assert!(marked.expect("the store is well"), "there is a token");
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
                    changes.expect(child.parent());
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
                // It is no child any more, or of another token of the same text that somebody made meanwhile.
                Err(Lost::Race(keys)) if matches!(cause, Cause::Below(child) if child.is_among(&keys)) => {
                    return Ok(false);
                }
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Whether a live token has come to its end by itself, or is of the time before a restore.
    async fn is_over(&self, namespace: &str, hash: &str, stored: &Stored) -> Result<bool, Error> {
        let is_of_today = stored.entry.value.epoch == self.identity.cluster()?.token_epoch;
        if !is_of_today || stored.state.value.is_expired(self.now_nanos()) {
            return Ok(true);
        }
        Ok(stored.entry.value.num_uses > 0 && self.uses_left(namespace, hash).await? == 0)
    }

    /// Ends a token whose time or uses are over, and takes a revocation up again that has been begun.
    pub(super) async fn end(&self, namespace: &str, hash: &str, stored: &Stored) -> Result<End, Error> {
        if stored.entry.value.state == State::Live {
            if !self.is_over(namespace, hash, stored).await? {
                return Ok(End::NotYet);
            }
            if !self.mark(namespace, hash, &Cause::Over).await? {
                return Ok(End::Renewed);
            }
        }
        self.sweep(namespace, hash).await?;
        Ok(End::Swept)
    }

    /// Revokes a token as a child of one in this namespace, or of a mount there, if the line that says so is still there.
    /// False when it names no token.
    pub(super) async fn revoke_child(&self, namespace: &str, child: &Child) -> Result<bool, Error> {
        let (namespace, hash) = parse_name(namespace, &child.name);
        let is_marked = self.mark(namespace, hash, &Cause::Below(child)).await?;
        if is_marked {
            self.sweep(namespace, hash).await?;
        }
        Ok(is_marked)
    }

    /// Removes a marked token and everything below it.
    ///
    /// A token of a chosen text can be made again as soon as the first one is gone. So every removal expects the entry
    /// that was read before it looked what hangs on it: what belongs to a later token of that text is never touched.
    pub(super) async fn sweep(&self, namespace: &str, hash: &str) -> Result<(), Error> {
        let mut stack = vec![Name::new(namespace, hash)];
        // What cannot be marked, because its entry is damaged, and what hangs on that.
        let mut stuck = BTreeSet::new();
        let mut failure = None;
        let mut races = 0;
        while let Some(top) = stack.last().cloned() {
            let (namespace, hash) = (top.namespace.as_str(), top.hash.as_str());
            let marked = self.stored(namespace, hash).await?.filter(|it| it.entry.value.state != State::Live);
            let Some(token) = marked else {
                // Another sweep was faster; what has the same text now is another token.
                stack.pop();
                continue;
            };
            let (key, revision) = (keys::token(namespace, hash)?, token.entry.revision);
            let liveness = Expectation::At(key.clone(), revision);
            let children = self.children(&top, &(key, Some(revision)), &stuck).await?;
            let outcome = if children.is_empty() {
                self.remove(namespace, hash, &token, liveness).await?
            } else if token.entry.value.state == State::Orphaning {
                self.delete_all(children.into_iter().map(|child| (child.key, child.revision)), liveness).await?
            } else {
                let mut below = Below { stack: &mut stack, stuck: &mut stuck, failure: &mut failure };
                self.descend(&top, children, &mut below).await?
            };
            match outcome {
                Outcome::Raced if races < COMMIT_TRIES => races += 1,
                Outcome::Raced => return Err(framework::view::contended()),
                Outcome::Moved => races = 0,
                Outcome::Done => {
                    races = 0;
                    stack.pop();
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Marks a page of children; those that are marked are swept next.
    async fn descend(&self, top: &Name, children: Vec<Child>, below: &mut Below<'_>) -> Result<Outcome, Error> {
        let mut has_moved = false;
        for child in children {
            let name = child.named_from(&top.namespace);
            if below.stuck.contains(&name) {
                continue;
            }
            has_moved = true;
            match self.mark(&name.namespace, &name.hash, &Cause::Below(&child)).await {
                Ok(true) => below.stack.push(name),
                // A line without its token is left over from a removal elsewhere.
                Ok(false) => {
                    let parent = child.parent();
                    self.delete_all([(child.key, child.revision)], parent).await?;
                }
                Err(Error::Sealed) => return Err(Error::Sealed),
                // One that fails must not save its siblings.
                Err(error) => {
                    below.stuck.insert(name);
                    below.failure.get_or_insert(error);
                }
            }
        }
        if has_moved {
            return Ok(Outcome::Moved);
        }
        below.stuck.insert(top.clone());
        Ok(Outcome::Done)
    }

    /// The first page of children that has one that can be marked; any page where there is none. Empty only when nothing
    /// hangs on the token.
    async fn children(
        &self,
        parent_name: &Name,
        parent: &(Key, Option<Revision>),
        stuck: &BTreeSet<Name>,
    ) -> Result<Vec<Child>, Error> {
        let Name { namespace, hash } = parent_name;
        let prefix = keys::prefix(&format!("ns/{namespace}/token-child/{hash}/"))?;
        let mut range = KeyRange::prefix(&prefix);
        loop {
            let (page, next) = self.store.keys(range.clone(), WRITES_MAX - 1).await?;
            let children = page.into_iter().filter_map(|(key, revision)| {
                let name = std::str::from_utf8(key.as_bytes().get(prefix.as_bytes().len()..)?).ok()?.to_owned();
                Some(Child { name, key, revision, parent: parent.clone() })
            });
            let children: Vec<Child> = children.collect();
            let is_stuck =
                !children.is_empty() && children.iter().all(|child| stuck.contains(&child.named_from(namespace)));
            match next {
                Some(next) if is_stuck && stuck.len() < STUCK_MAX => range.start = next,
                _ => return Ok(children),
            }
        }
    }

    /// Removes a marked token that had no children left when it was read: first its leases and its cubbyhole, then all its parts in one
    /// commit.
    async fn remove(
        &self,
        namespace: &str,
        hash: &str,
        token: &Stored,
        liveness: Expectation,
    ) -> Result<Outcome, Error> {
        if let Some(changes) = release_page(&self.store, namespace, hash, self.now_nanos()).await? {
            return self.commit_page(changes, liveness).await;
        }
        let cubbyhole = keys::prefix(&keys::cubbyhole(namespace, hash))?;
        let (page, _) = self.store.keys(KeyRange::prefix(&cubbyhole), WRITES_MAX - 1).await?;
        if !page.is_empty() {
            return self.delete_all(page, liveness).await;
        }
        let Stored { entry, state } = token;
        let mut parts = vec![
            keys::token_uses(namespace, hash)?,
            keys::accessor(namespace, &self.identity.cluster()?.accessor_hash(&entry.value.accessor))?,
        ];
        if let Some(parent) = &entry.value.parent {
            let (above, parent) = parse_name(namespace, parent);
            parts.push(keys::token_child(above, parent, &named_from(above, namespace, hash))?);
        }
        if !entry.value.mount.is_empty() {
            parts.push(keys::mount_token(namespace, &entry.value.mount, hash)?);
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
            Ok(_) => Ok(Outcome::Done),
            Err(Lost::Race(_)) => Ok(Outcome::Raced),
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Deletes up to a commit's worth of keys, if what is expected holds.
    pub(super) async fn delete_all(
        &self,
        keys: impl IntoIterator<Item = (Key, Revision)>,
        expected: Expectation,
    ) -> Result<Outcome, Error> {
        let mut changes = Changes::new();
        for (key, revision) in keys {
            changes.delete(key, revision);
        }
        self.commit_page(changes, expected).await
    }

    async fn commit_page(&self, mut changes: Changes, expected: Expectation) -> Result<Outcome, Error> {
        changes.expect(expected);
        match self.store.commit(changes).await {
            Ok(_) => Ok(Outcome::Moved),
            Err(Lost::Race(_)) => Ok(Outcome::Raced),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

/// What became of a token that may be over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// It is gone, with everything below it.
    Swept,
    /// It lives on.
    NotYet,
    /// It was over, but somebody was faster and renewed it.
    Renewed,
}

/// How far one step of a sweep came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// There is more to do.
    Moved,
    /// Nothing is left of the token.
    Done,
    /// Somebody else changed something: look again.
    Raced,
}

/// A token in storage: a tree of tokens reaches into the namespaces below its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    namespace: String,
    hash: String,
}

impl Name {
    fn new(namespace: &str, hash: &str) -> Self {
        Self { namespace: namespace.to_owned(), hash: hash.to_owned() }
    }
}

/// Where a sweep puts what it finds below a token.
struct Below<'s> {
    stack: &'s mut Vec<Name>,
    stuck: &'s mut BTreeSet<Name>,
    failure: &'s mut Option<Error>,
}

/// A line that says whose child a token is: another token's, or a mount's.
pub(super) struct Child {
    /// Its hash, with its namespace behind a dot if that is not the parent's.
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) revision: Revision,
    /// The parent's entry when the line was found; none if it was not there.
    pub(super) parent: (Key, Option<Revision>),
}

impl Child {
    fn named_from(&self, namespace: &str) -> Name {
        let (namespace, hash) = parse_name(namespace, &self.name);
        Name::new(namespace, hash)
    }

    fn is_among(&self, keys: &[Key]) -> bool {
        keys.contains(&self.key) || keys.contains(&self.parent.0)
    }

    /// That the parent still is as it was when the line was found.
    pub(super) fn parent(&self) -> Expectation {
        let (key, revision) = self.parent.clone();
        revision.map_or_else(|| Expectation::Absent(key.clone()), |revision| Expectation::At(key.clone(), revision))
    }
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
            match self.end(namespace, hash, &stored).await? {
                End::Swept => {}
                // Renewed just now: the line stays for another look.
                End::Renewed => return Ok(()),
                End::NotYet => {
                    if let Some(expires) = stored.state.value.expires {
                        let moved = keys::due(expires, namespace, DUE_KIND, hash)?;
                        if moved == line.key {
                            // The clock has gone back since the line was found to be due. Without it nobody would look
                            // again.
                            return Ok(());
                        }
                        self.promise(moved, &mut changes).await?;
                    }
                }
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

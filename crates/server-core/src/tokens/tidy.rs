//! `auth/token/tidy`: a pass over everything that tokens store, which ends what should have ended and removes what hangs
//! on no token.
//!
//! The commits of this server leave nothing of the kind behind. A store that was damaged, or put together from pieces,
//! may. So every removal expects that the token is still not there: the pass never gets in the way of those that are.

use std::sync::{Arc, Mutex, PoisonError};

use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, Status};
use storage::{Expectation, Key, KeyRange, Revision};
use tokio::task::JoinHandle;

use super::entry::{AccessorEntry, State};
use super::revoke::{Child, End, Outcome};
use super::text::parse_name;
use super::{Stored, Tokens};
use crate::keys;
use crate::store::decode;

/// How many keys one storage call of the pass asks for.
const PAGE: usize = 500;

/// The pass that is under way on this node, if any.
#[derive(Default)]
pub(super) struct Tidying(Mutex<Option<JoinHandle<()>>>);

/// What a pass did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    /// Entries that hung on no token.
    pub(super) removed: u64,
    /// Tokens that should have ended before.
    pub(super) ended: u64,
    /// What could not be read or changed. Nothing of it is lost.
    pub(super) failed: u64,
}

impl Tidying {
    /// Starts the work, unless some is under way.
    fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = slot.as_ref().is_none_or(JoinHandle::is_finished);
        if is_free {
            *slot = Some(tokio::spawn(work));
        }
        is_free
    }

    /// Stops the pass where it is: between two commits, or with one that is finished or not begun.
    pub(super) fn stop(&self) {
        if let Some(task) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

pub(super) fn path() -> Path<Arc<Tokens>> {
    Path::new("tidy", "Look for what is left over of tokens that are gone.")
        .update(write_tidy, "Start a pass in the background.")
}

async fn write_tidy(tokens: &Arc<Tokens>, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let (worker, namespace) = (Arc::clone(tokens), context.namespace.id.clone());
    let is_started = tokens.tidying.start(async move {
        match worker.tidy(&namespace).await {
            Ok(Tally { removed, ended, failed }) => {
                tracing::info!(%namespace, removed, ended, failed, "tidied up after tokens");
            }
            Err(Error::Sealed) => {}
            Err(error) => tracing::warn!(%namespace, %error, "tidying up after tokens failed"),
        }
    });
    if is_started {
        let text = "Tidy operation successfully started. What it does is written to the server's log.";
        return Ok(Reply::empty().warn(text).with_status(Status::Accepted));
    }
    Ok(Reply::empty().warn("Tidy operation already in progress on this node."))
}

impl Tokens {
    /// One pass over all parts of all tokens of a namespace, a page at a time.
    pub(crate) async fn tidy(&self, namespace: &str) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        self.tidy_tokens(namespace, &mut tally).await?;
        self.tidy_children(namespace, "token-child", keys::token, &mut tally).await?;
        self.tidy_children(namespace, "mount-token", keys::mount_live, &mut tally).await?;
        self.tidy_accessors(namespace, &mut tally).await?;
        for part in ["token-state", "token-uses", "cubbyhole"] {
            self.tidy_part(namespace, part, &mut tally).await?;
        }
        Ok(tally)
    }

    /// Tokens that are over, whose revocation nobody has finished, or that have lost a half.
    async fn tidy_tokens(&self, namespace: &str, tally: &mut Tally) -> Result<(), Error> {
        let mut pages = Pages::new(namespace, "token")?;
        while let Some(page) = pages.next(self).await? {
            for (key, revision, hash) in page {
                let outcome = match self.stored(namespace, &hash).await {
                    Ok(Some(stored)) => self.tidy_token(namespace, &hash, &stored).await,
                    // Without its other half it is refused already.
                    Ok(None) => {
                        let lost = Expectation::Absent(keys::token_state(namespace, &hash)?);
                        self.drop_one(key, revision, lost).await
                    }
                    Err(error) => Err(error),
                };
                tally.add(outcome)?;
            }
        }
        Ok(())
    }

    async fn tidy_token(&self, namespace: &str, hash: &str, stored: &Stored) -> Result<Done, Error> {
        let is_of_today = stored.entry.value.epoch == self.identity.cluster()?.token_epoch;
        let is_live = stored.entry.value.state == State::Live && is_of_today;
        if is_live && !stored.state.value.is_expired(self.now_nanos()) {
            // One that is used up may be serving its last request still; its line in the due index ends it.
            return Ok(Done::Nothing);
        }
        let end = self.end(namespace, hash, stored).await?;
        Ok(if end == End::Swept { Done::Ended } else { Done::Nothing })
    }

    /// Lines whose child is gone, and children whose parent is gone: they should have gone with it. `liveness` is the
    /// parent's.
    async fn tidy_children(
        &self,
        namespace: &str,
        part: &str,
        liveness: fn(&str, &str) -> Result<Key, Error>,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let mut pages = Pages::new(namespace, part)?;
        while let Some(page) = pages.next(self).await? {
            for (key, revision, names) in page {
                let Some((parent, child)) = names.split_once('/') else { continue };
                let (below, hash) = parse_name(namespace, child);
                let (parent, token) = (liveness(namespace, parent)?, keys::token(below, hash)?);
                let [found, alive] = self.store.revisions_of([parent.clone(), token.clone()]).await?;
                let outcome = if alive.is_none() {
                    self.drop_one(key, revision, Expectation::Absent(token)).await
                } else if found.is_none() {
                    let child = Child { name: child.to_owned(), key, revision, parent: (parent, None) };
                    self.revoke_child(namespace, &child).await.map(|_| Done::Ended)
                } else {
                    Ok(Done::Nothing)
                };
                tally.add(outcome)?;
            }
        }
        Ok(())
    }

    /// Accessors whose token is gone, or is another one by now.
    async fn tidy_accessors(&self, namespace: &str, tally: &mut Tally) -> Result<(), Error> {
        let mut range = KeyRange::prefix(&keys::all_of(namespace, "accessor")?);
        loop {
            let (page, next) = self.store.page(range.clone(), PAGE).await?;
            for (key, opened) in page {
                let outcome = match decode::<AccessorEntry>(&key, &opened) {
                    Ok(found) => self.tidy_accessor(namespace, key, found.revision, &found.value).await,
                    Err(error) => Err(error),
                };
                tally.add(outcome)?;
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(()),
            }
        }
    }

    async fn tidy_accessor(
        &self,
        namespace: &str,
        key: Key,
        revision: Revision,
        entry: &AccessorEntry,
    ) -> Result<Done, Error> {
        let token = keys::token(namespace, &entry.token)?;
        match self.stored(namespace, &entry.token).await? {
            None => self.drop_one(key, revision, Expectation::Absent(token)).await,
            Some(stored) if stored.entry.value.accessor != entry.accessor => {
                self.drop_one(key, revision, Expectation::At(token, stored.entry.revision)).await
            }
            Some(_) => Ok(Done::Nothing),
        }
    }

    /// Parts that are named after their token, which is gone.
    async fn tidy_part(&self, namespace: &str, part: &str, tally: &mut Tally) -> Result<(), Error> {
        let mut pages = Pages::new(namespace, part)?;
        while let Some(page) = pages.next(self).await? {
            let token = |name: &str| keys::token(namespace, name.split_once('/').map_or(name, |(hash, _)| hash));
            let tokens = page.iter().map(|(.., name)| token(name)).collect::<Result<Vec<_>, _>>()?;
            let found = self.store.revisions(&tokens).await?;
            for (((key, revision, _), token), alive) in page.into_iter().zip(tokens).zip(found) {
                if alive.is_none() {
                    let outcome = self.drop_one(key, revision, Expectation::Absent(token)).await;
                    tally.add(outcome)?;
                }
            }
        }
        Ok(())
    }

    async fn drop_one(&self, key: Key, revision: Revision, expected: Expectation) -> Result<Done, Error> {
        let outcome = self.delete_all([(key, revision)], expected).await?;
        // Whoever was faster has seen to it, or it hangs on a token again.
        Ok(if outcome == Outcome::Raced { Done::Nothing } else { Done::Removed })
    }
}

/// What was done about one entry.
enum Done {
    Nothing,
    Removed,
    Ended,
}

impl Tally {
    /// Counts. What fails is counted too and must not keep the pass from the rest; only a seal ends it.
    fn add(&mut self, outcome: Result<Done, Error>) -> Result<(), Error> {
        match outcome {
            Ok(Done::Nothing) => {}
            Ok(Done::Removed) => self.removed += 1,
            Ok(Done::Ended) => self.ended += 1,
            Err(Error::Sealed) => return Err(Error::Sealed),
            Err(error) => {
                tracing::warn!(%error, "an entry could not be tidied");
                self.failed += 1;
            }
        }
        Ok(())
    }
}

/// The keys of one part, page by page.
struct Pages {
    prefix: Key,
    range: Option<KeyRange>,
}

impl Pages {
    fn new(namespace: &str, part: &str) -> Result<Self, Error> {
        let prefix = keys::all_of(namespace, part)?;
        let range = Some(KeyRange::prefix(&prefix));
        Ok(Self { prefix, range })
    }

    /// The next page, each key with its revision and what is behind the prefix.
    async fn next(&mut self, tokens: &Tokens) -> Result<Option<Vec<(Key, Revision, String)>>, Error> {
        let Some(range) = self.range.take() else { return Ok(None) };
        let (page, next) = tokens.store.keys(range.clone(), PAGE).await?;
        self.range = next.map(|start| KeyRange { start, ..range });
        let named = page.into_iter().filter_map(|(key, revision)| {
            let name = key.as_bytes().get(self.prefix.as_bytes().len()..)?;
            let name = std::str::from_utf8(name).ok()?.to_owned();
            Some((key, revision, name))
        });
        Ok(Some(named.collect()))
    }
}

//! Taking leases back: mark, call the engine, remove. A mark is durable before anything is done outside, so that a
//! crash is taken up again from the due index, and a renewal can no longer win.
//!
//! What fails is tried again, later with each time; after [`ATTEMPTS_MAX`] it is listed as irrevocable and left to an
//! operator. Removing takes all lines of the lease along in one commit, so that none of them ever names nothing.

use std::time::Duration;

use barrier::Changes;
use framework::view::COMMIT_TRIES;
use framework::{Error, Held};
use storage::{Key, Revision};

use super::entry::{LeaseEntry, State};
use super::{Leases, Place};
use crate::keys;
use crate::mounts::LiveMount;
use crate::store::{Found, Lost, Store, encode};
use crate::tokens::create::nanos;

/// How often revoking a lease is tried before it is left to an operator (documented Vault behavior).
pub(crate) const ATTEMPTS_MAX: u32 = 6;
/// How long a lease waits after its first failure; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// How long the outside may take to revoke one secret.
const CALL_PATIENCE: Duration = Duration::from_secs(30);
/// The longest text of a failure that is kept, in bytes.
const ERROR_BYTES_MAX: usize = 512;

/// How many leases one commit removes: each is four keys.
pub(super) const REMOVED_MAX: usize = 25;

/// A lease as it was read.
pub(crate) struct Known {
    pub(crate) place: Place,
    pub(crate) found: Found<LeaseEntry>,
    /// The revision of its line in the due index, where that is what it was found by.
    pub(crate) line: Option<Revision>,
}

impl Known {
    /// A lease that was found by itself.
    pub(crate) fn new(place: Place, found: Found<LeaseEntry>) -> Self {
        Self { place, found, line: None }
    }
}

/// Whether a failure outside keeps the lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outside {
    /// It is kept and tried again later.
    MustAgree,
    /// It is forgotten all the same: an operator says that nothing can be done.
    MayRefuse,
    /// It is not even asked: it did not answer a moment ago.
    IsGone,
}

impl Leases {
    /// Revokes the lease of an id, at once or soon. No error when there is none: then there is nothing to do.
    ///
    /// # Errors
    /// When the store fails; when it is to be done at once, what the engine says. Then it is tried again later.
    pub(crate) async fn revoke(&self, ns: &str, id: &str, is_sync: bool) -> Result<(), Error> {
        let Some(place) = self.place(ns, id)? else { return Ok(()) };
        if self.load(&place).await?.is_none_or(|found| !found.value.is_granted) || !self.mark(&place).await? {
            return Ok(());
        }
        let began = self.metrics.now();
        let taken_back = match self.load(&place).await? {
            Some(found) if is_sync => self.take_back(vec![Known::new(place, found)], Outside::MustAgree).await.0,
            _ => Ok(()),
        };
        self.metrics.took(&self.metrics.lease_revoke, began);
        taken_back
    }

    /// Marks a lease, so that it is taken back soon whatever happens. False when it is not there.
    pub(super) async fn mark(&self, place: &Place) -> Result<bool, Error> {
        for _ in 0..COMMIT_TRIES {
            let Some(found) = self.load(place).await? else { return Ok(false) };
            let mut changes = Changes::new();
            let mut marking = Marking::new(&self.store, self.now_nanos());
            marking.add(place, found).await?;
            marking.finish(&mut changes).await?;
            if changes.is_empty() {
                return Ok(true);
            }
            match self.store.commit(changes).await {
                Ok(_) => return Ok(true),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Asks the engines to take leases back, all at once, and removes those that are gone. The first failure is told,
    /// and whether the outside did not answer at all.
    pub(super) async fn take_back(&self, leases: Vec<Known>, outside: Outside) -> (Result<(), Error>, bool) {
        let calls = leases.into_iter().map(|known| async {
            let called = match outside {
                Outside::IsGone => Ok(()),
                _ => self.call(&known.place.ns, &known.found.value).await,
            };
            (known, called)
        });
        let (mut gone, mut first, mut is_silent) = (Vec::new(), Ok(()), false);
        for (known, called) in crate::leases::work::all(calls).await {
            match called {
                Ok(()) => gone.push(known),
                Err(Error::Sealed) => return (Err(Error::Sealed), is_silent),
                Err(error) => {
                    self.metrics.lease_failed.add();
                    is_silent |= matches!(&error, Error::World { source, .. } if source.is::<Silent>());
                    if outside == Outside::MayRefuse {
                        gone.push(known);
                        continue;
                    }
                    if let Err(failed) = self.failed(&known, &error).await {
                        tracing::warn!(%failed, "a lease that could not be revoked could not be put off either");
                    }
                    first = first.and(Err(error));
                }
            }
        }
        (self.remove_all(gone).await.and(first), is_silent)
    }

    /// What the engine says to taking a lease back, or undoing what may have been made.
    pub(super) async fn call(&self, ns: &str, entry: &LeaseEntry) -> Result<(), Error> {
        let mount = self.mounts.load_marked(ns, &entry.mount).await?;
        let mount = mount.ok_or_else(|| Error::world("revoke a lease", "its mount is gone"))?;
        self.call_at(ns, &mount, entry.held(entry.expires), entry.is_granted).await
    }

    pub(super) async fn call_at(&self, ns: &str, mount: &LiveMount, held: Held, is_granted: bool) -> Result<(), Error> {
        let context = self.mounts.work_context(ns, mount).await?;
        let call = async {
            match is_granted {
                true => mount.engine.revoke(&context, held).await,
                false => mount.engine.undo(&context, held).await,
            }
        };
        tokio::select! {
            biased;
            done = call => done,
            () = self.env.sleep(CALL_PATIENCE) => Err(Error::world("revoke a lease", Silent)),
        }
    }

    /// Removes leases that are gone outside.
    pub(super) async fn remove_all(&self, leases: Vec<Known>) -> Result<(), Error> {
        for some in chunks(leases) {
            match self.store.commit(self.removals(&some).await?).await {
                Ok(_) => {}
                // One of them was renewed, marked or removed meanwhile; the others must not wait for it.
                Err(Lost::Race(_)) => {
                    for known in some {
                        self.remove(&known.place).await?;
                    }
                }
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes a lease that is gone outside, however it has changed since.
    pub(super) async fn remove(&self, place: &Place) -> Result<(), Error> {
        for _ in 0..COMMIT_TRIES {
            let Some(found) = self.load(place).await? else { return Ok(()) };
            let changes = self.removals(&[Known::new(place.clone(), found)]).await?;
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// What removes leases, and with them all lines beside them.
    async fn removals(&self, leases: &[Known]) -> Result<Changes, Error> {
        let (mut changes, mut beside) = (Changes::new(), Vec::new());
        for Known { place, found, line: known_line } in leases {
            let entry = &found.value;
            beside.push(keys::mount_lease(&place.ns, &entry.mount, &place.name)?);
            if let Some(token) = &entry.token {
                beside.push(place.token_line(token)?.0);
            }
            if let Some(line) = entry.line {
                let line = place.line(&entry.mount, line)?;
                if let Some(revision) = known_line {
                    changes.delete(line, *revision);
                } else {
                    beside.push(line);
                }
            }
            if entry.state == State::Irrevocable {
                beside.push(keys::irrevocable_lease(&place.ns, &place.name)?);
            }
            changes.delete(place.key()?, found.revision);
        }
        drop_known(&self.store, beside, &mut changes).await?;
        Ok(changes)
    }

    /// Puts off a lease that could not be revoked, or gives it up.
    async fn failed(&self, known: &Known, error: &Error) -> Result<(), Error> {
        let Known { place, found, .. } = known;
        let mut entry = found.value.clone();
        entry.attempts = entry.attempts.saturating_add(1);
        entry.error = framework::error::shown(error, ERROR_BYTES_MAX);
        let mut changes = Changes::new();
        let irrevocable = keys::irrevocable_lease(&place.ns, &place.name)?;
        if entry.attempts >= ATTEMPTS_MAX {
            tracing::warn!(kind = entry.kind, error = entry.error, "a lease is irrevocable");
            self.metrics.lease_given_up.add();
            if let Some(line) = entry.line.take() {
                drop_known(&self.store, vec![place.line(&entry.mount, line)?], &mut changes).await?;
            }
            entry.state = State::Irrevocable;
            changes.create(irrevocable, encode(&place.index())?);
        } else {
            let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(entry.attempts - 1));
            entry.state = State::Revoking;
            self.move_line(place, &mut entry, self.now_nanos().saturating_add(nanos(wait)), &mut changes).await?;
        }
        changes.replace(place.key()?, found.revision, encode(&entry)?);
        match self.store.commit(changes).await {
            // Somebody else looks after it.
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Moves a lease's line in the due index; the entry is not written here.
    pub(super) async fn move_line(
        &self,
        place: &Place,
        entry: &mut LeaseEntry,
        to: i64,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        if let Some(line) = entry.line.replace(to).filter(|line| *line != to) {
            drop_known(&self.store, vec![place.line(&entry.mount, line)?], changes).await?;
        }
        let line = place.line(&entry.mount, to)?;
        if self.store.revisions_of([line.clone()]).await? == [None] {
            changes.create(line, Vec::new());
        }
        Ok(())
    }
}

/// The outside did not answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer from outside within {} seconds", CALL_PATIENCE.as_secs())]
struct Silent;

/// Marks that go into one commit: each lease is to be taken back at `now`, and no longer goes with its token.
pub(crate) struct Marking<'s> {
    store: &'s Store,
    now: i64,
    /// Entries with what they become.
    marked: Vec<(Key, Found<LeaseEntry>)>,
    /// Lines that go.
    gone: Vec<Key>,
    /// Lines that come.
    fresh: Vec<Key>,
}

impl<'s> Marking<'s> {
    /// How many leases fit into one commit beside a few other changes: each takes five writes at the most.
    pub(crate) const LEASES_MAX: usize = 18;

    pub(crate) fn new(store: &'s Store, now: i64) -> Self {
        Self { store, now, marked: Vec::new(), gone: Vec::new(), fresh: Vec::new() }
    }

    /// Adds a lease, unless it is marked already.
    pub(crate) async fn add(&mut self, place: &Place, mut found: Found<LeaseEntry>) -> Result<(), Error> {
        let entry = &mut found.value;
        let token = entry.token.take();
        if let Some(token) = &token {
            self.gone.push(place.token_line(token)?.0);
        }
        match entry.state {
            State::Revoking if token.is_none() => return Ok(()),
            // Its line stays where it is.
            State::Revoking => {}
            State::Intended => {
                // Whoever is at work on it can no longer hand it out. Until they must be over, the outside is left alone:
                // what is undone too early may be made afterwards.
                entry.state = State::Revoking;
            }
            State::Live | State::Irrevocable => {
                if entry.state == State::Irrevocable {
                    self.gone.push(keys::irrevocable_lease(&place.ns, &place.name)?);
                    // One more try is what somebody asked for.
                    entry.attempts = ATTEMPTS_MAX - 1;
                }
                if let Some(line) = entry.line.replace(self.now).filter(|line| *line != self.now) {
                    self.gone.push(place.line(&entry.mount, line)?);
                }
                self.fresh.push(place.line(&entry.mount, self.now)?);
                entry.state = State::Revoking;
                entry.expires = entry.expires.min(self.now);
            }
        }
        self.marked.push((place.key()?, found));
        Ok(())
    }

    pub(crate) async fn finish(self, changes: &mut Changes) -> Result<(), Error> {
        for (key, found) in self.marked {
            changes.replace(key, found.revision, encode(&found.value)?);
        }
        let known = self.store.revisions(&self.fresh).await?;
        for (line, _) in self.fresh.into_iter().zip(known).filter(|(_, known)| known.is_none()) {
            changes.create(line, Vec::new());
        }
        drop_known(self.store, self.gone, changes).await
    }
}

/// Deletes those of the keys that are there.
pub(crate) async fn drop_known(store: &Store, keys: Vec<Key>, changes: &mut Changes) -> Result<(), Error> {
    let known = store.revisions(&keys).await?;
    for (key, revision) in keys.into_iter().zip(known) {
        if let Some(revision) = revision {
            changes.delete(key, revision);
        }
    }
    Ok(())
}

/// As many leases as one commit removes.
fn chunks(mut leases: Vec<Known>) -> impl Iterator<Item = Vec<Known>> {
    std::iter::from_fn(move || {
        let rest = leases.split_off(leases.len().min(REMOVED_MAX));
        Some(std::mem::replace(&mut leases, rest)).filter(|some| !some.is_empty())
    })
}

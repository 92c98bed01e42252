//! Secrets that are replaced where they are in use: when that is due, whose turn it is to do it, and what becomes of it when
//! it fails.
//!
//! An engine plans a rotation in the commit of what it is about, and does it in a hook. Whoever does it claims it first, in
//! an entry, so that it is done by one node at a time; what was claimed and not finished is taken up again when the claim
//! is over, by anybody. A failure is kept, listed, and tried again, later with each time and for ever: an outside that
//! knows one secret only may have replaced it though nobody has seen the answer, and then the stored one is dead.
//! Nothing is kept in memory. The claim is known by what it says and not by its revision.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::Timestamp;
use serde::{Deserialize, Serialize};
use storage::{Key, Revision};

use crate::context::Context;
use crate::error::{self, Error};
use crate::retry;
use crate::view::{CommitError, StoredTime, View, ViewChanges, encode, from_stored, to_stored};

pub mod cron;
mod schedule;

pub use schedule::{PERIOD_MAX, PERIOD_MIN, Schedule, WINDOW_MIN};

/// For how long a claim keeps others away. Whoever is slower finds that somebody else has it.
pub const CLAIM_PATIENCE: Duration = Duration::from_secs(120);
/// How long doing it may take, the waits for an outside that is slow to agree with itself included. Less than the claim
/// lasts, by what the commits at both ends can take.
pub const CALL_PATIENCE: Duration = Duration::from_secs(80);
/// How long the first failure waits; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest that a failure waits.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// How often it is tried to store what came of a rotation.
const SETTLE_TRIES: usize = 3;
/// The longest text of a failure that is kept, in bytes.
const ERROR_BYTES_MAX: usize = 512;

/// Spells the storage keys of the rotations of one mount. The core knows how; views carry it.
pub trait RotationKeys: Send + Sync {
    /// The rotation of a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name is too long.
    fn entry(&self, name: &str) -> Result<Key, Error>;

    /// That it failed the last time.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name is too long.
    fn failing(&self, name: &str) -> Result<Key, Error>;

    /// Its line in the due index.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name is too long.
    fn line(&self, at: StoredTime, name: &str) -> Result<Key, Error>;
}

/// What is stored of one rotation.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    v: u32,
    /// None for what is done when somebody asks, or once.
    schedule: Option<Schedule>,
    /// When it was done last, as all times here in nanoseconds since 1970.
    last: Option<StoredTime>,
    /// When its time comes, or came: what a window counts from.
    due: Option<StoredTime>,
    /// The time of its line in the due index: when somebody looks at it next.
    line: Option<StoredTime>,
    /// Who is at it, until the time of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
    /// Whether the outside may have done it: then it must be done again whatever the window says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_open: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    failures: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    error: String,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            v: 1,
            schedule: None,
            last: None,
            due: None,
            line: None,
            claim: None,
            is_open: false,
            failures: 0,
            error: String::new(),
        }
    }
}

impl Entry {
    fn is_claimed(&self, now: StoredTime) -> bool {
        self.claim.is_some() && self.line.is_some_and(|line| now < line)
    }

    /// Whether it must be done although its window has passed: it never was, or what the outside holds is not known.
    fn must_be_done(&self) -> bool {
        self.claim.is_some() || self.is_open || self.last.is_none()
    }

    fn window_end(&self) -> Option<StoredTime> {
        let window = self.schedule.as_ref()?.window()?;
        self.due.map(|due| to_stored(from_stored(due).plus(window)))
    }

    fn is_missed(&self, at: StoredTime) -> bool {
        !self.must_be_done() && self.window_end().is_some_and(|end| at > end)
    }

    /// Waits for the next time of the schedule after this one.
    fn wait(&mut self, after: Timestamp, context: &Context) {
        let chance = u64::from_le_bytes(context.env.random());
        self.due = self.schedule.as_ref().and_then(|it| it.next(after, chance)).map(to_stored);
        self.line = self.due;
    }

    fn status(&self) -> Status {
        let next = if self.claim.is_some() { self.due } else { self.line };
        Status {
            schedule: self.schedule.clone(),
            last: self.last.map(from_stored),
            next: next.map(from_stored),
            failures: self.failures,
            error: self.error.clone(),
        }
    }
}

/// What is known of a rotation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// When it is done by itself.
    pub schedule: Option<Schedule>,
    /// When it was done last; `None` before the first time.
    pub last: Option<Timestamp>,
    /// When it is done next, the next try of a failed one included; `None` when nobody will by himself.
    pub next: Option<Timestamp>,
    /// How often it has failed since it was done last.
    pub failures: u32,
    /// Why it failed the last time, with all causes; empty when it did not.
    pub error: String,
}

impl Status {
    /// Of an entry as it is stored.
    ///
    /// # Errors
    /// [`Error::World`] when it does not decode: it is damaged or newer than this release.
    pub fn of_stored(bytes: &[u8]) -> Result<Self, Error> {
        decode(bytes).map(|entry| entry.status())
    }

    /// What is left until the next time, 0 when that has come or there is none.
    #[must_use]
    pub fn ttl(&self, now: Timestamp) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.since(now))
    }
}

/// When something that was never rotated is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// At this time.
    At(Timestamp),
    /// When the schedule says, counted from now: the secret has just been made.
    Fresh,
}

/// A claim on one rotation, which is to be done now. Cheap to clone; clones are the same claim.
#[derive(Clone)]
pub struct Rotating {
    /// What is to be rotated, as it was planned.
    pub name: Arc<str>,
    /// Whether an earlier try may have changed what the outside holds.
    pub is_resumed: bool,
    claim: Arc<str>,
    is_open: Arc<AtomicBool>,
}

impl fmt::Debug for Rotating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotating").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What came of looking at a line that is due.
#[derive(Debug)]
pub enum Looked {
    /// It is this caller's turn.
    Mine(Rotating),
    /// There is nothing to do now: somebody else was faster, the clock has gone back, or the window has passed.
    Nothing,
    /// The line is of no rotation: it can go.
    Stale,
}

/// What became of a rotation that was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tried {
    /// It is done.
    Done,
    /// It failed, which is kept.
    Failed,
    /// Somebody else has taken it over.
    TakenOver,
}

/// What a view needs for the rotations of a mount.
pub(crate) type SharedKeys = Arc<dyn RotationKeys>;

/// One rotation of a view as it is stored.
struct Slot<'v> {
    view: &'v View,
    keys: SharedKeys,
    name: &'v str,
}

/// What was found in a slot.
struct Found {
    entry: Option<(Entry, Revision)>,
    failing: Option<Revision>,
    line: Option<(Key, Revision)>,
}

impl<'v> Slot<'v> {
    fn new(view: &'v View, name: &'v str) -> Result<Self, Error> {
        let keys = view.rotation_keys().ok_or_else(|| Error::world("rotate a secret", "this view has no rotations"))?;
        Ok(Self { view, keys, name })
    }

    async fn read(&self) -> Result<Found, Error> {
        let keys = [self.keys.entry(self.name)?, self.keys.failing(self.name)?];
        let [entry, failing] = self.view.read_keys(keys).await?;
        let entry = entry.map(|found| decode(found.bytes()).map(|entry| (entry, found.revision()))).transpose()?;
        let line = match entry.as_ref().and_then(|(entry, _)| entry.line) {
            None => None,
            Some(at) => {
                let key = self.keys.line(at, self.name)?;
                let [line] = self.view.read_keys([key.clone()]).await?;
                line.map(|line| (key, line.revision()))
            }
        };
        Ok(Found { entry, failing: failing.map(|failing| failing.revision()), line })
    }

    /// Has an entry stored with its line, and whether it is failing.
    fn put<'c>(&self, found: Found, entry: &Entry, changes: ViewChanges<'c>) -> Result<ViewChanges<'c>, Error> {
        let (key, failing) = (self.keys.entry(self.name)?, self.keys.failing(self.name)?);
        let line = entry.line.map(|at| self.keys.line(at, self.name)).transpose()?;
        let value = encode(entry)?;
        Ok(changes.raw(|changes| {
            changes.set(key, found.entry.map(|(_, revision)| revision), value);
            let is_kept = found.line.as_ref().is_some_and(|(key, _)| line.as_ref() == Some(key));
            if let Some((key, revision)) = found.line.filter(|_| !is_kept) {
                changes.delete(key, revision);
            }
            if let Some(key) = line.filter(|_| !is_kept) {
                changes.create(key, Vec::new());
            }
            if let Some(revision) = found.failing.filter(|_| entry.failures == 0) {
                changes.delete(failing, revision);
            } else if found.failing.is_none() && entry.failures > 0 {
                changes.create(failing, Vec::new());
            }
        }))
    }

    /// Has everything of a rotation removed.
    fn remove<'c>(&self, found: Found, changes: ViewChanges<'c>) -> Result<ViewChanges<'c>, Error> {
        let (key, failing) = (self.keys.entry(self.name)?, self.keys.failing(self.name)?);
        Ok(changes.raw(|changes| {
            if let Some((_, revision)) = found.entry {
                changes.delete(key, revision);
            }
            if let Some(revision) = found.failing {
                changes.delete(failing, revision);
            }
            if let Some((key, revision)) = found.line {
                changes.delete(key, revision);
            }
        }))
    }
}

/// What is known of a rotation; `None` when none is planned under this name.
///
/// # Errors
/// When the storage fails.
pub async fn status(view: &View, name: &str) -> Result<Option<Status>, Error> {
    let found = Slot::new(view, name)?.read().await?;
    Ok(found.entry.map(|(entry, _)| entry.status()))
}

/// Adds to changes that `name` is rotated by a schedule from now on, or by none any more. What was never planned is
/// rotated first at `first`; what was rotated already, when the schedule says, counted from then. A claim and the tries
/// of a failed one stay as they are. `name` is a path of the engine's own, with `/` in it where that helps to read it.
///
/// # Errors
/// When the storage fails, or the name is too long.
pub async fn plan<'c>(
    context: &Context,
    name: &str,
    schedule: Option<Schedule>,
    first: First,
    changes: ViewChanges<'c>,
) -> Result<ViewChanges<'c>, Error> {
    let slot = Slot::new(&context.view, name)?;
    let found = slot.read().await?;
    let known = found.entry.as_ref().map(|(entry, _)| entry.clone());
    let is_new = known.is_none();
    let mut entry = known.unwrap_or_default();
    let is_changed = entry.schedule != schedule;
    entry.schedule = schedule;
    match first {
        First::At(time) if is_new => (entry.due, entry.line) = (Some(to_stored(time)), Some(to_stored(time))),
        First::Fresh if is_new => {
            entry.last = Some(to_stored(context.now()));
            entry.wait(context.now(), context);
        }
        // Whoever is at it, or tries again, counts from when it is done.
        _ if is_changed && entry.claim.is_none() && entry.failures == 0 => {
            if let Some(last) = entry.last {
                entry.wait(from_stored(last), context);
            }
        }
        _ if !is_changed => return Ok(changes),
        _ => {}
    }
    slot.put(found, &entry, changes)
}

/// Adds to changes that nothing is rotated under this name any more. Whoever is at it can no longer finish.
///
/// # Errors
/// When the storage fails.
pub async fn forget<'c>(context: &Context, name: &str, changes: ViewChanges<'c>) -> Result<ViewChanges<'c>, Error> {
    let slot = Slot::new(&context.view, name)?;
    let found = slot.read().await?;
    slot.remove(found, changes)
}

/// Claims a rotation because somebody asks for it now, whether or not one is planned. What comes of it has to be told with
/// [`Rotating::settle`]; if it never is, somebody else takes it up when the claim is over.
///
/// # Errors
/// [`Error::Busy`] while somebody is at it; otherwise when the storage fails.
pub async fn claim(context: &Context, name: &str) -> Result<Rotating, Error> {
    let slot = Slot::new(&context.view, name)?;
    let claim = context.env.base62(24);
    retry!(_ => {
        let found = slot.read().await?;
        let entry = found.entry.as_ref().map(|(entry, _)| entry.clone()).unwrap_or_default();
        if entry.claim.as_deref() != Some(&claim) && entry.is_claimed(to_stored(context.now())) {
            return Err(Error::Busy("it is being rotated at the moment, try again".into()).into());
        }
        take(context, &slot, found, entry, &claim).await
    })
}

/// Looks at a line that is due, and claims the rotation that it is about. `at` is the time of the line.
///
/// # Errors
/// When the storage fails.
pub async fn look(context: &Context, name: &str, at: StoredTime) -> Result<Looked, Error> {
    let slot = Slot::new(&context.view, name)?;
    let found = slot.read().await?;
    let Some(mut entry) = found.entry.as_ref().map(|(entry, _)| entry.clone()) else { return Ok(Looked::Stale) };
    let now = context.now();
    if entry.line != Some(at) {
        return Ok(Looked::Stale);
    }
    // The clock may have gone back since the line was found to be due.
    if to_stored(now) < at {
        return Ok(Looked::Nothing);
    }
    let taken = if entry.is_missed(to_stored(now)) {
        entry.wait(now, context);
        let changes = slot.put(found, &entry, context.view.changes())?;
        changes.commit().await.map(|_| None)
    } else {
        take(context, &slot, found, entry, &context.env.base62(24)).await.map(Some)
    };
    match taken {
        Ok(Some(rotating)) => Ok(Looked::Mine(rotating)),
        // The line is still there, or somebody else looks after it.
        Ok(None) | Err(CommitError::Conflict) => Ok(Looked::Nothing),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

async fn take(
    context: &Context,
    slot: &Slot<'_>,
    found: Found,
    mut entry: Entry,
    claim: &str,
) -> Result<Rotating, CommitError> {
    let is_resumed = entry.claim.as_deref().is_some_and(|before| before != claim) || entry.is_open;
    // What was begun and never settled may have been done outside.
    entry.is_open = is_resumed;
    entry.claim = Some(claim.to_owned());
    entry.line = Some(to_stored(context.now().plus(CLAIM_PATIENCE)));
    slot.put(found, &entry, context.view.changes())?.commit().await?;
    Ok(Rotating {
        name: slot.name.into(),
        is_resumed,
        claim: claim.into(),
        is_open: Arc::new(AtomicBool::new(is_resumed)),
    })
}

impl Rotating {
    /// To be called before the outside is asked for something that cannot be undone: from then on the stored secret may be
    /// dead, and a failure is tried again whatever the window says.
    pub fn begins(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    /// The outside has said that it did nothing.
    pub fn nothing_was_done(&self) {
        self.is_open.store(self.is_resumed, Ordering::SeqCst);
    }

    /// Adds to changes that it is done: the commit that stores the new secret. To be called anew with each try of it.
    ///
    /// # Errors
    /// [`Error::Busy`] when somebody else has taken it over: nothing of this try may be stored. Otherwise when the storage
    /// fails.
    pub async fn finish<'c>(&self, context: &Context, changes: ViewChanges<'c>) -> Result<ViewChanges<'c>, Error> {
        let slot = Slot::new(&context.view, &self.name)?;
        let found = slot.read().await?;
        let mut entry = self.claimed(&found).ok_or_else(taken_over)?;
        let now = context.now();
        entry.last = Some(to_stored(now));
        (entry.claim, entry.is_open, entry.failures, entry.error) = (None, false, 0, String::new());
        entry.wait(now, context);
        slot.put(found, &entry, changes)
    }

    /// Adds to changes that it is done for good and nothing is planned any more.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn end<'c>(&self, context: &Context, changes: ViewChanges<'c>) -> Result<ViewChanges<'c>, Error> {
        let slot = Slot::new(&context.view, &self.name)?;
        let found = slot.read().await?;
        if self.claimed(&found).is_none() {
            return Err(taken_over());
        }
        slot.remove(found, changes)
    }

    /// Keeps what came of it: a failure is stored with its reason, and tried again later. A success without a commit of
    /// [`finish`](Self::finish) or [`end`](Self::end) is none.
    ///
    /// # Errors
    /// When the storage fails; then the claim ends by itself.
    pub async fn settle(&self, context: &Context, outcome: Result<(), &Error>) -> Result<Tried, Error> {
        if matches!(outcome, Err(Error::Sealed)) {
            return Err(Error::Sealed);
        }
        let mut settled = self.keep(context, outcome).await;
        for _ in 1..SETTLE_TRIES {
            // A claim that is left would keep everybody away until it is over.
            if matches!(settled, Ok(_) | Err(Error::Sealed | Error::Unrouted(_))) {
                break;
            }
            settled = self.keep(context, outcome).await;
        }
        settled
    }

    async fn keep(&self, context: &Context, outcome: Result<(), &Error>) -> Result<Tried, Error> {
        let slot = Slot::new(&context.view, &self.name)?;
        retry!(_ => {
            let found = slot.read().await?;
            let Some(mut entry) = self.claimed(&found) else {
                return Ok(if outcome.is_ok() { Tried::Done } else { Tried::TakenOver });
            };
            entry.claim = None;
            entry.is_open = self.is_open.load(Ordering::SeqCst);
            entry.failures = entry.failures.saturating_add(1);
            entry.error = match outcome {
                Ok(()) => "the engine has stored nothing new".to_owned(),
                Err(error) => error::shown(error, ERROR_BYTES_MAX),
            };
            let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(entry.failures - 1)).min(LONGEST_WAIT);
            let (now, again) = (context.now(), to_stored(context.now().plus(wait)));
            entry.line = Some(again);
            if entry.is_missed(again) {
                entry.wait(now, context);
            }
            slot.put(found, &entry, context.view.changes())?.commit().await?;
            Ok(Tried::Failed)
        })
    }

    fn claimed(&self, found: &Found) -> Option<Entry> {
        let (entry, _) = found.entry.as_ref()?;
        (entry.claim.as_deref() == Some(&*self.claim)).then(|| entry.clone())
    }
}

fn decode(bytes: &[u8]) -> Result<Entry, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::world("decode a rotation", source))
}

fn taken_over() -> Error {
    Error::Busy("it took too long, and was taken over".into())
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;

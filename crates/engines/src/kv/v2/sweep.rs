//! What takes more than one commit, or waits for its time: mark first, then sweep, from lines in the due index.
//!
//! A mark makes versions unreadable in one commit, which also puts a line into the due index. What is stored of them is
//! then removed in bounded commits, and the line with the last of it. A crash in between is taken up from the line.
//! Everything here may run twice, late, and on two nodes at once.

use std::ops::Range;
use std::time::Duration;

use framework::view::{CommitError, Due, View, ViewChanges, encode, from_stored};
use framework::{Context, Error, retry};
use serde::{Deserialize, Serialize};

use super::Versioned;
use super::entry::{Found, State, history_name, load};
use super::page::{Entries, find, load_pages, stored_entries};
use super::versions::{self, amend};
use crate::secrets::SecretPath;

/// The most versions whose data one commit removes: a commit makes at most 100 writes, and has others to make.
pub(super) const REMOVALS_MAX: u64 = 64;
/// The most entries of one kind that a commit removes when all of a secret goes.
const SWEEP_ENTRIES_MAX: usize = 45;
/// How long the due index waits for a request that sweeps itself, and then takes its sweep for given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// More than any version's number, and still before everything that has a generation.
const NUMBERS_END: u64 = 1 << 63;

/// What is to be done, as the note of a line says it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    v: super::entry::Format<1>,
    pub path: SecretPath,
    /// Of the history that it is about: one that was made anew since is another.
    #[serde(rename = "g")]
    pub generation: String,
    pub task: Task,
}

/// What is to be done about a secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Task {
    /// Remove what is stored of versions before the oldest.
    Trim,
    /// Remove everything: the history has gone.
    Remove,
    /// Destroy these versions.
    Destroy(Vec<u64>),
    /// This version's time has come.
    Expire(u64),
}

impl Job {
    pub(super) fn new(path: &SecretPath, generation: &str, task: Task) -> Self {
        Self { v: super::entry::Format, path: path.clone(), generation: generation.to_owned(), task }
    }

    /// As the note of a line.
    ///
    /// # Errors
    /// Never; see [`encode`].
    pub(super) fn note(&self) -> Result<Vec<u8>, Error> {
        encode(self)
    }
}

/// A random id for a line.
pub(super) fn line_id(context: &Context) -> String {
    format!("{:016x}", u64::from_be_bytes(context.env.random()))
}

/// The hook: does a bounded part of what a line says.
pub(super) async fn run(_: &Versioned, context: &Context, due: Due) -> Result<(), Error> {
    let job: Job = due.note()?;
    let outcome = match &job.task {
        Task::Trim => trim(context, &job, &due).await,
        Task::Remove => remove_some(&context.view, &job.path, &job.generation, &due).await.map(drop),
        Task::Destroy(numbers) => return destroy(context, &job, numbers, &due).await,
        Task::Expire(number) => expire(context, &job, *number, &due).await,
    };
    match outcome {
        // Somebody else was faster. If there is still something to do, the line is still there.
        Ok(()) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// The history that a job is about, unless it has gone or was made anew.
async fn subject(view: &View, job: &Job) -> Result<Option<Found>, Error> {
    Ok(load(view, &job.path).await?.filter(|found| found.history.generation == job.generation))
}

async fn trim(context: &Context, job: &Job, due: &Due) -> Result<(), CommitError> {
    let view = &context.view;
    let found = subject(view, job).await?;
    let pending = found.and_then(|found| Some((found.history.sweep_from?, found)));
    let Some((from, Found { mut history, revision, .. })) = pending else {
        view.changes().done(due).commit().await?;
        return Ok(());
    };
    let numbers = from..history.oldest.min(from + REMOVALS_MAX).max(from);
    let is_last = numbers.end >= history.oldest;
    history.sweep_from = Some(numbers.end).filter(|_| !is_last);
    let entries = stored_entries(view, &job.path, &job.generation, numbers, super::page::RANGE_ENTRIES_MAX).await?;
    let changes = view.changes().replace(&history_name(&job.path), revision, encode(&history)?);
    let changes = remove(changes, entries);
    if is_last { changes.done(due) } else { changes }.commit().await?;
    Ok(())
}

/// Removes some of what a history that has gone has left behind, and when nothing is left the line; says whether there
/// may be more. The line goes alone: whoever sweeps beside us may have taken it away already.
async fn remove_some(view: &View, path: &SecretPath, generation: &str, due: &Due) -> Result<bool, CommitError> {
    let everything: Range<u64> = 0..NUMBERS_END;
    let entries = stored_entries(view, path, generation, everything, SWEEP_ENTRIES_MAX).await?;
    if entries.is_empty() {
        finish(view, due).await?;
        return Ok(false);
    }
    remove(view.changes(), entries).commit().await?;
    Ok(true)
}

async fn destroy(context: &Context, job: &Job, numbers: &[u64], due: &Due) -> Result<(), Error> {
    if subject(&context.view, job).await?.is_some() {
        versions::destroy_all(context, &job.path, &job.generation, numbers).await?;
    }
    finish(&context.view, due).await
}

/// Takes a line away that has nothing left to say; no matter who does.
pub(super) async fn finish(view: &View, due: &Due) -> Result<(), Error> {
    match view.changes().done(due).commit().await {
        Ok(_) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// Writes down that a version is deleted, so that a clock that is set back does not bring it back.
async fn expire(context: &Context, job: &Job, number: u64, due: &Due) -> Result<(), CommitError> {
    let view = &context.view;
    let Some(found) = subject(view, job).await? else {
        view.changes().done(due).commit().await?;
        return Ok(());
    };
    let pages = load_pages(view, &job.path, &found.history, [number]).await?;
    let record = find(&found.history, &pages, number).filter(|_| found.history.known().contains(&number)).copied();
    let due_at = record.filter(|record| record.state == State::Live).and_then(|record| record.deleted);
    let changes = view.changes().done(due);
    let changes = match due_at.map(from_stored) {
        Some(at) if at > context.now() => changes.due(at, &line_id(context), job.note()?),
        Some(_) => {
            amend(changes, &job.path, found, pages, &[number], |record, _| {
                record.state = State::Deleted;
                true
            })?
            .0
        }
        None => changes,
    };
    changes.commit().await?;
    Ok(())
}

/// Adds removals.
pub(super) fn remove<'v>(changes: ViewChanges<'v>, entries: Entries) -> ViewChanges<'v> {
    entries.into_iter().fold(changes, |changes, (name, revision)| changes.delete(&name, revision))
}

/// Removes everything that a history which has just gone has left behind.
pub(super) async fn remove_all(view: &View, path: &SecretPath, generation: &str, due: &Due) -> Result<(), Error> {
    while retry!(_ => { remove_some(view, path, generation, due).await })? {}
    Ok(())
}

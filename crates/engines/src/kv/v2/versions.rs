//! `delete/`, `undelete/` and `destroy/`: what becomes of versions that are there.
//!
//! Deleting marks a version with a time and keeps its data; destroying removes the data for good and keeps the record.

use framework::view::{CommitError, Revision, ViewChanges, encode, to_stored};
use framework::{Context, Error, Path, Reply, Segment, fields, retry};

use super::entry::{Found, Record, State, data_name, history_name, load};
use super::marks::{self, Marks};
use super::page::{Entries, PAGE_RECORDS, Pages, load_pages, page_name, stored_entries};
use super::sweep::{self, Job, Task, line_id};
use super::{VERSIONS_MAX, Versioned};
use crate::secrets::SecretPath;

/// The most versions that one commit amends: each may have a page and an entry of data of its own, and all of the
/// secret's fingerprints may go with them.
const AMENDED_MAX: usize = 22;

fields! {
    /// Names versions of a secret.
    struct Versions {
        /// Location of the secret.
        path: SecretPath,
        /// The numbers of the versions, at most 24000.
        versions: Vec<u64> = Vec::new(),
    }
}

pub(super) fn delete() -> Path<Versioned> {
    Path::new("delete/{path}", "Deletion of versions, which can be taken back.")
        .param("path", Segment::Rest, "Location of the secret.")
        .update::<Versions>(delete_versions, "Delete versions of a secret. They can be brought back.")
}

pub(super) fn undelete() -> Path<Versioned> {
    Path::new("undelete/{path}", "Return of deleted versions.")
        .param("path", Segment::Rest, "Location of the secret.")
        .update::<Versions>(undelete_versions, "Bring deleted versions of a secret back.")
}

pub(super) fn destroy() -> Path<Versioned> {
    Path::new("destroy/{path}", "Removal of versions for good.")
        .param("path", Segment::Rest, "Location of the secret.")
        .update::<Versions>(destroy_versions, "Remove the data of versions of a secret for good.")
}

/// Deletes the latest version, if there is one that is not deleted yet.
pub(super) async fn delete_latest(context: &Context, path: &SecretPath) -> Result<Reply, Error> {
    retry!(_ => {
        let Some(found) = load(&context.view, path).await? else { return Ok(()) };
        let latest = [found.history.current];
        commit_amended(context, path, found, &latest, mark_deleted(context)).await
    })?;
    Ok(Reply::empty())
}

async fn delete_versions(_: &Versioned, context: &Context, input: Versions) -> Result<Reply, Error> {
    let (path, numbers) = input.parse()?;
    amend_all(context, &path, &numbers, mark_deleted(context)).await
}

async fn undelete_versions(_: &Versioned, context: &Context, input: Versions) -> Result<Reply, Error> {
    let (path, numbers) = input.parse()?;
    amend_all(context, &path, &numbers, |record: &mut Record, _| {
        let applies = record.state != State::Destroyed && record.deleted.is_some();
        if applies {
            (record.state, record.deleted) = (State::Live, None);
        }
        applies
    })
    .await
}

/// Small numbers of versions go in one commit. Otherwise the first commit leaves a line in the due index, from which
/// the rest is taken up if this node does not come to it.
async fn destroy_versions(_: &Versioned, context: &Context, input: Versions) -> Result<Reply, Error> {
    let (path, numbers) = input.parse()?;
    let Some(found) = load(&context.view, &path).await? else { return Ok(Reply::empty()) };
    let history = &found.history;
    let numbers: Vec<_> = numbers.into_iter().filter(|number| history.known().contains(number)).collect();
    let generation = history.generation.as_str();
    if numbers.len() <= AMENDED_MAX {
        destroy_all(context, &path, generation, &numbers).await?;
        return Ok(Reply::empty());
    }
    let (at, id) = (context.now().plus(sweep::PATIENCE), line_id(context));
    let job = Job::new(&path, generation, Task::Destroy(numbers.clone()));
    let receipt = retry!(_ => { context.view.changes().due(at, &id, job.note()?).commit().await })?;
    destroy_all(context, &path, generation, &numbers).await?;
    sweep::finish(&context.view, &context.view.promised(at, &id, receipt.revision)?).await?;
    Ok(Reply::empty())
}

/// Destroys versions of the history with this generation; it is no mistake if it has gone.
pub(super) async fn destroy_all(
    context: &Context,
    path: &SecretPath,
    generation: &str,
    numbers: &[u64],
) -> Result<(), Error> {
    for some in numbers.chunks(AMENDED_MAX) {
        retry!(attempt => { destroy_some(context, path, generation, some, attempt).await })?;
    }
    Ok(())
}

async fn destroy_some(
    context: &Context,
    path: &SecretPath,
    generation: &str,
    numbers: &[u64],
    attempt: usize,
) -> Result<(), CommitError> {
    let view = &context.view;
    let found = load(view, path).await?.filter(|found| found.history.generation == generation);
    let Some(mut found) = found else { return Ok(()) };
    let pages = load_pages(view, path, &found.history, numbers.iter().copied()).await?;
    let gone = |marks: &mut Marks| marks.remove(numbers);
    let changes = marks::change(view.changes(), view, path, &mut found.history, attempt, gone).await?;
    found.is_changed = true;
    let mut entries = Entries::new();
    let (changes, count) = amend(changes, path, found, pages, numbers, |record, number| {
        if record.state == State::Destroyed {
            return false;
        }
        record.state = State::Destroyed;
        let revision = record.revision.take();
        entries.extend(revision.map(|revision| (data_name(path, generation, number), Revision(revision))));
        true
    })?;
    if count == 0 {
        return Ok(());
    }
    if attempt > 0 {
        // As the store says: one that was restored from a copy has other revisions than the ones recorded.
        let names: Vec<_> = entries.into_iter().map(|(name, _)| name).collect();
        entries = Entries::new();
        for number in numbers {
            let one = stored_entries(view, path, generation, *number..*number + 1, 1).await?;
            entries.extend(one.into_iter().filter(|(name, _)| names.contains(name)));
        }
    }
    sweep::remove(changes, entries).commit().await?;
    Ok(())
}

/// Deletes a version that is not gone yet.
fn mark_deleted(context: &Context) -> impl Fn(&mut Record, u64) -> bool {
    let now = context.now();
    move |record, _| {
        let applies = !record.is_gone(now);
        if applies {
            (record.state, record.deleted) = (State::Deleted, Some(to_stored(now)));
        }
        applies
    }
}

/// Changes the records of versions, however many there are: some in each commit.
async fn amend_all(
    context: &Context,
    path: &SecretPath,
    numbers: &[u64],
    change: impl Fn(&mut Record, u64) -> bool,
) -> Result<Reply, Error> {
    for some in numbers.chunks(AMENDED_MAX) {
        retry!(_ => {
            let Some(found) = load(&context.view, path).await? else { return Ok(()) };
            commit_amended(context, path, found, some, &change).await
        })?;
    }
    Ok(Reply::empty())
}

async fn commit_amended(
    context: &Context,
    path: &SecretPath,
    found: Found,
    numbers: &[u64],
    change: impl Fn(&mut Record, u64) -> bool,
) -> Result<(), CommitError> {
    let view = &context.view;
    let pages = load_pages(view, path, &found.history, numbers.iter().copied()).await?;
    let (changes, count) = amend(view.changes(), path, found, pages, numbers, change)?;
    if count > 0 {
        changes.commit().await?;
    }
    Ok(())
}

/// Adds changes of records to a commit; `change` gets each record with its number and says whether it changed it. Says
/// how many it did. The history is expected as it was read whether its own records change or not: whoever lets
/// versions go changes it.
///
/// # Errors
/// Never; see [`encode`].
pub(super) fn amend<'v>(
    mut changes: ViewChanges<'v>,
    path: &SecretPath,
    found: Found,
    mut pages: Pages,
    numbers: &[u64],
    mut change: impl FnMut(&mut Record, u64) -> bool,
) -> Result<(ViewChanges<'v>, usize), Error> {
    let Found { mut history, revision, is_changed } = found;
    let (mut inline_count, mut paged) = (0, Vec::new());
    let known = history.known();
    for number in numbers.iter().copied().filter(|number| known.contains(number)) {
        if let Some(record) = history.record_mut(number) {
            inline_count += usize::from(change(record, number));
        } else if let Some((page, _)) = pages.get_mut(&(number / PAGE_RECORDS))
            && let Some(record) = page.record_mut(number)
            && change(record, number)
        {
            paged.push(number / PAGE_RECORDS);
        }
    }
    let count = inline_count + paged.len();
    paged.dedup();
    for number in paged {
        if let Some((page, revision)) = pages.get(&number) {
            changes = changes.replace(&page_name(path, &history.generation, number), *revision, encode(page)?);
        }
    }
    let name = history_name(path);
    let changes = match (inline_count, count) {
        (0, 0) => changes,
        (0, _) if !is_changed => changes.expect_at(&name, revision),
        _ => changes.replace(&name, revision, encode(&history)?),
    };
    Ok((changes, count))
}

impl Versions {
    /// The path, and the numbers in ascending order, each once.
    fn parse(self) -> Result<(SecretPath, Vec<u64>), Error> {
        let Self { path, versions: mut numbers } = self;
        if numbers.is_empty() {
            return Err(Error::invalid("no version number provided"));
        }
        if numbers.len() > VERSIONS_MAX as usize {
            return Err(Error::Invalid(format!("too many versions: at most {VERSIONS_MAX} in one request").into()));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok((path, numbers))
    }
}

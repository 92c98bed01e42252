//! `delete/`, `undelete/` and `destroy/`: what becomes of versions that are there.
//!
//! Deleting marks a version with a time and keeps its data; destroying removes the data for good and keeps the record.

use framework::view::{CommitError, encode, to_stored};
use framework::{Context, Error, Path, Reply, Segment, fields, retry};

use super::data::remove;
use super::entry::{DataRevisions, Found, Version, history_name, load};
use super::{REMOVALS_MAX, Versioned};
use crate::secrets::SecretPath;

fields! {
    /// Names versions of a secret.
    struct Versions {
        /// Location of the secret.
        path: SecretPath,
        /// The numbers of the versions.
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
    let now = context.now();
    amend(context, path, |version, current| {
        let applies = version.number == current && !version.is_gone(now);
        if applies {
            version.deleted = Some(to_stored(now));
        }
        applies
    })
    .await
}

async fn delete_versions(_: &Versioned, context: &Context, input: Versions) -> Result<Reply, Error> {
    let (numbers, now) = (input.numbers()?, context.now());
    amend(context, &input.path, |version, _| {
        let applies = numbers.contains(&version.number) && !version.is_gone(now);
        if applies {
            version.deleted = Some(to_stored(now));
        }
        applies
    })
    .await
}

async fn undelete_versions(_: &Versioned, context: &Context, input: Versions) -> Result<Reply, Error> {
    let numbers = input.numbers()?;
    amend(context, &input.path, |version, _| {
        let applies = numbers.contains(&version.number) && !version.destroyed && version.deleted.is_some();
        if applies {
            version.deleted = None;
        }
        applies
    })
    .await
}

async fn destroy_versions(_: &Versioned, context: &Context, input: Versions) -> Result<Reply, Error> {
    let numbers = input.numbers()?;
    while retry!(attempt => { destroy_some(context, &input.path, numbers, attempt).await })? {}
    Ok(Reply::empty())
}

/// Destroys as many of the versions as one commit can; says whether there may be more. Each round destroys at least
/// one version that was not, so there is an end.
async fn destroy_some(
    context: &Context,
    path: &SecretPath,
    numbers: &[u64],
    attempt: usize,
) -> Result<bool, CommitError> {
    let Some(Found { mut history, revision }) = load(&context.view, path).await? else { return Ok(false) };
    let revisions = DataRevisions::for_attempt(attempt, &context.view, path).await?;
    let mut changes = context.view.changes();
    let due = history.versions.iter_mut().filter(|version| numbers.contains(&version.number) && version.has_data());
    let mut count = 0;
    for version in due.take(REMOVALS_MAX) {
        changes = remove(changes, path, version, &revisions);
        version.destroyed = true;
        count += 1;
    }
    if count == 0 {
        return Ok(false);
    }
    history.updated = to_stored(context.now());
    changes.replace(&history_name(path), revision, encode(&history)?).commit().await?;
    Ok(count == REMOVALS_MAX)
}

/// Changes the records of versions; `change` gets each with the number of the latest and says whether it changed it.
async fn amend(
    context: &Context,
    path: &SecretPath,
    change: impl Fn(&mut Version, u64) -> bool,
) -> Result<Reply, Error> {
    retry!(_ => {
        let Some(Found { mut history, revision }) = load(&context.view, path).await? else { return Ok(()) };
        let current = history.current;
        let changed = history.versions.iter_mut().map(|version| change(version, current));
        if changed.filter(|changed| *changed).count() == 0 {
            return Ok(());
        }
        history.updated = to_stored(context.now());
        context.view.changes().replace(&history_name(path), revision, encode(&history)?).commit().await?;
        Ok(())
    })?;
    Ok(Reply::empty())
}

impl Versions {
    fn numbers(&self) -> Result<&[u64], Error> {
        if self.versions.is_empty() { Err(Error::invalid("no version number provided")) } else { Ok(&self.versions) }
    }
}

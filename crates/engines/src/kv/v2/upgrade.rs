//! Taking over a mount of version 1: each secret becomes the first version of one, made at the time of the upgrade.
//!
//! A secret moves in one commit, so that it is always there in one form and never in both; what has moved is not looked
//! at again. Values that do not open stay where they are: they could not be read before, and must not keep the others
//! from being read. The barrier has logged them.

use framework::view::{CommitError, EntryPage, Stored, encode};
use framework::{Context, Error, retry};

use super::Versioned;
use super::entry::{History, data_name, history_name};
use crate::flat::SECRETS;
use crate::secrets::SecretPath;

/// The version whose mounts are taken over.
pub(super) const FROM: &str = "1";
/// Behind the last name of a secret of version 1.
const SECRETS_END: &str = "secret0";
/// How many secrets one commit moves: each is a removal and two new entries, of 100 writes in all.
const MOVED_MAX: usize = 30;
/// What a secret takes in a commit beside its value, at most, in bytes: six times its name, and a short history.
const OVERHEAD_BYTES: usize = 16 * 1024;

/// The hook: moves as many secrets as fit into one commit; says whether none is left.
pub(super) async fn run(_: &Versioned, context: &Context, (): ()) -> Result<bool, Error> {
    retry!(_ => { move_some(context).await })
}

async fn move_some(context: &Context) -> Result<bool, CommitError> {
    let secrets = next_secrets(context).await?;
    if secrets.is_empty() {
        return Ok(true);
    }
    let mut changes = context.view.changes();
    for (count, (name, stored)) in secrets.into_iter().enumerate() {
        let path = SecretPath::from_stored(name.strip_prefix(SECRETS).unwrap_or_default());
        let mut history = History::new(context);
        history.add_version(context.now(), None);
        let data = data_name(&path, &history.generation, history.current);
        if count > 0 && !changes.fits(&data, Some(stored.bytes().len() + OVERHEAD_BYTES)) {
            break;
        }
        changes = changes
            .delete(&name, stored.revision())
            .create(&data, stored.bytes().to_vec())
            .create(&history_name(&path), encode(&history)?);
    }
    changes.commit().await?;
    Ok(false)
}

/// The first secrets that can be read, at most one commit full.
async fn next_secrets(context: &Context) -> Result<Vec<(String, Stored)>, Error> {
    let mut start = SECRETS.to_owned();
    loop {
        let EntryPage { entries, next } = context.view.entries_between(&start, SECRETS_END, MOVED_MAX).await?;
        let readable: Vec<_> = entries.into_iter().filter_map(|(name, stored)| Some((name, stored.ok()?))).collect();
        match next {
            Some(next) if readable.is_empty() => start = next,
            _ => return Ok(readable),
        }
    }
}

//! Taking over a mount of version 1: each secret becomes the first version of one, made at the time of the upgrade.
//!
//! A secret moves in one commit, so that it is always there in one form and never in both; what has moved is not looked
//! at again. Values that do not open stay where they are: they could not be read before, and must not keep the others
//! from being read. The barrier has logged them.

use framework::view::{CommitError, EntryPage, Stored, encode};
use framework::{Context, Error, retry};

use super::Versioned;
use super::entry::{History, data_name, history_name};
use super::marks::{self, Marks};
use crate::flat::SECRETS;
use crate::secrets::SecretPath;

/// The version whose mounts are taken over.
pub(super) const FROM: &str = "1";
/// Behind the last name of a secret of version 1.
const SECRETS_END: &str = "secret0";
/// How many secrets one commit moves, and how many entries it writes: each secret is a removal and two new entries, and
/// each of its fingerprints is made anew.
const MOVED_MAX: usize = 30;
const LINES_MAX: usize = 95;
/// What a secret takes in a commit beside its value and its fingerprints, at most, in bytes: six times its name, and a
/// short history.
const OVERHEAD_BYTES: usize = 16 * 1024;
/// What the key of a fingerprint has beside the path of the secret, at most, in bytes.
const LINE_KEY_BYTES: usize = 128;
/// The number of the version that a secret becomes.
const FIRST: u64 = 1;

/// The hook: moves as many secrets as fit into one commit; says whether none is left.
pub(super) async fn run(_: &Versioned, context: &Context, (): ()) -> Result<bool, Error> {
    retry!(_ => { move_some(context).await })
}

async fn move_some(context: &Context) -> Result<bool, CommitError> {
    let secrets = next_secrets(context).await?;
    if secrets.is_empty() {
        return Ok(true);
    }
    let (mut changes, mut lines) = (context.view.changes(), 0);
    for (count, (name, stored)) in secrets.into_iter().enumerate() {
        let path = SecretPath::from_stored(name.strip_prefix(SECRETS).unwrap_or_default());
        let mut history = History::new(context);
        history.add_version(context.now(), None);
        let data = data_name(&path, &history.generation, history.current);
        let hashes = crate::flat::hashes_of(&context.view, stored.bytes())?;
        let known = context.view.stored_fingerprints(&hashes, path.as_str()).await?;
        lines += 3 + 2 * hashes.len();
        // Each is removed and made anew, and both are expected.
        let line_bytes = 4 * hashes.len() * (path.as_str().len() + LINE_KEY_BYTES);
        let bytes = stored.bytes().len() + OVERHEAD_BYTES + line_bytes;
        let is_full = lines > LINES_MAX || !changes.fits(&data, Some(bytes));
        if count > 0 && is_full {
            break;
        }
        for (hash, known) in hashes.iter().zip(known) {
            changes = known.into_iter().fold(changes, |it, known| it.forget_fingerprint(hash, path.as_str(), known));
        }
        let hashes = if context.view.makes_fingerprints() { hashes } else { Vec::new() };
        let add = |marks: &mut Marks| marks.add(&hashes, FIRST);
        changes = marks::change(changes, &context.view, &path, &mut history, 0, add).await?;
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

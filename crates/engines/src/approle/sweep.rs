//! What goes on by itself: secret ids whose time is over, those of roles that are gone, and the tidy that somebody asks
//! for. Nothing here decides whether a secret id is good, a login does; this only makes room.
//!
//! Each step is one commit of a bounded size, and the line in the due index goes with the last: whatever a crash leaves
//! undone is done afterwards, and two nodes at once do it once.

use framework::reply::Status;
use framework::view::{CommitError, Due, ViewChanges, encode};
use framework::{Context, Error, Path, Reply, input::Nothing, retry};
use serde::{Deserialize, Serialize};

use super::AppRole;
use super::entry::{SecretEntry, TIDY, accessors_of, all_secrets, parts_of, remove_secret, secret_place, secrets_of};

/// How many entries one commit removes: a hundred is what it can expect, with the mount and the line among them.
const ENTRIES_MAX: usize = 90;
/// How many secret ids of a page a tidy looks at: each may be two entries to remove.
const LOOKS_MAX: usize = ENTRIES_MAX / 2;
/// How many pages a step of a tidy takes at the most, as long as nothing in them is to be removed.
const PAGES_MAX: usize = 100;

/// What a line of the due index is about.
#[derive(Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "kebab-case")]
pub(super) enum Work {
    /// A secret id that ends now, and its accessor: lines of earlier releases do not say it.
    Expired {
        role: String,
        hash: String,
        #[serde(default)]
        accessor: Option<String>,
    },
    /// The secret ids of a role that is gone.
    RoleGone { role: String },
    /// A look at all secret ids, from this name on.
    Tidy { from: String },
}

pub(super) fn tidy() -> Path<AppRole> {
    Path::new("tidy/secret-id", "Secret ids whose time is over.")
        .update(begin_tidy, "Remove secret ids that have expired, in the background.")
}

/// At most one at a time: the entry is there as long as one goes on.
async fn begin_tidy(_: &AppRole, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let started = "Tidy operation successfully started. What it cannot do is told in the server's log.";
    retry!(_ => {
        if context.view.get(TIDY).await?.is_some() {
            let reply = Reply::empty().warn("Tidy operation already in progress.");
            return Ok(reply.with_status(Status::Accepted));
        }
        let work = encode(&Work::Tidy { from: all_secrets().0.to_owned() })?;
        let changes = context.view.changes().create(TIDY, br#"{"v":1}"#.to_vec());
        changes.due(context.now(), &context.env.uuid(), work).commit().await?;
        Ok(Reply::empty().warn(started).with_status(Status::Accepted))
    })
}

/// Does what a line says, or a bounded part of it.
pub(super) async fn run(_: &AppRole, context: &Context, due: Due) -> Result<(), Error> {
    let outcome = match due.note()? {
        Work::Expired { role, hash, accessor } => expire(context, &due, (&role, &hash), accessor.as_deref()).await,
        Work::RoleGone { role } => clear(context, &due, &role).await,
        Work::Tidy { from } => look_further(context, &due, &from).await,
    };
    match outcome {
        // Somebody else was faster. If there is still something to do, the line is still there.
        Ok(()) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

async fn expire(
    context: &Context,
    due: &Due,
    (role, hash): (&str, &str),
    accessor: Option<&str>,
) -> Result<(), CommitError> {
    let changes = context.view.changes().done(due);
    let Some(stored) = context.view.get(&secret_place(role, hash)).await? else {
        return changes.commit().await.map(drop);
    };
    let entry: SecretEntry = stored.json()?;
    let changes = if entry.is_expired(context.now()) {
        remove_secret(&context.view, changes, (role, hash), &(entry, stored)).await?
    } else if accessor == Some(entry.accessor.as_str()) {
        // The clock has gone back since the line was found due. It is the only one, and comes again.
        return Ok(());
    } else {
        // Made anew since, with a line of its own.
        changes
    };
    changes.commit().await.map(drop)
}

/// The secret ids go before the accessors, which nothing leads to any more.
async fn clear(context: &Context, due: &Due, role: &str) -> Result<(), CommitError> {
    for folder in [secrets_of(role), accessors_of(role)] {
        let page = context.view.page(&folder, ENTRIES_MAX).await?;
        if !page.is_empty() {
            let changes = page.iter().fold(context.view.changes(), |changes, (name, at)| changes.delete(name, *at));
            return changes.commit().await.map(drop);
        }
    }
    context.view.changes().done(due).commit().await.map(drop)
}

/// Looks at some secret ids, and leaves a line for the rest in place of its own.
async fn look_further(context: &Context, due: &Due, from: &str) -> Result<(), CommitError> {
    let (_, end) = all_secrets();
    let (mut next, mut expired) = (Some(from.to_owned()), Vec::new());
    for _ in 0..PAGES_MAX {
        let Some(from) = next.take() else { break };
        let page = context.view.entries_between(&from, end, LOOKS_MAX).await?;
        next = page.next;
        // What does not open stays: it is logged, and nobody logs in with it.
        for (place, stored) in page.entries.into_iter().filter_map(|(place, stored)| Some((place, stored.ok()?))) {
            match stored.json::<SecretEntry>() {
                Ok(entry) if entry.is_expired(context.now()) => expired.push((place, (entry, stored))),
                Ok(_) => {}
                Err(error) => tracing::error!(%place, %error, "a secret id cannot be read, and is passed over"),
            }
        }
        if !expired.is_empty() {
            break;
        }
    }
    let mut changes = context.view.changes().done(due);
    for (place, secret) in &expired {
        if let Some(parts) = parts_of(place) {
            changes = remove_secret(&context.view, changes, parts, secret).await?;
        }
    }
    finish_or_go_on(context, changes, next).await?.commit().await.map(drop)
}

async fn finish_or_go_on<'v>(
    context: &'v Context,
    changes: ViewChanges<'v>,
    next: Option<String>,
) -> Result<ViewChanges<'v>, Error> {
    if let Some(from) = next {
        return Ok(changes.due(context.now(), &context.env.uuid(), encode(&Work::Tidy { from })?));
    }
    Ok(match context.view.get(TIDY).await? {
        Some(running) => changes.delete(TIDY, running.revision()),
        None => changes,
    })
}

//! Logins that the provider has vouched for: a state is good for one. An entry stands for each until its state would be
//! too old anyway.

use api::Timestamp;
use framework::view::{CommitError, StoredTime, encode, from_stored, to_stored};
use framework::{Context, Due, Error, Stored};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::LOGIN_SECS_MAX;
use super::begun::Begun;
use crate::jwt::Jwt;

/// Where they are, by the id of the login.
const FINISHED: &str = "finished/";

/// A login that is over, or whose end is waited for.
#[derive(Serialize, Deserialize)]
pub(super) struct FinishedEntry {
    v: u32,
    /// When its state is too old.
    expires: StoredTime,
    /// What the provider has said of the user, when a browser has brought it and the client is still to come.
    claims: Option<Value>,
    /// Which write of the role that was verified for.
    role: u64,
}

/// What is left to do about a login.
#[derive(Serialize, Deserialize)]
struct Work {
    id: String,
}

impl FinishedEntry {
    /// What the provider has said of the user, while the role is still as it was then.
    pub(super) fn claims_for(self, role: &Stored) -> Option<Value> {
        self.claims.filter(|_| self.role == role.revision().0)
    }
}

/// What is known of the end of a login.
pub(super) async fn find(context: &Context, begun: &Begun) -> Result<Option<(FinishedEntry, Stored)>, Error> {
    let Some(stored) = context.view.get(&place(&begun.id)).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// Notes that a login is over, in a commit that nobody else makes; with the claims and the role that they were verified
/// for, that a client may still come for them. Says whether it was the first.
pub(super) async fn finish(
    context: &Context,
    begun: &Begun,
    known: Option<&Stored>,
    vouched: Option<(Value, &Stored)>,
) -> Result<bool, Error> {
    let ends = Timestamp::from_unix_secs(begun.expires_secs);
    let role = vouched.as_ref().map_or(0, |(_, role)| role.revision().0);
    let claims = vouched.map(|(claims, _)| claims);
    let entry = encode(&FinishedEntry { v: 1, expires: to_stored(ends), claims, role })?;
    let changes = context.view.changes().put(&place(&begun.id), known.map(Stored::revision), entry);
    let changes = match known {
        Some(_) => changes,
        // A state that is a moment from its end may still be on its way.
        None => changes.due(ends, &begun.id, encode(&Work { id: begun.id.clone() })?),
    };
    match changes.commit().await {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict) => Ok(false),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// Clears away what is too old to matter.
pub(in crate::jwt) async fn expire(_: &Jwt, context: &Context, due: Due) -> Result<(), Error> {
    let Work { id } = due.note()?;
    let stored = context.view.get(&place(&id)).await?;
    let mut changes = context.view.changes().done(&due);
    if let Some(stored) = stored {
        let entry: FinishedEntry = stored.json()?;
        let left = from_stored(entry.expires).since(context.now());
        debug_assert!(left.as_secs() <= LOGIN_SECS_MAX.unsigned_abs(), "a login is over within its time");
        changes = changes.delete(&place(&id), stored.revision());
    }
    match changes.commit().await {
        // Somebody else was faster. If there is still something to do, the line is still there.
        Ok(_) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

fn place(id: &str) -> String {
    [FINISHED, id].concat()
}

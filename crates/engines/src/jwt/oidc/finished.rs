//! Logins that the provider has vouched for: a state is good for one. An entry stands for each until its state would be
//! too old anyway.

use api::Timestamp;
use framework::view::{CommitError, StoredTime, ViewChanges, encode, to_stored};
use framework::{Context, Due, Error, Stored};
use serde::{Deserialize, Serialize};

use super::begun::Begun;
use crate::jwt::Jwt;
use crate::jwt::claims::Identified;

/// Where they are, by the id of the login.
const FINISHED: &str = "finished/";

/// How long an entry stands beyond the end of its state, in seconds: far more than the clocks of nodes differ by, so that
/// none of them takes the state again.
const AFTER_SECS: i64 = 60;
/// The longest entry, in bytes.
const ENTRY_BYTES_MAX: usize = 256 * 1024;

/// A login that is over, or whose end is waited for.
#[derive(Serialize, Deserialize)]
pub(super) struct FinishedEntry {
    v: u32,
    /// When its state is too old.
    expires: StoredTime,
    /// Whom the role has found the user to be, when a browser has brought it and the client is still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identified: Option<Identified>,
    /// Which write of the role that was.
    role: u64,
}

/// What is left to do about a login.
#[derive(Serialize, Deserialize)]
struct Work {
    id: String,
}

impl FinishedEntry {
    /// Who the user is, while the role is still as it was then.
    pub(super) fn identified_for(self, role: &Stored) -> Option<Identified> {
        self.identified.filter(|_| self.role == role.revision().0)
    }
}

/// What is known of the end of a login.
pub(super) async fn find(context: &Context, begun: &Begun) -> Result<Option<(FinishedEntry, Stored)>, Error> {
    let Some(stored) = context.view.get(&place(&begun.id)).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// What notes that a login is over, which conflicts with everybody else who does; with whom a role has found the user to
/// be, that a client may still come for the token.
///
/// # Errors
/// When there is more to note than an entry holds.
pub(super) fn finish<'v>(
    context: &'v Context,
    begun: &Begun,
    known: Option<&Stored>,
    vouched: Option<(Identified, &Stored)>,
) -> Result<ViewChanges<'v>, Error> {
    let ends = Timestamp::from_unix_secs(begun.expires_secs);
    let role = vouched.as_ref().map_or(0, |(_, role)| role.revision().0);
    let identified = vouched.map(|(identified, _)| identified);
    let entry = encode(&FinishedEntry { v: 1, expires: to_stored(ends), identified, role })?;
    if entry.len() > ENTRY_BYTES_MAX {
        return Err(Error::invalid("the claims that the role takes over are too long for a login with form_post"));
    }
    let changes = context.view.changes().put(&place(&begun.id), known.map(Stored::revision), entry);
    Ok(match known {
        Some(_) => changes,
        None => {
            let cleared = Timestamp::from_unix_secs(begun.expires_secs.saturating_add(AFTER_SECS));
            changes.due(cleared, &begun.id, encode(&Work { id: begun.id.clone() })?)
        }
    })
}

/// Clears away what is too old to matter, whatever it says.
pub(in crate::jwt) async fn expire(_: &Jwt, context: &Context, due: Due) -> Result<(), Error> {
    let Work { id } = due.note()?;
    let stored = context.view.get(&place(&id)).await?;
    let mut changes = context.view.changes().done(&due);
    if let Some(stored) = stored {
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

//! Clients that the engine makes: announced under a name that is drawn at random, made, found again by that name, removed.

use std::time::Duration;

use api::Timestamp;
use framework::{Context, Error, Held};
use serde::{Deserialize, Serialize};

use super::Genesys;
use super::answers::Failure;
use super::cloud::Made;
use super::entry::{Recipe, SHARED, SharedEntry, StaticEntry, find};
use super::tokens::Root;

/// The kind of the intents of clients that the engine keeps for itself. It is never granted.
pub(super) const KEPT: &str = "kept";
/// For how long after it was asked for a client may be there and not be seen: only after that, what is not found is gone.
/// The vendor's own provider waits for ten to thirty seconds after what it does.
pub(super) const UNSEEN_MAX: Duration = Duration::from_secs(120);
/// How much of the names is drawn: 12 letters and digits.
const RANDOM_LENGTH: usize = 12;
/// The longest part of a role's name in that of a client, in bytes.
const ROLE_BYTES_MAX: usize = 64;
/// How long access tokens may live (documented).
pub(super) const VALIDITY_SECS_MIN: u64 = 300;
pub(super) const VALIDITY_SECS_MAX: u64 = 172_800;

/// What an intent says of a client that the engine keeps.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptNote {
    v: u32,
    name: String,
    /// Where it is stored when all has gone well.
    place: String,
}

impl KeptNote {
    pub(super) fn new(name: &str, place: &str) -> Self {
        Self { v: 1, name: name.to_owned(), place: place.to_owned() }
    }

    /// The name that the client is announced under.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// A name that no other client has: found again whatever becomes of the answer.
pub(super) fn fresh_name(context: &Context, prefix: &str, role: &str) -> String {
    let end = (0..=ROLE_BYTES_MAX.min(role.len())).rev().find(|end| role.is_char_boundary(*end)).unwrap_or_default();
    format!("{prefix}-{}-{}", role.get(..end).unwrap_or_default(), context.env.base62(RANDOM_LENGTH))
}

/// How long the access tokens of a client live: as long as is said, else as long as the lease.
pub(super) fn validity(said_secs: u64, lease: Duration) -> u64 {
    let wanted = if said_secs == 0 { lease.as_secs() } else { said_secs };
    wanted.clamp(VALIDITY_SECS_MIN, VALIDITY_SECS_MAX)
}

/// Makes a client that the engine keeps. Whoever has stored it withdraws the intent.
///
/// # Errors
/// As the API says. What may have been made then is undone by its intent.
pub(super) async fn make_kept(
    root: &Root<'_>,
    context: &Context,
    note: &KeptNote,
    recipe: &Recipe,
) -> Result<(Made, framework::Intent), Error> {
    let intent = context.intend(KEPT, note).await?;
    match root.create(&root.token, &note.name, recipe).await {
        Ok(made) => Ok((made, intent)),
        Err(failure) => {
            if failure.did_nothing() {
                context.withdraw(intent);
            }
            Err(failure.into())
        }
    }
}

/// Removes what an intent names, unless the engine has stored it.
pub(super) async fn undo_kept(genesys: &Genesys, context: &Context, held: Held) -> Result<(), Error> {
    let note: KeptNote = held.data()?;
    let stored = if note.place.starts_with(SHARED) {
        find::<SharedEntry>(&context.view, &note.place).await?.map(|(entry, _)| entry.name)
    } else {
        let found = find::<StaticEntry>(&context.view, &note.place).await?;
        found.and_then(|(entry, _)| entry.own).map(|own| own.name)
    };
    if stored.as_deref() == Some(&note.name) { Ok(()) } else { undo(genesys, context, &note.name, held.issued).await }
}

/// Nothing of this kind is ever granted.
pub(super) async fn revoke_kept(genesys: &Genesys, context: &Context, held: Held) -> Result<(), Error> {
    undo_kept(genesys, context, held).await
}

/// Removes whatever has a name. Nothing found counts only when it would be seen if it were there.
pub(super) async fn undo(genesys: &Genesys, context: &Context, name: &str, asked: Timestamp) -> Result<(), Error> {
    let root = genesys.root(context).await?;
    let found = root.named(&root.token, name).await?;
    for client in &found {
        root.remove(&root.token, &client.id).await?;
    }
    if found.is_empty() && context.now().since(asked) < UNSEEN_MAX {
        return Err(not_seen());
    }
    Ok(())
}

/// Removes a client by its id. Not found counts only when it would be seen if it were there.
pub(super) async fn remove(
    root: &Root<'_>,
    context: &Context,
    id: &str,
    seen_since: Option<Timestamp>,
) -> Result<(), Error> {
    let was_there = root.remove(&root.token, id).await?;
    let is_young = seen_since.is_some_and(|made| context.now().since(made) < UNSEEN_MAX);
    if !was_there && is_young { Err(not_seen()) } else { Ok(()) }
}

fn not_seen() -> Error {
    let text = "Genesys Cloud does not show the client yet, if it is there; it is looked for again".to_owned();
    Failure::Unknown { text }.into()
}

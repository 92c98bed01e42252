//! Owners who have one token alone: making a new one ends the one before, so it is kept and handed out until it is
//! rotated.
//!
//! The text is told once, by the answer that makes it. When that is lost nobody has a token that works, so whoever takes
//! over makes another one; when a role does not want it any more, it is ended. What tells that something was made is the
//! id of the owner's token, which was noted before.

use std::time::Duration;

use framework::view::{CommitError, Revision, encode};
use framework::{Context, Error, Held, Path, Reply, Segment};

use super::entry::{Owner, RoleEntry, SingleNote, SingleToken, TokenType, find_role, known_config, role_place};
use super::find::settled;
use super::roles::Named;
use super::saas::Saas;
use super::{SINGLE, Terraform};
use crate::names;

/// After how long whoever makes a token anew must be gone: longer than an undo may take.
const RESUME_PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn path() -> Path<Terraform> {
    Path::new("rotate-role/{name}", "Replace the token of an organization, or the one that a team has.")
        .folded_param("name", Segment::Name, "Name of the role, in upper or lower case.")
        .makes_leases()
        .update(rotate, "Replace the token; the one before ends at once.")
}

async fn rotate(engine: &Terraform, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let found = find_role(&context.view, &name).await?;
    let (role, stored) = found.ok_or_else(|| Error::invalid("missing role entry"))?;
    match role.token_type() {
        TokenType::User => return Err(Error::invalid("cannot rotate credentials for user roles")),
        TokenType::Team => {
            let text = "cannot rotate credentials for credential_type = team token roles. Only works for \
                        credential_type = team_legacy.";
            return Err(Error::invalid(text));
        }
        TokenType::Organization | TokenType::TeamLegacy => {}
    }
    match replace(engine, context, &name, role, Some(stored.revision())).await {
        Ok(()) => Ok(Reply::empty()),
        Err(CommitError::Conflict) => Err(Error::Busy("the role was changed meanwhile, try again".into())),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// Makes the owner's token anew and stores it with the role, over the entry at `known`.
///
/// # Errors
/// What the other side says. On a conflict the token is of nobody, and is looked after as an intent.
pub(super) async fn replace(
    engine: &Terraform,
    context: &Context,
    name: &str,
    role: RoleEntry,
    known: Option<Revision>,
) -> Result<(), CommitError> {
    let (config, _) = known_config(&context.view).await?;
    let saas = engine.saas(&config, &context.env)?;
    let owner = role.owner();
    refuse_own(&saas, &owner).await?;
    let before = saas.single(&owner).await.map_err(|failure| failure.told("error creating Terraform token"))?;
    let note = SingleNote { v: 1, owner: owner.clone(), role: name.to_owned(), before };
    let intent = context.intend(SINGLE, &note).await?;
    match make(&saas, context, name, role, known).await {
        Ok(()) => {
            context.withdraw(intent);
            Ok(())
        }
        Err(Unmade::Refused(error)) => {
            context.withdraw(intent);
            Err(error.into())
        }
        Err(Unmade::Unknown(error)) => Err(error),
    }
}

/// Why there is no new token.
enum Unmade {
    /// Nothing was done.
    Refused(Error),
    /// Something may have been.
    Unknown(CommitError),
}

async fn make(
    saas: &Saas<'_>,
    context: &Context,
    name: &str,
    mut role: RoleEntry,
    known: Option<Revision>,
) -> Result<(), Unmade> {
    let owner = role.owner();
    let made = saas.make(&owner, "", None).await.map_err(|failure| {
        let is_certain = failure.is_certain;
        let error = failure.told("error creating Terraform token");
        if is_certain { Unmade::Refused(error) } else { Unmade::Unknown(error.into()) }
    })?;
    role.resumed = None;
    role.single = Some(SingleToken { owner, token: made.token.expose().clone(), token_id: made.id });
    let text = encode(&role).map_err(|error| Unmade::Unknown(error.into()))?;
    let stored = context.view.changes().put(&role_place(name), known, text).commit().await;
    stored.map(drop).map_err(Unmade::Unknown)
}

/// Makes the token anew that a role hands out. Several requests for one role may have been cut off, and each would end the
/// token that another has made: so whoever does it says so first.
async fn resume(
    saas: &Saas<'_>,
    context: &Context,
    name: &str,
    mut role: RoleEntry,
    known: Revision,
) -> Result<(), Error> {
    let busy = || Error::world("make a token anew", "another request is at it");
    if role.resumed.is_some_and(|since| context.now().since(since) < RESUME_PATIENCE) {
        return Err(busy());
    }
    role.resumed = Some(context.now());
    let claimed = context.view.changes().replace(&role_place(name), known, encode(&role)?).commit().await;
    let claimed = match claimed {
        Ok(receipt) => receipt.revision,
        Err(CommitError::Conflict) => return Err(busy()),
        Err(CommitError::Failed(error)) => return Err(error),
    };
    match make(saas, context, name, role, Some(claimed)).await {
        Ok(()) => Ok(()),
        Err(Unmade::Refused(error) | Unmade::Unknown(CommitError::Failed(error))) => Err(error),
        Err(Unmade::Unknown(CommitError::Conflict)) => Err(busy()),
    }
}

/// Refuses to replace the token that the API is asked with.
///
/// # Errors
/// [`Error::Invalid`] when it would be, or might be.
async fn refuse_own(saas: &Saas<'_>, owner: &Owner) -> Result<(), Error> {
    let root = saas.whose().await.map_err(|failure| failure.told("error creating Terraform token"))?;
    let is_own = match owner {
        Owner::Organization(_) => root == *owner,
        // Only one without a description would be replaced; if the team has none, this is another.
        Owner::TeamLegacy(id) if root == Owner::Team(id.clone()) => {
            let single = saas.single(owner).await.map_err(|failure| failure.told("error creating Terraform token"))?;
            !single.is_empty()
        }
        _ => false,
    };
    if is_own {
        let text = "the token in config is this owner's: a new one would end it. Use rotate-root, or the token of a user \
                    or another team";
        return Err(Error::invalid(text));
    }
    Ok(())
}

/// Sees to it that nobody is left with a token that nobody knows, after a request that did not come to its end.
pub(super) async fn undo(engine: &Terraform, context: &Context, held: Held) -> Result<(), Error> {
    let note: SingleNote = held.data()?;
    let (config, _) = known_config(&context.view).await?;
    let saas = engine.saas(&config, &context.env)?;
    let there = saas.single(&note.owner).await.map_err(|failure| failure.told("error finding token"))?;
    if there == note.before {
        return settled(context, held.issued);
    }
    let found = find_role(&context.view, &note.role).await?;
    let wanted = found.filter(|(role, _)| role.token_type().is_single() && role.owner() == note.owner);
    let stored_id = wanted.as_ref().and_then(|(role, _)| role.single.as_ref()).map(|single| single.token_id.as_str());
    if there.is_empty() || stored_id == Some(there.as_str()) {
        return Ok(());
    }
    match wanted {
        // The one that it hands out has ended.
        Some((role, stored)) => resume(&saas, context, &note.role, role, stored.revision()).await,
        None => saas.end_single(&note.owner).await.map_err(|failure| failure.told("error revoking token")),
    }
}

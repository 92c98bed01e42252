//! The client that a role shares among its access tokens: made when the first token is asked for, changed when the role was,
//! made anew when somebody has removed it.

use framework::view::{CommitError, encode};
use framework::{Context, Error};

use super::Genesys;
use super::answers::Failure;
use super::cloud::AccessToken;
use super::entry::{ROLES, Recipe, RoleEntry, SHARED, SharedEntry, find, place};
use super::making::{self, KeptNote, fresh_name, make_kept, validity};
use super::tokens::Root;

/// How often a client that is no good is made anew for one request.
const TRIES: usize = 3;

/// What the client of a role is made of.
fn recipe(context: &Context, role: &RoleEntry) -> Recipe {
    let lease = match role.ttl_secs {
        0 => context.mount.default_lease_ttl,
        secs => std::time::Duration::from_secs(secs),
    };
    Recipe {
        role_divisions: role.role_divisions.clone(),
        validity_secs: validity(role.validity_secs, lease),
        description: role.description.clone(),
    }
}

/// An access token of the client that a role shares.
///
/// # Errors
/// As the vendor says.
pub(super) async fn token(
    genesys: &Genesys,
    context: &Context,
    name: &str,
    role: &RoleEntry,
) -> Result<AccessToken, Error> {
    let root = genesys.root(context).await?;
    for _ in 0..TRIES {
        let (entry, is_fresh) = client(&root, context, name, &recipe(context, role)).await?;
        let token = match is_fresh {
            true => root.token_soon(&entry.client_id, &entry.client_secret).await,
            false => root.token(&entry.client_id, &entry.client_secret).await,
        };
        match token {
            Ok(token) => return Ok(token),
            // Somebody has removed it, or has given it another secret: it is of no use any more.
            Err(Failure::BadClient { .. }) if !is_fresh => discard(&root, context, name, &entry).await?,
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(framework::view::contended())
}

/// The client as it should be, and whether it was made just now.
async fn client(root: &Root<'_>, context: &Context, name: &str, recipe: &Recipe) -> Result<(SharedEntry, bool), Error> {
    let at = place(SHARED, name);
    if let Some((entry, stored)) = find::<SharedEntry>(&context.view, &at).await? {
        if entry.recipe == *recipe {
            return Ok((entry, false));
        }
        root.change(&root.token, &entry.client_id, &entry.name, recipe).await?;
        let entry = SharedEntry { recipe: recipe.clone(), ..entry };
        let changes = context.view.changes().replace(&at, stored.revision(), encode(&entry)?);
        // Whoever was faster has written the same.
        return match changes.commit().await {
            Ok(_) | Err(CommitError::Conflict) => Ok((entry, false)),
            Err(CommitError::Failed(error)) => Err(error),
        };
    }
    let note = KeptNote::new(&fresh_name(context, &root.config.name_prefix, name), &at);
    let (made, intent) = make_kept(root, context, &note, recipe).await?;
    let entry = SharedEntry {
        v: 1,
        name: note.name().to_owned(),
        client_id: made.id,
        client_secret: made.secret,
        recipe: recipe.clone(),
    };
    // What another request has made meanwhile is as good; ours is undone then.
    for _ in 0..framework::view::COMMIT_TRIES {
        if let Some((other, _)) = find::<SharedEntry>(&context.view, &at).await? {
            if other.name == entry.name {
                context.withdraw(intent);
                return Ok((entry, true));
            }
            return Ok((other, true));
        }
        let role = find::<RoleEntry>(&context.view, &place(ROLES, name)).await?;
        let (_, role) = role.ok_or_else(|| Error::invalid("the role was removed meanwhile"))?;
        let changes = context.view.changes().create(&at, encode(&entry)?);
        match changes.expect_at(&place(ROLES, name), role.revision()).commit().await {
            Ok(_) => {
                context.withdraw(intent);
                return Ok((entry, true));
            }
            Err(CommitError::Conflict) => {}
            Err(CommitError::Failed(error)) => return Err(error),
        }
    }
    Err(framework::view::contended())
}

/// Forgets a client that is no good, and removes what is left of it.
async fn discard(root: &Root<'_>, context: &Context, name: &str, entry: &SharedEntry) -> Result<(), Error> {
    making::remove(root, context, &entry.client_id, None).await?;
    let at = place(SHARED, name);
    let Some((there, stored)) = find::<SharedEntry>(&context.view, &at).await? else { return Ok(()) };
    if there.client_id != entry.client_id {
        return Ok(());
    }
    match context.view.changes().delete(&at, stored.revision()).commit().await {
        Ok(_) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// Removes the client of a role that goes.
///
/// # Errors
/// As the vendor says.
pub(super) async fn remove(genesys: &Genesys, context: &Context, entry: &SharedEntry) -> Result<(), Error> {
    let root = genesys.root(context).await?;
    making::remove(&root, context, &entry.client_id, None).await
}

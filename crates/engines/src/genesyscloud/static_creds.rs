//! `static-creds/{name}` and `rotate-role/{name}`: the client of a static role with the secret that counts, and another
//! secret now.

use framework::rotation::{self, Rotating, Tried};
use framework::view::encode;
use framework::{Context, Error, Path, Reply, Schedule, Segment, fields, retry};
use serde_json::{Map, json};

use super::Genesys;
use super::answers::Failure;
use super::entry::{self, STATIC_ROLES, StaticEntry, find, place};
use super::static_roles::ROTATIONS;
use crate::names;

fields! {
    /// Names a static role.
    struct Named {
        /// Name of the role.
        name: String,
    }
}

pub(super) fn path() -> Path<Genesys> {
    Path::new("static-creds/{name}", "The client of a static role.")
        .folded_param("name", Segment::Name, "Name of the role.")
        .read(read, "Get its id and secret, and how long until the secret is rotated.")
}

pub(super) fn rotate_path() -> Path<Genesys> {
    Path::new("rotate-role/{name}", "The secret of the client of a static role.")
        .folded_param("name", Segment::Name, "Name of the role.")
        .update(rotate_now, "Replace it now.")
}

async fn read(_: &Genesys, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let found = find::<StaticEntry>(&context.view, &place(STATIC_ROLES, &name)).await?;
    let (role, _) = found.ok_or_else(|| Error::invalid("there is no such static role"))?;
    let status = rotation::status(&context.view, &[ROTATIONS, &name].concat()).await?;
    let status = status.ok_or_else(|| Error::world("read a static role", "its rotation is gone"))?;
    if role.client_secret.is_empty() {
        let text = format!("the first rotation of this role has not succeeded yet: {}", status.error);
        return Err(Error::WorldShown { shown: text.into(), source: "no secret is known".into() });
    }
    let (config, _) = entry::config(&context.view).await?;
    let mut shown = Map::from_iter([
        ("client_id".to_owned(), json!(role.client_id)),
        ("client_secret".to_owned(), json!(role.client_secret)),
        ("token_url".to_owned(), json!(format!("{}/oauth/token", config.login_url))),
        ("api_url".to_owned(), json!(config.api_url)),
        ("last_vault_rotation".to_owned(), json!(status.last.map(|time| time.to_string()))),
        ("next_vault_rotation".to_owned(), json!(status.next.map(|time| time.to_string()))),
        ("ttl".to_owned(), json!(status.ttl(context.now()).as_secs())),
    ]);
    shown.extend(status.schedule.iter().flat_map(Schedule::show));
    let reply = Reply::data(shown.into());
    Ok(match status.failures {
        0 => reply,
        failures => {
            let error = &status.error;
            reply.warn(format!("rotating the secret has failed {failures} times, so that it may be dead: {error}"))
        }
    })
}

async fn rotate_now(genesys: &Genesys, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    if find::<StaticEntry>(&context.view, &place(STATIC_ROLES, &name)).await?.is_none() {
        return Err(Error::invalid("there is no such static role"));
    }
    let rotating = rotation::claim(context, &[ROTATIONS, &name].concat()).await?;
    let outcome = rotate(genesys, context, &rotating, &name).await;
    rotating.settle(context, outcome.as_ref().copied()).await?;
    outcome?;
    check_soon(genesys, context, &name).await
}

/// The first rotation of a client that was there before. The role is there already, so that a failure is tried again.
pub(super) async fn rotate_first(
    genesys: &Genesys,
    context: &Context,
    name: &str,
    gets_tokens: bool,
) -> Result<Reply, Error> {
    let rotating = match rotation::claim(context, &[ROTATIONS, name].concat()).await {
        Ok(rotating) => rotating,
        // A worker was faster.
        Err(Error::Busy(_)) => return Ok(Reply::empty()),
        Err(error) => return Err(error),
    };
    let outcome = rotate(genesys, context, &rotating, name).await;
    match (rotating.settle(context, outcome.as_ref().copied()).await?, outcome) {
        (Tried::Failed, Err(error)) => {
            let error = framework::error::shown(&error, 512);
            Ok(Reply::empty()
                .warn(format!("the role is there; its first rotation failed, and is tried again: {error}")))
        }
        (_, Err(error)) => Err(error),
        (_, Ok(())) if gets_tokens => check_soon(genesys, context, name).await,
        (_, Ok(())) => Ok(Reply::empty()),
    }
}

/// Does what is claimed.
pub(super) async fn rotate(genesys: &Genesys, context: &Context, rotating: &Rotating, name: &str) -> Result<(), Error> {
    let at = place(STATIC_ROLES, name);
    let Some((role, _)) = find::<StaticEntry>(&context.view, &at).await? else {
        return end(context, rotating).await;
    };
    let root = genesys.root(context).await?;
    rotating.begins();
    let made = match root.new_secret(&root.token, &role.client_id).await {
        Ok(made) => made,
        Err(failure) => {
            if failure.did_nothing() {
                rotating.nothing_was_done();
            }
            return Err(failure.into());
        }
    };
    // It is shown this once: stored before anything else, and before anybody is told of it.
    retry!(_ => {
        let Some((mut role, stored)) = find::<StaticEntry>(&context.view, &at).await? else {
            return Err(Error::Busy("the role was removed meanwhile".into()).into());
        };
        role.client_secret.clone_from(&made.secret);
        let changes = context.view.changes().replace(&at, stored.revision(), encode(&role)?);
        rotating.finish(context, changes).await?.commit().await?;
        Ok(())
    })
}

async fn end(context: &Context, rotating: &Rotating) -> Result<(), Error> {
    retry!(_ => {
        rotating.end(context, context.view.changes()).await?.commit().await?;
        Ok(())
    })
}

/// Waits until the secret that was just stored is taken, so that whoever reads it can use it.
async fn check_soon(genesys: &Genesys, context: &Context, name: &str) -> Result<Reply, Error> {
    let Some((role, _)) = find::<StaticEntry>(&context.view, &place(STATIC_ROLES, name)).await? else {
        return Ok(Reply::empty());
    };
    let root = genesys.root(context).await?;
    match root.token_soon(&role.client_id, &role.client_secret).await {
        // Nobody needs the token.
        Ok(token) => match root.end_token(&token.text).await {
            Ok(()) => Ok(Reply::empty()),
            Err(failure) => {
                Ok(Reply::empty().warn(format!("a token that was got to try the secret lives on: {failure}")))
            }
        },
        // The client has another grant, or Genesys Cloud takes its time.
        Err(failure @ Failure::BadClient { .. }) => {
            Ok(Reply::empty().warn(format!("the new secret is stored and not taken yet: {failure}")))
        }
        Err(failure) => Err(failure.into()),
    }
}

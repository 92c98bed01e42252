//! `creds/{name}`: a client of the caller's own, or an access token, with a lease.

use std::time::Duration;

use framework::{Context, Error, Grant, Held, Limits, Path, Reply, Segment, fields};
use secret::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::entry::{Credential, ROLES, Recipe, RoleEntry, find, place};
use super::making::{self, fresh_name, validity};
use super::{Genesys, shared};
use crate::names;

/// The kinds of secrets. What is kept of them is told apart by these words for ever.
pub(super) const CLIENT: &str = "client";
pub(super) const TOKEN: &str = "access_token";

fields! {
    /// Names a role.
    struct Ask {
        /// Name of the role.
        name: String,
    }
}

/// What an intent says of a client: enough to find it.
#[derive(Serialize, Deserialize)]
struct Note {
    v: u32,
    role: String,
    name: String,
}

/// What is kept of a client that was handed out.
#[derive(Serialize, Deserialize)]
struct KeptClient {
    v: u32,
    role: String,
    name: String,
    client_id: String,
    /// Whether Genesys Cloud has shown it since it was made: then not found is gone.
    is_seen: bool,
}

/// What is kept of an access token that was handed out.
#[derive(Serialize, Deserialize)]
struct KeptToken {
    v: u32,
    role: String,
    token: String,
}

pub(super) fn path() -> Path<Genesys> {
    Path::new("creds/{name}", "What a role gives, with a lease.")
        .folded_param("name", Segment::Name, "Name of the role.")
        .makes_leases()
        .read(read, "Get a client with its secret, or an access token.")
}

async fn read(genesys: &Genesys, context: &Context, input: Ask) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let found = find::<RoleEntry>(&context.view, &place(ROLES, &name)).await?;
    let (role, _) = found.ok_or_else(|| Error::invalid("there is no such role"))?;
    match role.credential {
        Credential::Client => client(genesys, context, &name, &role).await,
        Credential::AccessToken => token(genesys, context, &name, &role).await,
    }
}

async fn client(genesys: &Genesys, context: &Context, name: &str, role: &RoleEntry) -> Result<Reply, Error> {
    let root = genesys.root(context).await?;
    let limits = limits_of(role);
    let lease = if limits.ttl.is_zero() { context.mount.default_lease_ttl } else { limits.ttl };
    let recipe = Recipe {
        role_divisions: role.role_divisions.clone(),
        validity_secs: validity(role.validity_secs, lease),
        description: role.description.clone(),
    };
    let note = Note { v: 1, role: name.to_owned(), name: fresh_name(context, &root.config.name_prefix, name) };
    let intent = context.intend(CLIENT, &note).await?;
    let made = match root.create(&root.token, &note.name, &recipe).await {
        Ok(made) => made,
        Err(failure) => {
            if failure.did_nothing() {
                context.withdraw(intent);
            }
            return Err(failure.into());
        }
    };
    let is_seen = root.is_visible_soon(&root.token, &made.id).await?;
    let kept = KeptClient { v: 1, role: note.role, name: note.name, client_id: made.id, is_seen };
    let reply = Reply::data(json!({
        "client_id": kept.client_id,
        "client_secret": made.secret,
        "token_url": root.token_url(),
        "api_url": root.api_url,
    }));
    let reply = match is_seen {
        true => reply,
        false => reply.warn("Genesys Cloud does not show the client yet: it may take a moment until it can be used"),
    };
    Ok(reply.granting(Grant::new(CLIENT, &kept)?.lasting(limits.ttl, limits.max_ttl).fulfilling(intent)))
}

/// A token whose answer is lost cannot be found again: it ends by itself.
async fn token(genesys: &Genesys, context: &Context, name: &str, role: &RoleEntry) -> Result<Reply, Error> {
    let token = shared::token(genesys, context, name, role).await?;
    let (config, _) = super::entry::config(&context.view).await?;
    let limits = limits_of(role);
    // The lease says nothing that the token does not keep.
    let ttl = if limits.ttl.is_zero() { context.mount.default_lease_ttl } else { limits.ttl }.min(token.lasts);
    let kept = KeptToken { v: 1, role: name.to_owned(), token: token.text.expose().to_owned() };
    let reply = Reply::data(json!({
        "access_token": token.text.expose(),
        "token_type": "bearer",
        "expires_in": token.lasts.as_secs(),
        "api_url": config.api_url,
    }));
    let max_ttl = if limits.max_ttl.is_zero() { token.lasts } else { limits.max_ttl.min(token.lasts) };
    Ok(reply.granting(Grant::new(TOKEN, &kept)?.lasting(ttl, max_ttl).not_renewable()))
}

fn limits_of(role: &RoleEntry) -> Limits {
    Limits { ttl: Duration::from_secs(role.ttl_secs), max_ttl: Duration::from_secs(role.max_ttl_secs) }
}

/// How long a client may live at a renewal: its role as it is now.
pub(super) async fn limits(_: &Genesys, context: &Context, held: Held) -> Result<Limits, Error> {
    let kept: KeptClient = held.data()?;
    let found = find::<RoleEntry>(&context.view, &place(ROLES, &kept.role)).await?;
    let gone = || Error::invalid("the role of this lease was removed: it cannot be renewed");
    found.map(|(role, _)| limits_of(&role)).ok_or_else(gone)
}

pub(super) async fn revoke_client(genesys: &Genesys, context: &Context, held: Held) -> Result<(), Error> {
    let kept: KeptClient = held.data()?;
    let root = genesys.root(context).await?;
    let unseen_since = if kept.is_seen { None } else { Some(held.issued) };
    making::remove(&root, context, &kept.client_id, unseen_since).await
}

pub(super) async fn undo_client(genesys: &Genesys, context: &Context, held: Held) -> Result<(), Error> {
    let note: Note = held.data()?;
    making::undo(genesys, context, &note.name, held.issued).await
}

pub(super) async fn revoke_token(genesys: &Genesys, context: &Context, held: Held) -> Result<(), Error> {
    let kept: KeptToken = held.data()?;
    let (config, _) = super::entry::config(&context.view).await?;
    let cloud = genesys.connections.open(context, &config).map_err(Error::from)?;
    Ok(cloud.end_token(&SecretString::new(kept.token)).await?)
}

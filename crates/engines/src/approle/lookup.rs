//! Looking at secret ids and removing them, by themselves or by their accessors.

use api::Timestamp;
use framework::cidr::texts;
use framework::view::{StoredTime, from_stored};
use framework::{Context, Error, Path, Reply, fields, retry};
use secret::Secret;
use serde_json::{Value, json};

use super::entry::{
    AccessorEntry, RoleEntry, Salt, SecretEntry, accessor_place, find_role, find_secret, no_such_role, remove_secret,
};
use super::roles::at;
use super::{AppRole, bounds};

fields! {
    /// Names a secret id by itself.
    struct BySecretId {
        /// Name of the role, in upper or lower case.
        role_name: String,
        /// The secret id.
        secret_id: Option<Secret<String>> => secret,
    }
}

fields! {
    /// Names a secret id by its accessor.
    struct ByAccessor {
        /// Name of the role, in upper or lower case.
        role_name: String,
        /// Accessor of the secret id.
        secret_id_accessor: Option<String>,
    }
}

pub(super) fn paths() -> [Path<AppRole>; 4] {
    [
        at("role/{role_name}/secret-id/lookup", "One secret id, by itself.")
            .update(look_up, "Show what is known of a secret id."),
        at("role/{role_name}/secret-id/destroy", "The end of a secret id, by itself.")
            .update(destroy, "Remove a secret id.")
            .delete(destroy, "Remove a secret id."),
        at("role/{role_name}/secret-id-accessor/lookup", "One secret id, by its accessor.")
            .update(look_up_by_accessor, "Show what is known of the secret id of an accessor."),
        at("role/{role_name}/secret-id-accessor/destroy", "The end of a secret id, by its accessor.")
            .update(destroy_by_accessor, "Remove the secret id of an accessor.")
            .delete(destroy_by_accessor, "Remove the secret id of an accessor."),
    ]
}

/// A secret id that is there.
struct Found {
    role: RoleEntry,
    hash: String,
    secret: (SecretEntry, framework::Stored),
}

async fn by_secret_id(context: &Context, input: &Named<'_>) -> Result<Option<Found>, Error> {
    let role = role(context, input.role).await?;
    let hash = Salt::of_roles(&context.view).await?.secret_id(&role.id, input.secret_id);
    let secret = find_secret(context, &role.id, &hash).await?;
    Ok(secret.map(|secret| Found { role, hash, secret }))
}

/// A secret id as a request names it.
struct Named<'i> {
    role: &'i str,
    secret_id: &'i Secret<String>,
}

async fn by_accessor(context: &Context, role_name: &str, accessor: &str) -> Result<Option<Found>, Error> {
    let role = role(context, role_name).await?;
    // A slash would lead to another place.
    if accessor.contains('/') {
        return Ok(None);
    }
    let Some(stored) = context.view.get(&accessor_place(&role.id, accessor)).await? else { return Ok(None) };
    let AccessorEntry { hash, .. } = stored.json()?;
    let secret = find_secret(context, &role.id, &hash).await?;
    // The same secret id may have been made anew meanwhile.
    let secret = secret.filter(|(secret, _)| secret.accessor == accessor);
    Ok(secret.map(|secret| Found { role, hash, secret }))
}

async fn role(context: &Context, role_name: &str) -> Result<RoleEntry, Error> {
    let name = bounds::role_name(role_name)?;
    let (role, _) = find_role(&context.view, &name).await?.ok_or_else(|| no_such_role(&name))?;
    Ok(role)
}

fn given_secret_id(secret_id: Option<Secret<String>>) -> Result<Secret<String>, Error> {
    bounds::secret_id(secret_id)?.ok_or_else(|| Error::invalid("missing secret_id"))
}

fn given_accessor(accessor: Option<String>) -> Result<String, Error> {
    accessor.filter(|accessor| !accessor.is_empty()).ok_or_else(|| Error::invalid("missing secret_id_accessor"))
}

/// What is said of an accessor that is nobody's. Clients search for it.
fn no_such_accessor() -> Error {
    Error::Unrouted("failed to find accessor entry for secret_id_accessor".into())
}

/// A secret id that is not there has nothing to say (documented Vault behavior).
async fn look_up(_: &AppRole, context: &Context, input: BySecretId) -> Result<Reply, Error> {
    let secret_id = given_secret_id(input.secret_id)?;
    let found = by_secret_id(context, &Named { role: &input.role_name, secret_id: &secret_id }).await?;
    Ok(found.map_or_else(Reply::empty, |found| Reply::data(show(&found.secret.0))))
}

async fn look_up_by_accessor(_: &AppRole, context: &Context, input: ByAccessor) -> Result<Reply, Error> {
    let accessor = given_accessor(input.secret_id_accessor)?;
    let found = by_accessor(context, &input.role_name, &accessor).await?;
    let found = found.ok_or_else(no_such_accessor)?;
    Ok(Reply::data(show(&found.secret.0)))
}

async fn destroy(_: &AppRole, context: &Context, input: BySecretId) -> Result<Reply, Error> {
    let secret_id = given_secret_id(input.secret_id)?;
    retry!(_ => {
        let named = Named { role: &input.role_name, secret_id: &secret_id };
        if let Some(found) = by_secret_id(context, &named).await? {
            remove(context, &found).await?.commit().await?;
        }
        Ok(Reply::empty())
    })
}

async fn destroy_by_accessor(_: &AppRole, context: &Context, input: ByAccessor) -> Result<Reply, Error> {
    let accessor = given_accessor(input.secret_id_accessor)?;
    retry!(_ => {
        let found = by_accessor(context, &input.role_name, &accessor).await?;
        let found = found.ok_or_else(no_such_accessor)?;
        remove(context, &found).await?.commit().await?;
        Ok(Reply::empty())
    })
}

async fn remove<'c>(context: &'c Context, found: &Found) -> Result<framework::view::ViewChanges<'c>, Error> {
    remove_secret(&context.view, context.view.changes(), (&found.role.id, &found.hash), &found.secret).await
}

fn show(secret: &SecretEntry) -> Value {
    json!({
        "cidr_list": texts(&secret.cidrs),
        "creation_time": from_stored(secret.created).to_string(),
        "expiration_time": time(secret.expires),
        "last_updated_time": from_stored(secret.updated).to_string(),
        "metadata": secret.metadata,
        "secret_id_accessor": secret.accessor,
        "secret_id_num_uses": secret.num_uses,
        "secret_id_ttl": secret.ttl_secs,
        "token_bound_cidrs": texts(&secret.token_cidrs),
    })
}

/// Never is Go's zero time here (documented Vault behavior).
fn time(stored: StoredTime) -> String {
    if stored == 0 { Timestamp::MIN.to_string() } else { from_stored(stored).to_string() }
}

//! `role/{name}`: what is made for whoever asks at `creds/`.

use std::time::Duration;

use framework::view::{Listing, encode};
use framework::{Context, Error, Path, Reply, Segment, fields, retry};
use serde_json::json;

use super::Genesys;
use super::entry::{Credential, ROLES, RoleEntry, SHARED, SharedEntry, find, place};
use super::making::{VALIDITY_SECS_MAX, VALIDITY_SECS_MIN};
use super::role_divisions::{self, RoleDivisions};
use super::shared;
use crate::names;

/// The longest description, in bytes.
pub(super) const DESCRIPTION_BYTES_MAX: usize = 256;

fields! {
    /// A role. What is absent stays as it was.
    struct WriteRole {
        /// Name of the role.
        name: String,
        /// What it gives: `client`, an OAuth client with its secret, or `access_token`, a token of a client that the role shares. By default client.
        credential_type: Option<String>,
        /// The roles of Genesys Cloud that its clients hold, each in a division or in all: a list of objects with role_id and division_id, or of texts `role:division`.
        role_divisions: Option<RoleDivisions>,
        /// How long access tokens live, from 5 minutes to 48 hours; as long as the lease when zero. They outlive the client's secret.
        access_token_validity: Option<Duration>,
        /// How long leases last; as the mount says when zero.
        ttl: Option<Duration>,
        /// The longest that leases last; as the mount says when zero.
        max_ttl: Option<Duration>,
        /// What its clients are described with in Genesys Cloud.
        description: Option<String>,
    }
}

fields! {
    /// Names a role.
    pub(super) struct RoleName {
        /// Name of the role.
        name: String,
    }
}

fields! {
    /// Which roles to list.
    pub(super) struct RoleNames {
        /// Lists only the names after this one.
        after: String = String::new(),
        /// The most names to list; all when zero or less.
        limit: i64 = 0,
    }
}

pub(super) fn list() -> Path<Genesys> {
    Path::new("role/", "All roles.").list(list_names, "List the names of the roles.")
}

pub(super) fn item() -> Path<Genesys> {
    Path::new("role/{name}", "What is made for whoever asks.")
        .folded_param("name", Segment::Name, "Name of the role.")
        .exists(exists)
        .read(read, "Show the role.")
        .update(write, "Make or change the role.")
        .delete(delete, "Remove the role, and the client that it shares. Leases go on until they end.")
}

async fn exists(_: &Genesys, context: &Context, input: RoleName) -> Result<bool, Error> {
    Ok(context.view.get(&place(ROLES, &names::check("role", &input.name)?)).await?.is_some())
}

async fn list_names(_: &Genesys, context: &Context, input: RoleNames) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(ROLES, &Listing::new(input.after, input.limit)).await?))
}

async fn read(_: &Genesys, context: &Context, input: RoleName) -> Result<Reply, Error> {
    let at = place(ROLES, &names::check("role", &input.name)?);
    let (role, _) = find::<RoleEntry>(&context.view, &at).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(json!({
        "credential_type": role.credential.name(),
        "role_divisions": role.role_divisions,
        "access_token_validity": role.validity_secs,
        "ttl": role.ttl_secs,
        "max_ttl": role.max_ttl_secs,
        "description": role.description,
    })))
}

async fn write(_: &Genesys, context: &Context, input: WriteRole) -> Result<Reply, Error> {
    let at = place(ROLES, &names::check("role", &input.name)?);
    retry!(_ => {
        let found = find::<RoleEntry>(&context.view, &at).await?;
        let (before, known) = found.map(|(entry, stored)| (entry, stored.revision())).unzip();
        let role = changed(before, &input)?;
        context.view.changes().put(&at, known, encode(&role)?).commit().await?;
        let reply = Reply::empty();
        let outlives = role.ttl_secs > 0 && role.validity_secs > role.ttl_secs;
        Ok(if outlives {
            reply.warn("access_token_validity is longer than ttl: access tokens of this role may outlive its leases")
        } else {
            reply
        })
    })
}

fn changed(before: Option<RoleEntry>, input: &WriteRole) -> Result<RoleEntry, Error> {
    let mut role = before.unwrap_or_else(|| RoleEntry {
        v: 1,
        credential: Credential::default(),
        role_divisions: Vec::new(),
        validity_secs: 0,
        ttl_secs: 0,
        max_ttl_secs: 0,
        description: String::new(),
    });
    if let Some(text) = &input.credential_type {
        role.credential = Credential::parse(text)?;
    }
    if let Some(RoleDivisions(pairs)) = &input.role_divisions {
        role.role_divisions.clone_from(pairs);
    }
    role_divisions::check(&role.role_divisions)?;
    for (field, said) in [
        (&mut role.validity_secs, input.access_token_validity),
        (&mut role.ttl_secs, input.ttl),
        (&mut role.max_ttl_secs, input.max_ttl),
    ] {
        *field = said.map_or(*field, |said| said.as_secs());
    }
    check_validity(role.validity_secs)?;
    if role.max_ttl_secs > 0 && role.ttl_secs > role.max_ttl_secs {
        return Err(Error::invalid("ttl cannot be greater than max_ttl"));
    }
    role.description = described(role.description, input.description.as_deref())?;
    Ok(role)
}

/// Whether access tokens can live so long; 0 says nothing.
pub(super) fn check_validity(secs: u64) -> Result<(), Error> {
    if secs == 0 || (VALIDITY_SECS_MIN..=VALIDITY_SECS_MAX).contains(&secs) {
        return Ok(());
    }
    let text = format!("access_token_validity must be {VALIDITY_SECS_MIN} to {VALIDITY_SECS_MAX} seconds");
    Err(Error::Invalid(text.into()))
}

/// A description: the one that is written, else the one that there is.
pub(super) fn described(before: String, written: Option<&str>) -> Result<String, Error> {
    let text = written.map_or(before, str::to_owned);
    if text.len() > DESCRIPTION_BYTES_MAX || text.contains(char::is_control) {
        let text = format!("description has at most {DESCRIPTION_BYTES_MAX} bytes without control characters");
        return Err(Error::Invalid(text.into()));
    }
    Ok(text)
}

/// The client that the role shares goes first: while Genesys Cloud refuses, the role stays.
async fn delete(genesys: &Genesys, context: &Context, input: RoleName) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let (at, shared_at) = (place(ROLES, &name), place(SHARED, &name));
    retry!(_ => {
        let Some((_, role)) = find::<RoleEntry>(&context.view, &at).await? else { return Ok(()) };
        let mut changes = context.view.changes().delete(&at, role.revision());
        if let Some((entry, stored)) = find::<SharedEntry>(&context.view, &shared_at).await? {
            shared::remove(genesys, context, &entry).await?;
            changes = changes.delete(&shared_at, stored.revision());
        }
        changes.commit().await?;
        Ok(())
    })?;
    Ok(Reply::empty())
}

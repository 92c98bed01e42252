//! Roles: made, shown, changed, removed, listed.

use std::time::Duration;

use framework::view::encode;
use framework::{Context, Error, Field, FieldSet, Input, Page, Path, Reply, Segment, fields, retry};

use super::Jwt;
use super::bounds::role_name;
use super::entry::{ROLES, RoleEntry, RoleType, find_role, role_place};
use super::role_fields::{RoleFields, show};

fields! {
    /// Names a role.
    struct Named {
        /// Name of the role, in upper or lower case.
        name: String,
    }
}

/// What is written of a role.
struct WriteRole {
    named: Named,
    fields: RoleFields,
}

impl FieldSet for WriteRole {
    fn fields() -> Vec<Field> {
        [Named::fields(), RoleFields::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        Ok(Self { named: Named::decode(input)?, fields: RoleFields::decode(input)? })
    }
}

pub(super) fn list() -> Path<Jwt> {
    Path::new("role", "All roles.").list(list_roles, "List the names of roles.")
}

pub(super) fn item() -> Path<Jwt> {
    Path::new("role/{name}", "One role.")
        .folded_param("name", Segment::Name, "Name of the role, in upper or lower case.")
        .exists(exists)
        .read(read, "Show a role.")
        .update(write, "Make or change a role.")
        .delete(delete, "Remove a role; its tokens live on, and are not renewed.")
}

async fn list_roles(_: &Jwt, context: &Context, input: Page) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(ROLES, &input.listing()).await?))
}

async fn exists(_: &Jwt, context: &Context, input: Named) -> Result<bool, Error> {
    Ok(context.view.get(&role_place(&role_name(&input.name)?)).await?.is_some())
}

async fn read(_: &Jwt, context: &Context, input: Named) -> Result<Reply, Error> {
    let (role, _) = find_role(&context.view, &role_name(&input.name)?).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(show(&role).into()))
}

async fn write(_: &Jwt, context: &Context, input: WriteRole) -> Result<Reply, Error> {
    let name = role_name(&input.named.name)?;
    retry!(_ => {
        let found = find_role(&context.view, &name).await?;
        let (mut role, known) = match found {
            Some((role, stored)) => (role, Some(stored.revision())),
            None => (RoleEntry::new(), None),
        };
        input.fields.apply(&mut role)?;
        context.view.changes().put(&role_place(&name), known, encode(&role)?).commit().await?;
        Ok(warned(context, &role))
    })
}

/// What the mount will not allow, or does not know how to use, although the role says so.
fn warned(context: &Context, role: &RoleEntry) -> Reply {
    let mut reply = Reply::empty();
    if Duration::from_secs(role.terms.max_ttl_secs) > context.mount.max_lease_ttl {
        let text = "token_max_ttl is greater than the backend mount's maximum TTL value; issued tokens' max TTL value \
                    will be truncated";
        reply = reply.warn(text);
    }
    let is_web = |uri: &String| uri.starts_with("https://") || uri.starts_with("http://");
    if role.role_type == RoleType::Oidc && !role.allowed_redirect_uris.iter().all(is_web) {
        reply =
            reply.warn("an entry of allowed_redirect_uris is no URL of http or https: no browser will come back to it");
    }
    reply
}

async fn delete(_: &Jwt, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = role_name(&input.name)?;
    retry!(_ => {
        let Some((_, stored)) = find_role(&context.view, &name).await? else { return Ok(Reply::empty()) };
        context.view.changes().delete(&role_place(&name), stored.revision()).commit().await?;
        Ok(Reply::empty())
    })
}

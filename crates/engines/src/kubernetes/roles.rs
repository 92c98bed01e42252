//! Roles: made, shown, changed, removed, listed.

use std::time::Duration;

use framework::view::encode;
use framework::{Context, Error, Field, FieldSet, Input, Page, Path, Reply, Segment, fields, retry};

use super::Kubernetes;
use super::entry::{ROLES, RoleEntry, find_role, role_place};
use super::role_fields::{RoleFields, show};
use crate::names;

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

pub(super) fn list() -> Path<Kubernetes> {
    Path::new("role", "All roles.").list(list_roles, "List the names of roles.")
}

pub(super) fn item() -> Path<Kubernetes> {
    Path::new("role/{name}", "One role.")
        .folded_param("name", Segment::Name, "Name of the role, in upper or lower case.")
        .exists(exists)
        .read(read, "Show a role.")
        .update(write, "Make or change a role.")
        .delete(delete, "Remove a role; its tokens live on, and are not renewed.")
}

async fn list_roles(_: &Kubernetes, context: &Context, input: Page) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(ROLES, &input.listing()).await?))
}

async fn exists(_: &Kubernetes, context: &Context, input: Named) -> Result<bool, Error> {
    Ok(context.view.get(&role_place(&names::check("role", &input.name)?)).await?.is_some())
}

async fn read(_: &Kubernetes, context: &Context, input: Named) -> Result<Reply, Error> {
    let (role, _) = find_role(&context.view, &names::check("role", &input.name)?).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(show(&role).into()))
}

async fn write(_: &Kubernetes, context: &Context, input: WriteRole) -> Result<Reply, Error> {
    let name = names::check("role", &input.named.name)?;
    retry!(_ => {
        let found = find_role(&context.view, &name).await?;
        let (role, known) = found.map_or((None, None), |(role, stored)| (Some(role), Some(stored.revision())));
        let mut role = role.unwrap_or_else(|| RoleEntry { v: 1, ..RoleEntry::default() });
        input.fields.apply(&mut role)?;
        context.view.changes().put(&role_place(&name), known, encode(&role)?).commit().await?;
        Ok(warned(context, &role))
    })
}

/// What the mount will not allow, although the role says so.
fn warned(context: &Context, role: &RoleEntry) -> Reply {
    let text = "token_max_ttl is greater than the backend mount's maximum TTL value; issued tokens' max TTL value will be \
                truncated";
    let is_over = Duration::from_secs(role.terms.max_ttl_secs) > context.mount.max_lease_ttl;
    if is_over { Reply::empty().warn(text) } else { Reply::empty() }
}

async fn delete(_: &Kubernetes, context: &Context, input: Named) -> Result<Reply, Error> {
    let place = role_place(&names::check("role", &input.name)?);
    retry!(_ => {
        let Some(stored) = context.view.get(&place).await? else { return Ok(Reply::empty()) };
        context.view.changes().delete(&place, stored.revision()).commit().await?;
        Ok(Reply::empty())
    })
}

//! Roles: made, shown, changed, removed, listed. A role of an owner who has one token alone gets that token when it is
//! made, and keeps it as long as its owner stays the same.

use framework::view::encode;
use framework::{Context, Error, Page, Path, Reply, Segment, fields, retry};

use super::Terraform;
use super::entry::{ROLES, RoleEntry, find_role, role_place};
use super::role_fields::{WriteRole, apply, show};
use super::single;
use crate::names;

fields! {
    /// Names a role.
    pub(super) struct Named {
        /// Name of the role, in upper or lower case.
        name: String,
    }
}

/// What whoever takes a role away from its token is told.
const LEFT_BEHIND: &str = "the token that this role handed out until now is not revoked";

pub(super) fn list() -> Path<Terraform> {
    Path::new("role", "All roles.").list(list_roles, "List the names of roles.")
}

pub(super) fn item() -> Path<Terraform> {
    Path::new("role/{name}", "One role.")
        .folded_param("name", Segment::Name, "Name of the role, in upper or lower case.")
        .makes_leases()
        .read(read, "Show a role without its token.")
        .update(write, "Make or change a role.")
        .delete(delete, "Remove a role; its leases end when their time is over, and an organization's token lives on.")
}

async fn list_roles(_: &Terraform, context: &Context, input: Page) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(ROLES, &input.listing()).await?))
}

async fn read(_: &Terraform, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let (role, _) = find_role(&context.view, &name).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(show(&name, &role).into()))
}

async fn write(engine: &Terraform, context: &Context, input: WriteRole) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let place = role_place(&name);
    retry!(_ => {
        let found = find_role(&context.view, &name).await?;
        let (role, known) = found.map_or((None, None), |(role, stored)| (Some(role), Some(stored.revision())));
        let mut role = role.unwrap_or_else(|| RoleEntry { v: 1, ..RoleEntry::default() });
        apply(&input, &mut role)?;
        let is_left = role.single.as_ref().is_some_and(|single| single.owner != role.owner());
        if is_left {
            role.single = None;
        }
        if role.token_type().is_single() && role.single.is_none() {
            single::replace(engine, context, &name, role, known).await?;
        } else {
            context.view.changes().put(&place, known, encode(&role)?).commit().await?;
        }
        Ok(if is_left { Reply::empty().warn(LEFT_BEHIND) } else { Reply::empty() })
    })
}

async fn delete(_: &Terraform, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    retry!(_ => {
        let Some((role, stored)) = find_role(&context.view, &name).await? else { return Ok(Reply::empty()) };
        context.view.changes().delete(&role_place(&name), stored.revision()).commit().await?;
        Ok(if role.single.is_some() { Reply::empty().warn(LEFT_BEHIND) } else { Reply::empty() })
    })
}

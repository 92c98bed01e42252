//! Roles: made, shown, changed, removed, listed.

use std::time::Duration;

use framework::view::encode;
use framework::{Context, Error, Field, FieldSet, Input, Page, Path, Reply, Segment, fields, retry};

use super::entry::{ROLES, RoleEntry, Salt, find_role, role_place};
use super::role_fields::{RoleFields, show};
use super::sweep::Work;
use super::{AppRole, bounds, role_id};

fields! {
    /// Names a role.
    pub(super) struct Named {
        /// Name of the role, in upper or lower case.
        role_name: String,
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

/// A path of a role.
pub(super) fn at(template: &'static str, about: &'static str) -> Path<AppRole> {
    Path::new(template, about).folded_param("role_name", Segment::Name, "Name of the role, in upper or lower case.")
}

pub(super) fn list() -> Path<AppRole> {
    Path::new("role", "All roles.").list(list_roles, "List the names of roles.")
}

pub(super) fn item() -> Path<AppRole> {
    at("role/{role_name}", "One role.")
        .exists(exists)
        .read(read, "Show a role, without its role id.")
        .update(write, "Make or change a role.")
        .delete(delete, "Remove a role with its secret ids; its tokens live on, and are not renewed.")
}

async fn list_roles(_: &AppRole, context: &Context, input: Page) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(ROLES, &input.listing()).await?))
}

async fn exists(_: &AppRole, context: &Context, input: Named) -> Result<bool, Error> {
    Ok(context.view.get(&role_place(&bounds::role_name(&input.role_name)?)).await?.is_some())
}

async fn read(_: &AppRole, context: &Context, input: Named) -> Result<Reply, Error> {
    let (role, _) = find_role(&context.view, &bounds::role_name(&input.role_name)?).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(show(&role).into()))
}

async fn write(_: &AppRole, context: &Context, input: WriteRole) -> Result<Reply, Error> {
    let name = bounds::role_name(&input.named.role_name)?;
    let fresh = RoleEntry::new(context);
    retry!(_ => {
        let found = find_role(&context.view, &name).await?;
        let (before, known) = found.map_or((None, None), |(role, stored)| (Some(role), Some(stored.revision())));
        let mut role = before.clone().unwrap_or_else(|| fresh.clone());
        input.fields.apply(&mut role, before.is_none())?;
        let mut changes = context.view.changes();
        let salt = match Salt::find(&context.view).await? {
            Some(salt) => salt,
            None => {
                let (salt, with_it) = Salt::create(context, changes)?;
                changes = with_it;
                salt
            }
        };
        let old_id = before.as_ref().map(|role| role.role_id.as_str());
        let changes = role_id::give(&context.view, changes, &salt, &name, (old_id, &role.role_id)).await?;
        changes.put(&role_place(&name), known, encode(&role)?).commit().await?;
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

/// Changes a role that is there.
///
/// # Errors
/// A 404 where it is not (documented Vault behavior).
pub(super) async fn change(context: &Context, role_name: &str, fields: &RoleFields) -> Result<Reply, Error> {
    let name = bounds::role_name(role_name)?;
    retry!(_ => {
        let found = find_role(&context.view, &name).await?;
        let (mut role, stored) = found.ok_or_else(|| Error::Unrouted("the role does not exist".into()))?;
        let before = role.role_id.clone();
        fields.apply(&mut role, false)?;
        let mut changes = context.view.changes();
        if before != role.role_id {
            let salt = Salt::of_roles(&context.view).await?;
            changes = role_id::give(&context.view, changes, &salt, &name, (Some(&before), &role.role_id)).await?;
        }
        changes.replace(&role_place(&name), stored.revision(), encode(&role)?).commit().await?;
        Ok(Reply::empty())
    })
}

/// From the commit on no secret id of the role is found any more. They are cleared away afterwards, page by page, which
/// the line in the same commit promises.
async fn delete(_: &AppRole, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = bounds::role_name(&input.role_name)?;
    retry!(_ => {
        let Some((role, stored)) = find_role(&context.view, &name).await? else { return Ok(Reply::empty()) };
        let salt = Salt::of_roles(&context.view).await?;
        let changes = context.view.changes().delete(&role_place(&name), stored.revision());
        let changes = role_id::take_back(&context.view, changes, &salt, &role.role_id).await?;
        let work = Work::RoleGone { role: role.id.clone() };
        changes.due(context.now(), &role.id, encode(&work)?).commit().await?;
        Ok(Reply::empty())
    })
}

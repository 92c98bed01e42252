//! The role id: what machines log in with beside a secret id. An index finds the role by it, so that it is one role's
//! alone.

use framework::view::{ViewChanges, encode};
use framework::{Context, Error, Field, FieldSet, Input, Path, Reply, View, fields};
use serde_json::json;

use super::entry::{RoleIdEntry, Salt, find_role};
use super::role_fields::RoleFields;
use super::roles::{Named, at, change};
use super::{AppRole, bounds};

fields! {
    /// A role id of one's own choice.
    struct Chosen {
        /// The role's id for logins.
        role_id: Option<String>,
    }
}

/// Gives a role an id.
struct WriteRoleId {
    named: Named,
    fields: RoleFields,
}

impl FieldSet for WriteRoleId {
    fn fields() -> Vec<Field> {
        [Named::fields(), Chosen::fields()].concat()
    }

    fn decode(input: &mut Input) -> Result<Self, Error> {
        let (named, chosen) = (Named::decode(input)?, Chosen::decode(input)?);
        let role_id = chosen.role_id.ok_or_else(|| Error::invalid("missing role_id"))?;
        let values = [("role_id".to_owned(), role_id.into())].into_iter().collect();
        Ok(Self { named, fields: RoleFields::decode(&mut Input::new([].into(), values))? })
    }
}

pub(super) fn path() -> Path<AppRole> {
    at("role/{role_name}/role-id", "The role id of a role.")
        .read(read, "Show the role id.")
        .update(write, "Give the role another role id.")
}

async fn read(_: &AppRole, context: &Context, input: Named) -> Result<Reply, Error> {
    let (role, _) = find_role(&context.view, &bounds::role_name(&input.role_name)?).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(json!({ "role_id": role.role_id })))
}

async fn write(_: &AppRole, context: &Context, input: WriteRoleId) -> Result<Reply, Error> {
    change(context, &input.named.role_name, &input.fields).await
}

/// The changes that make the second of these the id of the role of this name, in place of the first.
///
/// # Errors
/// [`Error::Invalid`] when it is another role's.
pub(super) async fn give<'v>(
    view: &View,
    changes: ViewChanges<'v>,
    salt: &Salt,
    role: &str,
    (old, new): (Option<&str>, &str),
) -> Result<ViewChanges<'v>, Error> {
    let place = salt.role_id_place(new);
    // Another spelling of the same has the same place, and that says the name of the role already.
    if old.is_some_and(|old| salt.role_id_place(old) == place) {
        return Ok(changes);
    }
    if view.get(&place).await?.is_some() {
        return Err(Error::invalid("role_id already in use"));
    }
    let changes = changes.create(&place, encode(&RoleIdEntry { v: 1, role: role.to_owned() })?);
    match old {
        Some(old) => take_back(view, changes, salt, old).await,
        None => Ok(changes),
    }
}

/// The changes that make a role id nobody's.
pub(super) async fn take_back<'v>(
    view: &View,
    changes: ViewChanges<'v>,
    salt: &Salt,
    role_id: &str,
) -> Result<ViewChanges<'v>, Error> {
    let place = salt.role_id_place(role_id);
    Ok(match view.get(&place).await? {
        Some(known) => changes.delete(&place, known.revision()),
        None => changes,
    })
}

//! What is mapped here to users and groups of the directory: made, shown, removed, listed.

use framework::path::fold;
use framework::view::encode;
use framework::{Context, Error, Page, Path, Reply, Segment, fields, retry};
use serde_json::json;

use super::Ldap;
use super::entry::{ConfigEntry, GROUPS, GroupEntry, USERS, UserEntry, config, group_place, user_place};

/// The longest name of a user or a group, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 512;
/// The most policies or groups of one of them.
const ITEMS_MAX: usize = 256;

fields! {
    /// Names a user or a group.
    struct Named {
        /// Name of the user or group.
        name: String,
    }
}

fields! {
    /// What a user is given beside what their groups are.
    struct WriteUser {
        /// Name of the user, as they log in.
        name: String,
        /// Groups that they are in, besides those that the directory tells of.
        groups: Vec<String> = Vec::new(),
        /// Names of policies.
        policies: Vec<String> = Vec::new(),
    }
}

fields! {
    /// What everybody in a group is given.
    struct WriteGroup {
        /// Name of the group.
        name: String,
        /// Names of policies.
        policies: Vec<String> = Vec::new(),
    }
}

pub(super) fn paths() -> [Path<Ldap>; 4] {
    let user = Path::new("users/{name}", "What one user of the directory is given.");
    let group = Path::new("groups/{name}", "What one group of the directory is given.");
    [
        Path::new("users", "All users that something is mapped to.").list(list_users, "List the names of users."),
        user.folded_param("name", Segment::Name, "Name of the user.")
            .read(read_user, "Show what is mapped to a user.")
            .update(write_user, "Map groups and policies to a user.")
            .delete(delete_user, "Map nothing to a user any more."),
        Path::new("groups", "All groups that policies are mapped to.").list(list_groups, "List the names of groups."),
        group
            .folded_param("name", Segment::Name, "Name of the group.")
            .read(read_group, "Show the policies of a group.")
            .update(write_group, "Map policies to a group.")
            .delete(delete_group, "Map nothing to a group any more."),
    ]
}

/// A name as it is stored: in lower case unless case counts at the mount.
///
/// # Errors
/// [`Error::Invalid`] for what is no name, or a second spelling of one: directories pass over all spaces but one
/// (RFC 4518 §2.6.1), and nobody should be somebody else by typing two.
pub(super) fn canonical(name: &str, has_case: bool) -> Result<String, Error> {
    let name = name.trim();
    let is_odd = |c: char| c.is_control() || (c.is_whitespace() && c != ' ');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains("  ") || name.contains(is_odd) {
        let text = format!("a name has 1 to {NAME_BYTES_MAX} bytes, no control characters and no two spaces in a row");
        return Err(Error::Invalid(text.into()));
    }
    Ok(if has_case { name.to_owned() } else { fold(name) })
}

/// Where the name of a request is stored.
async fn place(context: &Context, name: &str, at: fn(&str) -> String) -> Result<String, Error> {
    Ok(at(&canonical(name, has_case(context).await?)?))
}

async fn has_case(context: &Context) -> Result<bool, Error> {
    let entry = config(&context.view).await?.map(|(entry, _)| entry);
    Ok(entry.unwrap_or_else(ConfigEntry::default).has_case_sensitive_names)
}

/// Policies as they are stored: lower case, sorted, without doubles.
fn policies(names: &[String]) -> Result<Vec<String>, Error> {
    let mut names: Vec<_> = names.iter().map(|name| fold(name)).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    bounded(names)
}

fn bounded(names: Vec<String>) -> Result<Vec<String>, Error> {
    if names.len() > ITEMS_MAX || names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
        let text = format!("at most {ITEMS_MAX} policies or groups, with names of {NAME_BYTES_MAX} bytes");
        return Err(Error::Invalid(text.into()));
    }
    Ok(names)
}

async fn put(context: &Context, place: &str, entry: Vec<u8>) -> Result<Reply, Error> {
    retry!(_ => {
        let known = context.view.get(place).await?.map(|stored| stored.revision());
        context.view.changes().put(place, known, entry.clone()).commit().await?;
        Ok(Reply::empty())
    })
}

async fn remove(context: &Context, place: &str) -> Result<Reply, Error> {
    retry!(_ => {
        let Some(stored) = context.view.get(place).await? else { return Ok(Reply::empty()) };
        context.view.changes().delete(place, stored.revision()).commit().await?;
        Ok(Reply::empty())
    })
}

async fn list(context: &Context, folder: &str, page: Page) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(folder, &page.listing()).await?))
}

async fn list_users(_: &Ldap, context: &Context, page: Page) -> Result<Reply, Error> {
    list(context, USERS, page).await
}

async fn list_groups(_: &Ldap, context: &Context, page: Page) -> Result<Reply, Error> {
    list(context, GROUPS, page).await
}

async fn read_user(_: &Ldap, context: &Context, input: Named) -> Result<Reply, Error> {
    let place = place(context, &input.name, user_place).await?;
    let user: UserEntry = context.view.get(&place).await?.ok_or(Error::NotFound)?.json()?;
    Ok(Reply::data(json!({ "groups": user.groups.join(","), "policies": user.policies })))
}

async fn write_user(_: &Ldap, context: &Context, input: WriteUser) -> Result<Reply, Error> {
    let has_case = has_case(context).await?;
    let place = user_place(&canonical(&input.name, has_case)?);
    let mut groups = input.groups.iter().map(|name| canonical(name, has_case)).collect::<Result<Vec<_>, _>>()?;
    groups.sort();
    groups.dedup();
    let user = UserEntry { v: 1, groups: bounded(groups)?, policies: policies(&input.policies)? };
    put(context, &place, encode(&user)?).await
}

async fn delete_user(_: &Ldap, context: &Context, input: Named) -> Result<Reply, Error> {
    remove(context, &place(context, &input.name, user_place).await?).await
}

async fn read_group(_: &Ldap, context: &Context, input: Named) -> Result<Reply, Error> {
    let place = place(context, &input.name, group_place).await?;
    let group: GroupEntry = context.view.get(&place).await?.ok_or(Error::NotFound)?.json()?;
    Ok(Reply::data(json!({ "policies": group.policies })))
}

async fn write_group(_: &Ldap, context: &Context, input: WriteGroup) -> Result<Reply, Error> {
    let place = place(context, &input.name, group_place).await?;
    put(context, &place, encode(&GroupEntry { v: 1, policies: policies(&input.policies)? })?).await
}

async fn delete_group(_: &Ldap, context: &Context, input: Named) -> Result<Reply, Error> {
    remove(context, &place(context, &input.name, group_place).await?).await
}

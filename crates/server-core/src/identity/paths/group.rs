//! `identity/group`: groups by id and by name, and lists of them.

use std::collections::BTreeMap;

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use super::{ById, ByName, LIST_PAGE, Listed, Page, ns};
use crate::identity::entities::{Target, Written};
use crate::identity::entry::{GroupEntry, GroupKind, NameEntry};
use crate::identity::groups::GroupChange;
use crate::identity::{Identities, Places, fold};
use crate::keys;
use crate::store::decode;

pub(super) fn paths() -> Vec<Path<Identities>> {
    vec![
        Path::new("group", "Make a group.").update(write, "Make a group, or change the one that is named."),
        Path::new("group/id", "All groups by id.").list(list_ids, "List the ids."),
        Path::new("group/id/{id}", "One group by its id.")
            .param("id", Segment::Name, "Id of the group.")
            .read(read_id, "Show the group.")
            .update(write_id, "Change the group.")
            .delete(delete_id, "Remove the group; its members stay."),
        Path::new("group/name", "All groups by name.").list(list_names, "List the names."),
        Path::new("group/name/{name}", "One group by its name.")
            .param("name", Segment::Rest, "Name of the group, in upper or lower case.")
            .read(read_name, "Show the group.")
            .update(write_name, "Make or change the group.")
            .delete(delete_name, "Remove the group; its members stay."),
    ]
}

fields! {
    /// A group to be made or changed.
    struct Write {
        /// Id of a group that is there. Absent for a new one, or one that is named.
        id: Option<String>,
        /// Name of the group. Made up when absent.
        name: Option<String>,
        /// internal, or external for one whose members an auth method tells. Cannot be changed.
        r#type: Option<String>,
        /// Free texts about the group, at most 64.
        metadata: Option<BTreeMap<String, String>>,
        /// Policies that the tokens of its members get on top of their own.
        policies: Option<Vec<String>>,
        /// Ids of all groups in it; what is absent stays.
        member_group_ids: Option<Vec<String>>,
        /// Ids of all entities in it; what is absent stays.
        member_entity_ids: Option<Vec<String>>,
    }
}

impl Write {
    fn change(self) -> Result<GroupChange, Error> {
        let kind = match self.r#type.as_deref() {
            None | Some("") => None,
            Some("internal") => Some(GroupKind::Internal),
            Some("external") => Some(GroupKind::External),
            Some(other) => return Err(Error::Invalid(format!("invalid group type {other:?}").into())),
        };
        Ok(GroupChange {
            name: self.name,
            kind,
            metadata: self.metadata,
            policies: self.policies,
            entities: self.member_entity_ids,
            groups: self.member_group_ids,
        })
    }
}

async fn write(identities: &Identities, context: &Context, mut input: Write) -> Result<Reply, Error> {
    let target = match (input.id.take().filter(|id| !id.is_empty()), &input.name) {
        (Some(id), _) => Target::Id(id),
        (None, Some(name)) if !name.is_empty() => Target::Name(name.clone()),
        _ => Target::New,
    };
    let mut change = input.change()?;
    change.name = change.name.filter(|_| matches!(target, Target::Id(_)));
    written(identities, context, &target, &change).await
}

async fn write_id(identities: &Identities, context: &Context, mut input: Write) -> Result<Reply, Error> {
    let id = input.id.take().unwrap_or_default();
    written(identities, context, &Target::Id(id), &input.change()?).await
}

async fn write_name(identities: &Identities, context: &Context, mut input: Write) -> Result<Reply, Error> {
    let name = input.name.take().unwrap_or_default();
    written(identities, context, &Target::Name(name), &input.change()?).await
}

async fn written(
    identities: &Identities,
    context: &Context,
    target: &Target,
    change: &GroupChange,
) -> Result<Reply, Error> {
    let Written { value, is_new } = identities.write_group(ns(context), target, change).await?;
    if !is_new {
        return Ok(Reply::empty());
    }
    Ok(Reply::data(json!({ "id": value.id, "name": value.name })))
}

async fn read_id(identities: &Identities, context: &Context, input: ById) -> Result<Reply, Error> {
    let found = identities.group(ns(context), &input.id).await?.ok_or(Error::NotFound)?;
    Ok(identities.show_group(ns(context), &found.value).await?.into())
}

async fn read_name(identities: &Identities, context: &Context, input: ByName) -> Result<Reply, Error> {
    let found = identities.group_named(ns(context), &input.name).await?.ok_or(Error::NotFound)?;
    Ok(identities.show_group(ns(context), &found.value).await?.into())
}

async fn delete_id(identities: &Identities, context: &Context, input: ById) -> Result<Reply, Error> {
    identities.delete_group(ns(context), &input.id).await?;
    Ok(Reply::empty())
}

async fn delete_name(identities: &Identities, context: &Context, input: ByName) -> Result<Reply, Error> {
    if let Some(found) = identities.group_named(ns(context), &input.name).await? {
        identities.delete_group(ns(context), &found.value.id).await?;
    }
    Ok(Reply::empty())
}

async fn list_ids(identities: &Identities, context: &Context, page: Page) -> Result<Reply, Error> {
    let (listing, ns) = (page.listing(), ns(context));
    let (mut listed, mut places) = (Listed::default(), Places::new());
    let folder = keys::groups(ns);
    let mut after = listing.after.clone();
    loop {
        let (lines, has_more) = identities.lines(&folder, &after, LIST_PAGE).await?;
        for (id, opened) in &lines {
            let entry = decode::<GroupEntry>(&keys::group(ns, id)?, opened)?.value;
            if entry.is_removing {
                continue;
            }
            if listed.is_full(&listing)? {
                return Ok(listed.into_reply());
            }
            listed.add(id, identities.group_info(ns, id, ("name", &entry.name), &mut places).await?);
        }
        match lines.last().filter(|_| has_more) {
            Some((last, _)) => last.clone_into(&mut after),
            None => return Ok(listed.into_reply()),
        }
    }
}

async fn list_names(identities: &Identities, context: &Context, page: Page) -> Result<Reply, Error> {
    let (listing, ns) = (page.listing(), ns(context));
    let (mut listed, mut places) = (Listed::default(), Places::new());
    let folder = keys::group_names(ns);
    let mut after = fold(&listing.after);
    loop {
        let (lines, has_more) = identities.lines(&folder, &after, LIST_PAGE).await?;
        for (folded, opened) in &lines {
            let NameEntry { id, name, .. } = decode(&keys::group_name(ns, folded)?, opened)?.value;
            if listed.is_full(&listing)? {
                return Ok(listed.into_reply());
            }
            listed.add(&name, identities.group_info(ns, &id, ("id", &id), &mut places).await?);
        }
        match lines.last().filter(|_| has_more) {
            Some((last, _)) => last.clone_into(&mut after),
            None => return Ok(listed.into_reply()),
        }
    }
}

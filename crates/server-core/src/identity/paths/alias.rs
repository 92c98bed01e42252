//! `identity/entity-alias` and `identity/group-alias`: the names by which auth methods know entities and groups.

use std::collections::BTreeMap;

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use super::{ById, LIST_PAGE, Listed, Page, ns};
use crate::identity::aliases::{AliasChange, Of};
use crate::identity::entry::AliasEntry;
use crate::identity::view::alias_info;
use crate::identity::{Identities, Places};
use crate::keys;
use crate::store::decode;

pub(super) fn paths() -> Vec<Path<Identities>> {
    vec![
        Path::new("entity-alias", "Make an alias of an entity.")
            .update(write, "Make an alias, or change the one of this name at this mount."),
        Path::new("entity-alias/id", "All aliases of entities by id.").list(list, "List the ids."),
        Path::new("entity-alias/id/{id}", "One alias of an entity.")
            .param("id", Segment::Name, "Id of the alias.")
            .read(read, "Show the alias.")
            .update(write_id, "Change the alias.")
            .delete(delete, "Remove the alias; the entity stays."),
        Path::new("group-alias", "Make the alias of an external group.")
            .update(write_of_group, "Make an alias, or change the one of this name at this mount."),
        Path::new("group-alias/id", "All aliases of groups by id.").list(list_of_groups, "List the ids."),
        Path::new("group-alias/id/{id}", "One alias of a group.")
            .param("id", Segment::Name, "Id of the alias.")
            .read(read_of_group, "Show the alias.")
            .update(write_of_group_id, "Change the alias.")
            .delete(delete_of_group, "Remove the alias; the group stays."),
    ]
}

fields! {
    /// An alias of an entity.
    struct Write {
        /// Id of an alias that is there.
        id: Option<String>,
        /// The name by which the auth method knows the entity.
        name: Option<String>,
        /// Id of the entity. A new one is made when absent.
        canonical_id: Option<String>,
        /// The older name of canonical_id.
        entity_id: Option<String>,
        /// Accessor of the auth method's mount.
        mount_accessor: Option<String>,
        /// Free texts about the alias, at most 64.
        custom_metadata: Option<BTreeMap<String, String>>,
    }
}

fields! {
    /// The alias of a group.
    struct WriteOfGroup {
        /// Id of an alias that is there.
        id: Option<String>,
        /// The name by which the auth method knows the group.
        name: Option<String>,
        /// Id of the group. A new external one is made when absent.
        canonical_id: Option<String>,
        /// Accessor of the auth method's mount.
        mount_accessor: Option<String>,
    }
}

async fn write(identities: &Identities, context: &Context, input: Write) -> Result<Reply, Error> {
    let Write { id, name, canonical_id, entity_id, mount_accessor, custom_metadata } = input;
    let canonical_id = canonical_id.or(entity_id);
    let change = AliasChange { id, name, mount_accessor, canonical_id, custom_metadata };
    Ok(made(&identities.write_alias(ns(context), &change).await?))
}

async fn write_id(identities: &Identities, context: &Context, input: Write) -> Result<Reply, Error> {
    write(identities, context, input).await
}

async fn write_of_group(identities: &Identities, context: &Context, input: WriteOfGroup) -> Result<Reply, Error> {
    let WriteOfGroup { id, name, canonical_id, mount_accessor } = input;
    let change = AliasChange { id, name, mount_accessor, canonical_id, custom_metadata: None };
    Ok(made(&identities.write_group_alias(ns(context), &change).await?))
}

async fn write_of_group_id(identities: &Identities, context: &Context, input: WriteOfGroup) -> Result<Reply, Error> {
    write_of_group(identities, context, input).await
}

fn made(alias: &AliasEntry) -> Reply {
    Reply::data(json!({ "id": alias.id, "canonical_id": alias.canonical_id }))
}

async fn read(identities: &Identities, context: &Context, input: ById) -> Result<Reply, Error> {
    show(identities, context, Of::Entity, &input.id).await
}

async fn read_of_group(identities: &Identities, context: &Context, input: ById) -> Result<Reply, Error> {
    show(identities, context, Of::Group, &input.id).await
}

async fn show(identities: &Identities, context: &Context, of: Of, id: &str) -> Result<Reply, Error> {
    let found = identities.alias(ns(context), of, id).await?.ok_or(Error::NotFound)?;
    let shown = identities.show_alias(ns(context), of, &found.value, &mut Places::new()).await?;
    Ok(Reply::data(shown))
}

async fn delete(identities: &Identities, context: &Context, input: ById) -> Result<Reply, Error> {
    identities.delete_alias(ns(context), &input.id).await?;
    Ok(Reply::empty())
}

async fn delete_of_group(identities: &Identities, context: &Context, input: ById) -> Result<Reply, Error> {
    identities.delete_group_alias(ns(context), &input.id).await?;
    Ok(Reply::empty())
}

async fn list(identities: &Identities, context: &Context, page: Page) -> Result<Reply, Error> {
    list_all(identities, context, Of::Entity, page).await
}

async fn list_of_groups(identities: &Identities, context: &Context, page: Page) -> Result<Reply, Error> {
    list_all(identities, context, Of::Group, page).await
}

async fn list_all(identities: &Identities, context: &Context, of: Of, page: Page) -> Result<Reply, Error> {
    let (listing, ns) = (page.listing(), ns(context));
    let (mut listed, mut places) = (Listed::default(), Places::new());
    let folder = keys::aliases(ns, of.word());
    let mut after = listing.after.clone();
    loop {
        let (lines, has_more) = identities.lines(&folder, &after, LIST_PAGE).await?;
        for (id, opened) in &lines {
            if listed.is_full(&listing)? {
                return Ok(listed.into_reply());
            }
            let alias = decode::<AliasEntry>(&keys::alias(ns, of.word(), id)?, opened)?.value;
            listed.add(id, alias_info(identities, (ns, of), &alias, &mut places).await?);
        }
        match lines.last().filter(|_| has_more) {
            Some((last, _)) => last.clone_into(&mut after),
            None => return Ok(listed.into_reply()),
        }
    }
}

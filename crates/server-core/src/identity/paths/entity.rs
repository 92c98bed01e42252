//! `identity/entity`: entities by id and by name, lists of them, and what is done about several at once.

use std::collections::BTreeMap;

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use super::{ById, ByName, LIST_PAGE, Listed, Page, ns};
use crate::identity::entities::{EntityChange, Target, Written};
use crate::identity::entry::{EntityEntry, NameEntry};
use crate::identity::merge::Merge;
use crate::identity::{Identities, Places, fold};
use crate::keys;
use crate::store::decode;

/// The most entities that one request removes.
const DELETE_MAX: usize = 10_000;

pub(super) fn paths() -> Vec<Path<Identities>> {
    vec![
        Path::new("entity", "Make an entity.").update(write, "Make an entity, or change the one that is named."),
        Path::new("entity/id", "All entities by id.").list(list_ids, "List the ids."),
        Path::new("entity/id/{id}", "One entity by its id.")
            .param("id", Segment::Name, "Id of the entity.")
            .read(read_id, "Show the entity.")
            .update(write_id, "Change the entity.")
            .delete(delete_id, "Remove the entity and its aliases."),
        Path::new("entity/name", "All entities by name.").list(list_names, "List the names."),
        Path::new("entity/name/{name}", "One entity by its name.")
            .param("name", Segment::Rest, "Name of the entity, in upper or lower case.")
            .read(read_name, "Show the entity.")
            .update(write_name, "Make or change the entity.")
            .delete(delete_name, "Remove the entity and its aliases."),
        Path::new("entity/batch-delete", "Remove several entities.").update(batch_delete, "Remove all that are named."),
        Path::new("entity/merge", "Merge entities into one.").update(
            merge,
            "Move the aliases and groups of some entities to another, which they stand for from then on.",
        ),
    ]
}

fields! {
    /// An entity to be made or changed.
    struct Write {
        /// Id of an entity that is there. Absent for a new one, or one that is named.
        id: String = String::new(),
        /// Name of the entity. Made up when absent.
        name: Option<String>,
        /// Free texts about the entity, at most 64.
        metadata: Option<BTreeMap<String, String>>,
        /// Policies that its tokens get on top of their own.
        policies: Option<Vec<String>>,
        /// Whether all its tokens are refused.
        disabled: Option<bool>,
    }
}

fields! {
    /// An entity to be changed.
    struct WriteId {
        /// Id of the entity.
        id: String,
        /// A new name.
        name: Option<String>,
        /// Free texts about the entity, at most 64.
        metadata: Option<BTreeMap<String, String>>,
        /// Policies that its tokens get on top of their own.
        policies: Option<Vec<String>>,
        /// Whether all its tokens are refused.
        disabled: Option<bool>,
    }
}

fields! {
    /// An entity to be made or changed.
    struct WriteName {
        /// Name of the entity.
        name: String,
        /// Ignored: the name says which entity is meant.
        id: Option<String>,
        /// Free texts about the entity, at most 64.
        metadata: Option<BTreeMap<String, String>>,
        /// Policies that its tokens get on top of their own.
        policies: Option<Vec<String>>,
        /// Whether all its tokens are refused.
        disabled: Option<bool>,
    }
}

fields! {
    /// Several entities.
    struct BatchDelete {
        /// Ids of the entities.
        entity_ids: Vec<String>,
    }
}

fields! {
    /// Entities that are one in truth.
    struct MergeInto {
        /// Ids of the entities that go.
        from_entity_ids: Vec<String>,
        /// Id of the entity that stays.
        to_entity_id: String,
        /// Taken for compatibility: there are no second factors that could differ.
        force: bool = false,
        /// Of two aliases at the same mount, the ids of those that stay. Only for one entity that goes.
        conflicting_alias_ids_to_keep: Vec<String> = Vec::new(),
    }
}

async fn write(identities: &Identities, context: &Context, input: Write) -> Result<Reply, Error> {
    let Write { id, name, metadata, policies, disabled: is_disabled } = input;
    let target = match (&id, &name) {
        (id, _) if !id.is_empty() => Target::Id(id.clone()),
        (_, Some(name)) if !name.is_empty() => Target::Name(name.clone()),
        _ => Target::New,
    };
    let name = name.filter(|_| matches!(target, Target::Id(_)));
    written(identities, context, &target, EntityChange { name, metadata, policies, is_disabled }).await
}

async fn write_id(identities: &Identities, context: &Context, input: WriteId) -> Result<Reply, Error> {
    let WriteId { id, name, metadata, policies, disabled: is_disabled } = input;
    written(identities, context, &Target::Id(id), EntityChange { name, metadata, policies, is_disabled }).await
}

async fn write_name(identities: &Identities, context: &Context, input: WriteName) -> Result<Reply, Error> {
    let WriteName { name, id: _, metadata, policies, disabled: is_disabled } = input;
    let change = EntityChange { name: None, metadata, policies, is_disabled };
    written(identities, context, &Target::Name(name), change).await
}

async fn written(
    identities: &Identities,
    context: &Context,
    target: &Target,
    change: EntityChange,
) -> Result<Reply, Error> {
    let Written { value, is_new } = identities.write_entity(ns(context), target, &change).await?;
    if !is_new {
        return Ok(Reply::empty());
    }
    Ok(Reply::data(json!({ "id": value.id, "name": value.name, "aliases": null })))
}

async fn read_id(identities: &Identities, context: &Context, input: ById) -> Result<Reply, Error> {
    let found = identities.entity(ns(context), &input.id).await?.ok_or(Error::NotFound)?;
    Ok(identities.show_entity(ns(context), &found.value).await?.into())
}

async fn read_name(identities: &Identities, context: &Context, input: ByName) -> Result<Reply, Error> {
    let found = identities.entity_named(ns(context), &input.name).await?.ok_or(Error::NotFound)?;
    Ok(identities.show_entity(ns(context), &found.value).await?.into())
}

async fn delete_id(identities: &Identities, context: &Context, input: ById) -> Result<Reply, Error> {
    identities.delete_entity(ns(context), &input.id).await?;
    Ok(Reply::empty())
}

async fn delete_name(identities: &Identities, context: &Context, input: ByName) -> Result<Reply, Error> {
    if let Some(found) = identities.entity_named(ns(context), &input.name).await? {
        identities.delete_entity(ns(context), &found.value.id).await?;
    }
    Ok(Reply::empty())
}

async fn batch_delete(identities: &Identities, context: &Context, input: BatchDelete) -> Result<Reply, Error> {
    let count = input.entity_ids.len();
    if count == 0 {
        return Err(Error::invalid("missing entity ids to delete"));
    }
    if count > DELETE_MAX {
        return Err(Error::Invalid(format!("{count} entities, the most in one request is {DELETE_MAX}").into()));
    }
    for id in &input.entity_ids {
        identities.delete_entity(ns(context), id).await?;
    }
    Ok(Reply::empty())
}

async fn merge(identities: &Identities, context: &Context, input: MergeInto) -> Result<Reply, Error> {
    let MergeInto { from_entity_ids: from, to_entity_id: into, force: _, conflicting_alias_ids_to_keep: keep } = input;
    identities.merge(ns(context), &Merge { from, into, keep }).await?;
    Ok(Reply::empty())
}

async fn list_ids(identities: &Identities, context: &Context, page: Page) -> Result<Reply, Error> {
    let (listing, ns) = (page.listing(), ns(context));
    let (mut listed, mut places) = (Listed::default(), Places::new());
    let folder = keys::entities(ns);
    let mut after = listing.after.clone();
    loop {
        let (lines, has_more) = identities.lines(&folder, &after, LIST_PAGE).await?;
        for (id, opened) in &lines {
            let entry = decode::<EntityEntry>(&keys::entity(ns, id)?, opened)?.value;
            if !entry.is_live() {
                continue;
            }
            if listed.is_full(&listing)? {
                return Ok(listed.into_reply());
            }
            listed.add(id, identities.entity_info(ns, id, ("name", &entry.name), &mut places).await?);
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
    let folder = keys::entity_names(ns);
    let mut after = fold(&listing.after);
    loop {
        let (lines, has_more) = identities.lines(&folder, &after, LIST_PAGE).await?;
        for (folded, opened) in &lines {
            let NameEntry { id, name, .. } = decode(&keys::entity_name(ns, folded)?, opened)?.value;
            if listed.is_full(&listing)? {
                return Ok(listed.into_reply());
            }
            listed.add(&name, identities.entity_info(ns, &id, ("id", &id), &mut places).await?);
        }
        match lines.last().filter(|_| has_more) {
            Some((last, _)) => last.clone_into(&mut after),
            None => return Ok(listed.into_reply()),
        }
    }
}

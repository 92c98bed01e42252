//! `identity/oidc/assignment`: who may use applications.

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use crate::identity::paths::{ByName, Page, ns};
use crate::oidc::provider::assignments::ALLOW_ALL;
use crate::oidc::{Kind, Oidc};

pub(super) fn paths() -> Vec<Path<Oidc>> {
    vec![
        Path::new("oidc/assignment", "All assignments.").list(list, "List the names."),
        Path::new("oidc/assignment/{name}", "One assignment: who may use the clients that have it.")
            .param("name", Segment::Name, "Name of the assignment.")
            .exists::<ByName>(exists)
            .read(read, "Show the assignment.")
            .update(write, "Make or change the assignment.")
            .delete(delete, "Remove an assignment that no client has."),
    ]
}

fields! {
    /// An assignment to be made or changed.
    struct Write {
        /// Name of the assignment.
        name: String,
        /// Ids of entities.
        entity_ids: Option<Vec<String>>,
        /// Ids of groups, whose members are meant, also through other groups.
        group_ids: Option<Vec<String>>,
    }
}

async fn exists(oidc: &Oidc, context: &Context, input: ByName) -> Result<bool, Error> {
    Ok(oidc.assignment(ns(context), &input.name).await?.is_some())
}

async fn read(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    let assignment = oidc.assignment(ns(context), &input.name).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(json!({ "entity_ids": assignment.entity_ids, "group_ids": assignment.group_ids })))
}

async fn write(oidc: &Oidc, context: &Context, input: Write) -> Result<Reply, Error> {
    let (entities, groups) = (input.entity_ids.as_deref(), input.group_ids.as_deref());
    oidc.write_assignment(ns(context), &input.name, entities, groups).await?;
    Ok(Reply::empty())
}

async fn delete(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    oidc.delete_assignment(ns(context), &input.name).await?;
    Ok(Reply::empty())
}

async fn list(oidc: &Oidc, context: &Context, page: Page) -> Result<Reply, Error> {
    Ok(Reply::list(oidc.names(ns(context), Kind::Assignment, Some(ALLOW_ALL), &page.listing()).await?))
}

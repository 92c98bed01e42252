//! `identity/oidc/scope`: what applications may ask to be told.

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use crate::identity::paths::{ByName, Page, ns};
use crate::oidc::provider::entry::ScopeEntry;
use crate::oidc::{Kind, Oidc};

pub(super) fn paths() -> Vec<Path<Oidc>> {
    vec![
        Path::new("oidc/scope", "All scopes.").list(list, "List the names."),
        Path::new("oidc/scope/{name}", "One scope: what applications that have it are told.")
            .param("name", Segment::Name, "Name of the scope.")
            .exists::<ByName>(exists)
            .read(read, "Show the scope.")
            .update(write, "Make or change the scope.")
            .delete(delete, "Remove a scope that no provider has."),
    ]
}

fields! {
    /// A scope to be made or changed.
    struct Write {
        /// Name of the scope.
        name: String,
        /// Claims: a JSON object in which {{identity.entity.name}} and the like may stand for values; also as base64.
        template: Option<String>,
        /// What it is for, for people.
        description: Option<String>,
    }
}

async fn exists(oidc: &Oidc, context: &Context, input: ByName) -> Result<bool, Error> {
    Ok(oidc.named::<ScopeEntry>(ns(context), Kind::Scope, &input.name).await?.is_some())
}

async fn read(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    let found = oidc.named::<ScopeEntry>(ns(context), Kind::Scope, &input.name).await?.ok_or(Error::NotFound)?;
    let ScopeEntry { template, description, .. } = found.value;
    Ok(Reply::data(json!({ "template": template, "description": description })))
}

async fn write(oidc: &Oidc, context: &Context, input: Write) -> Result<Reply, Error> {
    let (template, description) = (input.template.as_deref(), input.description.as_deref());
    oidc.write_scope(ns(context), &input.name, template, description).await?;
    Ok(Reply::empty())
}

async fn delete(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    oidc.delete_scope(ns(context), &input.name).await?;
    Ok(Reply::empty())
}

async fn list(oidc: &Oidc, context: &Context, page: Page) -> Result<Reply, Error> {
    Ok(Reply::list(oidc.names(ns(context), Kind::Scope, None, &page.listing()).await?))
}

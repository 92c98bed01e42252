//! `identity/oidc/role`: what identity tokens say, and for whom.

use std::time::Duration;

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use crate::identity::paths::{ByName, Page, ns};
use crate::oidc::entry::RoleEntry;
use crate::oidc::roles::RoleChange;
use crate::oidc::{Kind, Oidc};

pub(super) fn paths() -> Vec<Path<Oidc>> {
    vec![
        Path::new("oidc/role", "All roles of identity tokens.").list(list, "List the names."),
        Path::new("oidc/role/{name}", "One role of identity tokens.")
            .param("name", Segment::Name, "Name of the role.")
            .exists::<ByName>(exists)
            .read(read, "Show the role.")
            .update(write, "Make or change the role.")
            .delete(delete, "Remove the role."),
    ]
}

fields! {
    /// A role to be made or changed.
    struct Write {
        /// Name of the role.
        name: String,
        /// Name of the key that signs its tokens. Needed at first.
        key: Option<String>,
        /// Further claims: a JSON object in which {{identity.entity.name}} and the like may stand for values; also as base64.
        template: Option<String>,
        /// For whom its tokens are, the claim aud. Made up when absent at first.
        client_id: Option<String>,
        /// How long its tokens are valid; 24 hours when absent at first.
        ttl: Option<Duration>,
    }
}

async fn exists(oidc: &Oidc, context: &Context, input: ByName) -> Result<bool, Error> {
    Ok(oidc.named::<RoleEntry>(ns(context), Kind::Role, &input.name).await?.is_some())
}

async fn read(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    let found = oidc.named::<RoleEntry>(ns(context), Kind::Role, &input.name).await?.ok_or(Error::NotFound)?;
    let RoleEntry { key, template, client_id, ttl_secs, .. } = found.value;
    Ok(Reply::data(json!({ "key": key, "template": template, "client_id": client_id, "ttl": ttl_secs })))
}

async fn write(oidc: &Oidc, context: &Context, input: Write) -> Result<Reply, Error> {
    let change = RoleChange { key: input.key, template: input.template, client_id: input.client_id, ttl: input.ttl };
    oidc.write_role(ns(context), &input.name, &change).await?;
    Ok(Reply::empty())
}

async fn delete(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    oidc.delete_role(ns(context), &input.name).await?;
    Ok(Reply::empty())
}

async fn list(oidc: &Oidc, context: &Context, page: Page) -> Result<Reply, Error> {
    Ok(Reply::list(oidc.names(ns(context), Kind::Role, None, &page.listing()).await?))
}

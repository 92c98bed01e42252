//! `identity/oidc/client`: the applications that people log in to.

use std::time::Duration;

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::{Map, Value, json};
use storage::READ_KEYS_MAX;

use super::Listed;
use crate::identity::paths::{ByName, Page, ns};
use crate::oidc::provider::clients::ClientChange;
use crate::oidc::provider::entry::{ClientEntry, ClientKind};
use crate::oidc::{Kind, Oidc};

pub(super) fn paths() -> Vec<Path<Oidc>> {
    vec![
        Path::new("oidc/client", "All clients.")
            .list(list, "List the names, with what is known of each but its secret."),
        Path::new("oidc/client/{name}", "One client: an application that people log in to.")
            .param("name", Segment::Name, "Name of the client.")
            .exists::<ByName>(exists)
            .read(read, "Show the client with its id and secret.")
            .update(write, "Make or change the client.")
            .delete(delete, "Remove the client: its codes and access tokens are refused from then on."),
    ]
}

fields! {
    /// A client to be made or changed.
    struct Write {
        /// Name of the client.
        name: String,
        /// Where people may be sent back to; compared character by character, but for ports on loopback.
        redirect_uris: Option<Vec<String>>,
        /// Names of assignments: who may use it. allow_all is everybody; nobody when absent at first.
        assignments: Option<Vec<String>>,
        /// Name of the key that signs its ID tokens, default if absent at first. Cannot be changed.
        key: Option<String>,
        /// How long its ID tokens are valid, at most as long as the key is published; 24 hours when absent at first.
        id_token_ttl: Option<Duration>,
        /// How long its access tokens are valid; 24 hours when absent at first.
        access_token_ttl: Option<Duration>,
        /// confidential, or public for one that cannot keep a secret and has to use PKCE. Cannot be changed.
        client_type: Option<String>,
    }
}

async fn exists(oidc: &Oidc, context: &Context, input: ByName) -> Result<bool, Error> {
    Ok(oidc.named::<ClientEntry>(ns(context), Kind::Client, &input.name).await?.is_some())
}

fn about(client: &ClientEntry) -> Map<String, Value> {
    let facts = [
        ("redirect_uris", json!(client.redirect_uris)),
        ("assignments", json!(client.assignments)),
        ("key", json!(client.key)),
        ("id_token_ttl", json!(client.id_token_ttl_secs)),
        ("access_token_ttl", json!(client.access_token_ttl_secs)),
        ("client_id", json!(client.client_id)),
        ("client_type", json!(client.kind.name())),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

async fn read(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    let found = oidc.named::<ClientEntry>(ns(context), Kind::Client, &input.name).await?.ok_or(Error::NotFound)?;
    let mut shown = about(&found.value);
    if found.value.kind == ClientKind::Confidential {
        shown.insert("client_secret".to_owned(), json!(found.value.client_secret));
    }
    Ok(Reply::data(shown.into()))
}

async fn write(oidc: &Oidc, context: &Context, input: Write) -> Result<Reply, Error> {
    let change = ClientChange {
        redirect_uris: input.redirect_uris,
        assignments: input.assignments,
        key: input.key,
        id_token_ttl: input.id_token_ttl,
        access_token_ttl: input.access_token_ttl,
        client_type: input.client_type,
    };
    oidc.write_client(ns(context), &input.name, &change).await?;
    Ok(Reply::empty())
}

async fn delete(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    oidc.delete_client(ns(context), &input.name).await?;
    Ok(Reply::empty())
}

async fn list(oidc: &Oidc, context: &Context, page: Page) -> Result<Reply, Error> {
    let listing = page.listing();
    let names = oidc.names(ns(context), Kind::Client, None, &listing).await?;
    let mut listed = Listed::new(listing.limit);
    for names in names.chunks(READ_KEYS_MAX) {
        let found = oidc.all_named::<ClientEntry>(ns(context), Kind::Client, names).await?;
        for (name, found) in names.iter().zip(found) {
            // One that has gone meanwhile is a name without anything known.
            listed.add(name, found.map(|found| about(&found.value)).unwrap_or_default().into())?;
        }
    }
    Ok(listed.into())
}

//! `identity/oidc/token` and `identity/oidc/introspect`: a token about the caller, and a look at any.

use framework::{Context, Error, Path, Reply, Segment, fields};
use secret::Secret;
use serde_json::json;

use crate::identity::paths::ByName;
use crate::oidc::Oidc;

pub(super) fn paths() -> Vec<Path<Oidc>> {
    vec![
        Path::new("oidc/token/{name}", "An identity token about the caller.")
            .param("name", Segment::Name, "Name of the role.")
            .read(read, "Make a token about the entity behind the caller's token."),
        Path::new("oidc/introspect", "Whether an identity token is valid.")
            .update(introspect, "Verify a token, and that its entity may still be used."),
    ]
}

fields! {
    /// A token to be looked at.
    struct Introspect {
        /// The identity token.
        token: Option<Secret<String>> => secret,
        /// For whom it has to be; anybody when absent.
        client_id: Option<String>,
    }
}

async fn read(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    let issued = oidc.issue(&context.namespace, &input.name, &context.caller.entity_id).await?;
    Ok(Reply::data(json!({ "token": issued.token, "client_id": issued.client_id, "ttl": issued.ttl_secs })))
}

/// The answer has no envelope (documented Vault behavior).
async fn introspect(oidc: &Oidc, context: &Context, input: Introspect) -> Result<Reply, Error> {
    let token = input.token.unwrap_or_else(|| Secret::new(String::new()));
    let audience = input.client_id.as_deref().filter(|id| !id.is_empty());
    let answer = match oidc.fault(&context.namespace, token.expose(), audience).await? {
        None => json!({ "active": true }),
        Some(fault) => json!({ "active": false, "error": fault }),
    };
    Ok(Reply::data(answer).bare())
}

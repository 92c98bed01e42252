//! `sys/wrapping/`: what can be done with the token of a wrapped reply. Any token that is not one, is used up or has
//! expired gets the same answer.

use std::sync::Arc;

use framework::{Context, Error, Path, Reply, fields};
use secret::Secret;
use serde_json::json;

use crate::tokens::Resolved;
use crate::wrapping::{Wrapping, invalid};

pub(super) fn paths() -> Vec<Path<Wrapping>> {
    vec![
        Path::new("wrapping/wrap", "Any data as a wrapped reply.").update(wrap, "Wrap what is in the body."),
        Path::new("wrapping/lookup", "What a wrapping token says of itself.")
            .unauthenticated()
            .takes_wrapping_token()
            .read(lookup, "Show where the token comes from, and how long it lasts.")
            .update(lookup, "Show where the token comes from, and how long it lasts."),
        Path::new("wrapping/unwrap", "The reply in a wrapping token, once.")
            .takes_wrapping_token()
            .update(unwrap, "Open the reply; the token is used up."),
        Path::new("wrapping/rewrap", "A fresh token for a wrapped reply.")
            .takes_wrapping_token()
            .update(rewrap, "Move the reply to a fresh token; the old one is used up."),
    ]
}

fields! {
    /// What to wrap.
    struct Anything {
        ..data
    }
}

fields! {
    /// A wrapping token.
    struct ByToken {
        /// The wrapping token. The caller's own token when absent.
        token: Secret<String> = Secret::default() => secret,
    }
}

async fn wrap(_: &Wrapping, context: &Context, input: Anything) -> Result<Reply, Error> {
    if context.wrap_ttl.is_none() {
        return Err(Error::invalid("endpoint requires response wrapping to be used: set the header X-Vault-Wrap-TTL"));
    }
    Ok(Reply::data(input.data.into()))
}

async fn lookup(wrapping: &Wrapping, context: &Context, input: ByToken) -> Result<Reply, Error> {
    let token = named(wrapping, context, &input.token).await?;
    Ok(Reply::data(json!({
        "creation_path": token.entry.path,
        "creation_time": framework::view::from_stored(token.entry.created),
        "creation_ttl": token.entry.ttl_secs,
    })))
}

async fn unwrap(wrapping: &Wrapping, context: &Context, input: ByToken) -> Result<Reply, Error> {
    let token = named(wrapping, context, &input.token).await?;
    wrapping.open(token).await
}

async fn rewrap(wrapping: &Wrapping, context: &Context, input: ByToken) -> Result<Reply, Error> {
    let token = named(wrapping, context, &input.token).await?;
    wrapping.rewrap(token).await
}

/// The token that a request names, or that it came with.
async fn named(wrapping: &Wrapping, context: &Context, token: &Secret<String>) -> Result<Arc<Resolved>, Error> {
    let own = context.caller.token.as_ref();
    let text = if token.expose().is_empty() { own } else { Some(token) };
    wrapping.resolve(text.ok_or_else(invalid)?.expose()).await
}

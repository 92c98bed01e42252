//! What is published for those who verify identity tokens (OpenID Connect Discovery 1.0 §4): who issues them, and the
//! public keys. Without a token, without an envelope, and for caches.

use framework::input::Nothing;
use framework::{Context, Error, Path, Reply};
use jose::Algorithm;
use serde_json::{Value, json};

use crate::oidc::published::Published;
use crate::oidc::signing::ALGORITHMS;
use crate::oidc::{Kind, Oidc};

/// How long the description may be kept, in seconds.
pub(super) const CACHE_SECS: i64 = 3600;

pub(super) fn paths() -> Vec<Path<Oidc>> {
    vec![
        Path::new("oidc/.well-known/openid-configuration", "Who issues identity tokens, and how.")
            .unauthenticated()
            .read(discovery, "Show it as OpenID Connect Discovery says."),
        Path::new("oidc/.well-known/keys", "The public keys of identity tokens.")
            .unauthenticated()
            .read(keys, "Show them as a JSON Web Key Set."),
    ]
}

async fn discovery(oidc: &Oidc, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let issuer = oidc.issuer(&context.namespace).await?;
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/keys"),
        "id_token_signing_alg_values_supported": ALGORITHMS.map(Algorithm::name),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    });
    public(&document, CACHE_SECS)
}

async fn keys(oidc: &Oidc, context: &Context, _: Nothing) -> Result<Reply, Error> {
    key_set(&oidc.published(&context.namespace.id, Kind::Role).await?)
}

/// Public keys as a JSON Web Key Set (RFC 7517 §5).
pub(super) fn key_set(published: &Published) -> Result<Reply, Error> {
    public(&json!({ "keys": published.keys }), published.cache_secs)
}

/// A document for everybody, good for so many seconds.
pub(super) fn public(document: &Value, secs: i64) -> Result<Reply, Error> {
    let body = framework::view::encode(document)?;
    let reply = Reply::body(api::header::JSON, body);
    Ok(reply.with_header("Cache-Control", if secs > 0 { format!("max-age={secs}") } else { "no-store".to_owned() }))
}

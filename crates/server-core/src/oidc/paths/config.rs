//! `identity/oidc/config`: who issues the tokens of a namespace.

use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, fields};
use serde_json::json;

use crate::identity::paths::ns;
use crate::oidc::Oidc;

/// What comes with an issuer of the operator's.
const WARNING: &str = "All tokens name this issuer, and have to be verified against it. Setting \"issuer\" to \"\" restores the default: the cluster's api_addr.";

pub(super) fn paths() -> Vec<Path<Oidc>> {
    vec![
        Path::new("oidc/config", "Who issues the tokens of this namespace.")
            .read(read, "Show the issuer.")
            .update(write, "Set the issuer."),
    ]
}

fields! {
    /// The issuer.
    struct Write {
        /// Scheme, host, and perhaps port and path, for the claim iss. Empty for the cluster's own address.
        issuer: Option<String>,
    }
}

async fn read(oidc: &Oidc, context: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ "issuer": oidc.configured_issuer(ns(context)).await? })))
}

async fn write(oidc: &Oidc, context: &Context, input: Write) -> Result<Reply, Error> {
    let Some(issuer) = input.issuer else { return Ok(Reply::empty()) };
    oidc.set_issuer(ns(context), &issuer).await?;
    let reply = Reply::empty();
    Ok(if issuer.is_empty() { reply } else { reply.warn(WARNING) })
}

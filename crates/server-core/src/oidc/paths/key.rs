//! `identity/oidc/key`: the keys that sign. Their private halves are told to nobody.

use std::time::Duration;

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use crate::identity::paths::{ByName, Page, ns};
use crate::oidc::signing::{DEFAULT, KeyChange};
use crate::oidc::{Kind, Oidc};

pub(super) fn paths() -> Vec<Path<Oidc>> {
    vec![
        Path::new("oidc/key", "All keys that sign tokens.").list(list, "List the names."),
        Path::new("oidc/key/{name}", "One key that signs tokens.")
            .param("name", Segment::Name, "Name of the key.")
            .exists::<ByName>(exists)
            .read(read, "Show how the key is used; never the key itself.")
            .update(write, "Make or change the key.")
            .delete(delete, "Remove a key that no role or client uses."),
        Path::new("oidc/key/{name}/rotate", "The next rotation of a key, now.")
            .param("name", Segment::Name, "Name of the key.")
            .update(rotate, "Have the next key sign from now on."),
    ]
}

fields! {
    /// A key to be made or changed.
    struct Write {
        /// Name of the key.
        name: String,
        /// How often another key signs, at least a minute. 24 hours when absent at first.
        rotation_period: Option<Duration>,
        /// How long a key is published once it signs no more, at most ten times rotation_period. 24 hours when absent at first.
        verification_ttl: Option<Duration>,
        /// RS256, RS384, RS512, ES256, ES384, ES512 or EdDSA; RS256 when absent at first.
        algorithm: Option<String>,
        /// Client ids of the roles and clients that may use the key; * for all. None when absent at first.
        allowed_client_ids: Option<Vec<String>>,
    }
}

fields! {
    /// A rotation.
    struct Rotate {
        /// Name of the key.
        name: String,
        /// How long the present key is still published, if not as long as the key says.
        verification_ttl: Option<Duration>,
    }
}

async fn exists(oidc: &Oidc, context: &Context, input: ByName) -> Result<bool, Error> {
    Ok(oidc.key_settings(ns(context), &input.name).await?.is_some())
}

async fn read(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    let key = oidc.key_settings(ns(context), &input.name).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(json!({
        "rotation_period": key.rotation_secs,
        "verification_ttl": key.verification_secs,
        "algorithm": key.algorithm.name(),
        "allowed_client_ids": key.allowed_client_ids,
    })))
}

async fn write(oidc: &Oidc, context: &Context, input: Write) -> Result<Reply, Error> {
    let change = KeyChange {
        rotation: input.rotation_period,
        verification: input.verification_ttl,
        algorithm: input.algorithm,
        allowed_client_ids: input.allowed_client_ids,
    };
    oidc.write_key(ns(context), &input.name, &change).await?;
    Ok(Reply::empty())
}

async fn delete(oidc: &Oidc, context: &Context, input: ByName) -> Result<Reply, Error> {
    oidc.delete_key(ns(context), &input.name).await?;
    Ok(Reply::empty())
}

async fn rotate(oidc: &Oidc, context: &Context, input: Rotate) -> Result<Reply, Error> {
    oidc.rotate_key(ns(context), &input.name, input.verification_ttl).await?;
    Ok(Reply::empty())
}

async fn list(oidc: &Oidc, context: &Context, page: Page) -> Result<Reply, Error> {
    Ok(Reply::list(oidc.names(ns(context), Kind::Key, Some(DEFAULT), &page.listing()).await?))
}

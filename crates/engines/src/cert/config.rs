//! The method's settings.

use framework::input::Nothing;
use framework::view::encode;
use framework::{Context, Error, Path, Reply, fields, retry};
use serde_json::json;

use super::Cert;
use super::entry::{CONFIG, find_config};

/// What responders have said of so many certificates can be kept (documented Vault bounds).
const CACHE_SIZES: std::ops::RangeInclusive<u64> = 2..=100_000;

fields! {
    /// The settings; what is absent stays.
    struct Settings {
        /// Whether a token can be renewed without the certificate that it was made for.
        disable_binding: Option<bool>,
        /// Whether the metadata of a login is kept with the alias of the entity, too, for templates of policies.
        enable_identity_alias_metadata: Option<bool>,
        /// Of how many certificates it is kept in memory what a responder has said.
        ocsp_cache_size: Option<u64>,
        /// Kept and shown; roles are read anew at each login.
        role_cache_size: Option<i64>,
    }
}

pub(super) fn path() -> Path<Cert> {
    Path::new("config", "The settings of the method.")
        .read(read, "Show the settings.")
        .update(write, "Change the settings.")
}

async fn read(_: &Cert, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let (config, _) = find_config(&context.view).await?;
    Ok(Reply::data(json!({
        "disable_binding": config.disables_binding,
        "enable_identity_alias_metadata": config.has_alias_metadata,
        "ocsp_cache_size": config.ocsp_cache_size,
        "role_cache_size": config.role_cache_size,
    })))
}

async fn write(_: &Cert, context: &Context, input: Settings) -> Result<Reply, Error> {
    if input.ocsp_cache_size.is_some_and(|size| !CACHE_SIZES.contains(&size)) {
        let (min, max) = (CACHE_SIZES.start(), CACHE_SIZES.end());
        return Err(Error::Invalid(format!("invalid cache size, must be >= {min} and <= {max}").into()));
    }
    retry!(_ => {
        let (mut config, stored) = find_config(&context.view).await?;
        config.disables_binding = input.disable_binding.unwrap_or(config.disables_binding);
        config.has_alias_metadata = input.enable_identity_alias_metadata.unwrap_or(config.has_alias_metadata);
        config.ocsp_cache_size = input.ocsp_cache_size.unwrap_or(config.ocsp_cache_size);
        config.role_cache_size = input.role_cache_size.unwrap_or(config.role_cache_size);
        let known = stored.map(|stored| stored.revision());
        context.view.changes().put(CONFIG, known, encode(&config)?).commit().await?;
        Ok(Reply::empty())
    })
}

//! `config`: the settings of the whole mount.

use framework::field::SignedNanos;
use framework::input::Nothing;
use framework::view::encode;
use framework::{Context, Error, Path, Reply, fields, retry};

use super::Versioned;
use super::entry::{CONFIG, Config};

fields! {
    /// Changes settings of the mount.
    struct WriteConfig {
        /// How many versions of a secret are kept, from 0 to 24000; 0 is the default of 10.
        max_versions: Option<u32>,
        /// Whether every write must carry a check-and-set parameter.
        cas_required: Option<bool>,
        /// Whether every write below metadata/ must carry the parameter metadata_cas.
        metadata_cas_required: Option<bool>,
        /// After how long a new version is deleted; 0s is never, and below zero no secret can ask for it either.
        delete_version_after: Option<SignedNanos>,
    }
}

pub(super) fn item() -> Path<Versioned> {
    Path::new("config", "Settings of the whole mount.")
        .harmless_reads()
        .read::<Nothing>(read, "Read the settings of the mount.")
        .update::<WriteConfig>(write, "Change settings of the mount; those that are not given stay.")
}

async fn read(_: &Versioned, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let stored = context.view.get(CONFIG).await?;
    let config: Config = stored.map(|stored| stored.json()).transpose()?.unwrap_or_default();
    Ok(Reply::data(config.settings.show().into()))
}

async fn write(_: &Versioned, context: &Context, input: WriteConfig) -> Result<Reply, Error> {
    retry!(_ => {
        let stored = context.view.get(CONFIG).await?;
        let known = stored.as_ref().map(framework::Stored::revision);
        let mut config: Config = stored.map(|stored| stored.json()).transpose()?.unwrap_or_default();
        if let Some(count) = input.max_versions {
            config.settings.set_max_versions(count)?;
        }
        if let Some(required) = input.cas_required {
            config.settings.cas_required = required;
        }
        if let Some(required) = input.metadata_cas_required {
            config.settings.metadata_cas_required = required;
        }
        if let Some(after) = input.delete_version_after {
            config.settings.set_delete_after(after);
        }
        context.view.changes().put(CONFIG, known, encode(&config)?).commit().await
    })?;
    Ok(Reply::empty())
}

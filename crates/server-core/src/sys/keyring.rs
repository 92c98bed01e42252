//! `sys/key-status`, `sys/rotate` and `sys/rotate/config`: the barrier's keyring.

use std::time::Duration;

use api::Timestamp;
use framework::input::Nothing;
use framework::view::from_barrier;
use framework::{Context, Error, Path, Reply, fields};
use serde_json::json;

use super::SealPart;
use crate::rotation::RotationChange;

pub(super) fn paths() -> Vec<Path<SealPart>> {
    vec![
        Path::new("key-status", "The active term of the keyring.")
            .root_only()
            .read(read_status, "Show the active term, its age and its use."),
        Path::new("rotate", "Adds a term to the keyring.").sudo().root_only().update(write_rotate, "Add a term."),
        Path::new("rotate/keyring", "Adds a term to the keyring.")
            .sudo()
            .root_only()
            .update(write_rotate, "Add a term."),
        Path::new("rotate/config", "When the keyring gets a term by itself.")
            .root_only()
            .read(read_config, "Show when.")
            .update(write_config, "Change when."),
    ]
}

fields! {
    /// When the keyring is rotated. What is left out stays as it is.
    struct Config {
        /// How many entries a term seals at most: from 1,000,000 to 3,865,470,566.
        max_operations: Option<i64>,
        /// How old a term gets, at least 24h; 0 is any age.
        interval: Option<Duration>,
        /// Whether the keyring is rotated by itself at all.
        enabled: Option<bool>,
    }
}

async fn read_status(part: &SealPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let status = part.seals.control.barrier().key_status().map_err(from_barrier)?;
    let body = json!({
        "term": status.term,
        "install_time": Timestamp::from(status.install_time).to_string(),
        "encryptions": status.encryptions,
    });
    Ok(Reply::data(body).mirrored())
}

async fn write_rotate(part: &SealPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let rotated = part.seals.control.barrier().rotate().await;
    rotated.map_err(|source| Error::world("rotate the keyring", source))?;
    Ok(Reply::empty())
}

async fn read_config(part: &SealPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let entry = part.seals.rotation.read().await?;
    // Documented Vault behavior: a text, or the number 0.
    let interval = match entry.interval_secs {
        0 => json!(0),
        secs => json!(api::duration::format(Duration::from_secs(secs))),
    };
    let body = json!({ "enabled": entry.is_enabled, "interval": interval, "max_operations": entry.operations_max });
    Ok(Reply::data(body))
}

async fn write_config(part: &SealPart, _: &Context, input: Config) -> Result<Reply, Error> {
    let change =
        RotationChange { is_enabled: input.enabled, operations_max: input.max_operations, interval: input.interval };
    part.seals.rotation.change(&change).await?;
    Ok(Reply::empty())
}

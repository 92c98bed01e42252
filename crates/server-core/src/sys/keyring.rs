//! `sys/key-status` and `sys/rotate`: the barrier's keyring.

use api::Timestamp;
use framework::input::Nothing;
use framework::view::from_barrier;
use framework::{Context, Error, Path, Reply};
use serde_json::json;

use super::SealPart;

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
    ]
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

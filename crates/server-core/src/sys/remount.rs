//! `sys/remount`: moving a mount, and what became of a move. The widespread clients ask for the status in a loop until
//! it is no longer in progress; here the move is done when the first reply comes.

use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::json;

use super::MountsPart;

pub(super) fn paths() -> Vec<Path<MountsPart>> {
    vec![
        Path::new("remount", "Moving a mount to another path.").sudo().update(remount, "Move it."),
        Path::new("remount/status/{migration_id}", "What became of a move.")
            .param("migration_id", Segment::Name, "As the move's reply told it. It is known for a day.")
            .read(read_status, "Show it."),
    ]
}

fields! {
    /// A mount to be moved.
    struct Remount {
        /// Where it is mounted; auth methods with auth/ in front.
        from: String = String::new(),
        /// Where it is to be mounted.
        to: String = String::new(),
    }
}

fields! {
    /// A move.
    struct Migration {
        /// As the move's reply told it.
        migration_id: String,
    }
}

async fn remount(part: &MountsPart, context: &Context, input: Remount) -> Result<Reply, Error> {
    let id = part.mounts.remount(&context.namespace, &input.from, &input.to).await?;
    let text = "Mount move is complete. Policies and clients that name the old path have to be changed by hand.";
    Ok(Reply::data(json!({ "migration_id": id })).mirrored().warn(text))
}

async fn read_status(part: &MountsPart, context: &Context, input: Migration) -> Result<Reply, Error> {
    let found = part.mounts.remounted(&context.namespace.id, &input.migration_id).await?;
    let found = found.ok_or(Error::NotFound)?;
    let info = json!({ "source_mount": found.from, "target_mount": found.to, "status": "success" });
    Ok(Reply::data(json!({ "migration_id": input.migration_id, "migration_info": info })))
}

//! `sys/rotations/failing`: the secrets that engines could not rotate the last time they tried.

use std::sync::Arc;

use framework::{Context, Error, Path, Reply, fields};
use serde_json::json;

use crate::rotations::{Failing, Rotations};

/// How many are listed when nobody says.
const LISTED: usize = 1_000;
/// The most that one reply lists.
const LISTED_MAX: usize = 10_000;

pub(super) fn path() -> Path<Arc<Rotations>> {
    Path::new("rotations/failing", "Secrets that could not be rotated.").sudo().read(list, "List them.")
}

fields! {
    /// Which to list.
    struct List {
        /// Lists only those behind this id.
        after: String = String::new(),
        /// The most to list, at most 10000; 1000 when zero or less.
        limit: i64 = 0,
    }
}

async fn list(rotations: &Arc<Rotations>, context: &Context, input: List) -> Result<Reply, Error> {
    let limit = usize::try_from(input.limit).ok().filter(|limit| *limit > 0).unwrap_or(LISTED).min(LISTED_MAX);
    let (failing, has_more) = rotations.failing(&context.namespace.id, &input.after, limit).await?;
    let shown: Vec<_> = failing.iter().map(show).collect();
    let reply = Reply::data(json!({ "rotation_count": shown.len(), "rotations": shown }));
    Ok(match failing.last().filter(|_| has_more) {
        Some(last) => reply.warn(format!("There are more than {limit}: go on with \"after\" set to {}.", last.id)),
        None => reply,
    })
}

fn show(failing: &Failing) -> serde_json::Value {
    let Failing { id, name, mount, status } = failing;
    json!({
        "id": id,
        "mount_path": mount.point(),
        "mount_type": mount.settings.engine_type,
        "mount_accessor": mount.settings.accessor,
        "name": name,
        "failures": status.failures,
        "error": status.error,
        "last_vault_rotation": status.last.map(|time| time.to_string()),
        "next_vault_rotation": status.next.map(|time| time.to_string()),
    })
}

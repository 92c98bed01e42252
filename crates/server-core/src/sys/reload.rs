//! `sys/config/reload/<subsystem>`: what a hang-up signal does, part by part, for those who cannot send one.

use std::sync::Arc;

use framework::{Context, Error, Path, Reply, Segment, fields};

use crate::reloads::{Reloads, Subsystem};

pub(super) fn paths() -> Vec<Path<Arc<Reloads>>> {
    vec![
        Path::new("config/reload/{subsystem}", "Parts of the server that read their files anew.")
            .param("subsystem", Segment::Name, "listeners (or tls), log, audit, bootstrap or license.")
            .sudo()
            .root_only()
            .update(reload, "Have one read them."),
    ]
}

fields! {
    /// What to reload.
    struct Which {
        /// listeners (or tls), log, audit, bootstrap or license.
        subsystem: String,
    }
}

async fn reload(reloads: &Arc<Reloads>, _: &Context, input: Which) -> Result<Reply, Error> {
    let subsystem = match input.subsystem.as_str() {
        "listeners" | "tls" => Subsystem::Listeners,
        "log" => Subsystem::Log,
        "audit" => Subsystem::Audit,
        "bootstrap" => Subsystem::Declarations,
        // There is none, and so nothing to do, as in Vault where none is needed.
        "license" => return Ok(Reply::empty()),
        _ => return Err(Error::Unrouted("unsupported path".into())),
    };
    reloads.order(subsystem).await?;
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests;

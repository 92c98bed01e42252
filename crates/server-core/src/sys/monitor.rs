//! `sys/monitor`: the log of this node as it is written, for whoever may see it. It ends with the client or the node.
//! What is in the log is no secret, by the rules of the log; who watches changes nothing of what is written elsewhere.

use std::sync::Arc;

use framework::{Context, Error, Path, Reply, fields};

use super::loggers;
use crate::process::LogLevels;

/// Whatever the format: it is lines.
const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// For this endpoint.
pub(crate) struct MonitorPart(pub(crate) Arc<dyn LogLevels>);

pub(super) fn paths() -> Vec<Path<MonitorPart>> {
    vec![
        Path::new("monitor", "The log of this node, as it is written.")
            .root_only()
            .read(read, "Follow it until the connection is closed."),
    ]
}

fields! {
    /// What to show of it.
    struct Wanted {
        /// The least important level: trace, debug, info, warn or error. Default info.
        log_level: Option<String>,
        /// "standard" for text, "json" for one object a line. Default standard.
        log_format: Option<String>,
    }
}

async fn read(part: &MonitorPart, _: &Context, input: Wanted) -> Result<Reply, Error> {
    let level = input.log_level.filter(|level| !level.is_empty());
    let level = loggers::parse(Some(level.unwrap_or_else(|| "info".to_owned())))?;
    let is_json = match input.log_format.as_deref().unwrap_or_default() {
        "" | "standard" => false,
        "json" => true,
        other => return Err(Error::Invalid(format!("invalid log format provided: \"{other}\"").into())),
    };
    let lines = part.0.follow(level, is_json);
    let lines = lines.ok_or_else(|| Error::TooMany("as many watch the log already as may".into()))?;
    Ok(Reply::stream(CONTENT_TYPE, lines))
}

#[cfg(test)]
mod tests;

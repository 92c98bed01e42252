//! `sys/config/state/sanitized`: what the node was configured with, without anything secret. What may be shown is
//! decided where the configuration is known, by a list of what is allowed; here it only passes through.

use framework::input::Nothing;
use framework::{Context, Error, Path, Reply};
use serde_json::{Map, Value};

/// For this endpoint.
pub(crate) struct ConfigPart(pub(crate) Map<String, Value>);

pub(super) fn paths() -> Vec<Path<ConfigPart>> {
    vec![
        Path::new("config/state/sanitized", "The configuration of this node, without secrets.")
            .root_only()
            .read(read, "Show it."),
    ]
}

async fn read(part: &ConfigPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(Value::Object(part.0.clone())))
}

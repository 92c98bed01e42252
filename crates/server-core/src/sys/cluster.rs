//! What clients and user interfaces ask about a cluster before they show it: its nodes, its replication, and the
//! engines that it could mount. Each answer is true of a server that replicates nothing and has no plugins.

use std::sync::Arc;

use framework::input::Nothing;
use framework::{Context, Error, Kind, Path, Reply, Segment, fields};
use serde_json::{Value, json};

use crate::mounts::{EngineType, Mounts, is_permanent};
use crate::node::Node;
use crate::process::Host;

/// For these endpoints.
pub(crate) struct ClusterPart {
    pub(crate) node: Arc<Node>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) mounts: Arc<Mounts>,
}

const REPLICATION: &str = "Replication between clusters, which does not exist.";

pub(super) fn paths() -> Vec<Path<ClusterPart>> {
    vec![
        Path::new("ha-status", "The nodes of the cluster.").root_only().read(read_nodes, "Show them."),
        Path::new("internal/ui/version", "The level of the API that the server speaks.")
            .root_only()
            .read(read_version, "Show it."),
        Path::new("replication/status", REPLICATION).unauthenticated().root_only().read(read_replication, "Show so."),
        Path::new("replication/dr/status", REPLICATION).unauthenticated().root_only().read(read_mode, "Show so."),
        Path::new("replication/performance/status", REPLICATION)
            .unauthenticated()
            .root_only()
            .read(read_mode, "Show so."),
        Path::new("plugins/catalog", "The engines that can be mounted. All are part of the server.")
            .root_only()
            .read(read_catalog, "Show them."),
        Path::new("plugins/catalog/{type}", "The engines of one kind.")
            .param("type", Segment::Name, "secret, auth or database.")
            .sudo()
            .root_only()
            .list(list_kind, "List them."),
        Path::new("plugins/catalog/{type}/{name}", "One engine.")
            .param("type", Segment::Name, "secret, auth or database.")
            .param("name", Segment::Name, "The engine type.")
            .sudo()
            .root_only()
            .read(read_plugin, "Show it."),
    ]
}

fields! {
    /// A kind of engines.
    struct OfKind {
        /// secret, auth or database.
        r#type: String,
    }
}

fields! {
    /// An engine.
    struct Plugin {
        /// secret, auth or database.
        r#type: String,
        /// The engine type.
        name: String,
    }
}

async fn read_nodes(part: &ClusterPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let node = json!({
        "hostname": part.host.name(),
        "api_address": part.node.api_address,
        "cluster_address": "",
        "active_node": true,
        "last_echo": null,
        "echo_duration_ms": 0,
        "clock_skew_ms": 0,
        "version": part.node.api_version,
    });
    Ok(Reply::data(json!({ "nodes": [node] })).mirrored())
}

async fn read_version(part: &ClusterPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ "version": part.node.api_version, "strongroom_version": part.node.version })))
}

async fn read_replication(_: &ClusterPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let off = json!({ "mode": "disabled" });
    Ok(Reply::data(json!({ "mode": "disabled", "dr": off, "performance": off })))
}

async fn read_mode(_: &ClusterPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ "mode": "disabled" })))
}

async fn read_catalog(part: &ClusterPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let names = |kind| part.types(kind).map(|it| it.name).collect::<Vec<_>>();
    let detailed: Vec<_> =
        [Kind::Auth, Kind::Secrets].into_iter().flat_map(|kind| part.types(kind)).map(show).collect();
    let (auth, secret) = (names(Kind::Auth), names(Kind::Secrets));
    Ok(Reply::data(json!({ "auth": auth, "database": [], "secret": secret, "detailed": detailed })))
}

async fn list_kind(part: &ClusterPart, _: &Context, input: OfKind) -> Result<Reply, Error> {
    let kind = parse_kind(&input.r#type)?;
    Ok(Reply::list(kind.map_or_else(Vec::new, |kind| part.types(kind).map(|it| it.name.to_owned()).collect())))
}

async fn read_plugin(part: &ClusterPart, _: &Context, input: Plugin) -> Result<Reply, Error> {
    let kind = parse_kind(&input.r#type)?.ok_or(Error::NotFound)?;
    let found = part.types(kind).find(|it| it.name == input.name).ok_or(Error::NotFound)?;
    let mut shown = show(found);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("args".to_owned(), Value::Null);
        shown.insert("command".to_owned(), json!(""));
        shown.insert("sha256".to_owned(), json!(""));
    }
    Ok(Reply::data(shown))
}

/// `None` for the kind of which there are none.
fn parse_kind(name: &str) -> Result<Option<Kind>, Error> {
    match name {
        "secret" => Ok(Some(Kind::Secrets)),
        "auth" => Ok(Some(Kind::Auth)),
        "database" => Ok(None),
        other => Err(Error::Invalid(format!("\"{other}\" is not a supported plugin type").into())),
    }
}

fn show(engine: &EngineType) -> Value {
    json!({
        "name": engine.name,
        "type": match engine.kind {
            Kind::Secrets => "secret",
            Kind::Auth => "auth",
        },
        "builtin": true,
        "version": "",
        "deprecation_status": "supported",
    })
}

impl ClusterPart {
    /// The engine types that operators can mount, by name.
    fn types(&self, kind: Kind) -> impl Iterator<Item = &EngineType> {
        let mut types: Vec<_> =
            self.mounts.types().iter().filter(|it| it.kind == kind && !is_permanent(it.name)).collect();
        types.sort_by_key(|it| it.name);
        types.into_iter()
    }
}

#[cfg(test)]
mod tests;

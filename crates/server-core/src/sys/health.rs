//! `sys/health`, `sys/leader`, `sys/step-down`: what load balancers and clients ask before anything else.

use api::Timestamp;
use barrier::seal::SealStatus;
use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, Status, fields};
use serde_json::{Value, json};

use super::SealPart;
use crate::node::Node;
use crate::seals::from_unseal;

pub(super) fn paths() -> Vec<Path<SealPart>> {
    vec![
        Path::new("health", "Whether this node can be used, as a status code.")
            .while_sealed()
            .urgent()
            .root_only()
            .read(read_health, "Show the node's state; the status code says it too."),
        Path::new("leader", "Which node serves. Every unsealed node does.")
            .while_sealed()
            .urgent()
            .root_only()
            .read(read_leader, "Show this node's address."),
        Path::new("step-down", "Kept for scripts: there is no leader that could step down.")
            .sudo()
            .root_only()
            .update(write_step_down, "Do nothing, successfully."),
    ]
}

fields! {
    /// The status codes to answer instead of the usual ones.
    pub(crate) struct Health {
        /// Whether a standby counts as active. Every unsealed node is active.
        standbyok: bool = false,
        /// Whether a performance standby counts as active. Every unsealed node is active.
        perfstandbyok: bool = false,
        /// The code of an active node. Usually 200.
        activecode: Option<u16>,
        /// The code of a standby, of which there are none.
        standbycode: Option<u16>,
        /// The code of a disaster recovery secondary, of which there are none.
        drsecondarycode: Option<u16>,
        /// The code of a performance standby, of which there are none.
        performancestandbycode: Option<u16>,
        /// The code of a node removed from its cluster, of which there are none.
        removedcode: Option<u16>,
        /// The code of a standby that has lost its leader, of which there are none.
        haunhealthycode: Option<u16>,
        /// The same under the name that a widespread client library sends.
        haunhealhty: Option<u16>,
        /// The code of a sealed node. Usually 503.
        sealedcode: Option<u16>,
        /// The code of a node that is not initialized. Usually 501.
        uninitcode: Option<u16>,
    }
}

/// Statuses that a reply can have; others would break the connection.
const CODES: std::ops::RangeInclusive<u16> = 200..=599;

async fn read_health(part: &SealPart, context: &Context, input: Health) -> Result<Reply, Error> {
    let status = part.seals.control.status().await.map_err(from_unseal)?;
    let mut body = body(&status, &part.node, context);
    let declared = part.seals.bootstrap.get().word();
    if let (Some(word), Some(body)) = (declared, body.as_object_mut()) {
        body.insert("bootstrap".to_owned(), json!(word));
    }
    if let (Ok(cluster), Some(body)) = (part.seals.identity.cluster(), body.as_object_mut()) {
        body.insert("cluster_name".to_owned(), json!(cluster.name));
        body.insert("cluster_id".to_owned(), json!(cluster.id));
    }
    Ok(Reply::data(body).bare().with_status(input.code(status.initialized, !status.sealed)?))
}

impl Health {
    /// The status code for a node that serves or does not.
    ///
    /// # Errors
    /// When the caller asks for one that no reply can have.
    pub(crate) fn code(&self, is_initialized: bool, serves: bool) -> Result<Status, Error> {
        let code = match (is_initialized, serves) {
            (false, _) => self.uninitcode.unwrap_or(501),
            (true, false) => self.sealedcode.unwrap_or(503),
            (true, true) => self.activecode.unwrap_or(200),
        };
        if !CODES.contains(&code) {
            return Err(Error::Invalid(format!("status code {code} is not one of 200 to 599").into()));
        }
        Ok(Status::Code(code))
    }
}

/// What a node tells of its health.
pub(crate) fn body(status: &SealStatus, node: &Node, context: &Context) -> Value {
    json!({
        "initialized": status.initialized,
        "sealed": status.sealed,
        "standby": false,
        "performance_standby": false,
        "replication_performance_mode": if status.sealed { "unknown" } else { "disabled" },
        "replication_dr_mode": if status.sealed { "unknown" } else { "disabled" },
        "server_time_utc": Timestamp::from(context.env.now()).unix_secs(),
        "version": node.api_version,
        "strongroom_version": node.version,
        "enterprise": false,
        "echo_duration_ms": 0,
        "clock_skew_ms": 0,
        "replication_primary_canary_age_ms": 0,
    })
}

/// The same while sealed: clients take a refusal for a cluster that has lost its leader.
async fn read_leader(part: &SealPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let body = json!({
        "ha_enabled": false,
        "is_self": true,
        "active_time": "0001-01-01T00:00:00Z",
        "leader_address": part.node.api_address,
        "leader_cluster_address": "",
        "performance_standby": false,
        "performance_standby_last_remote_wal": 0,
    });
    Ok(Reply::data(body).bare())
}

async fn write_step_down(_: &SealPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::empty())
}

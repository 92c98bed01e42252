//! The configuration as anybody may see it who may see `sys/config/state/sanitized`: in Vault's names, made from what
//! the server really runs with. What is shown stands here by name; what is not here is not shown, new settings included.

use http_api::{Endpoint, ListenerConfig};
use serde_json::{Map, Value, json};

use super::plan::{Plan, SealPlan};
use crate::config::Telemetry;

/// What `plan` may show. `storage_type` is the name of the store.
pub(super) fn config(plan: &Plan, storage_type: &str) -> Map<String, Value> {
    let seal_type = match plan.seal {
        SealPlan::Shamir => "shamir",
        SealPlan::Static(_) => "static",
    };
    let shown = [
        ("api_addr", json!(plan.api_address())),
        ("api_version", json!(plan.api_version)),
        ("cache_size_bytes", json!(plan.cache_bytes)),
        ("cluster_name", json!(plan.cluster_name.as_deref().unwrap_or_default())),
        ("default_lease_ttl", json!(plan.default_lease_ttl.as_secs())),
        ("disable_cache", json!(plan.cache_bytes == 0)),
        ("enable_ui", json!(false)),
        ("listeners", plan.listeners.iter().map(listener).collect()),
        ("log_file", json!(plan.log.file.as_ref().map(|it| it.path.display().to_string()).unwrap_or_default())),
        ("log_format", json!(if plan.log.is_json { "json" } else { "standard" })),
        ("log_level", json!(plan.log.level.to_string())),
        ("max_lease_ttl", json!(plan.max_lease_ttl.as_secs())),
        ("pid_file", json!(plan.pid_file.as_deref().map(|path| path.display().to_string()).unwrap_or_default())),
        ("raw_storage_endpoint", json!(plan.raw_storage_endpoint)),
        ("seals", json!([{ "type": seal_type, "disabled": false }])),
        ("storage", json!({ "type": storage_type })),
        ("telemetry", telemetry(&plan.telemetry)),
    ];
    shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn telemetry(telemetry: &Telemetry) -> Value {
    json!({
        "disable_hostname": !telemetry.shows_host,
        "metrics_prefix": telemetry.prefix,
        "otlp_traces_endpoint":
            telemetry.traces.as_ref().map(|it| format!("http://{}{}", it.authority, it.path)).unwrap_or_default(),
        "prometheus_retention_time": telemetry.retention.unwrap_or_default().as_secs(),
    })
}

fn listener(listener: &ListenerConfig) -> Value {
    let mut config = json!({
        "address": listener.endpoint.to_string(),
        "tls_disable": listener.tls.is_none(),
        "max_request_size": listener.limits.body_bytes,
        "max_request_duration": listener.timeouts.request.as_secs(),
    });
    let kind = match &listener.endpoint {
        Endpoint::Tcp(_) => "tcp",
        Endpoint::Unix(socket) => {
            config["socket_mode"] = json!(format!("{:04o}", socket.mode));
            "unix"
        }
    };
    json!({ "type": kind, "config": config })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use http_api::UnixEndpoint;
    use secret::LockedKey;

    use super::*;

    #[test]
    fn what_is_shown_is_known_by_name_and_holds_no_key() {
        let address: SocketAddr = "127.0.0.1:8200".parse().expect("an address");
        let mut socket = ListenerConfig::new(address);
        socket.endpoint = Endpoint::Unix(UnixEndpoint::new("/run/strongroom.sock"));
        let plan = Plan {
            seal: SealPlan::Static(LockedKey::copy_of(&[7; 32])),
            listeners: vec![ListenerConfig::new(address), socket],
            cluster_name: Some("test".to_owned()),
            ..Plan::defaults()
        };
        let expected = json!({
            "api_addr": "http://127.0.0.1:8200", "api_version": "1.21.4", "cache_size_bytes": 16_777_216,
            "cluster_name": "test", "default_lease_ttl": 2_764_800, "disable_cache": false, "enable_ui": false,
            "listeners": [{
                "type": "tcp",
                "config": {
                    "address": "127.0.0.1:8200", "tls_disable": true, "max_request_size": 33_554_432,
                    "max_request_duration": 90,
                },
            }, {
                "type": "unix",
                "config": {
                    "address": "/run/strongroom.sock", "tls_disable": true, "max_request_size": 33_554_432,
                    "max_request_duration": 90, "socket_mode": "0600",
                },
            }],
            "log_file": "", "log_format": "standard", "log_level": "info", "max_lease_ttl": 2_764_800, "pid_file": "",
            "raw_storage_endpoint": false, "seals": [{ "type": "static", "disabled": false }], "storage": { "type": "embedded" },
            "telemetry": {
                "disable_hostname": true, "metrics_prefix": "vault", "otlp_traces_endpoint": "",
                "prometheus_retention_time": 86_400,
            },
        });
        assert_eq!(Value::Object(config(&plan, "embedded")), expected);
    }
}

use serde_json::json;

use crate::testing::{Bench, invalid, refused};

#[tokio::test]
async fn the_one_node_of_the_cluster_is_shown() {
    let bench = Bench::new().await;
    let node = json!({
        "hostname": "machine", "api_address": "http://127.0.0.1:8200", "cluster_address": "", "active_node": true,
        "last_echo": null, "echo_duration_ms": 0, "clock_skew_ms": 0, "version": "1.21.4",
    });
    assert_eq!(bench.root().read("sys/ha-status").await, json!({ "data": { "nodes": [node] } }));
    assert_eq!(bench.root().read("sys/internal/ui/version").await["data"]["version"], "1.21.4");
}

#[tokio::test]
async fn replication_is_off_for_everybody_who_asks() {
    let bench = Bench::new().await;
    let off = json!({ "mode": "disabled" });
    let both = json!({ "data": { "mode": "disabled", "dr": off, "performance": off } });
    assert_eq!(bench.nobody().read("sys/replication/status").await, both);
    for kind in ["dr", "performance"] {
        assert_eq!(bench.nobody().read(&format!("sys/replication/{kind}/status")).await, json!({ "data": off }));
    }
}

#[tokio::test]
async fn the_catalog_has_the_engines_that_can_be_mounted() {
    let bench = Bench::new().await;
    let root = bench.root();
    let catalog = root.read("sys/plugins/catalog").await["data"].take();
    assert_eq!(
        (&catalog["secret"], &catalog["auth"]),
        (&json!(["keeper", "kv", "lender"]), &json!(["club", "door", "gate", "userpass"]))
    );
    assert_eq!((&catalog["database"], catalog["detailed"].as_array().map(Vec::len)), (&json!([]), Some(7)));
    let kv = json!({
        "name": "kv", "type": "secret", "builtin": true, "version": "", "deprecation_status": "supported",
        "args": null, "command": "", "sha256": "",
    });
    assert_eq!(root.read("sys/plugins/catalog/secret/kv").await, json!({ "data": kv }));
    assert_eq!(
        root.list("sys/plugins/catalog/auth").await,
        json!({ "data": { "keys": ["club", "door", "gate", "userpass"] } })
    );
    assert_eq!(root.list("sys/plugins/catalog/database").await, json!({ "data": { "keys": [] } }));
    let missing = refused("NotFound", "not found");
    assert_eq!(root.read("sys/plugins/catalog/secret/cubbyhole").await, missing, "nobody can mount one");
    assert_eq!(root.read("sys/plugins/catalog/database/x").await, missing);
    assert_eq!(root.list("sys/plugins/catalog/other").await, invalid("\"other\" is not a supported plugin type"));
}

#[tokio::test]
async fn what_user_interfaces_ask_is_answered_as_long_as_it_is_known() {
    let bench = Bench::new().await;
    assert_eq!(bench.nobody().read("sys/internal/ui/namespaces").await, json!({ "data": {} }));
    let flags = json!({ "data": { "feature_flags": [] } });
    assert_eq!(bench.nobody().read("sys/internal/ui/feature-flags").await, flags);
    bench.core.seal().await;
    assert_eq!(bench.nobody().read("sys/internal/ui/feature-flags").await, flags);
    bench.unseal().await;
    assert_eq!(bench.root().read("sys/config/state/sanitized").await, json!({ "data": { "cluster_name": "test" } }));
}

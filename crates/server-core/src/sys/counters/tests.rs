use framework::Operation;
use serde_json::{Value, json};

use crate::testing::{Bench, denied, invalid, refused};

async fn total(bench: &Bench, what: &str, name: &str) -> u64 {
    let reply = bench.root().read(&format!("sys/internal/counters/{what}")).await;
    reply["data"]["counters"][name]["total"].as_u64().unwrap_or_else(|| panic!("no total: {reply}"))
}

#[tokio::test]
async fn tokens_of_all_namespaces_are_counted_and_batch_tokens_are_not() {
    let bench = Bench::new().await;
    let root = bench.root();
    let before = total(&bench, "tokens", "service_tokens").await;
    assert!(before >= 1, "there is the root token");
    root.write("sys/namespaces/team", json!({})).await;
    let made = root.write("auth/token/create", json!({ "policies": "default" })).await;
    bench.root().within("team").write("auth/token/create", json!({ "policies": "default" })).await;
    root.write("auth/token/create", json!({ "policies": "default", "type": "batch" })).await;
    assert_eq!(total(&bench, "tokens", "service_tokens").await, before + 2);
    root.write("auth/token/revoke", json!({ "token": made["auth"]["client_token"] })).await;
    assert_eq!(total(&bench, "tokens", "service_tokens").await, before + 1);
}

#[tokio::test]
async fn entities_are_counted_and_merged_ones_once() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(total(&bench, "entities", "entities").await, 0);
    root.write("sys/namespaces/team", json!({})).await;
    bench.root().within("team").write("identity/entity", json!({ "name": "eve" })).await;
    let mut ids = Vec::new();
    for name in ["ada", "bob", "cy"] {
        ids.push(root.write("identity/entity", json!({ "name": name })).await["data"]["id"].clone());
    }
    assert_eq!(total(&bench, "entities", "entities").await, 4);
    root.write("identity/entity/merge", json!({ "from_entity_ids": [ids[0]], "to_entity_id": ids[1] })).await;
    bench.settle().await;
    assert_eq!(total(&bench, "entities", "entities").await, 3);
}

#[tokio::test]
async fn what_is_not_counted_is_told_and_not_made_up() {
    let bench = Bench::new().await;
    let root = bench.root();
    let counters = |path: &str| format!("sys/internal/counters/{path}");
    let period = json!({ "start_time": "2026-01-01T00:00:00Z" });
    assert_eq!(root.call(Operation::Read, &counters("activity"), period).await, json!({}));
    assert_eq!(root.read(&counters("activity/monthly")).await, json!({}));
    let removed = "the functionality has been removed on this path";
    assert_eq!(root.read(&counters("requests")).await, refused("Unrouted", removed));
    assert_eq!(root.read(&counters("config")).await["data"]["enabled"], json!("default-disabled"));
    let write = async |body: Value| bench.root().write("sys/internal/counters/config", body).await;
    assert_eq!(write(json!({ "enabled": "disable" })).await, json!({}));
    let warned = write(json!({ "retention_months": 12 })).await;
    assert_eq!(warned["warnings"], json!(["clients are not counted: the months have no effect"]));
    let refusal = "clients are not counted: \"enabled\" must be \"disable\" or \"default\"";
    assert_eq!(write(json!({ "enabled": "enable" })).await, invalid(refusal));
    assert_eq!(
        write(json!({ "enabled": "yes" })).await,
        invalid("enabled must be one of \"default\", \"enable\", \"disable\"")
    );
}

#[tokio::test]
async fn it_takes_the_right_to_it_and_the_root_namespace() {
    let bench = Bench::new().await;
    let token = bench.token_for("nothing", r#"path "a" { capabilities = ["read"] }"#).await;
    assert_eq!(bench.with(&token).read("sys/internal/counters/tokens").await, denied());
    bench.root().write("sys/namespaces/team", json!({})).await;
    let within = bench.root().within("team").read("sys/internal/counters/tokens").await;
    assert_eq!(within, invalid("operation unavailable in namespaces"));
}

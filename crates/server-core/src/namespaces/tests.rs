use framework::Operation;
use serde_json::{Value, json};

use crate::testing::{Bench, denied, invalid, refused};

mod delete;
mod isolation;
mod lock;
mod resolve;
mod tokens;

/// A namespace; gives its id.
async fn make(bench: &Bench, parent: &str, name: &str) -> String {
    let made = bench.root().within(parent).write(&format!("sys/namespaces/{name}"), json!({})).await;
    made["data"]["id"].as_str().unwrap_or_else(|| panic!("no namespace: {made}")).to_owned()
}

/// A token of a namespace with one policy of this text.
async fn token_in(bench: &Bench, ns: &str, name: &str, text: &str) -> String {
    let root = bench.root().within(ns);
    assert_eq!(root.write(&format!("sys/policies/acl/{name}"), json!({ "policy": text })).await, json!({}));
    root.create("create-orphan", json!({ "policies": [name], "no_default_policy": true })).await
}

const ALL: &str = "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"patch\", \"delete\", \"list\", \"scan\", \"sudo\"] }";

#[tokio::test]
async fn a_namespace_is_made_shown_changed_and_made_again_without_harm() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.list("sys/namespaces").await, json!({ "data": { "keys": [] } }));
    assert_eq!(root.read("sys/internal/ui/namespaces").await, json!({ "data": {} }));
    let made = root.write("sys/namespaces/team/", json!({ "custom_metadata": { "owner": "me" } })).await;
    let id = made["data"]["id"].as_str().expect("an id").to_owned();
    let shown = json!({ "data": {
        "id": id, "path": "team/", "custom_metadata": { "owner": "me" }, "locked": false, "tainted": false,
    } });
    assert_eq!(made, shown);
    assert_eq!(root.read("sys/namespaces/team").await, shown);
    assert_eq!(root.write("sys/namespaces/team", json!({})).await, shown, "again");
    let patch = json!({ "custom_metadata": { "owner": null, "cost": "7" } });
    let patched = root.call(Operation::Patch, "sys/namespaces/team", patch).await;
    assert_eq!(patched["data"]["custom_metadata"], json!({ "cost": "7" }));
    let replaced = root.write("sys/namespaces/team", json!({ "custom_metadata": { "a": "b" } })).await;
    assert_eq!(replaced["data"]["custom_metadata"], json!({ "a": "b" }));
    assert_eq!(replaced["data"]["id"], json!(id));
    make(&bench, "team", "inner").await;
    make(&bench, "", "team2").await;
    let listed = root.list("sys/namespaces").await;
    assert_eq!(listed["data"]["keys"], json!(["team/", "team2/"]));
    assert_eq!(listed["data"]["key_info"]["team/"]["id"], json!(id));
    let below = root.clone().within("/team/").list("sys/namespaces").await;
    assert_eq!(below["data"]["keys"], json!(["inner/"]));
    assert_eq!(below["data"]["key_info"]["inner/"]["path"], json!("team/inner/"));
    let all = root.call(Operation::Scan, "sys/namespaces", json!({})).await;
    assert_eq!(all["data"]["keys"], json!(["team/", "team/inner/", "team2/"]));
    let page = root.call(Operation::List, "sys/namespaces", json!({ "after": "team/", "limit": 1 })).await;
    assert_eq!(page["data"]["keys"], json!(["team2/"]));
    assert_eq!(root.read("sys/internal/ui/namespaces").await["data"]["keys"], json!(["team/", "team2/"]));
    for absent in ["sys/namespaces/none", "sys/namespaces/team/none", "sys/namespaces/sys"] {
        assert_eq!(root.read(absent).await, refused("NotFound", "not found"), "{absent}");
    }
}

#[tokio::test]
async fn names_that_mean_something_else_are_refused() {
    let bench = Bench::new().await;
    let long = "x".repeat(129);
    for name in
        ["root", "sys", "audit", "auth", "cubbyhole", "identity", "a/b", "a b", "a*", "+", "{{x}}", ".", "..", &long]
    {
        let reply = bench.root().write(&format!("sys/namespaces/{name}"), json!({})).await;
        let text = reply["refused"].as_str().unwrap_or_default();
        assert!(text.starts_with("Invalid: invalid namespace name: "), "{name}: {reply}");
    }
    let mut parent = String::new();
    for depth in 0..super::DEPTH_MAX {
        make(&bench, &parent, &format!("n{depth}")).await;
        parent.push_str(&format!("n{depth}/"));
    }
    let reply = bench.root().within(&parent).write("sys/namespaces/deeper", json!({})).await;
    assert_eq!(reply, invalid("namespaces nest at most 16 deep"));
    for pairs in [json!({ "": "x" }), json!({ "x": "y".repeat(513) }), json!({ "x": "a\u{7}" })] {
        let reply = bench.root().write("sys/namespaces/meta", json!({ "custom_metadata": pairs })).await;
        assert!(reply["refused"].as_str().unwrap_or_default().starts_with("Invalid: custom_metadata"), "{reply}");
    }
}

#[tokio::test]
async fn a_path_leads_to_a_mount_or_to_a_namespace_and_never_to_both() {
    let bench = Bench::new().await;
    bench.mount("team/a").await;
    bench.mount("other").await;
    let root = bench.root();
    assert_eq!(root.write("sys/namespaces/team", json!({})).await, invalid("existing mount at team/a/"));
    assert_eq!(root.write("sys/namespaces/other", json!({})).await, invalid("existing mount at other/"));
    make(&bench, "", "ns").await;
    let taken = invalid("path is already in use at ns/: a namespace");
    for path in ["ns", "ns/a/b"] {
        assert_eq!(root.write(&format!("sys/mounts/{path}"), json!({ "type": "kv" })).await, taken, "{path}");
        let moved = root.write("sys/remount", json!({ "from": "other", "to": path })).await;
        let text = format!("cannot remount \"other/\" to \"{path}/\": a mount stays in its namespace");
        assert!(moved == taken || moved == invalid(&text), "{path}: {moved}");
    }
    // Auth methods have paths of their own.
    assert_eq!(root.write("sys/auth/ns", json!({ "type": "gate" })).await, json!({}));
    assert_eq!(root.clone().within("ns").write("sys/mounts/team/a", json!({ "type": "kv" })).await, json!({}));
}

fn data(value: &Value) -> Value {
    json!({ "data": value })
}

#[tokio::test]
async fn what_is_about_the_whole_server_is_refused_in_a_namespace() {
    let bench = Bench::new().await;
    make(&bench, "", "ns").await;
    let unavailable = invalid("operation unavailable in namespaces");
    for path in ["sys/host-info", "sys/ha-status", "sys/loggers"] {
        assert_eq!(bench.root().within("ns").read(path).await, unavailable, "{path}");
        assert_eq!(bench.root().read(&format!("ns/{path}")).await, unavailable, "{path}");
        assert_eq!(bench.root().within("none").read(path).await, refused("Unrouted", "namespace not found"), "{path}");
        let stranger = token_in(&bench, "ns", "none", "path \"x\" { capabilities = [\"read\"] }").await;
        assert_eq!(bench.with(&stranger).within("ns").read(path).await, denied(), "{path}");
    }
    for path in ["sys/health", "sys/seal-status"] {
        let expected = bench.nobody().read(path).await;
        assert_eq!(bench.nobody().within("ns").read(path).await, expected);
        assert_eq!(bench.nobody().read(&format!("ns/{path}")).await, expected);
        assert_eq!(bench.nobody().within("none").read(path).await, expected);
    }
}

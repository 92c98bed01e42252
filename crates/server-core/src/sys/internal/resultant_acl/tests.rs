use serde_json::json;

use crate::testing::{Bench, denied};

const PATH: &str = "sys/internal/ui/resultant-acl";

#[tokio::test]
async fn it_shows_what_all_policies_say_together() {
    let bench = Bench::new().await;
    let one = r#"
        path "sys/internal/ui/resultant-acl" { capabilities = ["read"] }
        path "secret/a" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "2m" }
        path "secret/*" {
            capabilities = ["create", "update"]
            allowed_parameters = { "Data" = ["x*", 1], "*" = [] }
            denied_parameters = { "ttl" = [] }
            required_parameters = ["data"]
        }
        path "secret/+/b" { capabilities = ["read"] }
        path "none" {}
    "#;
    let two = "path \"secret/a\" { capabilities = [\"list\"] }\npath \"kv/*\" { capabilities = [\"deny\"] }";
    for (name, text) in [("one", one), ("two", two)] {
        bench.root().write(&format!("sys/policies/acl/{name}"), json!({ "policy": text })).await;
    }
    let token = bench.token(json!({ "policies": ["one", "two"], "no_default_policy": true })).await;
    let expected = json!({
        "root": false,
        "chroot_namespace": "",
        "exact_paths": {
            "sys/internal/ui/resultant-acl": { "capabilities": ["read"] },
            "secret/a": { "capabilities": ["list", "read"], "min_wrapping_ttl": 60, "max_wrapping_ttl": 120 },
            "none": { "capabilities": ["deny"] },
        },
        "glob_paths": {
            "secret/": {
                "capabilities": ["create", "update"],
                "allowed_parameters": { "data": ["x*", 1], "*": [] },
                "denied_parameters": { "ttl": [] },
                "required_parameters": ["data"],
            },
            "kv/": { "capabilities": ["deny"] },
        },
    });
    assert_eq!(bench.with(&token).read(PATH).await, json!({ "data": expected }));
}

#[tokio::test]
async fn root_has_no_rules_and_nobody_sees_nothing() {
    let bench = Bench::new().await;
    assert_eq!(bench.root().read(PATH).await, json!({ "data": { "root": true, "chroot_namespace": "" } }));
    assert_eq!(bench.nobody().read(PATH).await, denied());
    let token = bench.token(json!({ "policies": "default" })).await;
    let cubbyhole = json!({ "capabilities": ["create", "delete", "list", "read", "update"] });
    assert_eq!(bench.with(&token).read(PATH).await["data"]["glob_paths"]["cubbyhole/"], cubbyhole);
}

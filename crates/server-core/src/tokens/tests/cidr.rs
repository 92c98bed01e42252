//! Tokens that are bound to networks.

use std::sync::Arc;

use framework::{Connection, Operation};
use serde_json::{Value, json};

use crate::testing::{Bench, denied};

/// What a caller with this token is told at this address.
async fn at(bench: &Bench, token: &str, address: Option<&str>, path: &str) -> Value {
    let client = bench.with(token);
    let mut request = client.request(Operation::Read, path, json!({}));
    let remote = address.map(|address| format!("{address}:4711").parse().expect("an address"));
    request.connection = Arc::new(Connection { remote, ..Connection::default() });
    client.send(request).await
}

async fn is_welcome(bench: &Bench, token: &str, address: Option<&str>) -> bool {
    let reply = at(bench, token, address, "auth/token/lookup-self").await;
    assert!(reply["data"].is_object() || reply == denied(), "{reply}");
    reply["data"].is_object()
}

async fn bound(bench: &Bench, about: Value) -> String {
    let role = json!({ "token_bound_cidrs": ["10.1.0.0/16", "fd00::/8", "127.0.0.1/32"] });
    bench.root().write("auth/token/roles/bound", role).await;
    bench.root().create("create/bound", about).await
}

#[tokio::test]
async fn a_bound_token_works_from_its_networks_alone() {
    let bench = Bench::new().await;
    let token = bound(&bench, json!({ "policies": "default" })).await;
    for (address, expected) in [
        (Some("10.1.2.3"), true),
        (Some("10.2.2.3"), false),
        (Some("[fd00::1]"), true),
        (Some("[::1]"), false),
        (Some("127.0.0.1"), true),
        (Some("[::ffff:127.0.0.1]"), true),
        (None, false),
        (Some("127.0.0.1"), true),
    ] {
        assert_eq!(is_welcome(&bench, &token, address).await, expected, "{address:?}");
    }
    let lookup = at(&bench, &token, Some("127.0.0.1"), "auth/token/lookup-self").await["data"].take();
    assert_eq!(lookup["bound_cidrs"], json!(["10.1.0.0/16", "fd00::/8", "127.0.0.1"]));
    // To a row that asks for no token it is nobody's.
    let seen = at(&bench, &token, Some("10.2.2.3"), "sys/internal/ui/mounts").await;
    assert_eq!(seen["data"]["secret"], json!({}));
}

#[tokio::test]
async fn a_use_from_elsewhere_is_not_counted() {
    let bench = Bench::new().await;
    let token = bound(&bench, json!({ "policies": "default", "num_uses": 2 })).await;
    for _ in 0..5 {
        assert!(!is_welcome(&bench, &token, Some("10.2.0.1")).await);
    }
    assert!(is_welcome(&bench, &token, Some("10.1.0.1")).await);
    assert!(is_welcome(&bench, &token, Some("10.1.0.1")).await);
    assert!(!is_welcome(&bench, &token, Some("10.1.0.1")).await);
}

#[tokio::test]
async fn children_are_bound_as_their_parent_and_orphans_and_roles_are_not() {
    let bench = Bench::new().await;
    bench.root().write("auth/token/roles/free", json!({ "allowed_policies": "default" })).await;
    let token = bound(&bench, json!({ "ttl": "1h" })).await;
    for (path, is_bound) in [("create", true), ("create-orphan", false), ("create/free", false), ("create/bound", true)]
    {
        let client = bench.with(&token);
        let about = json!({ "policies": "default", "ttl": "1h" });
        let mut request = client.request(Operation::Update, &format!("auth/token/{path}"), about);
        request.connection =
            Arc::new(Connection { remote: Some("127.0.0.1:1".parse().expect("an address")), ..Connection::default() });
        let child = client.send(request).await["auth"]["client_token"].take();
        let child = child.as_str().expect("a token");
        assert_eq!(is_welcome(&bench, child, Some("192.0.2.1")).await, !is_bound, "{path}");
        assert!(is_welcome(&bench, child, Some("127.0.0.1")).await, "{path}");
    }
}

#[tokio::test]
async fn a_root_token_that_never_ends_is_bound_to_nothing() {
    let bench = Bench::new().await;
    let token = bound(&bench, json!({})).await;
    assert_eq!(bench.with(&token).lookup().await["expire_time"], json!(null));
    assert!(is_welcome(&bench, &token, Some("192.0.2.1")).await);
    let ending = bound(&bench, json!({ "ttl": "1h" })).await;
    assert!(!is_welcome(&bench, &ending, Some("192.0.2.1")).await);
}

use std::sync::Arc;

use serde_json::json;
use storage::counting::{Counting, Tally};
use storage::memory::Memory;

use super::{ALL, data, make, token_in};
use crate::testing::{Bench, denied, refused};

#[tokio::test]
async fn header_path_and_both_together_lead_to_the_same_place() {
    let bench = Bench::new().await;
    make(&bench, "", "a").await;
    make(&bench, "a", "b").await;
    let root = bench.root();
    for (namespace, path) in [("a/b", "secret"), ("", "secret"), ("a", "secret")] {
        let mounted =
            root.clone().within(namespace).write(&format!("sys/mounts/{path}"), json!({ "type": "kv" })).await;
        assert_eq!(mounted, json!({}));
        let written = root.clone().within(namespace).write(&format!("{path}/x"), json!({ "in": namespace })).await;
        assert_eq!(written, json!({}));
    }
    for (header, path, expected) in [
        ("", "secret/x", ""),
        ("root", "secret/x", ""),
        ("/", "secret/x", ""),
        ("a", "secret/x", "a"),
        ("/a/", "secret/x", "a"),
        ("", "a/secret/x", "a"),
        ("a/b", "secret/x", "a/b"),
        ("a", "b/secret/x", "a/b"),
        ("", "a/b/secret/x", "a/b"),
        ("root", "a/b/secret/x", "a/b"),
    ] {
        let found = root.clone().within(header).read(path).await;
        assert_eq!(found, data(&json!({ "in": expected })), "{header} {path}");
    }
    assert_eq!(root.list("a/b/secret").await, data(&json!({ "keys": ["x"] })));
    for path in ["sys/mounts", "a/sys/mounts", "a/b/sys/mounts"] {
        assert_eq!(root.read(path).await["data"]["secret/"]["type"], json!("kv"), "{path}");
    }
    assert_eq!(
        root.read("a/none/x").await,
        refused("Unrouted", "no handler for route \"none/x\". route entry not found.")
    );
}

#[tokio::test]
async fn only_who_could_do_something_there_hears_that_a_namespace_does_not_exist() {
    let bench = Bench::new().await;
    make(&bench, "", "real").await;
    make(&bench, "", "own").await;
    let some =
        "path \"ghost/secret/*\" { capabilities = [\"read\"] } path \"real/secret/*\" { capabilities = [\"read\"] }";
    let hopeful = bench.token_for("hopeful", some).await;
    let stranger = bench.token_for("stranger", "path \"secret/*\" { capabilities = [\"read\"] }").await;
    let sibling = token_in(&bench, "own", "all", ALL).await;
    let not_found = refused("Unrouted", "namespace not found");
    for path in ["secret/x", "sys/mounts", "sys/namespaces", "auth/token/lookup-self", "cubbyhole/x", "nowhere"] {
        assert_eq!(bench.root().within("ghost").read(path).await, not_found, "{path}");
        assert_eq!(bench.with(&hopeful).within("ghost").read(path).await, not_found, "{path}");
        for client in [bench.with(&stranger), bench.with(&sibling), bench.with("hvs.none"), bench.nobody()] {
            let there = client.clone().within("real").read(path).await;
            assert_eq!(there, denied(), "{path}");
            assert_eq!(client.within("ghost").read(path).await, there, "{path}");
        }
    }
    // What asks for no token answers alike, too.
    for path in ["sys/internal/ui/mounts", "sys/internal/ui/namespaces", "sys/internal/specs/openapi", "sys/health"] {
        for client in [bench.nobody(), bench.with(&stranger), bench.with(&sibling)] {
            let there = client.clone().within("real").read(path).await;
            assert_eq!(client.within("ghost").read(path).await, there, "{path}");
        }
    }
    for (path, body) in [
        ("auth/userpass/login/me", json!({ "password": "x" })),
        ("sys/wrapping/lookup", json!({ "token": "hvs.none" })),
        ("sys/wrapping/unwrap", json!({ "token": "hvs.none" })),
        ("sys/wrapping/unwrap", json!({})),
        ("sys/decode-token", json!({ "encoded_token": "AAAA", "otp": "abc" })),
    ] {
        for client in [bench.nobody(), bench.with(&stranger), bench.with(&sibling), bench.with("hvs.none")] {
            let there = client.clone().within("real").write(path, body.clone()).await;
            assert_eq!(client.within("ghost").write(path, body.clone()).await, there, "{path}");
        }
    }
}

#[tokio::test]
async fn a_warm_request_in_a_deep_namespace_makes_no_storage_call_and_a_cold_one_a_fixed_number() {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    let mut deep = String::new();
    for name in ["a", "b", "c"] {
        make(&bench, &deep, name).await;
        deep.push_str(&format!("{name}/"));
    }
    let root = bench.root().within(&deep);
    root.write("sys/mounts/secret", json!({ "type": "kv" })).await;
    root.write("secret/x", json!({ "x": 1 })).await;
    let token = token_in(&bench, &deep, "all", ALL).await;
    bench.core.seal().await;
    bench.unseal().await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    counting.take();
    let client = bench.with(&token).within(&deep);
    assert_eq!(client.read("secret/x").await, data(&json!({ "x": 1 })));
    // As in the root namespace three, and the namespace, its liveness, the token's policy.
    assert_eq!(counting.take(), Tally { reads: 6, ..Tally::default() });
    client.read("secret/x").await;
    client.lookup().await;
    counting.take();
    for _ in 0..3 {
        assert_eq!(client.read("secret/x").await, data(&json!({ "x": 1 })));
        assert_eq!(client.lookup().await["namespace_path"], json!(deep));
    }
    assert_eq!(counting.take(), Tally::default());
}

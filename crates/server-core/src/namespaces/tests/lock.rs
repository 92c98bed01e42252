use serde_json::json;

use super::{ALL, data, make, token_in};
use crate::testing::{Bench, denied, invalid, refused};

#[tokio::test]
async fn a_locked_namespace_answers_nothing_below_it_either_until_it_is_unlocked() {
    let bench = Bench::new().await;
    make(&bench, "", "a").await;
    make(&bench, "a", "b").await;
    make(&bench, "", "c").await;
    for ns in ["a", "a/b", "c"] {
        bench.root().within(ns).write("sys/mounts/secret", json!({ "type": "kv" })).await;
        bench.root().within(ns).write("secret/x", json!({ "x": 1 })).await;
    }
    let own = token_in(&bench, "a/b", "all", ALL).await;
    let client = bench.with(&own).within("a/b");
    assert_eq!(client.read("secret/x").await, data(&json!({ "x": 1 })));
    let key =
        bench.root().within("a").write("sys/namespaces/api-lock/lock", json!({})).await["data"]["unlock_key"].take();
    let locked =
        "API access to this namespace has been locked by an administrator - \"a/\" must be unlocked to gain access.";
    let locked = refused("Busy", locked);
    assert_eq!(client.read("secret/x").await, locked);
    assert_eq!(client.read("sys/mounts").await, locked);
    assert_eq!(bench.root().read("a/secret/x").await, locked);
    assert_eq!(bench.nobody().within("a").read("secret/x").await, denied(), "who may not is told no more than ever");
    assert_eq!(bench.root().within("c").read("secret/x").await, data(&json!({ "x": 1 })));
    assert!(bench.nobody().within("a").read("sys/health").await.get("refused").is_none());
    assert_eq!(bench.root().read("sys/namespaces/a").await["data"]["locked"], json!(true));
    let again = bench.root().write("sys/namespaces/api-lock/lock/a", json!({})).await;
    assert_eq!(again, invalid("the namespace is locked already"));
    let boss = bench.token_for("boss", ALL).await;
    let boss = bench.with(&boss).within("a");
    let unlock = |key| boss.write("sys/namespaces/api-lock/unlock", key);
    let missing = unlock(json!({})).await;
    assert_eq!(missing, invalid("unlock_key is missing: only a root token unlocks without it"));
    assert_eq!(unlock(json!({ "unlock_key": "wrong" })).await, invalid("incorrect unlock key"));
    assert_eq!(unlock(json!({ "unlock_key": key })).await, json!({}));
    assert_eq!(client.read("secret/x").await, data(&json!({ "x": 1 })));
    assert!(bench.root().write("sys/namespaces/api-lock/lock/a/b", json!({})).await["data"]["unlock_key"].is_string());
    assert_ne!(client.read("secret/x").await, data(&json!({ "x": 1 })));
    assert_eq!(bench.root().within("a").read("secret/x").await, data(&json!({ "x": 1 })));
    assert_eq!(bench.root().within("a").write("sys/namespaces/api-lock/unlock/b", json!({})).await, json!({}));
    assert_eq!(client.read("secret/x").await, data(&json!({ "x": 1 })));
    let root = bench.root().write("sys/namespaces/api-lock/lock", json!({})).await;
    assert_eq!(root, invalid("the root namespace cannot be locked"));
}

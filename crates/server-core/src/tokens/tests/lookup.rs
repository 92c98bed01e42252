//! What lookups tell, and to whom.

use std::time::Duration;

use framework::Operation;
use serde_json::{Value, json};

use crate::testing::{Bench, denied, invalid, refused};

fn bad_token() -> serde_json::Value {
    refused("DeniedBecause", "bad token")
}

#[tokio::test]
async fn the_root_token_looks_as_clients_expect() {
    let bench = Bench::new().await;
    let mut lookup = bench.root().lookup().await;
    let accessor = lookup["accessor"].take();
    assert_eq!(accessor.as_str().map(str::len), Some(24));
    let expected = json!({
        "id": bench.root, "accessor": null, "policies": ["root"], "path": "auth/token/root", "meta": null,
        "display_name": "root", "num_uses": 0, "orphan": true, "creation_time": 1_893_456_000, "creation_ttl": 0,
        "expire_time": null, "ttl": 0, "explicit_max_ttl": 0, "entity_id": "", "type": "service",
    });
    assert_eq!(lookup, expected);
}

#[tokio::test]
async fn a_renewed_periodic_token_looks_as_clients_expect() {
    let bench = Bench::new().await;
    let about = json!({ "policies": "default", "period": "1h", "explicit_max_ttl": "10h", "meta": { "a": "b" }, "num_uses": 9 });
    let token = bench.token(about).await;
    bench.clock.advance(Duration::from_secs(600));
    bench.with(&token).write("auth/token/renew-self", json!({})).await;
    bench.clock.advance(Duration::from_millis(60_500));
    let mut lookup = bench.with(&token).read("auth/token/lookup-self").await["data"].take();
    lookup["accessor"].take();
    let expected = json!({
        "id": token, "accessor": null, "policies": ["default"], "path": "auth/token/create", "meta": { "a": "b" },
        "display_name": "token", "num_uses": 7, "orphan": false, "creation_time": 1_893_456_000, "creation_ttl": 3600,
        "expire_time": "2030-01-01T01:10:00Z", "ttl": 3539, "explicit_max_ttl": 36000, "entity_id": "",
        "type": "service", "period": 3600, "renewable": true, "issue_time": "2030-01-01T00:00:00Z",
        "last_renewal": "2030-01-01T00:10:00Z", "last_renewal_time": 1_893_456_600,
    });
    assert_eq!(lookup, expected);
}

#[tokio::test]
async fn a_lookup_by_text_tells_the_text_back_and_by_accessor_never() {
    let bench = Bench::new().await;
    let token = bench.token(json!({ "ttl": "1h" })).await;
    let by_text = bench.root().write("auth/token/lookup", json!({ "token": token })).await["data"].take();
    assert_eq!(by_text["id"], token);
    let accessor = json!({ "accessor": by_text["accessor"] });
    let by_accessor = bench.root().write("auth/token/lookup-accessor", accessor.clone()).await["data"].take();
    assert_eq!(by_accessor["id"], "");
    assert_eq!(by_accessor["accessor"], by_text["accessor"]);
    let renewed = bench.root().write("auth/token/renew-accessor", accessor).await;
    assert_eq!((&renewed["auth"]["client_token"], &renewed["auth"]["lease_duration"]), (&json!(""), &json!(3600)));
    let own = bench.root().write("auth/token/lookup", json!({})).await;
    assert_eq!(own["data"]["id"], bench.root);
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_the_words_that_clients_look_for() {
    let bench = Bench::new().await;
    let expired = bench.token(json!({ "ttl": "1s" })).await;
    let accessor = bench.with(&expired).lookup().await["accessor"].take();
    bench.clock.advance(Duration::from_secs(1));
    for token in ["unknown", "hvs.unknown", &expired] {
        assert_eq!(bench.root().write("auth/token/lookup", json!({ "token": token })).await, bad_token());
        assert_eq!(bench.root().write("auth/token/renew", json!({ "token": token })).await, bad_token());
        assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied());
    }
    for path in ["lookup-accessor", "renew-accessor", "revoke-accessor"] {
        let path = format!("auth/token/{path}");
        for accessor in [json!("unknown"), accessor.clone()] {
            let reply = bench.root().write(&path, json!({ "accessor": accessor })).await;
            assert_eq!(reply, refused("DeniedBecause", "invalid accessor"), "{path}");
        }
        assert_eq!(bench.root().write(&path, json!({})).await, invalid("missing accessor"));
    }
}

#[tokio::test]
async fn accessors_are_listed_of_every_token_that_is_there() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let mut expected =
        [bench.root().lookup().await["accessor"].take(), bench.with(&token).lookup().await["accessor"].take()];
    let listed = bench.root().list("auth/token/accessors/").await["data"]["keys"].take();
    let mut listed: Vec<_> = listed.as_array().expect("a list").clone();
    listed.sort_by_key(ToString::to_string);
    expected.sort_by_key(ToString::to_string);
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn accessors_are_listed_in_pages_that_survive_what_goes_in_between() {
    let bench = Bench::new().await;
    let mut tokens = Vec::new();
    for _ in 0..7 {
        tokens.push(bench.token(json!({})).await);
    }
    let list = async |about: Value| {
        let mut reply = bench.root().call(Operation::List, "auth/token/accessors", about).await;
        serde_json::from_value::<Vec<String>>(reply["data"]["keys"].take()).expect("a list of texts")
    };
    let all = list(json!({})).await;
    assert_eq!(all.len(), 8);
    assert_eq!(list(json!({ "limit": -1 })).await, all);
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = list(json!({ "limit": "3", "after": after })).await;
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        paged.extend(page);
    }
    assert_eq!(paged, all);
    // The accessor that a page goes on behind may be gone by then.
    let own = bench.root().lookup().await["accessor"].take();
    let gone = all.iter().position(|accessor| *accessor != own).expect("seven others");
    bench.root().write("auth/token/revoke-accessor", json!({ "accessor": all[gone] })).await;
    assert_eq!(list(json!({ "after": all[gone] })).await, all[gone + 1..]);
}

#[tokio::test]
async fn a_changed_policy_counts_at_the_very_next_request_of_a_cached_token() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": 1 })).await;
    // One of its policies is not there at first.
    let token = bench.token(json!({ "policies": ["late", "other"], "no_default_policy": true })).await;
    let client = bench.with(&token);
    let found = json!({ "data": { "x": 1 } });
    assert_eq!(client.read("secret/a").await, denied());
    for _ in 0..2 {
        let policy = json!({ "policy": "path \"secret/*\" { capabilities = [\"read\"] }" });
        bench.root().write("sys/policies/acl/late", policy).await;
        assert_eq!(client.read("secret/a").await, found);
        let policy = json!({ "policy": "path \"secret/*\" { capabilities = [\"list\"] }" });
        bench.root().write("sys/policies/acl/late", policy).await;
        assert_eq!(client.read("secret/a").await, denied());
        let policy = json!({ "policy": "path \"secret/*\" { capabilities = [\"read\"] }" });
        bench.root().write("sys/policies/acl/other", policy).await;
        assert_eq!(client.read("secret/a").await, found);
        bench.root().delete("sys/policies/acl/other").await;
        assert_eq!(client.read("secret/a").await, denied());
        bench.root().delete("sys/policies/acl/late").await;
        assert_eq!(client.read("secret/a").await, denied());
    }
}

#[tokio::test]
async fn a_rule_that_expires_is_gone_for_a_cached_token_too() {
    let bench = Bench::new().await;
    let text = "path \"sys/mounts\" { capabilities = [\"read\"]\n expiration = \"2030-01-01T00:01:00Z\" }";
    let token = bench.token_for("short", text).await;
    assert_ne!(bench.with(&token).read("sys/mounts").await, denied());
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.with(&token).read("sys/mounts").await, denied());
}

//! Who may make which token.

use std::sync::Arc;

use serde_json::{Value, json};
use storage::memory::Memory;

use crate::testing::{Bench, Yielding, denied, invalid, late};

const CREATE: &str = "path \"auth/token/*\" { capabilities = [\"create\", \"update\", \"read\"] }";
const SUDO: &str = "path \"auth/token/*\" { capabilities = [\"create\", \"update\", \"read\", \"sudo\"] }";

/// A parent with the policies `creator`, `a` and `b`, but not `default`.
async fn bench_with_parent() -> (Bench, String) {
    let bench = Bench::new().await;
    for (name, text) in [("creator", CREATE), ("boss", SUDO), ("a", CREATE), ("b", CREATE)] {
        bench.root().write(&format!("sys/policies/acl/{name}"), json!({ "policy": text })).await;
    }
    let parent = bench.token(json!({ "policies": ["creator", "a", "b"], "no_default_policy": true })).await;
    (bench, parent)
}

async fn made(bench: &Bench, token: &str, about: Value) -> Value {
    bench.with(token).write("auth/token/create", about).await
}

async fn policies(bench: &Bench, token: &str, about: Value) -> Value {
    made(bench, token, about).await["auth"]["policies"].take()
}

#[tokio::test]
async fn the_reply_holds_everything_that_clients_read() {
    let bench = Bench::new().await;
    let about = json!({ "ttl": "1h", "policies": "default", "meta": { "a": "b" }, "num_uses": 4, "renewable": false });
    let mut reply = made(&bench, &bench.root, about).await;
    let auth = reply["auth"].as_object_mut().expect("a token");
    let token = auth.remove("client_token").expect("a token");
    assert!(token.as_str().is_some_and(|token| token.starts_with("hvs.") && token.len() == 28));
    assert_eq!(auth.remove("accessor").expect("an accessor").as_str().map(str::len), Some(24));
    let rest = json!({
        "policies": ["default"], "token_policies": ["default"], "metadata": { "a": "b" }, "lease_duration": 3600,
        "renewable": false, "entity_id": "", "token_type": "service", "orphan": false, "num_uses": 4,
    });
    assert_eq!(reply, json!({ "auth": rest }));
}

#[tokio::test]
async fn policies_are_the_parent_s_or_some_of_them() {
    let (bench, parent) = bench_with_parent().await;
    assert_eq!(policies(&bench, &parent, json!({})).await, json!(["a", "b", "creator"]));
    assert_eq!(policies(&bench, &parent, json!({ "policies": ["b", "a", " A "] })).await, json!(["a", "b"]));
    let subset = invalid("child policies must be subset of parent");
    for more in ["other", "default", "boss", "root"] {
        assert_eq!(made(&bench, &parent, json!({ "policies": ["a", more] })).await, subset, "{more}");
    }
}

#[tokio::test]
async fn default_is_added_where_the_caller_could_have_asked_for_it() {
    let (bench, parent) = bench_with_parent().await;
    assert_eq!(policies(&bench, &parent, json!({ "policies": "a" })).await, json!(["a"]));
    let with = bench.token(json!({ "policies": ["creator", "a"] })).await;
    assert_eq!(policies(&bench, &with, json!({ "policies": "a" })).await, json!(["a", "default"]));
    assert_eq!(policies(&bench, &with, json!({})).await, json!(["a", "creator", "default"]));
    let without = json!({ "policies": "a", "no_default_policy": true });
    assert_eq!(policies(&bench, &with, without.clone()).await, json!(["a"]));
    assert_eq!(policies(&bench, &with, json!({ "no_default_policy": true })).await, json!(["a", "creator"]));
    assert_eq!(
        policies(&bench, &with, json!({ "policies": [], "no_default_policy": true })).await,
        json!(["a", "creator"])
    );
    assert_eq!(policies(&bench, &bench.root, json!({ "policies": "a" })).await, json!(["a", "default"]));
    assert_eq!(policies(&bench, &bench.root, without).await, json!(["a"]));
    assert_eq!(policies(&bench, &bench.root, json!({})).await, json!(["root"]));
}

#[tokio::test]
async fn sudo_gives_any_policy_but_root() {
    let (bench, _) = bench_with_parent().await;
    let boss = bench.token(json!({ "policies": "boss", "no_default_policy": true })).await;
    assert_eq!(policies(&bench, &boss, json!({ "policies": ["a", "x"] })).await, json!(["a", "default", "x"]));
    assert_eq!(policies(&bench, &boss, json!({})).await, json!(["boss"]), "what is inherited is the parent's");
    let named = json!({ "policies": ["default", "a"], "no_default_policy": true });
    assert_eq!(policies(&bench, &boss, named).await, json!(["a"]));
    let text = "root tokens may not be created without parent token being root";
    assert_eq!(made(&bench, &boss, json!({ "policies": ["root"] })).await, invalid(text));
    assert_eq!(made(&bench, &boss, json!({ "policies": ["a", "ROOT "] })).await, invalid(text));
    assert_eq!(policies(&bench, &bench.root, json!({ "policies": ["a", "root"] })).await, json!(["root"]));
}

#[tokio::test]
async fn an_expiring_root_token_makes_expiring_ones_only() {
    let bench = Bench::new().await;
    let expiring = bench.token(json!({ "ttl": "1h" })).await;
    let text = "expiring root tokens cannot create non-expiring root tokens";
    assert_eq!(made(&bench, &expiring, json!({})).await, invalid(text));
    assert_eq!(made(&bench, &expiring, json!({ "ttl": "2h" })).await["auth"]["lease_duration"], 7200);
    let forever = bench.token(json!({})).await;
    assert_eq!(bench.with(&forever).lookup().await["expire_time"], json!(null));
}

#[tokio::test]
async fn names_that_only_the_server_gives_are_refused() {
    let bench = Bench::new().await;
    for name in ["response-wrapping", "control-group"] {
        let reply = made(&bench, &bench.root, json!({ "policies": ["a", name] })).await;
        assert_eq!(reply, invalid(&format!("cannot assign policy \"{name}\"")));
    }
}

#[tokio::test]
async fn policies_that_are_missing_are_warned_of() {
    let (bench, _) = bench_with_parent().await;
    let reply = made(&bench, &bench.root, json!({ "policies": ["a", "y", "x"] })).await;
    assert_eq!(reply["warnings"], json!(["Policy \"x\" does not exist", "Policy \"y\" does not exist"]));
}

#[tokio::test]
async fn id_orphan_and_period_need_sudo() {
    let (bench, parent) = bench_with_parent().await;
    let boss = bench.token(json!({ "policies": ["boss"] })).await;
    let needs = |what: &str| invalid(&format!("root or sudo privileges required to {what}"));
    for (about, what) in [
        (json!({ "id": "mine" }), "specify token id"),
        (json!({ "no_parent": true }), "create orphan token"),
        (json!({ "period": "1h" }), "create periodic token"),
        (json!({ "period": "500ms" }), "create periodic token"),
    ] {
        assert_eq!(made(&bench, &parent, about.clone()).await, needs(what));
        assert!(made(&bench, &boss, about).await["auth"].is_object(), "{what}");
    }
    assert_eq!(bench.with("mine").lookup().await["id"], "mine");
}

#[tokio::test]
async fn orphans_have_a_path_of_their_own_that_needs_no_sudo() {
    let (bench, parent) = bench_with_parent().await;
    let orphan = bench.with(&parent).create("create-orphan", json!({})).await;
    let lookup = bench.with(&orphan).read("auth/token/lookup").await["data"].take();
    assert_eq!((&lookup["orphan"], &lookup["path"]), (&json!(true), &json!("auth/token/create-orphan")));
    bench.root().write("auth/token/revoke", json!({ "token": parent })).await;
    assert_eq!(bench.root().write("auth/token/lookup", json!({ "token": orphan })).await["data"]["orphan"], true);
}

#[tokio::test]
async fn ids_of_the_caller_s_choice_cannot_be_taken_for_the_server_s() {
    let bench = Bench::new().await;
    for prefix in ["hvs.", "hvb.", "hvr.", "s."] {
        let reply = made(&bench, &bench.root, json!({ "id": format!("{prefix}x") })).await;
        assert_eq!(reply, invalid(&format!("custom token ID cannot have the '{prefix}' prefix")));
    }
    let reply = made(&bench, &bench.root, json!({ "id": "a.b" })).await;
    assert_eq!(reply, invalid("custom token ID cannot have a '.' in the value"));
    let chosen = made(&bench, &bench.root, json!({ "id": "ein Schlüssel" })).await;
    assert!(chosen["auth"].is_object());
    assert_eq!(chosen["warnings"], json!(["A custom ID for the token is only as hard to guess as it was chosen"]));
    let reply = made(&bench, &bench.root, json!({ "id": "ein Schlüssel" })).await;
    assert_eq!(reply, invalid("cannot create a token with a duplicate ID"));
    let reply = made(&bench, &bench.root, json!({ "id": "x".repeat(1025) })).await;
    assert_eq!(reply, invalid("custom token ID is longer than 1024 bytes"));
}

#[tokio::test]
async fn use_limited_tokens_have_no_children() {
    let (bench, _) = bench_with_parent().await;
    let limited = bench.token(json!({ "policies": ["boss"], "num_uses": 5 })).await;
    let text = invalid("restricted use token cannot generate child tokens");
    assert_eq!(made(&bench, &limited, json!({})).await, text);
    assert_eq!(bench.with(&limited).write("auth/token/create-orphan", json!({})).await, text);
}

#[tokio::test]
async fn display_names_are_made_harmless() {
    let bench = Bench::new().await;
    for (asked, given) in
        [("", "token"), ("ci", "token-ci"), ("a b/c_d", "token-a-b-c-d"), ("x!", "token-x"), ("é", "token-")]
    {
        let token = bench.token(json!({ "display_name": asked })).await;
        assert_eq!(bench.with(&token).lookup().await["display_name"], given, "{asked}");
    }
    let reply = made(&bench, &bench.root, json!({ "display_name": "x".repeat(1025) })).await;
    assert_eq!(reply, invalid("display_name is longer than 1024 bytes"));
}

#[tokio::test]
async fn ttls_are_granted_within_the_mount_s_caps() {
    let bench = Bench::new().await;
    let about = |about: Value| json!({ "policies": "default", "ttl": about["ttl"], "explicit_max_ttl": about["max"] });
    let default = made(&bench, &bench.root, about(json!({}))).await;
    assert_eq!(default["auth"]["lease_duration"], 768 * 3600);
    let capped = made(&bench, &bench.root, about(json!({ "ttl": "800h" }))).await;
    assert_eq!(capped["auth"]["lease_duration"], 768 * 3600);
    let text = "TTL of \"800h\" exceeded the effective max_ttl of \"768h\"; TTL value is capped accordingly";
    assert_eq!(capped["warnings"], json!([text]));
    let capped = made(&bench, &bench.root, about(json!({ "ttl": "2h", "max": "90m" }))).await;
    assert_eq!(capped["auth"]["lease_duration"], 5400);
    let text = "TTL of \"2h\" exceeded the effective max_ttl of \"1h30m\"; TTL value is capped accordingly";
    assert_eq!(capped["warnings"], json!([text]));
    bench.root().write("sys/auth/token/tune", json!({ "max_lease_ttl": "30m" })).await;
    let capped = made(&bench, &bench.root, about(json!({ "ttl": "1h" }))).await;
    assert_eq!(capped["auth"]["lease_duration"], 1800);
}

#[tokio::test]
async fn half_a_second_is_not_for_ever() {
    let bench = Bench::new().await;
    let about = json!({ "policies": "default", "ttl": "1500ms", "explicit_max_ttl": "1500ms" });
    let token = bench.token(about).await;
    let lookup = bench.with(&token).lookup().await;
    assert_eq!(
        (&lookup["ttl"], &lookup["explicit_max_ttl"], &lookup["creation_ttl"]),
        (&json!(2), &json!(2), &json!(2))
    );
}

#[tokio::test]
async fn an_entity_alias_needs_a_role() {
    let bench = Bench::new().await;
    let text = "'entity_alias' is only allowed in combination with token role";
    assert_eq!(made(&bench, &bench.root, json!({ "entity_alias": "x" })).await, invalid(text));
}

#[tokio::test]
async fn metadata_and_policies_are_bounded() {
    let bench = Bench::new().await;
    let reply = made(&bench, &bench.root, json!({ "meta": { "k": "v".repeat(20_000) } })).await;
    assert_eq!(reply, invalid("meta has 20001 bytes, the most is 16384"));
    let many: Vec<_> = (0..257).map(|number| format!("p{number}")).collect();
    let reply = made(&bench, &bench.root, json!({ "policies": many })).await;
    assert_eq!(reply, invalid("257 policies, the most is 256"));
}

#[tokio::test]
async fn nothing_is_made_with_a_token_that_is_revoked_meanwhile() {
    // Another node revokes at every possible moment of the creation, orphans too.
    for path in ["create", "create-orphan"] {
        let mut outcomes = (0, 0);
        for turns in 0..40 {
            let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
            one.init().await;
            let two = one.beside().await;
            let parent = one.token(json!({})).await;
            let (client, path) = (one.with(&parent), format!("auth/token/{path}"));
            let root = two.root();
            let revoke = late(turns, root.write("auth/token/revoke", json!({ "token": parent })));
            let make = late(15, client.write(&path, json!({ "policies": "default" })));
            let (made, revoked) = tokio::join!(make, revoke);
            assert_eq!(revoked, json!({}));
            match made["auth"]["client_token"].as_str() {
                Some(child) => {
                    outcomes.0 += 1;
                    let is_alive = two.with(child).lookup().await != json!(null);
                    assert_eq!(is_alive, path.ends_with("orphan"), "made before the revocation, {turns} turns");
                }
                None => {
                    outcomes.1 += 1;
                    assert_eq!(made, denied());
                }
            }
            assert_eq!(one.with(&parent).read("auth/token/lookup-self").await, denied());
        }
        assert!(outcomes.0 > 0 && outcomes.1 > 0, "both orders were seen: {outcomes:?}");
    }
}

//! Batch tokens, as their holders see them.

use std::sync::Arc;
use std::time::Duration;

use framework::{Connection, Operation};
use serde_json::{Value, json};
use storage::counting::{Counting, Tally};
use storage::memory::Memory;

use crate::testing::{Bench, denied, invalid, refused};

const CREATE: &str = "path \"auth/token/*\" { capabilities = [\"create\", \"update\", \"read\"] }";

/// A batch token below a fresh parent, and the parent.
async fn made(bench: &Bench, parent: Value) -> (String, String) {
    let parent = bench.token(parent).await;
    let batch = bench.with(&parent).create("create", json!({ "type": "batch", "policies": "a", "ttl": "1h" })).await;
    (batch, parent)
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.root().write("sys/policies/acl/a", json!({ "policy": CREATE })).await;
    bench
}

fn bad_token() -> Value {
    refused("DeniedBecause", "bad token")
}

#[tokio::test]
async fn a_batch_token_is_shown_as_clients_expect_and_stored_nowhere() {
    let bench = bench().await;
    let before = bench.keys("").await;
    let about = json!({ "type": "batch", "policies": "a", "ttl": "1h", "meta": { "k": "v" }, "display_name": "ci" });
    let mut reply = bench.root().write("auth/token/create", about).await;
    assert_eq!(bench.keys("").await, before, "nothing is stored");
    let token = reply["auth"]["client_token"].take();
    let token = token.as_str().expect("a token");
    assert!(token.starts_with("hvb."), "{token}");
    let auth = json!({
        "client_token": null, "accessor": "", "policies": ["a", "default"], "token_policies": ["a", "default"],
        "metadata": { "k": "v" }, "lease_duration": 3600, "renewable": false, "entity_id": "", "token_type": "batch",
        "orphan": false, "num_uses": 0,
    });
    assert_eq!(reply, json!({ "auth": auth }));
    bench.clock.advance(Duration::from_millis(60_500));
    let lookup = json!({
        "id": token, "accessor": "", "policies": ["a", "default"], "path": "auth/token/create", "meta": { "k": "v" },
        "display_name": "token-ci", "num_uses": 0, "orphan": false, "creation_time": 1_893_456_000,
        "creation_ttl": 3600, "expire_time": "2030-01-01T01:00:00Z", "ttl": 3539, "explicit_max_ttl": 0,
        "entity_id": "", "type": "batch", "renewable": false, "issue_time": "2030-01-01T00:00:00Z",
    });
    assert_eq!(bench.with(token).lookup().await, lookup);
    assert_eq!(bench.root().write("auth/token/lookup", json!({ "token": token })).await["data"], lookup);
    assert_eq!(bench.with(token).read("sys/mounts").await, denied(), "policies count");
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied());
    assert_eq!(bench.root().write("auth/token/lookup", json!({ "token": token })).await, bad_token());
}

#[tokio::test]
async fn what_is_not_stored_can_be_neither_renewed_nor_revoked_nor_be_a_parent() {
    let bench = bench().await;
    let (batch, _) = made(&bench, json!({ "ttl": "2h" })).await;
    let by_text = json!({ "token": batch });
    for (client, path, about, text) in [
        (bench.with(&batch), "renew-self", json!({}), "batch tokens cannot be renewed"),
        (bench.root(), "renew", by_text.clone(), "batch tokens cannot be renewed"),
        (bench.with(&batch), "revoke-self", json!({}), "batch tokens cannot be revoked"),
        (bench.root(), "revoke", by_text.clone(), "batch tokens cannot be revoked"),
        (bench.root(), "revoke-orphan", by_text, "batch tokens cannot be revoked"),
        (bench.with(&batch), "create", json!({}), "batch tokens cannot create more tokens"),
        (bench.with(&batch), "create", json!({ "type": "batch" }), "batch tokens cannot create more tokens"),
        (bench.with(&batch), "create-orphan", json!({}), "batch tokens cannot create more tokens"),
    ] {
        assert_eq!(client.write(&format!("auth/token/{path}"), about).await, invalid(text), "{path}");
    }
    let text = "cubbyhole operations are only supported by \"service\" type tokens";
    let cubbyhole = "path \"cubbyhole/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }";
    bench.root().write("sys/policies/acl/a", json!({ "policy": cubbyhole })).await;
    for operation in [Operation::Read, Operation::Update, Operation::Delete, Operation::List] {
        let reply = bench.with(&batch).call(operation, "cubbyhole/x", json!({ "x": 1 })).await;
        assert_eq!(reply, invalid(text), "{operation}");
    }
}

#[tokio::test]
async fn what_is_not_one_of_ours_is_a_bad_token_like_any_other() {
    let bench = bench().await;
    let (batch, _) = made(&bench, json!({ "ttl": "2h" })).await;
    // Another cluster, with other keys.
    let mut other = Bench::fresh(Arc::new(Memory::new()), barrier::CacheMode::SoleWriter);
    assert_ne!(other.env.random::<8>(), [0; 8], "what was drawn comes no second time");
    other.init().await;
    let foreign = other.token(json!({ "type": "batch", "policies": "default" })).await;
    for token in [foreign.as_str(), &batch[..40], "hvb.", "hvb.AQAAAAE", "hvb.x.y", &format!("{batch}.abcde")] {
        assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied(), "{token}");
        let about = json!({ "token": token });
        assert_eq!(bench.root().write("auth/token/lookup", about.clone()).await, bad_token(), "{token}");
        assert_eq!(bench.root().write("auth/token/renew", about.clone()).await, bad_token(), "{token}");
        assert_eq!(bench.root().write("auth/token/revoke", about).await, json!({}), "{token}");
    }
}

#[tokio::test]
async fn a_batch_token_ends_with_its_parent_and_an_orphan_does_not() {
    for revocation in ["revoke", "revoke-orphan"] {
        let bench = bench().await;
        let (batch, parent) = made(&bench, json!({ "ttl": "2h", "id": "mine" })).await;
        let orphan =
            bench.with(&parent).create("create-orphan", json!({ "type": "batch", "policies": "a", "ttl": "1h" })).await;
        assert_eq!(bench.with(&orphan).lookup().await["orphan"], true);
        assert_eq!(bench.with(&batch).lookup().await["orphan"], false);
        bench.root().write(&format!("auth/token/{revocation}"), json!({ "token": parent })).await;
        assert_eq!(bench.with(&batch).read("auth/token/lookup-self").await, denied());
        assert_ne!(bench.with(&orphan).lookup().await, json!(null));
        // Another token of the same text is not its parent.
        bench.token(json!({ "ttl": "2h", "id": "mine" })).await;
        assert_eq!(bench.with(&batch).read("auth/token/lookup-self").await, denied());
    }
}

#[tokio::test]
async fn it_ends_when_its_parent_s_time_is_over_and_not_before() {
    let bench = bench().await;
    let (batch, parent) = made(&bench, json!({ "ttl": "10m" })).await;
    let lookup = bench.with(&batch).lookup().await;
    assert_eq!((&lookup["ttl"], &lookup["expire_time"]), (&json!(3600), &json!("2030-01-01T01:00:00Z")));
    bench.clock.advance(Duration::from_secs(599));
    bench.with(&parent).write("auth/token/renew-self", json!({ "increment": "10m" })).await;
    bench.clock.advance(Duration::from_secs(599));
    assert_ne!(bench.with(&batch).lookup().await, json!(null), "the renewal counts");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.with(&batch).read("auth/token/lookup-self").await, denied());
}

#[tokio::test]
async fn what_a_batch_token_cannot_have_is_refused() {
    let bench = bench().await;
    let cannot = |what: &str| format!("batch tokens cannot have \"{what}\" set");
    for (about, text) in [
        (json!({ "explicit_max_ttl": "1h" }), cannot("explicit_max_ttl")),
        (json!({ "num_uses": 1 }), cannot("num_uses")),
        (json!({ "period": "1h" }), cannot("period")),
        (json!({ "id": "mine" }), cannot("id")),
        (json!({ "policies": "root" }), "batch tokens cannot be root tokens".to_owned()),
        (json!({ "policies": [] }), "batch tokens cannot be root tokens".to_owned()),
    ] {
        let mut about = about;
        about["type"] = json!("batch");
        if about["policies"].is_null() {
            about["policies"] = json!("a");
        }
        assert_eq!(bench.root().write("auth/token/create", about.clone()).await, invalid(&text), "{about}");
    }
    let about = json!({ "type": "batch", "policies": "a", "meta": { "k": "v".repeat(8000) } });
    let reply = bench.root().write("auth/token/create", about).await["refused"].take();
    assert!(reply.as_str().is_some_and(|text| text.contains("the most is 8192")), "{reply}");
    let reply = bench.root().write("auth/token/create", json!({ "type": "x" })).await;
    assert_eq!(reply, invalid("invalid 'token_type' value: must be \"service\" or \"batch\""));
}

#[tokio::test]
async fn the_mount_s_ttls_hold() {
    let bench = bench().await;
    let reply = bench.root().write("auth/token/create", json!({ "type": "batch", "policies": "a" })).await;
    assert_eq!(reply["auth"]["lease_duration"], 768 * 3600);
    let about = json!({ "type": "batch", "policies": "a", "ttl": "800h" });
    let reply = bench.root().write("auth/token/create", about).await;
    assert_eq!(reply["auth"]["lease_duration"], 768 * 3600);
    let text = "TTL of \"800h\" exceeded the effective max_ttl of \"768h\"; TTL value is capped accordingly";
    assert_eq!(reply["warnings"], json!([text]));
}

#[tokio::test]
async fn roles_decide_about_the_kind() {
    let bench = bench().await;
    let kind = async |rule: &str, asked: &str| {
        let role = json!({ "token_type": rule, "orphan": true, "renewable": false });
        assert_eq!(bench.root().write("auth/token/roles/r", role).await, json!({}));
        let about = json!({ "policies": "a", "type": asked, "ttl": "1h" });
        bench.root().write("auth/token/create/r", about).await["auth"]["token_type"].take()
    };
    for (rule, asked, expected) in [
        ("service", "", "service"),
        ("service", "batch", "service"),
        ("batch", "", "batch"),
        ("batch", "service", "batch"),
        ("default-service", "", "service"),
        ("default-service", "batch", "batch"),
        ("default-batch", "", "batch"),
        ("default-batch", "service", "service"),
    ] {
        assert_eq!(kind(rule, asked).await, expected, "{asked:?} by {rule}");
    }
    let role = json!({
        "token_type": "default-batch", "token_period": "1h", "token_explicit_max_ttl": "30m", "path_suffix": "v1x",
        "token_bound_cidrs": "10.0.0.0/8", "orphan": false,
    });
    bench.root().write("auth/token/roles/r", role).await;
    let token = bench.root().create("create/r", json!({ "policies": "a" })).await;
    let lookup = bench.root().write("auth/token/lookup", json!({ "token": token })).await["data"].take();
    for (field, value) in [
        ("path", json!("auth/token/create/r/v1x")),
        ("role", json!("r")),
        ("ttl", json!(1800)),
        ("period", json!(null)),
        ("bound_cidrs", json!(["10.0.0.0/8"])),
        ("orphan", json!(false)),
    ] {
        assert_eq!(lookup[field], value, "{field}");
    }
    for (address, is_welcome) in [("10.0.0.1:1", true), ("11.0.0.1:1", false)] {
        let mut request = bench.with(&token).request(Operation::Read, "auth/token/lookup-self", json!({}));
        let remote = Some(address.parse().expect("an address"));
        request.connection = Arc::new(Connection { remote, ..Connection::default() });
        assert_eq!(bench.with(&token).send(request).await != denied(), is_welcome, "{address}");
    }
    bench.root().write("auth/token/roles/r", json!({ "token_num_uses": 3 })).await;
    let reply = bench.root().write("auth/token/create/r", json!({ "policies": "a" })).await;
    assert_eq!(reply, invalid("batch tokens cannot have \"num_uses\" set"), "a limit is not dropped in silence");
}

#[tokio::test]
async fn a_rotation_loses_no_batch_token_and_a_restart_neither() {
    let bench = bench().await;
    let (batch, _) = made(&bench, json!({ "ttl": "2h" })).await;
    for _ in 0..3 {
        assert_eq!(bench.root().write("sys/rotate", json!({})).await, json!({}));
        assert_ne!(bench.with(&batch).lookup().await, json!(null));
    }
    bench.core.seal().await;
    bench.unseal().await;
    assert_ne!(bench.with(&batch).lookup().await, json!(null));
}

#[tokio::test]
async fn a_changed_policy_counts_at_the_very_next_request() {
    let bench = bench().await;
    let (batch, _) = made(&bench, json!({ "ttl": "2h" })).await;
    assert_ne!(bench.with(&batch).lookup().await, json!(null));
    bench.root().write("sys/policies/acl/a", json!({ "policy": "path \"x\" { capabilities = [\"read\"] }" })).await;
    bench
        .root()
        .write("sys/policies/acl/default", json!({ "policy": "path \"x\" { capabilities = [\"read\"] }" }))
        .await;
    assert_eq!(bench.with(&batch).read("auth/token/lookup-self").await, denied());
}

#[tokio::test]
async fn a_warm_batch_token_asks_the_store_nothing() {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    bench.root().write("sys/policies/acl/a", json!({ "policy": CREATE })).await;
    let (below, _) = made(&bench, json!({ "ttl": "2h" })).await;
    let orphan = bench.root().create("create-orphan", json!({ "type": "batch", "policies": "a" })).await;
    for token in [below, orphan] {
        assert_ne!(bench.with(&token).lookup().await, json!(null));
        counting.take();
        assert_ne!(bench.with(&token).lookup().await, json!(null));
        assert_eq!(counting.take(), Tally::default());
    }
}

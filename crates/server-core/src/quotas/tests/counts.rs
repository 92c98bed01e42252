//! How many leases a lease-count quota lets be.

use std::sync::Arc;
use std::time::Duration;

use framework::Operation;
use serde_json::{Value, json};
use storage::memory::Memory;

use crate::testing::outside::Outside;
use crate::testing::{Bench, Client, hours, invalid, late, refused};

/// A lender at `db/` of a namespace, whose outside has this name.
async fn lender(client: &Client<'_>, outside: &str) -> Arc<Outside> {
    let about = json!({ "type": "lender", "options": { "outside": outside } });
    assert_eq!(client.write("sys/mounts/db", about).await, json!({}));
    Outside::named(outside)
}

async fn limit(bench: &Bench, name: &str, path: &str, most: u64) {
    let about = json!({ "path": path, "max_leases": most });
    let made = bench.root().write(&format!("sys/quotas/lease-count/{name}"), about).await;
    assert_eq!(made, json!({}), "{name} for {path}");
}

async fn lend(client: &Client<'_>, role: &str, about: Value) -> Value {
    client.call(Operation::Read, &format!("db/lend/{role}"), about).await
}

async fn make_token(client: &Client<'_>, about: Value) -> Value {
    client.write("auth/token/create", about).await
}

fn is_made(reply: &Value) {
    assert!(reply["auth"]["client_token"].is_string(), "no token: {reply}");
}

fn exceeded(path: &str) -> Value {
    refused("TooMany", &format!("request path {path:?}: lease count quota exceeded"))
}

/// The number that the quota shows.
async fn counter(bench: &Bench, name: &str) -> Value {
    bench.root().read(&format!("sys/quotas/lease-count/{name}")).await["data"]["counter"].clone()
}

fn id(reply: &Value) -> &str {
    reply["lease"]["id"].as_str().unwrap_or_else(|| panic!("no lease: {reply}"))
}

#[tokio::test]
async fn so_many_leases_are_made_and_one_more_when_one_has_ended() {
    let bench = Bench::new().await;
    let root = bench.root();
    let outside = lender(&root, "counted leases").await;
    limit(&bench, "few", "db", 3).await;
    for intend in [true, false, true] {
        id(&lend(&root, "app", json!({ "intend": intend })).await);
    }
    for intend in [true, false] {
        assert_eq!(lend(&root, "app", json!({ "intend": intend })).await, exceeded("db/lend/app"));
        assert_eq!(outside.things(), 3, "what is refused leaves nothing outside");
    }
    assert_eq!(counter(&bench, "few").await, json!(3));
    bench.mount("secret").await;
    assert_eq!(root.write("secret/x", json!({ "a": "b" })).await, json!({}), "what makes no lease is not counted");
    let revoked = root.write("sys/leases/revoke-prefix/db", json!({ "sync": true })).await;
    assert_eq!(revoked, json!({}));
    bench.settle().await;
    assert_eq!(counter(&bench, "few").await, json!(0));
    let short = lend(&root, "app", json!({ "ttl": "60s" })).await;
    id(&short);
    for _ in 0..2 {
        id(&lend(&root, "app", json!({})).await);
    }
    assert_eq!(lend(&root, "app", json!({})).await, exceeded("db/lend/app"));
    bench.clock.advance(Duration::from_secs(61));
    bench.settle().await;
    id(&lend(&root, "app", json!({})).await);
    assert_eq!(lend(&root, "app", json!({})).await, exceeded("db/lend/app"));
}

#[tokio::test]
async fn tokens_that_end_are_leases_and_others_are_not() {
    let bench = Bench::new().await;
    let root = bench.root();
    limit(&bench, "tokens", "auth/token", 2).await;
    let before = bench.keys("ns/root/token/").await.len();
    let ending = json!({ "policies": ["default"] });
    for about in [json!({ "policies": ["default"], "ttl": "1h" }), ending.clone()] {
        is_made(&make_token(&root, about).await);
    }
    assert_eq!(make_token(&root, ending.clone()).await, exceeded("auth/token/create"));
    assert_eq!(bench.keys("ns/root/token/").await.len(), before + 2, "what is refused is not stored");
    // One that never ends, and one that is not stored.
    is_made(&make_token(&root, json!({})).await);
    is_made(&make_token(&root, json!({ "type": "batch", "policies": ["default"] })).await);
    bench.clock.advance(hours(1) + Duration::from_secs(1));
    bench.settle().await;
    is_made(&make_token(&root, ending.clone()).await);
    assert_eq!(make_token(&root, ending).await, exceeded("auth/token/create"));
}

#[tokio::test]
async fn the_narrowest_quota_holds_and_takes_its_leases_from_the_wider_ones() {
    let bench = Bench::new().await;
    let root = bench.root();
    lender(&root, "counted narrow").await;
    root.write("sys/namespaces/a", json!({})).await;
    let tenant = root.clone().within("a");
    lender(&tenant, "counted below").await;
    limit(&bench, "all", "", 3).await;
    limit(&bench, "path", "db/lend/app", 1).await;
    limit(&bench, "glob", "db/lend/x*", 2).await;
    id(&lend(&root, "app", json!({})).await);
    assert_eq!(lend(&root, "app", json!({})).await, exceeded("db/lend/app"));
    for role in ["x1", "x2"] {
        id(&lend(&root, role, json!({})).await);
    }
    assert_eq!(lend(&root, "x3", json!({})).await, exceeded("db/lend/x3"));
    // Those of no narrower quota, wherever they are.
    id(&lend(&root, "other", json!({})).await);
    id(&lend(&tenant, "other", json!({})).await);
    id(&lend(&tenant, "app", json!({})).await);
    for client in [&root, &tenant] {
        assert_eq!(lend(client, "other", json!({})).await, exceeded("db/lend/other"));
    }
    for (name, expected) in [("all", 3), ("path", 1), ("glob", 2)] {
        assert_eq!(counter(&bench, name).await, json!(expected), "{name}");
    }
    // A narrower one that comes later takes away what there is already.
    limit(&bench, "tenant", "a/", 5).await;
    id(&lend(&root, "other", json!({})).await);
    assert_eq!(counter(&bench, "all").await, json!(2));
    assert_eq!(counter(&bench, "tenant").await, json!(2));
}

#[tokio::test]
async fn what_was_there_before_counts_and_what_there_is_after_a_crash() {
    let storage = Arc::new(Memory::new());
    let bench = Bench::over(Arc::clone(&storage) as _).await;
    lender(&bench.root(), "counted before").await;
    for _ in 0..2 {
        id(&lend(&bench.root(), "app", json!({})).await);
    }
    limit(&bench, "few", "db", 3).await;
    id(&lend(&bench.root(), "app", json!({})).await);
    assert_eq!(lend(&bench.root(), "app", json!({})).await, exceeded("db/lend/app"));
    let bench = bench.crashed(storage).await;
    assert_eq!(lend(&bench.root(), "app", json!({})).await, exceeded("db/lend/app"));
    bench.root().delete("sys/quotas/lease-count/few").await;
    id(&lend(&bench.root(), "app", json!({})).await);
}

#[tokio::test]
async fn of_two_requests_for_the_last_place_one_gets_it() {
    for turns in 0..40 {
        let bench = Bench::new().await;
        let root = bench.root();
        lender(&root, "counted at once").await;
        limit(&bench, "one", "db", 1).await;
        let (one, two) = tokio::join!(lend(&root, "app", json!({})), late(turns, lend(&root, "app", json!({}))));
        let made = [&one, &two].iter().filter(|reply| reply["lease"]["id"].is_string()).count();
        assert_eq!(made, 1, "{turns}: {one} {two}");
        assert!([&one, &two].contains(&&exceeded("db/lend/app")), "{turns}: {one} {two}");
    }
}

#[tokio::test]
async fn a_quota_is_shown_as_it_was_made_and_nonsense_is_refused() {
    let bench = Bench::new().await;
    let root = bench.root();
    lender(&root, "counted shown").await;
    root.write("sys/auth/club", json!({ "type": "club" })).await;
    limit(&bench, "few", "db/lend/*", 7).await;
    let expected = json!({
        "type": "lease-count", "name": "few", "path": "db/lend/*", "role": "", "max_leases": 7, "counter": 0,
        "inheritable": false,
    });
    assert_eq!(root.read("sys/quotas/lease-count/few").await["data"], expected);
    assert_eq!(root.list("sys/quotas/lease-count").await["data"]["keys"], json!(["few"]));
    let most = "'max_leases' is invalid: it is at least 1 and at most 100000000";
    let cases = [
        (json!({}), "missing required field \"max_leases\""),
        (json!({ "max_leases": 0 }), most),
        (json!({ "max_leases": 100_000_001 }), most),
        (
            json!({ "max_leases": 1, "path": "db", "role": "boss" }),
            "mount path \"db/\" has no roles: it is no auth method",
        ),
        (json!({ "max_leases": 1, "path": "none" }), "invalid mount path \"none\""),
    ];
    for (about, text) in cases {
        assert_eq!(root.write("sys/quotas/lease-count/other", about).await, invalid(text));
    }
    assert_eq!(root.delete("sys/quotas/lease-count/few").await, json!({}));
    assert_eq!(root.read("sys/quotas/lease-count/few").await, refused("NotFound", "not found"));
}

#[tokio::test]
async fn tokens_of_logins_for_a_role_have_a_quota_of_their_own() {
    let bench = Bench::new().await;
    let root = bench.root();
    root.write("sys/auth/club", json!({ "type": "club" })).await;
    let enter = async |about: Value| bench.nobody().write("auth/club/enter", about).await;
    let (boss, clerk) = (json!({ "role": "boss" }), json!({ "role": "clerk" }));
    // Before there is a quota: it is counted all the same.
    is_made(&enter(boss.clone()).await);
    limit(&bench, "all", "auth/club", 3).await;
    let about = json!({ "path": "auth/club", "role": "boss", "max_leases": 2 });
    assert_eq!(root.write("sys/quotas/lease-count/boss", about).await, json!({}));
    let shown = root.read("sys/quotas/lease-count/boss").await["data"].clone();
    assert_eq!((&shown["role"], &shown["path"], &shown["counter"]), (&json!("boss"), &json!("auth/club/"), &json!(1)));
    is_made(&enter(boss.clone()).await);
    assert_eq!(enter(boss.clone()).await, exceeded("auth/club/enter"));
    for about in [clerk.clone(), json!({}), clerk.clone()] {
        is_made(&enter(about).await);
    }
    assert_eq!(enter(clerk).await, exceeded("auth/club/enter"), "all others are under that of the mount");
    assert_eq!((counter(&bench, "all").await, counter(&bench, "boss").await), (json!(3), json!(2)));
    bench.clock.advance(hours(1) + Duration::from_secs(1));
    bench.settle().await;
    is_made(&enter(boss).await);
    assert_eq!(counter(&bench, "boss").await, json!(1));
}

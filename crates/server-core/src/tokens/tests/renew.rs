//! Renewal, expiry, and the lines of the due index between them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::testing::{Bench, denied, invalid, unless_hung};

async fn renew(bench: &Bench, token: &str, increment: &str) -> Value {
    bench.with(token).write("auth/token/renew-self", json!({ "increment": increment })).await
}

async fn advance(bench: &Bench, by: Duration) {
    bench.clock.advance(by);
    bench.settle().await;
}

#[tokio::test]
async fn a_renewal_lasts_what_is_asked_or_what_was_given_at_first() {
    let bench = Bench::new().await;
    let token = bench.token(json!({ "policies": "default", "ttl": "1h" })).await;
    bench.clock.advance(Duration::from_secs(1800));
    assert_eq!(renew(&bench, &token, "").await["auth"]["lease_duration"], 3600);
    let renewed = renew(&bench, &token, "2h").await;
    assert_eq!(renewed["auth"]["lease_duration"], 7200);
    assert_eq!(renewed["auth"]["client_token"], token);
    assert_eq!(bench.with(&token).lookup().await["ttl"], 7200);
    assert_eq!(renew(&bench, &token, "60").await["auth"]["lease_duration"], 60);
}

#[tokio::test]
async fn renewals_end_at_the_explicit_max_and_at_the_mount_s() {
    let bench = Bench::new().await;
    let token = bench.token(json!({ "policies": "default", "ttl": "1h", "explicit_max_ttl": "90m" })).await;
    bench.clock.advance(Duration::from_secs(3000));
    let renewed = renew(&bench, &token, "1h").await;
    assert_eq!(renewed["auth"]["lease_duration"], 2400);
    let text = "TTL of \"1h\" exceeded the effective max_ttl of \"40m\"; TTL value is capped accordingly";
    assert_eq!(renewed["warnings"], json!([text]));
    let token = bench.token(json!({ "policies": "default", "ttl": "767h" })).await;
    bench.clock.advance(Duration::from_secs(766 * 3600));
    assert_eq!(renew(&bench, &token, "10h").await["auth"]["lease_duration"], 2 * 3600);
    bench.root().write("sys/auth/token/tune", json!({ "max_lease_ttl": "24h" })).await;
    assert_eq!(renew(&bench, &token, "10h").await, invalid("past the max TTL, cannot renew"));
    assert_ne!(bench.with(&token).lookup().await, json!(null), "what was given is not taken back");
}

#[tokio::test]
async fn a_periodic_token_lives_as_long_as_it_is_renewed() {
    let bench = Bench::new().await;
    let token = bench.token(json!({ "policies": "default", "period": "24h" })).await;
    for _ in 0..60 {
        advance(&bench, Duration::from_secs(20 * 3600)).await;
        assert_eq!(renew(&bench, &token, "1h").await["auth"]["lease_duration"], 24 * 3600);
    }
    advance(&bench, Duration::from_secs(24 * 3600)).await;
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
}

#[tokio::test]
async fn what_cannot_be_renewed_says_so() {
    let bench = Bench::new().await;
    let text = invalid("lease is not renewable");
    assert_eq!(renew(&bench, &bench.root, "").await, text);
    let token = bench.token(json!({ "policies": "default", "ttl": "1h", "renewable": false })).await;
    assert_eq!(renew(&bench, &token, "").await, text);
    assert_eq!(bench.root().write("auth/token/renew", json!({ "token": token })).await, text);
}

#[tokio::test]
async fn an_expired_token_is_refused_at_once_and_then_cleared_away_with_all_its_parts() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let token = bench.token(json!({ "ttl": "1h", "num_uses": 50 })).await;
    bench.with(&token).write("cubbyhole/a/b", json!({ "x": 1 })).await;
    bench.with(&token).write("cubbyhole/c", json!({ "x": 1 })).await;
    bench.clock.advance(Duration::from_nanos(3_599_999_999_999));
    assert_ne!(bench.with(&token).lookup().await, json!(null));
    bench.clock.advance(Duration::from_nanos(1));
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
    assert!(bench.keys("ns/root/token/").await.len() == 2);
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn an_expired_parent_takes_its_children_along() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let parent = bench.token(json!({ "ttl": "1h" })).await;
    let child = bench.with(&parent).create("create", json!({ "ttl": "100h" })).await;
    let grandchild = bench.with(&child).create("create", json!({ "ttl": "100h" })).await;
    advance(&bench, Duration::from_secs(3600)).await;
    for token in [&parent, &child, &grandchild] {
        assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied());
    }
    // The lines of the children's own expiry went with them.
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn renewals_move_the_line_and_never_lose_it() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let token = bench.token(json!({ "policies": "default", "ttl": "1h" })).await;
    renew(&bench, &token, "3h").await;
    advance(&bench, Duration::from_secs(3600)).await;
    assert_ne!(bench.with(&token).lookup().await, json!(null), "renewed past its first expiry");
    assert_eq!(bench.keys("due/").await.len(), 1, "moved, not doubled");
    // To an earlier time, to a later one, and to the same earlier one again.
    for increment in ["30m", "2h", "30m"] {
        renew(&bench, &token, increment).await;
    }
    assert_eq!(bench.keys("due/").await.len(), 2);
    advance(&bench, Duration::from_secs(1800)).await;
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
    assert_eq!(bench.keys("ns/root/token/").await.len(), 1);
    advance(&bench, Duration::from_secs(2 * 3600)).await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn a_clock_that_goes_back_loses_no_expiry() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    bench.token(json!({ "ttl": "1h" })).await;
    let line = bench.keys("due/").await;
    let key = storage::Key::new(line[0].clone().into_bytes()).expect("a key");
    let seals = &bench.core.seals;
    let [found] = seals.store.get_all([key.clone()]).await.expect("it can be read");
    let revision = found.expect("it is there").revision;
    let id = line[0].rsplit('/').next().expect("an id").to_owned();
    // Found to be due by a clock that has been put back since.
    let due = crate::due::Line { key, revision, namespace: "root".to_owned(), id };
    crate::due::Owner::fire(&*seals.tokens, due).await.expect("nothing is wrong");
    assert_eq!(bench.keys("due/").await, line);
    advance(&bench, Duration::from_secs(3600)).await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn renewal_and_expiry_at_once_agree_on_one_of_them() {
    let mut outcomes = (0, 0);
    for turns in 0..60 {
        let bench = Bench::new().await;
        let token = bench.token(json!({ "policies": "default", "ttl": "1h" })).await;
        bench.clock.advance(Duration::from_secs(3599));
        let (renewed, ()) = tokio::join!(renew(&bench, &token, "1h"), async {
            for _ in 0..turns % 8 {
                tokio::task::yield_now().await;
            }
            bench.clock.advance(Duration::from_secs(1));
            bench.settle().await;
        });
        let is_alive = bench.with(&token).lookup().await != json!(null);
        let is_renewed = renewed["auth"].is_object();
        assert_eq!(is_renewed, is_alive, "{turns}: {renewed}");
        if is_renewed {
            outcomes.0 += 1;
        } else {
            outcomes.1 += 1;
        }
    }
    assert!(outcomes.0 > 0, "{outcomes:?}");
}

#[tokio::test]
async fn a_rival_node_only_makes_everybody_try_again() {
    let memory = Arc::new(Memory::new());
    let mut bench = Bench::fresh(Arc::clone(&memory) as _, barrier::CacheMode::ReadThrough);
    bench.init().await;
    let rival = Arc::new(Rival::new(memory, 7, 60));
    let bench = bench.crashed(Arc::clone(&rival) as _).await;
    let work = async {
        for _ in 0..20 {
            // A rival that rewrites the caller's liveness is taken for a revocation, so this one may be refused.
            let made = bench.root().write("auth/token/create", json!({ "policies": "default", "ttl": "1h" })).await;
            let Some(token) = made["auth"]["client_token"].as_str().map(str::to_owned) else { continue };
            assert!(renew(&bench, &token, "2h").await["auth"].is_object());
            assert_eq!(bench.root().write("auth/token/revoke", json!({ "token": token })).await, json!({}));
            assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
        }
        bench.clock.advance(Duration::from_secs(4 * 3600));
        bench.settle().await;
    };
    unless_hung(work).await.expect("nobody waits for ever");
    assert!(rival.strikes() > 20, "{} strikes", rival.strikes());
    assert_eq!(bench.keys("ns/root/token/").await.len(), 1);
    assert_eq!(bench.keys("due/").await, Vec::<String>::new());
}

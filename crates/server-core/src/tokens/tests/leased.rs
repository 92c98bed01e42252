//! Tokens as `sys/leases/` shows them: looked up, listed and ended by the path that they were made at.

use serde_json::{Value, json};

use super::logins::{enable, is_alive, log_in_often};
use crate::testing::{Bench, denied, invalid};

/// More than two pages of a sweep hold.
const MANY: usize = 230;
const LOGIN: &str = "auth/here/login";

async fn names(bench: &Bench, path: &str) -> Vec<String> {
    let listed = bench.root().list(&format!("sys/leases/lookup/{path}")).await;
    let names = listed["data"]["keys"].as_array().cloned().unwrap_or_default();
    names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_token_that_ends_is_a_lease_of_its_path() {
    let bench = Bench::new().await;
    enable(&bench, "here").await;
    let [token] = log_in_often(&bench, "here", 1).await.try_into().expect("one");
    assert_eq!(names(&bench, "auth").await, ["here/"], "the root token never ends");
    assert_eq!(names(&bench, "auth/here").await, ["login/"]);
    let tails = names(&bench, LOGIN).await;
    let [tail] = tails.as_slice() else { panic!("{tails:?}") };
    let id = format!("{LOGIN}/{tail}");
    let shown = bench.root().write("sys/leases/lookup", json!({ "lease_id": id })).await["data"].take();
    let looked = bench.with(&token).lookup().await;
    assert_eq!(
        [&shown["id"], &shown["ttl"], &shown["expire_time"]],
        [&json!(id), &looked["ttl"], &looked["expire_time"]]
    );
    assert_eq!([&shown["renewable"], &shown["last_renewal"]], [&json!(true), &Value::Null]);
    for other in [format!("auth/token/create/{tail}"), format!("{LOGIN}/{tail}x"), format!("{LOGIN}/h"), tail.clone()] {
        let unknown = bench.root().write("sys/leases/lookup", json!({ "lease_id": other })).await;
        assert_eq!(unknown, invalid("invalid lease"), "{other}");
    }
    assert_eq!(bench.with(tail).read("auth/token/lookup-self").await, denied(), "an id is no token");
    let renewed = bench.root().write("sys/leases/renew", json!({ "lease_id": id })).await;
    assert_eq!(renewed, invalid("tokens cannot be renewed through this endpoint"));
    bench.root().write("sys/leases/revoke", json!({ "lease_id": id })).await;
    assert!(!is_alive(&bench, &token).await);
    assert!(names(&bench, LOGIN).await.is_empty());
}

#[tokio::test]
async fn tokens_are_ended_below_their_path_page_by_page_and_nothing_beside_it() {
    let bench = Bench::new().await;
    enable(&bench, "here").await;
    enable(&bench, "here-too").await;
    let ended = log_in_often(&bench, "here", MANY).await;
    let [kept] = log_in_often(&bench, "here-too", 1).await.try_into().expect("one");
    let child = bench.root().create("create", json!({ "ttl": "1h" })).await;
    assert_eq!(bench.root().write("sys/leases/revoke-prefix/auth/here", json!({})).await, json!({}));
    for token in &ended {
        assert!(!is_alive(&bench, token).await);
    }
    assert!(is_alive(&bench, &kept).await && is_alive(&bench, &child).await);
    assert_eq!(bench.root().write("sys/leases/revoke-prefix/auth/token/create", json!({})).await, json!({}));
    assert!(is_alive(&bench, &kept).await && !is_alive(&bench, &child).await);
    let again = bench.root().write("sys/leases/revoke-force/auth", json!({})).await;
    assert_eq!(again, json!({}), "the root token asked, and never ends");
    assert!(!is_alive(&bench, &kept).await);
}

#[tokio::test]
async fn an_order_that_nobody_waits_for_spares_what_is_made_after_it_and_survives_a_crash() {
    let bench = Bench::new().await;
    bench.core.seals.worker.stop().await;
    enable(&bench, "here").await;
    let early = log_in_often(&bench, "here", 3).await;
    let order = bench.root().write("sys/leases/revoke-prefix/auth/here", json!({ "sync": false })).await;
    assert_eq!(order["status"], json!("Accepted"), "{order}");
    bench.clock.advance(std::time::Duration::from_secs(1));
    let [late] = log_in_often(&bench, "here", 1).await.try_into().expect("one");
    assert!(is_alive(&bench, &early[0]).await, "the worker stands still");
    let storage = std::sync::Arc::clone(&bench.storage);
    let bench = bench.crashed(storage).await;
    bench.settle().await;
    for token in &early {
        assert!(!is_alive(&bench, token).await);
    }
    assert!(is_alive(&bench, &late).await);
}

#[tokio::test]
async fn a_namespace_has_leases_of_its_own_tokens_alone() {
    let bench = Bench::new().await;
    bench.root().write("sys/namespaces/team", json!({})).await;
    let inside = bench.root().within("team").create("create", json!({ "ttl": "1h", "policies": "default" })).await;
    let outside = bench.root().create("create", json!({ "ttl": "1h" })).await;
    let listed = bench.root().within("team").list("sys/leases/lookup/auth/token/create").await;
    let tail = listed["data"]["keys"][0].as_str().expect("one lease").to_owned();
    let id = inside.rsplit_once('.').expect("a namespace").1;
    assert!(tail.ends_with(&format!(".{id}")), "{tail}");
    let elsewhere = json!({ "lease_id": format!("auth/token/create/{tail}") });
    assert_eq!(bench.root().write("sys/leases/lookup", elsewhere).await, invalid("invalid lease"));
    bench.root().within("team").write("sys/leases/revoke-prefix/auth", json!({})).await;
    assert!(is_alive(&bench, &outside).await);
    assert_eq!(bench.with(&inside).within("team").read("auth/token/lookup-self").await, denied());
}

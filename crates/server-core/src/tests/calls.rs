//! What requests cost, in calls to the store: exact numbers, and a budget of their own (`design.md` §4).

use std::sync::Arc;

use serde_json::json;
use storage::counting::{Counting, Tally};
use storage::memory::Memory;

use crate::testing::Bench;

async fn counted() -> (Bench, Arc<Counting>) {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": 1 })).await;
    (bench, counting)
}

/// Lets the worker have its first look.
async fn rest() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

fn calls(reads: u64, scans: u64, commits: u64) -> Tally {
    Tally { reads, scans, commits, ..Tally::default() }
}

#[tokio::test]
async fn a_warm_read_with_a_token_of_ten_policies_costs_nothing_but_what_the_engine_asks() {
    let (bench, counting) = counted().await;
    let names: Vec<_> = (0..10).map(|number| format!("p{number}")).collect();
    for name in &names {
        let text = format!(
            "path \"secret/*\" {{ capabilities = [\"read\"] }} path \"{name}\" {{ capabilities = [\"read\"] }}"
        );
        bench.root().write(&format!("sys/policies/acl/{name}"), json!({ "policy": text })).await;
    }
    let token = bench.token(json!({ "policies": names })).await;
    bench.with(&token).read("secret/a").await;
    counting.take();
    for _ in 0..3 {
        assert_eq!(bench.with(&token).read("secret/a").await, json!({ "data": { "x": 1 } }));
        bench.with(&token).lookup().await;
        bench.with(&token).write("sys/capabilities-self", json!({ "paths": "secret/a" })).await;
    }
    assert_eq!(counting.take(), calls(0, 0, 0));
}

#[tokio::test]
async fn a_cold_read_after_unseal_asks_a_fixed_number_of_times() {
    let (bench, counting) = counted().await;
    bench.core.seal().await;
    bench.unseal().await;
    rest().await;
    counting.take();
    bench.root().read("secret/a").await;
    // The epoch, the path and the token; the mount; the entry.
    assert_eq!(counting.take(), calls(3, 0, 0));
    bench.root().read("secret/a").await;
    assert_eq!(counting.take(), calls(0, 0, 0));
}

#[tokio::test]
async fn a_write_costs_a_read_of_what_is_there_and_a_commit() {
    let (bench, counting) = counted().await;
    let token =
        bench.token_for("writer", "path \"secret/*\" { capabilities = [\"create\", \"update\", \"list\"] }").await;
    let client = bench.with(&token);
    client.write("secret/warm", json!({ "x": 1 })).await;
    counting.take();
    client.write("secret/new", json!({ "x": 1 })).await;
    // Whether it creates or updates is asked once: the engine's own look is answered from the cache.
    assert_eq!(counting.take(), calls(1, 0, 1), "a new one");
    client.write("secret/new", json!({ "x": 2 })).await;
    assert_eq!(counting.take(), calls(0, 0, 1), "one that is known");
    client.list("secret/").await;
    assert_eq!(counting.take(), calls(0, 1, 0), "a page of names");
    bench.root().delete("secret/new").await;
    assert_eq!(counting.take(), calls(0, 0, 1), "a deletion of what is known");
}

#[tokio::test]
async fn a_token_costs_one_commit_to_make_and_a_use_of_it_one_more() {
    let (bench, counting) = counted().await;
    bench.token(json!({})).await;
    bench.root().read("sys/key-status").await;
    counting.take();
    let token = bench.token(json!({ "ttl": "1h", "num_uses": 3 })).await;
    assert_eq!(counting.take(), calls(0, 0, 1), "create");
    bench.with(&token).read("sys/key-status").await;
    assert_eq!(counting.take(), calls(0, 0, 1), "a use");
    let token = bench.token(json!({ "ttl": "1h" })).await;
    counting.take();
    bench.with(&token).write("auth/token/renew-self", json!({ "increment": "2h" })).await;
    assert_eq!(counting.take(), calls(0, 0, 1), "renew to a later time");
    bench.with(&token).write("auth/token/renew-self", json!({ "increment": "30m" })).await;
    assert_eq!(counting.take(), calls(1, 0, 1), "renew to an earlier time, which looks for the line first");
    bench.with(&token).write("auth/token/revoke-self", json!({})).await;
    // The mark's line is looked for, and the uses and the child line; children, leases and cubbyhole are
    // scanned.
    assert_eq!(counting.take(), calls(2, 3, 2), "revoke");
}

#[tokio::test]
async fn a_refused_token_costs_one_read_and_then_none() {
    let (bench, counting) = counted().await;
    counting.take();
    bench.with("hvs.unknown").read("secret/a").await;
    assert_eq!(counting.take(), calls(1, 0, 0));
    bench.with("hvs.unknown").read("secret/a").await;
    assert_eq!(counting.take(), calls(0, 0, 0));
}

#[tokio::test]
async fn one_mount_of_a_thousand_is_found_as_fast_as_one_of_one() {
    let (bench, counting) = counted().await;
    for number in 0..1000 {
        bench.mount(&format!("team{number}/secrets")).await;
    }
    bench.root().write("team7/secrets/a", json!({ "x": 1 })).await;
    bench.core.seal().await;
    bench.unseal().await;
    rest().await;
    counting.take();
    bench.root().read("team500/secrets/a/b/c").await;
    // The same as with a single mount.
    assert_eq!(counting.take(), calls(3, 0, 0));
    bench.root().read("team7/secrets/a").await;
    // The paths that lead there, the mount, the entry; the epoch and the token are known.
    assert_eq!(counting.take(), calls(3, 0, 0));
    bench.root().read("team7/secrets/a").await;
    assert_eq!(counting.take(), calls(0, 0, 0));
    bench.root().read("sys/key-status").await;
    counting.take();
    bench.root().read("sys/mounts").await;
    assert_eq!(counting.take(), calls(0, 2, 0), "a list reads pages");
}

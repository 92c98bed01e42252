//! Revocation: what goes, what stays, and what a crash at any moment leaves behind.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::{Batch, CommitId, Key, WRITES_MAX};

use crate::testing::{Bench, Yielding, denied, invalid, late, unless_hung};

async fn is_alive(bench: &Bench, token: &str) -> bool {
    bench.with(token).lookup().await != json!(null)
}

async fn revoke(bench: &Bench, path: &str, about: Value) {
    assert_eq!(bench.root().write(&format!("auth/token/{path}"), about).await, json!({}));
}

/// Parent, child, grandchild.
async fn family(bench: &Bench) -> [String; 3] {
    let parent = bench.token(json!({ "ttl": "10h" })).await;
    let child = bench.with(&parent).create("create", json!({ "ttl": "10h" })).await;
    let grandchild = bench.with(&child).create("create", json!({ "ttl": "10h" })).await;
    for token in [&parent, &child, &grandchild] {
        bench.with(token).write("cubbyhole/a", json!({ "x": 1 })).await;
    }
    [parent, child, grandchild]
}

#[tokio::test]
async fn a_revoked_parent_takes_everything_below_it_along() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let [parent, child, grandchild] = family(&bench).await;
    revoke(&bench, "revoke", json!({ "token": parent })).await;
    for token in [&parent, &child, &grandchild] {
        assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied());
        assert_eq!(bench.with(token).read("cubbyhole/a").await, denied());
    }
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn revoking_oneself_and_by_accessor_does_the_same() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let [parent, child, grandchild] = family(&bench).await;
    assert_eq!(bench.with(&child).write("auth/token/revoke-self", json!({})).await, json!({}));
    assert!(is_alive(&bench, &parent).await);
    assert!(!is_alive(&bench, &child).await && !is_alive(&bench, &grandchild).await);
    let accessor = bench.with(&parent).lookup().await["accessor"].take();
    revoke(&bench, "revoke-accessor", json!({ "accessor": accessor })).await;
    assert!(!is_alive(&bench, &parent).await);
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn an_orphaning_revocation_keeps_the_children() {
    let bench = Bench::new().await;
    let [parent, child, grandchild] = family(&bench).await;
    revoke(&bench, "revoke-orphan", json!({ "token": parent })).await;
    assert!(!is_alive(&bench, &parent).await);
    assert_eq!(bench.with(&child).lookup().await["orphan"], true);
    assert_eq!(bench.with(&grandchild).lookup().await["orphan"], false);
    assert_eq!(bench.keys("ns/root/token-child/").await.len(), 1, "the grandchild's");
    revoke(&bench, "revoke", json!({ "token": child })).await;
    assert!(!is_alive(&bench, &grandchild).await);
}

#[tokio::test]
async fn what_is_not_there_needs_no_revocation() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    for path in ["revoke", "revoke-orphan"] {
        revoke(&bench, path, json!({ "token": "unknown" })).await;
        let path = format!("auth/token/{path}");
        assert_eq!(bench.root().write(&path, json!({})).await, invalid("missing token"));
    }
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn many_children_and_deep_trees_go_in_one_call() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let parent = bench.token(json!({ "ttl": "10h" })).await;
    let mut last = parent.clone();
    for _ in 0..50 {
        last = bench.with(&last).create("create", json!({ "ttl": "10h" })).await;
    }
    for _ in 0..300 {
        bench.with(&parent).create("create", json!({ "ttl": "10h" })).await;
    }
    assert_eq!(bench.keys("ns/root/token/").await.len(), 352);
    revoke(&bench, "revoke", json!({ "token": parent })).await;
    assert!(!is_alive(&bench, &last).await);
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn the_same_id_can_be_chosen_again_and_is_another_token() {
    let bench = Bench::new().await;
    let first = bench.token(json!({ "id": "mine", "ttl": "1h" })).await;
    bench.with(&first).write("cubbyhole/a", json!({ "x": 1 })).await;
    revoke(&bench, "revoke", json!({ "token": first })).await;
    let second = bench.token(json!({ "id": "mine", "ttl": "5h" })).await;
    assert_eq!(bench.with(&second).list("cubbyhole/").await, json!({ "data": { "keys": [] } }));
    // The mark's line and that of the first one's expiry are still there, and must not end the second one.
    bench.settle().await;
    bench.clock.advance(Duration::from_secs(2 * 3600));
    bench.settle().await;
    assert!(is_alive(&bench, &second).await);
    bench.clock.advance(Duration::from_secs(3 * 3600));
    bench.settle().await;
    assert_eq!(bench.keys("ns/root/token/").await.len(), 1);
}

/// Crashes after each of the commits that `work` makes, one run each, and lets another node go on. What is given back
/// is how many runs there were. `work` gets the family.
async fn crash_at_every_commit(
    work: impl AsyncFn(&Bench, &[String; 3]),
    check: impl AsyncFn(&Bench, &[String; 3], &[String]),
) -> u64 {
    for nth in 1.. {
        let memory = Arc::new(Memory::new());
        let (env, _) = env::simulated::env(9);
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        let before = bench.keys("").await;
        let family = family(&bench).await;
        // So that it is the work that hits the fault.
        bench.core.seals.worker.stop().await;
        // The commit goes through; then the node is gone.
        faulty.fail_nth(Call::Commit, nth, Fault::LoseAnswer);
        let is_done = unless_hung(work(&bench, &family)).await.is_some();
        faulty.cut();
        if is_done {
            return nth - 1;
        }
        let bench = bench.crashed(memory).await;
        bench.settle().await;
        check(&bench, &family, &before).await;
        bench.clock.advance(Duration::from_secs(20 * 3600));
        bench.settle().await;
        assert_eq!(bench.keys("").await, before, "after a crash behind commit {nth}");
    }
    0
}

#[tokio::test]
async fn a_revocation_survives_a_crash_at_every_commit() {
    let runs = crash_at_every_commit(
        async |bench, [parent, ..]| revoke(bench, "revoke", json!({ "token": parent })).await,
        async |bench, family, before| {
            for token in family {
                assert!(!is_alive(bench, token).await);
            }
            assert_eq!(bench.keys("").await, before);
        },
    )
    .await;
    // Three marks, three cubbyholes, three removals.
    assert_eq!(runs, 9);
}

#[tokio::test]
async fn an_orphaning_revocation_survives_a_crash_at_every_commit() {
    let runs = crash_at_every_commit(
        async |bench, [parent, ..]| revoke(bench, "revoke-orphan", json!({ "token": parent })).await,
        async |bench, [parent, child, grandchild], _| {
            assert!(!is_alive(bench, parent).await);
            assert_eq!(bench.with(child).lookup().await["orphan"], true);
            assert!(is_alive(bench, grandchild).await);
        },
    )
    .await;
    // The mark, the child's line, the cubbyhole, the removal.
    assert_eq!(runs, 4);
}

#[tokio::test]
async fn an_expiry_survives_a_crash_at_every_commit() {
    let runs = crash_at_every_commit(
        async |bench, _| {
            bench.clock.advance(Duration::from_secs(10 * 3600));
            bench.settle().await;
        },
        async |bench, _, before| assert_eq!(bench.keys("").await, before),
    )
    .await;
    assert!(runs >= 9, "{runs}");
}

#[tokio::test]
async fn two_revocations_at_once_both_succeed() {
    for turns in 0..40 {
        let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
        one.init().await;
        let two = one.beside().await;
        let before = one.keys("").await;
        let [parent, child, grandchild] = family(&one).await;
        let first = late(8, revoke(&one, "revoke", json!({ "token": parent })));
        let ((), ()) = tokio::join!(first, late(turns, revoke(&two, "revoke", json!({ "token": child }))));
        for token in [&parent, &child, &grandchild] {
            assert!(!is_alive(&one, token).await && !is_alive(&two, token).await, "{turns}");
        }
        one.settle().await;
        assert_eq!(one.keys("").await, before, "{turns}");
    }
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_leaves_the_rest_to_the_worker() {
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    let before = bench.keys("").await;
    let [parent, ..] = family(&bench).await;
    faulty.fail_nth(Call::Commit, 4, Fault::Fail);
    let reply = bench.root().write("auth/token/revoke", json!({ "token": parent })).await;
    assert!(reply["refused"].as_str().is_some_and(|text| text.starts_with("World")), "{reply}");
    assert!(!is_alive(&bench, &parent).await, "marked all the same");
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

/// Makes entries unreadable.
async fn damage(bench: &Bench, keys: impl IntoIterator<Item = String>) {
    for (number, key) in (1_u128..).zip(keys) {
        let key = Key::new(key.into_bytes()).expect("a key");
        let snapshot = bench.storage.read(std::slice::from_ref(&key)).await.expect("it can be read");
        let revision = snapshot.entries[0].as_ref().expect("it is there").revision;
        let id = CommitId(number.to_be_bytes());
        let batch = Batch::new(id).replace(key, revision, b"garbage".as_slice());
        bench.storage.commit(&batch).await.expect("it can be written");
    }
}

#[tokio::test]
async fn a_damaged_child_does_not_save_its_siblings() {
    let bench = Bench::new().await;
    let parent = bench.token(json!({ "ttl": "10h" })).await;
    let mut children = Vec::new();
    let mut damaged = None;
    for _ in 0..5 {
        let known = bench.keys("ns/root/token/").await;
        children.push(bench.with(&parent).create("create", json!({ "ttl": "10h" })).await);
        let fresh = bench.keys("ns/root/token/").await.into_iter().find(|key| !known.contains(key));
        damaged = damaged.or(fresh);
    }
    damage(&bench, damaged).await;
    let storage = Arc::clone(&bench.storage);
    let bench = bench.crashed(storage).await;
    let reply = bench.root().write("auth/token/revoke", json!({ "token": parent })).await;
    assert!(reply["refused"].as_str().is_some_and(|text| text.starts_with("World")), "{reply}");
    for child in &children {
        assert!(!is_alive(&bench, child).await);
    }
    assert!(!is_alive(&bench, &parent).await);
    bench.settle().await;
    assert_eq!(bench.keys("ns/root/token/").await.len(), 3, "root, the parent and the damaged one are left");
}

#[tokio::test]
async fn whole_pages_of_damaged_children_do_not_save_the_one_behind_them() {
    let bench = Bench::new().await;
    let parent = bench.token(json!({ "ttl": "10h" })).await;
    let others = bench.keys("ns/root/token/").await;
    let mut children = Vec::new();
    for _ in 0..=2 * WRITES_MAX {
        children.push(bench.with(&parent).create("create", json!({ "ttl": "10h" })).await);
    }
    // Lines are read in the order of their keys, so that the greatest one is behind all others.
    let mut entries = bench.keys("ns/root/token/").await;
    entries.retain(|key| !others.contains(key));
    entries.sort();
    entries.pop();
    let damaged = entries.len();
    damage(&bench, entries).await;
    let storage = Arc::clone(&bench.storage);
    let bench = bench.crashed(storage).await;
    let reply = bench.root().write("auth/token/revoke", json!({ "token": parent })).await;
    assert!(reply["refused"].as_str().is_some_and(|text| text.starts_with("World")), "{reply}");
    for child in &children {
        assert!(!is_alive(&bench, child).await);
    }
    assert_eq!(bench.keys("ns/root/token/").await.len(), 2 + damaged, "root, the parent and the damaged ones are left");
}

//! The pass over what tokens leave behind.

use std::sync::Arc;
use std::time::Duration;

use barrier::Changes;
use serde_json::json;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::{Batch, CommitId, Key};

use crate::testing::{Bench, denied, unless_hung};
use crate::tokens::tidy::Tally;

/// Takes entries away, or puts empty ones in, past everything that guards them.
async fn damage(bench: &Bench, remove: &[String], add: &[&str]) {
    let store = &bench.core.seals.store;
    let key = |text: &str| Key::new(text.as_bytes().to_vec()).expect("a key");
    let mut changes = Changes::new();
    for text in remove {
        let [revision] = store.revisions_of([key(text)]).await.expect("the store is well");
        changes.delete(key(text), revision.expect("it is there"));
    }
    for text in add {
        changes.create(key(text), b"{}".to_vec());
    }
    store.commit(changes).await.expect("nothing is in the way");
}

async fn tidy(bench: &Bench) -> Tally {
    bench.core.seals.tokens.tidy("root").await.expect("the store is well")
}

/// The keys of a fresh token, parts of which can be taken away.
async fn fresh(bench: &Bench, maker: &str, about: serde_json::Value) -> (String, Vec<String>) {
    let before = bench.keys("").await;
    let token = bench.with(maker).create("create", about).await;
    (token, bench.keys("").await.into_iter().filter(|key| !before.contains(key)).collect())
}

fn part<'k>(keys: &'k [String], part: &str) -> &'k String {
    let prefix = format!("ns/root/{part}/");
    keys.iter().find(|key| key.starts_with(&prefix)).expect("it has this part")
}

#[tokio::test]
async fn what_is_sound_is_left_alone() {
    let bench = Bench::new().await;
    let (parent, _) = fresh(&bench, &bench.root, json!({ "ttl": "1h", "num_uses": 0 })).await;
    let (child, _) = fresh(&bench, &parent, json!({ "ttl": "1h" })).await;
    let (limited, _) = fresh(&bench, &parent, json!({ "ttl": "1h", "num_uses": 3 })).await;
    bench.with(&child).write("cubbyhole/a", json!({ "x": 1 })).await;
    let before = crate::testing::dump(&*bench.storage, "").await;
    assert_eq!(tidy(&bench).await, Tally::default());
    assert_eq!(crate::testing::dump(&*bench.storage, "").await, before);
    assert_ne!(bench.with(&limited).lookup().await, json!(null));
}

#[tokio::test]
async fn what_hangs_on_no_token_is_removed_whatever_part_it_is() {
    let bench = Bench::new().await;
    let before = bench.keys("ns/").await;
    let (token, keys) = fresh(&bench, &bench.root, json!({ "ttl": "1h", "num_uses": 3 })).await;
    bench.with(&token).write("cubbyhole/a", json!({ "x": 1 })).await;
    bench.with(&token).write("cubbyhole/b/c", json!({ "x": 1 })).await;
    damage(&bench, &[part(&keys, "token").clone()], &["ns/root/token-child/gone/gone"]).await;
    assert_eq!(tidy(&bench).await, Tally { removed: 7, ended: 0, failed: 0 });
    assert_eq!(bench.keys("ns/").await, before);
    assert_eq!(tidy(&bench).await, Tally::default(), "nothing is left for a second pass");
}

#[tokio::test]
async fn a_token_without_its_other_half_goes_with_the_rest_of_it() {
    let bench = Bench::new().await;
    let before = bench.keys("ns/").await;
    let (token, keys) = fresh(&bench, &bench.root, json!({ "ttl": "1h" })).await;
    damage(&bench, &[part(&keys, "token-state").clone()], &[]).await;
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
    assert_eq!(tidy(&bench).await, Tally { removed: 3, ended: 0, failed: 0 });
    assert_eq!(bench.keys("ns/").await, before);
}

#[tokio::test]
async fn children_of_a_parent_that_is_gone_end_and_orphans_do_not() {
    let bench = Bench::new().await;
    let (parent, keys) = fresh(&bench, &bench.root, json!({ "ttl": "1h" })).await;
    let (child, _) = fresh(&bench, &parent, json!({ "ttl": "1h" })).await;
    let (grandchild, _) = fresh(&bench, &child, json!({ "ttl": "1h" })).await;
    let orphan = bench.with(&parent).create("create-orphan", json!({ "ttl": "1h" })).await;
    damage(&bench, &[part(&keys, "token").clone(), part(&keys, "token-state").clone()], &[]).await;
    assert_eq!(tidy(&bench).await.ended, 1);
    for token in [&child, &grandchild] {
        assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied());
    }
    assert_ne!(bench.with(&orphan).lookup().await, json!(null));
    assert_eq!(bench.keys("ns/root/token/").await.len(), 2);
    assert_eq!(bench.keys("ns/root/accessor/").await.len(), 2);
}

#[tokio::test]
async fn what_should_have_ended_ends() {
    let bench = Bench::new().await;
    bench.core.seals.worker.stop().await;
    let before = bench.keys("ns/").await;
    let (_, keys) = fresh(&bench, &bench.root, json!({ "ttl": "1h" })).await;
    // Its line in the due index is lost, so nobody else would look.
    let line = keys.iter().find(|key| key.starts_with("due/")).expect("it expires").clone();
    damage(&bench, &[line], &[]).await;
    let (marked, _) = fresh(&bench, &bench.root, json!({ "ttl": "5h" })).await;
    let tokens = &bench.core.seals.tokens;
    tokens.mark_only("root", &tokens.hash(&marked).expect("it is unsealed")).await;
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(tidy(&bench).await, Tally { removed: 0, ended: 2, failed: 0 });
    assert_eq!(bench.keys("ns/").await, before);
}

#[tokio::test]
async fn a_token_that_serves_its_last_request_is_not_taken_from_under_it() {
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    let token = bench.token(json!({ "num_uses": 1 })).await;
    // The removal behind the last use fails.
    faulty.fail_nth(Call::Commit, 2, Fault::Fail);
    assert!(bench.with(&token).read("sys/mounts").await["data"].is_object());
    assert_eq!(tidy(&bench).await, Tally::default());
    assert_eq!(bench.keys("ns/root/token/").await.len(), 2);
}

#[tokio::test]
async fn a_damaged_entry_is_counted_and_stops_nobody() {
    let bench = Bench::new().await;
    let (_, keys) = fresh(&bench, &bench.root, json!({ "ttl": "1h" })).await;
    let key = Key::new(part(&keys, "token").as_bytes().to_vec()).expect("a key");
    let snapshot = bench.storage.read(std::slice::from_ref(&key)).await.expect("it can be read");
    let revision = snapshot.entries[0].as_ref().expect("it is there").revision;
    let batch = Batch::new(CommitId([7; 16])).replace(key, revision, b"garbage".as_slice());
    bench.storage.commit(&batch).await.expect("it can be written");
    let storage = Arc::clone(&bench.storage);
    let bench = bench.crashed(storage).await;
    damage(&bench, &[], &["ns/root/token-uses/gone"]).await;
    let tally = tidy(&bench).await;
    assert_eq!((tally.removed, tally.ended), (1, 0));
    assert!(tally.failed > 0, "{tally:?}");
    assert!(bench.keys("ns/root/token/").await.contains(part(&keys, "token")), "what cannot be read is not removed");
}

#[tokio::test]
async fn a_pass_is_started_once_at_a_time_and_ends_with_the_seal() {
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    bench.core.seals.worker.stop().await;
    let started = json!({
        "warnings": ["Tidy operation successfully started. What it does is written to the server's log."],
        "status": "Accepted",
    });
    let running = json!({ "warnings": ["Tidy operation already in progress on this node."] });
    let start = async || bench.root().write("auth/token/tidy", json!({})).await;
    faulty.fail_nth(Call::Scan, 1, Fault::Hang);
    assert_eq!(start().await, started);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(start().await, running);
    bench.core.seal().await;
    bench.unseal().await;
    damage(&bench, &[], &["ns/root/token-uses/gone"]).await;
    assert_eq!(start().await, started);
    let work = async {
        while bench.keys("ns/root/token-uses/").await != Vec::<String>::new() {
            tokio::task::yield_now().await;
        }
    };
    unless_hung(work).await.expect("the pass goes on in the background");
    let weak = bench.token(json!({ "policies": "default" })).await;
    assert_eq!(bench.with(&weak).write("auth/token/tidy", json!({})).await, denied());
}

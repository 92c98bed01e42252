use std::collections::BTreeMap;
use std::sync::Arc;

use barrier::Changes;
use serde_json::json;
use storage::WRITES_MAX;
use storage::counting::{Counting, Tally};
use storage::memory::Memory;

use super::*;
use crate::keys::ROOT_NAMESPACE;
use crate::mounts::change::{NewMount, parts};
use crate::mounts::entry::Tuning;
use crate::testing::{Bench, refused};

const MANY: usize = 10_000;

/// A node with this many mounts of the test engine, `m0/` and so on.
async fn with_mounts(count: usize) -> (Bench, Arc<Counting>) {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    let store = &bench.core.seals.store;
    let mut changes = Changes::new();
    for number in 0..count {
        let new = NewMount {
            kind: Kind::Secrets,
            path: format!("m{number}/"),
            engine_type: "kv".to_owned(),
            description: "one of many".to_owned(),
            options: BTreeMap::from([("version".to_owned(), "1".to_owned())]),
            is_local: false,
            is_seal_wrap: false,
            has_external_entropy_access: false,
            tuning: Tuning::default(),
        };
        let parts = parts(&bench.env, ROOT_NAMESPACE, &new).expect("a short path");
        changes.create(parts.at.0, parts.at.1);
        for (key, value) in parts.fresh {
            changes.put_fresh(key, value);
        }
        if changes.writes() + 3 > WRITES_MAX || number + 1 == count {
            store.commit(std::mem::take(&mut changes)).await.expect("nobody else writes");
        }
    }
    (bench, counting)
}

/// Lets the worker have its first look.
async fn rest() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn ten_thousand_mounts_cost_no_more_calls_at_start_and_at_first_use_than_ten() {
    let mut costs: Vec<[Tally; 4]> = Vec::new();
    for count in [10, MANY] {
        let (bench, counting) = with_mounts(count).await;
        let root = bench.root();
        root.write("m7/a", json!({ "x": 1 })).await;
        bench.core.seal().await;
        counting.take();
        bench.unseal().await;
        rest().await;
        let start = counting.take();
        assert_eq!(root.read("m7/a").await, json!({ "data": { "x": 1 } }));
        let first = counting.take();
        assert_eq!(root.read("m5/none").await, refused("NotFound", "not found"));
        let second = counting.take();
        root.write("sys/mounts/fresh/one", json!({ "type": "kv" })).await;
        costs.push([start, first, second, counting.take()]);
    }
    assert_eq!(costs[0], costs[1]);
    assert_ne!(costs[0][1], Tally::default(), "the store is asked at all");
}

#[tokio::test]
async fn loaded_mounts_stay_within_their_bound_and_all_of_them_answer() {
    let (bench, _) = with_mounts(MANY).await;
    let root = bench.root();
    let loaded = &bench.core.seals.mounts.loaded;
    let mut heaviest = 0;
    for number in 0..MANY {
        assert_eq!(root.read(&format!("m{number}/a")).await, refused("NotFound", "not found"));
        heaviest = heaviest.max(loaded.weight());
    }
    let one = MOUNT_OVERHEAD_BYTES as u64;
    assert!(heaviest > LOADED_BYTES_MAX / 2 && heaviest <= LOADED_BYTES_MAX, "{heaviest}");
    assert!(MANY as u64 * one > LOADED_BYTES_MAX, "not all of them fit, or the test has lost its teeth");
    bench.core.seal().await;
    assert_eq!(bench.core.seals.mounts.loaded.weight(), 0, "a seal forgets them");
}

#[tokio::test]
async fn mounts_with_the_same_options_share_one_engine() {
    let (bench, _) = with_mounts(3).await;
    let engine = async |path: &str| {
        let found = bench.core.seals.mounts.find(ROOT_NAMESPACE, path).await.expect("the store answers");
        Arc::clone(&found.expect("it is mounted").0.engine)
    };
    assert!(Arc::ptr_eq(&engine("m0/a").await, &engine("m1/a").await));
    bench.root().write("sys/mounts/m1/tune", json!({ "options": { "color": "red" } })).await;
    assert!(!Arc::ptr_eq(&engine("m0/a").await, &engine("m1/a").await));
}

#[tokio::test]
async fn lists_of_ten_thousand_mounts_are_whole_and_for_nobody_they_cost_nothing() {
    let (bench, counting) = with_mounts(MANY).await;
    bench.root().write("sys/mounts/m77/tune", json!({ "listing_visibility": "unauth" })).await;
    let listed = bench.root().read("sys/mounts").await["data"].take();
    // The three of the server's own as well.
    assert_eq!(listed.as_object().map(serde_json::Map::len), Some(MANY + 3));
    assert_eq!(listed["m9999/"]["description"], "one of many");
    let seen = bench.root().read("sys/internal/ui/mounts").await["data"].take();
    assert_eq!(seen["secret"].as_object().map(serde_json::Map::len), Some(MANY + 3));
    let before_login = bench.nobody().read("sys/internal/ui/mounts").await;
    assert_eq!(before_login["data"]["secret"].as_object().map(serde_json::Map::len), Some(1));
    counting.take();
    for _ in 0..3 {
        assert_eq!(bench.nobody().read("sys/internal/ui/mounts").await, before_login);
    }
    assert!(bench.nobody().read("sys/internal/specs/openapi").await["data"]["paths"].is_object());
    assert_eq!(counting.take(), Tally::default());
    bench.root().write("sys/mounts/m78/tune", json!({ "listing_visibility": "unauth" })).await;
    let now = bench.nobody().read("sys/internal/ui/mounts").await;
    assert_eq!(now["data"]["secret"].as_object().map(serde_json::Map::len), Some(2), "a change is seen at once");
}

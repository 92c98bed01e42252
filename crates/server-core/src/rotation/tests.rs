//! The keyring by itself: what is asked for, and that it happens once, on time, and in spite of restarts.

use std::sync::Arc;

use barrier::CacheMode;
use serde_json::{Value, json};
use storage::memory::Memory;

use super::*;
use crate::testing::{Bench, dump, hours, invalid};

const PATH: &str = "sys/rotate/config";

fn term(bench: &Bench) -> u32 {
    bench.core.seals.store.barrier().key_status().expect("unsealed").term
}

async fn lines(bench: &Bench) -> usize {
    let lines = dump(&*bench.storage, "due/").await;
    lines.iter().filter(|(key, _)| key.contains("/rotation/")).count()
}

/// Has a term be used up by so few entries as the API does not let anybody ask for.
async fn set_operations_max(bench: &Bench, most: i64) {
    let store = &bench.core.seals.store;
    let Found { mut value, revision } =
        store.get::<RotationEntry>(&keys::ROTATION).await.unwrap().expect("it is there");
    value.operations_max = most;
    let mut changes = Changes::new();
    changes.replace(keys::ROTATION.clone(), revision, encode(&value).unwrap());
    store.commit(changes).await.expect("nobody else writes it");
}

/// As long as it takes until somebody looks again.
async fn look(bench: &Bench) {
    bench.clock.advance(LOOK);
    bench.settle().await;
}

#[tokio::test]
async fn what_is_named_is_changed_and_the_rest_stays() {
    let bench = Bench::new().await;
    let root = bench.root();
    let shown = async || bench.root().read(PATH).await["data"].take();
    assert_eq!(shown().await, json!({ "enabled": false, "interval": 0, "max_operations": 3_865_470_566_i64 }));
    assert_eq!(lines(&bench).await, 0, "nobody has asked for it");
    assert_eq!(root.write(PATH, json!({ "interval": "30d", "max_operations": 2_000_000 })).await, json!({}));
    assert_eq!(shown().await["enabled"], Value::Bool(true));
    assert_eq!(root.write(PATH, json!({ "enabled": false })).await, json!({}));
    assert_eq!(lines(&bench).await, 0, "nobody looks for nothing");
    assert_eq!(shown().await, json!({ "enabled": false, "interval": "720h0m0s", "max_operations": 2_000_000 }));
    assert_eq!(root.write(PATH, json!({ "enabled": true, "interval": 0 })).await, json!({}));
    assert_eq!(shown().await, json!({ "enabled": true, "interval": 0, "max_operations": 2_000_000 }));
    assert_eq!(lines(&bench).await, 1);
}

#[tokio::test]
async fn numbers_out_of_range_are_refused_and_change_nothing() {
    let bench = Bench::new().await;
    let range = "max_operations must be in the range [1000000,3865470566]";
    for (body, told) in [
        (json!({ "max_operations": 999_999 }), range),
        (json!({ "max_operations": 3_865_470_567_i64, "enabled": false }), range),
        (json!({ "interval": "23h59m" }), "interval must be 0 or at least 24h"),
    ] {
        assert_eq!(bench.root().write(PATH, body).await, invalid(told));
    }
    assert_eq!(bench.root().read(PATH).await["data"]["enabled"], Value::Bool(false));
}

#[tokio::test]
async fn a_term_that_is_old_enough_makes_room_for_the_next() {
    let bench = Bench::new().await;
    bench.root().write(PATH, json!({ "interval": "24h" })).await;
    look(&bench).await;
    assert_eq!(term(&bench), 1, "it is young");
    bench.clock.advance(hours(24));
    look(&bench).await;
    assert_eq!(term(&bench), 2);
    look(&bench).await;
    assert_eq!(term(&bench), 2, "the next one is young again");
    assert_eq!(lines(&bench).await, 1);
    bench.root().write(PATH, json!({ "enabled": false })).await;
    bench.clock.advance(hours(48));
    look(&bench).await;
    assert_eq!(term(&bench), 2, "nobody wants it any more");
}

#[tokio::test]
async fn a_term_that_has_sealed_enough_makes_room_and_a_restart_loses_no_count() {
    let bench = Bench::new().await;
    bench.root().write(PATH, json!({ "enabled": true })).await;
    look(&bench).await;
    let counted = bench.core.seals.rotation.read().await.unwrap();
    assert!(counted.operations > 0, "{counted:?}");
    bench.core.seal().await;
    bench.unseal().await;
    bench.mount("secret").await;
    look(&bench).await;
    let after = bench.core.seals.rotation.read().await.unwrap();
    assert!(after.operations > counted.operations, "{after:?}");
    assert_eq!(term(&bench), 1);
    set_operations_max(&bench, i64::try_from(after.operations).unwrap()).await;
    look(&bench).await;
    assert_eq!(term(&bench), 2);
    let fresh = bench.core.seals.rotation.read().await.unwrap();
    set_operations_max(&bench, 1_000_000).await;
    look(&bench).await;
    let next = bench.core.seals.rotation.read().await.unwrap();
    assert_eq!((fresh.term, next.term), (1, 2));
    assert!(next.operations < fresh.operations, "a new term begins at 0: {next:?}");
}

#[tokio::test]
async fn of_two_nodes_one_rotates() {
    let mut one = Bench::fresh(Arc::new(Memory::new()), CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    one.root().write(PATH, json!({ "interval": "24h" })).await;
    one.clock.advance(hours(25));
    let due = |bench: &Bench| bench.core.seals.store.clone();
    let (first, second) = (due(&one), due(&two));
    let now = one.core.seals.tokens.now_nanos();
    let mut found = Vec::new();
    for shard in 0..keys::DUE_SHARDS {
        let range = storage::KeyRange {
            start: keys::due_shard(shard).unwrap(),
            end: Some(keys::due_until(shard, now).unwrap()),
        };
        found.extend(first.keys(range, 100).await.unwrap().0);
    }
    let lines = found.iter().filter_map(|(key, revision)| Line::parse(key, *revision));
    let line = lines.filter(|(kind, _)| kind == DUE_KIND).map(|(_, line)| line).next().expect("it is due");
    one.core.seals.rotation.fire(line.clone()).await.unwrap();
    two.core.seals.rotation.fire(line).await.unwrap();
    assert_eq!(term(&one), 2);
    let keyrings = second.revisions_of([storage::Key::constant("core/keyring/term/3")]).await.unwrap();
    assert_eq!(keyrings, [None], "there is no third term");
}

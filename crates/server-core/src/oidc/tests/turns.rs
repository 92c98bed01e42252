//! Keys over time and in great number: rotations that take long or fail, clocks that jump, several nodes, and what the
//! published keys cost.

use storage::counting::Counting;

use super::*;
use crate::due::{self, Places};
use crate::testing::{late, unless_hung};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn es256(period: &str) -> Value {
    json!({ "algorithm": "ES256", "rotation_period": period, "verification_ttl": period, "allowed_client_ids": "*" })
}

/// A node over a store that counts its calls, without a cache and a worker of its own.
async fn counted() -> (Arc<Counting>, Bench) {
    let storage = Arc::new(Counting::new(Arc::new(Memory::new())));
    let mut bench = Bench::fresh(Arc::clone(&storage) as _, CacheMode::ReadThrough);
    bench.init().await;
    bench.core.seals.worker.stop().await;
    (storage, bench)
}

/// Two nodes over one store, without workers of their own.
async fn pair() -> (Bench, Bench) {
    let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    for bench in [&one, &two] {
        bench.core.seals.worker.stop().await;
    }
    (one, two)
}

#[tokio::test]
async fn a_key_in_the_making_keeps_nothing_else_that_is_due_waiting() {
    let bench = Bench::new().await;
    let seals = &bench.core.seals;
    seals.worker.stop().await;
    made(&bench.root(), "identity/oidc/key/k", es256("1h")).await;
    made(&bench.root(), "identity/oidc/role/r", json!({ "key": "k", "ttl": "1h" })).await;
    let before = published(&bench.nobody(), KEYS).await;
    let held = seals.oidc.maker.hold().await;
    bench.clock.advance(Duration::from_secs(3600));
    let (owners, mut places) = (seals.owners(), Places::default());
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    for _ in 0..3 {
        let pass = due::pass(&seals.store, &owners, seals.tokens.now_nanos(), &stopped, &mut places);
        unless_hung(pass).await.expect("the pass ends").expect("the due index can be read");
    }
    assert_eq!(published(&bench.nobody(), KEYS).await, before, "nothing can be made");
    drop(held);
    bench.settle().await;
    let after = published(&bench.nobody(), KEYS).await;
    assert_eq!((after.len(), &after[0]), (3, &before[1]), "it was rotated once");
}

#[tokio::test]
async fn a_rotation_that_fails_is_tried_again() {
    let bench = Bench::new().await;
    let seals = &bench.core.seals;
    seals.worker.stop().await;
    made(&bench.root(), "identity/oidc/key/k", es256("1h")).await;
    made(&bench.root(), "identity/oidc/role/r", json!({ "key": "k", "ttl": "1h" })).await;
    let before = published(&bench.nobody(), KEYS).await;
    bench.clock.advance(Duration::from_secs(3600));
    let full = seals.oidc.maker.fill().await;
    bench.settle().await;
    assert_eq!(published(&bench.nobody(), KEYS).await, before, "there is no room to make one");
    drop(full);
    bench.settle().await;
    assert_eq!(published(&bench.nobody(), KEYS).await[0], before[1]);
}

#[tokio::test]
async fn a_clock_that_was_ahead_stops_no_rotation() {
    for through_publishing in [true, false] {
        let bench = Bench::new().await;
        bench.core.seals.worker.stop().await;
        made(&bench.root(), "identity/oidc/key/k", es256("1h")).await;
        made(&bench.root(), "identity/oidc/role/r", json!({ "key": "k", "ttl": "1h" })).await;
        let year = i64::try_from(DAY.as_nanos()).expect("it fits") * 365;
        bench.clock.jump_wall(year);
        bench.settle().await;
        bench.clock.jump_wall(-year);
        let bob = somebody(&bench, "bob", json!({})).await;
        if through_publishing {
            published(&bench.nobody(), KEYS).await;
        } else {
            issued(&bench.with(&bob.token), "r").await;
        }
        let due: Vec<_> = bench.keys("due/").await.into_iter().filter(|key| key.ends_with("/oidc/key/k")).collect();
        let time = due[0].split('/').nth(2).and_then(|time| i64::from_str_radix(time, 16).ok()).expect("a time");
        let ahead = time - bench.core.seals.tokens.now_nanos();
        assert_eq!((due.len(), ahead), (1, 3_600_000_000_000), "{due:?}");
        let before = published(&bench.nobody(), KEYS).await;
        bench.clock.advance(Duration::from_secs(3600));
        bench.settle().await;
        let after = published(&bench.nobody(), KEYS).await;
        assert_eq!(after[0], before[1], "the next one signs");
        // What signed while the clock was ahead is published for as long as can be said of a key, and no year.
        bench.clock.advance(Duration::from_secs(10 * 3600));
        bench.settle().await;
        assert!(!published(&bench.nobody(), KEYS).await.contains(&before[2]));
        let due: Vec<_> = bench.keys("due/").await.into_iter().filter(|key| key.ends_with("/oidc/key/k")).collect();
        assert_eq!(due.len(), 1, "{due:?}");
    }
}

#[tokio::test]
async fn another_algorithm_is_refused_while_too_many_earlier_keys_are_published() {
    let bench = Bench::new().await;
    let root = bench.root();
    made(&root, "identity/oidc/key/k", es256("1h")).await;
    for turn in 0..64 {
        let algorithm = if turn % 2 == 0 { "EdDSA" } else { "ES256" };
        made(&root, "identity/oidc/key/k", json!({ "algorithm": algorithm })).await;
    }
    let refused = root.write("identity/oidc/key/k", json!({ "algorithm": "EdDSA" })).await;
    assert_eq!(refused, invalid("64 earlier keys of \"k\" are still published: wait until some expire"));
    made(&root, "identity/oidc/key/k", json!({ "allowed_client_ids": "x" })).await;
    bench.clock.advance(Duration::from_secs(3600));
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "EdDSA" })).await;
}

#[tokio::test]
async fn a_namespace_has_so_many_keys_and_the_default_one_and_all_are_published() {
    let (one, two) = pair().await;
    let bob = somebody(&one, "bob", json!({})).await;
    let (here, there) = (one.root(), two.root());
    for number in 0..255 {
        made(&here, &format!("identity/oidc/key/k{number}"), es256("1h")).await;
    }
    let refused = invalid("a namespace can have 256 keys at most");
    for turns in 0..6 {
        let (x, y) = tokio::join!(
            here.write("identity/oidc/key/x", es256("1h")),
            late(turns, there.write("identity/oidc/key/y", es256("1h"))),
        );
        assert_eq!([&x, &y].iter().filter(|reply| ***reply == json!({})).count(), 1, "turn {turns}: {x} {y}");
        assert!([&x, &y].contains(&&refused), "turn {turns}: {x} {y}");
        for name in ["x", "y"] {
            assert_eq!(here.delete(&format!("identity/oidc/key/{name}")).await, json!({}));
        }
    }
    made(&here, "identity/oidc/key/x", es256("1h")).await;
    made(&here, "identity/oidc/key/x", json!({ "rotation_period": "2h" })).await;
    made(&here, "identity/oidc/role/r", json!({ "key": "default" })).await;
    made(&here, "identity/oidc/role/x", json!({ "key": "x", "ttl": "1h" })).await;
    assert_eq!(there.write("identity/oidc/key/y", es256("1h")).await, refused);
    let keys = published(&two.nobody(), KEYS).await;
    assert_eq!(keys.len(), 4, "two of each that is used");
    for role in ["r", "x"] {
        let token = issued(&one.with(&bob.token), role).await;
        assert!(claims(&token, &keys).is_some(), "{role}");
        assert_eq!(is_active(&there, &token).await, json!({ "active": true }), "{role}");
    }
}

#[tokio::test]
async fn what_is_published_costs_the_same_however_many_keys_there_are() {
    let (storage, bench) = counted().await;
    let (root, bob) = (bench.root(), somebody(&bench, "bob", json!({})).await);
    let mut costs = Vec::new();
    for number in 0..20 {
        made(&root, &format!("identity/oidc/key/k{number}"), es256("1h")).await;
        made(&root, &format!("identity/oidc/role/r{number}"), json!({ "key": format!("k{number}"), "ttl": "1h" }))
            .await;
        let token = issued(&bench.with(&bob.token), "r0").await;
        assert_eq!(published(&bench.nobody(), KEYS).await.len(), 2 * (number + 1));
        storage.take();
        published(&bench.nobody(), KEYS).await;
        let told = storage.take();
        assert_eq!(is_active(&root, &token).await, json!({ "active": true }));
        costs.push((told, storage.take()));
    }
    // The first one finds nothing in memory.
    assert!(costs[1..].iter().all(|cost| *cost == costs[1]), "{costs:?}");
    assert_eq!(costs[1].0.scans, 0, "{costs:?}");
}

#[tokio::test]
async fn every_node_publishes_what_is_used_at_this_moment() {
    let (one, two) = pair().await;
    let (here, there) = (one.root(), two.root());
    let count = async |expected: usize, about: &str| {
        for bench in [&one, &two] {
            assert_eq!(published(&bench.nobody(), KEYS).await.len(), expected, "{about}");
        }
    };
    for key in ["a", "b"] {
        made(&here, &format!("identity/oidc/key/{key}"), es256("24h")).await;
    }
    count(0, "nobody uses a key").await;
    made(&there, "identity/oidc/role/r", json!({ "key": "a" })).await;
    count(2, "a is used").await;
    made(&here, "identity/oidc/role/s", json!({ "key": "a" })).await;
    made(&here, "identity/oidc/role/r", json!({ "key": "b" })).await;
    count(4, "both are used").await;
    made(&there, "identity/oidc/key/b/rotate", json!({})).await;
    count(5, "b was rotated").await;
    assert_eq!(there.delete("identity/oidc/role/s").await, json!({}));
    count(3, "only b is used").await;
    // Of two that leave at once one is the last.
    for turns in 0..8 {
        for role in ["s", "t"] {
            made(&here, &format!("identity/oidc/role/{role}"), json!({ "key": "a" })).await;
        }
        count(5, "both are used again").await;
        let (first, second) =
            tokio::join!(here.delete("identity/oidc/role/s"), late(turns, there.delete("identity/oidc/role/t")),);
        assert_eq!((first, second), (json!({}), json!({})));
        count(3, "only b is left").await;
    }
}

#[tokio::test]
async fn no_token_lives_longer_than_its_key_is_published_whoever_is_faster() {
    let (one, two) = pair().await;
    let (here, there) = (one.root(), two.root());
    made(&here, "identity/oidc/key/k", es256("24h")).await;
    // The first user of a key turns the epoch, which would keep the two apart.
    made(&here, "identity/oidc/role/first", json!({ "key": "k", "ttl": "30m" })).await;
    for turns in 0..60 {
        assert_eq!(here.delete("identity/oidc/role/r").await, json!({}));
        made(&here, "identity/oidc/key/k", json!({ "verification_ttl": "24h" })).await;
        let (key, role) = tokio::join!(
            late(turns, here.write("identity/oidc/key/k", json!({ "verification_ttl": "1h" }))),
            late(30, there.write("identity/oidc/role/r", json!({ "key": "k", "ttl": "2h" }))),
        );
        let good = [&key, &role].iter().filter(|reply| ***reply == json!({})).count();
        assert_eq!(good, 1, "turn {turns}: {key} {role}");
    }
}

#[tokio::test]
async fn shortening_a_key_costs_the_same_however_many_use_it() {
    let (storage, bench) = counted().await;
    let root = bench.root();
    made(&root, "identity/oidc/key/k", es256("24h")).await;
    let mut costs = Vec::new();
    for number in 0..20 {
        made(&root, &format!("identity/oidc/role/r{number}"), json!({ "key": "k", "ttl": "1h" })).await;
        storage.take();
        made(&root, "identity/oidc/key/k", json!({ "verification_ttl": 7200 - number })).await;
        costs.push(storage.take());
    }
    assert!(costs[1..].iter().all(|cost| *cost == costs[1]), "{costs:?}");
    // Longer and shorter again, and gone: each leaves one line or none.
    for ttl in ["90m", "30m"] {
        made(&root, "identity/oidc/role/r0", json!({ "ttl": ttl })).await;
    }
    assert_eq!(bench.keys("ns/root/oidc-ttl/").await.len(), 20);
    let refused = root.write("identity/oidc/key/k", json!({ "verification_ttl": "45m" })).await;
    assert!(refused["refused"].as_str().is_some_and(|why| why.contains("one or more roles")), "{refused}");
    for number in 1..20 {
        assert_eq!(root.delete(&format!("identity/oidc/role/r{number}")).await, json!({}));
    }
    made(&root, "identity/oidc/key/k", json!({ "verification_ttl": "45m" })).await;
    assert_eq!(root.delete("identity/oidc/role/r0").await, json!({}));
    for folder in ["ns/root/oidc-ttl/", "ns/root/oidc-use/"] {
        assert!(bench.keys(folder).await.is_empty(), "{folder}");
    }
}

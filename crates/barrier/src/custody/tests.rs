//! Rotation, on one node and seen from another, and keys that are not what they should be.

use std::sync::Arc;
use std::time::Duration;

use env::simulated;
use secret::LockedKey;
use storage::counting::{Counting, Tally};
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::fixture::{World, created, key, run_clock};
use crate::{Barrier, CacheMode, CommitError, Error, Purpose, RotateError, testing};

async fn text(barrier: &Barrier, name: &str) -> String {
    let opened = barrier.read_one(&key(name)).await.unwrap().unwrap();
    String::from_utf8(opened.value.into_exposed()).unwrap()
}

async fn term_of(world: &World, name: &str) -> u32 {
    let value = world.raw(name).await.unwrap().value;
    u32::from_be_bytes(value[1..5].try_into().unwrap())
}

#[tokio::test]
async fn rotation_seals_new_values_under_a_new_term_and_still_reads_the_old_ones() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    for term in 1..=4 {
        let name = format!("t/{term}");
        barrier.commit(created(&name, name.as_bytes())).await.unwrap();
        assert_eq!(term_of(&world, &name).await, term);
        assert_eq!(barrier.rotate().await.unwrap(), term + 1);
    }
    let restarted = world.node(CacheMode::SoleWriter).await;
    for barrier in [barrier, restarted] {
        for term in 1..=4 {
            assert_eq!(text(&barrier, &format!("t/{term}")).await, format!("t/{term}"));
        }
    }
}

#[tokio::test]
async fn key_status_tells_the_active_term() {
    let (env, clock) = simulated::env(1);
    let barrier = testing::unsealed(&env).await;
    let installed = env.now();
    barrier.commit(created("a", b"1")).await.unwrap();
    let mut two = created("b", b"1");
    two.create(key("c"), b"1".as_slice());
    barrier.commit(two).await.unwrap();
    let status = barrier.key_status().unwrap();
    assert_eq!((status.term, status.install_time, status.encryptions), (1, installed, 3));

    clock.advance(Duration::from_secs(3600));
    barrier.rotate().await.unwrap();
    let status = barrier.key_status().unwrap();
    assert_eq!((status.term, status.install_time, status.encryptions), (2, env.now(), 0));
}

#[tokio::test]
async fn an_unsealed_node_follows_the_rotations_of_another() {
    let world = World::new().await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    for _ in 0..3 {
        one.rotate().await.unwrap();
    }
    one.commit(created("a", b"under term four")).await.unwrap();
    world.store.take();
    assert_eq!(text(&other, "a").await, "under term four");
    assert_eq!(world.store.take(), Tally { reads: 1 + 3, ..Tally::default() }, "the entry and three terms");
    assert_eq!(text(&other, "a").await, "under term four");
    assert_eq!(world.store.take(), Tally { reads: 1, ..Tally::default() }, "the terms are known now");
    assert_eq!(other.key_status().unwrap().term, 4);
    assert_eq!(other.rotate().await.unwrap(), 5);
}

#[tokio::test]
async fn a_node_that_finds_no_handed_over_term_reads_the_keyring() {
    let world = World::new().await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    one.rotate().await.unwrap();
    one.commit(created("a", b"value")).await.unwrap();
    world.delete_raw("core/keyring/term/2").await;
    assert_eq!(text(&other, "a").await, "value");
}

#[tokio::test]
async fn a_node_follows_even_if_the_keyring_no_longer_opens_with_its_root_key() {
    let world = World::new().await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    one.rotate().await.unwrap();
    one.commit(created("a", b"value")).await.unwrap();
    let mut changed = world.raw("core/keyring").await.unwrap().value.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    world.put_raw("core/keyring", changed).await;
    assert_eq!(text(&other, "a").await, "value");
}

#[tokio::test]
async fn a_term_that_nobody_made_is_a_corrupt_entry_and_leaves_the_keys_alone() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::ReadThrough).await;
    barrier.commit(created("a", b"value")).await.unwrap();
    barrier.commit(created("b", b"value")).await.unwrap();
    for term in [0_u32, 2, u32::MAX] {
        let mut changed = world.raw("a").await.unwrap().value.to_vec();
        changed[1..5].copy_from_slice(&term.to_be_bytes());
        world.put_raw("a", changed).await;
        let error = barrier.read_one(&key("a")).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { key: named } if named == key("a")), "term {term}");
    }
    assert_eq!(text(&barrier, "b").await, "value");
    assert_eq!(barrier.key_status().unwrap().term, 1);
}

#[tokio::test]
async fn a_handed_over_term_must_be_sealed_by_the_one_before_it() {
    let world = World::new().await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    one.rotate().await.unwrap();
    one.commit(created("a", b"value")).await.unwrap();
    // Under a key of the attacker's own choice, or moved from elsewhere: neither gets a key into the keyring.
    world.put_raw("core/keyring/term/2", world.raw("a").await.unwrap().value).await;
    let error = other.read_one(&key("a")).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { key: named } if named == key("core/keyring/term/2")));
    assert_eq!(other.key_status().unwrap().term, 1);
}

#[tokio::test]
async fn two_nodes_that_rotate_at_once_add_both_terms() {
    let world = World::new().await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    let (first, second) = tokio::join!(one.rotate(), other.rotate());
    let mut numbers = [first.unwrap(), second.unwrap()];
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
    one.commit(created("a", b"by one")).await.unwrap();
    other.commit(created("b", b"by the other")).await.unwrap();
    for barrier in [&one, &other, &world.node(CacheMode::ReadThrough).await] {
        assert_eq!(text(barrier, "a").await, "by one");
        assert_eq!(text(barrier, "b").await, "by the other");
    }
}

#[tokio::test]
async fn a_rival_delays_a_rotation_and_gives_up_within_its_tries() {
    let (env, _) = simulated::env(1);
    let rival = Arc::new(Rival::new(Arc::new(Memory::new()), 1, 60));
    let world = World::over(rival.clone(), env).await;
    let barrier = world.node(CacheMode::ReadThrough).await;
    let mut rotated = 1;
    for _ in 0..20 {
        match barrier.rotate().await {
            Ok(number) => rotated = number,
            Err(RotateError::Write(CommitError::Conflict(keys))) => assert_eq!(keys, [key("core/keyring")]),
            Err(error) => panic!("{error}"),
        }
        barrier.commit(created(&format!("t/{rotated}/{}", world.env.uuid()), b"")).await.unwrap();
    }
    assert!(rotated > 5 && rival.strikes() > 5);
    assert_eq!(world.node(CacheMode::ReadThrough).await.key_status().unwrap().term, rotated);
}

#[tokio::test]
async fn a_store_that_fails_at_any_call_of_a_rotation_leaves_a_working_barrier() {
    for fault in [Fault::Fail, Fault::LoseCall, Fault::LoseAnswer] {
        for nth in 1..=4 {
            let (env, clock) = simulated::env(1);
            run_clock(clock);
            let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env.clone()));
            let world = World::over(faulty.clone(), env).await;
            let barrier = world.node(CacheMode::SoleWriter).await;
            barrier.commit(created("a", b"before")).await.unwrap();
            faulty.fail_nth_call(nth, fault);
            let rotated = barrier.rotate().await;
            faulty.calm();
            barrier.commit(created("b", b"after")).await.unwrap();
            for barrier in [barrier, world.node(CacheMode::SoleWriter).await] {
                assert_eq!(text(&barrier, "a").await, "before", "{fault:?} {nth} {rotated:?}");
                assert_eq!(text(&barrier, "b").await, "after", "{fault:?} {nth} {rotated:?}");
            }
        }
    }
}

#[tokio::test]
async fn subkeys_are_the_same_on_every_node_and_survive_rotation() {
    let world = World::new().await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    let before = one.subkey(Purpose::BatchTokens).unwrap();
    assert_eq!(before.term, 1);
    one.rotate().await.unwrap();
    let after = one.subkey(Purpose::BatchTokens).unwrap();
    assert_eq!(after.term, 2);
    assert!(!secret::is_equal(before.key.expose(), after.key.expose()));
    for expected in [before, after] {
        let found = other.subkey_of(Purpose::BatchTokens, expected.term).await.unwrap().unwrap();
        assert!(secret::is_equal(found.key.expose(), expected.key.expose()));
    }
    assert!(other.subkey_of(Purpose::BatchTokens, 3).await.unwrap().is_none());
}

#[tokio::test]
async fn made_up_terms_are_looked_for_once() {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let world = World::over(counting.clone(), simulated::env(1).0).await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    for term in [7, 8, u32::MAX] {
        assert!(barrier.subkey_of(Purpose::BatchTokens, term).await.unwrap().is_none());
        counting.take();
    }
    assert!(barrier.subkey_of(Purpose::BatchTokens, 9).await.unwrap().is_none());
    assert_eq!(counting.take(), Tally::default());
    barrier.rotate().await.unwrap();
    assert!(barrier.subkey_of(Purpose::BatchTokens, 2).await.unwrap().is_some());
}

#[tokio::test]
async fn a_term_that_was_looked_for_in_vain_is_found_once_it_is_there() {
    let world = World::new().await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    for term in 2..5 {
        assert!(other.subkey_of(Purpose::BatchTokens, term).await.unwrap().is_none());
        one.rotate().await.unwrap();
        assert!(other.subkey_of(Purpose::BatchTokens, term).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn another_root_key_opens_nothing() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::ReadThrough).await;
    barrier.seal();
    let error = barrier.unseal(LockedKey::copy_of(&[9; 32])).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { key: named } if named == key("core/keyring")));
    assert!(barrier.is_sealed());
    world.delete_raw("core/keyring").await;
    assert!(matches!(barrier.unseal(LockedKey::copy_of(&[9; 32])).await, Err(Error::NoKeyring)));
}

#[tokio::test]
async fn a_node_that_was_sealed_while_it_followed_stays_sealed() {
    let gate = Arc::new(crate::fixture::Gate::new());
    let world = World::over(gate.clone(), simulated::env(1).0).await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    one.rotate().await.unwrap();
    gate.hold_answers.send_replace(true);
    let follower = tokio::spawn({
        let other = other.clone();
        async move { other.subkey_of(Purpose::Backups, 2).await }
    });
    gate.wait_for_held(1).await;
    other.seal();
    gate.hold_answers.send_replace(false);
    assert!(matches!(follower.await.unwrap(), Err(Error::Sealed)));
    assert!(other.is_sealed());
}

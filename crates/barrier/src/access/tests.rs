//! The barrier over the store in memory: what comes back, what it costs, what it refuses.

use std::sync::Arc;

use env::simulated;
use storage::counting::{Call, Tally};
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::{KeyRange, Revision, Scan, Storage};

use crate::fixture::{Gate, World, created, key, run_clock};
use crate::{Barrier, CacheMode, Changes, CommitError, Error, Expectation, Item, Options};

/// How often other tasks are let run before a test gives up waiting for them.
const YIELDS_MAX: usize = 10_000;

const BOTH: [CacheMode; 2] = [CacheMode::SoleWriter, CacheMode::ReadThrough];

async fn text(barrier: &Barrier, name: &str) -> Option<String> {
    let opened = barrier.read_one(&key(name)).await.unwrap();
    opened.map(|opened| String::from_utf8(opened.value.into_exposed()).unwrap())
}

async fn revision(barrier: &Barrier, name: &str) -> Revision {
    barrier.read_one(&key(name)).await.unwrap().unwrap().revision
}

#[tokio::test]
async fn what_is_written_is_read_back_replaced_and_deleted() {
    for mode in BOTH {
        let world = World::new().await;
        let barrier = world.node(mode).await;
        assert_eq!(text(&barrier, "a").await, None);
        let receipt = barrier.commit(created("a", b"one")).await.unwrap();
        assert_eq!(text(&barrier, "a").await.as_deref(), Some("one"));
        assert_eq!(revision(&barrier, "a").await, receipt.revision);

        let mut changes = Changes::new();
        changes.replace(key("a"), receipt.revision, b"two".as_slice());
        let receipt = barrier.commit(changes).await.unwrap();
        assert_eq!(text(&barrier, "a").await.as_deref(), Some("two"));

        let mut changes = Changes::new();
        changes.delete(key("a"), receipt.revision);
        barrier.commit(changes).await.unwrap();
        assert_eq!(text(&barrier, "a").await, None);
    }
}

#[tokio::test]
async fn the_store_sees_no_plaintext() {
    const PLAINTEXT: &[u8] = b"a plaintext that is easy to find";
    let world = World::new().await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    barrier.commit(created("a", PLAINTEXT)).await.unwrap();
    let mut export = world.store.export().await.unwrap();
    let mut entries = 0;
    loop {
        let page = export.next().await.unwrap();
        if page.is_empty() {
            break;
        }
        for entry in page {
            entries += 1;
            assert!(!entry.value.windows(8).any(|window| PLAINTEXT.windows(8).any(|part| part == window)));
        }
    }
    assert_eq!(entries, 3, "seal, keyring and the entry");
}

#[tokio::test]
async fn equal_values_look_different_in_the_store() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    let mut changes = created("a", b"same");
    changes.create(key("b"), b"same".as_slice());
    barrier.commit(changes).await.unwrap();
    let (a, b) = (world.raw("a").await.unwrap().value, world.raw("b").await.unwrap().value);
    assert_ne!(a[5..29], b[5..29], "nonces");
    assert_ne!(a[29..33], b[29..33], "ciphertexts");
}

#[tokio::test]
async fn a_warm_read_of_present_and_absent_keys_asks_the_store_nothing() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    barrier.commit(created("a", b"one")).await.unwrap();
    assert_eq!(world.store.take(), Tally { commits: 1, ..Tally::default() });
    let keys = [key("a"), key("absent")];
    for expected in [1, 0, 0] {
        let found = barrier.read(&keys).await.unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        assert_eq!(world.store.take(), Tally { reads: expected, ..Tally::default() });
    }
}

#[tokio::test]
async fn without_the_right_to_cache_every_read_asks_the_store() {
    let world = World::new().await;
    let (one, other) = (world.node(CacheMode::ReadThrough).await, world.node(CacheMode::ReadThrough).await);
    for value in ["one", "two", "three"] {
        let mut changes = Changes::new();
        let found = one.read_one(&key("a")).await.unwrap().map(|opened| opened.revision);
        changes.set(key("a"), found, value.as_bytes());
        one.commit(changes).await.unwrap();
        assert_eq!(text(&other, "a").await.as_deref(), Some(value));
    }
    assert_eq!(world.store.take(), Tally { reads: 6, commits: 3, ..Tally::default() });
}

#[tokio::test]
async fn only_an_unsealed_node_that_writes_alone_names_the_state_of_the_store() {
    let world = World::new().await;
    assert_eq!(world.node(CacheMode::ReadThrough).await.stamp(), None, "another may write at any time");
    let barrier = world.node(CacheMode::SoleWriter).await;
    let before = barrier.stamp();
    assert!(before.is_some());
    assert_eq!(text(&barrier, "a").await, None);
    assert_eq!(barrier.stamp(), before, "a read changes nothing");
    barrier.commit(created("a", b"one")).await.unwrap();
    assert!(barrier.stamp().is_some());
    assert_ne!(barrier.stamp(), before);
    barrier.commit(created("a", b"two")).await.unwrap_err();
    assert!(barrier.stamp().is_some(), "a refused commit has ended");
    barrier.seal();
    assert_eq!(barrier.stamp(), None);
}

#[tokio::test]
async fn a_conflict_names_the_keys_and_writes_nothing() {
    for mode in BOTH {
        let world = World::new().await;
        let barrier = world.node(mode).await;
        barrier.commit(created("a", b"one")).await.unwrap();
        let mut changes = created("b", b"never");
        changes.replace(key("a"), Revision(u64::MAX), b"never".as_slice());
        let refused = barrier.commit(changes).await.unwrap_err();
        assert!(matches!(refused, CommitError::Conflict(keys) if keys == [key("a")]));
        assert_eq!(text(&barrier, "a").await.as_deref(), Some("one"));
        assert_eq!(text(&barrier, "b").await, None);
        barrier.commit(created("b", b"now")).await.unwrap();
        assert_eq!(text(&barrier, "b").await.as_deref(), Some("now"));
    }
}

#[tokio::test]
async fn an_expected_empty_range_and_fresh_keys_need_no_other_expectation() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    let mut changes = Changes::new();
    changes.expect(Expectation::NoneIn(KeyRange::prefix(&key("dir/"))));
    changes.put(key("dir/a"), b"1".as_slice()).put_fresh(key("random"), b"2".as_slice());
    barrier.commit(changes).await.unwrap();
    assert_eq!(text(&barrier, "dir/a").await.as_deref(), Some("1"));
    assert_eq!(text(&barrier, "random").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_sealed_barrier_answers_nothing() {
    for mode in BOTH {
        let world = World::new().await;
        let barrier = world.node(mode).await;
        barrier.commit(created("a", b"one")).await.unwrap();
        assert!(text(&barrier, "a").await.is_some());
        barrier.seal();
        world.store.take();
        assert!(barrier.is_sealed());
        assert!(matches!(barrier.read_one(&key("a")).await, Err(Error::Sealed)));
        assert!(matches!(barrier.scan(&Scan::prefix(&key("a"), 10)).await, Err(Error::Sealed)));
        assert!(matches!(barrier.commit(created("b", b"")).await, Err(CommitError::Sealed)));
        assert!(matches!(barrier.subkey(crate::Purpose::BatchTokens), Err(Error::Sealed)));
        assert!(matches!(barrier.subkey_of(crate::Purpose::BatchTokens, 1).await, Err(Error::Sealed)));
        assert!(matches!(barrier.key_status(), Err(Error::Sealed)));
        assert!(matches!(barrier.rotate().await, Err(crate::RotateError::Read(Error::Sealed))));
        assert_eq!(world.store.take(), Tally::default(), "and asks the store nothing");
    }
}

#[tokio::test]
async fn swapped_changed_and_foreign_entries_are_corrupt_and_the_others_stand() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::ReadThrough).await;
    for name in ["t/a", "t/b", "t/c", "t/d"] {
        barrier.commit(created(name, name.as_bytes())).await.unwrap();
    }
    let b = world.raw("t/b").await.unwrap().value;
    world.put_raw("t/a", b.clone()).await;
    let mut changed = world.raw("t/c").await.unwrap().value.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    world.put_raw("t/c", changed).await;
    world.put_raw("t/e", b"\0not an entry".as_slice()).await;
    world.put_raw("t/f", b"\x01short".as_slice()).await;

    for name in ["t/a", "t/c", "t/e", "t/f"] {
        let error = barrier.read_one(&key(name)).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { key: named } if named == key(name)), "{name}");
    }
    assert_eq!(text(&barrier, "t/b").await.as_deref(), Some("t/b"));
    let page = barrier.scan(&Scan::prefix(&key("t/"), 10)).await.unwrap();
    let kinds: Vec<_> = page
        .items
        .iter()
        .map(|item| match item {
            Item::Entry(key, opened) => (key.clone(), Some(opened.value.expose().clone())),
            Item::Unreadable { key, why: Error::Corrupt { .. }, .. } => (key.clone(), None),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [("t/a", false), ("t/b", true), ("t/c", false), ("t/d", true), ("t/e", false), ("t/f", false)]
        .map(|(name, opens)| (key(name), opens.then(|| name.as_bytes().to_vec())));
    assert_eq!(kinds, expected);
    assert!(!barrier.is_sealed());
}

#[tokio::test]
async fn an_entry_of_a_later_release_is_told_from_damage() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::ReadThrough).await;
    barrier.commit(created("a", b"one")).await.unwrap();
    let mut newer = world.raw("a").await.unwrap().value.to_vec();
    newer[0] = 2;
    world.put_raw("a", newer).await;
    let is_newer = |error: Error| matches!(error, Error::NewerFormat { key: named, format: 2 } if named == key("a"));
    assert!(is_newer(barrier.read_one(&key("a")).await.unwrap_err()));
    let page = barrier.scan(&Scan::prefix(&key("a"), 10)).await.unwrap();
    assert!(matches!(page.items.into_iter().next(), Some(Item::Unreadable { why, .. }) if is_newer(why.clone())));
}

#[tokio::test]
async fn a_scan_for_keys_opens_nothing_and_folds() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    barrier.commit(created("t/a", b"one")).await.unwrap();
    barrier.commit(created("t/dir/b", b"two")).await.unwrap();
    world.put_raw("t/z", b"not an entry".as_slice()).await;
    world.store.take();
    let page = barrier.scan(&Scan::prefix(&key("t/"), 10).keys_only().folders(2)).await.unwrap();
    let lines: Vec<_> = page.items.iter().map(|item| format!("{item:?}")).collect();
    assert!(lines[0].starts_with("Key(\"t/a\""), "{lines:?}");
    assert_eq!(lines[1], "Folder(\"t/dir/\")");
    assert!(lines[2].starts_with("Key(\"t/z\""), "{lines:?}");
    assert_eq!(page.next, None);
    assert_eq!(world.store.take(), Tally { scans: 1, ..Tally::default() });
}

#[tokio::test]
async fn debug_shows_no_value() {
    let world = World::new().await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    let changes = created("a", b"hunter2");
    assert!(!format!("{changes:?}").contains("hunter2"));
    barrier.commit(changes).await.unwrap();
    let opened = barrier.read_one(&key("a")).await.unwrap();
    assert!(!format!("{opened:?} {barrier:?}").contains(&format!("{:?}", b"hunter2")));
    assert!(format!("{opened:?}").contains("Secret(..)"));
}

#[tokio::test]
async fn a_late_answer_to_a_read_does_not_bring_back_what_a_commit_replaced() {
    let gate = Arc::new(Gate::new());
    let world = World::over(gate.clone(), simulated::env(1).0).await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    barrier.commit(created("a", b"old")).await.unwrap();
    // Something must make the reader ask the store for both.
    let keys = [key("a"), key("never read before")];
    let found = revision(&barrier, "a").await;
    gate.hold_answers.send_replace(true);
    let reader = tokio::spawn({
        let barrier = barrier.clone();
        async move { barrier.read(&keys).await.unwrap() }
    });
    gate.wait_for_held(1).await;

    let mut changes = Changes::new();
    changes.replace(key("a"), found, b"new".as_slice());
    barrier.commit(changes).await.unwrap();
    gate.hold_answers.send_replace(false);
    let late = reader.await.unwrap();
    assert_eq!(late[0].as_ref().unwrap().value.expose(), b"old", "it began before the commit");

    world.store.take();
    assert_eq!(text(&barrier, "a").await.as_deref(), Some("new"));
    assert_eq!(world.store.take(), Tally::default(), "the new value was cached by its commit and stayed");
}

#[tokio::test]
async fn a_commit_whose_caller_went_away_still_reaches_the_cache() {
    let gate = Arc::new(Gate::new());
    let world = World::over(gate.clone(), simulated::env(1).0).await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    gate.hold_commits.send_replace(true);
    let caller = tokio::spawn({
        let barrier = barrier.clone();
        async move { barrier.commit(created("a", b"late")).await }
    });
    gate.wait_for_held(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());

    assert_eq!(text(&barrier, "a").await, None, "the store does not have it yet");
    gate.hold_commits.send_replace(false);
    for _ in 0..YIELDS_MAX {
        if text(&barrier, "a").await.is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(text(&barrier, "a").await.as_deref(), Some("late"));
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_cleared_up() {
    for fault in [Fault::LoseAnswer, Fault::LoseCall] {
        let (env, clock) = simulated::env(1);
        run_clock(clock);
        let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env.clone()));
        let world = World::over(faulty.clone(), env).await;
        let barrier = world.node(CacheMode::SoleWriter).await;
        faulty.fail_nth(Call::Commit, 1, fault);
        let receipt = barrier.commit(created("a", b"one")).await.unwrap();
        assert_eq!(text(&barrier, "a").await.as_deref(), Some("one"));
        assert_eq!(revision(&barrier, "a").await, receipt.revision);
        assert_eq!(world.raw("a").await.unwrap().revision, receipt.revision);
    }
}

#[tokio::test]
async fn what_was_overwritten_before_a_lost_answer_was_cleared_up_does_not_come_back() {
    let (env, clock) = simulated::env(1);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env.clone()));
    let world = World::over(faulty.clone(), env).await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    let mut changes = created("a", b"ours");
    changes.create(key("b"), b"ours".as_slice());
    faulty.fail_nth(Call::Commit, 1, Fault::LoseAnswer);
    let committing = tokio::spawn({
        let barrier = barrier.clone();
        async move { barrier.commit(changes).await }
    });
    // It went through, and waits for a clock that stands still before it asks again.
    for _ in 0..YIELDS_MAX {
        if world.raw("a").await.is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let mut changes = Changes::new();
    changes.replace(key("a"), revision(&barrier, "a").await, b"theirs".as_slice());
    barrier.commit(changes).await.unwrap();
    run_clock(clock);
    committing.await.unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(text(&barrier, "a").await.as_deref(), Some("theirs"));
        assert_eq!(text(&barrier, "b").await.as_deref(), Some("ours"));
    }
}

#[tokio::test]
async fn after_an_unknown_outcome_the_key_is_never_answered_from_the_cache() {
    for fault in [Fault::CutAfter, Fault::CutBefore] {
        let (env, clock) = simulated::env(1);
        run_clock(clock);
        let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env.clone()));
        let world = World::over(faulty.clone(), env).await;
        let barrier = world.node(CacheMode::SoleWriter).await;
        assert_eq!(text(&barrier, "a").await, None, "cached as absent");
        faulty.fail_nth(Call::Commit, 1, fault);
        assert!(matches!(barrier.commit(created("a", b"one")).await, Err(CommitError::Unknown)));
        faulty.mend();
        world.store.take();
        assert_eq!(barrier.stamp(), None, "nobody knows whether something is still being written");
        let expected = (fault == Fault::CutAfter).then_some("one");
        for _ in 0..3 {
            assert_eq!(text(&barrier, "a").await.as_deref(), expected);
        }
        assert_eq!(world.store.take(), Tally { reads: 3, ..Tally::default() });
    }
}

#[tokio::test]
async fn a_refused_commit_leaves_everything_as_it_was() {
    let (env, _) = simulated::env(1);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env.clone()));
    let world = World::over(faulty.clone(), env).await;
    let barrier = world.node(CacheMode::SoleWriter).await;
    for fault in [Fault::Fail, Fault::Full] {
        faulty.fail_nth(Call::Commit, 1, fault);
        assert!(matches!(barrier.commit(created("a", b"one")).await, Err(CommitError::Storage(_))));
        assert_eq!(text(&barrier, "a").await, None);
    }
    faulty.fail_nth(Call::Read, 1, Fault::Fail);
    assert!(matches!(barrier.read_one(&key("b")).await, Err(Error::Storage(_))));
    barrier.commit(created("a", b"one")).await.unwrap();
    assert_eq!(text(&barrier, "a").await.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_cache_of_no_bytes_is_no_cache() {
    let world = World::new().await;
    let options = Options { cache_bytes: 0, cache: CacheMode::SoleWriter };
    let barrier = Barrier::new(world.store.clone(), world.env.clone(), options);
    crate::seal::SealControl::new(barrier.clone(), crate::seal::Device::Shamir)
        .unseal(world.share.clone())
        .await
        .unwrap();
    barrier.commit(created("a", b"one")).await.unwrap();
    world.store.take();
    assert_eq!(text(&barrier, "a").await.as_deref(), Some("one"));
    assert_eq!(world.store.take(), Tally { reads: 1, ..Tally::default() });
}

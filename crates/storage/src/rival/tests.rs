//! A rival gets in the way, and not for good.

use std::sync::Arc;

use super::{Rival, STRIKES_IN_ROW_MAX};
use crate::memory::Memory;
use crate::{Batch, CommitId, Key, Outcome, Storage};

const KEY: Key = Key::constant("k");

/// Reads and replaces until it goes through; says how many tries that took.
async fn replace(store: &dyn Storage, value: u8) -> u32 {
    for tries in 1.. {
        let entry = store.read(&[KEY]).await.unwrap().entries.remove(0).unwrap();
        let batch = Batch::new(CommitId([value; 16])).replace(KEY, entry.revision, vec![value]);
        match store.commit(&batch).await.unwrap() {
            Outcome::Committed(_) => return tries,
            outcome => assert_eq!(outcome, Outcome::Conflict(vec![KEY])),
        }
    }
    unreachable!("the loop has no end")
}

#[tokio::test]
async fn a_rival_makes_commits_conflict_but_a_retry_wins_in_the_end() {
    let rival = Rival::new(Arc::new(Memory::new()), 1, 100);
    rival.commit(&Batch::new(CommitId([0; 16])).create(KEY, "0")).await.unwrap();
    assert_eq!(rival.strikes(), 0, "nothing to rewrite where the key must be absent");

    assert_eq!(replace(&rival, 1).await, STRIKES_IN_ROW_MAX + 1);
    assert_eq!(rival.strikes(), u64::from(STRIKES_IN_ROW_MAX));
    let entry = rival.read(&[KEY]).await.unwrap().entries.remove(0).unwrap();
    assert_eq!((&entry.value[..], entry.commit), (&[1][..], CommitId([1; 16])));
}

#[tokio::test]
async fn a_rival_keeps_the_value_that_it_rewrites() {
    let store = Arc::new(Memory::new());
    let rival = Rival::new(store.clone(), 1, 100);
    store.commit(&Batch::new(CommitId([0; 16])).create(KEY, "kept")).await.unwrap();
    let before = store.read(&[KEY]).await.unwrap().entries.remove(0).unwrap();

    let outcome = rival.commit(&Batch::new(CommitId([1; 16])).delete(KEY, before.revision)).await.unwrap();

    assert_eq!(outcome, Outcome::Conflict(vec![KEY]));
    let after = store.read(&[KEY]).await.unwrap().entries.remove(0).unwrap();
    assert_eq!(after.value, before.value);
    assert_ne!(after.revision, before.revision);
}

#[tokio::test]
async fn a_rival_without_a_chance_never_strikes() {
    let rival = Rival::new(Arc::new(Memory::new()), 1, 0);
    rival.commit(&Batch::new(CommitId([0; 16])).create(KEY, "0")).await.unwrap();
    for value in 1..50 {
        assert_eq!(replace(&rival, value).await, 1);
    }
    assert_eq!(rival.strikes(), 0);
}

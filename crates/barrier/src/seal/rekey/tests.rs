//! New keys: which shares work before, after, and when the process dies in between.

use std::sync::Arc;

use env::simulated;
use secret::{LockedKey, SecretBytes};
use storage::Storage;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::rival::Rival;

use super::{Authority, NewKey, ReplaceError, Target};
use crate::fixture::{created, key, run_clock};
use crate::seal::{Device, InitOptions, Proof, SealControl, Split, UnsealError};
use crate::{Barrier, CacheMode, Changes, CommitError, Options};

const OPERATOR_KEY: [u8; 32] = [7; 32];

fn split(shares: u8, threshold: u8) -> Split {
    Split { shares, threshold }
}

/// A node with a seed of its own: two that draw the same bytes would hide mistakes.
fn node(storage: Arc<dyn Storage>, device: Device, seed: u64) -> SealControl {
    let (env, clock) = simulated::env(seed);
    run_clock(clock);
    let options = Options { cache_bytes: 1024 * 1024, cache: CacheMode::ReadThrough };
    SealControl::new(Barrier::new(storage, env, options), device)
}

fn operators() -> Device {
    Device::Static(LockedKey::copy_of(&OPERATOR_KEY))
}

async fn unseal(control: &SealControl, shares: &[SecretBytes]) -> Result<bool, UnsealError> {
    let mut is_sealed = true;
    for share in shares {
        is_sealed = control.unseal(share.clone()).await?.sealed;
    }
    Ok(is_sealed)
}

async fn authorize(control: &SealControl, shares: &[SecretBytes]) -> Option<Authority> {
    let shares: Vec<_> = shares.iter().map(|share| share.expose().as_slice()).collect();
    match control.authorize(&shares).await.unwrap() {
        Proof::Enough(authority) => Some(authority),
        Proof::TooFew | Proof::Wrong => None,
    }
}

/// Whether these shares open the store, as a process finds it that is started now. It leaves the store as it was.
async fn opens(storage: &Arc<Memory>, shares: &[SecretBytes]) -> bool {
    let copy = copy_of(storage).await;
    let control = node(copy, Device::Shamir, 99);
    let is_open = unseal(&control, shares).await.is_ok_and(|is_sealed| !is_sealed);
    if is_open {
        let found = control.barrier().read_one(&key("a")).await.unwrap().unwrap();
        assert_eq!(found.value.expose(), b"value");
    }
    is_open
}

async fn copy_of(storage: &Arc<Memory>) -> Arc<Memory> {
    let copy = Arc::new(Memory::new());
    let mut export = storage.export().await.unwrap();
    loop {
        let page = export.next().await.unwrap();
        if page.is_empty() {
            return copy;
        }
        for entry in page {
            let batch = storage::Batch::new(entry.commit).create(entry.key, entry.value);
            copy.commit(&batch).await.unwrap();
        }
    }
}

/// An unsealed Shamir node with an entry, and its shares, 2 of 3.
async fn unsealed(storage: Arc<dyn Storage>) -> (SealControl, Vec<SecretBytes>) {
    let control = node(storage, Device::Shamir, 1);
    let shares = control.init(&InitOptions::shamir(3, 2), Vec::new()).await.unwrap().shares;
    assert!(!unseal(&control, &shares[..2]).await.unwrap());
    control.barrier().commit(created("a", b"value")).await.unwrap();
    (control, shares)
}

async fn replace(control: &SealControl, new: &NewKey, old: &[SecretBytes], with: &Changes) -> Result<(), ReplaceError> {
    let authority = authorize(control, old).await.expect("the old shares authorize");
    control.replace_key(new, &authority, with).await
}

#[tokio::test]
async fn new_shares_take_the_place_of_the_old_ones() {
    for is_proven in [false, true] {
        let storage = Arc::new(Memory::new());
        let (control, old) = unsealed(storage.clone()).await;
        let (mut new, shares) = control.new_key(Target::Barrier, split(5, 3));
        assert_eq!(shares.len(), 5);
        assert!(opens(&storage, &old[..2]).await && !opens(&storage, &shares[..3]).await, "nothing counts yet");
        new.is_proven = is_proven;
        replace(&control, &new, &old[..2], &created("with", b"it")).await.unwrap();
        assert!(control.barrier().read_one(&key("with")).await.unwrap().is_some());
        assert!(authorize(&control, &old[..2]).await.is_none(), "here the old ones count no longer");
        assert!(authorize(&control, &shares[1..4]).await.is_some());
        assert!(opens(&storage, &shares[2..]).await);
        assert_eq!(opens(&storage, &old[..2]).await, !is_proven, "those who died might have had no others");
        control.settle().await;
        assert!(!opens(&storage, &old[..2]).await);
        assert!(opens(&storage, &shares[..3]).await);
        assert!(matches!(unseal(&node(storage, Device::Shamir, 5), &shares[..2]).await, Ok(true)), "two of three");
    }
}

#[tokio::test]
async fn the_threshold_may_be_one_before_and_after() {
    let storage = Arc::new(Memory::new());
    let (control, mut old) = unsealed(storage.clone()).await;
    for numbers in [split(1, 1), split(1, 1), split(4, 4)] {
        let threshold = usize::from(numbers.threshold);
        let (new, shares) = control.new_key(Target::Barrier, numbers);
        let given = old.len().min(2);
        replace(&control, &new, &old[..given], &Changes::new()).await.unwrap();
        assert!(opens(&storage, &shares[..threshold]).await && opens(&storage, &old[..given]).await);
        control.settle().await;
        assert!(opens(&storage, &shares[..threshold]).await && !opens(&storage, &old[..given]).await);
        old = shares;
    }
}

#[tokio::test]
async fn whoever_unseals_after_a_crash_decides_which_shares_count() {
    for with_old in [true, false] {
        let storage = Arc::new(Memory::new());
        let (control, old) = unsealed(storage.clone()).await;
        let (new, shares) = control.new_key(Target::Barrier, split(3, 3));
        replace(&control, &new, &old[..2], &Changes::new()).await.unwrap();
        drop(control);
        let after = node(storage.clone(), Device::Shamir, 2);
        let (used, lost) = if with_old { (&old[1..3], &shares[..]) } else { (&shares[..], &old[1..3]) };
        assert!(!unseal(&after, used).await.unwrap());
        assert!(!opens(&storage, lost).await, "the others are worth nothing any more");
        assert!(opens(&storage, used).await);
        assert!(authorize(&after, used).await.is_some() && authorize(&after, lost).await.is_none());
        after.barrier().rotate().await.expect("the keyring is under the root key that the shares opened");
    }
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_old_or_new_shares_that_work() {
    let mut outcomes = [0; 2];
    for is_proven in [false, true] {
        for fault in [Fault::CutBefore, Fault::CutAfter] {
            // The seal entry, the keyring, the root key that was handed over; then the commit.
            for nth in 1..=4 {
                let storage = Arc::new(Memory::new());
                let faulty = Arc::new(Faulty::new(storage.clone(), simulated::env(3).0));
                let (control, old) = unsealed(faulty.clone()).await;
                let (mut new, shares) = control.new_key(Target::Barrier, split(3, 2));
                new.is_proven = is_proven;
                let authority = authorize(&control, &old[..2]).await.unwrap();
                faulty.fail_nth_call(nth, fault);
                let replaced = control.replace_key(&new, &authority, &Changes::new()).await;
                assert!(replaced.is_err(), "call {nth}");
                let (by_old, by_new) = (opens(&storage, &old[..2]).await, opens(&storage, &shares[..2]).await);
                assert!(by_old || (by_new && is_proven), "call {nth} {fault:?}: nobody was told of the new shares");
                outcomes[usize::from(by_new)] += 1;
            }
        }
    }
    assert_eq!(outcomes, [14, 2], "a commit whose answer was lost is in");
}

#[tokio::test]
async fn a_lost_answer_is_cleared_up() {
    let storage = Arc::new(Memory::new());
    let faulty = Arc::new(Faulty::new(storage.clone(), simulated::env(3).0));
    let (control, old) = unsealed(faulty.clone()).await;
    let (new, shares) = control.new_key(Target::Barrier, split(3, 2));
    let authority = authorize(&control, &old[..2]).await.unwrap();
    faulty.fail_nth_call(4, Fault::LoseAnswer);
    control.replace_key(&new, &authority, &Changes::new()).await.unwrap();
    assert!(opens(&storage, &shares[..2]).await);
}

#[tokio::test]
async fn a_new_root_key_leaves_the_count_of_what_was_sealed() {
    let (control, old) = unsealed(Arc::new(Memory::new())).await;
    for name in ["b", "c", "d", "e", "f"] {
        control.barrier().commit(created(name, b"value")).await.unwrap();
    }
    let counted = || control.barrier().key_status().unwrap().encryptions;
    let before = counted();
    assert!(before >= 6, "{before}");
    let (new, _) = control.new_key(Target::Barrier, split(3, 2));
    replace(&control, &new, &old[..2], &Changes::new()).await.unwrap();
    control.settle().await;
    assert!(counted() >= before, "{} after {before}", counted());
}

#[tokio::test]
async fn other_nodes_follow_a_new_root_key() {
    let storage = Arc::new(Memory::new());
    let (one, old) = unsealed(storage.clone()).await;
    let two = node(storage.clone(), Device::Shamir, 2);
    unseal(&two, &old[..2]).await.unwrap();
    let (new, shares) = one.new_key(Target::Barrier, split(3, 2));
    replace(&one, &new, &old[..2], &Changes::new()).await.unwrap();
    one.settle().await;
    one.barrier().rotate().await.unwrap();
    one.barrier().commit(created("b", b"by one")).await.unwrap();
    assert_eq!(two.barrier().read_one(&key("b")).await.unwrap().unwrap().value.expose(), b"by one");
    assert_eq!(two.barrier().rotate().await.unwrap(), 3);
    two.barrier().commit(created("c", b"by two")).await.unwrap();
    assert_eq!(one.barrier().read_one(&key("c")).await.unwrap().unwrap().value.expose(), b"by two");
    let (newer, later) = two.new_key(Target::Barrier, split(1, 1));
    replace(&two, &newer, &shares[..2], &Changes::new()).await.unwrap();
    two.settle().await;
    assert_eq!(one.barrier().rotate().await.unwrap(), 4);
    assert!(opens(&storage, &later).await && !opens(&storage, &shares[..2]).await);
}

#[tokio::test]
async fn of_two_replacements_at_once_one_set_of_shares_counts() {
    let storage = Arc::new(Memory::new());
    let (one, old) = unsealed(storage.clone()).await;
    let (a, shares_a) = one.new_key(Target::Barrier, split(3, 2));
    let (b, shares_b) = one.new_key(Target::Barrier, split(3, 2));
    let mut mark = Changes::new();
    mark.create(key("attempt"), b"used".as_slice());
    let authority = authorize(&one, &old[..2]).await.unwrap();
    let (a, b) = tokio::join!(one.replace_key(&a, &authority, &mark), one.replace_key(&b, &authority, &mark));
    assert!(a.is_ok() != b.is_ok(), "what both expect to be absent lets one of them through");
    let lost = a.as_ref().err().or(b.as_ref().err()).unwrap();
    assert!(
        matches!(lost, ReplaceError::Write(CommitError::Conflict(keys)) if keys.contains(&key("attempt"))),
        "{lost:?}"
    );
    one.settle().await;
    assert_eq!(opens(&storage, &shares_a[..2]).await, a.is_ok());
    assert_eq!(opens(&storage, &shares_b[..2]).await, b.is_ok());
}

#[tokio::test]
async fn rivals_and_rotations_do_not_stop_it() {
    for seed in 0..8 {
        let storage = Arc::new(Memory::new());
        let rival = Arc::new(Rival::new(storage.clone(), seed, 60));
        let (control, old) = unsealed(storage.clone()).await;
        drop(control);
        let control = node(rival.clone(), Device::Shamir, 4);
        unseal(&control, &old[..2]).await.unwrap();
        let (new, shares) = control.new_key(Target::Barrier, split(3, 2));
        replace(&control, &new, &old[..2], &Changes::new()).await.unwrap();
        assert!(opens(&storage, &shares[..2]).await, "seed {seed}");
    }
}

#[tokio::test]
async fn a_sealed_node_replaces_nothing_and_a_seal_stays() {
    let storage = Arc::new(Memory::new());
    let (control, old) = unsealed(storage.clone()).await;
    let authority = authorize(&control, &old[..2]).await.unwrap();
    let (new, shares) = control.new_key(Target::Barrier, split(3, 2));
    control.seal().await;
    let refused = control.replace_key(&new, &authority, &Changes::new()).await.unwrap_err();
    assert!(matches!(refused, ReplaceError::Read(crate::Error::Sealed)), "{refused:?}");
    assert!(opens(&storage, &old[..2]).await && !opens(&storage, &shares[..2]).await);
    unseal(&control, &old[..2]).await.unwrap();
    control.replace_key(&new, &authority, &Changes::new()).await.unwrap();
    control.seal().await;
    control.settle().await;
    assert!(!opens(&storage, &old[..2]).await && opens(&storage, &shares[..2]).await, "settled while sealed");
    assert!(control.barrier().is_sealed());
}

#[tokio::test]
async fn shares_prove_a_new_key_only_if_they_are_its_own() {
    let (control, old) = unsealed(Arc::new(Memory::new())).await;
    let raw = |shares: &[SecretBytes]| shares.iter().map(|share| share.expose().clone()).collect::<Vec<_>>();
    let check = |new: &NewKey, shares: Vec<Vec<u8>>| {
        let shares: Vec<_> = shares.iter().map(Vec::as_slice).collect();
        new.check(&shares)
    };
    let (new, shares) = control.new_key(Target::Barrier, split(3, 2));
    assert!(matches!(check(&new, raw(&shares[..1])), Proof::TooFew));
    assert!(matches!(check(&new, raw(&shares[1..])), Proof::Enough(())));
    assert!(matches!(check(&new, raw(&old[..2])), Proof::Wrong));
    assert!(matches!(check(&new, raw(&[shares[0].clone(), old[0].clone()])), Proof::Wrong));
}

#[tokio::test]
async fn a_store_that_unseals_itself_gets_a_new_root_key_and_new_recovery_shares() {
    let storage = Arc::new(Memory::new());
    let control = node(storage.clone(), operators(), 1);
    let old = control.init(&InitOptions::recovery(3, 2), Vec::new()).await.unwrap().recovery_shares;
    control.unseal_auto().await.unwrap();
    let before = storage.read(&[key("core/seal")]).await.unwrap().entries.remove(0).unwrap();
    let (new, shares) = control.new_key(Target::Barrier, split(1, 1));
    assert!(shares.is_empty(), "nobody holds a key that the operator has");
    replace(&control, &new, &old[..2], &Changes::new()).await.unwrap();
    let after = storage.read(&[key("core/seal")]).await.unwrap().entries.remove(0).unwrap();
    assert_ne!(before.value, after.value);

    let (new, shares) = control.new_key(Target::Recovery, split(5, 3));
    replace(&control, &new, &old[..2], &Changes::new()).await.unwrap();
    assert!(authorize(&control, &old[..2]).await.is_none(), "the process that handed out the new ones");
    assert!(authorize(&control, &shares[..3]).await.is_some());
    assert_eq!(control.status().await.unwrap().threshold, 3);
    // A process that comes after a crash lets people show what they have.
    let restarted = node(copy_of(&storage).await, operators(), 2);
    restarted.unseal_auto().await.unwrap();
    assert!(authorize(&restarted, &old[1..]).await.is_some());
    assert!(authorize(&restarted, &shares[..3]).await.is_none(), "then the others are worth nothing");
    assert_eq!(restarted.status().await.unwrap().threshold, 2);
    control.settle().await;
    let restarted = node(storage, operators(), 2);
    restarted.unseal_auto().await.unwrap();
    assert!(authorize(&restarted, &old[1..]).await.is_none());
    assert!(authorize(&restarted, &shares[..3]).await.is_some());
}

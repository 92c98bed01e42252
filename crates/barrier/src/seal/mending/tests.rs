//! Which shares open a store that is to be mended, and that nothing is written meanwhile.

use std::sync::Arc;

use env::simulated;
use secret::{LockedKey, SecretBytes};
use storage::Storage as _;
use storage::memory::Memory;

use crate::fixture::{created, key, run_clock};
use crate::seal::{Authority, Device, InitOptions, Proof, SealControl, SealStatus, Split, Target, UnsealError};
use crate::{Barrier, CacheMode, Changes, Options};

const OPERATOR_KEY: [u8; 32] = [7; 32];

fn node(storage: &Arc<Memory>, device: Device, seed: u64) -> SealControl {
    let (env, clock) = simulated::env(seed);
    run_clock(clock);
    let options = Options { cache_bytes: 1024 * 1024, cache: CacheMode::SoleWriter };
    SealControl::new(Barrier::new(storage.clone(), env, options), device)
}

fn operators() -> Device {
    Device::Static(LockedKey::copy_of(&OPERATOR_KEY))
}

/// What the shares prove, and whether the barrier is open afterwards.
async fn mend(control: &SealControl, shares: &[SecretBytes]) -> (&'static str, bool) {
    let shares: Vec<_> = shares.iter().map(|share| share.expose().as_slice()).collect();
    let proof = match control.unseal_to_mend(&shares).await.unwrap() {
        Proof::Enough(()) => "enough",
        Proof::TooFew => "too few",
        Proof::Wrong => "wrong",
    };
    (proof, !control.barrier().is_sealed())
}

async fn authority(control: &SealControl, shares: &[SecretBytes]) -> Authority {
    let shares: Vec<_> = shares.iter().map(|share| share.expose().as_slice()).collect();
    match control.authorize(&shares).await.unwrap() {
        Proof::Enough(authority) => authority,
        proof => panic!("{proof:?}"),
    }
}

async fn unsealed(control: &SealControl, shares: &[SecretBytes]) -> SealStatus {
    for share in &shares[1..] {
        control.unseal(share.clone()).await.unwrap();
    }
    control.unseal(shares[0].clone()).await.unwrap()
}

fn foreign() -> Vec<SecretBytes> {
    vec![SecretBytes::new(vec![1; 33]), SecretBytes::new(vec![2; 33])]
}

#[tokio::test]
async fn enough_shares_open_and_nothing_is_written() {
    let storage = Arc::new(Memory::new());
    let control = node(&storage, Device::Shamir, 1);
    let shares = control.init(&InitOptions::shamir(3, 2), Vec::new()).await.unwrap().shares;
    assert!(!unsealed(&control, &shares[..2]).await.sealed);
    control.barrier().commit(created("a", b"value")).await.unwrap();
    drop(control);
    let before = storage.now().await.unwrap();
    let control = node(&storage, Device::Shamir, 2);
    assert_eq!(mend(&control, &shares[..1]).await, ("too few", false));
    assert_eq!(mend(&control, &foreign()).await, ("wrong", false));
    assert_eq!(mend(&control, &shares[1..]).await, ("enough", true));
    assert_eq!(control.barrier().read_one(&key("a")).await.unwrap().unwrap().value.expose(), b"value");
    assert_eq!(mend(&control, &foreign()).await, ("wrong", true), "an open barrier stays open");
    assert_eq!(mend(&control, &shares[..2]).await, ("enough", true));
    assert_eq!(storage.now().await.unwrap(), before);
}

#[tokio::test]
async fn after_an_interrupted_rekey_both_sets_open_and_both_go_on_to_count() {
    let storage = Arc::new(Memory::new());
    let control = node(&storage, Device::Shamir, 1);
    let old = control.init(&InitOptions::shamir(1, 1), Vec::new()).await.unwrap().shares;
    unsealed(&control, &old).await;
    let (new, shares) = control.new_key(Target::Barrier, Split { shares: 2, threshold: 2 });
    control.replace_key(&new, &authority(&control, &old).await, &Changes::new()).await.unwrap();
    // Nobody settles it: the process dies here.
    drop(control);
    let before = storage.now().await.unwrap();
    for (seed, set) in [(2, &shares), (3, &old), (4, &shares)] {
        assert_eq!(mend(&node(&storage, Device::Shamir, seed), set).await, ("enough", true));
    }
    assert_eq!(storage.now().await.unwrap(), before);
}

#[tokio::test]
async fn with_a_static_seal_the_recovery_key_decides() {
    let storage = Arc::new(Memory::new());
    let control = node(&storage, operators(), 1);
    let shares = control.init(&InitOptions::recovery(3, 2), Vec::new()).await.unwrap().recovery_shares;
    control.unseal_auto().await.unwrap();
    let (new, later) = control.new_key(Target::Recovery, Split { shares: 2, threshold: 2 });
    control.replace_key(&new, &authority(&control, &shares[..2]).await, &Changes::new()).await.unwrap();
    drop(control);
    let before = storage.now().await.unwrap();
    let control = node(&storage, operators(), 2);
    assert_eq!(mend(&control, &shares[..1]).await, ("too few", false));
    assert_eq!(mend(&control, &foreign()).await, ("wrong", false), "it is closed again");
    assert_eq!(mend(&control, &later).await, ("enough", true));
    assert_eq!(mend(&node(&storage, operators(), 3), &shares[1..]).await, ("enough", true), "as long as both count");
    assert_eq!(storage.now().await.unwrap(), before);
    let stranger = node(&storage, Device::Static(LockedKey::copy_of(&[8; 32])), 4);
    let raw: Vec<_> = shares.iter().map(|share| share.expose().as_slice()).collect();
    assert!(matches!(stranger.unseal_to_mend(&raw).await, Err(UnsealError::WrongKey)));
    assert!(stranger.barrier().is_sealed());
}

#[tokio::test]
async fn without_a_recovery_key_nothing_opens_a_store_of_a_static_seal() {
    let storage = Arc::new(Memory::new());
    let control = node(&storage, operators(), 1);
    assert!(matches!(control.unseal_to_mend(&[]).await, Err(UnsealError::NotInitialized)));
    control.init(&InitOptions::default(), Vec::new()).await.unwrap();
    assert!(matches!(control.unseal_to_mend(&[&[1; 33]]).await, Err(UnsealError::NoRecoveryKey)));
    assert!(control.barrier().is_sealed());
    let other = node(&storage, Device::Shamir, 2);
    assert!(matches!(other.unseal_to_mend(&[&[1; 33]]).await, Err(UnsealError::OtherKind { .. })));
}

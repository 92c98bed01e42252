//! Init, unseal and seal, as the endpoints see them.

use std::sync::Arc;

use env::{Env, simulated};
use secret::{LockedKey, SecretBytes};
use storage::Storage;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use super::SealControl;
use crate::fixture::{created, key, run_clock};
use crate::seal::{Device, InitError, InitOptions, Kind, Proof, SealStatus, ShareError, UnsealError, VerifyError};
use crate::{Barrier, CacheMode, CommitError, Options};

const OPERATOR_KEY: [u8; 32] = [7; 32];

fn control(storage: Arc<dyn Storage>, env: &Env, device: Device) -> SealControl {
    let options = Options { cache_bytes: 1024 * 1024, cache: CacheMode::ReadThrough };
    SealControl::new(Barrier::new(storage, env.clone(), options), device)
}

fn shamir(storage: &Arc<Memory>) -> SealControl {
    control(storage.clone(), &simulated::env(1).0, Device::Shamir)
}

fn operators(storage: &Arc<Memory>, key: [u8; 32]) -> SealControl {
    control(storage.clone(), &simulated::env(1).0, Device::Static(LockedKey::copy_of(&key)))
}

async fn initialized(storage: &Arc<Memory>, shares: u8, threshold: u8) -> (SealControl, Vec<SecretBytes>) {
    let control = shamir(storage);
    let reply = control.init(&InitOptions::shamir(shares, threshold), Vec::new()).await.unwrap();
    (control, reply.shares)
}

/// Whether these shares authorize.
async fn verified(control: &SealControl, shares: &[SecretBytes]) -> Result<bool, VerifyError> {
    let shares: Vec<_> = shares.iter().map(|share| share.expose().as_slice()).collect();
    Ok(matches!(control.authorize(&shares).await?, Proof::Enough(_)))
}

/// Sealed or not, and the progress.
fn seen(status: &SealStatus) -> (bool, usize) {
    assert_eq!(status.nonce.is_empty(), status.progress == 0, "a nonce names a running attempt");
    (status.sealed, status.progress)
}

#[tokio::test]
async fn a_fresh_store_says_so() {
    let control = shamir(&Arc::default());
    assert!(!control.is_initialized().await.unwrap());
    let expected = SealStatus {
        kind: Kind::Shamir,
        initialized: false,
        sealed: true,
        threshold: 0,
        shares: 0,
        progress: 0,
        nonce: String::new(),
        recovery_seal: false,
    };
    assert_eq!(control.status().await.unwrap(), expected);
    let share = SecretBytes::new(vec![1; 33]);
    assert!(matches!(control.unseal(share.clone()).await, Err(UnsealError::NotInitialized)));
    assert!(matches!(verified(&control, &[share]).await, Err(VerifyError::NotInitialized)));
}

#[tokio::test]
async fn init_gives_shares_of_which_enough_unseal_and_the_first_entries_are_there() {
    let storage = Arc::default();
    let control = shamir(&storage);
    let initial = vec![(key("core/first"), SecretBytes::from(b"value".as_slice()))];
    let reply = control.init(&InitOptions::shamir(5, 3), initial).await.unwrap();
    assert_eq!(reply.shares.iter().map(|share| share.expose().len()).collect::<Vec<_>>(), [33; 5]);
    assert!(reply.recovery_shares.is_empty());
    assert!(control.is_initialized().await.unwrap());
    assert_eq!(seen(&control.status().await.unwrap()), (true, 0));

    let mut shares = reply.shares.into_iter().rev();
    let first = control.unseal(shares.next().unwrap()).await.unwrap();
    assert_eq!((first.threshold, first.shares, seen(&first)), (3, 5, (true, 1)));
    let second = control.unseal(shares.next().unwrap()).await.unwrap();
    assert_eq!((second.nonce, second.progress), (first.nonce, 2), "one attempt, one nonce");
    let third = control.unseal(shares.next().unwrap()).await.unwrap();
    assert_eq!(seen(&third), (false, 0));
    let found = control.barrier().read_one(&key("core/first")).await.unwrap().unwrap();
    assert_eq!(found.value.expose(), b"value");
    let again = control.unseal(shares.next().unwrap()).await.unwrap();
    assert_eq!(seen(&again), (false, 0), "unsealing an unsealed node tells its status");
}

#[tokio::test]
async fn a_single_share_is_the_key_itself() {
    let (control, shares) = initialized(&Arc::default(), 1, 1).await;
    assert_eq!(shares.iter().map(|share| share.expose().len()).collect::<Vec<_>>(), [32]);
    assert_eq!(seen(&control.unseal(shares[0].clone()).await.unwrap()), (false, 0));
}

#[tokio::test]
async fn the_same_share_twice_counts_once() {
    let (control, shares) = initialized(&Arc::default(), 3, 2).await;
    for _ in 0..3 {
        assert_eq!(seen(&control.unseal(shares[0].clone()).await.unwrap()), (true, 1));
    }
    assert_eq!(seen(&control.unseal(shares[1].clone()).await.unwrap()), (false, 0));
}

#[tokio::test]
async fn a_wrong_set_is_refused_and_starts_over() {
    let other_store = control(Arc::<Memory>::default(), &simulated::env(2).0, Device::Shamir);
    let foreign = other_store.init(&InitOptions::shamir(3, 2), Vec::new()).await.unwrap().shares;
    let (control, shares) = initialized(&Arc::default(), 3, 2).await;
    let mut changed = shares[1].clone();
    changed.expose_mut()[0] ^= 1;
    let mut same_point = shares[0].clone();
    same_point.expose_mut()[0] ^= 1;
    let short = SecretBytes::new(vec![1; 16]);
    for wrong in [foreign[2].clone(), changed, same_point, short] {
        assert_eq!(seen(&control.unseal(shares[0].clone()).await.unwrap()), (true, 1));
        assert!(matches!(control.unseal(wrong).await, Err(UnsealError::WrongKey)));
        assert_eq!(seen(&control.status().await.unwrap()), (true, 0));
    }
}

#[tokio::test]
async fn what_cannot_be_a_share_is_not_taken_and_leaves_the_progress() {
    let (control, shares) = initialized(&Arc::default(), 3, 2).await;
    control.unseal(shares[0].clone()).await.unwrap();
    let too_short = control.unseal(SecretBytes::new(vec![1; 15])).await.unwrap_err();
    assert!(matches!(too_short, UnsealError::Share(ShareError::TooShort)));
    let too_long = control.unseal(SecretBytes::new(vec![1; 34])).await.unwrap_err();
    assert!(matches!(too_long, UnsealError::Share(ShareError::TooLong)));
    assert_eq!(seen(&control.status().await.unwrap()), (true, 1));
}

#[tokio::test]
async fn reset_and_seal_forget_the_progress() {
    let (control, shares) = initialized(&Arc::default(), 3, 2).await;
    let first = control.unseal(shares[0].clone()).await.unwrap();
    assert_eq!(seen(&control.reset().await.unwrap()), (true, 0));
    let second = control.unseal(shares[0].clone()).await.unwrap();
    assert_ne!(first.nonce, second.nonce, "another attempt has another nonce");
    assert_eq!(seen(&control.unseal(shares[2].clone()).await.unwrap()), (false, 0));
    control.seal().await;
    assert_eq!(seen(&control.status().await.unwrap()), (true, 0));
    assert!(control.barrier().is_sealed());
}

#[tokio::test]
async fn two_people_at_the_same_moment_both_count() {
    let (control, shares) = initialized(&Arc::default(), 3, 2).await;
    let (one, other) = tokio::join!(control.unseal(shares[0].clone()), control.unseal(shares[1].clone()));
    let sealed = [one.unwrap().sealed, other.unwrap().sealed];
    assert!(sealed.contains(&true) && sealed.contains(&false));
}

#[tokio::test]
async fn of_two_nodes_that_init_at_once_exactly_one_wins() {
    for seed in 0..20 {
        let storage: Arc<Memory> = Arc::default();
        let nodes = [seed, seed + 1000].map(|seed| control(storage.clone(), &simulated::env(seed).0, Device::Shamir));
        let options = InitOptions::shamir(3, 2);
        let (one, other) = tokio::join!(nodes[0].init(&options, Vec::new()), nodes[1].init(&options, Vec::new()));
        let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
        assert!(matches!(loser, Err(InitError::AlreadyInitialized)));
        for node in nodes {
            for share in &winner.as_ref().unwrap().shares[1..] {
                node.unseal(share.clone()).await.unwrap();
            }
            assert!(!node.barrier().is_sealed(), "the winner's shares open the store on both nodes");
        }
    }
}

#[tokio::test]
async fn a_second_init_is_refused_and_changes_nothing() {
    let storage = Arc::default();
    let (control, shares) = initialized(&storage, 1, 1).await;
    for control in [&control, &shamir(&storage)] {
        let refused = control.init(&InitOptions::shamir(1, 1), Vec::new()).await.unwrap_err();
        assert!(matches!(refused, InitError::AlreadyInitialized));
    }
    assert!(!control.unseal(shares[0].clone()).await.unwrap().sealed);
}

#[tokio::test]
async fn a_store_with_something_else_in_it_is_not_taken_over() {
    let storage: Arc<Memory> = Arc::default();
    let batch = storage::Batch::new(storage::CommitId([1; 16])).create(key("core/keyring"), b"left over".as_slice());
    storage.commit(&batch).await.unwrap();
    let refused = shamir(&storage).init(&InitOptions::shamir(1, 1), Vec::new()).await.unwrap_err();
    assert!(matches!(refused, InitError::NotEmpty));
}

#[tokio::test]
async fn init_that_fails_at_any_call_leaves_an_empty_store_or_hands_out_shares_that_work() {
    for fault in [Fault::Fail, Fault::LoseCall, Fault::LoseAnswer, Fault::CutBefore, Fault::CutAfter] {
        for nth in 1..=3 {
            let (env, clock) = simulated::env(1);
            run_clock(clock);
            let memory: Arc<Memory> = Arc::default();
            let faulty = Arc::new(Faulty::new(memory.clone(), env.clone()));
            let node = control(faulty.clone(), &env, Device::Shamir);
            faulty.fail_nth_call(nth, fault);
            let reply = node.init(&InitOptions::shamir(1, 1), vec![(key("first"), SecretBytes::default())]).await;
            faulty.calm();
            faulty.mend();
            let keys = [key("core/seal"), key("core/keyring"), key("first")];
            let entries = memory.read(&keys).await.unwrap().entries;
            let count = entries.iter().flatten().count();
            match reply {
                Ok(reply) => {
                    assert_eq!(count, keys.len());
                    assert!(!node.unseal(reply.shares[0].clone()).await.unwrap().sealed);
                }
                Err(InitError::Write(CommitError::Unknown)) => assert!(count == 0 || count == keys.len()),
                Err(error) => assert_eq!(count, 0, "{fault:?} {nth} {error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_is_gone_at_the_last_share_costs_only_that_share() {
    let (env, _) = simulated::env(1);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env.clone()));
    let control = control(faulty.clone(), &env, Device::Shamir);
    let shares = control.init(&InitOptions::shamir(3, 2), Vec::new()).await.unwrap().shares;
    control.unseal(shares[0].clone()).await.unwrap();
    for nth in 1..=2 {
        faulty.fail_nth(Call::Read, nth, Fault::Fail);
        assert!(matches!(control.unseal(shares[1].clone()).await, Err(UnsealError::Barrier(_))));
        assert_eq!(seen(&control.status().await.unwrap()), (true, 1));
    }
    assert_eq!(seen(&control.unseal(shares[1].clone()).await.unwrap()), (false, 0));
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused_with_the_published_texts() {
    let check = |control: &SealControl, numbers: [i64; 4], expected: &str| {
        let [secret_shares, secret_threshold, recovery_shares, recovery_threshold] = numbers;
        let options = InitOptions { secret_shares, secret_threshold, recovery_shares, recovery_threshold };
        let refused = super::checked(&options, control.device.kind()).unwrap_err();
        assert_eq!(refused, expected, "{numbers:?}");
    };
    let storage = Arc::default();
    let (shamir, operators) = (shamir(&storage), operators(&storage, OPERATOR_KEY));
    for (shares, threshold, text) in [
        (0, 0, "shares must be at least one"),
        (-5, 1, "shares must be at least one"),
        (1, 0, "threshold must be at least one"),
        (5, 1, "threshold must be greater than one for multiple shares"),
        (256, 3, "shares must be less than 256"),
        (i64::MAX, i64::MAX, "shares must be less than 256"),
        (5, 256, "threshold must be less than 256"),
        (2, 3, "threshold cannot be larger than shares"),
        (1, 2, "threshold cannot be larger than shares"),
    ] {
        check(&shamir, [shares, threshold, 0, 0], text);
        if shares != 0 {
            check(&operators, [0, 0, shares, threshold], text);
        }
    }
    check(&operators, [5, 3, 5, 3], "parameters secret_shares,secret_threshold not applicable to seal type static");
    check(&operators, [0, 3, 5, 3], "parameters secret_threshold not applicable to seal type static");
    check(&shamir, [5, 3, 5, 3], "parameters recovery_shares,recovery_threshold not applicable to seal type shamir");
    let refused = operators.init(&InitOptions::shamir(5, 3), Vec::new()).await.unwrap_err();
    assert!(refused.to_string().ends_with("not applicable to seal type static"));
    assert!(!operators.is_initialized().await.unwrap());
}

#[tokio::test]
async fn a_static_seal_opens_without_anybody_at_hand() {
    let storage = Arc::default();
    let control = operators(&storage, OPERATOR_KEY);
    assert!(matches!(control.unseal_auto().await, Err(UnsealError::NotInitialized)));
    let reply = control.init(&InitOptions::recovery(5, 3), Vec::new()).await.unwrap();
    assert!(reply.shares.is_empty());
    assert_eq!(reply.recovery_shares.len(), 5);
    let restarted = operators(&storage, OPERATOR_KEY);
    let status = restarted.unseal_auto().await.unwrap();
    assert_eq!((status.kind, status.threshold, status.shares), (Kind::Static, 3, 5), "those of the recovery key");
    assert!(!status.sealed && status.recovery_seal);
    restarted.barrier().commit(created("a", b"1")).await.unwrap();
    assert!(!restarted.unseal_auto().await.unwrap().sealed, "again is no harm");
    restarted.seal().await;
    let refused = restarted.unseal(reply.recovery_shares[0].clone()).await.unwrap_err();
    assert!(matches!(refused, UnsealError::NotApplicable(Kind::Static)));
    assert!(restarted.barrier().is_sealed());
}

#[tokio::test]
async fn another_operators_key_or_kind_does_not_open() {
    let storage = Arc::default();
    operators(&storage, OPERATOR_KEY).init(&InitOptions::default(), Vec::new()).await.unwrap();
    let other = operators(&storage, [8; 32]);
    assert!(matches!(other.unseal_auto().await, Err(UnsealError::WrongKey)));
    assert!(other.barrier().is_sealed());
    let other_kind = shamir(&storage).unseal(SecretBytes::new(OPERATOR_KEY.to_vec())).await.unwrap_err();
    assert!(matches!(other_kind, UnsealError::OtherKind { stored: Kind::Static, configured: Kind::Shamir }));
    assert!(matches!(shamir(&storage).unseal_auto().await, Err(UnsealError::NotApplicable(Kind::Shamir))));
}

#[tokio::test]
async fn shares_are_verified_without_unsealing() {
    let (control, shares) = initialized(&Arc::default(), 5, 3).await;
    assert!(verified(&control, &shares[..3]).await.unwrap());
    assert!(verified(&control, &shares[1..]).await.unwrap());
    assert!(!verified(&control, &shares[..2]).await.unwrap(), "too few");
    assert!(!verified(&control, &[]).await.unwrap());
    let mut changed = shares[..3].to_vec();
    changed[0].expose_mut()[5] ^= 1;
    assert!(!verified(&control, &changed).await.unwrap());
    assert!(control.barrier().is_sealed());
}

#[tokio::test]
async fn recovery_shares_authorize_by_their_threshold() {
    for (shares, threshold) in [(1, 1), (5, 3)] {
        let control = operators(&Arc::default(), OPERATOR_KEY);
        let reply = control.init(&InitOptions::recovery(shares, threshold), Vec::new()).await.unwrap();
        let shares = reply.recovery_shares;
        assert!(matches!(verified(&control, &shares).await, Err(VerifyError::Read(crate::Error::Sealed))));
        control.unseal_auto().await.unwrap();
        assert!(verified(&control, &shares).await.unwrap());
        assert!(verified(&control, &shares[..usize::from(threshold)]).await.unwrap());
        assert!(!verified(&control, &shares[..usize::from(threshold) - 1]).await.unwrap());
        let mut changed = shares.clone();
        changed[0].expose_mut()[5] ^= 1;
        assert!(!verified(&control, &changed).await.unwrap());
    }
    let none = operators(&Arc::default(), OPERATOR_KEY);
    none.init(&InitOptions::default(), Vec::new()).await.unwrap();
    none.unseal_auto().await.unwrap();
    assert!(matches!(verified(&none, &[]).await, Err(VerifyError::NoRecoveryKey)));
}

#[tokio::test]
async fn errors_and_debug_show_no_share() {
    let (control, shares) = initialized(&Arc::default(), 3, 2).await;
    control.unseal(shares[0].clone()).await.unwrap();
    let shown = format!("{control:?} {shares:?} {:?}", control.unseal(SecretBytes::new(vec![42; 33])).await);
    for share in &shares {
        assert!(!shown.contains(&format!("{:?}", &share.expose()[..4]).replace(['[', ']'], "")), "{shown}");
    }
    assert!(!shown.contains("42, 42"), "{shown}");
}

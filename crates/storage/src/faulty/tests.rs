//! What each fault does to a call, and that nothing else happens.

use std::sync::Arc;
use std::time::Duration;

use env::simulated;

use super::{Chances, Fault, Faulty};
use crate::counting::{Call, Counting, Tally};
use crate::memory::Memory;
use crate::{Batch, Change, CommitId, Error, Key, Outcome, Position, Storage};

const KEY: Key = Key::constant("k");

fn create() -> Batch {
    Batch::new(CommitId([7; 16])).create(KEY, "value")
}

fn faulty() -> (Arc<Memory>, Faulty) {
    let store = Arc::new(Memory::new());
    (store.clone(), Faulty::new(store, simulated::env(1).0))
}

async fn is_there(store: &dyn Storage) -> bool {
    store.read(&[KEY]).await.unwrap().entries.remove(0).is_some()
}

#[tokio::test]
async fn a_lost_commit_is_unknown_whether_it_was_carried_out_or_not() {
    for (fault, is_done) in
        [(Fault::LoseCall, false), (Fault::LoseAnswer, true), (Fault::CutBefore, false), (Fault::CutAfter, true)]
    {
        let (store, faulty) = faulty();
        faulty.fail_nth_call(1, fault);
        assert_eq!(faulty.commit(&create()).await.unwrap(), Outcome::Unknown, "{fault:?}");
        assert_eq!(is_there(&*store).await, is_done, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refused_commit_is_an_error_and_leaves_nothing() {
    let (store, faulty) = faulty();
    faulty.fail_nth(Call::Commit, 1, Fault::Fail);
    faulty.fail_nth(Call::Commit, 2, Fault::Full);
    assert!(matches!(faulty.commit(&create()).await, Err(Error::Unavailable { .. })));
    assert!(matches!(faulty.commit(&create()).await, Err(Error::Full)));
    assert!(!is_there(&*store).await);
    assert!(matches!(faulty.commit(&create()).await, Ok(Outcome::Committed(_))));
}

#[tokio::test]
async fn the_script_counts_from_where_it_was_written() {
    let (_, faulty) = faulty();
    faulty.now().await.unwrap();
    faulty.fail_nth_call(2, Fault::Fail);
    faulty.now().await.unwrap();
    assert!(faulty.now().await.is_err());
    faulty.now().await.unwrap();
    faulty.fail_nth(Call::Read, 2, Fault::LoseAnswer);
    faulty.read(&[KEY]).await.unwrap();
    faulty.now().await.unwrap();
    assert!(faulty.read(&[KEY]).await.is_err());
    assert_eq!(faulty.calls(), 7);
}

#[tokio::test]
async fn a_cut_ends_every_call_watch_and_export_until_mended() {
    let (_, faulty) = faulty();
    let mut watch = faulty.watch(Position(0)).await.unwrap();
    let mut export = faulty.export().await.unwrap();
    assert_eq!(watch.next().await.unwrap(), Change::Progress(Position(0)));
    faulty.cut();
    assert!(watch.next().await.is_err());
    assert!(export.next().await.is_err());
    assert!(faulty.now().await.is_err());
    assert!(faulty.commit(&create()).await.is_err(), "a commit that never left is certain to be out");
    faulty.mend();
    assert_eq!(faulty.now().await.unwrap(), Position(0));
    assert!(watch.next().await.is_err(), "a watch does not survive its connection");
    assert!(export.next().await.is_err());
}

#[tokio::test]
async fn a_delayed_call_waits_for_the_clock() {
    let (env, clock) = simulated::env(1);
    let faulty = Faulty::new(Arc::new(Memory::new()), env);
    faulty.fail_nth_call(1, Fault::Delay(Duration::from_secs(5)));
    let mut call = Box::pin(faulty.now());
    tokio::select! {
        biased;
        _ = &mut call => panic!("answered before its time"),
        () = tokio::task::yield_now() => {}
    }
    clock.advance(Duration::from_secs(5));
    assert_eq!(call.await.unwrap(), Position(0));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults() {
    async fn run(seed: u64) -> Vec<bool> {
        let (_, faulty) = faulty();
        faulty.fail_by_chance(seed, Chances { fail: 200, lose_call: 100, lose_answer: 100 });
        let mut answers = Vec::new();
        for _ in 0..200 {
            answers.push(faulty.now().await.is_ok());
        }
        faulty.calm();
        assert!(faulty.now().await.is_ok());
        answers
    }
    let first = run(1).await;
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
    let failed = first.iter().filter(|is_ok| !**is_ok).count();
    assert!((40..120).contains(&failed), "{failed} of 200 at four in ten");
}

#[tokio::test]
async fn every_call_is_counted_by_its_kind() {
    let counting = Counting::new(Arc::new(Memory::new()));
    counting.read(&[KEY]).await.unwrap();
    counting.read(&[]).await.unwrap_err();
    counting.scan(&crate::Scan::prefix(&KEY, 1)).await.unwrap();
    counting.commit(&create()).await.unwrap();
    counting.now().await.unwrap();
    counting.watch(Position(0)).await.unwrap();
    counting.export().await.unwrap();
    let expected = Tally { reads: 2, scans: 1, commits: 1, nows: 1, watches: 1, exports: 1 };
    assert_eq!(counting.tally(), expected);
    assert_eq!(counting.take(), expected);
    assert_eq!(counting.tally(), Tally::default());
}

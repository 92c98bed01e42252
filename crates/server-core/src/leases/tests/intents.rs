//! What is announced before it is made: whatever happens, a lease comes of it or it is undone.

use super::*;
use crate::leases::INTENT_PATIENCE;

#[tokio::test]
async fn what_goes_wrong_outside_is_undone_at_once() {
    let (bench, outside) = lending("undone").await;
    for (mood, shown) in [(Mood::Refuses, "it refuses"), (Mood::Cuts, "the line is dead")] {
        outside.when_making(mood);
        let reply = lend(&bench, &bench.root, json!({})).await;
        assert_eq!(reply, refused("World", &format!("ask the outside: {shown}")));
        assert_eq!((outside.things(), left(&bench).await), (0, vec![]), "{mood:?}");
    }
}

#[tokio::test]
async fn what_was_refused_for_certain_is_not_undone() {
    let (bench, outside) = lending("withdrawn").await;
    outside.when_making(Mood::Refuses);
    let reply = lend(&bench, &bench.root, json!({ "is_certain": true })).await;
    assert_eq!(reply, refused("World", "ask the outside: it refuses"));
    assert_eq!((outside.removals(), left(&bench).await), (0, vec![]), "nobody is asked to remove what never was");
    bench.clock.advance(INTENT_PATIENCE);
    bench.settle().await;
    assert_eq!(outside.removals(), 0);
}

#[tokio::test]
async fn what_cannot_be_undone_at_once_is_undone_later() {
    let (bench, outside) = lending("undone later").await;
    outside.when_making(Mood::Cuts);
    outside.when_removing(Mood::Refuses);
    lend(&bench, &bench.root, json!({})).await;
    assert_eq!(outside.things(), 1);
    assert_eq!(bench.root().list("sys/leases/lookup/").await["data"]["keys"], json!(["db/"]));
    outside.when_removing(Mood::Well);
    bench.clock.advance(INTENT_PATIENCE);
    bench.settle().await;
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
}

#[tokio::test]
async fn a_request_that_is_cut_off_leaves_its_intent_to_the_sweeper() {
    let (bench, outside) = lending("cut off").await;
    outside.when_making(Mood::Stalls);
    assert!(unless_hung(lend(&bench, &bench.root, json!({}))).await.is_none());
    let before = left(&bench).await;
    assert!(!before.is_empty(), "the intent is there");
    bench.clock.advance(INTENT_PATIENCE - Duration::from_secs(1));
    bench.settle().await;
    assert_eq!((left(&bench).await, outside.removals()), (before, 0), "the request may be at work still");
    bench.clock.advance(Duration::from_secs(1));
    bench.settle().await;
    assert_eq!((left(&bench).await, outside.removals()), (vec![], 1));
}

/// Each commit of a request that makes a lease is cut, before and after it; with and without an intent.
#[tokio::test]
async fn a_crash_at_any_commit_of_a_request_leaves_a_lease_or_nothing() {
    for nth in 1_u64.. {
        let (env, _) = env::simulated::env(1);
        let memory = Arc::new(Memory::new());
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        let name = format!("cut {nth}");
        mount(&bench, "db", &name).await;
        let outside = Outside::named(&name);
        let fault = if nth % 2 == 0 { Fault::CutAfter } else { Fault::CutBefore };
        faulty.fail_nth(Call::Commit, nth.div_ceil(2), fault);
        let reply = patiently(&bench.clock, lend(&bench, &bench.root, json!({ "ttl": "1h" }))).await;
        let bench = bench.crashed(memory as _).await;
        if reply["lease"].is_object() {
            assert!(nth > 4, "an intent and a grant");
            assert_eq!(outside.things(), 1);
            break;
        }
        bench.clock.advance(hours(2));
        bench.settle().await;
        assert_eq!((outside.things(), left(&bench).await), (0, vec![]), "cut {nth}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_no_lost_lease() {
    let (env, _) = env::simulated::env(1);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    mount(&bench, "db", "lost answer").await;
    for nth in [1, 2] {
        faulty.fail_nth(Call::Commit, nth, Fault::LoseAnswer);
        let reply = patiently(&bench.clock, lend(&bench, &bench.root, json!({}))).await;
        assert!(reply["lease"].is_object(), "commit {nth}: {reply}");
    }
    assert_eq!(Outside::named("lost answer").things(), 2);
}

#[tokio::test]
async fn a_row_that_does_not_say_so_makes_no_lease() {
    let (bench, _) = lending("undeclared").await;
    let text = "store an intent: the row does not say that it makes leases";
    assert_eq!(bench.root().read("db/idle").await, refused("World", text));
    assert_eq!(left(&bench).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_clock_that_jumps_takes_nothing_twice() {
    let (bench, outside) = lending("jumping").await;
    let id = id(&lend(&bench, &bench.root, json!({ "ttl": "1h" })).await);
    bench.clock.jump_wall(-7_200_000_000_000);
    bench.settle().await;
    assert_eq!(outside.things(), 1);
    bench.clock.jump_wall(10_801_000_000_000);
    assert_eq!(renew(&bench, &id, 0).await, invalid("lease not found"));
    bench.settle().await;
    assert_eq!((outside.things(), outside.removals(), left(&bench).await), (0, 1, vec![]));
}

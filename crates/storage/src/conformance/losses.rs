//! Clearing up after lost answers: what [`settle`] finds out, and where it must not guess.

use std::sync::Arc;
use std::time::Duration;

use env::{Env, simulated};

use super::{commit, create, entry, id, key, put, value};
use crate::counting::Call;
use crate::faulty::{Chances, Fault, Faulty};
use crate::{Batch, Outcome, Settled, Storage, settle};

const PATIENCE: Duration = Duration::from_secs(10);

/// A store that loses things, under a clock that runs by itself while anybody sleeps: a slow disk takes no time.
struct World {
    faulty: Arc<Faulty>,
    env: Env,
    ticking: tokio::task::JoinHandle<()>,
}

impl World {
    fn new(store: &Arc<dyn Storage>) -> Self {
        let (env, clock) = simulated::env(1);
        let ticking = tokio::spawn(async move {
            loop {
                if clock.is_awaited() {
                    clock.advance(Duration::from_millis(1));
                }
                tokio::task::yield_now().await;
            }
        });
        Self { faulty: Arc::new(Faulty::new(store.clone(), env.clone())), env, ticking }
    }

    async fn settle(&self, batch: &Batch) -> Outcome {
        let settled = settle(&*self.faulty, &self.env, batch, PATIENCE).await;
        settled.expect("an unknown outcome is not an error").into_outcome()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

/// A lost answer and a lost call both end in the truth: committed, once.
pub async fn a_lost_answer_is_cleared_up(store: Arc<dyn Storage>) {
    let world = World::new(&store);
    for (name, fault) in [("answer", Fault::LoseAnswer), ("call", Fault::LoseCall)] {
        world.faulty.fail_nth(Call::Commit, 1, fault);
        let batch = Batch::new(id()).create(key(name), "value");
        let Outcome::Committed(receipt) = world.settle(&batch).await else { unreachable!("it can be found out") };
        let found = entry(&store, name).await.expect("it was committed");
        assert_eq!((found.commit, found.revision), (batch.id, receipt.revision), "{name}");
    }
    let at = super::revision(&store, "answer").await.expect("created above");
    world.faulty.fail_nth(Call::Commit, 1, Fault::LoseAnswer);
    world.faulty.fail_nth(Call::Commit, 2, Fault::LoseAnswer);
    world.faulty.fail_nth(Call::Read, 1, Fault::Fail);
    let batch = Batch::new(id()).replace(key("answer"), at, "second");
    assert!(matches!(world.settle(&batch).await, Outcome::Committed(_)), "several losses in a row");
}

/// Without a loss a conflict is a conflict.
pub async fn a_conflict_without_a_loss_stays_one(store: Arc<dyn Storage>) {
    let world = World::new(&store);
    create(&store, "k", "1").await;
    let batch = Batch::new(id()).create(key("k"), "2");
    assert_eq!(world.settle(&batch).await, Outcome::Conflict(vec![key("k")]));
}

/// A lost delete leaves no trace, so it stays unknown although the key is gone: somebody else may have deleted it.
pub async fn a_lost_delete_stays_unknown(store: Arc<dyn Storage>) {
    let world = World::new(&store);
    let at = create(&store, "k", "1").await;
    world.faulty.fail_nth(Call::Commit, 1, Fault::LoseAnswer);
    assert_eq!(world.settle(&Batch::new(id()).delete(key("k"), at)).await, Outcome::Unknown);
    assert_eq!(value(&store, "k").await, None);
    let at = create(&store, "k", "2").await;
    world.faulty.fail_nth(Call::Commit, 1, Fault::LoseCall);
    let outcome = world.settle(&Batch::new(id()).delete(key("k"), at)).await;
    assert!(matches!(outcome, Outcome::Committed(_)), "the second try found the key as expected");
    let at = create(&store, "k", "3").await;
    world.faulty.fail_nth(Call::Commit, 1, Fault::LoseAnswer);
    let with_trace = Batch::new(id()).delete(key("k"), at).create(key("trace"), "");
    assert!(matches!(world.settle(&with_trace).await, Outcome::Committed(_)), "a write beside it leaves the id");
}

/// What somebody else has overwritten since is unknown, not committed and not refused.
pub async fn an_overwritten_trace_stays_unknown(store: Arc<dyn Storage>) {
    let world = World::new(&store);
    let batch = Batch::new(id()).create(key("k"), "ours");
    commit(&store, &batch).await;
    put(&store, "k", "theirs").await;
    world.faulty.fail_nth(Call::Commit, 1, Fault::LoseCall);
    assert_eq!(world.settle(&batch).await, Outcome::Unknown);
}

/// When nothing answers until the deadline the outcome is unknown; when nothing was sent it is an error.
pub async fn a_store_that_stays_away_leaves_it_unknown(store: Arc<dyn Storage>) {
    let world = World::new(&store);
    let batch = Batch::new(id()).create(key("k"), "1");
    world.faulty.fail_nth_call(1, Fault::CutAfter);
    assert_eq!(world.settle(&batch).await, Outcome::Unknown);
    assert!(settle(&*world.faulty, &world.env, &batch, PATIENCE).await.is_err(), "it never left");
    world.faulty.mend();
    assert_eq!(entry(&store, "k").await.map(|found| found.commit), Some(batch.id));
}

/// Many increments through a store that loses a third of them: the counter is what was told, give or take what is
/// unknown.
pub async fn increments_survive_lost_answers(store: Arc<dyn Storage>) {
    let world = World::new(&store);
    create(&store, "counter", "0").await;
    world.faulty.fail_by_chance(11, Chances { fail: 50, lose_call: 150, lose_answer: 150 });
    let (mut told, mut unknown) = (0u64, 0u64);
    for _ in 0..60 {
        let found = entry(&store, "counter").await.expect("created above");
        let number: u64 = std::str::from_utf8(&found.value).ok().and_then(|it| it.parse().ok()).expect("a number");
        let batch = Batch::new(id()).replace(key("counter"), found.revision, (number + 1).to_string());
        match settle(&*world.faulty, &world.env, &batch, PATIENCE).await.map(Settled::into_outcome) {
            Ok(Outcome::Committed(_)) => told += 1,
            Ok(Outcome::Unknown) => unknown += 1,
            Ok(Outcome::Conflict(keys)) => unreachable!("nobody else writes {keys:?}"),
            Err(_) => {}
        }
    }
    let found = value(&store, "counter").await.expect("created above");
    let number: u64 = std::str::from_utf8(&found).ok().and_then(|it| it.parse().ok()).expect("a number");
    assert!((told..=told + unknown).contains(&number), "{told} told, {unknown} unknown, {number} counted");
    assert!(told > 30, "most of them can be found out: {told}");
}

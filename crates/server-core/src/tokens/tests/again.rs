//! A token whose text is chosen again as soon as it is gone, while somebody is still sweeping the first one.

use std::sync::Arc;
use std::time::Duration;

use framework::Operation;
use serde_json::{Value, json};
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use crate::testing::{Bench, Client, denied};

/// How many calls of one kind a sweep of the family makes at the most.
const CALLS_MAX: u64 = 40;

async fn revoke(client: &Client<'_>) {
    assert_eq!(client.write("auth/token/revoke", json!({ "token": "mine" })).await, json!({}));
}

/// The token `mine` with a child and something in its cubbyhole; gives back the child.
async fn make(bench: &Bench, value: u64) -> String {
    let about = json!({ "id": "mine", "ttl": "100h" });
    assert_eq!(bench.root().create("create", about).await, "mine");
    let child = bench.with("mine").create("create", json!({ "ttl": "100h" })).await;
    assert_eq!(bench.with("mine").write("cubbyhole/a", json!({ "value": value })).await, json!({}));
    child
}

async fn is_alive(bench: &Bench, token: &str) -> bool {
    bench.with(token).call(Operation::Read, "auth/token/lookup-self", json!({})).await != denied()
}

/// One node's revocation stops at one of its calls; meanwhile the other finishes it, and `work` goes on from there.
async fn while_sweeping(call: Call, nth: u64, work: impl AsyncFn(&Bench), check: impl AsyncFn(&Bench, &[String])) {
    let memory = Arc::new(Memory::new());
    let mut one = Bench::fresh(Arc::clone(&memory) as _, barrier::CacheMode::ReadThrough);
    one.init().await;
    let before = one.keys("").await;
    let faulty = Arc::new(Faulty::new(memory, one.env.clone()));
    let slow = one.beside_over(Arc::clone(&faulty) as _).await;
    // So that it is the revocation alone that is slow, and alone that is fast.
    slow.core.seals.worker.stop().await;
    one.core.seals.worker.stop().await;
    let child = make(&one, 1).await;
    faulty.fail_nth(call, nth, Fault::Delay(Duration::from_secs(3600)));
    let meanwhile = async {
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
        revoke(&one.root()).await;
        assert!(!is_alive(&one, "mine").await && !is_alive(&one, &child).await);
        work(&one).await;
        one.clock.advance(Duration::from_secs(3600));
    };
    let root = slow.root();
    let ((), ()) = tokio::join!(revoke(&root), meanwhile);
    check(&one, &before).await;
}

#[tokio::test]
async fn a_sweep_of_the_first_does_not_touch_the_second() {
    for call in [Call::Read, Call::Scan, Call::Commit] {
        for nth in 1..CALLS_MAX {
            while_sweeping(
                call,
                nth,
                async |bench| drop(make(bench, 2).await),
                async |bench, _| {
                    // Before its mark, the slow revocation is one of whatever has the text then.
                    if is_alive(bench, "mine").await {
                        let kept = bench.with("mine").read("cubbyhole/a").await;
                        assert_eq!(kept, json!({ "data": { "value": 2 } }), "{call:?} {nth}");
                        assert_eq!(bench.keys("ns/root/token-child/").await.len(), 2, "{call:?} {nth}");
                    } else {
                        assert_eq!(bench.keys("ns/root/token-child/").await, Vec::<String>::new(), "{call:?} {nth}");
                    }
                },
            )
            .await;
        }
    }
}

#[tokio::test]
async fn what_is_made_below_the_second_is_not_left_alive_by_a_sweep_of_the_first() {
    for call in [Call::Read, Call::Scan, Call::Commit] {
        for nth in 1..CALLS_MAX {
            while_sweeping(
                call,
                nth,
                async |bench| {
                    make(bench, 2).await;
                    revoke(&bench.root()).await;
                },
                async |bench, before| {
                    bench.clock.advance(Duration::from_secs(200 * 3600));
                    bench.settle().await;
                    assert_eq!(bench.keys("").await, before, "{call:?} {nth}");
                },
            )
            .await;
        }
    }
}

#[tokio::test]
async fn a_sweep_that_is_marked_but_not_done_meets_the_second_being_revoked() {
    // Both sweeps at once, of the second token: the slow one comes with what it knows of the first.
    for nth in 1..CALLS_MAX {
        while_sweeping(
            Call::Read,
            nth,
            async |bench| {
                let child = make(bench, 2).await;
                let stuck: Value = bench.with(&child).write("cubbyhole/b", json!({ "x": 1 })).await;
                assert_eq!(stuck, json!({}));
                let hash = bench.core.seals.tokens.hash("mine").expect("it is unsealed");
                // Marked, and not swept: as after a crash.
                let tokens = &bench.core.seals.tokens;
                tokens.mark_only("root", &hash).await;
            },
            async |bench, before| {
                bench.clock.advance(Duration::from_secs(1));
                bench.settle().await;
                assert_eq!(bench.keys("ns/root/token/").await.len(), 1, "{nth}: no child is left alive");
                bench.clock.advance(Duration::from_secs(200 * 3600));
                bench.settle().await;
                assert_eq!(bench.keys("").await, before, "{nth}");
            },
        )
        .await;
    }
}

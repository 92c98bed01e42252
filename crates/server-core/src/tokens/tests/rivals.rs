//! Many at once, on two nodes over one store, with a rival in between: what may happen once happens once.

use std::sync::Arc;
use std::time::Duration;

use framework::{Operation, Request, Service};
use serde_json::{Value, json};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::testing::{Bench, denied};

/// How many ask at the same time.
const TASKS: usize = 24;

/// Two nodes, each with a rival between it and the store.
async fn nodes(seed: u64, chance_percent: u64) -> (Bench, Bench, Arc<Rival>) {
    let memory = Arc::new(Memory::new());
    let mut calm = Bench::fresh(Arc::clone(&memory) as _, barrier::CacheMode::ReadThrough);
    calm.init().await;
    let rival = Arc::new(Rival::new(memory, seed, chance_percent));
    let other = calm.beside_over(Arc::clone(&rival) as _).await;
    (calm, other, rival)
}

/// The answers to one request that many tasks send, half of them to each node.
async fn all_at_once(one: Bench, two: Bench, make: impl Fn() -> Request) -> (Bench, Bench, Vec<bool>) {
    let (one, two) = (Arc::new(one), Arc::new(two));
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let (node, request) = (Arc::clone(if number % 2 == 0 { &one } else { &two }), make());
            tokio::spawn(async move { node.core.answer(request).await.result.is_ok() })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic"));
    }
    let take = |bench: Arc<Bench>| Arc::into_inner(bench).expect("all tasks are done");
    (take(one), take(two), answers)
}

fn request(token: &str, operation: Operation, path: &str, about: Value) -> Request {
    let mut request = Request::new(String::new(), operation, path);
    request.token = Some(secret::Secret::new(token.to_owned()));
    request.data = framework::testing::object(about);
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_use_is_spent_once_whichever_nodes_are_asked() {
    let mut served_once = 0;
    for seed in 0..12 {
        // Half of the rounds without a rival: then nobody is refused in vain.
        let (one, two, _) = nodes(seed, if seed % 2 == 0 { 0 } else { 30 }).await;
        let token = one.token(json!({ "policies": "default", "num_uses": 1, "ttl": "1h" })).await;
        let make = || request(&token, Operation::Read, "auth/token/lookup-self", json!({}));
        let (one, two, answers) = all_at_once(one, two, make).await;
        let served = answers.into_iter().filter(|is_served| *is_served).count();
        assert!(served <= 1, "seed {seed}: {served}");
        assert!(served == 1 || seed % 2 == 1, "seed {seed}: nobody got the use");
        served_once += served;
        if served == 1 {
            for node in [&one, &two] {
                assert_eq!(node.with(&token).read("auth/token/lookup-self").await, denied(), "seed {seed}");
            }
        }
    }
    assert!(served_once > 6, "{served_once}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_more_uses_are_spent_than_there_are() {
    let (one, two, rival) = nodes(5, 25).await;
    let token = one.token(json!({ "num_uses": 10, "ttl": "1h" })).await;
    // Nothing that looks at the token itself: whoever spends the last use takes it away under the others.
    let make = || request(&token, Operation::Read, "sys/mounts", json!({}));
    let (one, _, answers) = all_at_once(one, two, make).await;
    let served = answers.into_iter().filter(|is_served| *is_served).count();
    let lookup = one.root().write("auth/token/lookup", json!({ "token": token })).await;
    // A rival that rewrites the token's liveness is taken for a revocation, so some may be refused in vain.
    let left = lookup["data"]["num_uses"].as_u64().unwrap_or_default();
    assert_eq!(served as u64 + left, 10, "{} strikes", rival.strikes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_chosen_id_is_given_once() {
    for seed in 0..6 {
        let (one, two, _) = nodes(seed, 0).await;
        let root = one.root.clone();
        let make = || request(&root, Operation::Update, "auth/token/create", json!({ "id": "mine", "ttl": "1h" }));
        let (one, _, answers) = all_at_once(one, two, make).await;
        assert_eq!(answers.into_iter().filter(|is_made| *is_made).count(), 1, "seed {seed}");
        assert_eq!(one.keys("ns/root/accessor/").await.len(), 2, "seed {seed}: root's and one more");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_revocations_and_creations_at_once_nothing_is_left() {
    for seed in 0..8 {
        let (one, two, _) = nodes(seed, 20).await;
        one.core.seals.worker.stop().await;
        two.core.seals.worker.stop().await;
        let before = one.keys("").await;
        let parent = one.token(json!({ "ttl": "1h" })).await;
        let number = std::sync::atomic::AtomicUsize::new(0);
        let root = one.root.clone();
        let make = || match number.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 3 {
            // Two of three make children and grandchildren-to-be; the others revoke the parent.
            0 => request(&root, Operation::Update, "auth/token/revoke", json!({ "token": parent })),
            _ => request(&parent, Operation::Update, "auth/token/create", json!({ "ttl": "1h" })),
        };
        let (one, two, _) = all_at_once(one, two, make).await;
        // Under a rival a revocation may give up; the line that its mark left brings it to its end.
        one.root().write("auth/token/revoke", json!({ "token": parent })).await;
        for node in [&one, &two] {
            assert_eq!(node.with(&parent).read("auth/token/lookup-self").await, denied(), "seed {seed}");
        }
        one.clock.advance(Duration::from_secs(1));
        one.settle().await;
        assert_eq!(one.keys("ns/root/token/").await.len(), 1, "seed {seed}: a child outlived its parent");
        one.clock.advance(Duration::from_secs(2 * 3600));
        one.settle().await;
        assert_eq!(one.keys("").await, before, "seed {seed}");
    }
}

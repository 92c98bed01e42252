//! Tokens that can be used so often and no more.

use std::sync::Arc;
use std::time::Duration;

use framework::{Operation, Service};
use serde_json::json;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use crate::testing::{Bench, denied, sealed, unless_hung};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_at_once_exactly_so_many_get_through() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let token = bench.token(json!({ "num_uses": 7, "ttl": "1h" })).await;
    let core = Arc::new(bench.core);
    let tasks: Vec<_> = (0..30)
        .map(|_| {
            let mut request = framework::Request::new(String::new(), Operation::Read, "sys/mounts");
            request.token = Some(secret::Secret::new(token.clone()));
            let core = Arc::clone(&core);
            tokio::spawn(async move { core.answer(request).await.result.is_ok() })
        })
        .collect();
    let mut served = 0;
    for task in tasks {
        served += usize::from(task.await.expect("no panic"));
    }
    assert_eq!(served, 7);
    let left: Vec<_> = crate::testing::dump(&*bench.storage, "").await.into_iter().map(|(key, _)| key).collect();
    let left: Vec<_> = left.into_iter().filter(|key| !key.starts_with("due/")).collect();
    assert_eq!(left, before);
}

#[tokio::test]
async fn refused_requests_count_and_open_rows_do_not() {
    let bench = Bench::new().await;
    let token = bench.token(json!({ "policies": "default", "num_uses": 3 })).await;
    assert_eq!(bench.with(&token).read("sys/mounts").await, denied());
    bench.with(&token).read("sys/internal/ui/mounts").await;
    bench.with(&token).read("sys/health").await;
    assert_eq!(bench.with(&token).lookup().await["num_uses"], 1);
    assert_ne!(bench.with(&token).lookup().await, json!(null));
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
}

#[tokio::test]
async fn the_last_use_is_served_and_takes_the_token_away() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let token = bench.token(json!({ "num_uses": 2, "ttl": "1h" })).await;
    assert_eq!(bench.with(&token).write("cubbyhole/a", json!({ "x": 1 })).await, json!({}));
    assert_eq!(bench.with(&token).read("cubbyhole/a").await, json!({ "data": { "x": 1 } }));
    assert_eq!(bench.with(&token).read("cubbyhole/a").await, denied());
    assert_eq!(bench.keys("ns/root/token").await.len(), 2, "the root token's two parts");
    assert_eq!(bench.keys("ns/root/cubbyhole/").await, Vec::<String>::new());
    bench.clock.advance(Duration::from_secs(120));
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn a_crash_between_the_last_use_and_the_removal_leaves_nothing_for_good() {
    let memory = Arc::new(Memory::new());
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    let before = bench.keys("").await;
    // Without a TTL: nothing else would ever look at it again.
    let token = bench.token(json!({ "num_uses": 1 })).await;
    faulty.fail_nth(Call::Commit, 2, Fault::Hang);
    assert!(unless_hung(bench.with(&token).read("sys/mounts")).await.is_none(), "the mark hangs");
    faulty.cut();
    let bench = bench.crashed(memory).await;
    assert_eq!(bench.with(&token).read("sys/mounts").await, denied());
    bench.clock.advance(Duration::from_secs(120));
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn a_removal_that_fails_does_not_take_the_reply_back() {
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    let token = bench.token(json!({ "num_uses": 1, "ttl": "1h" })).await;
    faulty.fail_nth(Call::Commit, 2, Fault::Fail);
    assert!(bench.with(&token).read("sys/mounts").await["data"].is_object());
    assert_eq!(bench.with(&token).read("sys/mounts").await, denied());
    let token = bench.token(json!({ "num_uses": 1, "ttl": "1h" })).await;
    assert_eq!(bench.with(&token).write("sys/seal", json!({})).await, json!({}));
    assert_eq!(bench.with(&token).read("sys/mounts").await, sealed());
}

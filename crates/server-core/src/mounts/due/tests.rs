use std::sync::Arc;
use std::time::Duration;

use barrier::CacheMode;
use serde_json::json;
use storage::memory::Memory;

use crate::testing::Bench;

/// An object that goes after a minute.
async fn put(bench: &Bench, path: &str) {
    let reply = bench.root().write(&format!("secret/{path}"), json!({ "expires": 60 })).await;
    assert_eq!(reply, json!({}), "{path} is written");
}

async fn is_there(bench: &Bench, path: &str) -> bool {
    bench.root().read(&format!("secret/{path}")).await["data"].is_object()
}

#[tokio::test]
async fn an_engine_is_called_when_the_time_has_come_and_not_before() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    put(&bench, "a").await;
    bench.clock.advance(Duration::from_secs(59));
    bench.settle().await;
    assert!(is_there(&bench, "a").await);
    bench.clock.advance(Duration::from_secs(1));
    bench.settle().await;
    assert!(!is_there(&bench, "a").await);
    assert_eq!(bench.keys("due/").await, Vec::<String>::new());
}

#[tokio::test]
async fn lines_of_a_mount_that_has_gone_are_taken_away() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    put(&bench, "a").await;
    bench.root().delete("sys/mounts/secret").await;
    bench.mount("secret").await;
    put(&bench, "a").await;
    bench.clock.advance(Duration::from_secs(60));
    bench.settle().await;
    assert!(!is_there(&bench, "a").await, "the new mount's own line is honored");
    assert_eq!(bench.keys("due/").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_line_that_an_engine_cannot_follow_stays_and_stops_nobody() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    put(&bench, "stubborn").await;
    put(&bench, "a").await;
    bench.clock.advance(Duration::from_secs(60));
    bench.settle().await;
    assert!(!is_there(&bench, "a").await);
    assert_eq!(bench.keys("due/").await.len(), 1);
}

#[tokio::test]
async fn two_nodes_at_one_line_do_the_work_once() {
    let mut one = Bench::fresh(Arc::new(Memory::new()), CacheMode::ReadThrough);
    one.init().await;
    one.mount("secret").await;
    put(&one, "a").await;
    let two = one.beside().await;
    one.clock.advance(Duration::from_secs(60));
    tokio::join!(one.settle(), two.settle());
    assert!(!is_there(&one, "a").await);
    assert_eq!(one.keys("due/").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_node_that_comes_up_later_does_what_was_put_off() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    put(&bench, "a").await;
    let storage = Arc::clone(&bench.storage);
    let bench = bench.crashed(storage).await;
    bench.clock.advance(Duration::from_secs(3600));
    bench.settle().await;
    assert!(!is_there(&bench, "a").await);
}

#[tokio::test]
async fn a_cubbyhole_puts_nothing_off() {
    let bench = Bench::new().await;
    let reply = bench.root().write("cubbyhole/a", json!({ "expires": 60 })).await;
    assert!(reply["refused"].as_str().is_some_and(|text| text.contains("no due index")), "{reply}");
}

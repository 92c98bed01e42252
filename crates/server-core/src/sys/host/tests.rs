use std::sync::Arc;

use serde_json::json;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use crate::testing::{Bench, Yielding, late};

#[tokio::test]
async fn the_machine_is_described_with_the_time_of_the_look() {
    let bench = Bench::new().await;
    let shown = bench.root().read("sys/host-info").await["data"].take();
    assert_eq!(shown["memory"], json!({ "total": 1 }));
    assert!(shown["timestamp"].as_str().is_some_and(|text| text.ends_with('Z')), "{shown}");
    let root = bench.root();
    let (first, second) = tokio::join!(root.read("sys/host-info"), root.read("sys/host-info"));
    assert!(first["data"].is_object() && second["data"].is_object(), "two at once take turns");
}

#[tokio::test]
async fn requests_under_way_are_shown_without_their_tokens_and_gone_when_they_end() {
    let mut bench = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
    bench.init().await;
    bench.mount("secret").await;
    let (root, slow) = (bench.root(), bench.root());
    let look = late(1, root.read("sys/in-flight-req"));
    let mut request = slow.request(framework::Operation::Update, "secret/slow", json!({ "x": "value" }));
    request.id = "11111111-0000-4000-8000-000000000000".to_owned();
    let (written, shown) = tokio::join!(slow.send(request), look);
    assert_eq!(written, json!({}));
    let slow = &shown["data"]["11111111-0000-4000-8000-000000000000"];
    assert_eq!((&slow["request_path"], &slow["request_method"]), (&json!("/v1/secret/slow"), &json!("POST")));
    assert_eq!((&slow["client_remote_address"], &slow["client_id"]), (&json!(""), &json!("")));
    assert!(slow["start_time"].is_string());
    assert!(!shown.to_string().contains(&bench.root) && !shown.to_string().contains("value"), "{shown}");
    let after = bench.root().read("sys/in-flight-req").await["data"].take();
    let paths: Vec<_> = after.as_object().into_iter().flatten().map(|(_, it)| it["request_path"].clone()).collect();
    assert_eq!(paths, [json!("/v1/sys/in-flight-req")], "the one that asks is under way itself");
}

#[tokio::test]
async fn a_request_that_is_dropped_is_no_longer_under_way() {
    let mut bench = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
    bench.init().await;
    let client = bench.root();
    let mut dropped = Box::pin(client.read("sys/mounts"));
    assert!(futures_poll_once(dropped.as_mut()).await.is_none());
    drop(dropped);
    let shown = bench.root().read("sys/in-flight-req").await["data"].take();
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(1));
}

/// The future's output if it is there at once.
async fn futures_poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_version_is_noted_once_by_the_first_node_that_is_unsealed_with_it() {
    let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
    one.init().await;
    let first = one.root().list("sys/version-history").await;
    let info = &first["data"]["key_info"]["0.0.0"];
    assert_eq!(first["data"]["keys"], json!(["0.0.0"]));
    assert_eq!((&info["previous_version"], &info["build_date"]), (&json!(null), &json!("1970-01-01T00:00:00Z")));
    one.clock.advance(std::time::Duration::from_secs(3600));
    let two = one.beside().await;
    one.core.seal().await;
    one.unseal().await;
    assert_eq!(two.root().list("sys/version-history").await, first, "later ones change nothing");
}

#[tokio::test]
async fn two_nodes_that_start_with_a_new_version_note_it_once() {
    let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    for turns in 0..8 {
        let store = &one.core.seals.store;
        let node = |build_date| crate::Node {
            version: ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"][turns],
            build_date,
            ..(*one.core.seals.node).clone()
        };
        let (here, there) = (node("here"), node("there"));
        let (first, second) = tokio::join!(
            late(4, crate::versions::record(store, &one.env, &here)),
            late(turns, crate::versions::record(&two.core.seals.store, &two.env, &there)),
        );
        assert!(first.is_ok() && second.is_ok(), "{turns}");
    }
    let shown = one.root().list("sys/version-history").await["data"].take();
    assert_eq!(shown["keys"], json!(["0.0.0", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"]));
    assert_eq!(shown["key_info"]["v3"]["previous_version"], "v2");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_does_not_keep_a_node_sealed() {
    let memory = Arc::new(Memory::new());
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(memory, env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    let store = &bench.core.seals.store;
    let key = crate::keys::version("0.0.0").expect("a short key");
    let [revision] = store.revisions_of([key.clone()]).await.expect("it can be read");
    let mut changes = barrier::Changes::new();
    changes.delete(key, revision.expect("it was noted"));
    store.commit(changes).await.expect("nobody else writes");
    bench.core.seal().await;
    faulty.fail_nth(Call::Commit, 1, Fault::Full);
    bench.unseal().await;
    assert!(bench.root().read("sys/mounts").await["data"].is_object());
}

//! Lists of clients and providers: what they cost, and how they are paged.

use storage::counting::Counting;

use super::*;

#[tokio::test]
async fn a_filtered_list_has_as_many_as_it_was_asked_for() {
    let bench = Bench::new().await;
    let (_, root) = (furnish(&bench).await, bench.root());
    made(&root, PROVIDER, json!({ "allowed_client_ids": "" })).await;
    for number in 0..10 {
        let allowed = if number % 3 == 0 { "mine" } else { "other" };
        made(&root, &format!("identity/oidc/provider/p{number}"), json!({ "allowed_client_ids": allowed })).await;
    }
    for (about, expected) in [
        (json!({ "limit": 2 }), vec!["p0", "p3"]),
        (json!({ "limit": 2, "after": "p3" }), vec!["p6", "p9"]),
        (json!({ "limit": 2, "after": "p9" }), vec![]),
        (json!({}), vec!["p0", "p3", "p6", "p9"]),
    ] {
        let asked = with(json!({ "allowed_client_id": "mine" }), about);
        let listed = root.call(Operation::List, "identity/oidc/provider", asked.clone()).await;
        let keys = listed["data"]["keys"].as_array().cloned().unwrap_or_default();
        assert_eq!(keys, expected, "{asked}: {listed}");
        assert_eq!(listed["data"]["key_info"].as_object().map_or(0, serde_json::Map::len), expected.len());
    }
    let all = root.call(Operation::List, "identity/oidc/provider", json!({ "limit": 3 })).await;
    assert_eq!(all["data"]["keys"], json!(["default", "p0", "p1"]));
}

#[tokio::test]
async fn a_list_of_clients_is_read_in_batches() {
    let storage = Arc::new(Counting::new(Arc::new(Memory::new())));
    let mut bench = Bench::fresh(Arc::clone(&storage) as _, CacheMode::ReadThrough);
    bench.init().await;
    let (_, root) = (furnish(&bench).await, bench.root());
    bench.core.seals.worker.stop().await;
    let mut reads = Vec::new();
    for number in 0..30 {
        app(&root, &format!("app{number:02}"), json!({})).await;
        if [0, 29].contains(&number) {
            storage.take();
            let listed = root.list("identity/oidc/client").await;
            reads.push(storage.take().reads);
            assert_eq!(listed["data"]["key_info"].as_object().map_or(0, serde_json::Map::len), number + 1);
        }
    }
    assert_eq!(reads[0], reads[1], "thirty cost no more reads than one");
}

#[tokio::test]
async fn a_provider_publishes_the_keys_of_its_clients_and_of_no_others() {
    let storage = Arc::new(Counting::new(Arc::new(Memory::new())));
    let mut bench = Bench::fresh(Arc::clone(&storage) as _, CacheMode::ReadThrough);
    bench.init().await;
    let (_, root) = (furnish(&bench).await, bench.root());
    bench.core.seals.worker.stop().await;
    let path = "identity/oidc/provider/p/.well-known/keys";
    made(&root, "identity/oidc/key/other", json!({ "algorithm": "EdDSA", "allowed_client_ids": "*" })).await;
    let mut ids = vec![app(&root, "other", json!({ "key": "other" })).await.id];
    made(&root, "identity/oidc/provider/p", json!({ "allowed_client_ids": ids })).await;
    let keys = published(&bench.nobody(), path).await;
    assert_eq!(keys.iter().map(|key| key.alg.name()).collect::<Vec<_>>(), ["EdDSA", "EdDSA"]);
    storage.take();
    published(&bench.nobody(), path).await;
    let cost = storage.take();
    for number in 0..10 {
        ids.push(app(&root, &format!("app{number}"), json!({})).await.id);
    }
    made(&root, "identity/oidc/provider/p", json!({ "allowed_client_ids": ids })).await;
    assert_eq!(published(&bench.nobody(), path).await.len(), 4);
    storage.take();
    published(&bench.nobody(), path).await;
    assert_eq!(storage.take(), cost, "more clients cost nothing");
    // Another client, which the provider does not serve, goes on using the key.
    app(&root, "apart", json!({ "key": "other" })).await;
    assert_eq!(root.delete("identity/oidc/client/other").await, json!({}));
    assert_eq!(published(&bench.nobody(), path).await.len(), 2);
    assert_eq!(published(&bench.nobody(), &format!("{PROVIDER}/.well-known/keys")).await.len(), 4);
}

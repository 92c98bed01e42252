use framework::Operation;
use serde_json::{Value, json};

use crate::testing::{Bench, denied, dump, invalid, refused};

fn value(text: &str) -> Value {
    json!({ "data": { "value": text } })
}

#[tokio::test]
async fn entries_are_read_written_and_deleted_as_they_are_behind_the_barrier() {
    let bench = Bench::new().await;
    let root = bench.root();
    root.write("sys/policies/acl/shop", json!({ "policy": r#"path "a" { capabilities = ["read"] }"# })).await;
    let stored = root.read("sys/raw/ns/root/policy/shop").await;
    assert!(stored.to_string().contains("capabilities"), "{stored}");
    assert_eq!(root.write("sys/raw/spare/a", json!({ "value": "text" })).await, json!({}));
    assert_eq!(root.read("sys/raw/spare/a").await["data"], value("text")["data"]);
    assert_eq!(root.write("sys/raw/spare/a", json!({ "value": "other" })).await, json!({}));
    assert_eq!(root.read("sys/raw/spare/a").await["data"], value("other")["data"]);
    assert!(!format!("{:?}", dump(&*bench.storage, "spare/").await).contains("other"), "it is encrypted");
    assert_eq!(root.delete("sys/raw/spare/a").await, json!({}));
    assert_eq!(root.delete("sys/raw/spare/a").await, json!({}), "and is gone already");
    assert_eq!(root.read("sys/raw/spare/a").await, refused("NotFound", "not found"));
}

#[tokio::test]
async fn values_that_are_no_text_go_as_base64() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.write("sys/raw/spare/b", json!({ "value": "/wA=", "encoding": "base64" })).await, json!({}));
    let call = async |data: Value| root.call(Operation::Read, "sys/raw/spare/b", data).await;
    assert_eq!(call(json!({ "encoding": "base64", "compressed": "false" })).await["data"], value("/wA=")["data"]);
    assert_eq!(call(json!({})).await, invalid("the value is no text: read it with encoding=base64"));
    assert_eq!(call(json!({ "encoding": "rot13" })).await, invalid("invalid encoding 'rot13'"));
    for (body, told) in [
        (json!({ "value": "!", "encoding": "base64" }), "value is not base64"),
        (json!({ "compression_type": "gzip" }), "compression_type must be empty: values are stored as they are"),
        (json!({ "value": "x".repeat(600_000) }), "an entry has at most 524243 bytes"),
    ] {
        assert_eq!(root.write("sys/raw/spare/b", body).await, invalid(told));
    }
}

#[tokio::test]
async fn what_the_keys_hang_on_is_out_of_reach() {
    let bench = Bench::new().await;
    let (root, before) = (bench.root(), dump(&*bench.storage, "core/").await);
    for path in [
        "core/seal",
        "core/root-key",
        "core/keyring",
        "core/keyring/term/2",
        "core/recovery",
        "core/cluster",
        "core/restored",
    ] {
        let raw = format!("sys/raw/{path}");
        assert_eq!(root.read(&raw).await, invalid(&format!("cannot read '{path}'")));
        assert_eq!(root.write(&raw, json!({ "value": "x" })).await, invalid(&format!("cannot write '{path}'")));
        assert_eq!(root.delete(&raw).await, invalid(&format!("cannot delete '{path}'")));
    }
    assert_eq!(dump(&*bench.storage, "core/").await, before);
}

#[tokio::test]
async fn keys_are_listed_folder_by_folder() {
    let bench = Bench::new().await;
    let root = bench.root();
    for name in ["a", "b/c", "d"] {
        root.write(&format!("sys/raw/spare/{name}"), json!({ "value": "" })).await;
    }
    let keys = async |path: &str| root.list(path).await["data"]["keys"].clone();
    let top = dump(&*bench.storage, "")
        .await
        .into_iter()
        .map(|(key, _)| format!("{}/", key.split('/').next().unwrap_or_default()));
    let mut top: Vec<_> = top.collect();
    top.dedup();
    assert_eq!(keys("sys/raw/").await, json!(top));
    assert_eq!(keys("sys/raw").await, json!(top));
    assert_eq!(keys("sys/raw/spare").await, json!(["a", "b/", "d"]));
    assert_eq!(keys("sys/raw/spare/b/").await, json!(["c"]));
    let page = root.call(Operation::List, "sys/raw/spare", json!({ "after": "a", "limit": 1 })).await;
    assert_eq!(page["data"]["keys"], json!(["b/"]));
}

#[tokio::test]
async fn what_does_not_open_can_still_be_replaced() {
    let bench = Bench::new().await;
    let root = bench.root();
    root.write("sys/raw/spare/a", json!({ "value": "good" })).await;
    // Somebody damages it below the barrier.
    let key = storage::Key::constant("spare/a");
    let found = bench.storage.read(std::slice::from_ref(&key)).await.expect("an answer").entries.remove(0);
    let batch = storage::Batch {
        id: storage::CommitId([7; 16]),
        expectations: vec![storage::Expectation::At(key.clone(), found.expect("it is there").revision)],
        writes: vec![storage::Write::Put(key, bytes::Bytes::from_static(b"damaged"))],
    };
    bench.storage.commit(&batch).await.expect("committed");
    bench.core.seal().await;
    bench.unseal().await;
    assert!(root.read("sys/raw/spare/a").await.to_string().contains("World"));
    assert_eq!(root.write("sys/raw/spare/a", json!({ "value": "new" })).await, json!({}));
    assert_eq!(root.read("sys/raw/spare/a").await["data"], value("new")["data"]);
}

#[tokio::test]
async fn it_takes_sudo_in_the_root_namespace_and_a_server_that_has_it() {
    let bench = Bench::new().await;
    let system = bench.core.pipeline.mounts.fixed("system").expect("it is there");
    let rows: Vec<_> = system.specs().iter().filter(|row| row.template.starts_with("raw")).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.access.is_sudo && row.access.is_root_only));
    let all = r#"path "sys/raw/*" { capabilities = ["create", "read", "update", "delete", "list"] }"#;
    let token = bench.token_for("all", all).await;
    let client = bench.with(&token);
    assert_eq!(client.read("sys/raw/spare/a").await, denied());
    assert_eq!(client.write("sys/raw/spare/a", json!({ "value": "" })).await, denied());
    assert_eq!(client.list("sys/raw/").await, denied());
    bench.root().write("sys/namespaces/team", json!({})).await;
    let within = bench.root().within("team").read("sys/raw/core/cors").await;
    assert_eq!(within, invalid("operation unavailable in namespaces"));
}

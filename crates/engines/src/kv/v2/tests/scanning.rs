use super::*;

async fn filled() -> Harness {
    let harness = harness().await;
    for path in ["a", "team/b", "team/deep/c", "private/d"] {
        put(&harness, path, json!({ "x": 1 })).await;
    }
    put(&harness, "a", json!({ "x": 2 })).await;
    harness.write("metadata/team/b", json!({ "custom_metadata": { "owner": "us" } })).await;
    harness
}

#[tokio::test]
async fn a_scan_names_every_secret_once() {
    let harness = filled().await;
    assert_eq!(harness.scan("metadata").await["data"]["keys"], json!(["a", "private/d", "team/b", "team/deep/c"]));
    assert_eq!(harness.scan("metadata/team").await["data"]["keys"], json!(["b", "deep/c"]));
    assert_eq!(harness.scan("metadata/?after=a&limit=1").await["data"]["keys"], json!(["private/d"]));
    assert_eq!(harness.scan("data").await, json!({ "error": "unsupported operation" }));
}

#[tokio::test]
async fn a_scan_judges_by_the_metadata_paths() {
    let harness = filled().await.with_judge(|operation, path| {
        matches!(
            (operation, path),
            (Operation::Read, "kv/metadata/private/d" | "kv/data/a") | (Operation::List, "kv/metadata/team/")
        )
    });
    assert_eq!(harness.scan("metadata").await["data"]["keys"], json!(["private/d", "team/b"]));
}

#[tokio::test]
async fn a_detailed_list_tells_what_is_known_of_each_secret() {
    let harness = filled().await;
    let reply = harness.list("detailed-metadata").await["data"].clone();
    assert_eq!(reply["keys"], json!(["a", "private/", "team/"]));
    let mut alone = harness.read("metadata/a").await["data"].clone();
    alone.as_object_mut().unwrap().remove("versions");
    assert_eq!(reply["key_info"], json!({ "a": alone }));
    let reply = harness.scan("detailed-metadata/team").await["data"].clone();
    assert_eq!(reply["keys"], json!(["b", "deep/c"]));
    assert_eq!(reply["key_info"]["b"]["custom_metadata"], json!({ "owner": "us" }));
    assert_eq!(reply["key_info"]["deep/c"]["current_version"], 1);
    let page = harness.list("detailed-metadata?limit=1").await["data"].clone();
    assert_eq!((page["keys"].clone(), page["key_info"].as_object().map(serde_json::Map::len)), (json!(["a"]), Some(1)));
}

#[tokio::test]
async fn a_detailed_list_hides_what_may_not_be_read() {
    let harness = filled().await.with_judge(|operation, path| {
        operation == Operation::Scan || (operation, path) == (Operation::Read, "kv/metadata/team/b")
    });
    let reply = harness.scan("detailed-metadata").await["data"].clone();
    assert_eq!(reply["keys"], json!(["a", "private/d", "team/b", "team/deep/c"]));
    let told: Vec<_> = reply["key_info"].as_object().unwrap().keys().collect();
    assert_eq!(told, ["team/b"]);
}

use serde_json::Map;

use super::*;

#[tokio::test]
async fn a_deleted_version_is_gone_and_comes_back() {
    let harness = harness().await;
    put(&harness, "a", json!({ "x": 1 })).await;
    assert_eq!(harness.delete("data/a").await, json!({}));
    let metadata = json!({
        "version": 1, "created_time": START, "deletion_time": START, "destroyed": false, "custom_metadata": null,
    });
    let gone = json!({ "data": { "data": null, "metadata": metadata }, "status": "Gone" });
    assert_eq!(harness.read("data/a").await, gone);
    assert_eq!(harness.write("undelete/a", json!({ "versions": "1" })).await, json!({}));
    assert_eq!(harness.read("data/a").await["data"]["data"], json!({ "x": 1 }));
}

#[tokio::test]
async fn a_destroyed_version_does_not_come_back() {
    let harness = harness().await;
    for x in 1..=3 {
        put(&harness, "a", json!({ "x": x })).await;
    }
    assert_eq!(stored_count(&harness).await, 4);
    assert_eq!(harness.write("destroy/a", json!({ "versions": [1, 3, 7] })).await, json!({}));
    assert_eq!(stored_count(&harness).await, 2, "the data is removed, the history stays");
    harness.write("undelete/a", json!({ "versions": [1, 3] })).await;
    let reply = harness.read("data/a").await;
    assert_eq!((&reply["status"], &reply["data"]["metadata"]["destroyed"]), (&json!("Gone"), &json!(true)));
    assert_eq!(harness.read("data/a?version=2").await["data"]["data"], json!({ "x": 2 }));
    assert_eq!(harness.write("destroy/a", json!({ "versions": [1] })).await, json!({}), "twice is no mistake");
}

#[tokio::test]
async fn deleting_marks_only_the_versions_that_were_named() {
    let harness = harness().await;
    for x in 1..=3 {
        put(&harness, "a", json!({ "x": x })).await;
    }
    assert_eq!(harness.write("delete/a", json!({ "versions": [1, 2] })).await, json!({}));
    harness.clock().advance(Duration::from_secs(5));
    harness.write("delete/a", json!({ "versions": [1, 3] })).await;
    let versions = harness.read("metadata/a").await["data"]["versions"].clone();
    let times = ["1", "2", "3"].map(|n| versions[n]["deletion_time"].clone());
    assert_eq!(times, [json!(START), json!(START), json!("2030-01-01T00:00:05Z")], "the first time stays");
}

#[tokio::test]
async fn what_is_not_there_can_be_deleted() {
    let harness = harness().await;
    assert_eq!(harness.delete("data/none").await, json!({}));
    assert_eq!(harness.delete("metadata/none").await, json!({}));
    for path in ["delete/none", "undelete/none", "destroy/none"] {
        assert_eq!(harness.write(path, json!({ "versions": [1] })).await, json!({}), "{path}");
        assert_eq!(harness.write(path, json!({})).await, refused("no version number provided"), "{path}");
        assert_eq!(
            harness.write(path, json!({ "versions": [] })).await,
            refused("no version number provided"),
            "{path}"
        );
    }
    assert_eq!(stored_count(&harness).await, 0);
}

#[tokio::test]
async fn the_oldest_version_goes_when_there_are_too_many() {
    let harness = harness().await;
    for x in 1..=12 {
        put(&harness, "a", json!({ "x": x })).await;
    }
    let metadata = harness.read("metadata/a").await["data"].clone();
    assert_eq!((&metadata["current_version"], &metadata["oldest_version"]), (&json!(12), &json!(3)));
    assert_eq!(metadata["versions"].as_object().unwrap().len(), 10);
    assert_eq!(stored_count(&harness).await, 11, "ten versions and the history");
    assert_eq!(harness.read("data/a?version=2").await, missing());
    assert_eq!(harness.read("data/a?version=3").await["data"]["data"], json!({ "x": 3 }));
}

#[tokio::test]
async fn fewer_versions_are_kept_from_the_next_write_on() {
    let harness = harness().await;
    for x in 1..=5 {
        put(&harness, "a", json!({ "x": x })).await;
    }
    harness.write("config", json!({ "max_versions": 3 })).await;
    assert_eq!(harness.read("data/a?version=1").await["data"]["data"], json!({ "x": 1 }));
    put(&harness, "a", json!({ "x": 6 })).await;
    assert_eq!(harness.read("metadata/a").await["data"]["oldest_version"], 4);
    harness.write("metadata/a", json!({ "max_versions": 1 })).await;
    put(&harness, "a", json!({ "x": 7 })).await;
    assert_eq!(harness.read("metadata/a").await["data"]["oldest_version"], 5, "the larger number counts");
    harness.write("config", json!({ "max_versions": 0 })).await;
    put(&harness, "a", json!({ "x": 8 })).await;
    let metadata = harness.read("metadata/a").await["data"].clone();
    assert_eq!(metadata["versions"].as_object().unwrap().keys().collect::<Vec<_>>(), ["8"]);
    assert_eq!(stored_count(&harness).await, 3, "settings, history and one version");
}

#[tokio::test]
async fn removing_a_secret_leaves_nothing() {
    let harness = harness().await;
    for x in 1..=3 {
        put(&harness, "a", json!({ "x": x })).await;
    }
    harness.write("destroy/a", json!({ "versions": [2] })).await;
    harness.delete("data/a").await;
    assert_eq!(harness.delete("metadata/a").await, json!({}));
    assert_eq!(stored_count(&harness).await, 0);
    assert_eq!(harness.read("data/a").await, missing());
    assert_eq!(harness.read("metadata/a").await, missing());
    assert_eq!(put(&harness, "a", json!({ "x": 1 })).await, 1, "it starts anew");
}

#[tokio::test]
async fn a_restored_store_has_other_revisions_and_works() {
    let harness = harness().await;
    harness.write("config", json!({ "max_versions": 2 })).await;
    for path in ["trimmed", "destroyed", "removed"] {
        for x in 1..=2 {
            put(&harness, path, json!({ "x": x })).await;
        }
    }
    restore(&harness).await;
    assert_eq!(put(&harness, "trimmed", json!({ "x": 3 })).await, 3);
    assert_eq!(harness.write("destroy/destroyed", json!({ "versions": [1, 2] })).await, json!({}));
    assert_eq!(harness.delete("metadata/removed").await, json!({}));
    assert_eq!(stored_count(&harness).await, 1 + 3 + 1);
}

#[tokio::test]
async fn a_stray_entry_does_not_block_a_write() {
    let harness = harness().await;
    put(&harness, "a", json!({ "x": 1 })).await;
    let stray = data_of(&harness, "a", 2).await;
    harness.view().changes().create(&stray, b"{}".to_vec()).commit().await.unwrap();
    assert_eq!(put(&harness, "a", json!({ "x": 2 })).await, 2);
    assert_eq!(harness.read("data/a").await["data"]["data"], json!({ "x": 2 }));
}

#[tokio::test]
async fn lost_data_is_reported_and_not_guessed() {
    let harness = harness().await;
    put(&harness, "a", json!({ "x": 1 })).await;
    let view = harness.view();
    let name = data_of(&harness, "a", 1).await;
    let revision = view.get(&name).await.unwrap().unwrap().revision();
    view.changes().delete(&name, revision).commit().await.unwrap();
    assert_eq!(harness.read("data/a").await["error"], "world");
    assert_eq!(harness.write("destroy/a", json!({ "versions": [1] })).await, json!({}), "what is lost can be removed");
    assert_eq!(harness.delete("metadata/a").await, json!({}));
}

#[tokio::test]
async fn nothing_is_written_into_a_mount_that_goes_away() {
    let harness = harness().await;
    put(&harness, "a", json!({ "x": 1 })).await;
    harness.mark_removed().await;
    let refused = json!({ "error": "the mount is being removed or upgraded" });
    assert_eq!(harness.write("data/a", json!({ "data": { "x": 2 } })).await, refused);
    assert_eq!(harness.write("destroy/a", json!({ "versions": [1] })).await, refused);
    assert_eq!(harness.delete("metadata/a").await, refused);
    assert_eq!(harness.write("config", json!({ "max_versions": 1 })).await, refused);
}

#[tokio::test]
async fn what_merging_has_made_large_can_be_merged_and_shown_again() {
    let harness = harness().await;
    let keys = |prefix: &str| (0..6_000).map(|number| (format!("{prefix}{number}"), json!(1))).collect::<Map<_, _>>();
    harness.write("data/large", json!({ "data": keys("a") })).await;
    for prefix in ["b", "c"] {
        let patched = harness.patch("data/large", json!({ "data": keys(prefix) })).await;
        assert!(patched["data"]["version"].is_number(), "{patched}");
    }
    let shown = harness.read("subkeys/large").await;
    assert_eq!(shown["data"]["subkeys"].as_object().map(Map::len), Some(18_000));
}

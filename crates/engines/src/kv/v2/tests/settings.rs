use super::*;

#[tokio::test]
async fn settings_of_the_mount_change_one_by_one() {
    let harness = harness().await;
    let expected = json!({
        "max_versions": 0, "cas_required": false, "metadata_cas_required": false, "delete_version_after": "0s",
    });
    assert_eq!(harness.read("config").await, json!({ "data": expected }));
    assert_eq!(harness.write("config", json!({ "max_versions": "7" })).await, json!({}));
    assert_eq!(harness.write("config", json!({ "delete_version_after": "3h25m19s" })).await, json!({}));
    let expected = json!({
        "max_versions": 7, "cas_required": false, "metadata_cas_required": false, "delete_version_after": "3h25m19s",
    });
    assert_eq!(harness.read("config").await, json!({ "data": expected }));
}

#[tokio::test]
async fn too_many_versions_are_refused() {
    let harness = harness().await;
    let refused = refused("max_versions must be from 0 to 24000");
    assert_eq!(harness.write("config", json!({ "max_versions": 24_001 })).await, refused);
    assert_eq!(harness.write("metadata/a", json!({ "max_versions": 24_001 })).await, refused);
    assert_eq!(harness.write("config", json!({ "max_versions": -1 })).await["error"], "invalid");
    assert_eq!(stored_count(&harness).await, 0);
}

/// Writes a version under these settings and gives back its deletion time.
async fn deletion_time(mount: &str, own: &str) -> Value {
    let harness = harness().await;
    harness.write("config", json!({ "delete_version_after": mount })).await;
    harness.write("metadata/a", json!({ "delete_version_after": own })).await;
    put(&harness, "a", json!({ "x": 1 })).await;
    harness.read("data/a").await["data"]["metadata"]["deletion_time"].clone()
}

#[tokio::test]
async fn the_shorter_deletion_time_counts() {
    for (mount, own, expected) in [
        ("0s", "0s", ""),
        ("1h", "0s", "2030-01-01T01:00:00Z"),
        ("0s", "1h", "2030-01-01T01:00:00Z"),
        ("1h", "30m", "2030-01-01T00:30:00Z"),
        ("1h", "2h", "2030-01-01T01:00:00Z"),
        ("-1s", "1h", ""),
    ] {
        assert_eq!(deletion_time(mount, own).await, expected, "mount {mount}, secret {own}");
    }
}

#[tokio::test]
async fn a_version_is_deleted_when_its_time_has_come() {
    let harness = harness().await;
    harness.write("config", json!({ "delete_version_after": "1h" })).await;
    put(&harness, "a", json!({ "x": 1 })).await;
    harness.clock().advance(Duration::from_secs(3599));
    assert_eq!(harness.read("data/a").await["data"]["data"], json!({ "x": 1 }));
    harness.clock().advance(Duration::from_secs(1));
    let reply = harness.read("data/a").await;
    assert_eq!((&reply["status"], &reply["data"]["data"]), (&json!("Gone"), &Value::Null));
    harness.write("undelete/a", json!({ "versions": [1] })).await;
    assert_eq!(harness.read("data/a").await["data"]["data"], json!({ "x": 1 }));
}

#[tokio::test]
async fn metadata_can_come_before_the_first_version() {
    let harness = harness().await;
    assert_eq!(harness.read("metadata/a").await, missing());
    assert_eq!(harness.write("metadata/a", json!({ "custom_metadata": { "k": 1 } })).await, json!({}));
    let expected = json!({
        "created_time": START, "updated_time": START, "current_version": 0, "oldest_version": 0, "max_versions": 0,
        "cas_required": false, "metadata_cas_required": false, "delete_version_after": "0s", "versions": {},
        "custom_metadata": { "k": "1" }, "current_metadata_version": 1,
    });
    assert_eq!(harness.read("metadata/a").await, json!({ "data": expected }));
    assert_eq!(harness.read("data/a").await, missing());
    put(&harness, "a", json!({ "x": 1 })).await;
    assert_eq!(harness.read("data/a").await["data"]["metadata"]["custom_metadata"], json!({ "k": "1" }));
}

#[tokio::test]
async fn custom_metadata_is_replaced_or_merged() {
    let harness = harness().await;
    let custom = async || harness.read("metadata/a").await["data"]["custom_metadata"].clone();
    assert_eq!(harness.patch("metadata/a", json!({ "cas_required": true })).await, missing());
    harness.write("metadata/a", json!({ "custom_metadata": { "a": "1", "b": "2" } })).await;
    harness.write("metadata/a", json!({ "max_versions": 3 })).await;
    assert_eq!(custom().await, json!({ "a": "1", "b": "2" }), "what is not named stays");
    harness.write("metadata/a", json!({ "custom_metadata": { "c": "3" } })).await;
    assert_eq!(custom().await, json!({ "c": "3" }));
    harness.patch("metadata/a", json!({ "custom_metadata": { "c": null, "d": "4" }, "max_versions": null })).await;
    assert_eq!(custom().await, json!({ "d": "4" }));
    assert_eq!(harness.read("metadata/a").await["data"]["max_versions"], 0);
    harness.patch("metadata/a", json!({ "custom_metadata": null })).await;
    assert_eq!(custom().await, Value::Null);
}

#[tokio::test]
async fn custom_metadata_is_bounded() {
    let harness = harness().await;
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("k{n}"), json!("v"))).collect();
    let refusals = [
        (json!(many), "payload must contain at most 64 keys, provided 65"),
        (json!({ "k".repeat(129): "v" }), "a key must have"),
        (json!({ "": "v" }), "a key must have"),
        (json!({ "k\n": "v" }), "a key must have"),
        (json!({ "k": "v".repeat(513) }), "a value must have"),
        (json!({ "k": "v\t" }), "a value must have"),
        (json!({ "k": "" }), "a value must have"),
        (json!({ "k": null }), "a value does not fit"),
        (json!({ "k": ["v"] }), "a value does not fit"),
    ];
    for (custom, start) in refusals {
        let reply = harness.write("metadata/a", json!({ "custom_metadata": custom })).await;
        let start = format!("custom_metadata validation failed: {start}");
        assert!(reply["text"].as_str().unwrap_or_default().starts_with(&start), "{reply}");
    }
    let full: serde_json::Map<_, _> = (0..64).map(|n| (format!("{n:0>128}"), json!("v".repeat(512)))).collect();
    assert_eq!(harness.write("metadata/a", json!({ "custom_metadata": full })).await, json!({}));
    // And with as many records beside it as an entry holds.
    harness.write("config", json!({ "max_versions": VERSIONS_MAX, "delete_version_after": "87600h" })).await;
    for x in 0..200 {
        put(&harness, "a", json!({ "x": x })).await;
    }
    let reply = harness.patch("metadata/a", json!({ "custom_metadata": { "one": "more" } })).await;
    assert_eq!(reply, refused("custom_metadata validation failed: payload must contain at most 64 keys, provided 65"));
}

#[tokio::test]
async fn only_a_new_version_changes_the_time_of_the_last_update() {
    let harness = harness().await;
    put(&harness, "a", json!({ "x": 1 })).await;
    put(&harness, "a", json!({ "x": 2 })).await;
    harness.clock().advance(Duration::from_secs(60));
    harness.write("metadata/a", json!({ "custom_metadata": { "k": "v" } })).await;
    harness.patch("metadata/a", json!({ "max_versions": 4 })).await;
    harness.delete("data/a").await;
    harness.write("undelete/a", json!({ "versions": [2] })).await;
    harness.write("destroy/a", json!({ "versions": [1] })).await;
    assert_eq!(harness.read("metadata/a").await["data"]["updated_time"], START);
    put(&harness, "a", json!({ "x": 3 })).await;
    assert_eq!(harness.read("metadata/a").await["data"]["updated_time"], "2030-01-01T00:01:00Z");
}

#[tokio::test]
async fn a_secret_cannot_switch_deletion_off() {
    let refused = refused("delete_version_after of a secret cannot be negative");
    let harness = harness().await;
    assert_eq!(harness.write("metadata/a", json!({ "delete_version_after": "-1s" })).await, refused);
    put(&harness, "a", json!({ "x": 1 })).await;
    assert_eq!(harness.patch("metadata/a", json!({ "delete_version_after": "-1s" })).await, refused);
    assert_eq!(harness.write("config", json!({ "delete_version_after": "-5s" })).await, json!({}));
    assert_eq!(harness.read("config").await["data"]["delete_version_after"], "-1s");
}

#[tokio::test]
async fn what_the_mount_demands_stays_in_effect() {
    let harness = harness().await;
    assert_eq!(harness.write("metadata/a", json!({ "cas_required": false })).await, json!({}));
    harness.write("config", json!({ "cas_required": true })).await;
    let warned = harness.write("metadata/a", json!({ "cas_required": false })).await;
    assert!(warned["warnings"][0].as_str().is_some_and(|text| text.contains("\"cas_required\"")), "{warned}");
    let warned = harness.patch("metadata/a", json!({ "cas_required": false })).await;
    assert_eq!(warned["warnings"].as_array().map(Vec::len), Some(1), "{warned}");
    assert_eq!(harness.write("metadata/a", json!({ "cas_required": true })).await, json!({}));
}

#[tokio::test]
async fn check_and_set_guards_what_is_known_of_a_secret() {
    let mismatch = refused("metadata check-and-set parameter did not match the current metadata version");
    let required = refused("metadata check-and-set parameter required for this call");
    let harness = harness().await;
    let guarded = |cas: u64| json!({ "custom_metadata": { "k": cas }, "metadata_cas": cas });
    assert_eq!(harness.write("metadata/a", guarded(1)).await, mismatch);
    assert_eq!(harness.write("metadata/a", guarded(0)).await, json!({}));
    assert_eq!(harness.write("metadata/a", guarded(0)).await, mismatch);
    assert_eq!(harness.patch("metadata/a", guarded(1)).await, json!({}));
    put(&harness, "a", json!({ "x": 1 })).await;
    assert_eq!(harness.read("metadata/a").await["data"]["current_metadata_version"], 2, "versions do not count");
    harness.patch("metadata/a", json!({ "metadata_cas_required": true })).await;
    assert_eq!(harness.write("metadata/a", json!({ "max_versions": 2 })).await, required);
    assert_eq!(harness.write("metadata/b", json!({ "max_versions": 2 })).await, json!({}));
    harness.write("config", json!({ "metadata_cas_required": true })).await;
    assert_eq!(harness.patch("metadata/b", json!({ "max_versions": 2 })).await, required);
    assert_eq!(harness.write("metadata/b", guarded(1)).await, json!({}));
}

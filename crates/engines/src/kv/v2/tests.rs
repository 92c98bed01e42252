use std::fmt::Write;
use std::time::Duration;

use framework::conformance::{self, Step};
use framework::testing::{Call, Fault, Harness, golden, object};
use framework::{Data, Operation};
use serde_json::{Value, json};

use super::*;
use crate::golden;

mod expiry;
mod fingerprints;
mod lifecycle;
mod model;
mod paging;
mod scanning;
mod settings;
mod upgrade;

const START: &str = "2030-01-01T00:00:00Z";

fn engine() -> Arc<dyn Mounted> {
    make().expect("a sound table")
}

async fn harness() -> Harness {
    Harness::new(engine()).await
}

/// Writes a version and checks that it was taken.
async fn put(harness: &Harness, path: &str, data: Value) -> u64 {
    let reply = harness.write(&format!("data/{path}"), json!({ "data": data })).await;
    reply["data"]["version"].as_u64().unwrap_or_else(|| panic!("{path} was not written: {reply}"))
}

fn refused(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

fn missing() -> Value {
    json!({ "error": "not found" })
}

/// How many entries the mount has stored.
async fn stored_count(harness: &Harness) -> usize {
    harness.view().page("", 1000).await.unwrap().len()
}

/// The name under which a version's data is stored.
async fn data_of(harness: &Harness, path: &str, number: u64) -> String {
    let stored = harness.view().get(&format!("meta/{path}")).await.unwrap().unwrap();
    let generation = stored.json::<Value>().unwrap()["g"].as_str().unwrap().to_owned();
    format!("data/{path}\0{generation}{number:016x}")
}

/// Puts every entry of the mount under another revision, as restoring a copy into another store does.
async fn restore(harness: &Harness) {
    let view = harness.view();
    for (name, revision) in view.page("", 1000).await.unwrap() {
        let stored = view.get(&name).await.unwrap().unwrap();
        view.changes().replace(&name, revision, stored.bytes().to_vec()).commit().await.unwrap();
    }
    harness.touch_fingerprints().await.unwrap();
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::read("config"),
        Step::write("config", json!({ "max_versions": 2 })),
        Step::read("data/a"),
        Step::write("data/a", json!({ "data": { "x": 1 } })),
        Step::write("data/a", json!({ "data": { "x": 2 }, "options": { "cas": 1 } })),
        Step::write("data/a", json!({ "data": { "x": 3 }, "options": { "cas": 1 } })),
        Step::patch("data/a", json!({ "data": { "y": 4 } })),
        Step::write("data/b/c", json!({ "data": { "x": 1 } })),
        Step::delete("data/a"),
        Step::read("data/a"),
        Step::write("undelete/a", json!({ "versions": [3] })),
        Step::write("delete/a", json!({ "versions": [2] })),
        Step::write("destroy/a", json!({ "versions": [2] })),
        Step::write("metadata/a", json!({ "custom_metadata": { "k": "v" } })),
        Step::patch("metadata/a", json!({ "max_versions": 4, "custom_metadata": { "l": "w" } })),
        Step::write("metadata/d", json!({ "cas_required": true })),
        Step::list("metadata"),
        Step::list("metadata/b/"),
        Step::scan("metadata"),
        Step::list("detailed-metadata"),
        Step::scan("detailed-metadata"),
        Step::write("data/gone", json!({ "data": { "x": 1 } })),
        Step::delete("metadata/gone"),
        Step::read("data/a"),
        Step::read("data/a?version=2"),
        Step::read("subkeys/a"),
        Step::read("metadata/a"),
        Step::read("metadata/d"),
        Step::read("data/gone"),
        Step::read("elsewhere"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "kv-v2", "kv/v2");
}

#[tokio::test]
async fn a_write_makes_a_version_that_can_be_read() {
    let harness = harness().await;
    let metadata = json!({
        "version": 1, "created_time": START, "deletion_time": "", "destroyed": false, "custom_metadata": null,
    });
    let reply = harness.write("data/app/db", json!({ "data": { "user": "u" } })).await;
    assert_eq!(reply, json!({ "data": metadata }));
    let reply = harness.read("data/app/db").await;
    assert_eq!(reply, json!({ "data": { "data": { "user": "u" }, "metadata": metadata } }));
}

#[tokio::test]
async fn a_secret_is_as_old_as_its_first_version() {
    let harness = harness().await;
    let context = harness.context("");
    let mut history = entry::History::new(&context);
    harness.clock().advance(Duration::from_nanos(1));
    history.add_version(context.now(), None);
    assert_eq!((history.created, history.updated), (history.records[0].created, history.records[0].created));
}

#[tokio::test]
async fn old_versions_can_be_read() {
    let harness = harness().await;
    for x in 1..=3 {
        assert_eq!(put(&harness, "a", json!({ "x": x })).await, x);
    }
    for (query, x) in [("", 3), ("?version=0", 3), ("?version=1", 1), ("?version=2", 2)] {
        assert_eq!(harness.read(&format!("data/a{query}")).await["data"]["data"], json!({ "x": x }), "{query}");
    }
    assert_eq!(harness.read("data/a?version=4").await, missing());
    assert_eq!(harness.read("data/b").await, missing());
    assert_eq!(harness.read("data/a?version=-1").await["error"], "invalid");
}

#[tokio::test]
async fn a_write_without_data_is_refused() {
    let harness = harness().await;
    assert_eq!(harness.write("data/a", json!({})).await, refused("no data provided"));
    assert_eq!(harness.write("data/a", json!({ "data": null })).await, refused("no data provided"));
    assert_eq!(harness.write("data/a", json!({ "data": "x" })).await["error"], "invalid");
    assert_eq!(put(&harness, "a", json!({})).await, 1, "an empty object is data");
}

#[tokio::test]
async fn check_and_set_guards_a_write() {
    const MISMATCH: &str = "check-and-set parameter did not match the current version";
    let harness = harness().await;
    let write = async |cas: Value| {
        let reply = harness.write("data/a", json!({ "data": { "x": 1 }, "options": { "cas": cas } })).await;
        reply["data"]["version"]
            .as_u64()
            .map_or_else(|| reply["text"].as_str().unwrap_or_default().to_owned(), |n| n.to_string())
    };
    assert_eq!(write(json!(1)).await, MISMATCH);
    assert_eq!(write(json!(-1)).await, MISMATCH);
    assert_eq!(write(json!(0)).await, "1");
    assert_eq!(write(json!(0)).await, MISMATCH);
    assert_eq!(write(json!(null)).await, MISMATCH);
    assert_eq!(write(json!(false)).await, MISMATCH);
    assert_eq!(write(json!("1")).await, "2");
    assert_eq!(write(json!("one")).await, "error parsing check-and-set parameter");
    assert_eq!(write(json!([2])).await, "error parsing check-and-set parameter");
    harness.delete("data/a").await;
    assert_eq!(write(json!(0)).await, MISMATCH, "a deleted version still counts");
    assert_eq!(write(json!(2.0)).await, "3");
}

#[tokio::test]
async fn check_and_set_can_be_required() {
    let required = refused("check-and-set parameter required for this call");
    let harness = harness().await;
    harness.write("metadata/own", json!({ "cas_required": true })).await;
    let plain = json!({ "data": { "x": 1 } });
    assert_eq!(harness.write("data/own", plain.clone()).await, required);
    assert_eq!(put(&harness, "other", json!({ "x": 1 })).await, 1);
    harness.write("config", json!({ "cas_required": true })).await;
    assert_eq!(harness.write("data/other", plain).await, required);
    let guarded = json!({ "data": { "x": 1 }, "options": { "cas": 1 } });
    assert_eq!(harness.write("data/other", guarded).await["data"]["version"], 2);
}

#[tokio::test]
async fn a_patch_merges_into_the_latest_version() {
    let harness = harness().await;
    assert_eq!(harness.patch("data/a", json!({ "data": { "x": 1 } })).await, missing());
    put(&harness, "a", json!({ "keep": 1, "drop": 2, "deep": { "a": 1, "b": [1, 2] } })).await;
    let patch = json!({ "data": { "drop": null, "deep": { "b": [3], "c": { "d": null } }, "new": "n" } });
    assert_eq!(harness.patch("data/a", patch).await["data"]["version"], 2);
    let merged = json!({ "keep": 1, "deep": { "a": 1, "b": [3], "c": {} }, "new": "n" });
    assert_eq!(harness.read("data/a").await["data"]["data"], merged);
    assert_eq!(harness.patch("data/a", json!({})).await, refused("no data provided"));
    let stale = json!({ "data": { "x": 1 }, "options": { "cas": 1 } });
    assert_eq!(harness.patch("data/a", stale).await["error"], "invalid");
    harness.delete("data/a").await;
    let gone = harness.patch("data/a", json!({ "data": { "x": 1 } })).await;
    let metadata = json!({
        "version": 2, "created_time": START, "deletion_time": START, "destroyed": false, "custom_metadata": null,
    });
    assert_eq!(gone, json!({ "status": "Gone", "data": metadata }), "not as a read has it");
}

#[tokio::test]
async fn of_two_guarded_writes_at_once_exactly_one_wins() {
    for writes in [["data/a", "data/a"], ["metadata/a", "metadata/a"]] {
        let (harness, faulty) = Harness::faulty(engine()).await;
        // The first has read and is about to commit when the second comes and goes.
        faulty.fail_nth(Call::Commit, 1, Fault::Delay(Duration::from_secs(1)));
        let about =
            |n: u64| json!({ "data": { "n": n }, "options": { "cas": 0 }, "metadata_cas": 0, "max_versions": n });
        let second = async {
            let reply = harness.write(writes[1], about(2)).await;
            harness.clock().advance(Duration::from_secs(2));
            reply
        };
        let (first, second) = tokio::join!(harness.write(writes[0], about(1)), second);
        assert!(first["text"].as_str().is_some_and(|text| text.contains("did not match")), "{first}");
        assert_eq!(second.get("error"), None, "{second}");
        let kept = harness.read(writes[0]).await["data"].clone();
        assert!(kept["data"]["n"] == 2 || kept["max_versions"] == 2, "{kept}");
    }
}

#[tokio::test]
async fn subkeys_show_the_shape_alone() {
    let harness = harness().await;
    put(&harness, "a", json!({ "x": "secret", "deep": { "a": [1], "b": { "c": 1 } }, "empty": {} })).await;
    let subkeys = async |query: &str| harness.read(&format!("subkeys/a{query}")).await["data"]["subkeys"].clone();
    assert_eq!(subkeys("").await, json!({ "x": null, "deep": { "a": null, "b": { "c": null } }, "empty": null }));
    assert_eq!(subkeys("?depth=1").await, json!({ "x": null, "deep": null, "empty": null }));
    assert_eq!(subkeys("?depth=2").await, json!({ "x": null, "deep": { "a": null, "b": null }, "empty": null }));
    harness.delete("data/a").await;
    let gone = harness.read("subkeys/a").await;
    assert_eq!((&gone["status"], &gone["data"]["subkeys"]), (&json!("Gone"), &Value::Null));
}

#[tokio::test]
async fn names_are_listed_from_their_histories_alone() {
    let harness = harness().await;
    for path in ["a", "a/b", "c/d/e"] {
        put(&harness, path, json!({ "x": 1 })).await;
    }
    put(&harness, "a", json!({ "x": 2 })).await;
    assert_eq!(harness.list("metadata").await["data"]["keys"], json!(["a", "a/", "c/"]));
    assert_eq!(harness.list("metadata/c/").await["data"]["keys"], json!(["d/"]));
    assert_eq!(harness.list("metadata/?after=a&limit=1").await["data"]["keys"], json!(["a/"]));
    assert_eq!(harness.list("metadata/none").await["data"]["keys"], json!([]));
    assert_eq!(harness.list("data/").await, json!({ "error": "unsupported operation" }));
    assert_eq!(harness.list("data/a").await, json!({ "error": "unsupported operation" }));
}

#[tokio::test]
async fn one_name_may_continue_another() {
    let harness = harness().await;
    put(&harness, "a", json!({ "x": "a" })).await;
    put(&harness, "a/0000000000000001", json!({ "x": "below" })).await;
    put(&harness, "a0000000000000001", json!({ "x": "beside" })).await;
    assert_eq!(harness.delete("metadata/a").await, json!({}));
    assert_eq!(harness.read("data/a/0000000000000001").await["data"]["data"]["x"], "below");
    assert_eq!(harness.read("data/a0000000000000001").await["data"]["data"]["x"], "beside");
}

#[tokio::test]
async fn paths_of_version_1_get_a_hint() {
    const START: &str =
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use";
    let harness = harness().await;
    let about = || object(json!({ "x": 1 }));
    for operation in
        [Operation::Read, Operation::Update, Operation::Patch, Operation::Delete, Operation::List, Operation::Scan]
    {
        let reply = framework::testing::show(harness.call(operation, "app/db", about()).await);
        assert_eq!(reply["status"], "Gone", "{operation}");
        assert!(reply["warnings"][0].as_str().is_some_and(|text| text.starts_with(START)), "{operation}: {reply}");
    }
}

#[tokio::test]
async fn a_read_passes_the_stored_text_through() {
    let harness = harness().await;
    let sent = r#"{"data":{"z":1e400,"b":"<&>","a":123456789012345678901234567890.10}}"#;
    harness.write("data/a", serde_json::from_str(sent).unwrap()).await;
    let reply = harness.call(Operation::Read, "data/a", object(json!({}))).await.unwrap();
    let Some(Data::Raw(text)) = reply.data else { panic!("the text was not passed through") };
    let stored = r#"{"a":123456789012345678901234567890.10,"b":"\u003c\u0026\u003e","z":1e+400}"#;
    let metadata = format!(
        r#"{{"created_time":"{START}","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}}"#
    );
    assert_eq!(text.get(), format!(r#"{{"data":{stored},"metadata":{metadata}}}"#));
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let harness = harness().await;
    let text = |reply: Value| reply["text"].as_str().unwrap_or_default().to_owned();
    let large = harness.write("data/a", json!({ "data": { "x": "y".repeat(600 * 1024) } })).await;
    assert!(text(large).starts_with("secret is too large: "));
    assert!(text(harness.write("data/a\0b", json!({ "data": {} })).await).contains("control characters"));
    assert!(
        text(harness.write(&format!("data/{}", "x".repeat(3000)), json!({ "data": {} })).await).contains("too long")
    );
    assert_eq!(stored_count(&harness).await, 0);
}

#[tokio::test]
async fn requests_cost_as_many_storage_calls_as_promised() {
    let (harness, counting) = Harness::counted(engine()).await;
    let harness = harness.with_prefix("ns/root/data/counted/");
    let mut text = String::new();
    let mut note = |what: &str| {
        let tally = counting.take();
        writeln!(text, "{what}: {} reads, {} scans, {} commits", tally.reads, tally.scans, tally.commits).unwrap();
    };
    put(&harness, "a", json!({ "x": 1 })).await;
    note("first write");
    put(&harness, "a", json!({ "x": 2 })).await;
    note("warm write");
    harness.read("data/a").await;
    note("warm read");
    let data = data_of(&harness, "a", 2).await;
    let cold = ["config", "meta/a", data.as_str()];
    harness.make_cold(&cold).await;
    counting.take();
    harness.read("data/a").await;
    note("cold read");
    harness.make_cold(&cold).await;
    counting.take();
    put(&harness, "a", json!({ "x": 3 })).await;
    note("cold write");
    for x in 4..=10 {
        put(&harness, "a", json!({ "x": x })).await;
    }
    harness.make_cold(&cold).await;
    counting.take();
    put(&harness, "a", json!({ "x": 11 })).await;
    note("cold write that trims");
    harness.read("metadata/a").await;
    note("warm read of metadata");
    harness.list("metadata").await;
    note("list");
    harness.delete("data/a").await;
    note("delete");
    golden(&golden::file("kv/v2", "storage_calls.txt"), &text);
}

#[tokio::test]
async fn what_an_earlier_release_stored_opens() {
    let harness = harness().await;
    let view = harness.view();
    let entries = [
        ("config", include_str!("../golden/stored/v2-config.json")),
        ("meta/app/db", include_str!("../golden/stored/v2-history.json")),
        ("data/app/db\u{0}0000000000000003", r#"{"x":3}"#),
        ("data/app/db\u{0}0000000000000004", r#"{"x":4}"#),
    ];
    for (name, text) in entries {
        view.changes().create(name, text.trim_end().as_bytes().to_vec()).commit().await.unwrap();
    }
    let config = json!({
        "max_versions": 5, "cas_required": true, "metadata_cas_required": false, "delete_version_after": "1h0m0s",
    });
    assert_eq!(harness.read("config").await, json!({ "data": config }));
    assert_eq!(harness.read("data/app/db").await["data"]["data"], json!({ "x": 4 }));
    let version = |created: &str, deleted: &str, destroyed: bool| json!({ "created_time": created, "deletion_time": deleted, "destroyed": destroyed });
    let expected = json!({
        "created_time": START, "updated_time": "2030-01-01T00:00:03Z", "current_version": 4, "oldest_version": 2,
        "max_versions": 3, "cas_required": false, "metadata_cas_required": false, "delete_version_after": "-1s",
        "current_metadata_version": 0,
        "custom_metadata": { "owner": "team" },
        "versions": {
            "2": version("2030-01-01T00:00:01Z", "", true),
            "3": version("2030-01-01T00:00:02.5Z", "2030-01-01T00:00:02.6Z", false),
            "4": version("2030-01-01T00:00:03Z", "", false),
        },
    });
    harness.clock().advance(Duration::from_secs(10));
    assert_eq!(harness.read("metadata/app/db").await, json!({ "data": expected }));
    // Its recorded revisions are those of another store, and still it can be trimmed and removed.
    let guarded = json!({ "data": { "x": 5 }, "options": { "cas": 4 } });
    assert_eq!(harness.write("data/app/db", guarded).await["data"]["version"], 5);
    assert_eq!(harness.write("destroy/app/db", json!({ "versions": [3] })).await, json!({}));
    assert_eq!(harness.delete("metadata/app/db").await, json!({}));
    assert_eq!(stored_count(&harness).await, 1, "only the settings are left");
}

#[tokio::test]
async fn a_newer_stored_form_is_not_guessed_at() {
    let harness = harness().await;
    let newer = include_str!("../golden/stored/v2-history.json").replace("{\"v\":1", "{\"v\":3");
    harness.view().changes().create("meta/a", newer.into_bytes()).commit().await.unwrap();
    assert_eq!(harness.read("data/a").await["error"], "world");
    assert_eq!(harness.write("data/a", json!({ "data": {} })).await["error"], "world");
}

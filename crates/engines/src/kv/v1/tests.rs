use std::time::Duration;

use framework::conformance::{self, Step};
use framework::testing::{Harness, object};
use framework::{Data, Operation};
use serde_json::{Value, json};

use super::*;
use crate::golden;

const TTL_SECS: u64 = 768 * 3600;

fn engine() -> Arc<dyn Mounted> {
    make().expect("a sound table")
}

async fn harness() -> Harness {
    Harness::new(engine()).await
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::read("a"),
        Step::list(""),
        Step::write("a", json!({ "x": 1 })),
        Step::write("a", json!({ "y": 2 })),
        Step::write("a/b", json!({ "x": 1 })),
        Step::write("c/d/e", json!({ "x": 1 })),
        Step::write("f", json!({})),
        Step::list(""),
        Step::list("c/"),
        Step::scan(""),
        Step::scan("c"),
        Step::delete("a/b"),
        Step::delete("none"),
        Step::read("a"),
        Step::read("a/b"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "kv-v1", "kv/v1");
}

#[tokio::test]
async fn writing_replaces_the_whole_object() {
    let harness = harness().await;
    assert_eq!(harness.write("app/db", json!({ "user": "u", "password": "p" })).await, json!({}));
    assert_eq!(harness.write("app/db", json!({ "user": "v" })).await, json!({}));
    let lease = json!({ "id": "", "renewable": false, "duration_secs": TTL_SECS });
    assert_eq!(harness.read("app/db").await, json!({ "data": { "user": "v" }, "lease": lease }));
    assert_eq!(harness.delete("app/db").await, json!({}));
    assert_eq!(harness.read("app/db").await, json!({ "error": "not found" }));
    assert_eq!(harness.delete("app/db").await, json!({}));
}

#[tokio::test]
async fn an_empty_object_is_refused() {
    let refused = json!({ "error": "invalid", "text": "missing data fields" });
    assert_eq!(harness().await.write("a", json!({})).await, refused);
}

#[tokio::test]
async fn a_secret_can_have_a_key_named_path() {
    let harness = harness().await;
    assert_eq!(harness.write("a", json!({ "path": "/tmp" })).await, json!({}));
    assert_eq!(harness.read("a").await["data"], json!({ "path": "/tmp" }));
}

#[tokio::test]
async fn a_secret_says_for_how_long_it_is_fresh() {
    let harness = harness().await.with_mount(|mount| mount.default_lease_ttl = Duration::from_secs(50));
    for (data, secs) in [
        (json!({ "x": 1 }), 50),
        (json!({ "ttl": "1h" }), 3600),
        (json!({ "ttl": 30 }), 30),
        (json!({ "lease": "2m" }), 120),
        (json!({ "ttl": "1m", "lease": "2m" }), 60),
        (json!({ "ttl": "soon" }), 50),
        (json!({ "ttl": ["1h"] }), 50),
        (json!({ "x": { "ttl": "1h" } }), 50),
        (json!({ "x": "\"ttl\"" }), 50),
    ] {
        harness.write("a", data.clone()).await;
        assert_eq!(harness.read("a").await["lease"]["duration_secs"], secs, "{data}");
    }
}

#[tokio::test]
async fn a_read_passes_the_stored_text_through() {
    let harness = harness().await;
    let sent = r#"{"z":1e400,"b":"<&>","a":123456789012345678901234567890.10}"#;
    harness.write("a", serde_json::from_str(sent).unwrap()).await;
    let reply = harness.call(Operation::Read, "a", object(json!({}))).await.unwrap();
    let Some(Data::Raw(text)) = reply.data else { panic!("the text was not passed through") };
    assert_eq!(text.get(), r#"{"a":123456789012345678901234567890.10,"b":"\u003c\u0026\u003e","z":1e+400}"#);
}

#[tokio::test]
async fn a_deep_secret_can_be_read() {
    const DEPTH: usize = 400;
    let deep = (0..DEPTH).fold(json!(1), |inner, _| json!({ "a": inner }));
    let harness = harness().await;
    assert_eq!(harness.write("a", deep).await, json!({}));
    let reply = harness.call(Operation::Read, "a", object(json!({}))).await.unwrap();
    let Some(Data::Raw(text)) = reply.data else { panic!("the text was not passed through") };
    assert_eq!(text.get().matches("{\"a\":").count(), DEPTH);
}

#[tokio::test]
async fn folders_are_listed_one_level_deep() {
    let harness = harness().await;
    for path in ["a", "a/b", "c/d/e", "c/f"] {
        harness.write(path, json!({ "x": 1 })).await;
    }
    assert_eq!(harness.list("").await["data"]["keys"], json!(["a", "a/", "c/"]));
    assert_eq!(harness.list("c").await["data"]["keys"], json!(["d/", "f"]));
    assert_eq!(harness.list("c/").await["data"]["keys"], json!(["d/", "f"]));
    assert_eq!(harness.list("?after=a&limit=1").await["data"]["keys"], json!(["a/"]));
    assert_eq!(harness.list("?limit=-1").await["data"]["keys"], json!(["a", "a/", "c/"]));
    assert_eq!(harness.list("none").await["data"]["keys"], json!([]));
}

#[tokio::test]
async fn a_scan_names_everything_below_a_folder() {
    let harness = harness().await;
    for path in ["a", "a/b", "c/d/e", "c/f", "cc"] {
        harness.write(path, json!({ "x": 1 })).await;
    }
    assert_eq!(harness.scan("").await["data"]["keys"], json!(["a", "a/b", "c/d/e", "c/f", "cc"]));
    assert_eq!(harness.scan("c").await["data"]["keys"], json!(["d/e", "f"]));
    assert_eq!(harness.scan("c/?after=d/e").await["data"]["keys"], json!(["f"]));
    assert_eq!(harness.scan("?after=a&limit=2").await["data"]["keys"], json!(["a/b", "c/d/e"]));
    assert_eq!(harness.scan("?limit=-1").await["data"]["keys"].as_array().map(Vec::len), Some(5));
    assert_eq!(harness.scan("none").await["data"]["keys"], json!([]));
}

#[tokio::test]
async fn a_scan_hides_what_the_caller_may_neither_read_nor_list() {
    let harness = harness().await.with_judge(|operation, path| {
        matches!(
            (operation, path),
            (Operation::Read, "kv/top" | "kv/private/mine")
                | (Operation::List, "kv/team/")
                | (Operation::Scan, "kv/team/deep/")
                | (Operation::Update, _)
        )
    });
    for path in ["top", "other", "team/a", "team/b", "team/deep/c", "team/deep/er/d", "private/mine", "private/theirs"]
    {
        harness.write(path, json!({ "x": 1 })).await;
    }
    let visible = ["private/mine", "team/a", "team/b", "team/deep/c", "top"];
    assert_eq!(harness.scan("").await["data"]["keys"], json!(visible));
    assert_eq!(harness.scan("private").await["data"]["keys"], json!(["mine"]));
    assert_eq!(harness.scan("?limit=1").await["data"]["keys"], json!(["private/mine"]));
    assert_eq!(harness.scan("?limit=2&after=private/mine").await["data"]["keys"], json!(["team/a", "team/b"]));
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let harness = harness().await;
    let text = |reply: Value| reply["text"].as_str().unwrap_or_default().to_owned();
    let large = harness.write("a", json!({ "x": "y".repeat(600 * 1024) })).await;
    assert!(text(large).starts_with("secret is too large: "));
    let nul = harness.write("a\0b", json!({ "x": 1 })).await;
    assert!(text(nul).contains("control characters"));
    let long = harness.write(&"x".repeat(3000), json!({ "x": 1 })).await;
    assert!(text(long).contains("path is too long"));
}

#[tokio::test]
async fn requests_cost_as_many_storage_calls_as_promised() {
    let (harness, counting) = Harness::counted(engine()).await;
    harness.write("a", json!({ "x": 1 })).await;
    let tally = counting.take();
    assert_eq!((tally.reads, tally.scans, tally.commits), (1, 0, 1), "a first write");
    harness.read("a").await;
    let tally = counting.take();
    assert_eq!((tally.reads, tally.scans, tally.commits), (0, 0, 0), "a warm read");
    harness.make_cold(&["secret/a"]).await;
    counting.take();
    harness.write("a", json!({ "x": 2 })).await;
    let tally = counting.take();
    assert_eq!((tally.reads, tally.scans, tally.commits), (1, 0, 1), "a cold write");
    harness.make_cold(&["secret/a"]).await;
    counting.take();
    harness.read("a").await;
    let tally = counting.take();
    assert_eq!((tally.reads, tally.scans, tally.commits), (1, 0, 0), "a cold read");
}

#[tokio::test]
async fn what_an_earlier_release_stored_opens() {
    let harness = harness().await;
    let stored = include_str!("../golden/stored/v1.json").trim_end();
    harness.view().changes().create("secret/app/db", stored.as_bytes().to_vec()).commit().await.unwrap();
    assert_eq!(harness.read("app/db").await["data"], json!({ "password": "a<b", "port": 5432, "ttl": "1h" }));
}

#[tokio::test]
async fn nothing_is_written_into_a_mount_that_goes_away() {
    let harness = harness().await;
    harness.write("a", json!({ "x": 1 })).await;
    harness.mark_removed().await;
    assert_eq!(
        harness.write("b", json!({ "x": 1 })).await,
        json!({ "error": "the mount is being removed or upgraded" })
    );
    assert_eq!(harness.delete("a").await, json!({ "error": "the mount is being removed or upgraded" }));
}

fn long(number: usize) -> Value {
    json!(format!("a value that is long {number:08}"))
}

/// The lines of values at `a`, as the harness spells them.
fn spelled(numbers: &[usize]) -> Vec<String> {
    let hex = |number: &usize| format!("{number:08}").bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    numbers.iter().map(|number| format!("{}/a", hex(number))).collect()
}

#[tokio::test]
async fn fingerprints_follow_the_values() {
    let harness = harness().await;
    for (written, expected) in [
        (json!({ "x": long(1), "y": [long(2)], "z": "short" }), &[1, 2][..]),
        (json!({ "x": long(1), "y": { "z": long(3) } }), &[1, 3]),
        (json!({ "x": long(1) }), &[1]),
        (json!({ "x": 1 }), &[]),
        (json!({ "x": long(1), "y": long(1) }), &[1]),
    ] {
        assert_eq!(harness.write("a", written.clone()).await, json!({}));
        assert_eq!(harness.fingerprints().await.unwrap(), spelled(expected), "{written}");
    }
    harness.touch_fingerprints().await.unwrap();
    harness.write("a", json!({ "x": long(2) })).await;
    assert_eq!(harness.fingerprints().await.unwrap(), spelled(&[2]), "restored from a copy");
    harness.delete("a").await;
    assert_eq!(harness.fingerprints().await.unwrap(), spelled(&[]));
}

#[tokio::test]
async fn a_mount_that_has_had_none_for_a_while_gets_into_no_disorder() {
    let mut harness = harness().await;
    for (is_on, written, expected) in [
        (true, json!({ "x": long(1), "y": long(2) }), &[1, 2][..]),
        (false, json!({ "x": long(1), "y": long(3) }), &[]),
        (false, json!({ "x": long(4) }), &[]),
        (true, json!({ "x": long(4), "y": long(5) }), &[4, 5]),
    ] {
        harness = harness.with_mount(|mount| {
            mount.options.insert("fingerprints".to_owned(), is_on.to_string());
        });
        assert_eq!(harness.write("a", written.clone()).await, json!({}));
        assert_eq!(harness.fingerprints().await.unwrap(), spelled(expected), "{written}");
    }
}

//! Fingerprints follow the values: one for each that some version holds, and none for any other. What becomes of them
//! in random sessions is compared by the model.

use super::super::marks::LINES_MAX;
use super::*;
use crate::kv::v1;

fn long(number: usize) -> String {
    format!("a value that is long {number:08}")
}

async fn lines(harness: &Harness) -> Vec<String> {
    harness.fingerprints().await.expect("the store answers")
}

/// The lines of values, as the harness spells them.
fn spelled(numbers: impl IntoIterator<Item = usize>, path: &str) -> Vec<String> {
    let hex = |number| long(number).bytes().skip(21).map(|byte| format!("{byte:02x}")).collect::<String>();
    numbers.into_iter().map(|number| format!("{}/{path}", hex(number))).collect()
}

/// An object with these values.
fn object_of(numbers: impl IntoIterator<Item = usize>) -> Value {
    let fields = numbers.into_iter().map(|number| (format!("field {number:08}"), json!(long(number))));
    Value::Object(fields.collect())
}

#[tokio::test]
async fn a_patch_changes_what_it_changes() {
    let harness = harness().await;
    put(&harness, "a/b", object_of([1, 2])).await;
    assert_eq!(lines(&harness).await, spelled([1, 2], "data/a/b"));
    harness.write("metadata/a/b", json!({ "max_versions": 1 })).await;
    harness.patch("data/a/b", json!({ "data": { "field 00000001": long(3) } })).await;
    assert_eq!(lines(&harness).await, spelled([2, 3], "data/a/b"));
}

#[tokio::test]
async fn a_deleted_version_keeps_them_and_a_destroyed_one_does_not() {
    let harness = harness().await;
    put(&harness, "a", object_of([1])).await;
    put(&harness, "a", object_of([2])).await;
    harness.delete("data/a").await;
    assert_eq!(lines(&harness).await, spelled([1, 2], "data/a"), "it can come back");
    harness.write("destroy/a", json!({ "versions": [2] })).await;
    assert_eq!(lines(&harness).await, spelled([1], "data/a"));
    harness.delete("metadata/a").await;
    assert_eq!(lines(&harness).await, [""; 0]);
}

#[tokio::test]
async fn the_largest_secret_stays_within_a_commit_whatever_is_done_to_it() {
    const VALUES: usize = framework::view::fingerprints::VALUES_MAX;
    let harness = harness().await;
    harness.write("config", json!({ "max_versions": 100 })).await;
    for version in 0..60 {
        put(&harness, "a", object_of(version * 100..version * 100 + VALUES + 5)).await;
        assert!(lines(&harness).await.len() <= LINES_MAX);
    }
    assert_eq!(lines(&harness).await.len(), LINES_MAX);
    // All old values and the data of many versions go, and new ones come.
    harness.write("config", json!({ "max_versions": 1 })).await;
    put(&harness, "a", object_of(9_000..9_000 + VALUES)).await;
    assert_eq!(lines(&harness).await, spelled(9_000..9_000 + VALUES, "data/a"));
    harness.settle().await.unwrap();
    harness.write("config", json!({ "max_versions": 100 })).await;
    for version in 0..59 {
        put(&harness, "a", object_of([version])).await;
    }
    let all: Vec<_> = (1..=200).collect();
    assert_eq!(harness.write("destroy/a", json!({ "versions": all })).await, json!({}));
    assert_eq!(lines(&harness).await, [""; 0]);
    for version in 0..45 {
        put(&harness, "b", object_of(version * 100..version * 100 + VALUES)).await;
    }
    assert_eq!(harness.delete("metadata/b").await, json!({}));
    assert_eq!(
        (lines(&harness).await.len(), stored_count(&harness).await),
        (0, 2),
        "the settings and the other history"
    );
}

#[tokio::test]
async fn a_mount_without_makes_none_and_still_takes_away_those_that_are_there() {
    let harness = harness().await;
    put(&harness, "a", object_of([1])).await;
    let off = |options: &mut std::collections::BTreeMap<String, String>| {
        options.insert("fingerprints".to_owned(), "false".to_owned());
    };
    let harness = harness.with_mount(|mount| off(&mut mount.options));
    harness.write("metadata/a", json!({ "max_versions": 1 })).await;
    put(&harness, "a", object_of([2])).await;
    assert_eq!(lines(&harness).await, [""; 0]);
}

#[tokio::test]
async fn a_write_makes_no_more_calls_to_the_store_with_them() {
    let (harness, counting) = Harness::counted(engine()).await;
    harness.write("metadata/a", json!({ "max_versions": 1 })).await;
    for number in 0..5 {
        counting.take();
        put(&harness, "a", object_of([number, number + 1, 100])).await;
        let tally = counting.take();
        // A line comes and a line goes in the same commit.
        assert_eq!((tally.reads, tally.scans, tally.commits), (0, 0, 1), "write {number}");
        assert_eq!(lines(&harness).await, spelled([number, number + 1, 100], "data/a"));
    }
    let (harness, counting) = Harness::counted(v1::make().unwrap()).await;
    for number in 0..5 {
        counting.take();
        harness.write("a", object_of([number, number + 1, 100])).await;
        let tally = counting.take();
        assert_eq!((tally.reads, tally.scans, tally.commits), (u64::from(number == 0), 0, 1), "write {number}");
    }
}

#[tokio::test]
async fn a_refused_write_leaves_none() {
    let harness = harness().await;
    let reply = harness.write("data/a", json!({ "data": object_of([1]), "options": { "cas": 7 } })).await;
    assert_eq!(reply, refused("check-and-set parameter did not match the current version"));
    assert_eq!(lines(&harness).await, [""; 0]);
}

#[tokio::test]
async fn writers_that_get_in_each_others_way_keep_the_account() {
    let (harness, _) = Harness::rivaled(engine(), 5, 40).await;
    for number in 0..30 {
        put(&harness, "a", object_of([number, number + 1])).await;
    }
    assert_eq!(lines(&harness).await, spelled(20..31, "data/a"));
}

#[tokio::test]
async fn an_upgrade_takes_them_over() {
    let harness = Harness::new(v1::make().unwrap()).await;
    for name in 0..20 {
        harness.write(&format!("s{name:02}"), object_of(0..24)).await;
    }
    harness.write("plain", json!({ "x": 1 })).await;
    assert_eq!(lines(&harness).await.len(), 20 * 24);
    let harness = harness.with_engine(engine());
    harness.upgrade().await.unwrap();
    let expected =
        (0..24).flat_map(|number| (0..20).flat_map(move |name| spelled([number], &format!("data/s{name:02}"))));
    assert_eq!(lines(&harness).await, expected.collect::<Vec<_>>());
    harness.write("metadata/s00", json!({ "max_versions": 1 })).await;
    put(&harness, "s00", json!({ "x": 1 })).await;
    assert_eq!(lines(&harness).await.len(), 19 * 24, "the account is right");
}

use std::collections::BTreeSet;

use framework::view::encode;

use super::super::entry::{Found, History, Record, State, data_name, decode, history_name};
use super::super::page::{INLINE_RECORDS_MAX, PAGE_RECORDS, page_name};
use super::*;
use crate::secrets::SecretPath;

/// As many entries as one commit of the tests writes.
const BATCH: u64 = 90;

fn path(text: &str) -> SecretPath {
    serde_json::from_value(json!(text)).expect("a path")
}

/// Stores a secret with so many versions, as that many writes would have left it. It is faster than they are.
async fn seed(harness: &Harness, name: &str, count: u64) {
    put(harness, name, json!({ "n": 1 })).await;
    let (view, path) = (harness.view(), path(name));
    let Found { mut history, revision, .. } = decode(&view.get(&history_name(&path)).await.unwrap().unwrap()).unwrap();
    let mut revisions = vec![history.records[0].revision];
    for numbers in (2..=count).collect::<Vec<_>>().chunks(BATCH as usize) {
        let mut changes = view.changes();
        for number in numbers {
            let text = json!({ "n": number }).to_string().into_bytes();
            changes = changes.create(&data_name(&path, &history.generation, *number), text);
        }
        let receipt = changes.commit().await.unwrap();
        revisions.extend(numbers.iter().map(|_| Some(receipt.revision.0)));
    }
    let record = |revision| Record { created: history.created, deleted: None, state: State::Live, revision };
    history.current = count;
    history.records = revisions.into_iter().map(record).collect();
    while let Some((number, page)) = history.spill() {
        let name = page_name(&path, &history.generation, number);
        view.changes().create(&name, encode(&page).unwrap()).commit().await.unwrap();
    }
    view.changes().replace(&history_name(&path), revision, encode(&history).unwrap()).commit().await.unwrap();
}

async fn history(harness: &Harness, name: &str) -> History {
    decode(&harness.view().get(&history_name(&path(name))).await.unwrap().unwrap()).unwrap().history
}

/// How many entries are stored below these words.
async fn counts(harness: &Harness) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, folder) in counts.iter_mut().zip(["meta", "page", "data"]) {
        let (mut start, end) = (format!("{folder}/"), format!("{folder}0"));
        loop {
            let names = harness.view().names_between(&start, &end, 5_000).await.unwrap();
            let Some((last, _)) = names.last() else { break };
            *count += names.len();
            start = format!("{last}\u{1}");
        }
    }
    counts
}

async fn n(harness: &Harness, name: &str, version: u64) -> Value {
    harness.read(&format!("data/{name}?version={version}")).await["data"]["data"]["n"].clone()
}

#[tokio::test]
async fn records_move_into_pages_and_can_be_found_there() {
    let harness = harness().await;
    harness.write("config", json!({ "max_versions": 400 })).await;
    for x in 1..=300 {
        assert_eq!(put(&harness, "a", json!({ "n": x })).await, x);
    }
    let stored = history(&harness, "a").await;
    assert!(stored.records.len() <= INLINE_RECORDS_MAX, "{} records in one entry", stored.records.len());
    assert_eq!(counts(&harness).await, [1, 3, 300]);
    for version in [1, 63, 64, 65, 191, 192, 193, 300] {
        assert_eq!(n(&harness, "a", version).await, json!(version));
    }
    assert_eq!(harness.read("data/a?version=301").await, missing());
    let versions = harness.read("metadata/a").await["data"]["versions"].clone();
    let numbers: BTreeSet<u64> = versions.as_object().unwrap().keys().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=300).collect());
}

#[tokio::test]
async fn what_happens_to_a_version_is_kept_in_its_page() {
    let harness = harness().await;
    seed(&harness, "a", 300).await;
    let some = json!({ "versions": [1, 2, 100, 250, 299, 300, 301] });
    assert_eq!(harness.write("delete/a", some.clone()).await, json!({}));
    for version in [1, 2, 100, 250, 299, 300] {
        assert_eq!(harness.read(&format!("data/a?version={version}")).await["status"], "Gone", "{version}");
    }
    assert_eq!(n(&harness, "a", 3).await, json!(3));
    assert_eq!(harness.write("undelete/a", some).await, json!({}));
    assert_eq!(n(&harness, "a", 100).await, json!(100));
    assert_eq!(harness.write("destroy/a", json!({ "versions": [100, 300] })).await, json!({}));
    assert_eq!(counts(&harness).await, [1, 3, 298]);
    let versions = harness.read("metadata/a").await["data"]["versions"].clone();
    let destroyed: Vec<_> =
        versions.as_object().unwrap().iter().filter(|(_, about)| about["destroyed"] == true).map(|(n, _)| n).collect();
    assert_eq!(destroyed, ["100", "300"]);
    harness.write("undelete/a", json!({ "versions": [100, 300] })).await;
    assert_eq!(harness.read("data/a?version=100").await["data"]["metadata"]["destroyed"], true);
}

#[tokio::test]
async fn a_full_window_loses_its_oldest_version_with_each_write() {
    let (harness, counting) = Harness::counted(engine()).await;
    harness.write("config", json!({ "max_versions": 200 })).await;
    seed(&harness, "a", 200).await;
    counting.take();
    for x in 201..=500_u64 {
        put(&harness, "a", json!({ "n": x })).await;
        let oldest = x - 199;
        assert_eq!(counts(&harness).await[2], 200);
        assert_eq!(harness.read(&format!("data/a?version={}", oldest - 1)).await, missing());
        assert_eq!(n(&harness, "a", oldest).await, json!(oldest));
    }
    let [_, pages, _] = counts(&harness).await;
    assert!(pages as u64 <= 200 / PAGE_RECORDS + 1, "{pages} pages of 200 versions");
    counting.take();
    put(&harness, "a", json!({ "n": 501 })).await;
    let tally = counting.take();
    assert_eq!((tally.reads, tally.scans, tally.commits), (0, 0, 1), "a warm write of a secret with pages");
    assert_eq!(harness.due_lines().await.unwrap(), []);
}

#[tokio::test]
async fn a_secret_has_as_many_versions_as_promised() {
    let (harness, counting) = Harness::counted(engine()).await;
    harness.write("config", json!({ "max_versions": VERSIONS_MAX })).await;
    seed(&harness, "a", VERSIONS_MAX.into()).await;
    let metadata = harness.read("metadata/a").await["data"].clone();
    assert_eq!(metadata["versions"].as_object().unwrap().len(), VERSIONS_MAX as usize);
    assert_eq!(metadata["oldest_version"], 0);
    put(&harness, "a", json!({ "n": 24_001 })).await;
    assert_eq!(n(&harness, "a", 2).await, json!(2));
    assert_eq!(harness.read("data/a?version=1").await, missing());
    let largest = harness.view().get("meta/a").await.unwrap().unwrap().bytes().len();
    assert!(largest < 16 * 1024, "the history entry has {largest} bytes");
    counting.take();
    harness.read("data/a").await;
    assert_eq!(counting.take().reads, 0, "a warm read of the latest");
}

#[tokio::test]
async fn versions_that_are_too_many_for_one_commit_go_at_once_and_are_swept() {
    let harness = harness().await;
    harness.write("config", json!({ "max_versions": VERSIONS_MAX })).await;
    seed(&harness, "a", 1_000).await;
    harness.write("config", json!({ "max_versions": 1 })).await;
    put(&harness, "a", json!({ "n": 1_001 })).await;
    for version in [1, 500, 1_000] {
        assert_eq!(harness.read(&format!("data/a?version={version}")).await, missing(), "{version}");
    }
    assert_eq!(harness.due_lines().await.unwrap().len(), 1);
    put(&harness, "a", json!({ "n": 1_002 })).await;
    assert_eq!(harness.due_lines().await.unwrap().len(), 1, "one sweep is enough");
    harness.settle().await.unwrap();
    assert_eq!(counts(&harness).await, [1, 0, 1]);
    assert_eq!(harness.due_lines().await.unwrap(), []);
    assert_eq!(history(&harness, "a").await.sweep_from, None);
    assert_eq!(n(&harness, "a", 1_002).await, json!(1_002));
}

/// Asks for something while the store refuses the nth commit, for every n, as if the node had died there; then turns
/// the clock and does what is due. What was asked for is then either done or not begun, and nothing is left over.
async fn with_every_commit_failing(
    commits_min: u64,
    act: impl AsyncFn(&Harness) -> bool,
    check: impl AsyncFn(&Harness, bool),
) {
    for nth in 1.. {
        let (harness, faulty) = Harness::faulty(engine()).await;
        harness.write("config", json!({ "max_versions": VERSIONS_MAX })).await;
        seed(&harness, "a", 300).await;
        faulty.fail_nth(Call::Commit, nth, Fault::Fail);
        let is_answered = act(&harness).await;
        faulty.calm();
        let is_promised = is_answered || !harness.due_lines().await.unwrap().is_empty();
        harness.clock().advance(Duration::from_secs(120));
        harness.settle().await.unwrap();
        check(&harness, is_promised).await;
        assert_eq!(harness.due_lines().await.unwrap(), [], "after commit {nth} failed");
        if is_answered {
            assert!(nth > commits_min, "{nth} commits are fewer than this test is about");
            break;
        }
    }
}

#[tokio::test]
async fn a_removal_is_whole_wherever_it_breaks_off() {
    let act = async |harness: &Harness| harness.delete("metadata/a").await == json!({});
    let check = async |harness: &Harness, is_promised| {
        let expected = if is_promised { [0, 0, 0] } else { [1, 3, 300] };
        assert_eq!(counts(harness).await, expected);
    };
    with_every_commit_failing(6, act, check).await;
}

#[tokio::test]
async fn a_destruction_is_whole_wherever_it_breaks_off() {
    let act = async |harness: &Harness| {
        let numbers: Vec<u64> = (1..=250).collect();
        harness.write("destroy/a", json!({ "versions": numbers })).await == json!({})
    };
    let check = async |harness: &Harness, is_promised| {
        let expected = if is_promised { [1, 3, 50] } else { [1, 3, 300] };
        assert_eq!(counts(harness).await, expected);
        let state = harness.read("data/a?version=250").await["data"]["metadata"]["destroyed"].clone();
        assert_eq!(state, json!(is_promised));
        assert_eq!(n(harness, "a", 251).await, json!(251));
    };
    with_every_commit_failing(6, act, check).await;
}

#[tokio::test]
async fn a_trim_is_whole_wherever_it_breaks_off() {
    let act = async |harness: &Harness| {
        let is_set = harness.write("config", json!({ "max_versions": 20 })).await == json!({});
        let written = json!({ "data": { "n": 301 } });
        is_set && harness.write("data/a", written).await["data"].is_object() && harness.settle().await.is_ok()
    };
    let check = async |harness: &Harness, _| {
        let history = history(harness, "a").await;
        let all = usize::try_from(history.current).unwrap();
        assert_eq!(counts(harness).await, if history.oldest > 0 { [1, 0, 20] } else { [1, 3, all] });
    };
    with_every_commit_failing(5, act, check).await;
}

#[tokio::test]
async fn a_secret_made_anew_is_not_swept_with_the_old_one() {
    let (harness, faulty) = Harness::faulty(engine()).await;
    seed(&harness, "a", 300).await;
    faulty.fail_nth(Call::Commit, 3, Fault::Fail);
    assert_eq!(harness.delete("metadata/a").await["error"], "world");
    assert_eq!(harness.read("data/a").await, missing(), "it has gone all the same");
    assert_eq!(put(&harness, "a", json!({ "n": "new" })).await, 1);
    harness.clock().advance(Duration::from_secs(120));
    harness.settle().await.unwrap();
    assert_eq!(counts(&harness).await, [1, 0, 1]);
    assert_eq!(n(&harness, "a", 1).await, json!("new"));
}

#[tokio::test]
async fn a_removal_during_a_sweep_leaves_nothing() {
    let harness = harness().await;
    harness.write("config", json!({ "max_versions": VERSIONS_MAX })).await;
    seed(&harness, "a", 300).await;
    harness.write("config", json!({ "max_versions": 2 })).await;
    put(&harness, "a", json!({ "n": 301 })).await;
    assert_eq!(harness.delete("metadata/a").await, json!({}));
    harness.settle().await.unwrap();
    assert_eq!(counts(&harness).await, [0, 0, 0]);
    assert_eq!(harness.due_lines().await.unwrap(), []);
}

#[tokio::test]
async fn a_request_names_no_more_versions_than_there_can_be() {
    let harness = harness().await;
    let numbers: Vec<u64> = (0..=VERSIONS_MAX.into()).collect();
    for what in ["delete", "undelete", "destroy"] {
        let reply = harness.write(&format!("{what}/a"), json!({ "versions": numbers })).await;
        assert_eq!(reply, refused("too many versions: at most 24000 in one request"), "{what}");
    }
}

#[tokio::test]
async fn a_lost_page_is_reported_and_not_guessed() {
    let harness = harness().await;
    seed(&harness, "a", 300).await;
    let generation = history(&harness, "a").await.generation;
    let name = page_name(&path("a"), &generation, 1);
    let revision = harness.view().get(&name).await.unwrap().unwrap().revision();
    harness.view().changes().delete(&name, revision).commit().await.unwrap();
    assert_eq!(harness.read("data/a?version=64").await["error"], "world");
    assert_eq!(harness.read("metadata/a").await["error"], "world");
    assert_eq!(harness.read("data/a").await["data"]["data"]["n"], 300);
    assert_eq!(harness.delete("metadata/a").await, json!({}));
    assert_eq!(counts(&harness).await, [0, 0, 0]);
}

#[tokio::test]
async fn what_an_earlier_release_stored_in_pages_opens() {
    let harness = harness().await;
    let view = harness.view();
    let generation = "8000000000000001";
    let entries = [
        ("meta/a".to_owned(), include_str!("../../golden/stored/v2-history-2.json").trim_end()),
        (format!("page/a\0{generation}0000000000000000"), include_str!("../../golden/stored/v2-page.json").trim_end()),
        (format!("data/a\0{generation}{:016x}", 62), r#"{"x":62}"#),
        (format!("data/a\0{generation}{:016x}", 64), r#"{"x":64}"#),
    ];
    for (name, text) in entries {
        view.changes().create(&name, text.as_bytes().to_vec()).commit().await.unwrap();
    }
    assert_eq!(harness.read("data/a").await["data"]["data"], json!({ "x": 64 }));
    assert_eq!(harness.read("data/a?version=62").await["data"]["data"], json!({ "x": 62 }));
    assert_eq!(harness.read("data/a?version=61").await, missing());
    let metadata = harness.read("metadata/a").await["data"].clone();
    let version = |deleted: &str, destroyed: bool| json!({ "created_time": START, "deletion_time": deleted, "destroyed": destroyed });
    let versions = json!({ "62": version("", false), "63": version(START, true), "64": version("", false) });
    assert_eq!(metadata["versions"], versions);
    assert_eq!((&metadata["oldest_version"], &metadata["current_version"]), (&json!(62), &json!(64)));
    assert_eq!(harness.delete("metadata/a").await, json!({}));
    assert_eq!(stored_count(&harness).await, 0);
}

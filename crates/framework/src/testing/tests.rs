use super::*;
use crate::sample;

#[tokio::test]
async fn counts_what_a_request_costs() {
    let (harness, counting) = Harness::counted(sample::engine()).await;
    harness.write("notes/a", json!({ "text": "hi" })).await;
    let tally = counting.take();
    assert_eq!((tally.reads, tally.commits), (1, 1));
    harness.read("notes/a").await;
    assert_eq!(counting.take().reads, 0, "what was written is cached");
    harness.make_cold(&["a"]).await;
    counting.take();
    harness.read("notes/a").await;
    assert_eq!(counting.take().reads, 1);
}

#[tokio::test]
async fn prefixes_keep_mounts_apart() {
    let harness = Harness::new(sample::engine()).await;
    harness.write("notes/a", json!({ "text": "hi" })).await;
    let harness = harness.with_prefix("ns/root/data/other/");
    assert_eq!(harness.read("notes/a").await, json!({ "error": "not found" }));
}

#[test]
fn queries_are_split_into_values() {
    assert_eq!(Value::Object(parse_query("a=1&b&c=x=y")), json!({ "a": "1", "b": "", "c": "x=y" }));
    assert_eq!(parse_query(""), Map::new());
}

#[test]
fn errors_are_shown_with_their_causes() {
    let error = Error::world("read from storage", "the disk is gone");
    assert_eq!(show(Err(error)), json!({ "error": "world", "text": "read from storage: the disk is gone" }));
    assert_eq!(show(Err(Error::NotFound)), json!({ "error": "not found" }));
}

use framework::conformance::{self, Step};
use framework::testing::Harness;
use framework::{Caller, Operation};
use serde_json::json;

use super::*;
use crate::golden;

fn engine() -> Arc<dyn Mounted> {
    make(&Options::new()).expect("a sound table")
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::read("a"),
        Step::write("a", json!({ "x": 1 })),
        Step::write("a", json!({ "x": 2 })),
        Step::write("b/c", json!({ "y": 1 })),
        Step::list(""),
        Step::list("b/"),
        Step::scan(""),
        Step::delete("a"),
        Step::read("a"),
        Step::read("b/c"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "cubbyhole", "cubbyhole");
}

#[tokio::test]
async fn secrets_have_no_lease() {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.write("a", json!({ "ttl": "1h", "x": 1 })).await, json!({}));
    assert_eq!(harness.read("a").await, json!({ "data": { "ttl": "1h", "x": 1 } }));
}

#[tokio::test]
async fn one_token_does_not_see_the_secrets_of_another() {
    let harness = Harness::new(engine()).await.with_prefix("ns/root/cubbyhole/one/");
    harness.write("a", json!({ "x": 1 })).await;
    let harness = harness.with_prefix("ns/root/cubbyhole/two/");
    assert_eq!(harness.read("a").await, json!({ "error": "not found" }));
    assert_eq!(harness.list("").await, json!({ "data": { "keys": [] } }));
    assert_eq!(harness.scan("").await, json!({ "data": { "keys": [] } }));
}

#[tokio::test]
async fn there_is_nothing_without_a_token() {
    let harness = Harness::new(engine()).await;
    harness.write("a", json!({ "x": 1 })).await;
    let harness = harness.with_caller(Caller::default());
    let denied = json!({ "error": "permission denied" });
    assert_eq!(harness.read("a").await, denied);
    assert_eq!(harness.list("").await, denied);
    assert_eq!(harness.scan("").await, denied);
    assert_eq!(harness.delete("a").await, denied);
    assert_eq!(harness.write("a", json!({ "x": 2 })).await, denied);
    assert!(harness.call(Operation::Help, "a", serde_json::Map::new()).await.is_err(), "help is not a handler's task");
}

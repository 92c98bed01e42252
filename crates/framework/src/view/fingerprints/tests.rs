use serde_json::json;

use super::*;
use crate::sample;
use crate::testing::{Harness, object};

async fn hashes(object_of: Value) -> Vec<String> {
    let view = Harness::new(sample::engine()).await.view();
    view.hashes_of(&object(object_of)).expect("the harness hashes everything")
}

#[tokio::test]
async fn every_string_of_sixteen_characters_is_hashed_wherever_it_stands() {
    let found = hashes(json!({
        "short": "fifteen-letters",
        "exact": "sixteen-letters!",
        "umlauts": "äöüäöüäöüäöüäöü",
        "list": ["one-in-a-list-of-values", { "deep": "one-in-an-object-deep" }],
        "twice": "sixteen-letters!",
        "a-name-that-is-long-enough": 1_234_567_890_123_456_789_u64,
    }))
    .await;
    let mut ends: Vec<_> =
        ["letters!", "f-values", "ect-deep"].map(|end| data_encoding::HEXLOWER.encode(end.as_bytes())).into();
    ends.sort();
    let mut found = found;
    found.sort();
    assert_eq!(found, ends);
}

#[tokio::test]
async fn the_first_values_in_the_order_of_the_keys_are_those_that_count() {
    let many: Map<_, _> =
        (0..100).map(|number| (format!("key{number:03}"), json!(format!("value-of-key-{number:08}")))).collect();
    let found = hashes(Value::Object(many)).await;
    assert_eq!(found.len(), VALUES_MAX);
    let last = data_encoding::HEXLOWER.encode(format!("{:08}", VALUES_MAX - 1).as_bytes());
    assert!(found.contains(&last), "{found:?}");
}

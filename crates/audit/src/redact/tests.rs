//! Values in, hashes out: of trees and of text alike.

use proptest::prelude::*;
use secret::hmac_sha256;
use serde_json::json;

use super::*;

const SALT: &[u8] = b"a salt";

fn hash(text: &str) -> String {
    let mac = hmac_sha256(SALT, &[text.as_bytes()]);
    format!("hmac-sha256:{}", HEXLOWER.encode(&mac))
}

fn of_tree(value: &Value, clear: &[String]) -> Value {
    let mut out = Vec::new();
    Hasher::new(SALT, false).object(&mut out, value.as_object().expect("an object"), clear);
    serde_json::from_slice(&out).expect("what is written is JSON")
}

fn of_text(text: &str, clear: &[String]) -> Value {
    let mut out = Vec::new();
    Hasher::new(SALT, false).text(&mut out, text, clear);
    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
}

#[test]
fn strings_are_hashed_and_nothing_else() {
    let value = json!({
        "text": "a", "empty": "", "escaped": "\"\\\n\u{e9}", "number": 12, "float": 1.50, "yes": true, "nothing": null,
        "list": ["a", ["b", { "c": "d" }], 3, {}], "object": { "inner": { "innermost": "e" } }, "\"odd\" key": "f",
    });
    let expected = json!({
        "text": hash("a"), "empty": hash(""), "escaped": hash("\"\\\n\u{e9}"), "number": 12, "float": 1.50,
        "yes": true, "nothing": null, "list": [hash("a"), [hash("b"), { "c": hash("d") }], 3, {}],
        "object": { "inner": { "innermost": hash("e") } }, "\"odd\" key": hash("f"),
    });
    assert_eq!(of_tree(&value, &[]), expected);
    assert_eq!(of_text(&value.to_string(), &[]), expected);
    assert_eq!(of_text(&serde_json::to_string_pretty(&value).expect("text"), &[]), expected);
}

#[test]
fn keys_at_the_top_can_be_exempt_with_all_below_them() {
    let value = json!({ "a": { "b": ["c"] }, "b": "d", "e": { "a": "f" } });
    let expected = json!({ "a": { "b": ["c"] }, "b": hash("d"), "e": { "a": hash("f") } });
    let clear = ["a".to_owned()];
    assert_eq!(of_tree(&value, &clear), expected);
    assert_eq!(of_text(&value.to_string(), &clear), expected);
    assert_eq!(of_text(r#"{"\u0061":"x","b":"y"}"#, &clear), json!({ "a": "x", "b": hash("y") }));
}

#[test]
fn raw_is_raw_and_a_hash_that_is_asked_for_is_a_hash() {
    let hasher = Hasher::new(SALT, true);
    let mut out = Vec::new();
    hasher.text(&mut out, r#"{"a":"b"}"#, &[]);
    assert_eq!(out, br#"{"a":"b"}"#);
    assert_eq!(hasher.hash("b"), hash("b"));
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\\\\"{}\\[\\],: a]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn text_is_hashed_as_its_tree_is(
        map in prop::collection::btree_map("[a-c\"\\\\]{0,3}", values(), 0..5),
        clear in prop::collection::vec("[a-c]", 0..2),
    ) {
        let value = Value::Object(map.into_iter().collect());
        prop_assert_eq!(of_text(&value.to_string(), &clear), of_tree(&value, &clear));
    }
}

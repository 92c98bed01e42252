//! How values print.

use serde_json::json;

use super::{Format, data_row, display, seconds};

#[test]
fn values_print_like_go() {
    for (value, text) in [
        (json!(null), "<nil>"),
        (json!("a b"), "a b"),
        (json!(true), "true"),
        (json!([1, "a", null]), "[1 a <nil>]"),
        (json!({"b": [], "a": {"x": 1}}), "map[a:map[x:1] b:[]]"),
    ] {
        assert_eq!(display(&value), text);
    }
    assert_eq!(
        display(&serde_json::from_str("123456789012345678901234567890").expect("a number")),
        "123456789012345678901234567890"
    );
}

#[test]
fn what_is_named_like_a_duration_prints_as_one() {
    for (key, value, text) in [
        ("ttl", json!(2_764_800), "768h"),
        ("creation_ttl", json!(60), "1m"),
        ("token_period", json!(0), "0s"),
        ("lease_duration", json!("1h"), "1h"),
        ("settling", json!(5), "5"),
        ("battle_bottle", json!(5), "5"),
        ("rottl", json!(5), "5"),
    ] {
        assert_eq!(data_row(key, &value)[1], text, "{key}");
    }
    assert_eq!(seconds(-1), "-1");
}

#[test]
fn formats_have_names() {
    assert_eq!(Format::parse("JSON").expect("known"), Format::Json);
    assert!(Format::parse("xml").is_err());
}

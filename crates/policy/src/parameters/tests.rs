//! Tables of patterns and values.

use serde_json::{Value, json};

use super::{Parameters, is_allowed, is_denied};

fn patterns(value: &Value) -> Vec<Value> {
    value.as_array().expect("the tables hold lists").clone()
}

#[test]
fn values_match_patterns() {
    for (list, value, allowed, denied) in [
        // No pattern: any value.
        (json!([]), json!("x"), true, true),
        (json!(["a"]), json!("a"), true, true),
        (json!(["a"]), json!("b"), false, false),
        (json!(["a*"]), json!("abc"), true, true),
        (json!(["*c"]), json!("abc"), true, true),
        (json!(["*b*"]), json!("abc"), true, true),
        (json!(["**"]), json!("abc"), true, true),
        (json!(["*"]), json!("abc"), false, false),
        (json!(["*"]), json!("*"), true, true),
        (json!(["a*c"]), json!("abc"), false, false),
        // Numbers and Booleans by what they mean.
        (json!([3600]), json!(3600), true, true),
        (json!([3600]), json!("3600"), true, true),
        (json!(["3600"]), json!(3600), true, true),
        (json!([3600]), json!(3600.0), true, true),
        (json!([3600]), json!("3.6e3"), true, true),
        (json!([3600]), json!("1h"), false, false),
        (json!([9_007_199_254_740_993_u64]), json!(9_007_199_254_740_992_u64), false, false),
        (json!([true]), json!("true"), true, true),
        (json!([true]), json!(false), false, false),
        // Lists: as a whole, or each element.
        (json!(["a", "b"]), json!(["a", "b"]), true, true),
        (json!(["a", "b"]), json!(["a", "c"]), false, true),
        (json!(["a"]), json!(["c"]), false, false),
        (json!([["a", "c"]]), json!(["a", "c"]), true, true),
        (json!(["a"]), json!([]), true, false),
        (json!(["a", "b"]), json!("a, b"), true, true),
        (json!(["a", "b"]), json!("a,c"), false, true),
        (json!(["a", "b"]), json!("[\"a\",\"c\"]"), false, true),
        // Elements are trimmed where they are taken, and no pattern lets a further element pass.
        (json!(["a"]), json!([" a", "a "]), true, true),
        (json!(["dev-*"]), json!("dev-x,root"), false, true),
        (json!(["dev-*"]), json!("dev-x, dev-y"), true, true),
        (json!(["a, b"]), json!("a, b"), true, true),
        (json!([3600]), json!(" 3600"), true, true),
        // Null and objects are equal or not.
        (json!([null]), json!(null), true, true),
        (json!(["a"]), json!(null), false, false),
        (json!([{"a": 1}]), json!({"a": 1}), true, true),
        (json!([{"a": 1}]), json!({"a": 2}), false, false),
    ] {
        assert_eq!(is_allowed(&patterns(&list), &value), allowed, "allowed {list} with {value}");
        assert_eq!(is_denied(&patterns(&list), &value), denied, "denied {list} with {value}");
    }
}

#[test]
fn names_of_policies_are_compared_as_they_are_taken() {
    let mut parameters = Parameters::default();
    parameters.insert("policies", patterns(&json!(["admin", "ops-*"])));
    parameters.insert("other", patterns(&json!(["admin"])));
    for value in [json!("Admin"), json!([" ADMIN "]), json!("x, Admin"), json!(["x", "Ops-1"]), json!("[\"Admin\"]")] {
        for name in ["policies", "Policies"] {
            let data = serde_json::Map::from_iter([(name.to_owned(), value.clone())]);
            assert_eq!(parameters.first_denied(&data), Some(name), "{value}");
        }
        let data = serde_json::Map::from_iter([("other".to_owned(), json!("Admin"))]);
        assert_eq!(parameters.first_denied(&data), None, "other texts keep their case");
    }
    let data = serde_json::Map::from_iter([("policies".to_owned(), json!(["Admin", "OPS-1"]))]);
    assert_eq!(parameters.first_not_allowed(&data), None);
}

#[test]
fn any_value_wins_when_policies_meet() {
    let parameters = |entries: &[(&str, Value)]| {
        let mut parameters = Parameters::default();
        entries.iter().for_each(|(name, list)| parameters.insert(name, patterns(list)));
        parameters
    };
    let mut merged = parameters(&[("A", json!(["x"])), ("b", json!(["x"])), ("c", json!([]))]);
    merged.merge(&parameters(&[("a", json!(["y"])), ("b", json!([])), ("c", json!(["y"])), ("d", json!(["z"]))]));
    let expected = parameters(&[("a", json!(["x", "y"])), ("b", json!([])), ("c", json!([])), ("d", json!(["z"]))]);
    assert_eq!(merged, expected);
}

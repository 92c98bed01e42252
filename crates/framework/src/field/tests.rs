use serde_json::json;

use super::*;

/// What a wire value becomes; `None` is a refusal.
fn check<T: FieldValue + PartialEq + std::fmt::Debug>(rows: Vec<(Value, Option<T>)>) {
    for (value, expected) in rows {
        assert_eq!(T::coerce(value.clone()).ok(), expected, "{value}");
    }
}

fn texts(items: &[&str]) -> Option<Vec<String>> {
    Some(items.iter().map(|item| (*item).to_owned()).collect())
}

#[test]
fn strings_take_numbers_and_booleans() {
    check::<String>(vec![
        (json!("a"), Some("a".to_owned())),
        (json!(12), Some("12".to_owned())),
        (json!(true), Some("1".to_owned())),
        (json!(false), Some("0".to_owned())),
        (
            serde_json::from_str("123456789012345678901234567890").unwrap(),
            Some("123456789012345678901234567890".into()),
        ),
        (json!(["a"]), None),
        (json!({}), None),
    ]);
}

#[test]
fn booleans_take_what_go_parses() {
    for text in ["1", "t", "T", "true", "TRUE", "True"] {
        check(vec![(json!(text), Some(true))]);
    }
    for text in ["", "0", "f", "F", "false", "FALSE", "False"] {
        check(vec![(json!(text), Some(false))]);
    }
    check::<bool>(vec![
        (json!(true), Some(true)),
        (json!(0), Some(false)),
        (json!(7), Some(true)),
        (json!("yes"), None),
        (json!("tRuE"), None),
        (json!(1.5), None),
        (json!([]), None),
    ]);
}

#[test]
fn integers_take_whole_numbers_in_any_notation() {
    check::<i64>(vec![
        (json!(5), Some(5)),
        (json!(-5), Some(-5)),
        (json!("5"), Some(5)),
        (json!(" 5 "), Some(5)),
        (json!(""), Some(0)),
        (json!(5.0), Some(5)),
        (serde_json::from_str("5e2").unwrap(), Some(500)),
        (json!("9223372036854775807"), Some(i64::MAX)),
        (json!("9223372036854775808"), None),
        (json!(5.5), None),
        (json!("five"), None),
        (json!("1e400"), None),
        (json!("NaN"), None),
        (json!(true), None),
        (json!([5]), None),
    ]);
    check::<u64>(vec![(json!(u64::MAX), Some(u64::MAX)), (json!(-1), None), (json!("18446744073709551616"), None)]);
    check::<u16>(vec![(json!(65535), Some(65535)), (json!(65536), None)]);
}

#[test]
fn durations_take_seconds_and_text() {
    let secs = |secs| Some(Duration::from_secs(secs));
    check::<Duration>(vec![
        (json!(90), secs(90)),
        (json!("90"), secs(90)),
        (json!(" 1h30m "), secs(5400)),
        (json!("7d"), secs(604_800)),
        (json!(60.0), secs(60)),
        (json!(""), secs(0)),
        (json!("-1s"), None),
        (json!(1.5), None),
        (json!("soon"), None),
        (json!([60]), None),
    ]);
    check::<SignedNanos>(vec![
        (json!("-1s"), Some(SignedNanos(-1_000_000_000))),
        (json!(2), Some(SignedNanos(2_000_000_000))),
        (json!("never"), None),
    ]);
}

#[test]
fn lists_take_arrays_and_commas() {
    check::<Vec<String>>(vec![
        (json!(["a", "b"]), texts(&["a", "b"])),
        (json!("a, b,,c "), texts(&["a", "b", "c"])),
        (json!("[\"a\",\"b,c\"]"), texts(&["a", "b,c"])),
        (json!(["a,b"]), texts(&["a,b"])),
        (json!([1, "b"]), texts(&["1", "b"])),
        (json!(1), texts(&["1"])),
        (json!(""), texts(&[])),
        (json!([]), texts(&[])),
        (json!("[broken"), None),
        (json!([["a"]]), None),
        (json!({}), None),
    ]);
    check::<Vec<u64>>(vec![
        (json!([1, "2"]), Some(vec![1, 2])),
        (json!("1,2"), Some(vec![1, 2])),
        (json!(3), Some(vec![3])),
        (json!("1,b"), None),
        (json!([-1]), None),
    ]);
}

#[test]
fn maps_take_objects_and_pairs() {
    let map = |pairs: &[(&str, &str)]| -> Option<BTreeMap<String, String>> {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    };
    check(vec![
        (json!({ "a": "1", "b": 2 }), map(&[("a", "1"), ("b", "2")])),
        (json!(["a=1", "b=x=y"]), map(&[("a", "1"), ("b", "x=y")])),
        (json!("a=1,b=2"), map(&[("a", "1"), ("b", "2")])),
        (json!("{\"a\":\"1\"}"), map(&[("a", "1")])),
        (json!(["a"]), None),
        (json!({ "a": [] }), None),
        (json!(1), None),
    ]);
    check::<Map<String, Value>>(vec![
        (json!({ "a": [1] }), Some(Map::from_iter([("a".into(), json!([1]))]))),
        (json!([]), None),
    ]);
}

#[test]
fn times_take_rfc_3339() {
    let time = "2030-01-31T12:00:00Z";
    check::<Timestamp>(vec![(json!(time), Some(time.parse().unwrap())), (json!("tomorrow"), None), (json!(1), None)]);
}

#[test]
fn a_change_tells_null_from_absent() {
    assert_eq!(Change::<u32>::absent(), Some(Change::Keep));
    assert_eq!(Change::<u32>::coerce(Value::Null), Ok(Change::Reset));
    assert_eq!(Change::<u32>::coerce(json!("7")), Ok(Change::Set(7)));
    let applied = |change: Change<u32>| {
        let mut value = 1;
        change.apply(&mut value, 9);
        value
    };
    assert_eq!([Change::Keep, Change::Reset, Change::Set(5)].map(applied), [1, 9, 5]);
}

#[test]
fn a_complaint_never_repeats_the_value() {
    let secret = json!([{ "hunter2": "hunter2" }]);
    let complaints = [
        String::coerce(secret.clone()).unwrap_err(),
        bool::coerce(json!("hunter2")).unwrap_err(),
        u32::coerce(json!("hunter2")).unwrap_err(),
        Duration::coerce(json!("hunter2")).unwrap_err(),
        Vec::<String>::coerce(secret).unwrap_err(),
        Vec::<u64>::coerce(json!("hunter2")).unwrap_err(),
        BTreeMap::<String, String>::coerce(json!("hunter2")).unwrap_err(),
        Timestamp::coerce(json!("hunter2")).unwrap_err(),
    ];
    for complaint in complaints {
        assert!(!complaint.0.contains("hunter2"), "{}", complaint.0);
    }
}

//! The decoder against a table and against `serde_json`; the printer against what Go prints.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{JsonError, Limits, Problem, check, float, parse, to_string, to_string_pretty};

fn parse_default(text: &[u8]) -> Result<Value, JsonError> {
    let parsed = parse(text, &Limits::default());
    assert_eq!(parsed.as_ref().err(), check(text, &Limits::default()).as_ref().err());
    parsed
}

#[test]
fn valid_texts_are_read() {
    for (text, value) in [
        ("null", json!(null)),
        (" [ ] ", json!([])),
        ("{}", json!({})),
        (r#"{"a":{"b":[1,true,false,null,"x"]},"c":{}}"#, json!({"a": {"b": [1, true, false, null, "x"]}, "c": {}})),
        (r#""\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00é""#, json!("\"\\/\u{8}\u{c}\n\r\tAé😀é")),
        ("[{\"a\":1},{\"a\":1}]", json!([{"a": 1}, {"a": 1}])),
    ] {
        assert_eq!(parse_default(text.as_bytes()), Ok(value), "{text}");
    }
}

#[test]
fn numbers_keep_their_text() {
    for text in ["0", "-0", "123456789012345678901234567890", "1.10", "-1e+400", "1e-2"] {
        assert_eq!(parse_default(text.as_bytes()).expect("a number").to_string(), text);
    }
    assert_eq!(parse_default(b"1E5").expect("a number").to_string(), "1e+5");
}

#[test]
fn problems_name_their_place() {
    for (text, offset, line, problem) in [
        ("", 0, 1, Problem::Ended("a value")),
        ("{", 1, 1, Problem::Ended("a key in double quotes")),
        ("{\n\"a\"\n1}", 6, 3, Problem::Expected("a colon")),
        ("{\"a\":1,}", 7, 1, Problem::Expected("a key in double quotes")),
        ("{\"a\":1 \"b\":2}", 7, 1, Problem::Expected("a comma or a closing brace")),
        ("[1,]", 3, 1, Problem::Expected("a value")),
        ("[1}", 2, 1, Problem::Expected("a comma or a closing bracket")),
        ("[1", 2, 1, Problem::Ended("a comma or a closing bracket")),
        ("nul", 0, 1, Problem::Expected("true, false or null")),
        ("1 2", 2, 1, Problem::Expected("nothing behind the value")),
        ("01", 1, 1, Problem::Expected("nothing behind the value")),
        ("-", 1, 1, Problem::Ended("a digit")),
        ("1.e", 2, 1, Problem::Expected("a digit")),
        ("+1", 0, 1, Problem::Expected("a value")),
        ("\"a", 2, 1, Problem::Ended("a closing quote")),
        ("\"a\nb\"", 2, 1, Problem::ControlCharacter),
        (r#""\x""#, 2, 1, Problem::Escape),
        (r#""\ud83d""#, 2, 1, Problem::LoneSurrogate),
        (r#""\ude00""#, 2, 1, Problem::LoneSurrogate),
        (r#""\ud83d\n""#, 2, 1, Problem::LoneSurrogate),
        (r#""\ud83dA""#, 2, 1, Problem::LoneSurrogate),
        (r#""\u12g4""#, 3, 1, Problem::Expected("four hexadecimal digits")),
        (r#"{"a":1,"\u0061":2}"#, 7, 1, Problem::DuplicateKey),
        ("\u{feff}{}", 0, 1, Problem::Expected("a value")),
    ] {
        assert_eq!(parse_default(text.as_bytes()), Err(JsonError { problem, offset, line }), "{text}");
    }
    let not_utf8 = parse_default(b"\"\xff\"").expect_err("not UTF-8");
    assert_eq!((not_utf8.problem, not_utf8.offset), (Problem::NotUtf8, 1));
}

#[test]
fn every_limit_holds_exactly() {
    let limits = Limits { depth: 2, string_bytes: 3, object_entries: 2, array_elements: 2, tokens: 8 };
    for fits in ["[[1]]", "\"abc\"", r#"{"a":1,"b":2}"#, "[1,2]", "[[1,2],[]]", r#""\u00e9a""#] {
        assert_eq!(check(fits.as_bytes(), &limits), Ok(()), "{fits}");
    }
    for past in
        ["[[[1]]]", "\"abcd\"", r#"{"abcd":1}"#, r#"{"a":1,"b":2,"c":3}"#, "[1,2,3]", "[[1,2],[3]]", r#""\u00e9ab""#]
    {
        let error = check(past.as_bytes(), &limits).expect_err(past);
        assert!(matches!(error.problem, Problem::Limit { .. }), "{past}: {error}");
    }
    assert!(check("1".repeat(1025).as_bytes(), &Limits::default()).is_err());
}

#[test]
fn the_deepest_allowed_text_is_read_and_dropped() {
    let text = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse_default(text(500).as_bytes()).is_ok());
    assert!(parse_default(text(501).as_bytes()).is_err());
    assert!(check("[".repeat(1_000_000).as_bytes(), &Limits::default()).is_err());
}

#[test]
fn errors_do_not_repeat_what_was_sent() {
    let error = parse_default(br#"{"password":"hunter2","password":"hunter2"}"#).expect_err("duplicate");
    assert_eq!(error.to_string(), "JSON at line 1, byte 22: the object has this key twice");
}

#[test]
fn printing_escapes_like_go() {
    let value = json!({"b": "<a href=\"x\">&</a>\u{2028}\u{2029}é\n\u{1}", "a": 1.50, "<": []});
    assert_eq!(
        to_string(&value).expect("a value"),
        r#"{"\u003c":[],"a":1.5,"b":"\u003ca href=\"x\"\u003e\u0026\u003c/a\u003e\u2028\u2029é\n\u0001"}"#
    );
    assert_eq!(
        to_string_pretty(&json!({"a": [1], "b": {}})).expect("a value"),
        "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}"
    );
}

#[test]
fn floats_print_like_go() {
    for (value, text) in [
        (60.0, "60"),
        (0.5, "0.5"),
        (-2.0, "-2"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e-7, "1.5e-7"),
        (1e-6, "0.000001"),
        (0.0, "0"),
    ] {
        assert_eq!(to_string(&value).expect("a float"), text);
        assert_eq!(float(value).expect("finite").to_string(), text);
    }
    assert_eq!(float(f64::NAN), None);
}

/// We accept what `serde_json` accepts, with an equal value, save for duplicates and limits; and nothing else.
fn agrees_with_serde_json(text: &[u8]) {
    let (ours, theirs) = (parse_default(text), serde_json::from_slice::<Value>(text));
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs),
        (Ok(_), Err(theirs)) => assert!(theirs.to_string().contains("recursion limit"), "{theirs}"),
        (Err(ours), Ok(_)) => {
            assert!(matches!(ours.problem, Problem::Limit { .. } | Problem::DuplicateKey), "{ours}");
        }
        (Err(_), Err(_)) => {}
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(value in any_value()) {
        let text = to_string(&value).expect("a value");
        prop_assert_eq!(parse_default(text.as_bytes()), Ok(value.clone()));
        let pretty = to_string_pretty(&value).expect("a value");
        prop_assert_eq!(parse_default(pretty.as_bytes()), Ok(value));
    }

    #[test]
    fn broken_texts_are_judged_like_serde_json_does(value in any_value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = to_string(&value).expect("a value").into_bytes();
        let index = at.index(text.len());
        text[index] = byte;
        agrees_with_serde_json(&text);
    }

    #[test]
    fn json_like_noise_is_judged_like_serde_json_does(text in r#"[]\[{}",:\\u0-9dDae+.\- tfnulrs]{0,24}"#) {
        agrees_with_serde_json(text.as_bytes());
    }
}

#[test]
fn the_corpus_passes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/json");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the repository") {
        let bytes = std::fs::read(entry.expect("readable").path()).expect("readable");
        agrees_with_serde_json(&bytes);
        files += 1;
    }
    assert!(files > 0);
}

use serde_json::{Value, json};

use super::{FORM, parse};
use crate::status::Refusal;

const JSON: &str = api::header::JSON;

fn check(media_type: &str, body: &str, expected: Result<Value, &str>) {
    let limits = api::json::Limits::default();
    match (parse(media_type, body.as_bytes(), &limits), expected) {
        (Ok(map), Ok(expected)) => assert_eq!(Value::Object(map), expected, "{body}"),
        (Err(Refusal::Malformed(text)), Err(start)) => assert!(text.starts_with(start), "{body}: {text}"),
        (found, _) => panic!("{media_type} {body}: {found:?}"),
    }
}

#[test]
fn json_is_an_object_or_nothing() {
    check(JSON, "", Ok(json!({})));
    check(JSON, " \r\n", Ok(json!({})));
    check(JSON, "null", Ok(json!({})));
    check(JSON, r#"{"a":{"b":[1]}}"#, Ok(json!({"a": {"b": [1]}})));
    for body in ["[]", "1", "\"text\"", "true"] {
        check(JSON, body, Err("error parsing JSON: the body must be an object"));
    }
    for body in ["{", "{\"a\":1,}", "{\"a\":1}{}", "a=b", "{\"a\":1,\"a\":2}"] {
        check(JSON, body, Err("error parsing JSON at line 1, byte "));
    }
}

#[test]
fn other_and_missing_media_types_are_json() {
    check("", r#"{"a":1}"#, Ok(json!({"a": 1})));
    check("text/plain", r#"{"a":1}"#, Ok(json!({"a": 1})));
    check("application/merge-patch+json", r#"{"a":null}"#, Ok(json!({"a": null})));
}

#[test]
fn what_curl_calls_a_form_is_looked_into() {
    check(FORM, r#"{"a":1}"#, Ok(json!({"a": 1})));
    check(FORM, "\n  {\"a\":1}", Ok(json!({"a": 1})));
    check(FORM, "[1]", Err("error parsing JSON: the body must be an object"));
    check(FORM, "a=1&b=x+y&a=2", Ok(json!({"a": ["1", "2"], "b": "x y"})));
    check(FORM, "a=%zz", Err("error parsing form"));
    check(FORM, &format!("{}{{\"a\":1}}", " ".repeat(511)), Ok(json!({"a": 1})));
    // Outside of the window it is a form, whose one name is all of this.
    let far = format!("{}{{}}", " ".repeat(512));
    check(FORM, &far, Ok(json!({ far.clone(): "" })));
}

#[test]
fn numbers_keep_their_text() {
    let body = r#"{"big":123456789012345678901234567890,"fraction":1.10}"#;
    let map = parse(JSON, body.as_bytes(), &api::json::Limits::default()).unwrap();
    assert_eq!(serde_json::to_string(&map).unwrap(), body);
}

#[test]
fn errors_do_not_repeat_the_body() {
    for (media_type, body) in [(JSON, r#"{"hunter2":"#), (FORM, "hunter2=%zz"), (JSON, r#"{"hunter2":1,"hunter2":2}"#)]
    {
        let Err(Refusal::Malformed(text)) = parse(media_type, body.as_bytes(), &api::json::Limits::default()) else {
            panic!("{body} was taken")
        };
        assert!(!text.contains("hunter2"), "{text}");
    }
}

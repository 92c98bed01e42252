use serde_json::{Value, json};

use super::{FormError, PAIRS_MAX, parse};

fn check(text: &str, expected: &Result<Value, FormError>) {
    assert_eq!(parse(text.as_bytes()).map(Value::Object), *expected, "{text:?}");
}

#[test]
fn pairs_become_texts_and_repeated_names_become_lists() {
    check("", &Ok(json!({})));
    check("a=1", &Ok(json!({"a": "1"})));
    check("a", &Ok(json!({"a": ""})));
    check("a=", &Ok(json!({"a": ""})));
    check("&&a=b=c&", &Ok(json!({"a": "b=c"})));
    check("a=x+y&b=%2B%26%3d", &Ok(json!({"a": "x y", "b": "+&="})));
    check("a=1&a=2&a=3&b=4", &Ok(json!({"a": ["1", "2", "3"], "b": "4"})));
    check("%C3%BC=%E2%82%AC", &Ok(json!({"ü": "€"})));
}

#[test]
fn what_is_broken_is_refused_and_not_repaired() {
    check("a=%", &Err(FormError::Escape));
    check("%zz=1", &Err(FormError::Escape));
    check("a=%ff", &Err(FormError::NotUtf8));
    check(&"a&".repeat(PAIRS_MAX + 1), &Err(FormError::TooMany));
    assert!(parse("a&".repeat(PAIRS_MAX).as_bytes()).is_ok());
}

//! Nesting, and texts that look like something else.

use serde_json::json;

use super::to_string;

#[test]
fn values_print_as_block_yaml() {
    let value = json!({
        "a": {"b": [1, {"c": null, "d": []}], "e": {}},
        "list": ["x", ["y"]],
        "text": "two words", "number": "12", "truth": "Yes", "empty": "", "colon": "a: b", "lines": "a\nb", "hash": "#",
        "1": true,
    });
    let expected = "\
\"1\": true
a:
  b:
  - 1
  -
    c: null
    d: []
  e: {}
colon: \"a: b\"
empty: \"\"
hash: \"#\"
lines: \"a\\nb\"
list:
- x
-
  - \"y\"
number: \"12\"
text: two words
truth: \"Yes\"";
    assert_eq!(to_string(&value), expected);
    assert_eq!(to_string(&json!("x")), "x");
    assert_eq!(to_string(&json!({})), "{}");
}

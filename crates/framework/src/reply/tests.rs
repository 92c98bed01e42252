use serde_json::json;

use super::*;

#[test]
fn debug_shows_no_value() {
    let raw = RawValue::from_string(r#"{"password":"hunter2"}"#.to_owned()).unwrap();
    let replies = [
        Reply::data(json!({ "password": "hunter2" })),
        Reply::raw(raw),
        Reply::body("text/plain", "hunter2"),
        Reply::empty().with_header("Location", "hunter2"),
    ];
    for reply in replies {
        let text = format!("{reply:?}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_reply_with_nothing_but_a_warning_has_a_body() {
    assert!(Reply::empty().is_empty());
    assert!(Reply::empty().with_status(Status::Accepted).is_empty());
    assert!(!Reply::empty().warn("look").is_empty());
    assert!(!Reply::list(Vec::new()).is_empty());
    assert!(!Reply::body("text/plain", "").is_empty());
    assert!(Reply::empty().with_header("Location", "/").is_empty());
}

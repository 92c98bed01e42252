use serde_json::json;

use super::*;

#[test]
fn debug_shows_no_value_and_no_token() {
    let mut request = Request::new("id".to_owned(), Operation::Update, "secret/a");
    request.token = Some(Secret::new("hvs.hunter2".to_owned()));
    request.data.insert("password".to_owned(), json!("hunter2"));
    let text = format!("{request:?}");
    assert!(text.contains("password") && text.contains("secret/a"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn operations_have_the_words_of_policies() {
    assert_eq!(Operation::Create.to_string(), "create");
    assert_eq!(Operation::Scan.to_string(), "scan");
    assert!(Operation::Patch.has_body() && !Operation::Delete.has_body());
}

//! What templates are taken, and what is refused.

use super::*;

fn refusal(text: &str) -> String {
    match Template::parse(text) {
        Ok(_) => panic!("{text} is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn templates_are_json_objects_with_values_for_parameters() {
    for text in [
        "",
        "{}",
        r#"{"name": {{identity.entity.name}}}"#,
        r#"{"nested": {"groups": {{ identity.entity.groups.names }}}}"#,
        r#"{"list": [{{identity.entity.id}}, 1, null, {"deep": {{identity.entity.metadata}}}]}"#,
        r#"{"team": {{identity.entity.metadata.team}}, "mail": {{identity.entity.aliases.auth_x_1.metadata.mail}}}"#,
        r#"{"custom": {{identity.entity.aliases.auth_x_1.custom_metadata}}}"#,
        r#"{"nbf": {{time.now}}, "until": {{time.now.plus.5m}}, "since": {{time.now.minus.30d}}}"#,
        r#"{"lead": {{identity.groups.names.leads.metadata.mail}}, "id": {{identity.groups.ids.x.name}}}"#,
        // The same as the second, in base64.
        "e30=",
    ] {
        assert!(Template::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn what_is_no_template_is_refused_with_the_reason() {
    let json = "error parsing template JSON: ";
    let cases = [
        ("[]", "error parsing template JSON: the template must be an object"),
        (r#"{"a": }"#, json),
        // A parameter in a string, or beside one, would be text of the template.
        (r#"{"a": "{{identity.entity.name}}"}"#, json),
        (r#"{"a": "x" {{identity.entity.name}}}"#, json),
        (r#"{"a": 1, {{identity.entity.name}}}"#, json),
        (r#"{{{identity.entity.name}}: 1}"#, "error parsing template: "),
        (r#"{"a": 1, {{identity.entity.name}}: 1}"#, "a parameter cannot stand for the name of a key"),
        (r#"{"a": {"b": [{ {{identity.entity.name}}: 1}]}}"#, "a parameter cannot stand for the name of a key"),
        (r#"{"a": [1, [{ {{identity.entity.name}}: 1}]]}"#, "a parameter cannot stand for the name of a key"),
        (r#"{"a": {{identity.entity.name}"#, "unbalanced templating characters"),
        (r#"{"a": {{identity.entity.secret}}}"#, "\"identity.entity.secret\" names nothing that is known of somebody"),
        (r#"{"a": {{identity.entity.custom_metadata.x}}}"#, "names nothing"),
        (r#"{"a": {{time.now.plus.soon}}}"#, "names nothing"),
        (r#"{"a": {{}}}"#, "names nothing"),
        (r#"{"a": 1, "a": 2}"#, "the object has this key twice"),
        (r#"{"sub": "root"}"#, "top level key \"sub\" not allowed. Restricted keys: iat, aud, exp, iss, sub"),
        (r#"{"nonce": {{identity.entity.id}}}"#, "top level key \"nonce\" not allowed"),
        (r#"{"namespace": 1}"#, "top level key \"namespace\" not allowed"),
    ];
    for (text, reason) in cases {
        let refused = refusal(text);
        assert!(refused.contains(reason), "{text}: {refused}");
    }
    assert!(Template::parse(r#"{"x": {"sub": 1}}"#).is_ok(), "only claims are reserved");
}

#[test]
fn templates_are_bounded() {
    let deep = format!("{}1{}", "{\"a\":".repeat(DEPTH_MAX + 1), "}".repeat(DEPTH_MAX + 1));
    assert!(refusal(&deep).starts_with("error parsing template JSON: "));
    let long = format!("{{\"a\": \"{}\"}}", "x".repeat(TEMPLATE_BYTES_MAX));
    assert!(refusal(&long).ends_with("the most is 16384"));
    let long = BASE64.encode(long.as_bytes());
    assert!(refusal(&long).ends_with("the most is 16384"));
    let many = vec!["{{time.now}}"; PARAMETERS_MAX + 1].join(",");
    assert!(refusal(&format!("{{\"a\": [{many}]}}")).ends_with("more than 256 parameters"));
}

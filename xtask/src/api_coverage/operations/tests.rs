use super::Operations;

/// The document's operations, one a line.
fn lines(paths: &str) -> Vec<String> {
    let operations = Operations::parse(&format!(r#"{{"paths": {paths}}}"#)).unwrap();
    operations.iter().map(|(shape, spelled)| format!("{} {} {spelled}", shape.method, shape.path)).collect()
}

#[test]
fn only_methods_are_operations() {
    let item = r#"{"/sys/seal": {"description": "", "x-vault-sudo": true, "parameters": [], "post": {}, "patch": {}}}"#;
    assert_eq!(lines(item), ["PATCH /sys/seal /sys/seal", "POST /sys/seal /sys/seal"]);
}

#[test]
fn parameters_lose_their_names() {
    let ours = lines(r#"{"/auth/token/roles/{role}": {"get": {}}}"#);
    let theirs = lines(r#"{"/auth/token/roles/{role_name}": {"get": {}}}"#);
    assert_eq!(ours, ["GET /auth/token/roles/{} /auth/token/roles/{role}"]);
    assert_eq!(theirs, ["GET /auth/token/roles/{} /auth/token/roles/{role_name}"]);
}

#[test]
fn a_mount_anywhere_is_named_by_its_type() {
    let anywhere = lines(r#"{"/{kv_v2_mount_path}/data/{path}": {"get": {}}}"#);
    assert_eq!(anywhere, lines(r#"{"/kv-v2/data/{path}": {"get": {}}}"#));
    assert_eq!(
        lines(r#"{"/auth/{ldap_mount_path}/config": {"get": {}}}"#),
        ["GET /auth/ldap/config /auth/ldap/config"]
    );
}

#[test]
fn a_get_that_demands_list_is_a_list_and_one_that_takes_it_is_not() {
    let required = r#"{"get": {"parameters": [{"name": "list", "in": "query", "required": true}]}}"#;
    let optional = r#"{"get": {"parameters": [{"name": "list", "in": "query"}]}}"#;
    assert_eq!(lines(&format!(r#"{{"/a/": {required}}}"#)), ["LIST /a /a"]);
    assert_eq!(lines(&format!(r#"{{"/a/": {optional}}}"#)), ["GET /a /a"]);
    assert_eq!(lines(&format!(r#"{{"/a": {optional}, "/a/": {required}}}"#)), ["GET /a /a", "LIST /a /a"]);
}

#[test]
fn one_shape_is_one_operation() {
    assert_eq!(lines(r#"{"/random/{bytes}": {"post": {}}, "/random/{source}": {"post": {}}}"#).len(), 1);
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "[]", "{}", r#"{"paths": {"/a": 1}}"#] {
        assert!(Operations::parse(text).is_err(), "{text}");
    }
}

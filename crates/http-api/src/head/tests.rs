use std::time::Duration;

use framework::{Operation, WrapFormat};
use http::Request;
use serde_json::{Value, json};

use super::{Head, TOKEN_BYTES_MAX, read};
use crate::status::{Refusal, of_refusal};

fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Head, Refusal> {
    let mut request = Request::builder().method(method).uri(format!("/v1/{path}"));
    for (name, value) in headers {
        request = request.header(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    read(&parts, parts.uri.path().strip_prefix("/v1/").unwrap())
}

fn check(method: &str, path: &str, expected: Result<(Operation, &str, Value), u16>) {
    let found = head(method, path, &[("content-type", "application/merge-patch+json")]);
    let found = found.map(|head| (head.operation, head.path, Value::Object(head.data)));
    let found = found.map_err(|refusal| of_refusal(refusal).status.as_u16());
    assert_eq!(found, expected.map(|(operation, path, data)| (operation, path.to_owned(), data)), "{method} {path}");
}

#[test]
fn methods_and_queries_become_operations() {
    check("GET", "a/b", Ok((Operation::Read, "a/b", json!({}))));
    check("HEAD", "a/b", Ok((Operation::Read, "a/b", json!({}))));
    check("POST", "a/b", Ok((Operation::Update, "a/b", json!({}))));
    check("PUT", "a/b", Ok((Operation::Update, "a/b", json!({}))));
    check("PATCH", "a/b", Ok((Operation::Patch, "a/b", json!({}))));
    check("DELETE", "a/b", Ok((Operation::Delete, "a/b", json!({}))));
    check("LIST", "a/b", Ok((Operation::List, "a/b/", json!({}))));
    check("LIST", "a/b/", Ok((Operation::List, "a/b/", json!({}))));
    check("SCAN", "a/b", Ok((Operation::Scan, "a/b/", json!({}))));
    check("HELP", "a/b", Ok((Operation::Help, "a/b", json!({}))));
    check("GET", "a/b?help=1", Ok((Operation::Help, "a/b", json!({}))));
    check("GET", "a/b?help=", Ok((Operation::Read, "a/b", json!({}))));
    for method in ["RECOVER", "OPTIONS", "TRACE", "CONNECTED", "get", "PROPFIND"] {
        check(method, "a/b", Err(405));
    }
}

#[test]
fn list_and_scan_are_go_booleans() {
    for word in ["1", "t", "T", "true", "TRUE", "True"] {
        check("GET", &format!("a?list={word}"), Ok((Operation::List, "a/", json!({}))));
        check("GET", &format!("a?scan={word}"), Ok((Operation::Scan, "a/", json!({}))));
        check("LIST", &format!("a?list={word}"), Ok((Operation::List, "a/", json!({}))));
    }
    for word in ["", "0", "f", "F", "false", "FALSE", "False"] {
        check("GET", &format!("a?list={word}"), Ok((Operation::Read, "a", json!({}))));
    }
    for word in ["yes", "tRUE", "2", "on", " true"] {
        check("GET", &format!("a?list={}", word.replace(' ', "+")), Err(400));
    }
    check("GET", "a?list=true&scan=true", Err(400));
    check("GET", "a?list=true&scan=false", Ok((Operation::List, "a/", json!({}))));
}

#[test]
fn queries_are_data_only_where_there_is_no_body() {
    let data = json!({"version": "2", "x": ["1", "2"]});
    let query = "a?version=2&x=1&x=2";
    check("GET", query, Ok((Operation::Read, "a", data.clone())));
    check("DELETE", query, Ok((Operation::Delete, "a", data.clone())));
    check("LIST", query, Ok((Operation::List, "a/", data)));
    check("POST", query, Ok((Operation::Update, "a", json!({}))));
    check("GET", "a?x=%zz", Err(400));
}

#[test]
fn writes_to_a_folder_are_refused() {
    for method in ["POST", "PUT", "PATCH"] {
        check(method, "a/", Err(400));
    }
    check("DELETE", "a/", Ok((Operation::Delete, "a/", json!({}))));
    check("GET", "a/", Ok((Operation::Read, "a/", json!({}))));
}

#[test]
fn patch_needs_its_media_type() {
    for value in ["application/merge-patch+json", "Application/Merge-Patch+JSON; charset=utf-8"] {
        assert!(head("PATCH", "a", &[("content-type", value)]).is_ok(), "{value}");
    }
    for headers in [&[][..], &[("content-type", "application/json")]] {
        assert!(matches!(head("PATCH", "a", headers), Err(Refusal::MergePatch)), "{headers:?}");
    }
}

fn check_token(headers: &[(&str, &str)], expected: Option<&str>) {
    let token = head("GET", "a", headers).unwrap().token;
    assert_eq!(token.as_ref().map(|token| token.expose().as_str()), expected, "{headers:?}");
}

#[test]
fn the_token_header_wins_over_a_bearer_token() {
    check_token(&[], None);
    check_token(&[("x-vault-token", "t")], Some("t"));
    check_token(&[("x-vault-token", "any text: ü!")], Some("any text: ü!"));
    check_token(&[("x-vault-token", "t"), ("authorization", "Bearer b")], Some("t"));
    check_token(&[("x-vault-token", ""), ("authorization", "Bearer b")], Some("b"));
    check_token(&[("authorization", "Basic x"), ("authorization", "Bearer  b ")], Some("b"));
    check_token(&[("authorization", "bearer b")], None);
    check_token(&[("authorization", "Bearer ")], None);
    let long = "x".repeat(TOKEN_BYTES_MAX);
    check_token(&[("x-vault-token", &long)], Some(&long));
    let longer = long + "x";
    assert!(matches!(head("GET", "a", &[("x-vault-token", &longer)]), Err(Refusal::TokenTooLong(_))));
}

#[test]
fn a_header_that_is_not_text_is_refused() {
    let request = Request::get("/v1/a").header("x-vault-token", http::HeaderValue::from_bytes(b"\xff").unwrap());
    let (parts, ()) = request.body(()).unwrap().into_parts();
    assert!(matches!(read(&parts, "a"), Err(Refusal::Malformed(_))));
}

fn check_wrap(value: &str, expected: Option<u64>) {
    let head = head("GET", "a", &[("x-vault-wrap-ttl", value)]).unwrap();
    assert_eq!(head.wrap_ttl, expected.map(Duration::from_secs), "{value}");
}

#[test]
fn a_wrapping_token_can_be_asked_for_as_a_jwt() {
    let format = |value| {
        let headers = [("x-vault-wrap-ttl", "60"), ("x-vault-wrap-format", value)];
        head("GET", "a", &headers).map(|head| head.wrap_format)
    };
    for (value, expected) in [("", WrapFormat::Token), ("jwt", WrapFormat::Jwt), ("JWT", WrapFormat::Jwt)] {
        assert_eq!(format(value).unwrap(), expected, "{value}");
    }
    assert!(matches!(format("paseto"), Err(Refusal::Malformed(text)) if !text.contains("paseto")));
    // Without a time there is nothing to wrap, and nothing to refuse.
    assert!(head("GET", "a", &[("x-vault-wrap-format", "paseto")]).is_ok());
}

#[test]
fn wrap_ttls_are_durations() {
    check_wrap("60", Some(60));
    check_wrap("1h", Some(3600));
    check_wrap("1d", Some(86_400));
    check_wrap("0", None);
    check_wrap("", None);
    for value in ["-1", "-5s", "soon", "5 parsecs"] {
        let Err(Refusal::Malformed(text)) = head("GET", "a", &[("x-vault-wrap-ttl", value)]) else {
            panic!("{value} was taken")
        };
        assert!(text.starts_with("error parsing X-Vault-Wrap-TTL header"), "{text}");
        assert!(!text.contains("parsecs"));
    }
}

#[test]
fn the_namespace_is_handed_on() {
    assert_eq!(head("GET", "a", &[]).unwrap().namespace, "");
    assert_eq!(head("GET", "a", &[("x-vault-namespace", "ns1/ns2")]).unwrap().namespace, "ns1/ns2");
}

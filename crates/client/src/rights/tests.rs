//! Which capabilities a call needs.

use std::path::Path;

use reqwest::Method;

use super::{needs_sudo, policy};
use crate::Request;

#[test]
fn a_policy_names_what_the_call_needs() {
    let list = Request::new(Method::GET, "secret/metadata").query("list", "true");
    let scan = Request::new(Method::GET, "secret/metadata").query("scan", "true");
    for (request, path, rights) in [
        (Request::new(Method::GET, "secret/data/a"), "secret/data/a", r#""read""#),
        (list, "secret/metadata", r#""list""#),
        (scan, "secret/metadata", r#""scan""#),
        (Request::new(Method::PUT, "/secret/data/a"), "secret/data/a", r#""create", "update""#),
        (Request::new(Method::PATCH, "secret/data/a"), "secret/data/a", r#""patch""#),
        (Request::new(Method::DELETE, "sys/auth/x"), "sys/auth/x", r#""delete", "sudo""#),
        (Request::new(Method::PUT, "sys/seal"), "sys/seal", r#""create", "update", "sudo""#),
    ] {
        assert_eq!(policy(&[request]), format!("path \"{path}\" {{\n  capabilities = [{rights}]\n}}"));
    }
    let odd = policy(&[Request::new(Method::GET, r#"a"b"#)]);
    assert!(odd.starts_with(r#"path "a\"b" {"#), "{odd}");
}

#[test]
fn a_policy_for_several_calls_has_a_block_for_each_path() {
    let calls = [("/b", Method::PUT), ("a", Method::DELETE), ("b", Method::GET), ("b", Method::GET)];
    let text = policy(&calls.map(|(path, method)| Request::new(method, path)));
    let (first, second) = text.split_once("\n\n").expect("two blocks");
    assert_eq!(first, "path \"a\" {\n  capabilities = [\"delete\"]\n}");
    assert_eq!(second, "path \"b\" {\n  capabilities = [\"create\", \"read\", \"update\"]\n}");
}

#[test]
fn ordinary_paths_need_no_sudo() {
    for path in ["sys/auth", "sys/leases/lookup", "sys/mounts/x", "auth/token/create", "secret/sys/seal", "sys/sealed"]
    {
        assert!(!needs_sudo(path), "{path}");
    }
}

/// The server writes the list of its rows down, for reviews; whoever adds one has to add it here.
#[test]
fn every_path_that_the_server_guards_is_known_here() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server-core/src/golden/access.txt");
    let list = std::fs::read_to_string(list).expect("the server's list");
    let guarded: Vec<_> = list.lines().filter(|line| line.ends_with("sudo")).collect();
    assert!(guarded.len() > 5, "the list has another form now");
    for line in guarded {
        let template = line.split(' ').next().expect("a path");
        let path: Vec<_> = template.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        assert!(needs_sudo(&path.join("/")), "{template}");
    }
}

use super::super::absent::Absent;
use super::super::operations::Operations;
use super::{Report, area};

/// A document with these operations, each a method and a path.
fn document(operations: &[&str]) -> Operations {
    let mut all = Operations::default();
    for operation in operations {
        let (method, path) = operation.split_once(' ').unwrap();
        let text = format!(r#"{{"paths": {{"{path}": {{"{}": {{}}}}}}}}"#, method.to_lowercase());
        all.extend(Operations::parse(&text).unwrap());
    }
    all
}

fn report(published: &[&str], ours: &[&str], absent: &str) -> Report {
    Report::new(&document(published), &document(ours), &Absent::parse(absent).unwrap())
}

#[test]
fn each_published_operation_counts_once() {
    let published = ["GET /sys/a", "POST /sys/b", "GET /sys/c/{x}", "GET /sys/d", "GET /sys/e"];
    let absent = "planned: p\n  POST /sys/b\nunscheduled: u\n  GET /sys/c/{y}\nnever: n\n  * /sys/d/**\n";
    let report = report(&published, &["GET /sys/a", "GET /sys/own"], absent);
    assert_eq!(
        report.sum(),
        "5 published operations: 1 answered, 1 missing, 1 planned, 1 not scheduled, 1 deliberately absent"
    );
    assert_eq!(report.missing, ["GET /sys/e"]);
    assert!(report.rotten.is_empty(), "{:?}", report.rotten);
    let text = report.markdown();
    assert!(text.contains("| sys: all else | 5 | 1 | 1 | 1 | 1 | 1 | 1 |"), "{text}");
    assert!(text.contains("| `* /sys/d/**` | n |"), "{text}");
}

#[test]
fn an_answered_operation_is_answered_whatever_the_list_says() {
    let report = report(&["GET /sys/a", "GET /sys/a/b"], &["GET /sys/a"], "planned: p\n  * /sys/a/**\n");
    assert!(report.sum().starts_with("2 published operations: 1 answered, 0 missing, 1 planned"), "{}", report.sum());
}

/// What is found in a list of one section, with two operations published and one of them answered.
fn rot(absent: &str) -> Vec<String> {
    report(&["GET /sys/done", "GET /sys/open"], &["GET /sys/done"], absent).rotten
}

#[test]
fn an_entry_that_means_nothing_is_rotten() {
    assert_eq!(rot("never: x\n  POST /sys/open\n"), ["2: POST /sys/open: no published operation is meant"]);
    assert_eq!(rot("planned: x\n  * /sys/gone/**\n"), ["2: * /sys/gone/**: no published operation is meant"]);
}

#[test]
fn an_entry_that_is_answered_is_rotten() {
    for plan in ["planned", "unscheduled", "never"] {
        let found = rot(&format!("{plan}: x\n  GET /sys/done\n"));
        assert_eq!(found, ["2: GET /sys/done: GET /sys/done is answered"]);
    }
}

#[test]
fn a_subtree_may_be_half_done_when_planned_but_not_when_it_must_never_be_there() {
    assert!(rot("planned: x\n  * /sys/**\n").is_empty());
    assert_eq!(rot("never: x\n  * /sys/**\n"), ["2: * /sys/**: GET /sys/done is answered"]);
}

#[test]
fn two_entries_for_one_operation_are_rotten() {
    let found = rot("planned: x\n  GET /sys/open\nnever: y\n  GET /sys/open\n");
    assert_eq!(found, ["4: GET /sys/open: line 2 speaks of the same"]);
}

#[test]
fn paths_fall_into_areas() {
    for (path, expected) in [
        ("/auth/token/create", "tokens"),
        ("/auth/ldap/login/{}", "auth: ldap"),
        ("/identity/entity", "identity"),
        ("/identity/oidc/key/{}", "identity: oidc"),
        ("/kv-v2/data/{}", "secrets: kv-v2"),
        ("/sys/policies/acl/{}", "sys: policies"),
        ("/sys/config/auditing/request-headers", "sys: audit"),
        ("/sys/config/cors", "sys: configuration"),
        ("/sys/license/status", "sys: all else"),
    ] {
        assert_eq!(area(path), expected, "{path}");
    }
}

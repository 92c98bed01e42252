//! Bad edges must be found, good ones must pass.

use super::*;

fn why_refused(from: &str, to: &str) -> Option<String> {
    refuse(&Edge { from: from.into(), to: to.into(), is_ours: true, is_dev: false })
}

#[track_caller]
fn check_refused(from: &str, to: &str, because: &str) {
    let why = why_refused(from, to).unwrap_or_default();
    assert!(why.contains(because), "{from} -> {to}: {why:?} lacks {because:?}");
}

#[test]
fn a_lower_layer_is_allowed() {
    assert_eq!(why_refused("barrier", "storage"), None);
    assert_eq!(why_refused("strongroom", "engines"), None);
    assert_eq!(why_refused("policy", "hcl"), None);
}

#[test]
fn the_same_layer_needs_an_arrow() {
    assert_eq!(why_refused("storage-embedded", "storage"), None);
    assert_eq!(why_refused("framework", "barrier"), None);
    check_refused("storage", "storage-embedded", "layer 1");
    check_refused("barrier", "framework", "layer 2");
    check_refused("policy", "storage", "layer 1");
}

#[test]
fn a_higher_layer_is_refused() {
    check_refused("barrier", "http-api", "layer 5");
    check_refused("secret", "storage", "layer 1");
    check_refused("server-core", "strongroom", "layer 6");
}

#[test]
fn a_trust_boundary_is_refused_although_it_is_lower() {
    check_refused("http-api", "engines", "no concrete engine");
    check_refused("server-core", "engines", "no concrete engine");
    check_refused("cli", "storage", "over HTTP only");
    check_refused("engines", "storage", "own storage view");
}

#[test]
fn dev_dependencies_obey_the_same_table() {
    let edge = Edge { from: "secret".into(), to: "barrier".into(), is_ours: true, is_dev: true };
    assert!(refuse(&edge).is_some());
}

#[test]
fn nothing_depends_on_a_development_crate() {
    check_refused("strongroom", "e2e", "development only");
    check_refused("e2e", "xtask", "development only");
    assert_eq!(why_refused("e2e", "barrier"), None);
}

#[test]
fn a_crate_without_a_line_is_refused() {
    check_refused("newcomer", "newcomer", "no line");
    check_refused("barrier", "newcomer", "no line");
}

#[test]
fn a_heavy_dependency_has_one_home() {
    let edge = |from: &str, is_dev| Edge { from: from.into(), to: "redb".into(), is_ours: false, is_dev };
    assert_eq!(refuse(&edge("storage-embedded", false)), None);
    assert_eq!(refuse(&edge("barrier", true)), None);
    assert!(refuse(&edge("barrier", false)).is_some_and(|why| why.contains("only storage-embedded")));
}

#[test]
fn check_names_the_crate_that_breaks_the_rule() {
    let bad = Edge { from: "policy".into(), to: "storage".into(), is_ours: true, is_dev: false };
    let findings = check(&[bad]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].place, "policy");
}

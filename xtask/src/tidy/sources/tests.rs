//! A good file passes; each bad sample is found. The samples are assembled, so that this file passes, too.

use super::*;

const HEAD: &str = "//! What this is.\n";

#[track_caller]
fn check_found(path: &str, text: &str, because: &str) {
    let findings = check(path, text);
    assert!(findings.iter().any(|finding| finding.what.contains(because)), "{findings:?} lack {because:?}");
}

#[track_caller]
fn check_passes(path: &str, text: &str) {
    assert_eq!(check(path, text), []);
}

#[test]
fn a_good_file_passes() {
    check_passes("crates/api/src/lib.rs", &format!("{HEAD}\nfn double(n: u8) -> u8 {{\n    n * 2\n}}\n"));
}

#[test]
fn a_file_without_a_head_is_found() {
    check_found("crates/api/src/lib.rs", "use std::fmt;\n", "begins without //!");
    check_found("crates/api/src/lib.rs", "", "begins without //!");
    check_found("crates/api/src/lib.rs", "// A plain comment.\n", "begins without //!");
    check_passes("crates/api/src/tests.rs", "use super::*;\n");
}

#[test]
fn a_long_file_needs_its_reason() {
    let long = "let x = 1;\n".repeat(LINES_MAX);
    check_found("crates/api/src/lib.rs", &format!("{HEAD}{long}"), "second idea");
    check_passes("crates/api/src/lib.rs", &format!("{HEAD}//! It stays whole because it is one table.\n{long}"));
    check_passes("crates/api/src/lib.rs", &format!("{HEAD}{}", "let x = 1;\n".repeat(LINES_MAX - 1)));
}

#[test]
fn every_refused_text_is_found() {
    for (pattern, instead) in REFUSED {
        check_found("crates/api/src/lib.rs", &format!("{HEAD}    {pattern}\n"), instead);
    }
}

#[test]
fn every_marker_is_found_as_a_word_only() {
    for marker in MARKERS {
        check_found("crates/api/src/lib.rs", &format!("{HEAD}// {marker}: later\n"), "finish it");
        check_passes("crates/api/src/lib.rs", &format!("{HEAD}// A{marker}B\n"));
    }
}

#[test]
fn the_finding_names_the_line() {
    let text = format!("{HEAD}\n// {}\n", MARKERS[0]);
    assert_eq!(check("a/src/b.rs", &text)[0].place, "a/src/b.rs:3");
}

#[test]
fn unsafe_code_is_found_outside_its_home() {
    for start in UNSAFE {
        check_found("crates/api/src/lib.rs", &format!("{HEAD}{start} x }}\n"), "alone");
        check_passes("crates/secret/src/pages.rs", &format!("{HEAD}{start} x }}\n"));
        check_passes("crates/api/src/lib.rs", &format!("{HEAD}// {start} in a comment\n"));
    }
}

#[test]
fn an_expectation_without_a_reason_is_found() {
    let attribute = |inside: &str| format!("{HEAD}{}{inside})]\nfn f() {{}}\n", concat!("#[exp", "ect("));
    check_found("a/src/b.rs", &attribute("clippy::panic"), "gives its reason");
    check_passes("a/src/b.rs", &attribute("clippy::panic, reason = \"shown to nobody\""));
    check_passes("a/src/b.rs", &attribute("\n    clippy::panic,\n    reason = \"shown to nobody\"\n"));
    // A reason further down belongs to somebody else.
    let later = format!("{}// reason = \"another\"\n", attribute("clippy::panic"));
    check_found("a/src/b.rs", &later, "gives its reason");
}

#[test]
fn an_empty_name_is_found() {
    check_found("crates/api/src/utils.rs", HEAD, "called after nothing");
    check_passes("crates/api/src/common_name.rs", HEAD);
}

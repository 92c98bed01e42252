//! A good tree passes; a bad license, a banned crate and a second version are found.

use super::*;

fn findings(tree: &str) -> Vec<String> {
    findings_in(Tree::Shipped, tree)
}

fn findings_in(part: Tree, tree: &str) -> Vec<String> {
    check(part, &parse(tree).unwrap())
        .into_iter()
        .map(|finding| format!("{}: {}", finding.place, finding.what))
        .collect()
}

#[test]
fn a_good_tree_passes() {
    let tree = "api v0.0.0 (/src/crates/api)|Apache-2.0|\nserde v1.0.0|MIT OR Apache-2.0|\nserde v1.0.0|MIT OR Apache-2.0| (*)\n\n";
    assert_eq!(findings(tree), Vec::<String>::new());
}

#[test]
fn proc_macros_are_not_mistaken_for_ours() {
    let found = parse("serde_derive v1.0.0 (proc-macro)|MIT|").unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].version, "1.0.0");
}

#[test]
fn a_license_off_the_list_is_found() {
    assert!(findings("thing v1.0.0|GPL-3.0-only|")[0].contains("not on the list"));
    assert!(findings("thing v1.0.0||")[0].contains("not on the list"));
}

#[test]
fn a_banned_crate_is_found() {
    assert!(findings("ring v0.17.0|ISC|")[0].contains("banned"));
    assert!(findings("openssl-sys v0.9.0|MIT|")[0].contains("banned"));
}

#[test]
fn a_second_version_is_found_unless_it_is_listed() {
    assert!(findings("one v1.0.0|MIT|\none v2.0.0|MIT|")[0].contains("1.0.0 and 2.0.0"));
    assert_eq!(findings("syn v2.0.0|MIT|\nsyn v3.0.0|MIT|"), Vec::<String>::new());
    assert_eq!(findings("syn v1.0.0|MIT|\nsyn v2.0.0|MIT|\nsyn v3.0.0|MIT|").len(), 1);
}

#[test]
fn what_only_the_tests_need_twice_is_not_shipped_twice() {
    let tree = "thiserror v1.0.0|MIT|\nthiserror v2.0.0|MIT|";
    assert_eq!(findings_in(Tree::Whole, tree), Vec::<String>::new());
    assert!(findings_in(Tree::Shipped, tree)[0].contains("1.0.0 and 2.0.0"));
}

#[test]
fn output_of_another_form_is_an_error() {
    assert!(parse("serde").is_err());
    assert!(parse("serde|MIT|").is_err());
}

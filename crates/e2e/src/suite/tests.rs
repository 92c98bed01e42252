//! What a suite may print, with shell scripts in place of suites.

use super::*;

fn script(text: &str) -> Suite {
    Suite { program: "/bin/sh".into(), arguments: vec!["-c".into(), text.into()] }
}

fn trials(behaviors: &[&str]) -> Vec<Trial> {
    let trial = |behavior: &&str| Trial { behavior: (*behavior).to_owned(), url: "http://here".to_owned() };
    behaviors.iter().map(trial).collect()
}

#[test]
fn every_line_of_a_suite_is_an_outcome_or_noise() {
    let suite = script("echo noise; echo ok one; echo 'FAILED two: it: is not'");
    let outcomes = suite.run(&trials(&["one", "two"]), &Access::default()).unwrap();
    let two = Outcome { behavior: "two".to_owned(), why: Some("it: is not".to_owned()) };
    assert_eq!(outcomes, [Outcome { behavior: "one".to_owned(), why: None }, two]);
}

#[test]
fn a_suite_that_leaves_something_out_has_failed() {
    for text in ["echo ok one", "echo ok two; echo ok one", "echo ok one; echo ok two; exit 1", "true"] {
        script(text).run(&trials(&["one", "two"]), &Access::default()).unwrap_err();
    }
}

#[test]
fn a_suite_is_told_how_to_get_in_and_nothing_of_the_shell() {
    let suite = script("echo \"ok $SUITE_ROOT_TOKEN$SUITE_AUTHORITY$VAULT_TOKEN\"");
    let access = Access { root_token: "t".to_owned(), authorities: Some("/ca".into()), ..Access::default() };
    suite.run(&trials(&["t/ca"]), &access).unwrap();
}

#[test]
fn what_was_made_from_an_older_state_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let [source, made] = ["source", "made"].map(|name| folder.path().join(name));
    std::fs::write(&source, "").unwrap();
    ensure_newer(&made, [source.clone()]).unwrap_err();
    std::fs::write(&made, "").unwrap();
    ensure_newer(&made, [source.clone()]).unwrap();
    let later = made.metadata().unwrap().modified().unwrap() + Duration::from_secs(1);
    std::fs::File::open(&source).unwrap().set_modified(later).unwrap();
    ensure_newer(&made, [source]).unwrap_err();
}

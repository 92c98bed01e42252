//! A token helper that is a shell script, and settings that cannot be used.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Store;
use crate::terminal::Environment;

fn env(home: &Path) -> Environment {
    let home = home.to_str().expect("a text").to_owned();
    Box::new(move |name| (name == "HOME").then(|| home.clone()))
}

/// Makes a helper of a shell script. Another process writes the file: a program that this one has open for writing, in
/// whatever thread, cannot be run.
fn helper(home: &Path, script: &str) {
    let program = home.join("helper");
    let mut writer = Command::new("sh");
    writer.arg("-c").arg("cat > \"$1\" && chmod 755 \"$1\"").arg("sh").arg(&program).stdin(Stdio::piped());
    let mut writer = writer.spawn().expect("a shell");
    let text = format!("#!/bin/sh\n{}", script.replace("HOME", home.to_str().expect("a text")));
    writer.stdin.take().expect("piped").write_all(text.as_bytes()).expect("a reader");
    assert!(writer.wait().expect("a shell").success());
    std::fs::write(home.join(".vault"), format!("token_helper = \"{}\"\n", program.display())).expect("writable");
}

#[test]
fn a_helper_is_asked_in_place_of_the_file() {
    let home = tempfile::tempdir().expect("a folder");
    helper(
        home.path(),
        "echo \"$@\" >> HOME/calls\ncase $1 in get) cat HOME/kept 2>/dev/null || true;; store) cat > HOME/kept;; \
         erase) rm HOME/kept;; esac",
    );
    std::fs::write(home.path().join(".vault-token"), "hvs.file").expect("writable");
    let store = Store::find(&env(home.path())).expect("settings").expect("a place");
    assert_eq!(store, Store::Helper(home.path().join("helper")));
    assert!(store.read().expect("readable").is_none());
    store.write(&"hvs.kept".into()).expect("kept");
    assert_eq!(store.read().expect("readable").expect("a token").expose(), "hvs.kept");
    store.erase().expect("erased");
    assert!(store.read().expect("readable").is_none());
    let calls = std::fs::read_to_string(home.path().join("calls")).expect("calls");
    assert_eq!(calls, "get\nstore\nget\nerase\nget\n", "the token is never an argument");
    assert_eq!(std::fs::read_to_string(home.path().join(".vault-token")).expect("there"), "hvs.file");
}

#[test]
fn a_helper_that_fails_tells_why_and_not_what_it_was_given() {
    let home = tempfile::tempdir().expect("a folder");
    helper(home.path(), "cat > /dev/null; echo no keyring >&2; exit 3");
    let store = Store::find(&env(home.path())).expect("settings").expect("a place");
    let failure = store.write(&"hvs.secret".into()).expect_err("it fails");
    assert!(failure.message.contains("no keyring") && failure.message.contains("helper store"), "{failure:?}");
    assert!(!failure.message.contains("hvs.secret"), "{failure:?}");
    assert!(store.read().is_err(), "a broken helper is not an absent token");
    helper(home.path(), "exit 3");
    let silent = store.read().expect_err("it fails");
    assert!(silent.message.ends_with("exit status: 3"), "{silent:?}");
}

#[test]
fn without_a_helper_the_file_is_used() {
    let home = tempfile::tempdir().expect("a folder");
    let file = Store::File(home.path().join(".vault-token"));
    assert_eq!(Store::find(&env(home.path())).expect("settings"), Some(file));
    for settings in ["", "# nothing\n", "token_helper = \"\"\n"] {
        std::fs::write(home.path().join(".vault"), settings).expect("writable");
        let store = Store::find(&env(home.path())).expect("settings").expect("a place");
        assert!(matches!(store, Store::File(_)), "{settings}");
        store.erase().expect("nothing to erase");
    }
    assert_eq!(Store::find(&(Box::new(|_: &str| None) as Environment)).expect("settings"), None);
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let home = tempfile::tempdir().expect("a folder");
    for (settings, problem) in
        [("token_helper = \"helper\"", "absolute path"), ("token_helper = 1", "must be a text"), ("{{{", ".vault")]
    {
        std::fs::write(home.path().join(".vault"), settings).expect("writable");
        let failure = Store::find(&env(home.path())).expect_err("refused");
        assert!(failure.message.contains(problem), "{}", failure.message);
    }
}

//! Every listed word is found in any case; plain text passes.

use super::*;

const ROOT: &str = "/home/somebody/strongroom";

#[test]
fn every_word_is_found_in_any_case() {
    for (word, better) in WORDS {
        for text in [format!("The {word} here"), format!("THE {} HERE", word.to_uppercase())] {
            let findings = check("README.md", &text, ROOT);
            assert!(findings.iter().any(|finding| finding.what.contains(better)), "{text:?}: {findings:?}");
        }
    }
}

#[test]
fn plain_text_passes() {
    assert_eq!(check("README.md", "The root key is on the allow list.\nThe behavior is documented.", ROOT), []);
}

#[test]
fn a_path_of_this_machine_is_found() {
    assert_eq!(check("README.md", "cd /home/somebody/strongroom/crates", ROOT).len(), 1);
    assert_eq!(check("README.md", "cd /v1/sys/mounts", "/v1"), []);
}

#[test]
fn sources_and_documents_are_judged_and_samples_are_not() {
    for path in
        ["README.md", "crates/api/src/lib.rs", "Makefile", ".ci/run", "crates/e2e/python/tour.py", "a/b.go", "a/b.mjs"]
    {
        assert!(applies(path), "{path}");
    }
    for path in ["LICENSE", "Cargo.lock", "crates/api/src/golden/help.md", "crates/secret/vectors/shares.toml"] {
        assert!(!applies(path), "{path}");
    }
}

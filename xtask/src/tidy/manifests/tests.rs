//! One good manifest, and each way to spoil it.

use super::*;

const GOOD: &str = "\
[package]
name = \"api\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[dependencies]
serde.workspace = true
";

#[test]
fn a_good_manifest_passes() {
    assert_eq!(check("api", "api", GOOD), []);
}

#[track_caller]
fn check_spoiled(folder: &str, manifest: &str, because: &str) {
    let findings = check("api", folder, manifest);
    assert!(findings.iter().any(|finding| finding.what.contains(because)), "{findings:?}");
}

#[test]
fn each_spoiled_manifest_is_found() {
    check_spoiled("wire", GOOD, "called like the crate");
    check_spoiled("api", &GOOD.replace("license.workspace = true", "license = \"MIT\""), "license.workspace");
    check_spoiled("api", &GOOD.replace("[lints]\nworkspace = true", ""), "lints");
    check_spoiled("api", &GOOD.replace("[lints]\nworkspace = true", "[lints.rust]\nunsafe_code = \"allow\""), "lints");
    check_spoiled("api", &GOOD.replace("serde.workspace = true", "serde = { version = \"1\" }"), "table only");
    check_spoiled("api", &GOOD.replace("serde.workspace = true", "env = { path = \"../env\" }"), "table only");
}

#[test]
fn only_the_secret_crate_has_lints_of_its_own() {
    let own = GOOD.replace("[lints]\nworkspace = true", "[lints.rust]\nunsafe_code = \"deny\"");
    assert_eq!(check("secret", "secret", &own), []);
}

#[test]
fn a_second_test_binary_is_found() {
    assert_eq!(check_tests("api", &["it".to_owned()]), []);
    assert_eq!(check_tests("api", &["it".to_owned(), "more.rs".to_owned()]).len(), 1);
}

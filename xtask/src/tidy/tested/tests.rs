//! Rows that name tests, and rows that name nothing or what is none.

use super::check;

const SOURCE: &str = "
    #[test]
    fn keys_are_kept() {}

    #[tokio::test(start_paused = true)]
    #[expect(clippy::unused, reason = \"a sample\")]
    async fn keys_go() {
        fn inner() {}
    }

    fn no_test() {}
";

fn found(rows: &str) -> Vec<String> {
    let read = |path: &str| (path == "crates/keys/src/tests.rs").then(|| SOURCE.to_owned());
    let text = format!("# Tested\n\n| promise | tests |\n|---|---|\n{rows}\n\nA word | of prose.");
    check(&text, read).into_iter().map(|finding| finding.what).collect()
}

#[test]
fn rows_that_name_tests_pass() {
    let rows = "| kept | `keys/src/tests.rs::keys_are_kept` |\n| go | `keys/src/tests.rs::keys_go`, `keys/src/tests.rs::keys_are_kept` |";
    assert!(found(rows).is_empty(), "{:?}", found(rows));
}

#[test]
fn rows_that_name_nothing_or_what_is_none_are_found() {
    assert_eq!(found("| kept | somewhere |"), ["names no test: a promise that nothing holds"]);
    assert_eq!(found("| kept | `keys_are_kept` |"), ["keys_are_kept is not written as file.rs::test"]);
    assert_eq!(found("| kept | `keys/src/none.rs::keys_go` |"), ["crates/keys/src/none.rs does not exist"]);
    for name in ["keys_are", "no_test", "inner", "keys"] {
        let row = format!("| kept | `keys/src/tests.rs::{name}` |");
        assert_eq!(found(&row), [format!("keys/src/tests.rs has no test {name}")]);
    }
}

#[test]
fn a_finding_tells_its_line() {
    let finding = check("| promise | tests |\n|---|---|\n| kept | none |", |_| None);
    assert_eq!(finding.first().map(|finding| finding.place.as_str()), Some("docs/tested.md:3"));
}

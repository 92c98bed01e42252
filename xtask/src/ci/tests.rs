//! The sums that the last line is made of, and what counts as touched.

use super::*;

#[track_caller]
fn check_count(output: &str, expected: &str) {
    let mut count = Count::default();
    output.lines().for_each(|line| count.read_line(line));
    assert_eq!(count.to_string(), expected);
}

#[test]
fn the_sums_of_cargo_test_are_added() {
    let output = "\
running 2 tests
test a ... ok
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
    check_count(output, "15 passed, 2 failed, 1 skipped");
}

#[test]
fn the_sums_of_nextest_are_read() {
    check_count("     Summary [   0.006s] 3 tests run: 3 passed, 0 skipped", "3 passed, 0 failed");
    check_count(
        "     Summary [   0.006s] 4 tests run: 2 passed (1 slow), 1 failed, 1 timed out, 5 skipped",
        "2 passed, 2 failed, 5 skipped",
    );
}

#[test]
fn a_test_that_says_it_skipped_is_not_counted_as_passed() {
    let output = "test result: ok. 5 passed; 0 failed; 0 ignored\nSKIPPED hvac: no .venv";
    check_count(output, "4 passed, 0 failed, 1 skipped");
}

#[test]
fn the_sums_of_a_foreign_client_s_suite_are_added() {
    let output = "\
hvac::kv1 ... ok
test result: ok. 48 passed; 0 failed; 0 ignored; hvac
test clients::hvac_finds_every_behavior ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
    check_count(output, "49 passed, 0 failed");
}

#[test]
fn other_lines_count_nothing() {
    check_count("error: 5 passed the border\nwarning: 3 failed attempts", "0 passed, 0 failed");
}

#[test]
fn a_step_that_fails_without_a_failed_test_counts_as_one() {
    assert_eq!(Count::default().of_step(false).failed, 1);
    assert_eq!(Count::default().of_step(true).failed, 0);
    let three = Count { passed: 1, failed: 3, skipped: 0 };
    assert_eq!(three.of_step(false).failed, 3);
}

#[test]
fn a_command_is_streamed_counted_and_judged() {
    let script = |text: &str| stream(Command::new("sh").args(["-c", text])).unwrap();
    let (passed, count) = script("echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; echo noise >&2");
    assert!(passed);
    assert_eq!(count.passed, 2);
    let (passed, count) = script("echo 'test result: FAILED. 0 passed; 1 failed; 0 ignored' >&2; exit 101");
    assert!(!passed);
    assert_eq!(count.failed, 1);
}

#[test]
fn a_golden_that_changed_came_or_went_is_reported() {
    let before = BTreeMap::from([(PathBuf::from("a"), 1), (PathBuf::from("b"), 2)]);
    assert!(report_changed(&before, &before));
    assert!(!report_changed(&before, &BTreeMap::from([(PathBuf::from("a"), 1), (PathBuf::from("b"), 3)])));
    assert!(!report_changed(&before, &BTreeMap::from([(PathBuf::from("a"), 1)])));
    assert!(!report_changed(&BTreeMap::new(), &before));
}

#[track_caller]
fn check_touched(paths: &[&str], expected: &Touched) {
    let members = ["api", "e2e", "xtask"].map(str::to_owned);
    assert_eq!(&touched::of_paths(paths.iter().copied(), &members), expected);
}

#[test]
fn touched_crates_are_found_by_their_folder() {
    let crates = |names: &[&str]| Touched::Crates(names.iter().map(|name| (*name).to_owned()).collect());
    check_touched(&["crates/api/src/lib.rs", "xtask/src/main.rs"], &crates(&["api", "xtask"]));
    check_touched(&["README.md", "docs/operating.md", "crates/e2e/src/lib.rs"], &Touched::Nothing);
    check_touched(&["crates/gone/src/lib.rs"], &Touched::Nothing);
    check_touched(&["Cargo.lock", "crates/api/src/lib.rs"], &Touched::Everything);
}

#[test]
fn minutes_are_read_as_a_clock() {
    assert_eq!(minutes(Duration::from_secs(125)), "2:05 min");
}

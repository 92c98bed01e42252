//! Expressions as they stand in real manifests, and ones that must be refused.

use super::is_allowed;

#[track_caller]
fn check(expression: &str, expected: bool) {
    assert_eq!(is_allowed(expression), expected, "{expression}");
}

#[test]
fn permissive_licenses_pass() {
    check("MIT", true);
    check("MIT OR Apache-2.0", true);
    check("Apache-2.0 / MIT", true);
    check("MIT/Apache-2.0", true);
    check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
    check("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true);
    check("ISC AND (Apache-2.0 OR ISC) AND BSD-3-Clause AND (Apache-2.0 OR ISC OR MIT-0)", true);
}

#[test]
fn copyleft_and_unknown_licenses_are_refused() {
    check("GPL-3.0-only", false);
    check("AGPL-3.0-or-later", false);
    check("BUSL-1.1", false);
    check("MIT AND GPL-2.0-only", false);
    check("(MIT OR Apache-2.0) AND OpenSSL", false);
    check("GPL-2.0-only WITH Classpath-exception-2.0", false);
}

#[test]
fn one_allowed_choice_is_enough() {
    check("GPL-3.0-only OR MIT", true);
    check("MPL-2.0 OR GPL-3.0-only", false);
    check("MIT OR GPL-3.0-only AND Apache-2.0", true);
}

#[test]
fn text_that_does_not_parse_is_refused() {
    for bad in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH", "non-standard"] {
        check(bad, false);
    }
}

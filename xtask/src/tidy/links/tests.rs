//! Links that lead somewhere, nowhere, and outside.

use super::check;

fn nowhere(path: &str, text: &str) -> Vec<String> {
    let exists = |path: &str| matches!(path, "README.md" | "docs/keys.md");
    check(path, text, exists).into_iter().map(|finding| finding.what).collect()
}

#[test]
fn links_that_lead_somewhere_pass() {
    assert!(nowhere("README.md", "see [keys](docs/keys.md) and [below](#below)").is_empty());
    assert!(
        nowhere("docs/index.md", "[keys](keys.md#terms), [top](../README.md), [out](https://example.com/x.md)")
            .is_empty()
    );
}

#[test]
fn links_that_lead_nowhere_are_found() {
    assert_eq!(nowhere("README.md", "[keys](keys.md) [other](docs/other.md#a)").len(), 2);
    assert_eq!(nowhere("docs/index.md", "[top](README.md)"), ["README.md leads nowhere"]);
}

use proptest::prelude::{any, proptest};

use super::{PathError, decode};

fn check(raw: &str, expected: Result<&str, PathError>) {
    assert_eq!(decode(raw).as_deref(), expected.as_ref().map(|path| *path), "{raw:?}");
}

#[test]
fn plain_and_escaped_paths_are_decoded_once() {
    check("/", Ok("/"));
    check("/v1/secret/data/a-b_c.d~e", Ok("/v1/secret/data/a-b_c.d~e"));
    check("/v1/secret/", Ok("/v1/secret/"));
    check("/v1/a%20b", Ok("/v1/a b"));
    check("/v1/a%2Fb", Ok("/v1/a/b"));
    check("/v1/a%252Fb", Ok("/v1/a%2Fb"));
    check("/v1/%C3%BC", Ok("/v1/ü"));
    check("/v1/e\u{301}", Ok("/v1/e\u{301}"));
    check("/v1/a+b*c", Ok("/v1/a+b*c"));
    check("/v1/it's/\"quoted\"\\here", Ok("/v1/it's/\"quoted\"\\here"));
    check("/v1/...", Ok("/v1/..."));
    check("/v1/.hidden", Ok("/v1/.hidden"));
}

#[test]
fn ambiguous_paths_are_refused_plain_and_escaped() {
    for raw in ["//", "/v1//a", "/v1/a//", "/v1/a%2F/b", "/v1/a%2f%2fb"] {
        check(raw, Err(PathError::EmptySegment));
    }
    for raw in ["/.", "/v1/./a", "/v1/../a", "/v1/a/..", "/v1/%2e/a", "/v1/%2E%2e/a", "/v1/.%2e", "/v1/a%2F..%2Fb"] {
        check(raw, Err(PathError::DotSegment));
    }
    for raw in ["/%", "/%4", "/%zz", "/a%2", "/%+1", "/%u0041"] {
        check(raw, Err(PathError::Escape));
    }
    for raw in ["/%ff", "/%C3", "/%ed%a0%80", "/%c0%af"] {
        check(raw, Err(PathError::NotUtf8));
    }
    for raw in
        ["/%00", "/a%0ab", "/%7f", "/%1b", "/\u{a0}", "/\u{200b}", "/\u{202e}", "/\u{feff}", "/\u{e000}", "/%C2%85"]
    {
        check(raw, Err(PathError::NonPrintable));
    }
    for raw in ["", "*", "v1/a", "%2Fv1"] {
        check(raw, Err(PathError::Relative));
    }
}

proptest! {
    #[test]
    fn a_decoded_path_keeps_its_promises(raw in any::<String>()) {
        keeps_its_promises(&raw);
    }

    #[test]
    fn a_path_of_awkward_pieces_keeps_its_promises(raw in "(/|%2[fFeE]|%[0-9a-f]{1,2}|\\.|a|%){0,12}") {
        keeps_its_promises(&format!("/{raw}"));
    }
}

#[test]
fn the_corpus_keeps_the_promises() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/path");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        keeps_its_promises(&String::from_utf8_lossy(&bytes));
        count += 1;
    }
    assert!(count >= 20, "only {count} samples");
}

fn keeps_its_promises(raw: &str) {
    let Ok(path) = decode(raw) else { return };
    assert!(path.starts_with('/'));
    assert!(!path.contains("//"));
    assert!(!path.contains('\0'));
    assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
    assert!(path.len() <= raw.len());
    if !raw.contains('%') {
        assert_eq!(path, raw);
    }
}

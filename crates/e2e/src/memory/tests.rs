//! The search finds what is there, in this very process, and not what is not.

use super::*;

#[test]
fn a_mapping_is_parsed() {
    let line = "7f1c0000-7f1c2000 rw-p 00000000 00:00 0                          [heap]";
    let expected =
        Mapping { start: 0x7f1c_0000, end: 0x7f1c_2000, permissions: "rw-p".to_owned(), name: "[heap]".to_owned() };
    assert_eq!(parse(line), Some(expected));
    assert_eq!(parse("nonsense"), None);
}

#[test]
fn a_needle_is_found_at_every_place() {
    assert!(find(b"abcabd", b"abd"));
    assert!(find(b"aab", b"ab"));
    assert!(!find(b"abc", b"abd"));
    assert!(!find(b"", b"a"));
    assert!(!find(b"a", b""));
}

#[test]
fn what_this_process_holds_is_found() {
    // Assembled on the heap, so that the program's text does not hold it.
    let held: Vec<u8> = (0..48_u8).map(|byte| byte ^ 0xa5).collect();
    let finds = search(std::process::id(), &[&held]).unwrap();
    assert!(!finds.places[0].is_empty());
    assert!(finds.bytes_read > 100_000);
}

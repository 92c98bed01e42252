//! Bounds and order of keys.

use proptest::prelude::*;

use super::{Key, KeyError, KeyRange};
use crate::KEY_BYTES_MAX;

fn key(bytes: &[u8]) -> Key {
    Key::new(bytes.to_vec()).unwrap()
}

#[test]
fn a_key_has_at_least_one_byte_and_not_too_many() {
    assert_eq!(Key::new(vec![]), Err(KeyError::Empty));
    assert_eq!(Key::new(vec![0; KEY_BYTES_MAX + 1]), Err(KeyError::TooLong(KEY_BYTES_MAX + 1)));
    assert_eq!(key(&[0; KEY_BYTES_MAX]).as_bytes().len(), KEY_BYTES_MAX);
    assert_eq!(key(b"a").join("b/c").unwrap(), Key::constant("ab/c"));
    assert_eq!(key(&[1; KEY_BYTES_MAX]).join("x"), Err(KeyError::TooLong(KEY_BYTES_MAX + 1)));
}

#[test]
fn a_key_shows_itself_without_raw_bytes() {
    assert_eq!(format!("{:?}", key(b"a\n\xff\"")), r#""a\n\xff\"""#);
}

#[test]
fn the_end_of_a_prefix_carries_over_highest_bytes() {
    assert_eq!(key(b"a").after_prefix(), Some(key(b"b")));
    assert_eq!(key(b"a\xff\xff").after_prefix(), Some(key(b"b")));
    assert_eq!(key(b"\xff").after_prefix(), None);
}

#[test]
fn the_successor_of_a_full_length_key_is_a_key_too() {
    let full = key(&[7; KEY_BYTES_MAX]);
    let next = full.successor().unwrap();
    assert!(next > full);
    assert_eq!(next.as_bytes().last(), Some(&8));
    assert_eq!(key(&[0xff; KEY_BYTES_MAX]).successor(), None);
}

proptest! {
    #[test]
    fn nothing_lies_between_a_key_and_its_successor(left: Vec<u8>, right: Vec<u8>) {
        prop_assume!(!left.is_empty() && !right.is_empty());
        let (left, right) = (key(&left), key(&right));
        let next = left.successor().unwrap();
        prop_assert!(next > left);
        prop_assert!(right <= left || right >= next);
    }

    #[test]
    fn a_prefix_range_holds_what_starts_with_it(prefix in "[a\u{7f}b]{1,3}", other in "[a\u{7f}b]{1,5}") {
        let range = KeyRange::prefix(&key(prefix.as_bytes()));
        prop_assert_eq!(range.contains(&key(other.as_bytes())), other.starts_with(&prefix));
    }

    #[test]
    fn a_prefix_range_of_any_bytes_holds_what_starts_with_it(prefix in prop::collection::vec(253u8.., 1..4),
        other in prop::collection::vec(253u8.., 1..6))
    {
        let range = KeyRange::prefix(&key(&prefix));
        prop_assert_eq!(range.contains(&key(&other)), other.starts_with(&prefix));
    }
}

//! What each position sees of keys that were written several times.

use std::ops::Bound;

use bytes::Bytes;
use storage::{CommitId, Key, Position, Write};

use super::{Recent, Version};

fn key(name: &str) -> Key {
    Key::new(name.as_bytes().to_vec()).unwrap()
}

fn put(name: &str, value: &'static str) -> Write {
    Write::Put(key(name), value.into())
}

/// `a` at 1 and 3, `b` at 1 and removed at 2, `c` at 3.
fn recent() -> Recent {
    let recent = Recent::default();
    recent.add(CommitId([1; 16]), &[put("a", "1"), put("b", "1")], Position(1));
    recent.add(CommitId([2; 16]), &[Write::Delete(key("b"))], Position(2));
    recent.add(CommitId([3; 16]), &[put("a", "3"), put("c", "3")], Position(3));
    recent
}

/// The value of a key as of a position: `-` where it is removed, `?` where only the database knows.
fn seen(recent: &Recent, name: &str, as_of: u64) -> String {
    match recent.version(&key(name), Position(as_of)) {
        None => "?".to_owned(),
        Some(version) => version.entry(key(name)).map_or("-".to_owned(), |entry| {
            assert_eq!(entry.revision.0.to_string().as_bytes(), &entry.value[..]);
            String::from_utf8(entry.value.to_vec()).unwrap()
        }),
    }
}

#[test]
fn each_position_sees_what_stood_at_it() {
    let recent = recent();
    for (as_of, a, b, c) in
        [(0, "?", "?", "?"), (1, "1", "1", "?"), (2, "1", "-", "?"), (3, "3", "-", "3"), (9, "3", "-", "3")]
    {
        assert_eq!(
            [seen(&recent, "a", as_of), seen(&recent, "b", as_of), seen(&recent, "c", as_of)],
            [a, b, c],
            "{as_of}"
        );
    }
}

#[test]
fn what_lies_behind_a_position_can_be_forgotten() {
    let recent = recent();
    recent.forget_behind(Position(1));
    assert_eq!(["a", "b", "c"].map(|name| seen(&recent, name, 9)), ["1", "1", "?"]);
    recent.forget_behind(Position(0));
    assert!(recent.lines(None, 1).is_empty());
}

#[test]
fn a_walk_goes_from_key_to_key_and_stops_at_its_end() {
    let recent = recent();
    let first = |start: Bound<&Key>, end: Option<&Key>, as_of| {
        recent.first(start, end, Position(as_of)).map(|(key, _)| String::from_utf8(key.as_bytes().to_vec()).unwrap())
    };
    let (a, b, c) = (key("a"), key("b"), key("c"));
    assert_eq!(first(Bound::Unbounded, None, 3).as_deref(), Some("a"));
    assert_eq!(first(Bound::Excluded(&a), None, 3).as_deref(), Some("b"));
    assert_eq!(first(Bound::Excluded(&b), None, 3).as_deref(), Some("c"));
    assert_eq!(first(Bound::Excluded(&b), None, 2), None);
    assert_eq!(first(Bound::Excluded(&b), Some(&c), 3), None);
    assert_eq!(first(Bound::Included(&c), Some(&a), 3), None);
    assert_eq!(first(Bound::Excluded(&a), Some(&a), 3), None);
}

#[test]
fn a_database_is_given_each_key_once_as_it_was_last_written() {
    let recent = recent();
    let lines = recent.lines(None, 2);
    let texts = |lines: &[(Key, Version)]| -> Vec<String> {
        let text = |(key, it): &(Key, Version)| format!("{key:?} {:?} {:?}", it.position, it.value);
        lines.iter().map(text).collect()
    };
    let wanted =
        [(key("a"), Position(3), Some("3")), (key("b"), Position(2), None), (key("c"), Position(3), Some("3"))];
    let wanted = wanted.map(|(key, position, value)| format!("{key:?} {position:?} {:?}", value.map(Bytes::from)));
    assert_eq!(texts(&lines), wanted[..2]);
    assert_eq!(texts(&recent.lines(Some(&lines[1].0), 2)), wanted[2..]);
    assert!(recent.lines(Some(&key("c")), 2).is_empty());
}

use super::*;

fn line(number: usize) -> Key {
    Key::new(format!("due/{number}")).expect("a short key")
}

#[test]
fn lines_are_taken_in_again_when_half_of_too_many_are_done() {
    let mut lines = Lines::default();
    for number in 0..LINES_MAX {
        assert!(lines.has_room(), "{number}");
        lines.lines.insert(line(number));
    }
    for number in LINES_AGAIN..LINES_MAX {
        assert!(!lines.has_room(), "{number}");
        lines.lines.remove(&line(number));
    }
    assert!(!lines.has_room());
    lines.lines.remove(&line(0));
    assert!(lines.has_room());
}

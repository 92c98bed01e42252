//! Widths, empty cells and titles.

use super::{columns, title, with_header};

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let table = with_header(&["Key", "Value"], vec![row(&["token_duration", "∞"]), row(&["é", ""])]);
    assert_eq!(table, "Key               Value\n---               -----\ntoken_duration    ∞\né                 n/a");
    assert_eq!(columns(vec![row(&["a", " b ", "c"]), row(&["aaa", "b", "c"])]), "a      b    c\naaa    b    c");
}

#[test]
fn titles_are_as_wide_as_what_stands_below() {
    for (text, width, expected) in [
        ("Metadata", 24, "======= Metadata ======="),
        ("Data", 17, "====== Data ======"),
        ("Secret Path", 17, "== Secret Path =="),
        ("Secret Path", 3, "== Secret Path =="),
    ] {
        assert_eq!(title(text, width), expected);
    }
}

//! How much one list tells.

use super::*;

#[test]
fn a_list_ends_at_its_bound_and_says_how_to_go_on() {
    let about = || Value::from("x".repeat(LIST_BYTES_MAX / 4));
    let mut listed = Listed::new(None);
    for name in ["a", "b", "c"] {
        listed.add(name, about()).expect("there is room");
    }
    let refused = listed.add("d", about()).expect_err("it is too much").to_string();
    assert!(refused.contains("list them in pages"), "{refused}");
    assert_eq!(listed.keys, ["a", "b", "c"]);
}

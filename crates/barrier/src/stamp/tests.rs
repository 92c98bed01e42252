use super::{Remembered, Stamp};

#[test]
fn an_answer_is_remembered_for_its_own_state_alone() {
    let (first, second) = (Stamp::of(0), Stamp::of(1));
    let remembered = Remembered::default();
    assert_eq!(remembered.get(first), None, "nothing was found yet");
    for found in [true, false] {
        remembered.set(first, found);
        assert_eq!(remembered.get(first), Some(found));
        assert_eq!(remembered.get(second), None);
    }
}

#[test]
fn nothing_is_remembered_of_a_state_without_a_name() {
    let remembered = Remembered::default();
    remembered.set(None, true);
    assert_eq!(remembered.get(None), None);
    remembered.set(Stamp::of(7), true);
    assert_eq!(remembered.get(None), None);
    remembered.set(None, false);
    assert_eq!(remembered.get(Stamp::of(7)), Some(true));
}

#[test]
fn counters_at_their_end_name_nothing() {
    assert_eq!(Stamp::of(u64::MAX), None);
    assert_eq!(Stamp::of((1 << 63) - 1), None);
    assert!(Stamp::of((1 << 63) - 2).is_some());
}

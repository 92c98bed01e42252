use super::*;

#[test]
fn several_complaints_read_as_go_prints_them() {
    assert_eq!(multi(&["permission denied"]), "1 error occurred:\n\t* permission denied\n\n");
    assert_eq!(multi(&["a", "b"]), "2 errors occurred:\n\t* a\n\t* b\n\n");
}

#[test]
fn a_failure_of_the_world_shows_what_was_done_and_keeps_the_cause() {
    let error = Error::world("read from storage", "the disk is gone");
    assert_eq!(error.to_string(), "read from storage");
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("the disk is gone"));
}

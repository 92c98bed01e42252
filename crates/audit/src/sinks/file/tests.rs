//! What a batch that was cut is worth.

use super::*;

fn batch() -> Batch {
    Batch { bytes: b"one\ntwo\nthree\n".to_vec(), ends: vec![4, 8, 14] }
}

#[test]
fn what_is_whole_counts_and_what_is_not_is_torn() {
    for (bytes, records, is_torn) in
        [(0, 0, false), (1, 0, true), (4, 1, false), (5, 1, true), (8, 2, false), (13, 2, true), (14, 3, false)]
    {
        let written = Written::cut(&batch(), bytes, io::ErrorKind::StorageFull.into());
        assert_eq!((written.records, written.taken, written.is_torn), (records, records, is_torn), "{bytes}");
    }
}

#[test]
fn the_void_and_standard_output_are_special_paths() {
    let at = |path: &str| sink(&FileTarget { path: path.into(), mode: None, is_synced: false }).describe();
    assert_eq!([at("stdout"), at("discard"), at("/x")], ["standard output", "nowhere", "file /x"]);
}

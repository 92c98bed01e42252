//! The form of a stored entry, byte by byte.

use storage::{CommitId, Revision};

use super::Record;

#[test]
fn an_entry_is_stored_as_it_always_was() {
    let record = Record { revision: Revision(0x0102), commit: CommitId(*b"commit id 16 byt"), value: b"value" };
    let stored = b"\x01\0\0\0\0\0\0\x01\x02commit id 16 bytvalue";
    assert_eq!(record.encode(), stored);
    let read = Record::decode(stored).unwrap();
    assert_eq!((read.revision, read.commit, read.value), (record.revision, record.commit, record.value));
}

#[test]
fn an_entry_without_a_valid_header_is_damaged() {
    let record = Record { revision: Revision(1), commit: CommitId([2; 16]), value: b"" };
    let stored = record.encode();
    assert!(Record::decode(&stored).is_ok());
    for length in 0..stored.len() {
        assert!(Record::decode(&stored[..length]).is_err(), "{length} bytes");
    }
    assert!(Record::decode(&[&[2], &stored[1..]].concat()).is_err(), "another version");
}

//! Records of the log: what is read back, and what is never taken for a record.

use bytes::Bytes;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use storage::{Batch, CommitId, Key, Position, Revision, Write};

use super::{
    HEAD_BYTES, LOG_BYTES, Log, MAGIC_ALONE, Salt, checksum, create, decode, encode, is_alone, pair, record_bytes,
};
use crate::error::Error;

const SALT: Salt = *b"sixteen bytes!!!";

fn batch(number: u8) -> Batch {
    let key = |name: &str| Key::new(name.as_bytes().to_vec()).unwrap();
    Batch::new(CommitId([number; 16])).create(key("a"), vec![number; 300]).delete(key("b"), Revision(1))
}

fn record(number: u8) -> Vec<u8> {
    encode(&SALT, Position(number.into()), [batch(number)].iter())
}

/// A log that holds these bytes behind its head.
fn open(records: &[u8]) -> Result<(Log, Vec<super::Record>), Error> {
    let file = InMemoryBackend::new();
    create(&file, &SALT, LOG_BYTES).unwrap();
    file.write(HEAD_BYTES as u64, records).unwrap();
    Log::open(Box::new(file), Position(0))
}

#[test]
fn the_checksum_is_the_published_one() {
    // The check value of CRC-64/XZ is for "123456789"; sixteen bytes of salt come first here.
    let text = b"abcdefghijklmnop123456789";
    let (salt, rest) = text.split_first_chunk::<16>().unwrap();
    assert_eq!(checksum(salt, rest), {
        let mut sum = u64::MAX;
        for byte in text {
            sum ^= u64::from(*byte);
            for _ in 0..8 {
                sum = if sum & 1 == 1 { (sum >> 1) ^ 0xc96c_5795_d787_0f42 } else { sum >> 1 };
            }
        }
        !sum
    });
}

#[test]
fn records_are_read_in_order() {
    let (log, records) = open(&[record(1), record(2), record(3)].concat()).unwrap();
    assert_eq!(records.iter().map(|it| it.first).collect::<Vec<_>>(), [1, 2, 3].map(Position));
    let (id, writes) = &records[1].batches[0];
    assert_eq!((*id, writes.clone()), (CommitId([2; 16]), batch(2).writes));
    assert!(log.has_room(LOG_BYTES - HEAD_BYTES - 3 * record(1).len()));
    assert!(!log.has_room(LOG_BYTES - HEAD_BYTES - 3 * record(1).len() + 1));
    assert_eq!(record_bytes(&[&batch(1)]), record(1).len());
}

#[test]
fn what_the_database_knows_is_not_read_again() {
    let file = InMemoryBackend::new();
    create(&file, &SALT, LOG_BYTES).unwrap();
    file.write(HEAD_BYTES as u64, &[record(1), record(2), record(3)].concat()).unwrap();
    let (log, records) = Log::open(Box::new(file), Position(2)).unwrap();
    assert_eq!(records.iter().map(|it| it.first).collect::<Vec<_>>(), [Position(3)]);
    let (_, records) = Log::open(log.file, Position(3)).unwrap();
    assert!(records.is_empty());
}

#[test]
fn a_log_that_was_alone_becomes_one_of_two_with_its_records() {
    let file = InMemoryBackend::new();
    create(&file, &SALT, LOG_BYTES).unwrap();
    assert!(!is_alone(&file).unwrap());
    file.write(0, &[&MAGIC_ALONE[..], &SALT, &checksum(&SALT, MAGIC_ALONE).to_le_bytes()].concat()).unwrap();
    file.write(HEAD_BYTES as u64, &record(1)).unwrap();
    assert!(is_alone(&file).unwrap());
    pair(&file).unwrap();
    assert!(!is_alone(&file).unwrap());
    assert_eq!(Log::open(Box::new(file), Position(0)).unwrap().1.len(), 1);
}

#[test]
fn a_record_that_was_cut_off_is_the_end() {
    let whole = record(2);
    for length in 0..whole.len() {
        let (_, records) = open(&[&record(1)[..], &whole[..length]].concat()).unwrap();
        assert_eq!(records.len(), 1, "{length} bytes of the second");
    }
}

#[test]
fn a_damaged_record_in_front_of_another_is_a_loss() {
    let whole = [record(1), record(2), record(3)].concat();
    for offset in (0..record(1).len() * 2).step_by(7) {
        let mut damaged = whole.clone();
        damaged[offset] ^= 0x10;
        assert!(matches!(open(&damaged), Err(Error::Corrupt(_))), "at {offset}");
    }
}

#[test]
fn records_under_another_salt_are_void() {
    let mut log = open(&[record(1), record(2)].concat()).unwrap().0;
    log.restart([9; 16]).unwrap();
    let next = log.encode(Position(3), [batch(3)].iter());
    log.append(&next).unwrap();
    let records = Log::open(log.file, Position(2)).unwrap().1;
    assert_eq!(records.iter().map(|it| it.first).collect::<Vec<_>>(), [Position(3)]);
}

#[test]
fn a_log_without_a_head_or_of_another_length_is_damaged() {
    let file = InMemoryBackend::new();
    create(&file, &SALT, LOG_BYTES).unwrap();
    file.write(3, &[1]).unwrap();
    assert!(matches!(Log::open(Box::new(file), Position(0)), Err(Error::Corrupt(_))));
    assert!(matches!(Log::open(Box::new(InMemoryBackend::new()), Position(0)), Err(Error::Corrupt(_))));
}

#[test]
fn lengths_that_lead_nowhere_are_refused() {
    let whole = record(1);
    let decode = |record: &[u8], salt: &Salt| decode(&Bytes::copy_from_slice(record), salt);
    assert!(decode(&whole, &SALT).is_some());
    assert!(decode(&whole, &[0; 16]).is_none());
    let (mut lying, start) = (whole, 24 + 16);
    lying[start..start + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let sum = checksum(&SALT, &lying[8..]);
    lying[..8].copy_from_slice(&sum.to_le_bytes());
    assert!(decode(&lying, &SALT).is_none(), "more writes than there are bytes");
    assert!(matches!(open(&lying), Err(Error::Corrupt(_))));
    assert!(matches!(batch(1).writes[1], Write::Delete(_)));
}

//! Backups: any bytes are read to their end as a backup, or refused. What is behind the sums would hardly ever be reached
//! by chance, so the input is frames without theirs, which get the ones that fit.

#![no_main]

use backup::{Reader, inspect};
use libfuzzer_sys::fuzz_target;
use secret::sha256;

/// What a backup begins with.
const MAGIC: &[u8] = b"strongroom\0copy\n";
/// Kind and length of a frame, in bytes.
const HEAD_BYTES: usize = 5;

fuzz_target!(|data: &[u8]| {
    drop(inspect(data));
    let backup = with_sums(data);
    let Ok(mut reader) = Reader::open(backup.as_slice()) else { return };
    let mut entries = 0;
    while let Ok(Some(section)) = reader.next() {
        for record in section.records() {
            assert!(!record.key.is_empty() && record.revision <= reader_position(&backup));
            entries += 1;
        }
    }
    if let Ok(summary) = reader.finish() {
        assert_eq!(summary.trailer.entries, entries);
        assert_eq!(summary.bytes, backup.len() as u64);
    }
});

fn reader_position(backup: &[u8]) -> u64 {
    Reader::open(backup).map_or(0, |reader| reader.header().position)
}

fn with_sums(mut frames: &[u8]) -> Vec<u8> {
    let (mut backup, mut sum) = (MAGIC.to_vec(), sha256(MAGIC));
    while let Some(length) = frames.get(1..HEAD_BYTES).and_then(|length| length.try_into().ok()) {
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let end = HEAD_BYTES.saturating_add(length).min(frames.len());
        let (frame, rest) = frames.split_at(end);
        sum = sha256(&[&sum, frame].concat());
        backup.extend_from_slice(frame);
        backup.extend_from_slice(&sum);
        frames = rest;
    }
    backup.extend_from_slice(frames);
    backup
}

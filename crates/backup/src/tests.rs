use crate::{
    Encoder, Error, Header, Lineage, PAYLOAD_BYTES_MAX, Reader, Record, SECTION_BYTES, Summary, VALUE_BYTES_MAX,
    inspect, mac,
};

const KEY: [u8; 32] = [7; 32];

pub(crate) fn header() -> Header {
    Header {
        v: 1,
        made: "2026-01-02T03:04:05Z".to_owned(),
        made_by: "Strongroom 0.0.0".to_owned(),
        lineage: Lineage([0xab; 16]),
        cluster_id: Some("c0ffee".to_owned()),
        position: 1_000,
        feature_level: 1,
    }
}

fn record<'a>(key: &'a [u8], value: &'a [u8]) -> Record<'a> {
    Record { key, revision: 3, commit: [9; 16], value }
}

/// A backup of these entries, with a proof.
pub(crate) fn backup(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::begin(&header(), &mut out);
    for (key, value) in entries {
        encoder.add(&record(key, value), &mut out);
    }
    encoder.finish(Some((4, &KEY)), &mut out);
    out
}

/// Entries that fill some sections.
pub(crate) fn entries() -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..40_u8).map(|number| (vec![b'k', number], vec![number; 30_000])).collect()
}

/// Keys with their values.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn read_all(bytes: &[u8]) -> Result<(Pairs, Summary), Error> {
    let mut reader = Reader::open(bytes)?;
    let mut found = Vec::new();
    while let Some(section) = reader.next()? {
        found.extend(section.records().map(|it| (it.key.to_vec(), it.value.to_vec())));
    }
    Ok((found, reader.finish()?))
}

#[test]
fn what_was_written_is_read_in_sections_of_bounded_length() {
    let (entries, bytes) = (entries(), backup(&entries()));
    let (found, summary) = read_all(&bytes).expect("a backup");
    assert_eq!(found, entries);
    assert_eq!(summary.header, header());
    assert_eq!((summary.trailer.entries, summary.bytes), (40, bytes.len() as u64));
    assert!(summary.trailer.sections > 3, "{} sections", summary.trailer.sections);
    let proof = summary.trailer.proof.expect("a proof");
    assert_eq!((proof.term, proof.mac), (4, mac(&KEY, &summary.sum, 40)));
    assert_ne!(proof.mac, mac(&[8; 32], &summary.sum, 40));
}

#[test]
fn the_longest_entries_fit_into_a_frame() {
    let nearly = SECTION_BYTES - 1_000;
    let entries = vec![(vec![b'a'], vec![1; nearly]), (vec![b'b'; 2048], vec![2; VALUE_BYTES_MAX])];
    let (found, summary) = read_all(&backup(&entries)).expect("a backup");
    assert_eq!((found, summary.trailer.sections), (entries, 1));
    assert!(summary.bytes < PAYLOAD_BYTES_MAX as u64);
}

#[test]
fn an_empty_store_is_a_backup_too() {
    assert_eq!(inspect(backup(&[]).as_slice()).expect("a backup").trailer.entries, 0);
}

#[test]
fn a_backup_that_is_cut_anywhere_is_told_as_cut() {
    let bytes = backup(&[(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), vec![2; 300])]);
    for length in 0..bytes.len() {
        let error = inspect(&bytes[..length]).expect_err("a cut backup");
        assert!(matches!(error, Error::Cut { at } if at == length as u64), "{length}: {error}");
    }
}

#[test]
fn a_change_of_any_byte_is_found() {
    let bytes = backup(&[(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), vec![2; 300])]);
    for place in 0..bytes.len() {
        for flip in [0x01, 0x80] {
            let mut changed = bytes.clone();
            changed[place] ^= flip;
            let error = inspect(changed.as_slice()).expect_err("a changed backup");
            let is_told = matches!(error, Error::Damaged { .. } | Error::Foreign | Error::Cut { .. });
            assert!(is_told, "{place}: {error}");
        }
    }
}

#[test]
fn damage_is_told_with_its_section_and_place() {
    let mut bytes = backup(&entries());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let error = inspect(bytes.as_slice()).expect_err("a changed backup");
    let Error::Damaged { what, at, .. } = &error else { panic!("{error}") };
    assert!(what.starts_with("section "), "{what}");
    let distance = middle as u64 - at;
    assert!(distance < (SECTION_BYTES + 40_000) as u64, "the section at {at} holds byte {middle}");
}

/// The frames of a backup, as ranges of bytes.
fn frames(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut frames, mut at) = (Vec::new(), 16);
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at + 1..at + 5].try_into().expect("four bytes"));
        let end = at + 5 + usize::try_from(length).expect("short") + 32;
        frames.push(at..end);
        at = end;
    }
    frames
}

#[test]
fn sections_that_are_left_out_doubled_or_swapped_are_found() {
    let bytes = backup(&entries());
    let frames = frames(&bytes);
    assert!(frames.len() > 5);
    let part = |number: usize| bytes[frames[number].clone()].to_vec();
    let with = |order: &[usize]| [bytes[..16].to_vec(), order.iter().flat_map(|it| part(*it)).collect()].concat();
    let all: Vec<_> = (0..frames.len()).collect();
    assert!(inspect(with(&all).as_slice()).is_ok());
    let mut without = all.clone();
    without.remove(2);
    let mut doubled = all.clone();
    doubled.insert(2, 2);
    let mut swapped = all.clone();
    swapped.swap(2, 3);
    let last = all.len() - 1;
    for order in [without, doubled, swapped, vec![0, last], vec![1, 2], vec![0, 0, last]] {
        let error = inspect(with(&order).as_slice()).expect_err("frames in disorder");
        assert!(matches!(error, Error::Damaged { .. }), "{order:?}: {error}");
    }
}

#[test]
fn what_no_store_could_hold_is_refused_though_its_sums_fit() {
    let make = |records: &[Record<'_>]| {
        let mut out = Vec::new();
        let mut encoder = Encoder::begin(&header(), &mut out);
        records.iter().for_each(|record| encoder.add(record, &mut out));
        encoder.finish(None, &mut out);
        out
    };
    let later = Record { revision: 1_001, ..record(b"a", b"") };
    for records in [vec![record(b"b", b""), record(b"a", b"")], vec![record(b"a", b""); 2], vec![later]] {
        let error = inspect(make(&records).as_slice()).expect_err("disorder");
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

#[test]
fn strangers_later_formats_and_more_than_a_backup_are_told_apart() {
    assert!(matches!(inspect(&b"-----BEGIN CERTIFICATE-----"[..]), Err(Error::Foreign)));
    let mut out = Vec::new();
    Encoder::begin(&Header { v: 2, ..header() }, &mut out).finish(None, &mut out);
    assert!(matches!(inspect(out.as_slice()), Err(Error::TooNew { found: 2 })));
    let more = [backup(&[]), b"\n".to_vec()].concat();
    assert!(matches!(inspect(more.as_slice()), Err(Error::Behind { at }) if at == more.len() as u64 - 1));
}

/// Written once by this release, and never again: what was saved must be readable for good.
#[test]
fn the_first_backup_ever_made_is_still_read() {
    let stored = include_bytes!("../golden/stored/v1.backup");
    let (found, summary) = read_all(stored).expect("a backup");
    assert_eq!(found, [(b"core/seal".to_vec(), b"readable".to_vec()), (b"ns/root/live".to_vec(), b"sealed".to_vec())]);
    assert_eq!(summary.header, header());
    assert_eq!(summary.trailer.proof.expect("a proof").mac, mac(&KEY, &summary.sum, 2));
}

#[test]
fn the_stored_form_is_what_it_was() {
    let entries = [(b"core/seal".to_vec(), b"readable".to_vec()), (b"ns/root/live".to_vec(), b"sealed".to_vec())];
    assert_eq!(backup(&entries), include_bytes!("../golden/stored/v1.backup"));
}

/// What frames without their sums are with them.
fn with_sums(mut frames: &[u8]) -> Vec<u8> {
    let (mut backup, mut sum) = (crate::MAGIC.to_vec(), secret::sha256(crate::MAGIC));
    while !frames.is_empty() {
        let length = u32::from_be_bytes(frames[1..crate::HEAD_BYTES].try_into().expect("four bytes"));
        let (frame, rest) = frames.split_at(crate::HEAD_BYTES + length as usize);
        sum = crate::encode::next_sum(&sum, frame);
        backup.extend_from_slice(frame);
        backup.extend_from_slice(&sum);
        frames = rest;
    }
    backup
}

#[test]
fn the_corpus_of_the_fuzzer_is_read_or_refused_as_its_names_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/backup");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = file.expect("it can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let read = inspect(with_sums(&std::fs::read(&path).expect("it can be read")).as_slice());
        let is_good = ["whole", "no-proof", "empty-store"].contains(&name.as_str());
        assert_eq!(read.is_ok(), is_good, "{name}: {read:?}");
        seen += 1;
    }
    assert!(seen >= 14, "{seen}");
}

//! The members of a zip archive, as saved plans are: by its central directory, stored or deflated. Nothing of zip64,
//! encryption or several disks: no plan has them.

use std::io::Read;

use flate2::read::DeflateDecoder;

use crate::terminal::INPUT_BYTES_MAX;

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
const STORED: usize = 0;
const DEFLATED: usize = 8;

/// The members with their names. Together they have at most 32 MiB.
///
/// # Errors
/// In words, when the archive is damaged or too large.
pub(super) fn members(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    read(bytes).ok_or_else(|| "it is a damaged zip archive, or too large".to_owned())
}

fn read(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let end = bytes.windows(END.len()).rposition(|window| window == END)?;
    let end = bytes.get(end..end + END_BYTES)?;
    let (count, mut at) = (number(end, 10, 2)?, number(end, 16, 4)?);
    let (mut members, mut room) = (Vec::new(), INPUT_BYTES_MAX);
    for _ in 0..count {
        let entry = bytes.get(at..at.checked_add(ENTRY_BYTES)?)?;
        if !entry.starts_with(ENTRY) {
            return None;
        }
        let [name, extra, comment] = [28, 30, 32].map(|offset| number(entry, offset, 2));
        let next = at.checked_add(ENTRY_BYTES + name? + extra? + comment?)?;
        let name = bytes.get(at + ENTRY_BYTES..at + ENTRY_BYTES + name?)?;
        let content = content(bytes, number(entry, 42, 4)?, number(entry, 20, 4)?, number(entry, 10, 2)?, room)?;
        room -= content.len() as u64;
        members.push((String::from_utf8_lossy(name).into_owned(), content));
        at = next;
    }
    Some(members)
}

/// A member, of at most `room` bytes.
fn content(bytes: &[u8], at: usize, packed: usize, method: usize, room: u64) -> Option<Vec<u8>> {
    let local = bytes.get(at..at.checked_add(LOCAL_BYTES)?)?;
    if !local.starts_with(LOCAL) {
        return None;
    }
    let start = at + LOCAL_BYTES + number(local, 26, 2)? + number(local, 28, 2)?;
    let packed = bytes.get(start..start.checked_add(packed)?)?;
    let mut content = Vec::new();
    match method {
        STORED => packed.take(room + 1).read_to_end(&mut content).ok()?,
        DEFLATED => DeflateDecoder::new(packed).take(room + 1).read_to_end(&mut content).ok()?,
        _ => return None,
    };
    Some(content).filter(|content| content.len() as u64 <= room)
}

/// A number in little-endian order.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
}

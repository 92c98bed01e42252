//! A log in front of the database: where a commit becomes durable with one write and one sync.
//!
//! One of two files of fixed size, filled from the front. While one takes commits, the database takes over what the
//! full one holds; once that is durable the full one can begin anew under another salt, which makes every older record
//! void without touching it. A record is one group of commits. It must never skip a record: what follows a damaged one
//! is a loss, not an end.
//!
//! The head is a magic word, the salt (16 bytes) and their checksum; the word's last byte says whether the log is one of
//! a pair. A record is its checksum, the bytes of its body,
//! the number of batches, the first one's position (8, 4, 4 and 8 bytes, little-endian), and the batches: commit id,
//! number of writes, and for each the lengths of key and value, the key, the value. Deletes have [`DELETED`] for a
//! length. Checksums cover the salt as well.

use std::io;

use bytes::Bytes;
use redb::StorageBackend;
use storage::{Batch, CommitId, Key, Position, Write};

use crate::error::Error;

/// How long each file of a new store is, in bytes. All of it is read when the store is opened, and as much is kept in
/// memory until the database takes it over. Stores of before there were two may have one of the largest size.
pub(crate) const LOG_BYTES: usize = 512 * 1024;
/// The longest file that may be a log, in bytes.
pub(crate) const LOG_BYTES_MAX: usize = 1024 * 1024;
/// Where the first record begins; no disk tears the head in front of it, as it is one sector.
const HEAD_BYTES: usize = 512;
/// Begins a log that is one of two.
const MAGIC: &[u8; 8] = b"srlog\0\0\x02";
/// Begins one that was made when there was only one. A version of that time opens no pair, of which it would see half.
const MAGIC_ALONE: &[u8; 8] = b"srlog\0\0\x01";
const RECORD_HEAD_BYTES: usize = 8 + 4 + 4 + 8;
/// Stands for the length of a value where a key is deleted.
const DELETED: u32 = u32::MAX;

/// Makes the checksums of one log unlike those of any other.
pub(crate) type Salt = [u8; 16];

/// An open log.
#[derive(Debug)]
pub(crate) struct Log {
    file: Box<dyn StorageBackend>,
    salt: Salt,
    /// Where the next record goes.
    end: usize,
    /// How long the file is.
    length: usize,
}

/// Commits that went through together.
#[derive(Debug)]
pub(crate) struct Record {
    /// The position of the first batch; the others follow.
    pub(crate) first: Position,
    pub(crate) batches: Vec<(CommitId, Vec<Write>)>,
}

/// Makes an empty log of a new store, `length` bytes long.
pub(crate) fn create(file: &dyn StorageBackend, salt: &Salt, length: usize) -> io::Result<()> {
    // Zeros are written, not skipped, so that the file has its room on the disk from the start.
    file.set_len(length as u64)?;
    file.write(0, &vec![0; length])?;
    file.write(0, &encode_head(salt))?;
    file.sync_data()
}

/// Whether these bytes of a log have nothing behind the head: it is that of a store in which nothing was committed.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().skip(HEAD_BYTES).all(|byte| *byte == 0)
}

/// Whether a log begins with a valid head that says that there is no other.
pub(crate) fn is_alone(file: &dyn StorageBackend) -> io::Result<bool> {
    let mut head = vec![0; HEAD_BYTES];
    file.read(0, &mut head)?;
    Ok(decode_head(&head, MAGIC_ALONE).is_some())
}

/// Notes in a log that was alone that it is one of two from here on. Its records stay valid, as the salt does.
pub(crate) fn pair(file: &dyn StorageBackend) -> io::Result<()> {
    let mut head = vec![0; HEAD_BYTES];
    file.read(0, &mut head)?;
    let salt = decode_head(&head, MAGIC_ALONE).ok_or(io::ErrorKind::InvalidData)?;
    file.write(0, &encode_head(&salt))?;
    file.sync_data()
}

impl Log {
    /// Opens a log of a database that stands at `position`, and reads what it holds that the database lacks, in order.
    /// All of that is durable when this returns.
    pub(crate) fn open(file: Box<dyn StorageBackend>, position: Position) -> Result<(Self, Vec<Record>), Error> {
        let fault = |error| Error::Open(redb::Error::Io(error));
        let damaged = || Error::Corrupt("a record of its log is damaged".to_owned());
        let length = file.len().map_err(fault)?;
        let length = usize::try_from(length).ok().filter(|length| (HEAD_BYTES..=LOG_BYTES_MAX).contains(length));
        let length = length.ok_or_else(|| Error::Corrupt("its log has the wrong length".to_owned()))?;
        let mut bytes = vec![0; length];
        file.read(0, &mut bytes).map_err(fault)?;
        let salt = decode_head(&bytes, MAGIC).ok_or_else(|| Error::Corrupt("its log has no valid head".to_owned()))?;
        let (mut end, mut start, mut last) = (HEAD_BYTES, HEAD_BYTES, position);
        while let Some(frame) = Frame::find(&bytes[end..], &salt, None) {
            end += frame.length;
            if frame.last() <= position {
                start = end;
            }
            last = last.max(frame.last());
        }
        // A record that was under way when the power went is the last one. Anything valid behind it was acknowledged.
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        if is_any_behind(&bytes[end..], written.saturating_sub(end), &salt, last) {
            return Err(damaged());
        }
        // What is kept in memory are parts of this copy, and not of the whole file.
        let mut rest = Bytes::copy_from_slice(&bytes[start..end]);
        let mut records = Vec::new();
        while !rest.is_empty() {
            let (record, length) = decode(&rest, &salt).ok_or_else(damaged)?;
            records.push(record);
            rest = rest.slice(length..);
        }
        // A killed process may have left records that only the kernel's cache holds, and they are about to be shown.
        if !records.is_empty() {
            file.sync_data().map_err(fault)?;
        }
        Ok((Self { file, salt, end, length }, records))
    }

    /// Whether it holds no record.
    pub(crate) fn is_empty(&self) -> bool {
        self.end == HEAD_BYTES
    }

    /// Whether a record of this length can be appended.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.end + length <= self.length
    }

    /// Whether one could be once the log has begun anew.
    pub(crate) fn has_room_when_empty(&self, length: usize) -> bool {
        HEAD_BYTES + length <= self.length
    }

    /// Makes a record durable, which [`encode`] made with this log's salt.
    ///
    /// # Errors
    /// When it is not certain that the record is durable; it may be found all the same when the log is opened again.
    pub(crate) fn append(&mut self, record: &[u8]) -> io::Result<()> {
        self.file.write(self.end as u64, record)?;
        self.file.sync_data()?;
        self.end += record.len();
        Ok(())
    }

    /// Voids all records. Durable with the next [`append`](Self::append), which is early enough: until then the old
    /// ones are found again, and the database, durable as the caller has made it, knows all of them.
    pub(crate) fn restart(&mut self, salt: Salt) -> io::Result<()> {
        self.file.write(0, &encode_head(&salt))?;
        (self.salt, self.end) = (salt, HEAD_BYTES);
        Ok(())
    }

    /// A record of the batches that went through, the first of them at `first`.
    pub(crate) fn encode<'a>(&self, first: Position, batches: impl Iterator<Item = &'a Batch>) -> Vec<u8> {
        encode(&self.salt, first, batches)
    }
}

fn encode_head(salt: &Salt) -> Vec<u8> {
    [&MAGIC[..], salt, &checksum(salt, MAGIC).to_le_bytes()].concat()
}

fn decode_head(bytes: &[u8], magic: &[u8; 8]) -> Option<Salt> {
    let mut rest = bytes;
    let found: [u8; 8] = take(&mut rest)?;
    let salt: Salt = take(&mut rest)?;
    (found == *magic && take(&mut rest)? == checksum(&salt, magic).to_le_bytes()).then_some(salt)
}

/// The most that a record of these batches can take, in bytes: as much as it does if all of them go through.
pub(crate) fn record_bytes(batches: &[&Batch]) -> usize {
    let write_bytes = |write: &Write| 4 + 4 + write.key().as_bytes().len() + write.value().map_or(0, Bytes::len);
    let batch_bytes = |batch: &&Batch| 16 + 4 + batch.writes.iter().map(write_bytes).sum::<usize>();
    RECORD_HEAD_BYTES + batches.iter().map(batch_bytes).sum::<usize>()
}

fn encode<'a>(salt: &Salt, first: Position, batches: impl Iterator<Item = &'a Batch>) -> Vec<u8> {
    let mut record = vec![0; RECORD_HEAD_BYTES];
    let mut count = 0u32;
    for batch in batches {
        count += 1;
        record.extend(batch.id.0);
        record.extend(length(batch.writes.len()));
        for write in &batch.writes {
            let key = write.key().as_bytes();
            record.extend(length(key.len()));
            record.extend(write.value().map_or(DELETED.to_le_bytes(), |value| length(value.len())));
            record.extend(key);
            record.extend(write.value().into_iter().flatten());
        }
    }
    let body = length(record.len() - RECORD_HEAD_BYTES);
    record[8..12].copy_from_slice(&body);
    record[12..16].copy_from_slice(&count.to_le_bytes());
    record[16..24].copy_from_slice(&first.0.to_le_bytes());
    let sum = checksum(salt, &record[8..]);
    record[..8].copy_from_slice(&sum.to_le_bytes());
    record
}

/// Whether a record that follows on `position` starts at one of the bytes from the second up to `count`.
fn is_any_behind(bytes: &[u8], count: usize, salt: &Salt, position: Position) -> bool {
    let heads = bytes.windows(RECORD_HEAD_BYTES).take(count).enumerate().skip(1);
    // Hardly any place has a position within reach, so all others cost one comparison.
    let is_near = |head: &[u8]| head.last_chunk().is_some_and(|first| near(u64::from_le_bytes(*first), position));
    let is_record = |start: usize| Frame::find(&bytes[start..], salt, Some(position)).is_some();
    heads.filter(|(_, head)| is_near(head)).any(|(start, _)| is_record(start))
}

/// Whether a record that begins at `first` can be one that follows on `behind`: no log holds more commits than bytes.
fn near(first: u64, behind: Position) -> bool {
    first.wrapping_sub(behind.0).wrapping_sub(1) < 2 * LOG_BYTES_MAX as u64
}

/// A record whose checksum is right, not yet taken apart.
struct Frame {
    first: Position,
    /// How many batches.
    count: u32,
    /// All of it, in bytes.
    length: usize,
}

impl Frame {
    /// The record that the bytes start with; with a `behind`, only one that follows on that position.
    fn find(bytes: &[u8], salt: &Salt, behind: Option<Position>) -> Option<Self> {
        let mut rest = bytes;
        let sum = u64::from_le_bytes(take(&mut rest)?);
        let summed = rest;
        let body = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let count = u32::from_le_bytes(take(&mut rest)?);
        let first = Position(u64::from_le_bytes(take(&mut rest)?));
        // Most places that are not a record end here, before anything is summed: what lies behind is within reach.
        let is_near = behind.is_none_or(|behind| near(first.0, behind));
        if !is_near || count == 0 || body == 0 || body > rest.len() {
            return None;
        }
        let length = RECORD_HEAD_BYTES + body;
        (checksum(salt, summed.get(..length - 8)?) == sum).then_some(Self { first, count, length })
    }

    /// The position of the last batch.
    fn last(&self) -> Position {
        Position(self.first.0.saturating_add(u64::from(self.count) - 1))
    }
}

/// The record that the bytes start with, and its length. It shares their memory.
fn decode(bytes: &Bytes, salt: &Salt) -> Option<(Record, usize)> {
    let Frame { first, count, length } = Frame::find(bytes, salt, None)?;
    let mut rest = bytes.slice(RECORD_HEAD_BYTES..length);
    let batches = (0..count).map(|_| decode_batch(&mut rest)).collect::<Option<_>>()?;
    Some((Record { first, batches }, length))
}

fn decode_batch(rest: &mut Bytes) -> Option<(CommitId, Vec<Write>)> {
    let id = CommitId(*take_bytes(rest, 16)?.first_chunk()?);
    let count = take_length(rest)?;
    let writes = (0..count).map(|_| decode_write(rest)).collect::<Option<_>>()?;
    Some((id, writes))
}

fn decode_write(rest: &mut Bytes) -> Option<Write> {
    let key_bytes = take_length(rest)?;
    let value_bytes = take_length(rest)?;
    let key = Key::new(take_bytes(rest, key_bytes)?).ok()?;
    match value_bytes {
        DELETED => Some(Write::Delete(key)),
        bytes => Some(Write::Put(key, take_bytes(rest, bytes)?)),
    }
}

fn take_length(rest: &mut Bytes) -> Option<u32> {
    Some(u32::from_le_bytes(*take_bytes(rest, 4)?.first_chunk()?))
}

fn take_bytes(rest: &mut Bytes, length: u32) -> Option<Bytes> {
    let length = usize::try_from(length).ok()?;
    (length <= rest.len()).then(|| rest.split_to(length))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

/// A length as it is stored. Batches are bounded far below what four bytes can say.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a batch is at most a megabyte, a group a few").to_le_bytes()
}

/// CRC-64/XZ (ECMA-182, reflected) of the salt and the bytes. It tells a torn record from a whole one; against who can
/// write the disk the barrier stands.
fn checksum(salt: &Salt, bytes: &[u8]) -> u64 {
    !summed(summed(u64::MAX, salt), bytes)
}

/// Eight bytes at a time (Kounavis and Berry 2005, "slicing by eight"): a byte's table says what it leaves after those
/// behind it.
fn summed(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(sum, |sum, word| {
        let word = (sum ^ u64::from_le_bytes(*word)).to_le_bytes();
        word.iter().zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
    });
    rest.iter().fold(sum, |sum, byte| TABLES[0][usize::from(sum.to_le_bytes()[0] ^ byte)] ^ (sum >> 8))
}

static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;
    let mut tables = [[0; 256]; 8];
    let mut index = 0;
    while index < 256 {
        let mut sum = index as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        tables[0][index] = sum;
        index += 1;
    }
    let mut behind = 1;
    while behind < 8 {
        let mut index = 0;
        while index < 256 {
            let sum = tables[behind - 1][index];
            tables[behind][index] = tables[0][(sum & 0xff) as usize] ^ (sum >> 8);
            index += 1;
        }
        behind += 1;
    }
    tables
}

#[cfg(test)]
mod tests;

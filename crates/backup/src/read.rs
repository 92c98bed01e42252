//! Reading: bytes in, sections out, each only after it was found whole and in its place.

use std::io::{ErrorKind, Read};

use secret::sha256;
use serde::de::DeserializeOwned;

use crate::describe::{FORMAT, Header, Trailer, Versioned};
use crate::encode::next_sum;
use crate::{
    Error, HEAD_BYTES, KEY_BYTES_MAX, Kind, MAGIC, PAYLOAD_BYTES_MAX, Record, SUM_BYTES, Sum, VALUE_BYTES_MAX,
};

/// Reads one backup from its beginning to its end, one section in memory at a time. What it has handed out is as it was
/// written; that nothing is missing is known only once it has come to the end.
pub struct Reader<R> {
    frames: Frames<R>,
    header: Header,
    entries: u64,
    sections: u64,
    last_key: Vec<u8>,
    end: Option<End>,
}

/// The frames one by one, each compared with its sum.
struct Frames<R> {
    input: R,
    /// How many bytes have been read.
    at: u64,
    /// Of the last frame.
    sum: Sum,
    /// The last frame without its sum.
    frame: Vec<u8>,
}

/// What is known at the end.
struct End {
    trailer: Trailer,
    sum: Sum,
}

/// What a whole backup is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Its first frame.
    pub header: Header,
    /// Its last frame.
    pub trailer: Trailer,
    /// The sum of the last section: what its [`mac`](crate::mac) is of.
    pub sum: Sum,
    /// How long it is, in bytes.
    pub bytes: u64,
}

/// Some entries, in the order of their keys.
#[derive(Debug)]
pub struct Section<'a> {
    payload: &'a [u8],
}

/// Reads a whole backup and tells what it is.
///
/// # Errors
/// See [`Error`]: only a backup that is whole and as it was written is told of.
pub fn inspect(input: impl Read) -> Result<Summary, Error> {
    let mut reader = Reader::open(input)?;
    while reader.next()?.is_some() {}
    reader.finish()
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When this is no backup, of a later format, or damaged right here.
    pub fn open(input: R) -> Result<Self, Error> {
        let mut frames = Frames::open(input)?;
        let start = frames.at;
        if frames.next("its header")? != Kind::Header {
            return Err(damaged("its header", start, "is something else"));
        }
        let malformed = || damaged("its header", start, "cannot be understood");
        let versioned: Versioned = decode(frames.payload()).ok_or_else(malformed)?;
        if versioned.v > FORMAT {
            return Err(Error::TooNew { found: versioned.v });
        }
        let header = decode(frames.payload()).filter(|header: &Header| header.v == FORMAT).ok_or_else(malformed)?;
        Ok(Self { frames, header, entries: 0, sections: 0, last_key: Vec::new(), end: None })
    }

    /// What the backup says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next section; `None` at the end.
    ///
    /// # Errors
    /// When the backup is cut off, damaged, or more than a backup.
    #[expect(clippy::should_implement_trait, reason = "a section lends from the reader, which an iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Section<'_>>, Error> {
        if self.end.is_some() {
            return Ok(None);
        }
        let (start, sum) = (self.frames.at, self.frames.sum);
        let what = format!("section {}", self.sections + 1);
        match self.frames.next(&what)? {
            Kind::Section => {
                self.sections += 1;
                self.check_section(&what, start)?;
                Ok(Some(Section { payload: self.frames.payload() }))
            }
            Kind::Trailer => {
                self.close(start, sum)?;
                Ok(None)
            }
            Kind::Header => Err(damaged(&what, start, "is a second header")),
        }
    }

    /// What the backup is, once [`next`](Self::next) has come to the end.
    ///
    /// # Errors
    /// [`Error::Cut`] before that.
    pub fn finish(self) -> Result<Summary, Error> {
        let Some(End { trailer, sum }) = self.end else { return Err(Error::Cut { at: self.frames.at }) };
        Ok(Summary { header: self.header, trailer, sum, bytes: self.frames.at })
    }

    /// Its entries have the lengths that they say, keys ascend, and none is newer than the position.
    fn check_section(&mut self, what: &str, start: u64) -> Result<(), Error> {
        let mut last = std::mem::take(&mut self.last_key);
        let mut rest = self.frames.payload();
        let (mut entries, mut is_first) = (0, self.entries == 0);
        while !rest.is_empty() {
            let record = take_record(&mut rest).ok_or_else(|| damaged(what, start, "holds half an entry"))?;
            let is_sound = (is_first || record.key > last.as_slice()) && record.revision <= self.header.position;
            if !is_sound {
                return Err(damaged(what, start, "holds an entry that cannot be there"));
            }
            last.clear();
            last.extend_from_slice(record.key);
            (entries, is_first) = (entries + 1, false);
        }
        self.last_key = last;
        self.entries += entries;
        Ok(())
    }

    fn close(&mut self, start: u64, sum: Sum) -> Result<(), Error> {
        let trailer: Option<Trailer> = decode(self.frames.payload());
        let trailer = trailer.ok_or_else(|| damaged("its trailer", start, "cannot be understood"))?;
        if (trailer.entries, trailer.sections) != (self.entries, self.sections) {
            return Err(damaged("its trailer", start, "counts other entries than there are"));
        }
        if fill(&mut self.frames.input, &mut [0])? != 0 {
            return Err(Error::Behind { at: self.frames.at });
        }
        self.end = Some(End { trailer, sum });
        Ok(())
    }
}

impl<R: Read> Frames<R> {
    fn open(mut input: R) -> Result<Self, Error> {
        let mut magic = [0; MAGIC.len()];
        let count = fill(&mut input, &mut magic)?;
        if magic.get(..count) != MAGIC.get(..count) {
            return Err(Error::Foreign);
        }
        if count < MAGIC.len() {
            return Err(Error::Cut { at: count as u64 });
        }
        Ok(Self { input, at: count as u64, sum: sha256(MAGIC), frame: Vec::new() })
    }

    /// Reads the next frame; `what` names it in errors.
    fn next(&mut self, what: &str) -> Result<Kind, Error> {
        let start = self.at;
        let mut head = [0; HEAD_BYTES];
        self.take(&mut head)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let kind = match kind {
            b'H' => Some(Kind::Header),
            b'S' => Some(Kind::Section),
            b'T' => Some(Kind::Trailer),
            _ => None,
        };
        let Some(kind) = kind.filter(|_| length <= PAYLOAD_BYTES_MAX) else {
            return Err(damaged(what, start, "has no valid beginning"));
        };
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        frame.extend_from_slice(&head);
        frame.resize(HEAD_BYTES + length, 0);
        self.take(frame.get_mut(HEAD_BYTES..).unwrap_or_default())?;
        let mut sum = [0; SUM_BYTES];
        self.take(&mut sum)?;
        if next_sum(&self.sum, &frame) != sum {
            return Err(damaged(what, start, "is not as it was written"));
        }
        (self.sum, self.frame) = (sum, frame);
        Ok(kind)
    }

    fn payload(&self) -> &[u8] {
        self.frame.get(HEAD_BYTES..).unwrap_or_default()
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let count = fill(&mut self.input, bytes)?;
        self.at += count as u64;
        if count < bytes.len() { Err(Error::Cut { at: self.at }) } else { Ok(()) }
    }
}

impl<'a> Section<'a> {
    /// Its entries.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let mut rest = self.payload;
        std::iter::from_fn(move || take_record(&mut rest))
    }
}

/// Takes the first entry off; `None` at the end, and for half an entry.
fn take_record<'a>(rest: &mut &'a [u8]) -> Option<Record<'a>> {
    let mut left = *rest;
    let key_length = usize::from(u16::from_be_bytes(take(&mut left)?));
    let key = take_slice(&mut left, key_length, KEY_BYTES_MAX)?;
    let revision = u64::from_be_bytes(take(&mut left)?);
    let commit = take(&mut left)?;
    let value_length = usize::try_from(u32::from_be_bytes(take(&mut left)?)).ok()?;
    let value = take_slice(&mut left, value_length, VALUE_BYTES_MAX)?;
    *rest = left;
    (!key.is_empty()).then_some(Record { key, revision, commit, value })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*head)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize, max: usize) -> Option<&'a [u8]> {
    let (head, behind) = rest.split_at_checked(length).filter(|_| length <= max)?;
    *rest = behind;
    Some(head)
}

fn decode<T: DeserializeOwned>(payload: &[u8]) -> Option<T> {
    serde_json::from_slice(payload).ok()
}

fn damaged(what: &str, at: u64, problem: &'static str) -> Error {
    Error::Damaged { what: what.to_owned(), at, problem }
}

/// As many bytes as there are, up to the length of `bytes`.
fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<usize, Error> {
    let mut count = 0;
    while let Some(rest) = bytes.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Read(error)),
        }
    }
    Ok(count)
}

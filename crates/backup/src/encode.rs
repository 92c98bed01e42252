//! Writing: entries in, bytes out, one section in memory at a time.

use secret::sha256;
use serde::Serialize;

use crate::describe::{Header, Proof, Trailer};
use crate::{HEAD_BYTES, Kind, MAGIC, RECORD_OVERHEAD_BYTES, Record, SECTION_BYTES, SUM_BYTES, Sum, mac};

/// Makes one backup. Every call appends to `out` what is ready to be sent.
pub struct Encoder {
    sum: Sum,
    /// The payload of the section that is being filled.
    payload: Vec<u8>,
    entries: u64,
    sections: u64,
}

impl Encoder {
    /// Begins a backup with its header.
    #[must_use]
    pub fn begin(header: &Header, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(MAGIC);
        let mut encoder = Self { sum: sha256(MAGIC), payload: Vec::new(), entries: 0, sections: 0 };
        encoder.frame(Kind::Header, &json(header), out);
        encoder
    }

    /// Adds an entry, whose key must be behind that of the one before.
    ///
    /// # Panics
    /// Never for an entry of a store: keys and values are bounded there.
    pub fn add(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Record { key, revision, commit, value } = record;
        self.payload.reserve(RECORD_OVERHEAD_BYTES + key.len() + value.len());
        let length = u16::try_from(key.len()).expect("a key has at most 2,048 bytes");
        self.payload.extend_from_slice(&length.to_be_bytes());
        self.payload.extend_from_slice(key);
        self.payload.extend_from_slice(&revision.to_be_bytes());
        self.payload.extend_from_slice(commit);
        let length = u32::try_from(value.len()).expect("a value has at most 512 KiB");
        self.payload.extend_from_slice(&length.to_be_bytes());
        self.payload.extend_from_slice(value);
        self.entries += 1;
        if self.payload.len() >= SECTION_BYTES {
            self.close_section(out);
        }
    }

    /// Ends the backup. With the term of a keyring and its key for backups, anybody who has them can tell later that
    /// this was made by whoever had them.
    pub fn finish(mut self, key: Option<(u32, &[u8])>, out: &mut Vec<u8>) {
        if !self.payload.is_empty() {
            self.close_section(out);
        }
        let proof = key.map(|(term, key)| Proof { term, mac: mac(key, &self.sum, self.entries) });
        let trailer = Trailer { entries: self.entries, sections: self.sections, proof };
        self.frame(Kind::Trailer, &json(&trailer), out);
    }

    fn close_section(&mut self, out: &mut Vec<u8>) {
        let mut payload = std::mem::take(&mut self.payload);
        self.sections += 1;
        self.frame(Kind::Section, &payload, out);
        payload.clear();
        self.payload = payload;
    }

    fn frame(&mut self, kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
        let length = u32::try_from(payload.len()).expect("a payload has at most 1 MiB");
        out.reserve(HEAD_BYTES + payload.len() + SUM_BYTES);
        let start = out.len();
        out.push(kind as u8);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(payload);
        self.sum = next_sum(&self.sum, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&self.sum);
    }
}

/// The sum of a frame, head and payload, behind another.
pub(crate) fn next_sum(before: &Sum, frame: &[u8]) -> Sum {
    // A copy: a frame is short, and hashing it costs more.
    sha256(&[before, frame].concat())
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers and texts make JSON")
}

//! The format of a backup: a copy of a store as of one position, as a stream that is written once and read once.
//!
//! A backup is a magic word and then *frames*: a header, sections of entries in the order of their keys, and a trailer.
//! A frame is its kind (1 byte), the length of its payload (4 bytes, big-endian), the payload, and a sum: the SHA-256 of
//! the sum before it and of the frame up to here. So a byte that was changed is found in its own frame, and a frame that
//! was left out, doubled or moved in the one behind it; a stream that was cut has no trailer. Whoever edits a backup can
//! compute these sums again. Against that the trailer of one that an unsealed server made has a MAC over the last sum,
//! under a key of the cluster's keyring.
//!
//! Entries go through as they are stored, encrypted. This crate holds no key, and knows no store, server or network.

use secret::hmac_sha256;

mod describe;
mod encode;
pub mod file;
mod read;

pub use describe::{FORMAT, Header, Lineage, Proof, Trailer};
pub use encode::Encoder;
pub use read::{Reader, Section, Summary, inspect};

/// The first bytes of every backup.
const MAGIC: &[u8; 16] = b"strongroom\0copy\n";
/// Kind and length in front of a payload, in bytes.
const HEAD_BYTES: usize = 1 + 4;
/// The length of a [`Sum`], in bytes.
pub const SUM_BYTES: usize = 32;
/// A section is closed once its payload has reached this, in bytes: little enough to be held many times.
pub const SECTION_BYTES: usize = 256 * 1024;
/// The longest payload that is read, in bytes: a section that was almost full and one more entry of the longest.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// The longest key, in bytes, as the store has it.
pub const KEY_BYTES_MAX: usize = 2048;
/// The longest value, in bytes, as the store has it.
pub const VALUE_BYTES_MAX: usize = 512 * 1024;
/// What an entry takes beside its key and value: their lengths, the revision and the commit's id, in bytes.
const RECORD_OVERHEAD_BYTES: usize = 2 + 8 + 16 + 4;

const _: () = assert!(SECTION_BYTES + RECORD_OVERHEAD_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX <= PAYLOAD_BYTES_MAX);

/// What a frame and all before it are told by.
pub type Sum = [u8; SUM_BYTES];

/// One entry of a store, as it is stored there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// At most [`KEY_BYTES_MAX`].
    pub key: &'a [u8],
    /// Which write of the key this is.
    pub revision: u64,
    /// The commit that wrote it.
    pub commit: [u8; 16],
    /// The ciphertext, at most [`VALUE_BYTES_MAX`].
    pub value: &'a [u8],
}

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Kind {
    Header = b'H',
    Section = b'S',
    Trailer = b'T',
}

/// The MAC of a backup whose last section has this sum, under a key that is used for nothing else.
#[must_use]
pub fn mac(key: &[u8], sum: &Sum, entries: u64) -> [u8; SUM_BYTES] {
    hmac_sha256(key, &[b"strongroom backup 1\0", sum, &entries.to_be_bytes()])
}

/// Why a backup cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or stream gave no bytes.
    #[error("cannot read the backup")]
    Read(#[source] std::io::Error),
    /// It does not begin as a backup does.
    #[error("this is no backup of Strongroom")]
    Foreign,
    /// A later release made it.
    #[error("the backup has format {found}, this release reads up to {FORMAT}")]
    TooNew {
        /// The format that it says it has.
        found: u32,
    },
    /// It ends before its trailer.
    #[error("the backup is cut off at byte {at}: it has no end")]
    Cut {
        /// How many bytes there are.
        at: u64,
    },
    /// A frame is not what was written, or not where it was written.
    #[error("the backup is damaged: {what} at byte {at} {problem}")]
    Damaged {
        /// Which frame.
        what: String,
        /// Where it begins.
        at: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Something follows the trailer.
    #[error("there is something behind the end of the backup, at byte {at}")]
    Behind {
        /// Where it begins.
        at: u64,
    },
}

#[cfg(test)]
mod tests;

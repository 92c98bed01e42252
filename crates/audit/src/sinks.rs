//! Where records go: one file for each kind of device. A sink is called by its device's thread alone, and may block that.

use std::io;

use rustix::io::Errno;

use crate::settings::Target;

pub(crate) mod file;
pub(crate) mod http;
pub(crate) mod socket;
pub(crate) mod syslog;

/// Whole records, one behind the other, each with its end of line.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Where each record ends.
    pub(crate) ends: Vec<usize>,
}

/// What became of a batch.
#[derive(Default)]
pub(crate) struct Written {
    /// How many records, from the first on, are where they should be, or may be: their numbers are spent.
    pub(crate) records: usize,
    /// How many of those are there as safely as the operator wants it.
    pub(crate) taken: usize,
    /// Whether a part of the next one is there too.
    pub(crate) is_torn: bool,
    /// Whether the next one is refused for what it is, so that those behind it may be taken.
    pub(crate) is_next_refused: bool,
    /// Why not all.
    pub(crate) failure: Option<io::Error>,
}

/// Why a record was not taken.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For what it is, its length most likely: another may be taken.
    Record(io::Error),
    /// The medium takes none.
    Medium(io::Error),
    /// It may have been taken all the same: nobody has said.
    Unknown(io::Error),
}

pub(crate) trait Sink: Send {
    /// Gets ready to write; whether what was written last may be cut, by this process or by one before it.
    fn prepare(&mut self) -> bool {
        false
    }

    /// Writes a batch.
    fn write(&mut self, batch: &Batch) -> Written;

    /// Opens the medium anew before the next batch.
    fn reopen(&mut self);

    /// What it is, for the log.
    fn describe(&self) -> String;
}

impl Batch {
    /// The memory of an unusually long batch is given back.
    pub(crate) fn clear(&mut self) {
        const KEPT_BYTES_MAX: usize = 1024 * 1024;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.ends.clear();
    }

    /// How many records are wholly within so many bytes.
    pub(crate) fn whole_within(&self, bytes: usize) -> usize {
        self.ends.partition_point(|end| *end <= bytes)
    }

    /// Where the record at `index` begins.
    pub(crate) fn start_of(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }
}

impl Written {
    /// All of it.
    pub(crate) fn all(batch: &Batch) -> Self {
        Self { records: batch.ends.len(), taken: batch.ends.len(), ..Self::default() }
    }

    /// Nothing of it.
    pub(crate) fn nothing(error: io::Error) -> Self {
        Self { failure: Some(error), ..Self::default() }
    }

    /// So many records of it, and what failed for as many of the next ones as were sent together.
    pub(crate) fn until(taken: usize, together: usize, failure: Failure) -> Self {
        let (spent, is_next_refused, error) = match failure {
            Failure::Record(error) => (0, together == 1, error),
            Failure::Medium(error) => (0, false, error),
            Failure::Unknown(error) => (together, false, error),
        };
        Self { records: taken + spent, taken, is_torn: false, is_next_refused, failure: Some(error) }
    }

    /// So many bytes of it.
    pub(crate) fn cut(batch: &Batch, bytes: usize, error: io::Error) -> Self {
        let records = batch.whole_within(bytes);
        let is_torn = batch.start_of(records) < bytes;
        Self { records, taken: records, is_torn, failure: Some(error), ..Self::default() }
    }
}

/// Sends each record by itself, without its end of line, until one fails.
pub(crate) fn one_by_one(batch: &Batch, mut send: impl FnMut(&[u8]) -> Result<(), Failure>) -> Written {
    let mut start = 0;
    for (index, &end) in batch.ends.iter().enumerate() {
        let record = batch.bytes.get(start..end).unwrap_or_default();
        if let Err(failure) = send(record.strip_suffix(b"\n").unwrap_or(record)) {
            return Written::until(index, 1, failure);
        }
        start = end;
    }
    Written::all(batch)
}

/// What it means that a datagram was not sent.
pub(crate) fn datagram_failure(error: io::Error) -> Failure {
    if Errno::from_io_error(&error) == Some(Errno::MSGSIZE) { Failure::Record(error) } else { Failure::Medium(error) }
}

impl Target {
    /// The sink of this target. Opens nothing yet.
    pub(crate) fn open(&self) -> Box<dyn Sink> {
        match self {
            Self::File(target) => file::sink(target),
            Self::Syslog(target) => syslog::sink(target),
            Self::Socket(target) => socket::sink(target),
            Self::Http(target) => http::sink(target),
        }
    }
}

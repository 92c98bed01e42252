//! What waits for a device: bounded in records and bytes, so that a device that stands still costs no more than that.
//!
//! A full spool refuses. Then it depends on the other devices whether the request goes on; the record is counted as
//! lost to this one, and the chain's next record tells how many were.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::receipt::Slip;

/// How much may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    pub(crate) records: usize,
    /// In bytes. A record that is longer alone is taken when nothing else waits.
    pub(crate) bytes: usize,
}

/// What a device has before it, and what it could not take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backlog {
    /// Records that are taken and not written yet.
    pub records: usize,
    /// Their length in bytes.
    pub bytes: usize,
    /// Records that were refused, or that the medium did not take, since the device was started.
    pub lost: u64,
}

/// A record on its way.
pub(crate) struct Entry {
    /// The record without its end.
    pub(crate) record: Vec<u8>,
    pub(crate) slip: Slip,
}

pub(crate) struct Spool {
    bounds: Bounds,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    queue: Vec<Entry>,
    /// Of the queue and of what the writer is about.
    records: usize,
    bytes: usize,
    lost: u64,
    /// All that were ever lost.
    lost_ever: u64,
    is_closed: bool,
    is_reopening: bool,
    is_writer_waiting: bool,
}

/// What a writer finds to do.
pub(crate) struct Work {
    pub(crate) entries: Vec<Entry>,
    /// The medium is to be opened anew first.
    pub(crate) is_reopening: bool,
}

impl Spool {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default(), wake: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record, or refuses it at once. Whether the writer has to be roused for it.
    #[must_use]
    pub(crate) fn push(&self, entry: Entry) -> bool {
        let mut state = self.state();
        let length = entry.record.len();
        let is_full =
            state.records > 0 && (state.records >= self.bounds.records || state.bytes + length > self.bounds.bytes);
        if is_full || state.is_closed {
            state.lost += 1;
            state.lost_ever += 1;
            drop(state);
            // Refused, as it is dropped.
            drop(entry);
            return false;
        }
        state.records += 1;
        state.bytes += length;
        state.queue.push(entry);
        std::mem::take(&mut state.is_writer_waiting)
    }

    /// Has a writer that sleeps look for what there is to do.
    pub(crate) fn rouse(&self) {
        self.wake.notify_one();
    }

    /// Has the medium opened anew before the next record.
    pub(crate) fn reopen(&self) {
        let mut state = self.state();
        state.is_reopening = true;
        drop(state);
        self.rouse();
    }

    /// What is in it is written, nothing more is taken.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        drop(state);
        self.rouse();
    }

    /// Waits for something to do; nothing once closed and empty. For the one writer.
    pub(crate) fn next(&self) -> Option<Work> {
        let mut state = self.state();
        loop {
            if !state.queue.is_empty() || state.is_reopening {
                state.is_writer_waiting = false;
                let is_reopening = std::mem::take(&mut state.is_reopening);
                return Some(Work { entries: std::mem::take(&mut state.queue), is_reopening });
            }
            if state.is_closed {
                return None;
            }
            state.is_writer_waiting = true;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gives the room of written records back.
    pub(crate) fn done(&self, records: usize, bytes: usize) {
        let mut state = self.state();
        state.records = state.records.saturating_sub(records);
        state.bytes = state.bytes.saturating_sub(bytes);
    }

    /// How many records were refused since the last call.
    pub(crate) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.state().lost)
    }

    /// Nobody was told of these after all: the next call of [`take_lost`](Self::take_lost) gives them again.
    pub(crate) fn tell_again(&self, lost: u64) {
        self.state().lost += lost;
    }

    /// Notes records that the medium did not take.
    pub(crate) fn lose(&self, records: u64) {
        let mut state = self.state();
        state.lost += records;
        state.lost_ever += records;
    }

    #[cfg(test)]
    pub(crate) fn has_sleeping_writer(&self) -> bool {
        self.state().is_writer_waiting
    }

    /// What waits, and what was lost.
    pub(crate) fn backlog(&self) -> Backlog {
        let state = self.state();
        Backlog { records: state.records, bytes: state.bytes, lost: state.lost_ever }
    }
}

#[cfg(test)]
mod tests;

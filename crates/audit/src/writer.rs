//! A device's thread: takes what has come together, chains it, writes it in one go, and tells those who wait.

use std::sync::Arc;
use std::task::Waker;

use tokio::sync::watch;

use crate::chain::{Chain, Place};
use crate::device::Shared;
use crate::relay::Relay;
use crate::sinks::{Batch, Sink, Written};
use crate::spool::{Entry, Spool};

/// The most that is written in one go, in bytes, unless one record is longer. Without their chain, which is shorter than
/// a record.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// Why a device does not take records; for the log and for the operator who enables it.
pub type Cause = std::io::Error;

pub(crate) struct Writer {
    sink: Box<dyn Sink>,
    chain: Chain,
    spool: Arc<Spool>,
    shared: Arc<Shared>,
    relay: Arc<Relay>,
    /// That the thread has ended.
    ended: watch::Sender<bool>,
    place: Place,
    batch: Batch,
    /// The places behind the batch's records.
    places: Vec<Place>,
    /// Those who wait for records that were decided.
    wakers: Vec<Waker>,
    is_after_torn: bool,
    is_failing: bool,
    /// Whether a record of the batch was refused for what it is.
    is_refusing: bool,
    /// How many ever were.
    refused: u64,
}

impl Writer {
    pub(crate) fn new(
        sink: Box<dyn Sink>,
        chain: Chain,
        spool: Arc<Spool>,
        shared: Arc<Shared>,
        relay: Arc<Relay>,
        ended: watch::Sender<bool>,
    ) -> Self {
        Self {
            sink,
            chain,
            spool,
            shared,
            relay,
            ended,
            place: Place::default(),
            batch: Batch::default(),
            places: Vec::new(),
            wakers: Vec::new(),
            is_after_torn: false,
            is_failing: false,
            is_refusing: false,
            refused: 0,
        }
    }

    pub(crate) fn run(mut self) {
        // However it ends, nobody may wait for a device that nobody serves.
        let _closed = Closed(Arc::clone(&self.spool), self.ended.clone());
        while let Some(work) = self.spool.next() {
            if work.is_reopening {
                self.sink.reopen();
            }
            let mut entries = work.entries.into_iter().peekable();
            while entries.peek().is_some() {
                self.write_some(&mut entries);
            }
        }
    }

    /// Writes as many of the entries as make one batch. One that is refused for what it is takes no other with it: those
    /// behind it are chained anew, and written again.
    fn write_some(&mut self, entries: &mut std::iter::Peekable<impl Iterator<Item = Entry>>) {
        let (mut rest, mut bytes) = (Vec::new(), 0);
        while let Some(entry) =
            entries.next_if(|entry| rest.is_empty() || bytes + entry.record.len() <= BATCH_BYTES_MAX)
        {
            bytes += entry.record.len();
            rest.push(entry);
        }
        self.is_refusing = false;
        while !rest.is_empty() {
            self.is_after_torn |= self.sink.prepare();
            let told = self.chain_up(&rest);
            let written = self.sink.write(&self.batch);
            self.settle(&mut rest, told, written);
        }
    }

    /// Makes the batch of these records, and tells how many lost ones its first record tells of.
    fn chain_up(&mut self, entries: &[Entry]) -> u64 {
        self.batch.clear();
        self.places.clear();
        let told = self.spool.take_lost();
        let (mut place, mut lost, mut is_after_torn) = (self.place, told, self.is_after_torn);
        for Entry { record, .. } in entries {
            let from = self.batch.bytes.len();
            self.batch.bytes.extend_from_slice(record);
            let (lost, torn) = (std::mem::take(&mut lost), std::mem::take(&mut is_after_torn));
            place = self.chain.end(&mut self.batch.bytes, from, place, lost, torn);
            self.batch.ends.push(self.batch.bytes.len());
            self.places.push(place);
        }
        told
    }

    /// Answers those whose records were decided by a write, and leaves the others.
    fn settle(&mut self, rest: &mut Vec<Entry>, told: u64, written: Written) {
        let Written { records, taken, is_torn, is_next_refused, failure } = written;
        let records = records.min(rest.len());
        if let Some(last) = records.checked_sub(1).and_then(|last| self.places.get(last)) {
            self.place = *last;
            self.is_after_torn = false;
            self.shared.set_place(self.place);
        } else {
            self.spool.tell_again(told);
        }
        self.is_after_torn |= is_torn;
        let decided = if is_next_refused { rest.len().min(records + 1) } else { rest.len() };
        let bytes = rest.iter().take(decided).map(|entry| entry.record.len()).sum();
        self.spool.lose((decided - records) as u64);
        self.spool.done(decided, bytes);
        // Before the answers: whoever is refused asks why.
        self.report(failure, is_next_refused);
        let done = rest.drain(..decided).enumerate();
        self.wakers.extend(done.filter_map(|(index, entry)| entry.slip.answer(index < taken)));
        self.relay.wake(&mut self.wakers);
    }

    /// Tells once that it begins to fail, and once that it goes on. Of records that are refused for what they are it tells
    /// ever more seldom: strangers can make them.
    fn report(&mut self, failure: Option<Cause>, is_of_record: bool) {
        let device = || self.sink.describe();
        match failure {
            Some(error) if is_of_record => {
                self.refused += 1;
                if self.refused.is_power_of_two() {
                    tracing::warn!(%error, device = %device(), refused = self.refused, "audit device refuses a record");
                }
                self.is_refusing = true;
                self.shared.set_failure(Some(Arc::new(error)));
            }
            Some(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!(%error, device = %device(), "audit device takes no records");
                }
                self.shared.set_failure(Some(Arc::new(error)));
            }
            None => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::warn!(device = %device(), "audit device takes records again");
                }
                // Whoever was refused in this very batch has yet to ask why.
                if !self.is_refusing {
                    self.shared.set_failure(None);
                }
            }
        }
    }
}

/// Refuses what comes to a device whose thread has ended, for whatever reason, and tells who waits for that.
struct Closed(Arc<Spool>, watch::Sender<bool>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.close();
        // What is still in it is refused as it is dropped.
        drop(self.0.next());
        self.1.send_replace(true);
    }
}

#[cfg(test)]
mod tests;

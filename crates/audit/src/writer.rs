//! A device's thread: takes what has come together, chains it, writes it in one go, and tells those who wait.

use std::sync::Arc;
use std::task::Waker;

use crate::chain::{Chain, Place};
use crate::device::Shared;
use crate::relay::Relay;
use crate::sinks::{Batch, Sink};
use crate::spool::{Entry, Spool};

/// The most that is written in one go, in bytes, unless one record is longer.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// Why a device does not take records; for the log and for the operator who enables it.
pub type Cause = std::io::Error;

pub(crate) struct Writer {
    sink: Box<dyn Sink>,
    chain: Chain,
    spool: Arc<Spool>,
    shared: Arc<Shared>,
    relay: Arc<Relay>,
    place: Place,
    batch: Batch,
    /// The places behind the batch's records.
    places: Vec<Place>,
    /// Those who wait for records that were decided.
    wakers: Vec<Waker>,
    is_after_torn: bool,
    is_failing: bool,
}

impl Writer {
    pub(crate) fn new(
        sink: Box<dyn Sink>,
        chain: Chain,
        spool: Arc<Spool>,
        shared: Arc<Shared>,
        relay: Arc<Relay>,
    ) -> Self {
        Self {
            sink,
            chain,
            spool,
            shared,
            relay,
            place: Place::default(),
            batch: Batch::default(),
            places: Vec::new(),
            wakers: Vec::new(),
            is_after_torn: false,
            is_failing: false,
        }
    }

    pub(crate) fn run(mut self) {
        // However it ends, nobody may wait for a device that nobody serves.
        let _closed = Closed(Arc::clone(&self.spool));
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

    /// Writes as many of the entries as make one batch.
    fn write_some(&mut self, entries: &mut std::iter::Peekable<impl Iterator<Item = Entry>>) {
        self.batch.clear();
        self.places.clear();
        self.is_after_torn |= self.sink.prepare();
        let (mut slips, mut bytes, mut place) = (Vec::new(), 0, self.place);
        let (mut lost, mut is_after_torn) = (self.spool.take_lost(), self.is_after_torn);
        let told = lost;
        let has_room = |batch: &Batch, entry: &Entry| {
            batch.bytes.is_empty() || batch.bytes.len() + entry.record.len() <= BATCH_BYTES_MAX
        };
        while let Some(Entry { record, slip }) = entries.next_if(|entry| has_room(&self.batch, entry)) {
            bytes += record.len();
            let from = self.batch.bytes.len();
            self.batch.bytes.extend_from_slice(&record);
            let (lost, torn) = (std::mem::take(&mut lost), std::mem::take(&mut is_after_torn));
            place = self.chain.end(&mut self.batch.bytes, from, place, lost, torn);
            self.batch.ends.push(self.batch.bytes.len());
            self.places.push(place);
            slips.push(slip);
        }
        let written = self.sink.write(&self.batch);
        if let Some(last) = written.records.checked_sub(1).and_then(|last| self.places.get(last)) {
            self.place = *last;
            self.is_after_torn = false;
            self.shared.set_place(self.place);
        } else {
            // Nobody was told of what was lost before.
            self.spool.lose(told);
        }
        self.is_after_torn |= written.is_torn;
        self.spool.lose((slips.len() - written.records.min(slips.len())) as u64);
        self.spool.done(slips.len(), bytes);
        // Before the answers: whoever is refused asks why.
        self.report(written.failure);
        let answers = slips.into_iter().enumerate().map(|(index, slip)| slip.answer(index < written.taken));
        self.wakers.extend(answers.flatten());
        self.relay.wake(&mut self.wakers);
    }

    /// Tells once that it begins to fail, and once that it goes on.
    fn report(&mut self, failure: Option<Cause>) {
        match failure {
            Some(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!(%error, device = %self.sink.describe(), "audit device takes no records");
                }
                self.shared.set_failure(Some(Arc::new(error)));
            }
            None if std::mem::take(&mut self.is_failing) => {
                tracing::warn!(device = %self.sink.describe(), "audit device takes records again");
                self.shared.set_failure(None);
            }
            None => {}
        }
    }
}

/// Refuses what comes to a device whose thread has ended, for whatever reason.
struct Closed(Arc<Spool>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.close();
        // What is still in it is refused as it is dropped.
        drop(self.0.next());
    }
}

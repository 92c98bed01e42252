//! A device that is enabled: its style, its spool, and the thread that writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use api::audit::{ChainName, Mac};
use tokio::sync::watch;

use crate::chain::{Chain, Key, Place};
use crate::receipt::Receipt;
use crate::record::Style;
use crate::redact::Hasher;
use crate::relay::Relay;
use crate::settings::{OptionError, Settings};
use crate::spool::{Backlog, Entry, Spool};
use crate::writer::{Cause, Writer};

/// An enabled device. Dropping the last handle lets it write what it has taken and end.
pub struct Device {
    name: ChainName,
    style: Style,
    spool: Arc<Spool>,
    shared: Arc<Shared>,
    relay: Arc<Relay>,
    /// Whether its thread has ended.
    ended: watch::Receiver<bool>,
}

/// How far a chain has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub name: ChainName,
    /// The number of its last record.
    pub seq: u64,
    /// That record's MAC.
    pub mac: Mac,
}

/// What the writer tells of itself.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) place: Mutex<Place>,
    /// Why the last write failed, if it did.
    pub(crate) failure: Mutex<Option<Arc<Cause>>>,
}

impl Shared {
    pub(crate) fn set_place(&self, place: Place) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    pub(crate) fn set_failure(&self, failure: Option<Arc<Cause>>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

impl Device {
    /// Starts a device. Nothing is opened before the first record.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        settings: &Settings,
        salt: &[u8],
        name: ChainName,
        key: Key,
        relay: Arc<Relay>,
    ) -> Result<Self, OptionError> {
        let spool = Arc::new(Spool::new(settings.bounds));
        let shared = Arc::new(Shared::default());
        let style = Style {
            hasher: Hasher::new(salt, settings.is_raw),
            is_accessor_clear: settings.is_raw || !settings.hashes_accessors,
            elides_lists: settings.elides_lists,
            prefix: settings.prefix.clone(),
        };
        let chain = Chain::new(&name, key);
        let (sink, ours) = (settings.sink.open(), Arc::clone(&relay));
        let (tell_end, ended) = watch::channel(false);
        let writer = Writer::new(sink, chain, Arc::clone(&spool), Arc::clone(&shared), ours, tell_end);
        let thread = thread::Builder::new().name(format!("audit-{}", settings.sink.name()));
        // Not joined: it ends by itself once it has written what it took.
        thread.spawn(move || writer.run()).map_err(OptionError::Thread)?;
        Ok(Self { name, style, spool, shared, relay, ended })
    }

    /// How values are hashed.
    #[must_use]
    pub fn hasher(&self) -> &Hasher {
        &self.style.hasher
    }

    pub(crate) fn style(&self) -> &Style {
        &self.style
    }

    /// How far the chain has come; nothing before the first record.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        let place = *self.shared.place.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Head { name: self.name.clone(), seq: place.seq, mac: place.mac? })
    }

    /// Why the last write failed; nothing if it did not.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<Cause>> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What waits for the medium, and what was lost.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.spool.backlog()
    }

    /// Has the medium opened anew before the next record: a file that was moved away, a connection.
    pub fn reopen(&self) {
        self.spool.reopen();
    }

    /// Takes no more records. What comes back completes once it has written those that it had taken, or has given up.
    pub fn close(&self) -> impl Future<Output = ()> + use<> {
        self.spool.close();
        let mut ended = self.ended.clone();
        // Without a sender the thread has ended, too.
        async move { drop(ended.wait_for(|has_ended| *has_ended).await) }
    }

    /// Hands one record to each of these devices, as it formats it. Never waits.
    pub fn submit<'d>(records: impl ExactSizeIterator<Item = (&'d Device, Vec<u8>)>) -> Receipt {
        let (receipt, slips) = Receipt::new(records.len());
        for ((device, record), slip) in records.zip(slips) {
            if device.spool.push(Entry { record, slip }) {
                device.relay.rouse(&device.spool);
            }
        }
        receipt
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.spool.close();
    }
}

#[cfg(test)]
mod tests;

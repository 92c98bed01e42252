//! `sys/leases/tidy`: a pass over everything that leases store. A lease that has lost its line gets one, and a line that
//! names no lease goes.
//!
//! The commits of this server leave nothing of the kind behind. A store that was damaged, or put together from pieces,
//! may.

use std::sync::{Arc, Mutex, PoisonError};

use barrier::Changes;
use framework::Error;
use storage::{Expectation, Key, KeyRange};
use tokio::task::JoinHandle;

use super::entry::State;
use super::revoke::Known;
use super::sweep::{known, last};
use super::{IndexEntry, Leases};
use crate::keys;
use crate::store::{Lost, decode, encode};

/// How many entries one storage call of the pass asks for.
const PAGE: usize = 500;

/// The pass that is under way on this node, if any.
#[derive(Default)]
pub(super) struct Tidying(Mutex<Option<JoinHandle<()>>>);

impl Tidying {
    pub(super) fn stop(&self) {
        if let Some(task) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Leases {
    /// Starts a pass in the background; false when one is under way already.
    pub(crate) fn start_tidying(self: &Arc<Self>, ns: &str) -> bool {
        let mut slot = self.tidying.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_some_and(|task| !task.is_finished()) {
            return false;
        }
        let (leases, ns) = (Arc::clone(self), ns.to_owned());
        *slot = Some(tokio::spawn(async move {
            match leases.tidy(&ns).await {
                Ok(mended) => tracing::info!(namespace = ns, mended, "tidied up after leases"),
                Err(Error::Sealed) => {}
                Err(error) => tracing::warn!(namespace = ns, %error, "tidying up after leases failed"),
            }
        }));
        true
    }

    /// One pass over the leases of a namespace; gives how many things it put right.
    pub(super) async fn tidy(&self, ns: &str) -> Result<u64, Error> {
        let mut mended = 0;
        let mut range = KeyRange::prefix(&keys::leases(ns, "")?);
        loop {
            let (page, next) = self.store.page(range.clone(), PAGE).await?;
            for lease in known(ns, page)? {
                mended += u64::from(self.tidy_lease(lease).await?);
            }
            match next {
                Some(next) => range.start = next,
                None => break,
            }
        }
        for part in ["token-lease", "mount-lease", "irrevocable"] {
            mended += self.tidy_lines(ns, part).await?;
        }
        Ok(mended)
    }

    /// Gives a lease its line back; true when it had lost it.
    async fn tidy_lease(&self, lease: Known) -> Result<bool, Error> {
        let Known { place, mut found, .. } = lease;
        let line = match (found.value.state, found.value.line) {
            (State::Irrevocable, _) => return Ok(false),
            (_, Some(line)) => place.line(&found.value.mount, line)?,
            (_, None) => place.line(&found.value.mount, found.value.expires)?,
        };
        if self.store.revisions_of([line]).await? != [None] {
            return Ok(false);
        }
        let mut changes = Changes::new();
        let time = found.value.expires;
        self.move_line(&place, &mut found.value, time, &mut changes).await?;
        changes.replace(place.key()?, found.revision, encode(&found.value)?);
        self.mend(changes).await
    }

    /// Removes the lines of a part that name no lease.
    async fn tidy_lines(&self, ns: &str, part: &str) -> Result<u64, Error> {
        let (mut range, mut mended) = (KeyRange::prefix(&keys::all_of(ns, part)?), 0);
        loop {
            let (page, next) = self.store.page(range.clone(), PAGE).await?;
            for (key, opened) in page {
                mended += u64::from(self.tidy_line(ns, key, &opened).await?);
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(mended),
            }
        }
    }

    async fn tidy_line(&self, ns: &str, key: Key, opened: &barrier::Opened) -> Result<bool, Error> {
        let index = decode::<IndexEntry>(&key, opened)?.value;
        let Some(name) = last(&key) else { return Ok(false) };
        let lease = index.place(ns, name).key()?;
        if self.store.revisions_of([lease.clone()]).await? != [None] {
            return Ok(false);
        }
        let mut changes = Changes::new();
        changes.expect(Expectation::Absent(lease));
        changes.delete(key, opened.revision);
        self.mend(changes).await
    }

    /// A race is with somebody who looks after the lease.
    async fn mend(&self, changes: Changes) -> Result<bool, Error> {
        match self.store.commit(changes).await {
            Ok(_) => Ok(true),
            Err(Lost::Race(_)) => Ok(false),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

//! How far the chains have come, committed now and then: so that a file whose end was cut off does not look whole.
//!
//! A head belongs to the one chain that its key names, and only the node that writes the chain writes it. Keys begin with
//! the time at which the chain began, so that the oldest are the first, and they make room for new ones.

use std::sync::Arc;
use std::time::Duration;

use ::audit::Head;
use api::Timestamp;
use api::audit::{self, ChainName, Mac};
use barrier::{Changes, Purpose};
use framework::Error;
use framework::view::{Listing, from_barrier};
use serde::{Deserialize, Serialize};
use storage::KeyRange;

use super::AuditLog;
use crate::keys;
use crate::store::{Lost, decode, encode};

/// How often heads are committed: what is written since can be cut off unseen.
const INTERVAL: Duration = Duration::from_secs(10);
/// The most heads: that many times a device of a node was begun. Behind that the oldest go.
const HEADS_MAX: usize = 1_000;
/// The most heads on a page.
const PAGE: usize = 500;
/// How long the end of the process waits for the last heads.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// The most records that are checked with one request.
pub(crate) const CHECKED_MAX: usize = 1_000;

/// `core/audit-head/<boot>/<device>`.
#[derive(Serialize, Deserialize)]
struct HeadEntry {
    v: u32,
    node: String,
    term: u32,
    seq: u64,
    mac: String,
    /// Nanoseconds since 1970.
    written: i64,
}

/// A committed head.
pub(crate) struct Committed {
    pub(crate) name: ChainName,
    pub(crate) seq: u64,
    pub(crate) mac: String,
    pub(crate) written: Timestamp,
}

/// A record as its reader sees it: the SHA-256 of what its MAC covers, and that MAC.
pub(crate) type Claim = ([u8; 32], Mac);

impl AuditLog {
    /// Commits heads from now on, until the server is sealed.
    pub(crate) fn start(self: &Arc<Self>) {
        let (log, env) = (Arc::downgrade(self), self.env.clone());
        let task = tokio::spawn(async move {
            loop {
                env.sleep(INTERVAL).await;
                let Some(log) = log.upgrade() else { return };
                log.commit_heads().await;
            }
        });
        let mut committing = self.committing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(before) = committing.replace(task) {
            before.abort();
        }
    }

    /// Commits what there is, for the end of the process.
    pub(crate) async fn commit_last_heads(&self) {
        tokio::select! {
            () = self.commit_heads() => {}
            () = self.env.sleep(LAST_PATIENCE) => {}
        }
    }

    /// Commits the heads of chains that have come further. One that fails is tried again with the next.
    pub(crate) async fn commit_heads(&self) {
        let running = self.running().clone();
        for head in running.iter().filter_map(|it| it.device.head()) {
            match self.commit_head(&head).await {
                Ok(()) | Err(Error::Sealed) => {}
                Err(error) => tracing::warn!(%error, "the head of an audit chain could not be committed"),
            }
        }
    }

    async fn commit_head(&self, head: &Head) -> Result<(), Error> {
        let key = keys::audit_head(&head.name.boot, &head.name.device)?;
        let found = self.store.get::<HeadEntry>(&key).await?;
        if found.as_ref().is_some_and(|found| found.value.seq >= head.seq) {
            return Ok(());
        }
        let entry = HeadEntry {
            v: 1,
            node: head.name.node.clone(),
            term: head.name.term,
            seq: head.seq,
            mac: audit::mac_text(&head.mac),
            written: framework::view::to_stored(self.now()),
        };
        let mut changes = Changes::new();
        if found.is_none() {
            self.make_room(&mut changes).await?;
        }
        changes.set(key, found.map(|found| found.revision), encode(&entry)?);
        match self.store.commit(changes).await {
            // A node that made room at the same time; the next interval tries again.
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Takes the oldest head away when there are too many.
    async fn make_room(&self, changes: &mut Changes) -> Result<(), Error> {
        let range = KeyRange::prefix(&keys::prefix(keys::AUDIT_HEADS)?);
        let (known, next) = self.store.keys(range, HEADS_MAX).await?;
        if next.is_some()
            && let Some((oldest, revision)) = known.into_iter().next()
        {
            changes.delete(oldest, revision);
        }
        Ok(())
    }

    /// A page of the committed heads, oldest first, and what to go on behind.
    pub(crate) async fn heads(&self, listing: &Listing) -> Result<(Vec<Committed>, Option<String>), Error> {
        let mut range = KeyRange::prefix(&keys::prefix(keys::AUDIT_HEADS)?);
        if !listing.after.is_empty() {
            let after = keys::prefix(&[keys::AUDIT_HEADS, &listing.after].concat())?;
            range.start = after.successor().unwrap_or(after);
        }
        let limit = listing.limit.unwrap_or(PAGE).min(PAGE);
        let (page, next) = self.store.page(range, limit).await?;
        let (mut heads, mut last) = (Vec::with_capacity(page.len()), None);
        for (key, opened) in page {
            let text = String::from_utf8_lossy(key.as_bytes()).into_owned();
            let place = text.strip_prefix(keys::AUDIT_HEADS).unwrap_or_default().to_owned();
            let Some((boot, device)) = place.split_once('/') else { continue };
            let HeadEntry { node, term, seq, mac, written, .. } = decode::<HeadEntry>(&key, &opened)?.value;
            let name = ChainName { device: device.to_owned(), boot: boot.to_owned(), node, term };
            heads.push(Committed { name, seq, mac, written: framework::view::from_stored(written) });
            last = Some(place);
        }
        Ok((heads, last.filter(|_| next.is_some())))
    }

    /// How many of these records, from the first on, carry the MAC that this cluster made for them.
    pub(crate) async fn count_genuine(&self, term: u32, claims: &[Claim]) -> Result<usize, Error> {
        let subkey = self.store.barrier().subkey_of(Purpose::AuditChain, term).await.map_err(from_barrier)?;
        let Some(subkey) = subkey else { return Ok(0) };
        let key = ::audit::Key::new(subkey.key.expose());
        let is_genuine = |(hash, mac): &&Claim| secret::is_equal(key.mac(hash), mac);
        Ok(claims.iter().take_while(is_genuine).count())
    }
}

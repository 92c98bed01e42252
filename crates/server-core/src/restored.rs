//! What the first unseal after a restore does: the tokens of before end, and nothing that was edited gets in.
//!
//! Who restores holds no key, so they leave a marker in clear ([`MARKER_KEY`]) beside what they restored.
//! Unsealing turns it, in one commit, into a new *token epoch*: a random text behind the barrier that goes into the hash
//! of every service token and into the seal of every batch token. So all that was handed out before is refused, whatever
//! became of it since the backup was made. The epoch is random and no number, because one backup can be restored twice,
//! and what was handed out in between must not come to life again.

use backup::{Proof, Summary};
use barrier::Changes;
use env::Env;
use framework::Error;
use framework::view::{COMMIT_TRIES, StoredTime, from_barrier, to_stored};
use serde::{Deserialize, Serialize};
use storage::{Key, Revision};

use crate::backups::is_genuine;
use crate::keys;
use crate::store::{Lost, Store, encode};

/// How many random characters an epoch has.
const EPOCH_CHARACTERS: usize = 24;

/// `core/restored`, in clear.
#[derive(Serialize, Deserialize)]
struct RestoredEntry {
    v: u32,
    restored: StoredTime,
    /// Whether the tokens of before stay valid.
    keeps_tokens: bool,
    sum: String,
    entries: u64,
    /// Absent when nobody had a key when the backup was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<Proof>,
}

/// `core/token-epoch`.
#[derive(Serialize, Deserialize)]
pub(crate) struct EpochEntry {
    v: u32,
    epoch: String,
    begun: StoredTime,
}

impl EpochEntry {
    pub(crate) fn open(self) -> Result<String, Error> {
        if self.v == 1 {
            Ok(self.epoch)
        } else {
            Err(Error::world("open the token epoch", "its format is newer than this release"))
        }
    }
}

/// Where [`marker`] goes.
pub const MARKER_KEY: Key = keys::RESTORED;

/// What a restore leaves in the store under [`MARKER_KEY`]: that the content comes from this backup.
///
/// # Errors
/// Never: numbers and short texts make an entry.
pub fn marker(env: &Env, backup: &Summary, keeps_tokens: bool) -> Result<Vec<u8>, Error> {
    encode(&RestoredEntry {
        v: 1,
        restored: to_stored(env.now().into()),
        keeps_tokens,
        sum: data_encoding::HEXLOWER.encode(&backup.sum),
        entries: backup.trailer.entries,
        proof: backup.trailer.proof,
    })
}

/// Whether a marker that a backup holds, because the store was never unsealed between two restores, asks for an end of
/// the tokens. One that cannot be read does.
#[must_use]
pub fn ends_tokens(marker: &[u8]) -> bool {
    serde_json::from_slice::<RestoredEntry>(marker).map_or(true, |entry| !entry.keeps_tokens)
}

/// Looks for the marker of a restore, and does what it asks for. Called with the keys at hand, before anybody is served.
pub(crate) async fn settle(store: &Store, env: &Env) -> Result<(), Error> {
    for _ in 0..COMMIT_TRIES {
        let found = store.barrier().sealed_entry(&keys::RESTORED).await.map_err(from_barrier)?;
        let Some(found) = found else { return Ok(()) };
        let entry: RestoredEntry = serde_json::from_slice(&found.value)
            .map_err(|source| Error::world("read what a restore has left", source))?;
        if entry.v != 1 {
            return Err(Error::world("read what a restore has left", "its format is newer than this release"));
        }
        check(store, &entry).await?;
        match end(store, env, &entry, found.revision).await {
            // Another node was faster with it.
            Err(Lost::Race(_)) => {}
            settled => return Ok(settled?),
        }
    }
    Err(framework::view::contended())
}

/// Refuses what was changed after the cluster had made it.
async fn check(store: &Store, entry: &RestoredEntry) -> Result<(), Error> {
    let Some(proof) = &entry.proof else {
        tracing::warn!("the backup that was restored has no MAC: whether it was changed cannot be told");
        return Ok(());
    };
    let sum = data_encoding::HEXLOWER.decode(entry.sum.as_bytes()).ok().and_then(|sum| sum.try_into().ok());
    let is_genuine = match sum {
        Some(sum) => is_genuine(store.barrier(), proof, &sum, entry.entries).await?,
        None => false,
    };
    if is_genuine {
        return Ok(());
    }
    Err(Error::WorldShown {
        shown: "the backup that was restored here was changed after it had been made: restore another one".into(),
        source: "the MAC of the backup is not this cluster's".into(),
    })
}

async fn end(store: &Store, env: &Env, entry: &RestoredEntry, revision: Revision) -> Result<(), Lost> {
    let mut changes = Changes::new();
    changes.delete(keys::RESTORED, revision);
    if !entry.keeps_tokens {
        let [epoch] = store.revisions_of([keys::TOKEN_EPOCH]).await?;
        let begun = EpochEntry { v: 1, epoch: env.base62(EPOCH_CHARACTERS), begun: to_stored(env.now().into()) };
        changes.set(keys::TOKEN_EPOCH, epoch, encode(&begun)?);
    }
    store.commit(changes).await?;
    match entry.keeps_tokens {
        true => tracing::warn!("restored from a backup; the tokens of before are valid, as was asked for"),
        false => tracing::warn!("restored from a backup; the tokens of before are refused from now on"),
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! `X-Vault-Index`: how far the store had come when a write was answered. A client that sends it along reads its own
//! write on any node: one that has not come as far waits a little, then says so (412, which clients try again).
//!
//! The text has the published form, base64 of `v1:<cluster>:<local>:<replicated>:<hex mac>`, so that clients can merge
//! several. It is no credential and nothing is let in by it; the MAC keeps strangers from making a node wait. What is
//! malformed, from another cluster or not ours is ignored: clients keep sending what they once got, to whomever they
//! talk, and refusing it would lock them out after a cluster was set up anew.

use std::sync::Arc;
use std::time::Duration;

use barrier::Barrier;
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use env::Env;
use framework::Error;
use framework::view::from_barrier;
use storage::Position;

use crate::cluster::{Cluster, Identity};

/// How long a request waits for this node to come as far.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long it waits between two looks.
const PAUSE: Duration = Duration::from_millis(25);
/// The longest text that is looked at, in bytes: about twice ours.
const TEXT_BYTES_MAX: usize = 512;
/// The one version of the form.
const VERSION: &str = "v1";

/// Makes and understands indexes.
pub(crate) struct Index {
    barrier: Barrier,
    env: Env,
    identity: Arc<Identity>,
}

impl Index {
    pub(crate) fn new(barrier: Barrier, env: Env, identity: Arc<Identity>) -> Self {
        Self { barrier, env, identity }
    }

    /// The index of everything that this node has written or seen; `None` while sealed.
    pub(crate) fn current(&self) -> Option<String> {
        let cluster = self.identity.cluster().ok()?;
        encode(&cluster, self.barrier.seen())
    }

    /// Waits until this node has seen what the client has; whether it had to. `sent` is bounded by the front door.
    ///
    /// # Errors
    /// [`Error::NotYetSeen`] after half a second, or when the store gives no answer.
    pub(crate) async fn reach(&self, sent: &[String]) -> Result<bool, Error> {
        if sent.is_empty() {
            return Ok(false);
        }
        let Ok(cluster) = self.identity.cluster() else { return Ok(false) };
        let positions = sent.iter().filter_map(|text| decode(&cluster, text));
        let Some(wanted) = positions.max() else { return Ok(false) };
        if self.barrier.seen() >= wanted {
            return Ok(false);
        }
        let deadline = self.env.monotonic().saturating_add(PATIENCE);
        loop {
            if self.barrier.now().await.map_err(from_barrier)? >= wanted {
                return Ok(true);
            }
            if self.env.monotonic() >= deadline {
                return Err(Error::NotYetSeen);
            }
            self.env.sleep(PAUSE).await;
        }
    }
}

/// There is no replication between clusters, so the second number is always zero.
fn encode(cluster: &Cluster, position: Position) -> Option<String> {
    let state = format!("{VERSION}:{}:{}:0", cluster.id, position.0);
    let mac = HEXLOWER.encode(&cluster.index_mac(state.as_bytes())?);
    Some(BASE64.encode(format!("{state}:{mac}").as_bytes()))
}

/// The position in a text that this cluster made.
fn decode(cluster: &Cluster, text: &str) -> Option<Position> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let bytes = BASE64.decode(text.trim().as_bytes()).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let (state, mac) = text.rsplit_once(':')?;
    let mac = HEXLOWER_PERMISSIVE.decode(mac.as_bytes()).ok()?;
    if !secret::is_equal(&mac, cluster.index_mac(state.as_bytes())?) {
        return None;
    }
    let mut fields = state.split(':');
    if fields.next() != Some(VERSION) || fields.next() != Some(cluster.id.as_str()) {
        return None;
    }
    fields.next()?.parse().ok().map(Position)
}

#[cfg(test)]
mod tests;

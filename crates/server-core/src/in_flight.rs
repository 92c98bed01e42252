//! The requests under way, for whoever asks what a slow server is about. Never a token, a value or a query.
//!
//! Every request enters and leaves, so both have to cost next to nothing: one of sixteen locks, chosen by the request's
//! random id, held for two copies of short texts into memory that is used again; nobody waits in it. When a shard is
//! full, its further requests are answered all the same and only not listed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use env::Env;
use framework::{Operation, Request};

/// Over how many locks the requests are spread.
const SHARDS: usize = 16;
/// The most requests that one shard lists; sixteen times that in all.
const SHARD_REQUESTS_MAX: usize = 1_024;
/// How much of a path is kept, in bytes: what slots may hold on to, eight megabytes in all.
const PATH_BYTES_MAX: usize = 512;
/// How much of a request's id is kept, in bytes: a UUID has 36.
const ID_BYTES_MAX: usize = 64;

/// The requests under way.
pub(crate) struct InFlight {
    env: Env,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

/// The place of one request, used again by later ones.
#[derive(Clone)]
struct Slot {
    is_used: bool,
    shown: Shown,
}

/// What is shown of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    pub(crate) id: String,
    /// Without the API's version in front; its beginning if it is very long.
    pub(crate) path: String,
    pub(crate) operation: Operation,
    pub(crate) remote: Option<std::net::SocketAddr>,
    pub(crate) start: SystemTime,
}

/// A request's place in the list, for as long as it is under way.
pub(crate) struct Ticket<'l> {
    list: &'l InFlight,
    place: Option<(usize, usize)>,
}

impl InFlight {
    pub(crate) fn new(env: Env) -> Self {
        Self { env, shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Lists a request until the ticket is dropped.
    pub(crate) fn enter(&self, request: &Request) -> Ticket<'_> {
        let start = self.env.now();
        let sum = request.id.bytes().take(8).fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let shard = sum % SHARDS;
        let place = self.shard(shard).and_then(|mut it| it.take(request, start)).map(|slot| (shard, slot));
        Ticket { list: self, place }
    }

    /// All that are listed now. Shard by shard: one that begins or ends meanwhile may be in the list or not.
    pub(crate) fn all(&self) -> Vec<Shown> {
        let mut all = Vec::new();
        for shard in 0..SHARDS {
            if let Some(shard) = self.shard(shard) {
                all.extend(shard.slots.iter().filter(|slot| slot.is_used).map(|slot| slot.shown.clone()));
            }
        }
        all
    }

    /// How many are under way, those that found no room in the list left out.
    pub(crate) fn count(&self) -> usize {
        let shards = (0..SHARDS).filter_map(|shard| self.shard(shard));
        shards.map(|shard| shard.slots.len().saturating_sub(shard.free.len())).sum()
    }

    fn shard(&self, index: usize) -> Option<MutexGuard<'_, Shard>> {
        Some(self.shards.get(index)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    fn take(&mut self, request: &Request, start: SystemTime) -> Option<usize> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() < SHARD_REQUESTS_MAX => {
                self.slots.push(Slot::new());
                self.slots.len() - 1
            }
            None => return None,
        };
        let slot = self.slots.get_mut(index)?;
        slot.is_used = true;
        copy(&mut slot.shown.id, &request.id, ID_BYTES_MAX);
        copy(&mut slot.shown.path, &request.path, PATH_BYTES_MAX);
        slot.shown.operation = request.operation;
        slot.shown.remote = request.connection.remote;
        slot.shown.start = start;
        Some(index)
    }
}

impl Slot {
    fn new() -> Self {
        let shown = Shown {
            id: String::new(),
            path: String::new(),
            operation: Operation::Read,
            remote: None,
            start: SystemTime::UNIX_EPOCH,
        };
        Self { is_used: false, shown }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let Some((shard, slot)) = self.place else { return };
        if let Some(mut shard) = self.list.shard(shard) {
            if let Some(slot) = shard.slots.get_mut(slot) {
                slot.is_used = false;
            }
            shard.free.push(slot);
        }
    }
}

/// The beginning of a text, into memory that is there already.
fn copy(to: &mut String, text: &str, bytes_max: usize) {
    to.clear();
    to.push_str(text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default());
}

#[cfg(test)]
mod tests;

//! The ids of requests: random UUIDs, of which several are drawn at once.
//!
//! The kernel takes longer to be asked than to answer, and every request needs one. That is good for these ids alone:
//! they are shown and guard nothing. What guards something is drawn when it is used, never ahead: a copy of the machine
//! that is started twice would draw it twice.

use std::sync::{Mutex, PoisonError};

use env::{Env, uuid_of};

/// How many ids are drawn at once.
const DRAWN: usize = 32;
/// The length of one before it is written out, in bytes.
const ID_BYTES: usize = 16;

/// A source of ids.
#[derive(Debug)]
pub(crate) struct Ids {
    env: Env,
    drawn: Mutex<Vec<[u8; ID_BYTES]>>,
}

impl Ids {
    /// A source with nothing drawn yet.
    pub(crate) fn new(env: Env) -> Self {
        Self { env, drawn: Mutex::new(Vec::with_capacity(DRAWN)) }
    }

    /// An id that nobody else gets.
    pub(crate) fn next(&self) -> String {
        // Each is whole or not there, so a poisoned lock guards sound ones.
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.is_empty() {
            let bytes = self.env.random::<{ DRAWN * ID_BYTES }>();
            drawn.extend(bytes.as_chunks::<ID_BYTES>().0);
        }
        let id = drawn.pop().unwrap_or_default();
        drop(drawn);
        uuid_of(id)
    }
}

#[cfg(test)]
mod tests;

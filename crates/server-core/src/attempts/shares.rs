//! Shares that were given so far, in locked memory. Each counts once, however often it is given.

use secret::{LockedBytes, SecretBytes, is_equal};

/// Shares that were given so far.
#[derive(Default)]
pub(crate) struct Shares(Vec<LockedBytes>);

impl Shares {
    /// Adds one; whether it was new.
    pub(crate) fn add(&mut self, share: &SecretBytes) -> bool {
        let is_new = !self.0.iter().any(|known| is_equal(known.expose(), share.expose()));
        if is_new {
            self.0.push(LockedBytes::copy_of(share.expose()));
        }
        is_new
    }

    /// Gives the last one back, for when it could not be looked at.
    pub(crate) fn give_back(&mut self) {
        self.0.pop();
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The shares themselves.
    pub(crate) fn raw(&self) -> Vec<&[u8]> {
        self.0.iter().map(LockedBytes::expose).collect()
    }
}

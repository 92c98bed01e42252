//! The chain of one device on one node: gives each record its number and its MAC.

use api::audit::{self, ChainName, MAC_BYTES, Mac};
use secret::MacKey;

/// What is put in front of a record's hash, so that no other use of the key can give the same MAC.
const DOMAIN: &[u8] = b"strongroom audit record 1";

/// The cluster's key for chains, of one term. It never leaves the server: `audit verify` sends hashes of records, and
/// the server says whether the MACs fit them.
#[derive(Clone, Debug)]
pub struct Key(MacKey);

impl Key {
    /// The key from the keyring's subkey for audit chains.
    #[must_use]
    pub fn new(subkey: &[u8]) -> Self {
        Self(MacKey::new(subkey))
    }

    /// The MAC of a record, given the SHA-256 of what it covers.
    #[must_use]
    pub fn mac(&self, hash: &[u8; 32]) -> Mac {
        let whole = self.0.sign(&[DOMAIN, hash]);
        let mut mac = [0; MAC_BYTES];
        for (to, from) in mac.iter_mut().zip(whole) {
            *to = from;
        }
        mac
    }
}

/// A place in a chain: so many records, the last with this MAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) mac: Option<Mac>,
}

/// Writes the ends of records.
pub(crate) struct Chain {
    start: String,
    key: Key,
}

impl Chain {
    pub(crate) fn new(name: &ChainName, key: Key) -> Self {
        Self { start: audit::start(name), key }
    }

    /// Ends the record that begins at `from` in `out`, behind `place`; gives its own place.
    pub(crate) fn end(&self, out: &mut Vec<u8>, from: usize, place: Place, lost: u64, is_after_torn: bool) -> Place {
        let seq = place.seq.saturating_add(1);
        audit::write_place(out, &self.start, seq, place.mac.as_ref(), lost, is_after_torn);
        let mac = self.key.mac(&secret::sha256(out.get(from..).unwrap_or_default()));
        audit::write_mac(out, &mac);
        Place { seq, mac: Some(mac) }
    }
}

//! The recovery key: what people hold of a store that unseals itself. It opens nothing; its shares authorize what shares
//! of the seal key authorize elsewhere. Only a keyed hash of it is stored, behind the barrier.

use secret::{KEY_BYTES, LockedKey, SecretBytes, hmac_sha256, is_equal};
use serde::{Deserialize, Serialize};

use super::control::proven;
use super::stored::Opened;
use super::{Proof, Split};

/// What the recovery key is hashed with to make its verifier. Part of the stored format.
const CONTEXT: &[u8] = b"strongroom recovery key 1";
/// The version that this release writes, and the newest that it reads.
const VERSION: u32 = 1;

/// `core/recovery`.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    version: u32,
    #[serde(flatten)]
    current: Verifier,
    /// The key before a rekey, until it is known which of the two people have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Verifier>,
}

/// What tells whether shares make the key.
#[derive(Serialize, Deserialize)]
pub(super) struct Verifier {
    #[serde(flatten)]
    split: Split,
    /// Keyed hash of the recovery key, in hex.
    verifier: String,
}

impl Stored {
    /// Reads the stored form; `None` if it is malformed or newer.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let stored: Self = serde_json::from_slice(bytes).ok()?;
        (stored.version == VERSION).then_some(stored)
    }

    /// The key of today.
    pub(super) fn into_current(self) -> Verifier {
        self.current
    }

    /// Lets the key of today alone count, in this copy.
    pub(super) fn forget_previous(&mut self) {
        self.previous = None;
    }

    /// Whether two keys count.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.previous.is_some()
    }

    /// Which of the keys that count these shares make.
    pub(super) fn check(&self, shares: &[&[u8]]) -> Proof<Opened> {
        let previous = self.previous.as_ref().map(|it| (Opened::ByPrevious, it));
        let keys = || std::iter::once((Opened::ByCurrent, &self.current)).chain(previous);
        proven(keys().map(|(by, it)| (by, it.split)), shares, |by, key| {
            let is_it = |(which, it): (Opened, &Verifier)| which == by && is_equal(text(key.expose()), &it.verifier);
            keys().any(is_it).then_some(by)
        })
    }

    /// The entry and the split with one key alone.
    pub(super) fn settled(self, by: Opened) -> (Split, SecretBytes) {
        let current = match (by, self.previous) {
            (Opened::ByPrevious, Some(previous)) => previous,
            (_, _) => self.current,
        };
        (current.split, written(&Self { version: VERSION, current, previous: None }))
    }
}

/// The entry for a key.
pub(super) fn encode(key: &LockedKey<KEY_BYTES>, split: Split, previous: Option<Verifier>) -> SecretBytes {
    let current = Verifier { split, verifier: text(key.expose()) };
    written(&Stored { version: VERSION, current, previous })
}

fn written(stored: &Stored) -> SecretBytes {
    SecretBytes::new(serde_json::to_vec(stored).expect("numbers and texts make JSON"))
}

fn text(key: &[u8; KEY_BYTES]) -> String {
    data_encoding::HEXLOWER.encode(&hmac_sha256(key, &[CONTEXT]))
}

//! The seal: how the root key is protected while nobody runs the server.
//!
//! The root key never leaves the process in clear. It is stored wrapped by a *seal key*, which is either split into
//! Shamir shares for people to keep ([`Device::Shamir`]) or given by the operator to each node ([`Device::Static`]),
//! for a start without anybody at hand. [`SealControl`] is what the endpoints under `sys/` call. Shares are handed out
//! once, after the commit that made them count, and never written to a log or an error.

use secret::{KEY_BYTES, LockedKey, SecretBytes};

mod control;
mod mending;
mod recovery;
mod rekey;
mod shamir;
mod share;
mod stored;

pub use control::SealControl;
pub use rekey::{Authority, NewKey, ReplaceError, Target};
pub use shamir::{CombineError, SplitError, combine, split};
pub use share::{SHARE_BYTES_MAX, SHARE_BYTES_MIN, ShareError, check_share, decode_share};
pub use stored::{SealEntry, SealEntryError, Split, open_root_key};

use crate::{CommitError, Error};

/// What protects the root key, as configured on this node.
#[derive(Debug)]
pub enum Device {
    /// Shares of the seal key, entered by people.
    Shamir,
    /// The seal key itself, given by the operator: a file or a credential of the service supervisor.
    Static(LockedKey<KEY_BYTES>),
}

impl Device {
    /// The name on the wire and in the store.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Shamir => Kind::Shamir,
            Self::Static(_) => Kind::Static,
        }
    }
}

/// The kinds of seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// See [`Device::Shamir`].
    Shamir,
    /// See [`Device::Static`].
    Static,
}

impl Kind {
    /// The name on the wire and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shamir => "shamir",
            Self::Static => "static",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How many shares `init` makes. Numbers as they came from the caller; 0 is "not given", as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InitOptions {
    /// Shares of the seal key, 1 to 255; Shamir only.
    pub secret_shares: i64,
    /// How many of them unseal.
    pub secret_threshold: i64,
    /// Shares of the recovery key, 0 (none) to 255; static only.
    pub recovery_shares: i64,
    /// How many of them authorize.
    pub recovery_threshold: i64,
}

impl InitOptions {
    /// So many shares of the seal key, so many of which unseal.
    #[must_use]
    pub fn shamir(shares: u8, threshold: u8) -> Self {
        Self { secret_shares: shares.into(), secret_threshold: threshold.into(), ..Self::default() }
    }

    /// So many shares of the recovery key, so many of which authorize.
    #[must_use]
    pub fn recovery(shares: u8, threshold: u8) -> Self {
        Self { recovery_shares: shares.into(), recovery_threshold: threshold.into(), ..Self::default() }
    }
}

/// What `init` hands out, once. Raw bytes; the wire has them in hex and in base64.
#[derive(Debug, Default)]
pub struct InitReply {
    /// Shares of the seal key; empty for a static seal.
    pub shares: Vec<SecretBytes>,
    /// Shares of the recovery key; empty for Shamir.
    pub recovery_shares: Vec<SecretBytes>,
}

/// What `sys/seal-status` tells, without what only the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealStatus {
    /// The kind of seal: as stored, or as configured before `init`.
    pub kind: Kind,
    /// Whether the store holds a seal entry.
    pub initialized: bool,
    /// Whether this node is sealed.
    pub sealed: bool,
    /// How many shares are needed: of the seal key, or with a static seal of the recovery key. 0 before `init`.
    pub threshold: u8,
    /// How many shares there are.
    pub shares: u8,
    /// How many distinct shares this node has been given since the last reset.
    pub progress: usize,
    /// Names the running attempt; empty unless `progress` is above 0.
    pub nonce: String,
    /// Whether there is a recovery key instead of unseal shares.
    pub recovery_seal: bool,
}

/// Why the store was not initialized.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InitError {
    /// The numbers of shares make no sense, or do not go with the configured seal. The text is the reply's.
    #[error("{0}")]
    Options(String),
    /// The store has a seal entry: it was initialized before, or by another node just now.
    #[error("Vault is already initialized")]
    AlreadyInitialized,
    /// The store has no seal entry, but one of the others that `init` makes.
    #[error("store is not empty")]
    NotEmpty,
    /// The store could not be read.
    #[error("seal entry could not be read")]
    Read(#[source] Error),
    /// The commit was refused or its outcome is unknown. No share was handed out: if it did go through, nobody can
    /// unseal this store, and it has to be emptied.
    #[error("first entries could not be written")]
    Write(#[source] CommitError),
}

/// Why a share did not unseal, or was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UnsealError {
    /// There is nothing to unseal yet.
    #[error("Vault is not initialized")]
    NotInitialized,
    /// Shares do not unseal this kind of seal.
    #[error("unseal keys are not applicable to seal type {0}")]
    NotApplicable(Kind),
    /// The store was sealed with another kind than this node is configured for.
    #[error("store has seal type {stored}, this node is configured for {configured}")]
    OtherKind {
        /// What the store says.
        stored: Kind,
        /// What the configuration says.
        configured: Kind,
    },
    /// The share cannot be one.
    #[error("share was not taken")]
    Share(#[source] ShareError),
    /// The shares do not belong together or to this store, or the operator's key is another. All progress is gone.
    #[error("root key does not open with what was given")]
    WrongKey,
    /// There is no recovery key, and nothing else authorizes what was asked for.
    #[error("store has no recovery key")]
    NoRecoveryKey,
    /// The seal entry cannot be used.
    #[error("seal entry cannot be used")]
    Entry(#[source] SealEntryError),
    /// The keyring could not be read or opened.
    #[error("keyring could not be opened")]
    Barrier(#[source] Error),
}

/// What a number of shares prove.
#[derive(Debug)]
pub enum Proof<T> {
    /// They are the key's.
    Enough(T),
    /// More are needed to tell.
    TooFew,
    /// They do not belong together or to this store.
    Wrong,
}

/// Why shares could not be checked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    /// There is nothing to check against.
    #[error("Vault is not initialized")]
    NotInitialized,
    /// There is no recovery key: none was asked for at `init`.
    #[error("store has no recovery key")]
    NoRecoveryKey,
    /// The seal entry cannot be used.
    #[error("seal entry cannot be used")]
    Entry(#[source] SealEntryError),
    /// The store gave no answer, or the barrier is sealed.
    #[error("verifier could not be read")]
    Read(#[source] Error),
}

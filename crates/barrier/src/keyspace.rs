//! Where the barrier keeps its own entries. Nobody else writes below these keys.

use storage::Key;

/// The seal entry, in clear: how the root key is protected. See `seal::stored`.
pub(crate) static SEAL: Key = Key::constant("core/seal");
/// The keyring, under the root key.
pub(crate) static KEYRING: Key = Key::constant("core/keyring");
/// The verifier of the recovery key, behind the barrier.
pub(crate) static RECOVERY: Key = Key::constant("core/recovery");

/// The root key that the keyring is under since the last rekey, under the active term: for nodes that are unsealed with
/// the one before it.
pub(crate) static ROOT: Key = Key::constant("core/root-key");

/// A new term, under the one before it, for nodes that are already unsealed.
pub(crate) fn term(number: u32) -> Key {
    KEYRING.join(format!("/term/{number}")).expect("about thirty bytes")
}

//! Where the barrier keeps its own entries. Nobody else writes below these keys.

use storage::Key;

/// The seal entry, in clear: how the root key is protected. See `seal::stored`.
pub(crate) static SEAL: Key = Key::constant("core/seal");
/// The keyring, under the root key.
pub(crate) static KEYRING: Key = Key::constant("core/keyring");
/// The verifier of the recovery key, behind the barrier.
pub(crate) static RECOVERY: Key = Key::constant("core/recovery");

/// A new term, under the one before it, for nodes that are already unsealed.
pub(crate) fn term(number: u32) -> Key {
    KEYRING.join(format!("/term/{number}")).expect("about thirty bytes")
}

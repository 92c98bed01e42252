//! Values that must not leak: redacted in logs, wiped when dropped, compared in constant time, kept out of swap.
//!
//! * [`Secret`] for what passes through: tokens, passwords, plaintexts. It lives on the ordinary heap.
//! * [`LockedBytes`] for the few keys that everything else depends on: memory that is not swapped, dumped or inherited.
//! * [`WipingAllocator`] for all the copies that nobody thought of: the whole Rust heap is wiped as it is freed.
//! * [`CountingAllocator`] for tests: how often something allocates.
//! * [`wipe_stack`] for what calls with a key left on the stack.
//! * [`harden_process`] turns core dumps and debuggers away.
//!
//! What none of this covers: live stacks, registers, buffers of the kernel and of C libraries, and whoever can read the
//! memory of the live process. This is the only crate that may use `unsafe`; it must never know anything of ours.

mod allocator;
mod compare;
mod counting;
mod locked;
mod mac;
mod process;
mod stack;
mod value;

pub use allocator::WipingAllocator;
pub use compare::is_equal;
pub use counting::CountingAllocator;
pub use locked::{LockedBytes, LockedKey, Protection};
pub use mac::{MAC_BYTES, MacKey, derive_key, hmac_sha256, sha256};
pub use process::{Shortfall, harden_process};
pub use stack::wipe_stack;
pub use value::{Secret, SecretBytes, SecretString};
pub use zeroize::{Zeroize, Zeroizing};

/// The length of every symmetric key of ours, in bytes.
pub const KEY_BYTES: usize = 32;

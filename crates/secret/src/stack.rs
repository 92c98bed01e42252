//! Wiping what functions that have returned left on the stack.
//!
//! Rust and the cipher library keep keys and their schedules in local variables, and nothing clears those. A stack that
//! nobody goes down again keeps them for as long as the thread lives.

/// How far below the caller is wiped, in bytes: more than any call into the ciphers takes.
const DEPTH_BYTES: usize = 64 * 1024;

/// Overwrites the dead part of the calling thread's stack, as far as the calls before this one may have reached. To be
/// called right after them and from the same function; what lies above, in live frames, is not touched.
#[inline(never)]
pub fn wipe_stack() {
    let mut dead = [0_u8; DEPTH_BYTES];
    // Without it the array would be optimized away.
    std::hint::black_box(&mut dead);
}

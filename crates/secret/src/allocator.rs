//! A global allocator that wipes memory as it is freed.
//!
//! Copies of a secret end up where no `Drop` of ours reaches: in a `Vec` that grew, a JSON tree, a network buffer.
//! Wiping everything costs one pass over each freed block and catches them all. C libraries have their own heap; it
//! is not covered here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::arch::asm;

/// Wipes each block before it goes back to `A`. Set it with `#[global_allocator]`.
///
/// There is no `realloc` of its own on purpose: the default one allocates, copies and calls our `dealloc`, so the old
/// block is wiped; one that grew in place would be faster, one that moved would leave the old bytes behind.
#[derive(Debug, Clone, Copy, Default)]
pub struct WipingAllocator<A: GlobalAlloc = System>(A);

impl WipingAllocator {
    /// Over the system's allocator.
    #[must_use]
    pub const fn system() -> Self {
        Self(System)
    }
}

impl<A: GlobalAlloc> WipingAllocator<A> {
    /// Over another allocator.
    #[must_use]
    pub const fn over(inner: A) -> Self {
        Self(inner)
    }
}

// SAFETY: every call goes to `A` unchanged, and `A` keeps the contract of `GlobalAlloc`. The only thing added is a
// write of zeros into a block that its owner has given up and `A` has not yet got back.
unsafe impl<A: GlobalAlloc> GlobalAlloc for WipingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: our caller keeps the same contract.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: our caller keeps the same contract.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block was allocated with this layout, so `size` bytes from `block` on are writable, and the
        // caller gave it up, so nobody else reads or writes them.
        unsafe { wipe(block, layout.size()) };
        // SAFETY: our caller keeps the same contract.
        unsafe { self.0.dealloc(block, layout) };
    }
}

/// Writes zeros that the optimizer may not leave out.
///
/// # Safety
/// `length` bytes from `start` on must be writable and nobody else's.
unsafe fn wipe(start: *mut u8, length: usize) {
    // SAFETY: the caller's promise.
    unsafe { start.write_bytes(0, length) };
    // A store to memory that is about to be freed is dead to the optimizer, and it knows `free`. An empty piece of
    // assembly that is given the address and might read through it makes the zeros count.
    // SAFETY: it holds no instruction, and says nothing that would not be so.
    unsafe { asm!("/* {0} */", in(reg) start, options(nostack, preserves_flags)) };
}

#[cfg(test)]
mod tests;

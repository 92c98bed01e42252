//! A global allocator that counts, for tests that say how often something may allocate.
//!
//! Each thread counts for itself, so what others do meanwhile makes no difference. It wipes nothing: it must never be the
//! allocator of anything that is shipped.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Made without a look at the heap and dropped without a trace, so that it can be used from within an allocation.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Counts what the system's allocator is asked for. Set it with `#[global_allocator]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

impl CountingAllocator {
    /// How many blocks this thread has asked for since it began, those that only grew among them.
    #[must_use]
    pub fn count() -> u64 {
        COUNT.try_with(Cell::get).unwrap_or_default()
    }
}

fn count() {
    // A thread that is at its end has nobody left to tell.
    COUNT.try_with(|count| count.set(count.get() + 1)).unwrap_or_default();
}

// SAFETY: every call goes to the system's allocator unchanged, which keeps the contract of `GlobalAlloc`. The counting
// touches no memory but the thread's own and does not allocate.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: our caller keeps the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: our caller keeps the same contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: our caller keeps the same contract.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: our caller keeps the same contract.
        unsafe { System.dealloc(block, layout) };
    }
}

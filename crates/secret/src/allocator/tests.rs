//! What the allocator underneath gets back. That the zeros survive the optimizer is shown in `tests/it`, on the real
//! heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;

use super::WipingAllocator;

/// Records what each block holds when it comes back.
struct Recording(RefCell<Vec<Vec<u8>>>);

// SAFETY: every call goes to `System` unchanged.
unsafe impl GlobalAlloc for Recording {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `WipingAllocator` has just written all of the block.
        self.0.borrow_mut().push(unsafe { std::slice::from_raw_parts(block, layout.size()) }.to_vec());
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(block, layout) };
    }
}

fn filled(allocator: &WipingAllocator<Recording>, layout: Layout) -> *mut u8 {
    // SAFETY: no layout in these tests is empty.
    let block = unsafe { allocator.alloc(layout) };
    assert!(!block.is_null());
    // SAFETY: just allocated with this size.
    unsafe { block.write_bytes(0xa5, layout.size()) };
    block
}

#[test]
fn a_freed_block_is_all_zeros() {
    let allocator = WipingAllocator::over(Recording(RefCell::default()));
    for (size, align) in [(1, 1), (7, 1), (64, 8), (4096, 4096), (100_001, 16)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        let block = filled(&allocator, layout);
        // SAFETY: allocated above with the same layout.
        unsafe { allocator.dealloc(block, layout) };
        assert_eq!(allocator.0.0.borrow_mut().pop().unwrap(), vec![0; size], "{size}");
    }
}

#[test]
fn a_block_that_grew_or_shrank_keeps_its_bytes_and_wipes_the_old_place() {
    let allocator = WipingAllocator::over(Recording(RefCell::default()));
    for (from, to) in [(32, 4096), (4096, 32)] {
        let layout = Layout::from_size_align(from, 8).unwrap();
        let block = filled(&allocator, layout);
        // SAFETY: allocated above with the same layout; `to` is not zero.
        let moved = unsafe { allocator.realloc(block, layout, to) };
        assert_eq!(allocator.0.0.borrow_mut().pop().unwrap(), vec![0; from]);
        // SAFETY: the smaller of both lengths was copied.
        let kept = unsafe { std::slice::from_raw_parts(moved, from.min(to)) };
        assert!(kept.iter().all(|byte| *byte == 0xa5));
        // SAFETY: `realloc` gave a block of `to` bytes with this alignment.
        unsafe { allocator.dealloc(moved, Layout::from_size_align(to, 8).unwrap()) };
    }
}

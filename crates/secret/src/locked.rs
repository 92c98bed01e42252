//! Memory for the few keys that everything else depends on.
//!
//! Each value has pages of its own between two that nobody can touch, so that an overrun from either side is a crash
//! and not a leak. The pages are locked (never swapped), left out of core dumps, zero in a forked child, and wiped
//! when dropped. The kernel may refuse to lock (`RLIMIT_MEMLOCK`): then the value works all the same and
//! [`LockedBytes::protection`] says what is missing, which the owner logs.
//!
//! `memfd_secret` would also hide the pages from the kernel's own mappings, but it is off by default on many kernels,
//! disables hibernation, and counts against the same limit: a second way with its own failures, for little.

use std::alloc::{Layout, handle_alloc_error};
use std::ffi::c_void;
use std::fmt;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mlock, mmap_anonymous, mprotect, munmap};
use zeroize::Zeroize;

/// Bytes of fixed length in locked memory; see the module's notes. Redacted `Debug`, no `Clone`.
pub struct LockedBytes {
    /// The whole mapping: a guard page, the value's pages, a guard page.
    mapping: NonNull<c_void>,
    mapping_bytes: usize,
    /// The value; inside the mapping, readable and writable.
    value: NonNull<u8>,
    length: usize,
    protection: Protection,
}

/// A 32-byte key, or one of another fixed length, in locked memory.
pub struct LockedKey<const N: usize>(LockedBytes);

/// What the kernel granted to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// Never written to swap.
    pub is_locked: bool,
    /// Left out of core dumps.
    pub is_undumped: bool,
    /// Zero in a forked child.
    pub is_wiped_on_fork: bool,
}

impl Protection {
    /// Whether nothing was refused.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.is_locked && self.is_undumped && self.is_wiped_on_fork
    }

    /// What holds for both of two values.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            is_locked: self.is_locked && other.is_locked,
            is_undumped: self.is_undumped && other.is_undumped,
            is_wiped_on_fork: self.is_wiped_on_fork && other.is_wiped_on_fork,
        }
    }
}

impl LockedBytes {
    /// `length` zero bytes.
    ///
    /// # Panics
    /// Never; like any allocation it ends the process when there is no memory to be had.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        let page = rustix::param::page_size();
        let value_bytes = length.max(1).next_multiple_of(page);
        let mapping_bytes = value_bytes + 2 * page;
        // SAFETY: with a null address the kernel picks a place that is nobody's.
        let mapping = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                mapping_bytes,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        };
        let Some(mapping) = mapping.ok().and_then(NonNull::new) else { out_of_memory(mapping_bytes) };
        // SAFETY: `page` bytes into a mapping that is at least three pages long.
        let value = unsafe { mapping.byte_add(page) };
        // SAFETY: the range lies inside the mapping, which is ours and has no reader or writer yet.
        let opened = unsafe { mprotect(value.as_ptr(), value_bytes, MprotectFlags::READ | MprotectFlags::WRITE) };
        if opened.is_err() {
            out_of_memory(mapping_bytes);
        }
        let protection = protect(value, value_bytes);
        Self { mapping, mapping_bytes, value: value.cast(), length, protection }
    }

    /// A copy of `bytes`; wiping the original is the caller's task.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut locked = Self::zeroed(bytes.len());
        locked.expose_mut().copy_from_slice(bytes);
        locked
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        // SAFETY: `length` bytes from `value` on are mapped readable until drop and initialized (the kernel gives
        // zeros); `&self` keeps writers out.
        unsafe { std::slice::from_raw_parts(self.value.as_ptr(), self.length) }
    }

    /// The bytes, to be changed.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `expose`, and mapped writable; `&mut self` keeps everybody else out.
        unsafe { std::slice::from_raw_parts_mut(self.value.as_ptr(), self.length) }
    }

    /// What the kernel granted. Whoever made the value says so in the log when it is not complete.
    #[must_use]
    pub fn protection(&self) -> Protection {
        self.protection
    }
}

/// Asks for everything that can be had for the value's pages.
fn protect(value: NonNull<c_void>, value_bytes: usize) -> Protection {
    let start = value.as_ptr();
    // SAFETY: the pages are ours; locking does not change them.
    let locked = unsafe { mlock(start, value_bytes) };
    // SAFETY: the pages are ours; leaving them out of dumps does not change them.
    let undumped = unsafe { madvise(start, value_bytes, Advice::LinuxDontDump) };
    // SAFETY: the pages are private and anonymous, and ours; only a child of fork sees a difference.
    let wiped_on_fork = unsafe { madvise(start, value_bytes, Advice::LinuxWipeOnFork) };
    Protection { is_locked: locked.is_ok(), is_undumped: undumped.is_ok(), is_wiped_on_fork: wiped_on_fork.is_ok() }
}

fn out_of_memory(bytes: usize) -> ! {
    // The kernel refuses only for want of memory or of room in its tables: what ends any other allocation, too.
    handle_alloc_error(Layout::from_size_align(bytes, 1).unwrap_or(Layout::new::<u8>()))
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        self.expose_mut().zeroize();
        // SAFETY: the mapping is ours, whole, and no borrow of it outlives `self`. Unmapping also unlocks.
        let unmapped = unsafe { munmap(self.mapping.as_ptr(), self.mapping_bytes) };
        debug_assert!(unmapped.is_ok(), "a whole mapping can be unmapped");
    }
}

// SAFETY: the mapping belongs to the value alone and is not tied to a thread.
unsafe impl Send for LockedBytes {}
// SAFETY: `&self` gives reads only.
unsafe impl Sync for LockedBytes {}

impl fmt::Debug for LockedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedBytes(..)")
    }
}

impl<const N: usize> LockedKey<N> {
    /// A key that `fill` writes in place, so that no other copy of it exists.
    #[must_use]
    pub fn filled(fill: impl FnOnce(&mut [u8])) -> Self {
        let mut bytes = LockedBytes::zeroed(N);
        fill(bytes.expose_mut());
        Self(bytes)
    }

    /// A copy of `key`; wiping the original is the caller's task.
    #[must_use]
    pub fn copy_of(key: &[u8; N]) -> Self {
        Self(LockedBytes::copy_of(key))
    }

    /// The key.
    ///
    /// # Panics
    /// Never: it was made with `N` bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        self.0.expose().try_into().expect("made with N bytes")
    }

    /// What the kernel granted; see [`LockedBytes::protection`].
    #[must_use]
    pub fn protection(&self) -> Protection {
        self.0.protection()
    }
}

impl<const N: usize> fmt::Debug for LockedKey<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedKey(..)")
    }
}

#[cfg(test)]
mod tests;

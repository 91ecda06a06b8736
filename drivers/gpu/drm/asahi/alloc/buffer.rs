// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Buffers of pages that are contiguous for the CPU.

use crate::ffi;
use agx_abi::uat::PAGE_SIZE;
use core::{
    ffi::c_void,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// A buffer of pages, zeroed when it is allocated.
///
/// # Invariants
///
/// `at` is memory of `size` bytes, a multiple of the page size, that `asahi_buffer_alloc()` has
/// returned.
pub(super) struct Buffer {
    at: NonNull<u8>,
    size: usize,
    /// True if the pages are kept on drop.
    kept: bool,
}

// SAFETY: By the type invariant it is memory that it owns, for whatever thread.
unsafe impl Send for Buffer {}
// SAFETY: It only gives out a pointer and numbers that never change; accesses are up to its users.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Allocates pages for `size` bytes.
    pub(super) fn new(size: usize) -> Result<Self> {
        let size = size
            .checked_next_multiple_of(PAGE_SIZE as usize)
            .filter(|&size| size > 0)
            .ok_or(EINVAL)?;
        // SAFETY: The function has no requirements: it sleeps at most, and returns null if there is
        // no memory.
        let at = unsafe { ffi::asahi_buffer_alloc(size) };
        // INVARIANT: If not null it has this size.
        Ok(Self {
            at: NonNull::new(at.cast()).ok_or(ENOMEM)?,
            size,
            kept: false,
        })
    }

    /// Leaks the pages, as a device may still use them.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Returns the address of the first byte for the CPU.
    pub(super) fn cpu_addr(&self) -> NonNull<u8> {
        self.at
    }

    /// Returns the size in bytes, a multiple of the page size.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Returns the physical addresses of its pages.
    pub(super) fn pages(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.size).step_by(PAGE_SIZE as usize).map(|offset| {
            // SAFETY: The offset is inside, and by the type invariant it is such a buffer.
            unsafe { ffi::asahi_buffer_phys(self.at.add(offset).as_ptr().cast()) }
        })
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let at = self.at.as_ptr().cast::<c_void>();
        if self.kept {
            // SAFETY: By the type invariant it is such a buffer.
            unsafe { ffi::asahi_buffer_keep(at) };
        } else {
            // SAFETY: By the type invariant it is such a buffer, and nothing uses it after its
            // owner.
            unsafe { ffi::asahi_buffer_free(at) };
        }
    }
}

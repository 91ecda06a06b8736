// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The calling thread.

use crate::ffi;

/// Returns a number that no other thread has while this one lives, and 0 inside an interrupt. Any
/// context.
#[inline]
pub(crate) fn id() -> u64 {
    // SAFETY: `kasync_thread_id()` can be called in any context.
    unsafe { ffi::kasync_thread_id() as u64 }
}

/// Returns the same number, and 0 wherever the caller may not block, as far as that can be known.
/// Any context.
#[inline]
pub(crate) fn blocking_id() -> u64 {
    // SAFETY: `kasync_blocking_thread_id()` can be called in any context.
    unsafe { ffi::kasync_blocking_thread_id() as u64 }
}

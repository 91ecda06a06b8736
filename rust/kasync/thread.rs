// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The calling thread.

use crate::ffi;
use core::num::NonZeroU64;

/// Returns a number that identifies the calling thread while it lives, or 0 inside an interrupt.
/// Any context.
#[inline]
pub(crate) fn id() -> u64 {
    // SAFETY: `kasync_thread_id()` can be called in any context.
    unsafe { ffi::kasync_thread_id() as u64 }
}

/// Returns the same number as [`id`], or 0 if the caller is known not to be allowed to block. Any
/// context.
#[inline]
pub(crate) fn blocking_id() -> u64 {
    // SAFETY: `kasync_blocking_thread_id()` can be called in any context.
    unsafe { ffi::kasync_blocking_thread_id() as u64 }
}

/// Preemption is disabled while this exists.
///
/// A thread that takes a waker out of a list, or sets a mark by which others know that they need
/// not wake, holds one until it has woken: otherwise the wakes of all others would depend on this
/// thread, which the scheduler may keep away for long, from the first task that it wakes on.
pub(crate) struct NoPreempt(NotThreadSafe);

/// A marker that makes a type neither `Send` nor `Sync`.
type NotThreadSafe = core::marker::PhantomData<*mut ()>;

impl NoPreempt {
    /// Disables preemption. Any context.
    #[inline]
    pub(crate) fn new() -> Self {
        // SAFETY: Preemption is enabled again when this is dropped, on the same thread.
        unsafe { ffi::kasync_preempt_disable() };
        Self(core::marker::PhantomData)
    }

    /// Disables preemption if the caller may block, and returns [`id`] as well. Any context.
    #[inline]
    pub(crate) fn blocking() -> Option<(NonZeroU64, Self)> {
        // SAFETY: If preemption was disabled, it is enabled again when this is dropped, on the same
        // thread.
        let thread = unsafe { ffi::kasync_blocking_preempt_disable() as u64 };
        Some((NonZeroU64::new(thread)?, Self(core::marker::PhantomData)))
    }
}

impl Drop for NoPreempt {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Disabled by `new()` or `blocking()`, on this thread.
        unsafe { ffi::kasync_preempt_enable() };
    }
}

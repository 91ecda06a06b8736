// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The calling thread.

use crate::ffi;

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
pub(crate) struct NoPreempt(NotThreadSafe);

/// A marker that makes a type neither `Send` nor `Sync`.
type NotThreadSafe = core::marker::PhantomData<*mut ()>;

impl NoPreempt {
    /// Disables preemption. Returns `None` on `PREEMPT_RT`, where spinlocks sleep.
    #[inline]
    pub(crate) fn new() -> Option<Self> {
        if cfg!(CONFIG_PREEMPT_RT) {
            return None;
        }
        // SAFETY: Preemption is enabled again when this is dropped, on the same thread.
        unsafe { ffi::kasync_preempt_disable() };
        Some(Self(core::marker::PhantomData))
    }
}

impl Drop for NoPreempt {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Disabled by `new()`, on this thread.
        unsafe { ffi::kasync_preempt_enable() };
    }
}

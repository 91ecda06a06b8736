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

/// Preemption is disabled while this exists.
pub(crate) struct NoPreempt(NotThreadSafe);

/// What makes a type stay on its thread.
type NotThreadSafe = core::marker::PhantomData<*mut ()>;

impl NoPreempt {
    /// Disables preemption. Returns `None` where spinlocks sleep: on `PREEMPT_RT`.
    #[inline]
    pub(crate) fn new() -> Option<Self> {
        if cfg!(CONFIG_PREEMPT_RT) {
            return None;
        }
        // SAFETY: Enabled again when this is dropped.
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

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! References to fences.

use crate::{
    ffi,
    wait::FenceFuture, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull,
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    }, //
};
use kasync::time::Delta;
use kernel::{
    bindings,
    prelude::*, //
};

/// A counted reference to a fence, of whichever driver.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | clone, drop, `is_signaled`, `is_container`, `result`, `context`, `seqno`, `set_deadline` | yes | yes | yes |
/// | `signaled`, `merge` | yes | no (allocate) | no |
/// | `wait` | yes | yes | no |
///
/// # Invariants
///
/// Points to an initialised fence, of which it owns a reference.
#[repr(transparent)]
pub struct Fence(NonNull<bindings::dma_fence>);

// SAFETY: Fences are counted atomically and used from all threads.
unsafe impl Send for Fence {}
// SAFETY: As above.
unsafe impl Sync for Fence {}

impl Fence {
    /// # Safety
    ///
    /// `ptr` is an initialised fence, and the caller passes on a reference to it.
    pub unsafe fn from_raw(ptr: NonNull<bindings::dma_fence>) -> Self {
        // INVARIANT: By the safety requirements.
        Self(ptr)
    }

    /// Another reference to a fence.
    ///
    /// # Safety
    ///
    /// `ptr` is an initialised fence, to which somebody has a reference.
    pub unsafe fn clone_raw(ptr: NonNull<bindings::dma_fence>) -> Self {
        // SAFETY: By the safety requirements.
        unsafe { ffi::dma_fence_shim_get(ptr.as_ptr()) };
        // INVARIANT: The reference that was just taken.
        Self(ptr)
    }

    /// The reference, passed on to the caller.
    pub fn into_raw(self) -> *mut bindings::dma_fence {
        ManuallyDrop::new(self).as_raw()
    }

    /// One that has signalled.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn signaled() -> Result<Self> {
        // SAFETY: No requirements.
        let fence = unsafe { bindings::dma_fence_allocate_private_stub(bindings::ktime_get()) };
        let fence = NonNull::new(fence).ok_or(ENOMEM)?;
        // SAFETY: The function returns a reference.
        Ok(unsafe { Self::from_raw(fence) })
    }

    /// The fence itself; valid as long as `self`.
    pub fn as_raw(&self) -> *mut bindings::dma_fence {
        self.0.as_ptr()
    }

    /// Whether it has signalled. If not it may have by the time that this returns.
    pub fn is_signaled(&self) -> bool {
        // SAFETY: Valid by the type invariant; the flags are changed atomically.
        let flags = unsafe { AtomicUsize::from_ptr(&raw mut (*self.as_raw()).flags) };
        let signaled = bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT;
        flags.load(Ordering::Relaxed) & (1 << signaled) != 0
    }

    /// With which result it has signalled; `None` if it has not.
    pub fn result(&self) -> Option<Result> {
        self.is_signaled().then(|| {
            // SAFETY: Valid by the type invariant, and signalled.
            kernel::error::to_result(unsafe { ffi::dma_fence_shim_error(self.as_raw()) })
        })
    }

    /// The timeline that it is on. Fences of one timeline signal in order.
    pub fn context(&self) -> u64 {
        // SAFETY: Valid by the type invariant; never changes.
        unsafe { (*self.as_raw()).context }
    }

    /// Its number on its timeline.
    pub fn seqno(&self) -> u64 {
        // SAFETY: Valid by the type invariant; never changes.
        unsafe { (*self.as_raw()).seqno }
    }

    /// Whether it comes after `other`, of the same context.
    pub fn is_later_than(&self, other: &Fence) -> bool {
        // SAFETY: Both are valid by the type invariant.
        unsafe { ffi::dma_fence_shim_is_later(self.as_raw(), other.as_raw()) }
    }

    /// Tells who signals it that it is wanted after so much time, so that clocks can be raised. A hint.
    pub fn set_deadline(&self, after: Delta) {
        // SAFETY: Valid by the type invariant; the clock has no requirements.
        unsafe {
            let deadline = bindings::ktime_get().saturating_add(after.as_nanos());
            bindings::dma_fence_set_deadline(self.as_raw(), deadline);
        }
    }

    /// A future that resolves when it signals, to the error that it signals with. Cancel safe.
    #[track_caller]
    pub fn wait(&self) -> FenceFuture {
        FenceFuture::new(self.clone())
    }
}

impl Clone for Fence {
    fn clone(&self) -> Self {
        // SAFETY: Valid by the type invariant.
        unsafe { Self::clone_raw(self.0) }
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        // SAFETY: Gives back the reference that it owns.
        unsafe { ffi::dma_fence_shim_put(self.as_raw()) };
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! DMA fences of any driver.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

use crate::{
    evidence::Timeline,
    ffi, //
};
use core::ptr::NonNull;
use kasync::time::Delta;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::aref::AlwaysRefCounted,
    types::Opaque, //
};

pub(crate) use kernel::sync::aref::ARef;

/// A `struct dma_fence`, of this driver or of another one.
///
/// Owned references are [`ARef<Fence>`].
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | clone and drop of [`ARef<Fence>`] | yes | yes | yes |
/// | `test_signaled_flag`, `result`, `context`, `seqno`, `is_container` | yes | yes | yes |
/// | `set_deadline` | yes | yes | yes |
/// | `wait` | yes | yes | no |
///
/// # Invariants
///
/// Instances are initialised by `dma_fence_init()` or `dma_fence_init64()` and reference counted.
#[repr(transparent)]
pub struct Fence(Opaque<bindings::dma_fence>);

// SAFETY: A `dma_fence` may be used, and its last reference dropped, from any thread.
unsafe impl Send for Fence {}
// SAFETY: The fields of a `dma_fence` that may change are protected by its lock or are atomic.
unsafe impl Sync for Fence {}

// SAFETY: `dma_fence_get()` and `dma_fence_put()` count references to a `dma_fence`, which is not
// freed before the count reaches zero.
unsafe impl AlwaysRefCounted for Fence {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: `self` is an initialised fence whose count is not zero, as it is borrowed.
        unsafe { ffi::dma_fence_shim_get(self.as_raw()) };
    }

    #[inline]
    unsafe fn dec_ref(this: NonNull<Self>) {
        // SAFETY: The caller owns a reference, which is dropped.
        unsafe { ffi::dma_fence_shim_put(this.as_ptr().cast()) };
    }
}

impl Fence {
    /// Returns an owned reference to the fence at `ptr`.
    ///
    /// # Safety
    ///
    /// `ptr` must point to an initialised fence, of which the caller passes on a reference.
    #[inline]
    pub unsafe fn from_raw(ptr: NonNull<bindings::dma_fence>) -> ARef<Self> {
        // SAFETY: By the safety requirements. `Fence` is a transparent wrapper of `dma_fence`.
        unsafe { ARef::from_raw(ptr.cast()) }
    }

    /// Returns a reference to the fence at `ptr`, without taking a reference count.
    ///
    /// # Safety
    ///
    /// `ptr` must point to an initialised fence whose reference count stays above zero for `'a`.
    #[inline]
    pub unsafe fn from_ptr<'a>(ptr: *mut bindings::dma_fence) -> &'a Self {
        // SAFETY: By the safety requirements; `Fence` is a transparent wrapper of `dma_fence`.
        unsafe { &*ptr.cast() }
    }

    /// Returns the raw pointer to the fence, valid as long as `self`.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_fence {
        self.0.get()
    }

    /// Returns an owned reference as a raw pointer, for C code.
    #[inline]
    pub fn into_raw(this: ARef<Self>) -> *mut bindings::dma_fence {
        ARef::into_raw(this).as_ptr().cast()
    }

    /// Returns whether the fence is marked as signalled.
    ///
    /// Unlike `dma_fence_is_signaled()` this does not call the driver, and so never signals the
    /// fence. It is not ordered with other accesses: use [`Fence::result`] before accessing memory
    /// that the fence protects.
    #[inline]
    pub fn test_signaled_flag(&self) -> bool {
        // SAFETY: The fence is valid by the type invariant. Other threads change the flags by
        // atomic bit operations, and a volatile read of the word is a `READ_ONCE()`.
        let flags = unsafe { (&raw const (*self.as_raw()).flags).read_volatile() };
        flags & (1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT) != 0
    }

    /// Returns the result of a fence that has signalled, or `None`.
    ///
    /// After `Some`, the caller sees all that was written before the fence was signalled.
    #[inline]
    pub fn result(&self) -> Option<Result> {
        self.test_signaled_flag().then(|| {
            // SAFETY: The fence is valid by the type invariant, and has signalled.
            match unsafe { ffi::dma_fence_shim_error(self.as_raw()) } {
                // Most have succeeded, and `to_result()` is a call.
                0 => Ok(()),
                error => to_result(error),
            }
        })
    }

    /// Returns the number of the fence's timeline. Fences of one timeline signal in order.
    #[inline]
    pub fn context(&self) -> u64 {
        // SAFETY: The fence is valid by the type invariant; the field does not change after init.
        unsafe { (*self.as_raw()).context }
    }

    /// Returns the fence's timeline.
    #[inline]
    pub fn timeline(&self) -> Timeline {
        Timeline::of(self.context())
    }

    /// Returns the fence's sequence number on its timeline.
    #[inline]
    pub fn seqno(&self) -> u64 {
        // SAFETY: The fence is valid by the type invariant; the field does not change after init.
        unsafe { (*self.as_raw()).seqno }
    }

    /// Returns whether the fence comes after `other` on the same timeline. Fences of different
    /// timelines have no order.
    #[inline]
    pub fn is_later_than(&self, other: &Fence) -> bool {
        self.context() == other.context()
            // SAFETY: Both fences are valid by the type invariant, and are of one context, as the
            // function requires.
            && unsafe { ffi::dma_fence_shim_is_later(self.as_raw(), other.as_raw()) }
    }

    /// Tells the fence's driver that the fence is needed `within` a time. This is a hint.
    pub fn set_deadline(&self, within: Delta) {
        // SAFETY: `ktime_get()` may be called from any context.
        let now = unsafe { bindings::ktime_get() };
        self.set_deadline_at(now.saturating_add(within.as_nanos()));
    }

    /// Sets a deadline as [`Fence::set_deadline`] does, in nanoseconds of the monotonic clock.
    pub(crate) fn set_deadline_at(&self, deadline: bindings::ktime_t) {
        // SAFETY: The fence is valid by the type invariant.
        unsafe { bindings::dma_fence_set_deadline(self.as_raw(), deadline) };
    }
}

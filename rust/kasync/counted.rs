// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A reference-counted pointer of which any context may drop the last reference.
//!
//! [`kernel::sync::Arc`] frees its memory with `kfree()`, which takes locks. On `PREEMPT_RT` those
//! sleep, so an `Arc` must not go in a hard interrupt there, nor with preemption disabled. Handles
//! of this crate go in such contexts: a sender sends in an interrupt, a waker is dropped there.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use crate::ffi;
use core::{
    ffi::c_void,
    mem::{
        offset_of,
        ManuallyDrop,
        MaybeUninit, //
    },
    ops::Deref,
    ptr::{
        drop_in_place,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::Refcount, //
};

/// The size of a `struct rcu_head`, which memory has to have room for once it is unused.
const RCU_HEAD: usize = 16;

/// Frees memory of `kmalloc()`: at once or, on `PREEMPT_RT`, after a grace period, by a thread. Any
/// context but NMI.
///
/// # Safety
///
/// The memory must be unused, and have been allocated by `kmalloc()` with 16 bytes or more.
#[inline]
pub(crate) unsafe fn free(memory: *mut c_void) {
    // SAFETY: `memory` is from `kmalloc()`, unused, and of 16 bytes or more, by the safety
    // requirements.
    unsafe {
        if cfg!(CONFIG_PREEMPT_RT) {
            ffi::kasync_free_later(memory);
        } else {
            bindings::kfree(memory);
        }
    }
}

#[repr(C)]
struct Inner<T> {
    refcount: Refcount,
    data: T,
}

/// A reference to a shared `T`. The last one drops the `T`, in the context of that drop, and frees
/// the memory by [`free`].
///
/// # Invariants
///
/// The pointer is valid: it is that of a leaked box of which this owns a reference.
pub(crate) struct Counted<T>(NonNull<Inner<T>>);

// SAFETY: It gives shared access to `T` from any thread, and the last one drops it anywhere.
unsafe impl<T: Sync + Send> Send for Counted<T> {}
// SAFETY: It gives shared access to `T` from any thread, and a clone may be the last one.
unsafe impl<T: Sync + Send> Sync for Counted<T> {}

impl<T> Counted<T> {
    /// Allocates memory for `data`, and returns the first reference. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(data: T) -> Result<Self> {
        const { assert!(size_of::<Inner<T>>() >= RCU_HEAD) };
        let refcount = Refcount::new(1);
        let inner = KBox::new(Inner { refcount, data }, GFP_KERNEL)?;
        // INVARIANT: The initial count of one is that of this reference.
        Ok(Self(NonNull::from(KBox::leak(inner))))
    }

    /// Returns the address of the data. It does not move.
    pub(crate) fn as_ptr(this: &Self) -> *const T {
        // SAFETY: Valid by the type invariant.
        unsafe { &raw const (*this.0.as_ptr()).data }
    }

    /// Returns the reference as the address of the data, from which [`Counted::from_raw`] restores
    /// it.
    pub(crate) fn into_raw(this: Self) -> *const T {
        Self::as_ptr(&ManuallyDrop::new(this))
    }

    /// Restores a reference.
    ///
    /// # Safety
    ///
    /// `data` must be a result of [`Counted::into_raw`], and be used once for each such call.
    pub(crate) unsafe fn from_raw(data: *const T) -> Self {
        // SAFETY: By the safety requirements it is the data of an `Inner`.
        let inner = unsafe { data.byte_sub(offset_of!(Inner<T>, data)) };
        // SAFETY: References are not null.
        // INVARIANT: The reference that `into_raw()` has not dropped.
        Self(unsafe { NonNull::new_unchecked(inner.cast_mut().cast()) })
    }

    fn refcount(&self) -> &Refcount {
        // SAFETY: Valid by the type invariant.
        unsafe { &(*self.0.as_ptr()).refcount }
    }
}

impl<T> Counted<MaybeUninit<T>> {
    /// Returns the reference as one to a `T`.
    ///
    /// # Safety
    ///
    /// The data must be initialised, and this be the only reference.
    pub(crate) unsafe fn assume_init(self) -> Counted<T> {
        // INVARIANT: The reference of `self`, which is not dropped. The layouts are the same.
        Counted(ManuallyDrop::new(self).0.cast())
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: Valid by the type invariant.
        unsafe { &(*self.0.as_ptr()).data }
    }
}

impl<T> Clone for Counted<T> {
    fn clone(&self) -> Self {
        self.refcount().inc();
        // INVARIANT: Counted just now.
        Self(self.0)
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        if self.refcount().dec_and_test() {
            // SAFETY: This was the last reference. The memory is that of a box of at least 16
            // bytes, and unused once its content was dropped.
            unsafe {
                drop_in_place(self.0.as_ptr());
                free(self.0.as_ptr().cast());
            }
        }
    }
}

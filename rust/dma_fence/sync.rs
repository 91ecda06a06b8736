// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What [`registration`](crate::registration) and [`context`](crate::context) are made of. A model
//! checker puts types of its own in this place: see `rust/kasync/loom/tests`.

use core::{
    cell::UnsafeCell,
    mem::ManuallyDrop,
    ops::Deref, //
};
use kernel::{
    alloc::KVVec,
    bindings, //
};
pub(crate) use kernel::{
    alloc::{
        flags::GFP_KERNEL_ACCOUNT,
        KBox as Box, //
    },
    error::{
        Error,
        Result, //
    },
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    }, //
};

/// How many callbacks of a set one poll adds.
pub(crate) const ADD_AT_ONCE: usize = 256;

/// A value whose owner changes by a protocol.
pub(crate) struct Owned<T>(UnsafeCell<T>);

impl<T> Owned<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer that is valid and, provided that the caller is the owner, exclusive
    /// during the call.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Values whose number is up to userspace, in memory that is freed in any context.
///
/// `KVVec` would call `vfree()`, which may sleep.
pub(crate) struct Entries<T>(ManuallyDrop<KVVec<T>>);

impl<T> From<KVVec<T>> for Entries<T> {
    #[inline]
    fn from(values: KVVec<T>) -> Self {
        Self(ManuallyDrop::new(values))
    }
}

impl<T> Deref for Entries<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Drop for Entries<T> {
    fn drop(&mut self) {
        let capacity = self.0.capacity();
        let values: *mut [T] = self.0.as_mut_slice();
        // SAFETY: The values are owned, and not used any more.
        unsafe { core::ptr::drop_in_place(values) };
        if capacity > 0 {
            // SAFETY: The memory is from the allocator of `KVVec`, kvmalloc(), and not used any
            // more.
            unsafe { bindings::kvfree_atomic(values.cast()) };
        }
    }
}

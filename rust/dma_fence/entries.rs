// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Arrays whose size userspace controls, which may be freed in any context.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use core::{
    mem::ManuallyDrop,
    ops::Deref, //
};
use kernel::{
    alloc::KVVec,
    bindings, //
};

/// An array that may be dropped in any context.
///
/// The destructor of [`KVVec`] may call `vfree()`, which may sleep.
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
        // SAFETY: The array owns the values, which are not used again.
        unsafe { core::ptr::drop_in_place(values) };
        if capacity > 0 {
            // SAFETY: The memory is from the allocator of `KVVec`, `kvmalloc()`, and is not used
            // again.
            unsafe { bindings::kvfree_atomic(values.cast()) };
        }
    }
}

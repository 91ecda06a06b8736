// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Internal reference counting support.

use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull, //
};

/// Types that are always reference counted.
///
/// # Safety
///
/// Implementers must ensure that increments to the reference count keep the object alive in memory
/// at least until matching decrements are performed.
pub unsafe trait AlwaysRefCounted {
    /// Increments the reference count on the object.
    fn inc_ref(&self);

    /// Decrements the reference count on the object.
    ///
    /// # Safety
    ///
    /// There must be a previous matching increment to the reference count, and the object is no
    /// longer used after its reference count is decremented.
    unsafe fn dec_ref(obj: NonNull<Self>);
}

/// An owned reference to an always-reference-counted object.
pub struct ARef<T: AlwaysRefCounted>(NonNull<T>);

// SAFETY: It is safe to send `ARef<T>` to another thread when the underlying `T` is `Sync` and
// `Send`, as the last reference drops it.
unsafe impl<T: AlwaysRefCounted + Sync + Send> Send for ARef<T> {}
// SAFETY: A shared reference gives access to `T`, and can be cloned.
unsafe impl<T: AlwaysRefCounted + Sync + Send> Sync for ARef<T> {}
impl<T: AlwaysRefCounted> Unpin for ARef<T> {}

impl<T: AlwaysRefCounted> ARef<T> {
    /// Creates a new instance of [`ARef`].
    ///
    /// # Safety
    ///
    /// Callers must ensure that the reference count was incremented at least once, and that they
    /// are properly relinquishing one increment.
    pub unsafe fn from_raw(ptr: NonNull<T>) -> Self {
        Self(ptr)
    }

    /// Consumes the `ARef`, returning a raw pointer.
    pub fn into_raw(me: Self) -> NonNull<T> {
        ManuallyDrop::new(me).0
    }
}

impl<T: AlwaysRefCounted> Clone for ARef<T> {
    fn clone(&self) -> Self {
        self.inc_ref();
        Self(self.0)
    }
}

impl<T: AlwaysRefCounted> Deref for ARef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The reference keeps the object valid.
        unsafe { self.0.as_ref() }
    }
}

impl<T: AlwaysRefCounted> Drop for ARef<T> {
    fn drop(&mut self) {
        // SAFETY: The reference is given up.
        unsafe { T::dec_ref(self.0) };
    }
}

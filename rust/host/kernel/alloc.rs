// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory from `kmalloc()`: counted, and refused when a test wants it.

use crate::{
    bindings,
    error::{
        code::ENOMEM,
        Error, //
    },
    host, //
};
use core::{
    alloc::Layout,
    fmt,
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ops::{
        Deref,
        DerefMut, //
    },
    pin::Pin,
    ptr::NonNull, //
};
use std::vec::Vec;

/// Indicates an allocation error.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct AllocError;

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Error {
        ENOMEM
    }
}

/// Flags to be used when allocating memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(u32);

/// Allocation flags.
pub mod flags {
    use super::Flags;

    /// Typical for kernel-internal allocations. May sleep.
    pub const GFP_KERNEL: Flags = Flags(1);
    /// Like [`GFP_KERNEL`], charged to the memory cgroup of the caller.
    pub const GFP_KERNEL_ACCOUNT: Flags = Flags(5);
    /// The flags for contexts that may not sleep.
    pub const GFP_NOWAIT: Flags = Flags(2);
}

/// Allocates `layout` from `kmalloc()`.
pub(crate) fn kmalloc(layout: Layout) -> Result<NonNull<u8>, AllocError> {
    NonNull::new(bindings::kmalloc(layout)).ok_or(AllocError)
}

/// A box of a single value of type `T`, from `kmalloc()`.
pub struct KBox<T>(NonNull<T>);

// SAFETY: The box owns its value.
unsafe impl<T: Send> Send for KBox<T> {}
// SAFETY: A shared box gives shared access to its value.
unsafe impl<T: Sync> Sync for KBox<T> {}
impl<T> Unpin for KBox<T> {}

impl<T> KBox<T> {
    /// Allocates memory and stores `x` there.
    pub fn new(x: T, flags: Flags) -> Result<Self, AllocError> {
        Ok(KBox::<T>::new_uninit(flags)?.write(x))
    }

    /// Allocates uninitialised memory.
    pub fn new_uninit(_: Flags) -> Result<KBox<MaybeUninit<T>>, AllocError> {
        let layout = Layout::new::<T>();
        if layout.size() == 0 {
            return Ok(KBox(NonNull::dangling()));
        }
        Ok(KBox(kmalloc(layout)?.cast()))
    }

    /// Allocates memory and pins `x` there.
    pub fn pin(x: T, flags: Flags) -> Result<Pin<Self>, AllocError> {
        Ok(KBox::new(x, flags)?.into())
    }

    /// Consumes the box and returns a raw pointer.
    pub fn into_raw(b: Self) -> *mut T {
        ManuallyDrop::new(b).0.as_ptr()
    }

    /// Consumes and leaks the box and returns a mutable reference.
    pub fn leak<'a>(b: Self) -> &'a mut T {
        // SAFETY: The value stays valid, as the box is not dropped.
        unsafe { &mut *Self::into_raw(b) }
    }

    /// Creates a box from a raw pointer.
    ///
    /// # Safety
    ///
    /// `raw` must come from [`KBox::into_raw`], and not be used again.
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: Boxes are never null.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }
}

impl<T> KBox<MaybeUninit<T>> {
    /// Writes the value.
    pub fn write(self, value: T) -> KBox<T> {
        let raw = KBox::into_raw(self).cast::<T>();
        // SAFETY: The memory is large enough, and initialised by the write.
        unsafe {
            raw.write(value);
            KBox::from_raw(raw)
        }
    }
}

impl<T> From<KBox<T>> for Pin<KBox<T>> {
    fn from(b: KBox<T>) -> Self {
        // SAFETY: The value in a box does not move with it.
        unsafe { Pin::new_unchecked(b) }
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The box owns a valid value.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The box owns a valid value.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for KBox<T> {
    fn drop(&mut self) {
        // SAFETY: The box owns a valid value.
        unsafe { core::ptr::drop_in_place(self.0.as_ptr()) };
        if size_of::<T>() != 0 {
            // SAFETY: The memory is from `kmalloc()`.
            unsafe { bindings::kfree(self.0.as_ptr().cast()) };
        }
    }
}

/// A growable array, from `kmalloc()`.
pub struct KVec<T>(Vec<T>);

/// A growable array, from `kvmalloc()`.
pub type KVVec<T> = KVec<T>;

impl<T> KVec<T> {
    /// Creates an empty vector, which has no memory.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Creates a vector with room for `capacity` elements.
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut vec = Self::new();
        vec.reserve(capacity, flags)?;
        Ok(vec)
    }

    /// Makes sure that there is room for `additional` elements more.
    pub fn reserve(&mut self, additional: usize, _: Flags) -> Result<(), AllocError> {
        if self.0.capacity() - self.0.len() >= additional {
            return Ok(());
        }
        let had_memory = self.has_memory();
        host::may_allocate().ok_or(AllocError)?;
        self.0.reserve(additional);
        if !had_memory && self.has_memory() {
            host::count_allocations(1);
        }
        Ok(())
    }

    fn has_memory(&self) -> bool {
        size_of::<T>() != 0 && self.0.capacity() != 0
    }

    /// Appends an element.
    pub fn push(&mut self, v: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(1, flags)?;
        self.0.push(v);
        Ok(())
    }

    /// Appends an element if there is room.
    pub fn push_within_capacity(&mut self, v: T) -> Result<(), PushError<T>> {
        if self.0.len() == self.0.capacity() {
            return Err(PushError(v));
        }
        self.0.push(v);
        Ok(())
    }

    /// Removes all elements that don't match the provided closure.
    pub fn retain(&mut self, mut f: impl FnMut(&mut T) -> bool) {
        self.0.retain_mut(|v| f(v));
    }
}

impl<T> Default for KVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for KVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<'a, T> IntoIterator for &'a KVec<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T> Drop for KVec<T> {
    fn drop(&mut self) {
        if self.has_memory() {
            host::count_allocations(-1);
        }
    }
}

/// Error type for [`KVec::push_within_capacity`].
pub struct PushError<T>(pub T);

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Not enough capacity")
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A reference-counted pointer.

use crate::{
    alloc::{
        AllocError,
        Flags,
        KBox, //
    },
    sync::Refcount, //
};
use core::{
    marker::PhantomData,
    mem::{
        offset_of,
        ManuallyDrop,
        MaybeUninit, //
    },
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};

#[repr(C)]
struct ArcInner<T> {
    refcount: Refcount,
    data: T,
}

/// A reference-counted pointer to an instance of `T`.
pub struct Arc<T> {
    ptr: NonNull<ArcInner<T>>,
    _p: PhantomData<ArcInner<T>>,
}

// SAFETY: It gives shared access to `T` from any thread, and the last one drops it anywhere.
unsafe impl<T: Sync + Send> Send for Arc<T> {}
// SAFETY: It gives shared access to `T` from any thread, and a clone may be the last one.
unsafe impl<T: Sync + Send> Sync for Arc<T> {}

impl<T> Arc<T> {
    /// Constructs a new reference counted instance of `T`.
    pub fn new(contents: T, flags: Flags) -> Result<Self, AllocError> {
        Ok(UniqueArc::new(contents, flags)?.into())
    }

    fn from_inner(ptr: NonNull<ArcInner<T>>) -> Self {
        Self {
            ptr,
            _p: PhantomData,
        }
    }

    /// Converts the [`Arc`] into a raw pointer.
    pub fn into_raw(self) -> *const T {
        Self::as_ptr(&ManuallyDrop::new(self))
    }

    /// Returns a raw pointer to the data in this [`Arc`].
    pub fn as_ptr(this: &Self) -> *const T {
        // SAFETY: The pointer is valid.
        unsafe { &raw const (*this.ptr.as_ptr()).data }
    }

    /// Recreates an [`Arc`] instance previously deconstructed via [`Arc::into_raw`].
    ///
    /// # Safety
    ///
    /// `ptr` must come from [`Arc::into_raw`], and be used once for each such call.
    pub unsafe fn from_raw(ptr: *const T) -> Self {
        // SAFETY: `ptr` is the data of a valid `ArcInner`.
        let inner = unsafe { ptr.cast::<u8>().sub(offset_of!(ArcInner<T>, data)) };
        // SAFETY: `ArcInner`s are not at null.
        Self::from_inner(unsafe { NonNull::new_unchecked(inner.cast_mut().cast()) })
    }

    /// Returns an [`ArcBorrow`] from the given [`Arc`].
    pub fn as_arc_borrow(&self) -> ArcBorrow<'_, T> {
        // SAFETY: The reference lives as long as `self` is borrowed.
        unsafe { ArcBorrow::from_raw(Self::as_ptr(self)) }
    }

    /// Compares whether two [`Arc`] pointers reference the same underlying object.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.ptr == other.ptr
    }

    fn refcount(&self) -> &Refcount {
        // SAFETY: The pointer is valid.
        unsafe { &(*self.ptr.as_ptr()).refcount }
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The pointer is valid.
        unsafe { &(*self.ptr.as_ptr()).data }
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        self.refcount().inc();
        Self::from_inner(self.ptr)
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        if self.refcount().dec_and_test() {
            // SAFETY: This was the last reference, and the memory is that of a box.
            drop(unsafe { KBox::from_raw(self.ptr.as_ptr()) });
        }
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for Arc<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (**self).fmt(f)
    }
}

/// A borrowed reference to an [`Arc`] instance.
pub struct ArcBorrow<'a, T> {
    inner: NonNull<T>,
    _p: PhantomData<&'a ()>,
}

impl<T> ArcBorrow<'_, T> {
    /// Creates an [`ArcBorrow`] to an [`Arc`] that has previously been deconstructed.
    ///
    /// # Safety
    ///
    /// `ptr` must be that of a value in an [`Arc`], of which a reference lives for `'a`.
    pub unsafe fn from_raw(ptr: *const T) -> Self {
        Self {
            // SAFETY: Values in `Arc`s are not at null.
            inner: unsafe { NonNull::new_unchecked(ptr.cast_mut()) },
            _p: PhantomData,
        }
    }
}

impl<T> From<ArcBorrow<'_, T>> for Arc<T> {
    fn from(b: ArcBorrow<'_, T>) -> Self {
        // SAFETY: The reference that is borrowed is not given up.
        let borrowed = ManuallyDrop::new(unsafe { Arc::from_raw(b.inner.as_ptr()) });
        (*borrowed).clone()
    }
}

/// A refcounted object that is known to have a refcount of 1.
pub struct UniqueArc<T>(Arc<T>);

impl<T> UniqueArc<T> {
    /// Allocates a new [`UniqueArc`] instance.
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let refcount = Refcount::new(1);
        let data = value;
        let inner = KBox::new(ArcInner { refcount, data }, flags)?;
        // SAFETY: Boxes are never null.
        let ptr = unsafe { NonNull::new_unchecked(KBox::into_raw(inner)) };
        Ok(Self(Arc::from_inner(ptr)))
    }

    /// Allocates a new [`UniqueArc`] instance whose contents are not initialised yet.
    pub fn new_uninit(flags: Flags) -> Result<UniqueArc<MaybeUninit<T>>, AllocError> {
        UniqueArc::new(MaybeUninit::uninit(), flags)
    }
}

impl<T> UniqueArc<MaybeUninit<T>> {
    /// Unsafely assume that `self` is initialised.
    ///
    /// # Safety
    ///
    /// It must be.
    pub unsafe fn assume_init(self) -> UniqueArc<T> {
        let ptr = ManuallyDrop::new(self).0.ptr.cast();
        UniqueArc(Arc::from_inner(ptr))
    }
}

impl<T> From<UniqueArc<T>> for Arc<T> {
    fn from(unique: UniqueArc<T>) -> Self {
        unique.0
    }
}

impl<T> Deref for UniqueArc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for UniqueArc<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: There is no other reference.
        unsafe { &mut (*self.0.ptr.as_ptr()).data }
    }
}

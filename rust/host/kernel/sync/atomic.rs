// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Atomic primitives.
//!
//! A [`Full`] operation is one that acquires and releases: loom knows nothing stronger for
//! operations that are not fences. An exchange that compares, and fails, orders nothing.

#[cfg(not(feature = "loom"))]
use core::{
    cell::UnsafeCell,
    sync::atomic, //
};
#[cfg(feature = "loom")]
use loom::sync::atomic;

use atomic::Ordering as C11;

/// The annotation type for relaxed memory ordering.
pub struct Relaxed;
/// The annotation type for acquire memory ordering.
pub struct Acquire;
/// The annotation type for release memory ordering.
pub struct Release;
/// The annotation type for fully-ordered memory ordering.
pub struct Full;

/// Memory orderings.
pub mod ordering {
    use super::{
        Acquire,
        Full,
        Relaxed,
        Release,
        C11, //
    };

    /// The trait bound for annotating operations that support any ordering.
    pub trait Ordering {
        #[doc(hidden)]
        const BOTH: C11;
    }

    /// The trait bound for operations that only support acquire or relaxed ordering.
    pub trait AcquireOrRelaxed: Ordering {}
    /// The trait bound for operations that only support release or relaxed ordering.
    pub trait ReleaseOrRelaxed: Ordering {}

    impl Ordering for Relaxed {
        const BOTH: C11 = C11::Relaxed;
    }
    impl Ordering for Acquire {
        const BOTH: C11 = C11::Acquire;
    }
    impl Ordering for Release {
        const BOTH: C11 = C11::Release;
    }
    impl Ordering for Full {
        const BOTH: C11 = C11::AcqRel;
    }
    impl AcquireOrRelaxed for Acquire {}
    impl AcquireOrRelaxed for Relaxed {}
    impl ReleaseOrRelaxed for Release {}
    impl ReleaseOrRelaxed for Relaxed {}
}

use ordering::{
    AcquireOrRelaxed,
    Ordering,
    ReleaseOrRelaxed, //
};

/// Types that support atomic operations.
pub trait AtomicType: Sized + Copy {
    #[doc(hidden)]
    type Cell;
    #[doc(hidden)]
    fn cell(v: Self) -> Self::Cell;
    #[doc(hidden)]
    fn load(at: &Self::Cell, order: C11) -> Self;
    #[doc(hidden)]
    fn store(at: &Self::Cell, v: Self, order: C11);
    #[doc(hidden)]
    fn swap(at: &Self::Cell, v: Self, order: C11) -> Self;
    #[doc(hidden)]
    fn exchange(at: &Self::Cell, old: Self, new: Self, order: C11) -> Result<Self, Self>;
}

/// Types that support atomic add operations.
pub trait AtomicAdd: AtomicType {
    #[doc(hidden)]
    fn add(at: &Self::Cell, v: Self, order: C11) -> Self;
    #[doc(hidden)]
    fn sub(at: &Self::Cell, v: Self, order: C11) -> Self;
}

macro_rules! atomic_types {
    ($([$($generic:tt)*] $type:ty: $cell:ty;)*) => {$(
        impl $($generic)* AtomicType for $type {
            type Cell = $cell;

            fn cell(v: Self) -> Self::Cell {
                <$cell>::new(v)
            }

            #[inline(always)]
            fn load(at: &Self::Cell, order: C11) -> Self {
                at.load(order)
            }

            #[inline(always)]
            fn store(at: &Self::Cell, v: Self, order: C11) {
                at.store(v, order)
            }

            #[inline(always)]
            fn swap(at: &Self::Cell, v: Self, order: C11) -> Self {
                at.swap(v, order)
            }

            #[inline(always)]
            fn exchange(at: &Self::Cell, old: Self, new: Self, order: C11) -> Result<Self, Self> {
                at.compare_exchange(old, new, order, C11::Relaxed)
            }
        }
    )*};
}
atomic_types! {
    [] bool: atomic::AtomicBool;
    [] i8: atomic::AtomicI8;
    [] i16: atomic::AtomicI16;
    [] i32: atomic::AtomicI32;
    [] i64: atomic::AtomicI64;
    [] isize: atomic::AtomicIsize;
    [] u32: atomic::AtomicU32;
    [] u64: atomic::AtomicU64;
    [] usize: atomic::AtomicUsize;
    [<T>] *mut T: atomic::AtomicPtr<T>;
}

macro_rules! atomic_add {
    ($($type:ty)*) => {$(
        impl AtomicAdd for $type {
            #[inline(always)]
            fn add(at: &Self::Cell, v: Self, order: C11) -> Self {
                at.fetch_add(v, order)
            }

            #[inline(always)]
            fn sub(at: &Self::Cell, v: Self, order: C11) -> Self {
                at.fetch_sub(v, order)
            }
        }
    )*};
}
atomic_add!(i32 i64 isize u32 u64 usize);

/// A memory location which can be safely modified from multiple execution contexts.
#[repr(transparent)]
#[cfg(not(feature = "loom"))]
pub struct Atomic<T: AtomicType>(UnsafeCell<T>);

/// A memory location which can be safely modified from multiple execution contexts.
#[cfg(feature = "loom")]
pub struct Atomic<T: AtomicType>(T::Cell);

// SAFETY: `Atomic<T>` is safe to transfer between execution contexts.
unsafe impl<T: AtomicType> Send for Atomic<T> {}
// SAFETY: `Atomic<T>` is safe to share among execution contexts.
unsafe impl<T: AtomicType> Sync for Atomic<T> {}

#[cfg(not(feature = "loom"))]
impl<T: AtomicType> Atomic<T> {
    /// Creates a new atomic `T`.
    pub const fn new(v: T) -> Self {
        Self(UnsafeCell::new(v))
    }

    /// Creates a reference to an atomic `T` from a pointer of `T`.
    ///
    /// # Safety
    ///
    /// - `ptr` is aligned to `align_of::<T>()`.
    /// - `ptr` is valid for reads and writes for `'a`.
    /// - For the duration of `'a`, other accesses to `*ptr` must not cause data races.
    pub unsafe fn from_ptr<'a>(ptr: *mut T) -> &'a Self {
        // SAFETY: By the function's requirements; `Atomic<T>` has the representation of `T`.
        unsafe { &*ptr.cast() }
    }

    /// Returns a pointer to the underlying atomic `T`.
    pub const fn as_ptr(&self) -> *mut T {
        self.0.get()
    }

    #[inline(always)]
    fn cell(&self) -> &T::Cell {
        const { assert!(size_of::<T>() == size_of::<T::Cell>()) };
        const { assert!(align_of::<T>() >= align_of::<T::Cell>()) };
        // SAFETY: `core`'s atomic types have the representation of what is in them.
        unsafe { &*self.0.get().cast() }
    }
}

#[cfg(feature = "loom")]
impl<T: AtomicType> Atomic<T> {
    /// Creates a new atomic `T`.
    pub fn new(v: T) -> Self {
        Self(T::cell(v))
    }

    fn cell(&self) -> &T::Cell {
        &self.0
    }
}

impl<T: AtomicType> Atomic<T> {
    /// Loads the value from the atomic `T`.
    #[inline(always)]
    pub fn load<O: AcquireOrRelaxed>(&self, _: O) -> T {
        T::load(self.cell(), O::BOTH)
    }

    /// Stores a value to the atomic `T`.
    #[inline(always)]
    pub fn store<O: ReleaseOrRelaxed>(&self, v: T, _: O) {
        T::store(self.cell(), v, O::BOTH)
    }

    /// Atomic exchange.
    #[inline(always)]
    pub fn xchg<O: Ordering>(&self, v: T, _: O) -> T {
        T::swap(self.cell(), v, O::BOTH)
    }

    /// Atomic compare and exchange.
    #[inline(always)]
    pub fn cmpxchg<O: Ordering>(&self, old: T, new: T, _: O) -> Result<T, T> {
        T::exchange(self.cell(), old, new, O::BOTH)
    }
}

impl<T: AtomicAdd> Atomic<T> {
    /// Atomic add.
    #[inline(always)]
    pub fn add(&self, v: T, _: Relaxed) {
        T::add(self.cell(), v, C11::Relaxed);
    }

    /// Atomic fetch and add.
    #[inline(always)]
    pub fn fetch_add<O: Ordering>(&self, v: T, _: O) -> T {
        T::add(self.cell(), v, O::BOTH)
    }

    /// Atomic fetch and subtract.
    #[inline(always)]
    pub fn fetch_sub<O: Ordering>(&self, v: T, _: O) -> T {
        T::sub(self.cell(), v, O::BOTH)
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A counted reference, the same in the kernel and on the host.

use crate::{
    atomic::AtomicU64,
    platform::{
        code,
        Plat,
        Platform,
        Result, //
    }, //
};
use core::{
    alloc::Layout,
    ops::Deref,
    ptr::NonNull, //
};

/// Above this count a reference is immortal: the object leaks instead of being freed too early
/// (H40).
const SATURATED: u64 = 1 << 62;

struct Inner<T> {
    count: AtomicU64,
    value: T,
}

/// A counted reference to a `T` that does not move.
///
/// # Invariants
///
/// The pointer is valid, and this reference owns one of its count.
pub(crate) struct Ref<T>(NonNull<Inner<T>>);

// SAFETY: A `Ref` gives shared access to `T` from any thread, and the last one drops it anywhere.
unsafe impl<T: Send + Sync> Send for Ref<T> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for Ref<T> {}

impl<T> Ref<T> {
    const LAYOUT: Layout = Layout::new::<Inner<T>>();

    fn alloc() -> Result<NonNull<Inner<T>>> {
        Ok(Plat::alloc(Self::LAYOUT).ok_or(code::ENOMEM)?.cast())
    }

    /// Allocates. May sleep.
    pub(crate) fn new(value: T) -> Result<Self> {
        let inner = Self::alloc()?;
        let count = AtomicU64::new(1);
        // SAFETY: Freshly allocated with the right layout.
        unsafe { inner.as_ptr().write(Inner { count, value }) };
        // INVARIANT: Valid, and the initial count is ours.
        Ok(Self(inner))
    }

    /// Allocates and initialises in place.
    ///
    /// # Safety
    ///
    /// `init` must initialise what it is given.
    pub(crate) unsafe fn new_with(init: impl FnOnce(*mut T)) -> Result<Self> {
        let inner = Self::alloc()?.as_ptr();
        // SAFETY: Freshly allocated with the right layout.
        unsafe { (&raw mut (*inner).count).write(AtomicU64::new(1)) };
        // SAFETY: As above; `init` fills in the rest.
        init(unsafe { &raw mut (*inner).value });
        // SAFETY: Not null.
        // INVARIANT: Valid now, and the initial count is ours.
        Ok(Self(unsafe { NonNull::new_unchecked(inner) }))
    }

    /// The address of the value.
    pub(crate) fn as_ptr(this: &Self) -> NonNull<T> {
        // SAFETY: Valid by the type invariant.
        unsafe { NonNull::new_unchecked(&raw mut (*this.0.as_ptr()).value) }
    }

    /// Gives the reference away as an address, to be taken back with [`Ref::from_raw`].
    pub(crate) fn into_raw(this: Self) -> NonNull<T> {
        let ptr = Self::as_ptr(&this);
        core::mem::forget(this);
        ptr
    }

    fn inner_of(value: NonNull<T>) -> NonNull<Inner<T>> {
        let offset = core::mem::offset_of!(Inner<T>, value);
        // SAFETY: Callers pass the address of the value inside of an `Inner`.
        unsafe { value.cast::<u8>().sub(offset).cast() }
    }

    /// Takes back a reference.
    ///
    /// # Safety
    ///
    /// `value` must come from [`Ref::into_raw`], once per call, or the caller must otherwise own
    /// one of the count.
    pub(crate) unsafe fn from_raw(value: NonNull<T>) -> Self {
        // INVARIANT: By the safety requirements.
        Self(Self::inner_of(value))
    }

    /// Another reference to `value`, unless the last one is gone already.
    ///
    /// # Safety
    ///
    /// `value` must be the address of a value in a `Ref` whose memory is still valid.
    pub(crate) unsafe fn try_get(value: NonNull<T>) -> Option<Self> {
        let inner = Self::inner_of(value);
        // SAFETY: The memory is valid by the safety requirements.
        let count = unsafe { &(*inner.as_ptr()).count };
        let mut cur = count.load_relaxed();
        while cur != 0 {
            match count.cmpxchg_full(cur, cur + 1) {
                // INVARIANT: The count was not zero, so the value is alive, and one is ours now.
                Ok(_) => return Some(Self(inner)),
                Err(now) => cur = now,
            }
        }
        None
    }

    fn count(&self) -> &AtomicU64 {
        // SAFETY: Valid by the type invariant.
        unsafe { &(*self.0.as_ptr()).count }
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        if self.count().fetch_add_full(1) >= SATURATED {
            self.count().fetch_sub_full(1);
        }
        // INVARIANT: The new one owns what was added, or the count is saturated and never goes
        // down.
        Self(self.0)
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: Valid by the type invariant.
        unsafe { &(*self.0.as_ptr()).value }
    }
}

impl<T> Drop for Ref<T> {
    fn drop(&mut self) {
        match self.count().fetch_sub_full(1) {
            1 => {
                // SAFETY: This was the last reference, the memory came from `alloc()`.
                unsafe {
                    core::ptr::drop_in_place(&raw mut (*self.0.as_ptr()).value);
                    Plat::free(self.0.cast(), Self::LAYOUT);
                }
            }
            old if old >= SATURATED => {
                self.count().fetch_add_full(1);
            }
            _ => (),
        }
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A container that can be initialised at most once.

use super::atomic::{
    Acquire,
    Atomic,
    Relaxed,
    Release, //
};
use core::{
    cell::UnsafeCell,
    mem::MaybeUninit, //
};

/// The value has not been set.
const EMPTY: u32 = 0;
/// One thread has exclusive access to the value.
const BUSY: u32 = 1;
/// The value is valid, and shared.
const SET: u32 = 2;

/// A container that can be populated at most once. Thread safe.
///
/// # Invariants
///
/// The value is initialised if and only if `init` is [`SET`].
pub struct SetOnce<T> {
    init: Atomic<u32>,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: The value goes with the container.
unsafe impl<T: Send> Send for SetOnce<T> {}
// SAFETY: Writing the value is exclusive, and reading it comes after that, see `populate()`.
unsafe impl<T: Send + Sync> Sync for SetOnce<T> {}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> SetOnce<T> {
    /// Creates an empty container.
    pub fn new() -> Self {
        Self {
            init: Atomic::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Returns the value, if there is one.
    pub fn as_ref(&self) -> Option<&T> {
        if self.init.load(Acquire) == SET {
            // SAFETY: Initialised by the type invariant, and not written any more.
            Some(unsafe { &*self.value.get().cast() })
        } else {
            None
        }
    }

    /// Stores the value, and returns whether this call did it.
    pub fn populate(&self, value: T) -> bool {
        if self.init.cmpxchg(EMPTY, BUSY, Relaxed).is_err() {
            return false;
        }
        // SAFETY: One thread gets here, so it has exclusive access to the value.
        unsafe { self.value.get().cast::<T>().write(value) };
        // INVARIANT: Just written.
        self.init.store(SET, Release);
        true
    }
}

impl<T> Drop for SetOnce<T> {
    fn drop(&mut self) {
        if self.init.load(Acquire) == SET {
            // SAFETY: Initialised by the type invariant; `self` is the only reference to it.
            unsafe { self.value.get_mut().assume_init_drop() };
        }
    }
}

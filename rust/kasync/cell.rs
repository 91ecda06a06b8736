// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Cells that have one owner at a time.
//!
//! [`kernel::types::Opaque`] is for values that C code changes, and pins its container. An
//! [`OwnedCell`] is a plain value whose accesses the model checker tracks: it reports data races,
//! which it cannot do for [`core::cell::UnsafeCell`].

#[cfg(not(feature = "loom"))]
use core::cell::UnsafeCell;
#[cfg(feature = "loom")]
use loom::cell::UnsafeCell;

/// A cell that has one owner at a time. The containing type documents which one.
pub struct OwnedCell<T>(UnsafeCell<T>);

impl<T> OwnedCell<T> {
    /// Returns a cell that holds `value`.
    pub fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer to the content, which is valid for the time of the call.
    ///
    /// Only the owner of the cell may dereference it.
    #[inline(always)]
    #[cfg(not(feature = "loom"))]
    pub fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer to the content, which is valid for the time of the call, and from
    /// which several threads may read at once.
    ///
    /// Only an owner of the cell may dereference it.
    #[inline(always)]
    #[cfg(not(feature = "loom"))]
    pub fn read<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer to the content, which is valid for the time of the call.
    #[cfg(feature = "loom")]
    pub fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }

    /// Calls `f` with a pointer to the content, from which several threads may read at once.
    #[cfg(feature = "loom")]
    pub fn read<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.0.with(f)
    }
}

#[cfg(feature = "loom")]
impl<T> Drop for OwnedCell<T> {
    /// Counts as an access, since only the owner may free a cell.
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
    }
}

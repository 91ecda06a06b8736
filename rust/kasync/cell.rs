// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Cells that one side owns at a time, by a protocol.
//!
//! [`kernel::types::Opaque`] is for values that C changes, and pins what contains it. A cell here
//! is a plain value, and the model checker watches each access to it: it reports two that nothing
//! orders, which it cannot do for an `UnsafeCell` of the compiler.

#[cfg(not(feature = "loom"))]
use core::cell::UnsafeCell;
#[cfg(feature = "loom")]
use loom::cell::UnsafeCell;

/// A cell whose owner changes by a protocol that the type which contains it describes.
pub struct OwnedCell<T>(UnsafeCell<T>);

impl<T> OwnedCell<T> {
    /// Returns a cell that holds `value`.
    pub fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer to the content, which is valid for the time of the call.
    ///
    /// The caller may use the pointer as far as it owns the cell then.
    #[inline(always)]
    #[cfg(not(feature = "loom"))]
    pub fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer to the content, which is valid for the time of the call.
    #[cfg(feature = "loom")]
    pub fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

#[cfg(feature = "loom")]
impl<T> Drop for OwnedCell<T> {
    /// Counts as an access: to free a cell is for its owner.
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
    }
}

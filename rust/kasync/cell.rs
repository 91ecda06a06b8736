// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Cells that one side owns at a time, by a protocol.
//!
//! The model checker watches each access, and reports two that nothing orders.

#[cfg(not(feature = "loom"))]
use core::cell::UnsafeCell;
#[cfg(feature = "loom")]
use loom::cell::UnsafeCell;

/// A cell whose owner changes by a protocol that the type which contains it describes.
pub(crate) struct OwnedCell<T>(UnsafeCell<T>);

impl<T> OwnedCell<T> {
    /// Returns a cell that holds `value`.
    pub(crate) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer to the content, which is valid for the time of the call.
    ///
    /// The caller may use the pointer as far as it owns the cell then.
    #[inline(always)]
    #[cfg(not(feature = "loom"))]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer to the content, which is valid for the time of the call.
    #[cfg(feature = "loom")]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

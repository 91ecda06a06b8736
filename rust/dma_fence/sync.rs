// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What [`registration`](crate::registration) and [`context`](crate::context) are made of. A model
//! checker puts types of its own in this place: see `rust/kasync/loom/tests`.

use core::cell::UnsafeCell;
pub(crate) use kernel::{
    alloc::{
        flags::GFP_KERNEL,
        KBox as Box, //
    },
    error::{
        Error,
        Result, //
    },
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    }, //
};

/// A value whose owner changes by a protocol.
pub(crate) struct Owned<T>(UnsafeCell<T>);

impl<T> Owned<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer that is valid and, provided that the caller is the owner, exclusive
    /// during the call.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

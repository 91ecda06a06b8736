// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What [`registration`](super::registration) and [`limbo`](super::limbo) are made of here. The model checker puts types of its own
//! in this place: see `rust/kasync/loom/tests/fence.rs` and `limbo.rs`.

use core::cell::UnsafeCell;
pub(crate) use core::sync::atomic::{
    AtomicU8,
    Ordering, //
};
pub(crate) use kernel::sync::Arc;

/// Keeps what it is a reference to for ever.
pub(crate) fn leak<T>(arc: Arc<T>) {
    core::mem::forget(arc);
}

/// Something whose owner changes by a protocol.
pub(crate) struct Owned<T>(UnsafeCell<T>);

impl<T> Owned<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer, valid and with nobody else's access during the call, provided that the caller is the owner.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

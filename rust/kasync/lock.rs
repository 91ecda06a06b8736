// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A lock around data, for every context.

use crate::platform::{
    Plat,
    Platform,
    RawLock, //
};
use core::cell::UnsafeCell;

/// Data behind an interrupt-disabling lock.
///
/// All locks of this crate are leaf locks: while one is held no other is taken, no waker is called,
/// cloned or dropped except those of this crate's own tasks, and no code of a user of this crate
/// runs: values are moved or, in [`watch`](crate::sync::watch), copied. They share one lockdep
/// class, so that any nesting is reported.
pub(crate) struct IrqLock<T> {
    raw: <Plat as Platform>::RawLock,
    data: UnsafeCell<T>,
}

// SAFETY: The lock serialises all access to the data, which moves between threads by it.
unsafe impl<T: Send> Send for IrqLock<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Sync for IrqLock<T> {}

impl<T> IrqLock<T> {
    pub(crate) fn new(data: T) -> Self {
        Self {
            raw: RawLock::new(),
            data: UnsafeCell::new(data),
        }
    }

    /// Calls `f` with the lock held. A closure, so that no guard can live across an await (H13).
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let flags = self.raw.lock();
        // SAFETY: The lock is held, so nobody else accesses the data.
        let ret = f(unsafe { &mut *self.data.get() });
        // SAFETY: Locked above. A panic in `f` does not return in the kernel; on the host it leaves
        // the lock held, which only fails the test that panicked.
        unsafe { self.raw.unlock(flags) };
        ret
    }
}

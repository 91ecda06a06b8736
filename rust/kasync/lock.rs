// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A lock that may be taken in any context.
//!
//! It is a `raw_spinlock_t`, which [`kernel::sync`] does not have: it spins on `PREEMPT_RT` as
//! well, so it may be taken in hard interrupt context there (R29). `kernel::sync::SpinLockIrq` and
//! [`kernel::sync::SpinLock`] are `spinlock_t`, which sleeps on `PREEMPT_RT`. Besides, both are
//! initialised in place, while futures and channels are moved until they are polled. This lock may
//! be moved while it is not held.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::ffi;
use core::{
    cell::UnsafeCell,
    mem::MaybeUninit, //
};
use kernel::bindings;

/// Data protected by a lock that is taken with interrupts disabled.
///
/// All locks of this crate are leaf locks. While one is held, no other lock is taken, and no code
/// of a user of this crate runs: values are moved or, in [`watch`](crate::sync::watch), copied, and
/// no waker is called, cloned or dropped except those of this crate's own tasks. All share one
/// lockdep class, so that any nesting is reported.
pub(crate) struct IrqLock<T> {
    raw: UnsafeCell<bindings::raw_spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: The lock owns the data, which is `Send`.
unsafe impl<T: Send> Send for IrqLock<T> {}
// SAFETY: The lock serialises all accesses to the data, which is `Send`.
unsafe impl<T: Send> Sync for IrqLock<T> {}

impl<T> IrqLock<T> {
    /// Returns a lock that is not held.
    pub(crate) fn new(data: T) -> Self {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: The C function initialises the lock. An unlocked raw spinlock refers to nothing
        // by its own address, so it may be moved afterwards.
        let raw = unsafe {
            ffi::kasync_lock_init(raw.as_mut_ptr());
            raw.assume_init()
        };
        Self {
            raw: UnsafeCell::new(raw),
            data: UnsafeCell::new(data),
        }
    }

    /// Calls `f` with the lock held and interrupts disabled. Any context but NMI. Not recursive.
    ///
    /// It takes a closure, so that no guard can be held across an await (H13).
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: Initialised by `new()`.
        let flags = unsafe { ffi::kasync_lock(self.raw.get()) };
        // SAFETY: The lock is held, so no other thread accesses the data.
        let ret = f(unsafe { &mut *self.data.get() });
        // SAFETY: Locked above, with these flags. A panic in `f` does not return in the kernel; on
        // the host it leaves the lock held, which only fails the test that panicked.
        unsafe { ffi::kasync_unlock(self.raw.get(), flags) };
        ret
    }
}

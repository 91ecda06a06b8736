// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A lock around data, for every context.
//!
//! It is a `raw_spinlock_t`, which [`kernel::sync`] does not have: one that spins on `PREEMPT_RT`
//! as well, so that it may be taken in hard interrupt context there (R29).
//! `kernel::sync::SpinLockIrq` is a `spinlock_t`, which sleeps there, and so is
//! [`kernel::sync::SpinLock`]. Both are initialised in place as well, while futures and channels
//! are plain values until they are polled: this lock may be moved while nobody holds it.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::ffi;
use core::{
    cell::UnsafeCell,
    mem::MaybeUninit, //
};
use kernel::bindings;

/// Data behind an interrupt-disabling lock.
///
/// All locks of this crate are leaf locks: while one is held no other is taken, no waker is called,
/// cloned or dropped except those of this crate's own tasks, and no code of a user of this crate
/// runs: values are moved or, in [`watch`](crate::sync::watch), copied. They share one lockdep
/// class, so that any nesting is reported.
pub(crate) struct IrqLock<T> {
    raw: UnsafeCell<bindings::raw_spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: The lock serialises all access to the data, which moves between threads by it.
unsafe impl<T: Send> Send for IrqLock<T> {}
// SAFETY: The lock serialises all access to the data, which moves between threads by it.
unsafe impl<T: Send> Sync for IrqLock<T> {}

impl<T> IrqLock<T> {
    /// Returns a lock that nobody holds.
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

    /// Calls `f` with the lock held, and interrupts disabled. Any context but NMI; not recursive.
    ///
    /// It takes a closure, so that no guard can live across an await (H13).
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: Initialised by `new()`.
        let flags = unsafe { ffi::kasync_lock(self.raw.get()) };
        // SAFETY: The lock is held, so nobody else accesses the data.
        let ret = f(unsafe { &mut *self.data.get() });
        // SAFETY: Locked above, with these flags. A panic in `f` does not return in the kernel; on
        // the host it leaves the lock held, which only fails the test that panicked.
        unsafe { ffi::kasync_unlock(self.raw.get(), flags) };
        ret
    }
}

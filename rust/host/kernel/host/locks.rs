// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Locks and completions.

use core::cell::UnsafeCell;
#[cfg(feature = "loom")]
pub(crate) use loom::sync::{
    Condvar,
    Mutex,
    MutexGuard, //
};
#[cfg(not(feature = "loom"))]
pub(crate) use std::sync::{
    Condvar,
    Mutex,
    MutexGuard, //
};

/// A spinning lock.
#[expect(non_camel_case_types, reason = "C's name")]
pub struct raw_spinlock_t {
    lock: Mutex<()>,
    /// The guard of the thread that holds the lock.
    guard: UnsafeCell<Option<MutexGuard<'static, ()>>>,
}

// SAFETY: `guard` is the holder's.
unsafe impl Sync for raw_spinlock_t {}
// SAFETY: The thread that has locked is the one that unlocks, so the guard stays in its thread.
unsafe impl Send for raw_spinlock_t {}

impl raw_spinlock_t {
    pub(crate) fn new() -> Self {
        Self {
            lock: Mutex::new(()),
            guard: UnsafeCell::new(None),
        }
    }

    pub(crate) fn lock(&self) {
        let guard = self.lock.lock().unwrap();
        // SAFETY: The guard is dropped by `unlock()`, or with the lock, while the lock is there.
        let guard =
            unsafe { core::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'_, ()>>(guard) };
        // SAFETY: The lock is held, so the place is ours.
        unsafe { *self.guard.get() = Some(guard) };
    }

    /// # Safety
    ///
    /// The lock must be held by the caller.
    pub(crate) unsafe fn unlock(&self) {
        // SAFETY: The lock is held, so the place is ours.
        drop(unsafe { (*self.guard.get()).take() });
    }
}

/// Something that a thread waits for, and that lets as many pass as it was completed.
#[expect(non_camel_case_types, reason = "C's name")]
pub struct completion {
    done: Mutex<usize>,
    changed: Condvar,
}

impl completion {
    pub(crate) fn new() -> Self {
        Self {
            done: Mutex::new(0),
            changed: Condvar::new(),
        }
    }

    /// Lets one waiter pass, which may free the completion: it is not accessed after unlocking.
    pub(crate) fn complete(&self) {
        let mut done = self.done.lock().unwrap();
        *done += 1;
        self.changed.notify_one();
    }

    #[cfg(feature = "loom")]
    pub(crate) fn wait(&self) -> bool {
        let mut done = self.done.lock().unwrap();
        while *done == 0 {
            done = self.changed.wait(done).unwrap();
        }
        *done -= 1;
        true
    }

    /// Waits, and returns whether it has passed: `false` if that takes longer than the world's
    /// limit. In a manual world the thread runs what is queued meanwhile.
    #[cfg(not(feature = "loom"))]
    pub(crate) fn wait(&self) -> bool {
        let world = super::World::current();
        while world.is_manual() && *self.done.lock().unwrap() == 0 {
            assert!(world.step(), "waits for ever: nothing is queued");
        }
        let mut done = self.done.lock().unwrap();
        if *done == 0 {
            done = self.changed.wait_timeout(done, world.limit()).unwrap().0;
        }
        let passed = *done > 0;
        *done -= usize::from(passed);
        passed
    }
}

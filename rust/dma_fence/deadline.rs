// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Deadlines of own fences.
//!
//! ```text
//!  dma_fence_set_deadline(), in any context          FenceSignaller::next_deadline()
//!       │ under the fence's lock                          ▲
//!       └─────► soonest = min(soonest, deadline) ─────────┘ takes it
//!                       │ the subscribed task is woken
//! ```
//!
//! Deadlines are merged: however many are set, the subscribed task takes the soonest only.
//!
//! The context of a fence is valid until the fence signals, and signalling takes the fence's lock.
//! So under that lock the pointer to the context is valid, or was cleared.
//!
//! # Memory ordering
//!
//! | store | load | why |
//! |---|---|---|
//! | `note`: `cmpxchg` of `soonest` (full) | `is_some`: `soonest` (relaxed) | a lost deadline |
//! | `subscribe`: `cmpxchg` of `task` (full) | `note`: `task` (acquire) | a lost wake |
//!
//! Each side stores before it loads what the other has stored, with a full barrier between: one of
//! the two sees the other.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

use core::{
    ffi::c_void,
    mem::ManuallyDrop,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kasync::{
    time::Delta,
    TaskRef, //
};
use kernel::{
    bindings,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// The value of [`Deadlines::soonest`] without a deadline.
const NONE: i64 = i64::MAX;

/// The deadlines of the fences of a context.
///
/// # Invariants
///
/// `task` is null or from a [`TaskRef`]. Once it is not null it does not change.
pub(crate) struct Deadlines {
    /// The soonest deadline, in nanoseconds of the monotonic clock.
    soonest: Atomic<i64>,
    /// The subscribed task.
    task: Atomic<*mut c_void>,
}

impl Deadlines {
    pub(crate) fn new() -> Self {
        // INVARIANT: Null.
        Self {
            soonest: Atomic::new(NONE),
            task: Atomic::new(ptr::null_mut()),
        }
    }

    /// Subscribes `task` to deadlines, if no task is subscribed yet.
    pub(crate) fn subscribe(&self, task: TaskRef) {
        let raw = task.into_raw();
        // INVARIANT: From a `TaskRef`, and stored only if `task` was null.
        let set = self.task.cmpxchg(ptr::null_mut(), raw.as_ptr(), Full);
        if set.is_err() {
            // SAFETY: `raw` is from `into_raw()` above, and was not stored.
            drop(unsafe { TaskRef::from_raw(raw) });
        }
    }

    /// Records a deadline, and wakes the task if it is the soonest.
    pub(crate) fn note(&self, deadline: i64) {
        let mut soonest = self.soonest.load(Relaxed);
        loop {
            if soonest <= deadline {
                return;
            }
            match self.soonest.cmpxchg(soonest, deadline, Full) {
                Ok(_) => break,
                Err(now) => soonest = now,
            }
        }
        if let Some(task) = NonNull::new(self.task.load(Acquire)) {
            // SAFETY: From `into_raw()` by the type invariant. The reference is borrowed, and not
            // dropped.
            let task = ManuallyDrop::new(unsafe { TaskRef::from_raw(task) });
            task.wake();
        }
    }

    /// Returns whether there is a deadline to take.
    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.soonest.load(Relaxed) != NONE
    }

    /// Takes the soonest deadline, as the time left.
    #[cold]
    pub(crate) fn take(&self) -> Option<Delta> {
        let deadline = self.soonest.xchg(NONE, Full);
        // SAFETY: `ktime_get()` may be called from any context.
        let now = unsafe { bindings::ktime_get() };
        (deadline != NONE).then(|| Delta::from_nanos(deadline.saturating_sub(now)))
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        if let Some(task) = NonNull::new(*self.task.get_mut()) {
            // SAFETY: From `into_raw()` by the type invariant, and not used again.
            drop(unsafe { TaskRef::from_raw(task) });
        }
    }
}

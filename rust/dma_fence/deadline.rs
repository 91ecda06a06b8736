// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Deadlines of own fences: somebody wants one of them by a certain time, and who works for it hears of that.
//!
//! ```text
//!  dma_fence_set_deadline(), anybody, any context                    Signaller::take_deadline(), who works for it
//!       │ under the fence's lock, if it has not signalled                 ▲
//!       └──────────► soonest = min(soonest, deadline) ── wakes the task ──┘ takes it out
//! ```
//!
//! A fence that has not signalled belongs to somebody who keeps its context, and signalling takes the fence's lock: so under that lock the
//! context is there. The context takes itself out of fences that are lost when it goes.

use crate::ffi;
use core::{
    ffi::c_void,
    ptr::{
        self,
        NonNull, //
    },
    sync::atomic::{
        AtomicI64,
        AtomicPtr,
        Ordering, //
    }, //
};
use kasync::{
    time::Delta,
    TaskRef, //
};
use kernel::bindings;

const NONE: i64 = i64::MAX;

/// What is asked of the fences of a context.
///
/// # Invariants
///
/// `task` is null or from a [`TaskRef`], and then does not change any more.
pub(crate) struct Deadlines {
    /// In nanoseconds of the monotonic clock.
    soonest: AtomicI64,
    /// Who works for them.
    task: AtomicPtr<c_void>,
}

impl Deadlines {
    pub(crate) fn new() -> Self {
        // INVARIANT: Null.
        Self {
            soonest: AtomicI64::new(NONE),
            task: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Has `task` hear of deadlines from now on; the first who asks.
    pub(crate) fn tell(&self, task: TaskRef) {
        let raw = task.into_raw();
        // INVARIANT: From a reference, and only if it was null.
        let set = self.task.compare_exchange(
            ptr::null_mut(),
            raw.as_ptr(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if set.is_err() {
            // SAFETY: From above, and nobody else has seen it.
            drop(unsafe { TaskRef::from_raw(raw) });
        }
    }

    pub(crate) fn note(&self, deadline: i64) {
        if self.soonest.fetch_min(deadline, Ordering::AcqRel) <= deadline {
            return;
        }
        if let Some(task) = NonNull::new(self.task.load(Ordering::Acquire)) {
            // SAFETY: By the type invariant; the reference stays ours.
            let task = core::mem::ManuallyDrop::new(unsafe { TaskRef::from_raw(task) });
            task.wake();
        }
    }

    #[inline]
    pub(crate) fn take(&self) -> Option<Delta> {
        if self.soonest.load(Ordering::Relaxed) == NONE {
            return None;
        }
        self.take_some()
    }

    #[cold]
    fn take_some(&self) -> Option<Delta> {
        let deadline = self.soonest.swap(NONE, Ordering::AcqRel);
        // SAFETY: No requirements.
        let now = unsafe { bindings::ktime_get() };
        (deadline != NONE).then(|| Delta::from_nanos(deadline.saturating_sub(now)))
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        if let Some(task) = NonNull::new(*self.task.get_mut()) {
            // SAFETY: By the type invariant, and not used any more.
            drop(unsafe { TaskRef::from_raw(task) });
        }
    }
}

/// Calls `f` under the fence's lock, with whether the fence has signalled.
///
/// # Safety
///
/// `fence` is an initialised fence with a lock of its own.
pub(crate) unsafe fn with_lock<R>(fence: *mut bindings::dma_fence, f: impl FnOnce(bool) -> R) -> R {
    // SAFETY: By the safety requirements; unlocked below.
    let flags = unsafe { ffi::dma_fence_shim_lock(fence) };
    let signaled = bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT;
    // SAFETY: Valid, and under the lock the bit does not change.
    let result = f(unsafe { (&raw const (*fence).flags).read_volatile() } & (1 << signaled) != 0);
    // SAFETY: Locked above.
    unsafe { ffi::dma_fence_shim_unlock(fence, flags) };
    result
}

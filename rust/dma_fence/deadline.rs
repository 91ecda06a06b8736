// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Deadlines of own fences: somebody wants one of them by a certain time, and who works for it hears of that.
//!
//! ```text
//!  dma_fence_set_deadline(), anybody, any context                    FenceContext::poll_deadline(), who works for it
//!       │ under the fence's lock, if it has not signalled                 ▲
//!       └──────────► soonest = min(soonest, deadline) ──── wakes ─────────┘ takes it out
//! ```
//!
//! A fence that has not signalled belongs to somebody who keeps its context, and signalling takes the fence's lock: so under that lock the
//! context is there. The context takes itself out of fences that are lost when it goes.

use crate::ffi;
use core::{
    sync::atomic::{
        AtomicI64,
        Ordering, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::{
    sync::AtomicWaker,
    time::Delta, //
};
use kernel::bindings;

const NONE: i64 = i64::MAX;

/// What is asked of the fences of a context.
pub(crate) struct Deadlines {
    /// In nanoseconds of the monotonic clock.
    soonest: AtomicI64,
    waker: AtomicWaker,
}

impl Deadlines {
    pub(crate) fn new() -> Self {
        Self {
            soonest: AtomicI64::new(NONE),
            waker: AtomicWaker::new(),
        }
    }

    pub(crate) fn note(&self, deadline: i64) {
        if self.soonest.fetch_min(deadline, Ordering::AcqRel) > deadline {
            self.waker.wake();
        }
    }

    #[track_caller]
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Delta> {
        self.waker.register(cx);
        match self.soonest.swap(NONE, Ordering::AcqRel) {
            NONE => Poll::Pending,
            deadline => {
                // SAFETY: No requirements.
                let now = unsafe { bindings::ktime_get() };
                Poll::Ready(Delta::from_nanos(deadline.saturating_sub(now)))
            }
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

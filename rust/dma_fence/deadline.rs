// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Deadlines of own fences: somebody wants one of them by a certain time, and who works for it hears of that.
//!
//! ```text
//!  dma_fence_set_deadline(), anybody, any context                    Signaller::next_deadline(), who works for it
//!       │ under the fence's lock, if it has not signalled                 ▲
//!       └──────────► soonest = min(soonest, deadline) ── wakes the task ──┘ takes it out
//! ```
//!
//! A fence that has not signalled belongs to somebody who keeps its context, and signalling takes the fence's lock: so under that lock the
//! context is there. The context takes itself out of fences that are lost when it goes.

use crate::{
    context::FenceSignaller,
    names::TimelineNames, //
};
use core::{
    ffi::c_void,
    mem::ManuallyDrop,
    ptr::{
        self,
        NonNull, //
    },
    task::Context, //
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

const NONE: i64 = i64::MAX;

/// What is asked of the fences of a context.
///
/// # Invariants
///
/// `task` is null or from a [`TaskRef`], and then does not change any more.
pub(crate) struct Deadlines {
    /// In nanoseconds of the monotonic clock.
    soonest: Atomic<i64>,
    /// Who works for them.
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

    /// Has `task` hear of deadlines from now on; the first who asks.
    pub(crate) fn tell(&self, task: TaskRef) {
        let raw = task.into_raw();
        // INVARIANT: From a reference, and only if it was null.
        let set = self.task.cmpxchg(ptr::null_mut(), raw.as_ptr(), Full);
        if set.is_err() {
            // SAFETY: From above, and nobody else has seen it.
            drop(unsafe { TaskRef::from_raw(raw) });
        }
    }

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
            // SAFETY: By the type invariant; the reference stays ours.
            let task = ManuallyDrop::new(unsafe { TaskRef::from_raw(task) });
            task.wake();
        }
    }

    #[inline]
    pub(crate) fn take(&self) -> Option<Delta> {
        if self.soonest.load(Relaxed) == NONE {
            return None;
        }
        self.take_some()
    }

    #[cold]
    fn take_some(&self) -> Option<Delta> {
        let deadline = self.soonest.xchg(NONE, Full);
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

impl FenceSignaller {
    /// Returns the names of the fences.
    pub fn names(&self) -> &'static TimelineNames {
        self.context().names()
    }

    /// Has the task of `cx` woken when there is a deadline to take. Only the first task that asks is.
    pub fn subscribe_deadline(&self, cx: &Context<'_>) {
        if let Some(task) = TaskRef::of(cx) {
            self.context().deadlines().tell(task);
        }
    }

    /// Returns within what time the next fence is wanted, by the deadlines set since the last call.
    ///
    /// A negative time has passed already. This is a hint.
    #[inline]
    pub fn next_deadline(&self) -> Option<Delta> {
        self.context().deadlines().take()
    }
}

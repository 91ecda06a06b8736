// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The activity of a queue's task, and the way of a job from a commit to the poll that it calls.
//!
//! This file does not depend on C code, so that the model checker compiles it unchanged
//! (`rust/kasync/loom/tests/submission.rs`).
//!
//! ```text
//!          a poll ends, or the ring decides on an expired time limit,
//!          with a job in flight, or one that waits
//!   IDLE ───────────────────────────────────────────────────────► BUSY
//!   │ ▲ ▲                                                          │
//!   │ │ └──────────────────────────────────────────────────────────┘
//!   │ │    a poll ends with nothing left
//!   │ └───────────────────────┐
//!   ▼ pass(), by a commit     │ take(), by the poll that it calls
//!   the address of a job ─────┘
//! ```

use core::marker::PhantomData;
use kasync::relaxed;
use kernel::{
    alloc::KBox,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// The value of [`Activity::word`] while a job is in flight, or waits.
const BUSY: usize = 0;
/// The value of [`Activity::word`] while no job is in flight, and none waits.
const IDLE: usize = 1;

/// The state of a queue's task: at rest or with a job, or polled by a thread, with the thread's
/// job.
///
/// Only the thread that has the right to poll the task changes it, and the right to poll orders
/// these threads. So all accesses are relaxed.
///
/// # Invariants
///
/// `word` is [`BUSY`], [`IDLE`], or the address of a node from a box that this owns.
pub(crate) struct Activity<T> {
    word: Atomic<usize>,
    _node: PhantomData<KBox<T>>,
}

// SAFETY: A shared one only moves the node in and out, each by one thread. It is `Send`.
unsafe impl<T: Send> Sync for Activity<T> {}
// SAFETY: It owns the node, by the type invariant.
unsafe impl<T: Send> Send for Activity<T> {}

impl<T> Activity<T> {
    /// Returns the activity of a task without a job.
    pub(crate) fn new() -> Self {
        // INVARIANT: Idle.
        Self {
            word: Atomic::new(IDLE),
            _node: PhantomData,
        }
    }

    /// Returns whether no job is in flight, none waits, and none was passed.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        relaxed::load(&self.word) == IDLE
    }

    /// Sets whether the task has no job. Nothing may have been passed.
    #[inline]
    pub(crate) fn set_idle(&self, idle: bool) {
        // INVARIANT: One of the two. If a node was passed, it is leaked.
        relaxed::store(&self.word, if idle { IDLE } else { BUSY });
    }

    /// Passes a job to the idle task, which the calling thread polls next.
    #[inline]
    pub(crate) fn pass(&self, node: KBox<T>) {
        // INVARIANT: From a box.
        relaxed::store(&self.word, KBox::into_raw(node) as usize);
    }

    /// Takes the job that was passed, if one was. The task is idle then.
    #[inline]
    pub(crate) fn take(&self) -> Option<KBox<T>> {
        if relaxed::load(&self.word) <= IDLE {
            return None;
        }
        // INVARIANT: Idle. An exchange, so that a box cannot be taken twice.
        let node = self.word.xchg(IDLE, Relaxed);
        // SAFETY: Above `IDLE` it is from a box, by the type invariant. The exchange has taken it
        // out.
        (node > IDLE).then(|| unsafe { KBox::from_raw(node as *mut T) })
    }
}

impl<T> Drop for Activity<T> {
    #[inline]
    fn drop(&mut self) {
        // No other thread accesses it any more.
        self.take();
    }
}

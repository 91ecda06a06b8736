// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The task that the calling thread is polling.
//!
//! Threads that are inside a poll or another signalling section are in a table. The workqueue's
//! `current_work()` cannot replace it: the item may not be that of a task, it may be freed already,
//! and not every poll runs on a worker.

use crate::thread::{
    self,
    NoPreempt, //
};
use core::{
    marker::PhantomData,
    num::NonZeroU64,
    ptr::NonNull, //
};

#[cfg(not(feature = "loom"))]
mod table;
/// A thread-local variable: the model checker resets those between executions, but no statics.
#[cfg(feature = "loom")]
mod table {
    use core::cell::Cell;

    loom::thread_local! {
        static ENTRY: Cell<Option<u64>> = Cell::new(None);
    }

    /// Calls `f` while `task` is noted as what the thread polls.
    pub(super) fn with_entry<R>(_thread: u64, task: u64, f: impl FnOnce() -> R) -> R {
        ENTRY.with(|e| e.set(Some(task)));
        let ret = f();
        ENTRY.with(|e| e.set(None));
        ret
    }

    /// Returns the task that the thread polls.
    pub(super) fn entry(_thread: u64) -> Option<u64> {
        ENTRY.with(Cell::get)
    }
}

use table::{
    entry,
    with_entry, //
};

/// The entry of a thread that is in a signalling section but polls no task.
const NO_TASK: u64 = 1;

/// Proof that the calling thread may poll a task.
#[derive(Clone, Copy)]
pub(crate) struct PollContext {
    /// The thread, as [`thread::id`] names it. It may block, so this is not an interrupt.
    thread: NonZeroU64,
    /// Keeps this on its thread.
    _thread: PhantomData<*mut ()>,
}

impl PollContext {
    /// Returns the proof if the calling thread may block and is in no signalling section. Then
    /// preemption is disabled.
    #[inline]
    pub(crate) fn may_poll() -> Option<(Self, NoPreempt)> {
        let (thread, preempt) = NoPreempt::blocking()?;
        entry(thread.get())
            .is_none()
            .then_some((Self::new(thread), preempt))
    }

    /// Returns the proof for the calling thread, which is a worker.
    ///
    /// # Safety
    ///
    /// The caller must not be in an interrupt.
    #[inline]
    pub(crate) unsafe fn worker() -> Self {
        // SAFETY: `id()` is 0 in an interrupt only.
        Self::new(unsafe { NonZeroU64::new_unchecked(thread::id()) })
    }

    fn new(thread: NonZeroU64) -> Self {
        Self {
            thread,
            _thread: PhantomData,
        }
    }

    /// Calls `f` with `task` as the thread's current task.
    ///
    /// # Safety
    ///
    /// `task` must be valid until `f` returns, and `f` must poll it.
    #[inline(always)]
    pub(crate) unsafe fn enter<R>(self, task: NonNull<()>, f: impl FnOnce() -> R) -> R {
        with_entry(self.thread.get(), task.as_ptr() as usize as u64, f)
    }
}

/// Calls `f` with the calling thread marked as being inside a signalling section.
pub(crate) fn enter_section<R>(f: impl FnOnce() -> R) -> R {
    let thread = thread::id();
    // An interrupt must not use the entry of the thread that it has interrupted. It cannot block.
    if thread == 0 || entry(thread).is_some() {
        return f();
    }
    with_entry(thread, NO_TASK, f)
}

/// Returns whether the calling thread may block: it may sleep, and is neither inside a poll nor
/// inside another signalling section. Any context.
///
/// Disabled preemption is not seen in a kernel without `CONFIG_PREEMPT_COUNT`.
pub(crate) fn may_block() -> bool {
    let thread = thread::blocking_id();
    thread != 0 && entry(thread).is_none()
}

/// Returns the task that the calling thread is polling. It stays valid until the poll returns.
pub(crate) fn get() -> Option<NonNull<()>> {
    let task = entry(thread::id()).filter(|t| *t != NO_TASK)?;
    NonNull::new(task as usize as *mut ())
}

/// Returns whether the calling thread is inside a poll or another signalling section.
pub(crate) fn in_section() -> bool {
    entry(thread::id()).is_some()
}

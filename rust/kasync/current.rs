// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Which task the calling thread is polling.
//!
//! A table of threads that are inside a poll, or a signalling section of another kind. Asking the
//! workqueue for the current work item instead would not do: that item may be somebody else's and
//! freed already, and a poll need not run on a worker.

use crate::thread;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

#[cfg(not(feature = "loom"))]
mod table;
/// The model checker resets thread locals, but not the tables of others.
#[cfg(feature = "loom")]
mod table {
    use core::cell::Cell;

    loom::thread_local! {
        static ENTRY: Cell<Option<u64>> = Cell::new(None);
    }

    pub(super) fn with_entry<R>(_thread: u64, task: u64, f: impl FnOnce() -> R) -> R {
        ENTRY.with(|e| e.set(Some(task)));
        let ret = f();
        ENTRY.with(|e| e.set(None));
        ret
    }

    pub(super) fn entry(_thread: u64) -> Option<u64> {
        ENTRY.with(Cell::get)
    }
}

use table::{
    entry,
    with_entry, //
};

/// What stands for a task in a signalling section that is no poll.
const NO_TASK: u64 = 1;

/// A thread where one may block, and that is in no section: where a poll may begin.
#[derive(Clone, Copy)]
pub(crate) struct PollContext {
    /// As [`thread::id`].
    thread: u64,
    /// Not for other threads.
    _thread: PhantomData<*mut ()>,
}

impl PollContext {
    /// The calling thread, if it is like that.
    #[inline]
    pub(crate) fn may_poll() -> Option<Self> {
        let thread = thread::blocking_id();
        if thread == 0 || entry(thread).is_some() {
            return None;
        }
        Some(Self::new(thread))
    }

    /// The calling thread, which is a worker's.
    #[inline]
    pub(crate) fn worker() -> Self {
        Self::new(thread::id())
    }

    fn new(thread: u64) -> Self {
        Self {
            thread,
            _thread: PhantomData,
        }
    }

    /// Calls `f` with `task` as the thread's current task.
    #[inline]
    pub(crate) fn enter<R>(self, task: NonNull<()>, f: impl FnOnce() -> R) -> R {
        with_entry(self.thread, task.as_ptr() as usize as u64, f)
    }
}

/// Calls `f` with the thread known to be inside a signalling section.
pub(crate) fn enter_section<R>(f: impl FnOnce() -> R) -> R {
    let thread = thread::id();
    if entry(thread).is_some() {
        return f();
    }
    with_entry(thread, NO_TASK, f)
}

/// The task that the calling thread is polling, if any. It stays valid until the poll returns.
pub(crate) fn get() -> Option<NonNull<()>> {
    let task = entry(thread::id()).filter(|t| *t != NO_TASK)?;
    NonNull::new(task as usize as *mut ())
}

/// Whether the calling thread is inside a poll or another signalling section.
pub(crate) fn in_section() -> bool {
    entry(thread::id()).is_some()
}

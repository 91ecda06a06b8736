// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Which task the calling thread is polling.
//!
//! A table of threads that are inside a poll, or a signalling section of another kind. Asking the
//! workqueue for the current work item instead would not do: that item may be somebody else's and
//! freed already, and a poll need not run on a worker.

use crate::task::Header;
use core::ptr::NonNull;

#[cfg(not(feature = "loom"))]
mod table;
/// The model checker resets thread locals, but not the tables of others.
#[cfg(feature = "loom")]
mod table {
    use core::cell::Cell;

    loom::thread_local! {
        static ENTRY: Cell<Option<u64>> = Cell::new(None);
    }

    pub(super) fn with_entry<R>(task: u64, f: impl FnOnce() -> R) -> Result<R, ()> {
        ENTRY.with(|e| e.set(Some(task)));
        let ret = f();
        ENTRY.with(|e| e.set(None));
        Ok(ret)
    }

    pub(super) fn entry() -> Option<u64> {
        ENTRY.with(Cell::get)
    }
}

use table::{
    entry,
    with_entry, //
};

/// What stands for a task in a signalling section that is no poll.
const NO_TASK: u64 = 1;

/// Calls `f` with `task` as the thread's current task. `None`, and `f` is not called, if too many
/// threads are in sections at once.
pub(crate) fn enter<R>(task: NonNull<Header>, f: impl FnOnce() -> R) -> Option<R> {
    with_entry(task.as_ptr() as usize as u64, f).ok()
}

/// Calls `f` with the thread known to be inside a signalling section; if too many are, this one is
/// not known to be: what asks for it then reports misuse, which is wrong but harmless.
pub(crate) fn enter_section<R>(f: impl FnOnce() -> R) -> R {
    if in_section() {
        return f();
    }
    let mut f = Some(f);
    let mut call = || f.take().map(|f| f());
    let ret = match with_entry(NO_TASK, &mut call) {
        Ok(ret) => ret,
        Err(()) => call(),
    };
    match ret {
        Some(ret) => ret,
        None => unreachable!("called once"),
    }
}

/// The task that the calling thread is polling, if any. It stays valid until the poll returns.
pub(crate) fn get() -> Option<NonNull<Header>> {
    let task = entry().filter(|t| *t != NO_TASK)?;
    NonNull::new(task as usize as *mut Header)
}

/// Whether the calling thread is inside a poll or another signalling section.
pub(crate) fn in_section() -> bool {
    entry().is_some()
}

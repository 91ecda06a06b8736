// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Which task the calling thread is polling.
//!
//! A table of threads that are inside a poll. Asking the workqueue for the current work item
//! instead would not do: that item may be somebody else's and freed already, and a poll need not
//! run on a worker.

use crate::{
    atomic::AtomicU64,
    platform::{
        Plat,
        Platform, //
    },
    task::Header, //
};
use core::ptr::NonNull;

/// More than the threads that a machine has inside of polls at once, as polls do not block.
const SLOTS: usize = 512;

struct Slot {
    /// The thread, or 0. Claimed by compare-exchange.
    thread: AtomicU64,
    /// The address of the task; only the thread in `thread` looks at it.
    task: AtomicU64,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        thread: AtomicU64::new(0),
        task: AtomicU64::new(0),
    }
}; SLOTS];

/// The slots in the order in which `thread` tries them.
fn slots(thread: u64) -> impl Iterator<Item = &'static Slot> {
    // Threads are named by the addresses of large objects: take bits from the middle.
    let home = ((thread >> 6) ^ (thread >> 14)) as usize;
    (0..SLOTS).map(move |i| &TABLE[home.wrapping_add(i) % SLOTS])
}

/// Calls `f` with `task` as the thread's current task.
///
/// If more threads poll at once than the table has slots, the task is not known as current
/// meanwhile: what asks for it then reports misuse, which is wrong but harmless.
pub(crate) fn enter<R>(task: NonNull<Header>, f: impl FnOnce() -> R) -> R {
    let thread = Plat::thread_id();
    let slot = slots(thread).find(|s| s.thread.cmpxchg_full(0, thread).is_ok());
    if let Some(slot) = slot {
        slot.task.store_relaxed(task.as_ptr() as usize as u64);
    }
    let ret = f();
    if let Some(slot) = slot {
        slot.thread.store_release(0);
    }
    ret
}

/// The task that the calling thread is polling, if any. It stays valid until the poll returns.
pub(crate) fn get() -> Option<NonNull<Header>> {
    let thread = Plat::thread_id();
    if thread == 0 {
        return None;
    }
    let slot = slots(thread).find(|s| s.thread.load_relaxed() == thread)?;
    NonNull::new(slot.task.load_relaxed() as usize as *mut Header)
}

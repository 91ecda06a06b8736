// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The table: open addressing, by thread. A thread looks for its own entries only.

use crate::{
    atomic::AtomicU64,
    platform::{
        Plat,
        Platform, //
    }, //
};

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

/// Calls `f` with `task` as the thread's entry.
///
/// If more threads are in sections at once than the table has slots, this one is not known to be
/// meanwhile: what asks for it then reports misuse, which is wrong but harmless.
pub(super) fn with_entry<R>(task: u64, f: impl FnOnce() -> R) -> R {
    // In an interrupt: not the interrupted thread's doing, and it cannot block anyway.
    let thread = Some(Plat::thread_id()).filter(|t| *t != 0);
    let slot = thread.and_then(|t| slots(t).find(|s| s.thread.cmpxchg_full(0, t).is_ok()));
    if let Some(slot) = slot {
        slot.task.store_relaxed(task);
    }
    let ret = f();
    if let Some(slot) = slot {
        slot.thread.store_release(0);
    }
    ret
}

/// The entry of the calling thread.
pub(super) fn entry() -> Option<u64> {
    let thread = Plat::thread_id();
    if thread == 0 {
        return None;
    }
    let slot = slots(thread).find(|s| s.thread.load_relaxed() == thread)?;
    Some(slot.task.load_relaxed())
}

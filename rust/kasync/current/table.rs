// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The table: open addressing, by thread. A thread looks for its own entries only.

use crate::atomic::AtomicU64;

/// More than the threads that a machine has inside of polls at once, as polls do not block.
const SLOTS: usize = 1024;

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

/// How far from its home a thread's entry may be: what a look-up costs at most.
const PROBES: usize = 2;

/// The slots in the order in which `thread` tries them.
fn slots(thread: u64) -> impl Iterator<Item = &'static Slot> {
    // Threads are named by the addresses of large objects: take bits from the middle.
    let home = ((thread >> 6) ^ (thread >> 14)) as usize;
    (0..PROBES).map(move |i| &TABLE[home.wrapping_add(i) % SLOTS])
}

/// Calls `f` with `task` as the entry of `thread`, which is the caller's. `Err`, and `f` is not called, if all slots that the
/// thread may have are taken.
#[inline]
pub(super) fn with_entry<R>(thread: u64, task: u64, f: impl FnOnce() -> R) -> Result<R, ()> {
    // In an interrupt: not the interrupted thread's doing, and it cannot block anyway.
    if thread == 0 {
        return Ok(f());
    }
    let Some(slot) = slots(thread).find(|s| s.thread.cmpxchg_full(0, thread).is_ok()) else {
        return Err(());
    };
    slot.task.store_relaxed(task);
    let ret = f();
    slot.thread.store_release(0);
    Ok(ret)
}

/// The entry of `thread`, which is the caller's.
#[inline]
pub(super) fn entry(thread: u64) -> Option<u64> {
    if thread == 0 {
        return None;
    }
    let slot = slots(thread).find(|s| s.thread.load_relaxed() == thread)?;
    Some(slot.task.load_relaxed())
}

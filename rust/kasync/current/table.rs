// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The table of threads that are inside a poll or another signalling section.
//!
//! A slot for a thread is found by its hash, in one or two steps. Threads whose slots are taken
//! are in a list instead, each with a node on its stack. So a thread that is inside is always
//! known to be, however many there are.
//!
//! A thread writes, looks for and removes its own entries only, so nothing has to be ordered
//! between threads but the reuse of a slot, and the list by its lock.

use crate::ffi;
use core::{
    cell::UnsafeCell,
    ptr, //
};
use kernel::sync::atomic::{
    Atomic,
    Full,
    Relaxed,
    Release, //
};

/// Far more than the processors of most machines: polls do not block, so few threads of each
/// processor are inside of one at a time.
const SLOTS: usize = 1024;

struct Slot {
    /// The thread, or 0. Claimed by compare-exchange.
    thread: Atomic<u64>,
    /// The address of the task; only the thread in `thread` looks at it.
    task: Atomic<u64>,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        thread: Atomic::new(0),
        task: Atomic::new(0),
    }
}; SLOTS];

/// The number of slots that a thread may have.
const PROBES: usize = 2;

/// Returns the slots in the order in which `thread` tries them.
fn slots(thread: u64) -> impl Iterator<Item = &'static Slot> {
    // Threads are named by the addresses of large objects: take bits from the middle.
    let home = ((thread >> 6) ^ (thread >> 14)) as usize;
    (0..PROBES).map(move |i| &TABLE[home.wrapping_add(i) % SLOTS])
}

/// A slot that is the calling thread's until this is dropped.
struct Taken(&'static Slot);

impl Drop for Taken {
    #[inline]
    fn drop(&mut self) {
        self.0.thread.store(0, Release);
    }
}

/// Calls `f` with `task` as the entry of `thread`, which is the caller's.
#[inline]
pub(super) fn with_entry<R>(thread: u64, task: u64, f: impl FnOnce() -> R) -> R {
    // In an interrupt: not the interrupted thread's doing, and it cannot block anyway.
    if thread == 0 {
        return f();
    }
    let free = |slot: &&Slot| slot.thread.cmpxchg(0, thread, Full).is_ok();
    match slots(thread).find(free).map(Taken) {
        Some(slot) => {
            slot.0.task.store(task, Relaxed);
            f()
        }
        None => {
            let node = Node {
                thread,
                task,
                next: ptr::null_mut(),
            };
            overflow::with_node(node, f)
        }
    }
}

/// Returns the entry of `thread`, which is the caller's.
#[inline]
pub(super) fn entry(thread: u64) -> Option<u64> {
    if thread == 0 {
        return None;
    }
    match slots(thread).find(|slot| slot.thread.load(Relaxed) == thread) {
        Some(slot) => Some(slot.task.load(Relaxed)),
        None => overflow::find(thread),
    }
}

/// The entry of a thread whose slots are taken.
struct Node {
    thread: u64,
    task: u64,
    next: *mut Node,
}

/// The list of entries that have no slot.
mod overflow {
    use super::*;

    /// The number of nodes, so that a look-up costs a load while there are none.
    static LENGTH: Atomic<u64> = Atomic::new(0);

    /// Unlinks the node when dropped.
    struct Linked(*mut Node);

    impl Drop for Linked {
        fn drop(&mut self) {
            with_head(|mut at| {
                // SAFETY: The lock is held, so all linked nodes are valid and do not change, and
                // this node is one of them.
                unsafe {
                    while *at != self.0 {
                        at = &raw mut (**at).next;
                    }
                    *at = (*self.0).next;
                }
            });
            LENGTH.fetch_sub(1, Full);
        }
    }

    /// Calls `f` with `node` linked.
    #[cold]
    pub(super) fn with_node<R>(mut node: Node, f: impl FnOnce() -> R) -> R {
        let node = &raw mut node;
        LENGTH.fetch_add(1, Full);
        with_head(|head| {
            // SAFETY: The node lives as long as this call, which unlinks it; the lock is held.
            unsafe {
                (*node).next = *head;
                *head = node;
            }
        });
        let _linked = Linked(node);
        f()
    }

    /// Returns the entry of `thread`, which is the caller's.
    #[inline]
    pub(super) fn find(thread: u64) -> Option<u64> {
        // What the calling thread has added to the length is in it.
        if LENGTH.load(Relaxed) == 0 {
            return None;
        }
        find_linked(thread)
    }

    #[cold]
    fn find_linked(thread: u64) -> Option<u64> {
        let mut task = None;
        with_head(|head| {
            // SAFETY: The lock is held, so all linked nodes are valid and do not change.
            unsafe {
                let mut at = *head;
                while !at.is_null() && task.is_none() {
                    task = ((*at).thread == thread).then_some((*at).task);
                    at = (*at).next;
                }
            }
        });
        task
    }

    struct Head(UnsafeCell<*mut Node>);

    // SAFETY: Accessed with the lock held only.
    unsafe impl Sync for Head {}

    static HEAD: Head = Head(UnsafeCell::new(ptr::null_mut()));

    /// Calls `f` with the place of the first node, with the lock of the list held.
    fn with_head(f: impl FnOnce(*mut *mut Node)) {
        // SAFETY: Unlocked below, with the flags.
        let flags = unsafe { ffi::kasync_current_lock() };
        f(HEAD.0.get());
        // SAFETY: Locked above.
        unsafe { ffi::kasync_current_unlock(flags) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::current::{
        enter_section,
        in_section, //
    };
    use kernel::host::World;
    use std::{
        sync::Barrier,
        thread, //
    };

    /// More threads than the table has slots are in sections at once, and each of them is known to
    /// be: nothing is reported, and none is when it has left.
    #[test]
    fn more_threads_than_slots() {
        let world = World::manual();
        let (all, leave) = (Barrier::new(SLOTS + 200), Barrier::new(SLOTS + 200));
        thread::scope(|s| {
            for _ in 0..SLOTS + 200 {
                let (all, leave, world) = (&all, &leave, &world);
                let run = move || {
                    let _entered = world.enter();
                    assert!(!in_section());
                    let known = enter_section(|| {
                        all.wait();
                        let known = in_section();
                        leave.wait();
                        known && in_section()
                    });
                    assert!(known, "in a section, but not known to be");
                    assert!(!in_section());
                };
                let builder = thread::Builder::new().stack_size(128 << 10);
                builder.spawn_scoped(s, run).unwrap();
            }
        });
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The table of threads that are inside a poll or another signalling section.
//!
//! The hash of a thread leads to two slots. A thread that finds both taken is in a list instead,
//! with a node on its stack. So every thread inside a section has an entry, however many there are.
//!
//! A thread adds, looks up and removes its own entries only. So only the reuse of a slot has to be
//! ordered between threads. The list has a lock.

use crate::{
    ffi,
    relaxed, //
};
use core::{
    cell::UnsafeCell,
    ptr, //
};
use kernel::sync::atomic::{
    Atomic,
    Full,
    Release, //
};

/// The number of slots. Polls do not block, so few threads of each processor are inside one at a
/// time.
const SLOTS: usize = 1024;

struct Slot {
    /// The thread that has the slot, or 0. Taken by compare-exchange.
    thread: Atomic<u64>,
    /// The address of the task. Only the thread in `thread` accesses it.
    task: Atomic<u64>,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        thread: Atomic::new(0),
        task: Atomic::new(0),
    }
}; SLOTS];

/// The number of slots that a thread may use.
const PROBES: usize = 2;

/// Returns the slots in the order in which `thread` tries them.
fn slots(thread: u64) -> impl Iterator<Item = &'static Slot> {
    // Threads are identified by the addresses of large objects, whose lowest bits are the same.
    let home = ((thread >> 6) ^ (thread >> 14)) as usize;
    (0..PROBES).map(move |i| &TABLE[home.wrapping_add(i) % SLOTS])
}

/// A slot that the calling thread has until this is dropped.
struct Taken(&'static Slot);

impl Drop for Taken {
    #[inline]
    fn drop(&mut self) {
        self.0.thread.store(0, Release);
    }
}

/// Calls `f` with `task` as the entry of `thread`, which is the caller's, and not 0.
#[inline(always)]
pub(super) fn with_entry<R>(thread: u64, task: u64, f: impl FnOnce() -> R) -> R {
    let free = |slot: &&Slot| slot.thread.cmpxchg(0, thread, Full).is_ok();
    match slots(thread).find(free).map(Taken) {
        Some(slot) => {
            relaxed::store(&slot.0.task, task);
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
    match slots(thread).find(|slot| relaxed::load(&slot.thread) == thread) {
        Some(slot) => Some(relaxed::load(&slot.task)),
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

    /// The number of nodes. While it is 0, a look-up costs one load.
    static LENGTH: Atomic<u64> = Atomic::new(0);

    /// Unlinks the node when dropped.
    struct Linked(*mut Node);

    impl Drop for Linked {
        fn drop(&mut self) {
            with_head(|mut at| {
                // SAFETY: The lock is held, so all linked nodes are valid and do not change. This
                // node is linked.
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
        // If the calling thread has a node, it sees its own addition to the length.
        if relaxed::load(&LENGTH) == 0 {
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

    // SAFETY: Only accessed by `with_head()`, with the lock held.
    unsafe impl Sync for Head {}

    static HEAD: Head = Head(UnsafeCell::new(ptr::null_mut()));

    /// Calls `f` with a pointer to the head of the list, with the lock of the list held.
    fn with_head(f: impl FnOnce(*mut *mut Node)) {
        // SAFETY: The lock is released below, with these flags.
        let flags = unsafe { ffi::kasync_current_lock() };
        f(HEAD.0.get());
        // SAFETY: This thread has taken the lock above, and `flags` are those that it got.
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

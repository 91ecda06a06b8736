// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The slots that queues share: 63 for VMs, 128 for events, 127 for buffer managers.
//!
//! A job runs with a slot for its VM, one event slot for each pipe that it has commands for, and if
//! it has renders one for its buffer manager. All that are missing are taken together or none is,
//! first come, first served, under one lock:
//!
//! ```text
//!                        poll_acquire(): no queue waits, and all are there
//!            ┌────────────────────────────────────────────────────────────────────────────┐
//!            │                                                                            ▼
//!   has none ──────────────────► waits ─────────────────────────────────────────────► has all
//!      ▲  ▲     poll_acquire()     │    poll_acquire(): it is the first, and all are there   │
//!      │  └────────────────────────┘                                                        │
//!      │            leave()                                                                 │
//!      └────────────────────────────────────────────────────────────────────────────────────┘
//!                                         the guards are dropped
//! ```
//!
//! So a queue that holds slots has jobs in flight with them, whether it waits for more or not, and
//! the hardware ends those whatever other queues do. That no queue keeps its slots for ever while
//! others wait is up to its ring, which looks at [`SlotPool::is_contended`] before it starts
//! another job.
//!
//! For a system suspend the pool is closed: no queue gets slots, and each queue that holds some is
//! to give them back, as if others waited. When all slots are free nothing is in flight.
//!
//! ```text
//!          close()               the last slot is given back
//!   open ───────────► closing ──────────────────────────────► closed, idle() returns
//!     ▲                  │ open()                                │ open()
//!     └──────────────────┴───────────────────────────────────────┘
//! ```

pub(crate) mod table;

use self::table::SlotTable;
use agx_abi::{
    buffer,
    event,
    uat::CONTEXTS, //
};
use core::task::{
    Context,
    Poll, //
};
use kasync::sync::{
    AtomicWaker,
    Notify, //
};
use kernel::{
    list::{
        impl_list_arc_safe,
        impl_list_item,
        AtomicTracker,
        List,
        ListArc,
        ListLinks,
        TryNewListArc, //
    },
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

/// Number of VM slots: all contexts but the kernel's.
pub(crate) const VM_SLOTS: usize = CONTEXTS - 1;
/// Number of event slots.
pub(crate) const EVENT_SLOTS: usize = event::SLOTS;
/// Number of slots for buffer managers.
pub(crate) const BUFFER_SLOTS: usize = buffer::SLOTS as usize;

/// The tables of slots, and the address space that is bound to each VM slot.
pub(crate) struct Tables {
    pub(crate) vms: SlotTable<VM_SLOTS>,
    /// The root of the address space that is bound to each VM slot; 0 if none is.
    pub(crate) roots: [u64; VM_SLOTS],
    pub(crate) events: SlotTable<EVENT_SLOTS>,
    pub(crate) buffers: SlotTable<BUFFER_SLOTS>,
    /// Number of the user queue whose buffer manager each slot was used for last; 0 if it was used
    /// for none.
    pub(crate) buffer_owners: [u32; BUFFER_SLOTS],
    /// Number of the firmware's requests to grow the buffer in each slot, since its owner last read
    /// it.
    pub(crate) buffer_requests: [u32; BUFFER_SLOTS],
}

impl Tables {
    /// Returns whether all slots are free.
    fn is_idle(&self) -> bool {
        self.vms.is_idle() && self.events.is_idle()
    }
}

struct State {
    tables: Tables,
    /// Whether the pool is closed: no queue gets slots.
    closed: bool,
    /// The queues that wait, in the order in which they came.
    waiting: List<Waiter>,
}

impl State {
    /// Returns the waiter that is first.
    fn first(&self) -> Option<Arc<Waiter>> {
        self.waiting.iter().next().map(Into::into)
    }

    /// Returns the waiter whose turn it is.
    fn next(&self) -> Option<Arc<Waiter>> {
        if self.closed {
            return None;
        }
        self.first()
    }
}

/// All slots.
///
/// | call | context |
/// |---|---|
/// | [`SlotPool::new`] | process, allocates |
/// | all others | process, signalling sections and disabled preemption included |
#[pin_data]
pub(crate) struct SlotPool {
    #[pin]
    state: SpinLock<State>,
    /// Number of waiters, plus one while the pool is closed. Written under the lock.
    waiting: Atomic<usize>,
    /// Notified when a closed pool becomes idle.
    drained: Notify,
}

/// A queue's entry in the list of waiters.
#[pin_data]
pub(crate) struct Waiter {
    /// The task of the queue.
    task: AtomicWaker,
    #[pin]
    tracker: AtomicTracker,
    #[pin]
    links: ListLinks,
}

impl_list_arc_safe! {
    impl ListArcSafe<0> for Waiter {
        tracked_by tracker: AtomicTracker;
    }
}

impl_list_item! {
    impl ListItem<0> for Waiter {
        using ListLinks { self.links };
    }
}

impl Waiter {
    /// Returns a waiter that does not wait.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                task: AtomicWaker::new(),
                tracker <- AtomicTracker::new(),
                links <- ListLinks::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }
}

impl SlotPool {
    /// Returns a pool all slots of which are free.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                state <- new_spinlock!(State {
                    tables: Tables {
                        vms: SlotTable::new(),
                        roots: [0; VM_SLOTS],
                        events: SlotTable::new(),
                        buffers: SlotTable::new(),
                        buffer_owners: [0; BUFFER_SLOTS],
                        buffer_requests: [0; BUFFER_SLOTS],
                    },
                    closed: false,
                    waiting: List::new(),
                }),
                waiting: Atomic::new(0),
                drained: Notify::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Acquires slots by `take`, when it is `waiter`'s turn.
    ///
    /// `take` returns `None`, and takes nothing, unless all slots that it needs are free. Then the
    /// task of `cx` is woken when that may have changed.
    ///
    /// [`SlotPool::leave`] ends the wait.
    pub(crate) fn poll_acquire<R>(
        &self,
        waiter: &Arc<Waiter>,
        cx: &Context<'_>,
        take: impl FnOnce(&mut Tables) -> Result<Option<R>>,
    ) -> Poll<Result<R>> {
        // Registered before the check, so that a later release wakes the task.
        waiter.task.register(cx);
        let mut state = self.state.lock();
        let first = state.first();
        if !state.closed && first.is_none_or(|first| Arc::ptr_eq(&first, waiter)) {
            if let Some(result) = take(&mut state.tables).transpose() {
                let next = self.remove(&mut state, waiter);
                drop(state);
                wake(next);
                return Poll::Ready(result);
            }
        }
        // An error means that the waiter is in the list already.
        if let Ok(waiter) = ListArc::try_from_arc(waiter.clone()) {
            state.waiting.push_back(waiter);
            self.count(&state, |n| n + 1);
        }
        Poll::Pending
    }

    /// Ends the waiting of `waiter`, if it waits.
    pub(crate) fn leave(&self, waiter: &Waiter) {
        let mut state = self.state.lock();
        let next = self.remove(&mut state, waiter);
        drop(state);
        wake(next);
    }

    /// Changes the tables by `change`, which may free slots, and wakes the first waiter.
    pub(crate) fn release<R>(&self, change: impl FnOnce(&mut Tables) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state.tables);
        let drained = state.closed && state.tables.is_idle();
        let next = state.next();
        drop(state);
        if drained {
            self.drained.notify_waiters();
        }
        wake(next);
        result
    }

    /// Closes the pool: no queue gets slots until [`SlotPool::open`] is called. Queues that hold
    /// slots start no more jobs. Idempotent.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        if !core::mem::replace(&mut state.closed, true) {
            self.count(&state, |n| n + 1);
        }
    }

    /// Opens the pool after [`SlotPool::close`]. Idempotent.
    pub(crate) fn open(&self) {
        let mut state = self.state.lock();
        if core::mem::replace(&mut state.closed, false) {
            self.count(&state, |n| n - 1);
        }
        let next = state.next();
        drop(state);
        wake(next);
    }

    /// Returns whether the pool is closed because the system is going to be suspended.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Waits until all slots of a closed pool are free. Cancel safe.
    pub(crate) async fn idle(&self) {
        loop {
            // Made before it looks, so that what changes from here on is not missed.
            let drained = self.drained.notified();
            if self.state.lock().tables.is_idle() {
                return;
            }
            drained.await;
        }
    }

    /// Returns whether a queue waits for slots, or the pool is closed.
    pub(crate) fn is_contended(&self) -> bool {
        self.waiting.load(Relaxed) != 0
    }

    /// Wakes the first waiter, which wakes the next one when it leaves.
    pub(crate) fn wake_first(&self) {
        self.release(|_| ());
    }

    /// Removes `waiter` from the list, and returns the waiter to wake, as it may be first now.
    fn remove(&self, state: &mut State, waiter: &Waiter) -> Option<Arc<Waiter>> {
        // SAFETY: A waiter belongs to one queue of this GPU, and is never in another list.
        let removed = unsafe { state.waiting.remove(waiter) };
        if removed.is_some() {
            self.count(state, |n| n - 1);
        }
        state.next()
    }

    /// Changes the number of waiters. `_state` shows that the lock is held.
    fn count(&self, _state: &State, change: impl FnOnce(usize) -> usize) {
        self.waiting
            .store(change(self.waiting.load(Relaxed)), Relaxed);
    }
}

/// Wakes the task of `waiter`.
fn wake(waiter: Option<Arc<Waiter>>) {
    if let Some(waiter) = waiter {
        waiter.task.wake();
    }
}

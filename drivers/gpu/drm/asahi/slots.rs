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
//! For a system suspend, and before the GPU is stopped, the pool is closed: no queue gets slots,
//! and each queue that holds some is to give them back, as if others waited. When all slots are
//! free nothing is in flight.
//!
//! ```text
//!          close()               the last slot is given back
//!   open ───────────► closing ──────────────────────────────► closed, idle() returns
//!     ▲                  │ open(), and nothing else closes it    │ the same
//!     └──────────────────┴───────────────────────────────────────┘
//! ```
//!
//! The two reasons may meet: a device can be unbound while the system is about to be suspended. The
//! pool is closed as long as one is left, and only that of the suspend ends.

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
    /// The numbers of the firmware's requests to grow a buffer, of the buffer that each slot was
    /// used for last, to which the number belongs; `None` if the slot was used for none.
    pub(crate) buffer_requests: [Option<Arc<Atomic<u32>>>; BUFFER_SLOTS],
}

impl Tables {
    /// Returns whether all slots are free.
    fn is_idle(&self) -> bool {
        self.vms.is_idle() && self.events.is_idle()
    }
}

/// A reason to close the pool.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Closing {
    /// The system is to be suspended. Ended by [`SlotPool::open`].
    Suspend = 1 << 0,
    /// The GPU is to be stopped. It does not end.
    Stop = 1 << 1,
}

struct State {
    tables: Tables,
    /// The reasons for which the pool is closed, bits of [`Closing`]: no queue gets slots.
    closed: u8,
    /// True if the firmware has crashed: all waiters leave, whether the pool is closed or not.
    crashed: bool,
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
        if self.closed != 0 && !self.crashed {
            return None;
        }
        self.first()
    }
}

/// The pool of slots.
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
                        buffer_requests: [const { None }; BUFFER_SLOTS],
                    },
                    closed: 0,
                    crashed: false,
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
        if state.closed == 0 && first.is_none_or(|first| Arc::ptr_eq(&first, waiter)) {
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
        let drained = state.closed != 0 && state.tables.is_idle();
        let next = state.next();
        drop(state);
        if drained {
            self.drained.notify_waiters();
        }
        wake(next);
        result
    }

    /// Closes the pool for `why`: no queue gets slots, and queues that hold some start no more
    /// jobs. Idempotent.
    pub(crate) fn close(&self, why: Closing) {
        self.set_closed(|closed| closed | why as u8);
    }

    /// Ends [`Closing::Suspend`], which opens the pool unless the GPU is to be stopped. Idempotent.
    pub(crate) fn open(&self) {
        self.set_closed(|closed| closed & !(Closing::Suspend as u8));
    }

    /// Changes the reasons for which the pool is closed, and wakes the first waiter if it is open.
    fn set_closed(&self, change: impl FnOnce(u8) -> u8) {
        let mut state = self.state.lock();
        let was = state.closed;
        state.closed = change(was);
        match (was != 0, state.closed != 0) {
            (false, true) => self.count(&state, |n| n + 1),
            (true, false) => self.count(&state, |n| n - 1),
            _ => (),
        }
        let next = state.next();
        drop(state);
        wake(next);
    }

    /// Returns whether the pool is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed != 0
    }

    /// Returns whether the pool is closed as the GPU is to be stopped.
    pub(crate) fn is_stopping(&self) -> bool {
        self.state.lock().closed & Closing::Stop as u8 != 0
    }

    /// Waits until all slots of a pool are free that the caller has closed. Cancel safe.
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

    /// Wakes the first waiter after a crash of the firmware, which wakes the next one when it
    /// leaves.
    pub(crate) fn crashed(&self) {
        let mut state = self.state.lock();
        state.crashed = true;
        let next = state.next();
        drop(state);
        wake(next);
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

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Event slots: how the firmware reports that a command is complete.
//!
//! There are 128. Each has two stamps, which grow by one step with each command that completes: the
//! firmware compares the one ("FW stamp") for its barriers, we read the other ("host stamp"). A
//! work queue owns a slot for as long as it has commands in flight, numbers them with
//! [`EventSlot::issue`], and awaits them with [`Watch::poll`]. The [`SlotPool`] decides which queue
//! gets a slot when there are not enough.
//!
//! ```text
//!      Events::take()              EventSlot::issue()           flag from the firmware
//!  ───────────────────────► owned ───────────────────► pending ──────────────────────► complete
//!                                  (at most 127)         │ fail()                  ▲   Ok, or
//!                                                        └► failed, and pending ───┘   its failure
//! ```
//!
//! A failed command completes like any other: what recovery leaves here is only what to tell about
//! it then. Until then the firmware may still use its memory.
//!
//! A job has commands in up to three slots, and looks at all of them until the last is complete. So
//! a slot stays with its owner while there is a [`Watch`] of it, though nothing may be in flight:
//! with the next owner the failures in the window and the task to wake are others.

use super::{
    crash::Crash,
    outcome::{
        Failure,
        Owner, //
    },
    shared::{
        Shared,
        Word, //
    },
    stamp::Stamp,
    window::Window, //
};
use crate::{
    alloc::Heap,
    slots::{
        SlotPool,
        Tables, //
    }, //
};
use agx_abi::event::{
    initial_stamp,
    SLOTS, //
};
use core::{
    mem,
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::sync::AtomicWaker;
use kernel::{
    device::Device,
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Timeout => ETIMEDOUT,
            Failure::Fault | Failure::ChannelError => EIO,
            Failure::Killed => ECANCELED,
            Failure::Unknown => ENODATA,
            Failure::NoDevice => ENODEV,
        }
    }
}

/// The mutable part of a slot.
struct State {
    owner: Option<Owner>,
    window: Window,
    /// True if a stamp with an impossible value was reported, since the owner has the slot.
    is_reported: bool,
}

/// A slot.
#[pin_data]
struct Slot {
    index: usize,
    host: Word<u32>,
    addresses: Addresses,
    /// The task of the queue that owns the slot.
    changed: AtomicWaker,
    #[pin]
    state: SpinLock<State>,
}

/// Addresses of the stamps of a slot, for the firmware.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// The stamp that the driver reads.
    pub(crate) host: u64,
    /// The stamp that barriers compare.
    pub(crate) firmware: u64,
}

/// The table of event slots.
///
/// | call | context |
/// |---|---|
/// | [`Events::new`] | process, allocates |
/// | all others | process, signalling sections and disabled preemption included |
pub(crate) struct Events {
    dev: ARef<Device>,
    crash: Crash,
    slots: KVec<Arc<Slot>>,
    /// The stamps that barriers compare. Only the firmware accesses them, as long as it runs.
    _stamps: Shared,
    pool: Arc<SlotPool>,
}

impl Events {
    pub(super) fn new(
        dev: &Device,
        crash: &Crash,
        pool: &Arc<SlotPool>,
        private: &Heap,
        shared: &Heap,
    ) -> Result<Arc<Self>> {
        let host = Shared::new(shared, SLOTS * 4)?;
        let firmware = Shared::new(private, SLOTS * 4)?;

        let mut slots = KVec::with_capacity(SLOTS, GFP_KERNEL)?;
        for index in 0..SLOTS {
            // Different initial values, so that a value of the wrong slot is noticed.
            let first = Stamp(initial_stamp(index));
            let word = host.word::<u32>(index * 4)?;
            word.store(first.0, Relaxed);
            let addresses = Addresses {
                host: host.va() + index as u64 * 4,
                firmware: firmware.va() + index as u64 * 4,
            };
            let slot = Arc::pin_init(
                pin_init!(Slot {
                    index,
                    addresses,
                    host: word,
                    changed: AtomicWaker::new(),
                    state <- new_spinlock!(State {
                        owner: None,
                        window: Window::new(first),
                        is_reported: false,
                    }),
                }),
                GFP_KERNEL,
            )?;
            slots.push(slot, GFP_KERNEL)?;
        }

        let this = Self {
            dev: dev.into(),
            crash: crash.clone(),
            slots,
            _stamps: firmware,
            pool: pool.clone(),
        };
        Ok(Arc::new(this, GFP_KERNEL)?)
    }

    /// Takes a slot of `tables` for `owner`: `last`, the one that it had before, if that is free.
    /// Returns `None` if no slot is free.
    pub(crate) fn take(
        self: &Arc<Self>,
        tables: &mut Tables,
        owner: Owner,
        last: Option<u32>,
    ) -> Option<EventSlot> {
        let index = tables.events.take(last.map(|i| i as usize))?;
        let slot = self.slots[index].clone();
        // The stamp goes on from where the last owner left it.
        let issued = Stamp(slot.host.load(Acquire));
        {
            let mut state = slot.state.lock();
            state.owner = Some(owner);
            state.window = Window::new(issued);
            state.is_reported = false;
        }
        Some(EventSlot {
            slot,
            issued,
            events: self.clone(),
        })
    }
}

impl Events {
    /// Waits for a crash of the firmware, then wakes all tasks that wait for a command or a slot.
    pub(super) async fn crashed(self: Arc<Self>) {
        self.crash.happened().await;
        for slot in &self.slots {
            slot.changed.wake();
        }
        self.pool.crashed();
    }

    /// Reads the stamps of the slots whose bits are set, as the firmware has flagged them.
    pub(super) fn flag(&self, bits: [u32; SLOTS / 32]) {
        for (i, slot) in self.slots.iter().enumerate() {
            if bits[i / 32] & (1 << (i % 32)) != 0 {
                self.update(slot);
            }
        }
    }

    /// Counts a request of the firmware to grow the buffer in buffer slot `index`.
    pub(super) fn grow_requested(&self, index: u32) {
        self.pool.release(|tables| {
            if let Some(Some(requests)) = tables.buffer_requests.get(index as usize) {
                requests.add(1, Relaxed);
            }
        });
    }

    /// Returns a number that is another one when commands of any queue have completed since,
    /// whether that was flagged or not.
    pub(super) fn progress(&self) -> u32 {
        self.slots
            .iter()
            .fold(0, |sum, slot| slot.host.load(Relaxed).wrapping_add(sum))
    }

    /// Reads the stamp of `slot`, and wakes the task that waits for it.
    fn update(&self, slot: &Slot) {
        // Acquire: what the command wrote is visible to those that learn that it is complete.
        let value = Stamp(slot.host.load(Acquire));
        let owned = {
            let mut state = slot.state.lock();
            if let Err(bad) = state.window.update(value) {
                // Once: the value stays, and the firmware flags as often as it likes.
                let is_news = !mem::replace(&mut state.is_reported, true);
                drop(state);
                if is_news {
                    dev_err!(self.dev, "event slot {}: {bad:?}, ignored\n", slot.index);
                }
                return;
            }
            state.owner.is_some()
        };

        if owned {
            slot.changed.wake();
        } else {
            self.drained(slot);
        }
    }

    /// Frees a slot without an owner if its stamp has reached the last value.
    fn drained(&self, slot: &Slot) {
        self.pool.release(|tables| {
            let state = slot.state.lock();
            if state.owner.is_none() && state.window.is_idle() {
                tables.events.drained(slot.index);
            }
        });
    }

    /// Notes that the commands of slot `index` up to `value` have failed, in the way that `failure`
    /// says about their owner. The first failure of a command counts.
    ///
    /// Returns how many commands that were.
    pub(super) fn fail(
        &self,
        index: u32,
        value: Stamp,
        failure: impl FnOnce(&Owner) -> Failure,
    ) -> usize {
        let Some(slot) = self.slots.get(index as usize) else {
            return 0;
        };
        // Commands whose stamps are written have not failed, though their event may not have come
        // yet. The firmware writes those of the commands that have failed when it goes on.
        self.update(slot);
        let mut state = slot.state.lock();
        let Some(owner) = state.owner else {
            return 0;
        };
        state.window.fail(value, failure(&owner))
    }

    /// Returns the owner of slot `index`, if it has one.
    pub(super) fn owner(&self, index: u32) -> Option<Owner> {
        self.slots.get(index as usize)?.state.lock().owner
    }
}

/// A slot that belongs to a work queue. Dropping it gives it back: at once, or if commands are
/// in flight, when the firmware has flagged the last of them.
///
/// | call | context |
/// |---|---|
/// | all, and drop | process, signalling sections included |
pub(crate) struct EventSlot {
    slot: Arc<Slot>,
    /// The value of the last command issued, as in the window: only this changes it.
    issued: Stamp,
    events: Arc<Events>,
}

impl EventSlot {
    /// Returns its number.
    pub(crate) fn index(&self) -> u32 {
        self.slot.index as u32
    }

    /// Returns the addresses of its stamps.
    pub(crate) fn addresses(&self) -> Addresses {
        self.slot.addresses
    }

    /// Returns the value of the last command issued, or where the slot started.
    pub(crate) fn issued(&self) -> Stamp {
        self.issued
    }

    /// Returns whether nothing is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.slot.state.lock().window.is_idle()
    }

    /// Returns whether nothing is in flight, and there is no [`Watch`].
    pub(crate) fn is_over(&self) -> bool {
        self.slot.state.lock().window.is_over()
    }

    /// Numbers the next command. `EBUSY` if 127 are in flight.
    pub(crate) fn issue(&mut self) -> Result<Stamp> {
        self.issued = self.slot.state.lock().window.issue().ok_or(EBUSY)?;
        Ok(self.issued)
    }

    /// Returns what its commands are awaited by.
    pub(crate) fn watch(&self) -> Watch {
        self.slot.state.lock().window.watch();
        Watch {
            slot: self.slot.clone(),
            events: self.events.clone(),
        }
    }
}

/// The waiting side of the commands of an [`EventSlot`], which is not given back before the last
/// watch is dropped.
///
/// | call | context |
/// |---|---|
/// | [`Watch::poll`] | the task of the queue |
/// | all others, and drop | process, signalling sections and disabled preemption included |
pub(crate) struct Watch {
    slot: Arc<Slot>,
    events: Arc<Events>,
}

impl Watch {
    /// Looks at the stamp, in case the event of its change was lost.
    pub(crate) fn recheck(&self) {
        self.events.update(&self.slot);
    }

    /// Returns what became of the command with number `value`; `None` as long as it is in flight.
    ///
    /// To be asked before 127 more commands are issued.
    pub(crate) fn outcome(&self, value: Stamp) -> Option<Result<(), Failure>> {
        let known = || self.slot.state.lock().window.outcome(value);
        known().or_else(|| {
            if !self.events.crash.is_set() {
                return None;
            }
            // Commands that completed before the crash count as complete, also without an event.
            self.recheck();
            Some(known().unwrap_or(Err(Failure::NoDevice)))
        })
    }

    /// Returns how the command with number `value` has ended, if it has. If not, the task of `cx`
    /// is woken when that may have changed: it is the only one, that of the queue that owns the
    /// slot.
    pub(crate) fn poll(&self, value: Stamp, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // Registered before the check, so that a later change is not missed. A crash wakes the
        // task by `Events::crashed`.
        self.slot.changed.register(cx);
        self.outcome(value).map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.slot.state.lock().window.unwatch();
    }
}

impl Drop for EventSlot {
    fn drop(&mut self) {
        self.events.pool.release(|tables| {
            let mut state = self.slot.state.lock();
            state.owner = None;
            let busy = !state.window.is_idle() && !self.events.crash.is_set();
            tables.events.release(self.slot.index, busy);
        });
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The states of channels, as others than their queues know them.
//!
//! ```text
//!             take           set_running        the firmware says so
//!   FREE ───────────► TAKEN ───────────► RUNS ───────────────────────► FAULTED
//!    ▲                  │              │ │                               │  │
//!    │                  │       a call │ │ the processor is reset        │  │
//!    │                  │              │ └─────────────► RESET ◄─────────┘  │
//!    │                  │              └───────────────► STOPPED ◄──────────┘
//!    └──────────────────┴──── the memory goes: from TAKEN, STOPPED or RESET
//! ```

use crate::regs::Registers;
use kasync::sync::AtomicWaker;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        SpinLock, //
    }, //
};

/// Channels that there can be.
const COUNT: usize = 8;
/// The list that the copy engine's channels run from. Inferred, as the emulator's: hardware has a
/// table that says which.
const RUNLIST: u32 = 1;

// The states of a channel.
/// No channel has the slot.
pub(super) const FREE: u32 = 0;
/// The channel has memory.
pub(super) const TAKEN: u32 = 1;
/// The firmware has it, or is about to get it.
pub(super) const RUNS: u32 = 2;
/// The firmware has reported an error of the channel.
pub(super) const FAULTED: u32 = 3;
/// The channel was stopped by a call.
pub(super) const STOPPED: u32 = 4;
/// The channel was reset with the processor.
pub(super) const RESET: u32 = 5;

/// The state of a channel as others than its queue know it.
pub(super) struct Slot {
    pub(super) at: Atomic<u32>,
    /// The waker of the queue's task.
    pub(super) changed: AtomicWaker,
}

/// The channels of the processor.
#[pin_data]
pub(crate) struct Channels {
    pub(super) slots: [Slot; COUNT],
    /// True if the processor lives. With the lock a channel does not stop between a look at it and
    /// the doorbell, and none is made that the end of this life does not reset.
    #[pin]
    lives: SpinLock<bool>,
    /// Faults of channels that are not there.
    pub(crate) astray: Atomic<u32>,
}

impl Channels {
    pub(crate) fn new() -> impl PinInit<Self> {
        let new = |_| Slot {
            at: Atomic::new(FREE),
            changed: AtomicWaker::new(),
        };
        pin_init!(Self {
            slots: core::array::from_fn(new),
            lives <- new_spinlock!(false),
            astray: Atomic::new(0),
        })
    }

    /// Takes a free slot, and returns its number.
    pub(super) fn take(&self) -> Result<usize> {
        let is_free = |slot: &Slot| slot.at.cmpxchg(FREE, TAKEN, Full).is_ok();
        self.slots.iter().position(is_free).ok_or(EBUSY)
    }

    /// Lets channels be made. The processor has started.
    pub(crate) fn begin(&self) {
        *self.lives.lock() = true;
    }

    /// Marks a channel as running, before the firmware gets it.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if the processor does not live: it gets no message.
    pub(super) fn set_running(&self, id: usize) -> Result {
        let lives = self.lives.lock();
        if !*lives {
            return Err(EAGAIN);
        }
        self.slots[id].at.xchg(RUNS, Full);
        Ok(())
    }

    /// Has the queue of a channel look what has become of its jobs.
    pub(super) fn ends(&self, id: usize, from: &[u32], to: u32) -> bool {
        let slot = &self.slots[id];
        let changed = {
            let _lives = self.lives.lock();
            let is = from.contains(&slot.at.load(Relaxed));
            if is {
                slot.at.xchg(to, Full);
            }
            is
        };
        slot.changed.wake();
        changed
    }

    /// Takes note that a channel has faulted, and so has stopped: the firmware says so.
    pub(crate) fn faulted(&self, id: u32) {
        let id = usize::try_from(id).unwrap_or(COUNT);
        if id >= COUNT || !self.ends(id, &[RUNS], FAULTED) {
            self.astray.fetch_add(1, Relaxed);
        }
    }

    /// Takes note that the processor was reset, which has stopped all channels.
    pub(crate) fn reset(&self) {
        // No channel is made from here on: those that were are reset below.
        *self.lives.lock() = false;
        for id in 0..COUNT {
            self.ends(id, &[RUNS, FAULTED], RESET);
        }
    }

    /// Has all queues look what is done. Any context.
    pub(crate) fn progress(&self) {
        for slot in &self.slots {
            slot.changed.wake();
        }
    }

    /// Rings the doorbell of a channel, unless it has stopped.
    pub(super) fn ring(&self, id: usize, registers: &Registers) {
        let _lives = self.lives.lock();
        if self.slots[id].at.load(Relaxed) == RUNS {
            // Cannot fail: queues end before the device goes. If it did, the time limit passes.
            let _rung = registers.ring_channel(RUNLIST << 16 | id as u32);
        }
    }
}

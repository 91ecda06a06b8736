// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Work queues: rings of commands, one for each pipe of a user queue.
//!
//! ```text
//!              occupy()               push()…, submit()             completed()
//!   dormant ─────────────► occupying ───────────────────► busy ─────────────────────► dormant
//!                          an event slot                   │  ▲   nothing in flight
//!                                                          └──┘
//!                                                         more jobs
//! ```
//!
//! A queue has an event slot only while it has commands in flight: there are fewer slots than queues.

use super::context::Context;
use crate::{
    alloc::Heaps,
    firmware::{
        ring::Producer,
        shared::{
            Shared,
            Word, //
        },
        EventSlot,
        Firmware,
        Owner,
        PipeMessage,
        Stamp, //
    }, //
};
use agx_abi::{
    channel::PipeKind,
    queue::{
        Barrier,
        Priority,
        QueueInfo,
        RingState,
        GPU_BUF_SIZE,
        RING_ENTRIES, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Release, //
        },
        barrier::{
            self,
            Write, //
        },
        Arc, //
    }, //
};

/// Most barriers before a command: one for each subqueue.
pub(crate) const MAX_BARRIERS: usize = 2;
/// Most commands in flight.
pub(crate) const MAX_IN_FLIGHT: usize = agx_abi::queue::MAX_IN_FLIGHT as usize;

/// Bytes of a ring entry.
const ENTRY: usize = 8;

// However many commands are in flight, with all their barriers, the ring has room for the next job.
const _: () = assert!((MAX_IN_FLIGHT + 64) * (1 + MAX_BARRIERS) < RING_ENTRIES as usize);

/// A work queue of the firmware.
pub(crate) struct WorkQueue {
    firmware: Arc<Firmware>,
    pipe: PipeKind,
    priority: usize,
    info: Shared,
    entries: Shared,
    _state: Shared,
    _buffer: Shared,
    written: Word<u32>,
    done: Word<u32>,
    producer: Producer,
    /// Whether the firmware has been told of it.
    known: bool,
    /// Commands so far.
    count: u64,
    slot: Option<EventSlot>,
    /// The slot that it had last.
    last_slot: Option<u32>,
}

/// A command that a barrier waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    slot: u32,
    firmware_stamp: u64,
    value: Stamp,
}

impl WorkQueue {
    /// An empty queue of the user queue with number `queue`. `priority`: 0 is the highest.
    pub(crate) fn new(
        firmware: &Arc<Firmware>,
        heaps: &Heaps,
        context: &Context,
        pipe: PipeKind,
        priority: usize,
        queue: u32,
    ) -> Result<Self> {
        let mut state = RingState::zeroed();
        state.set(RingState::SIZE, RING_ENTRIES);
        let state = Shared::copy_of(&heaps.shared, state.as_bytes())?;
        let entries = Shared::new(&heaps.shared, RING_ENTRIES as usize * ENTRY)?;
        let buffer = Shared::new(&heaps.private, GPU_BUF_SIZE)?;

        let block = match pipe {
            PipeKind::Compute => Priority::new_compute(priority),
            PipeKind::Vertex | PipeKind::Fragment => Priority::new(priority),
        };
        let mut info = QueueInfo::zeroed();
        info.set(QueueInfo::STATE, state.va())
            .set(QueueInfo::RING, entries.va())
            .set(QueueInfo::NOTIFIER_LIST, context.notifier.list_va())
            .set(QueueInfo::GPU_BUF, buffer.va())
            .set(QueueInfo::EVENT_SLOT, -1)
            .set(QueueInfo::PRIORITY, block)
            .set(QueueInfo::UNK_4C, -1)
            .set(QueueInfo::UUID, queue)
            .set(QueueInfo::UNK_54, -1)
            .set(QueueInfo::CONTEXT, context.va());

        Ok(Self {
            firmware: firmware.clone(),
            pipe,
            priority,
            info: Shared::copy_of(&heaps.private, info.as_bytes())?,
            entries,
            written: state.field(RingState::CPU_WRITE_PTR)?,
            done: state.field(RingState::GPU_DONE_PTR)?,
            _state: state,
            _buffer: buffer,
            producer: Producer::new(RING_ENTRIES),
            known: false,
            count: 0,
            slot: None,
            last_slot: None,
        })
    }

    /// Address of its [`QueueInfo`].
    pub(crate) fn va(&self) -> u64 {
        self.info.va()
    }

    /// Takes an event slot, if it has none. `vm_slot`: the slot of the VM, which stays that as long as
    /// commands are in flight.
    pub(crate) async fn occupy(&mut self, vm_slot: u32) -> Result {
        if self.slot.is_some() {
            return Ok(());
        }
        let owner = Owner {
            queue_info: self.info.va(),
            pipe: self.pipe as u32,
            vm_slot,
        };
        let slot = self
            .firmware
            .events()
            .acquire(owner, self.last_slot)
            .await?;
        self.last_slot = Some(slot.index());
        self.slot = Some(slot);
        Ok(())
    }

    /// The event slot, which it has been given.
    pub(crate) fn slot(&self) -> Result<&EventSlot> {
        self.slot.as_ref().ok_or(EINVAL)
    }

    /// Value of the last command that was pushed, if it may still be in flight.
    pub(crate) fn in_flight(&self) -> Option<Stamp> {
        let slot = self.slot.as_ref().filter(|slot| !slot.is_idle())?;
        Some(slot.issued())
    }

    /// How a barrier of any work queue waits for the command with number `value`.
    pub(crate) fn target(&self, value: Stamp) -> Result<Target> {
        let slot = self.slot()?;
        Ok(Target {
            slot: slot.index(),
            firmware_stamp: slot.addresses().firmware,
            value,
        })
    }

    /// Waits until `count` commands can be pushed; at most [`MAX_IN_FLIGHT`].
    pub(crate) async fn reserve(&self, count: usize) -> Result {
        let slot = self.slot()?;
        if count > MAX_IN_FLIGHT {
            return Err(EINVAL);
        }
        if slot.room() < count {
            // A failure is for the job that this command is of.
            let _ = slot
                .watch()
                .wait(slot.issued().back(MAX_IN_FLIGHT - count))
                .await;
        }
        self.firmware.crash().check()
    }

    /// Pushes the barrier that makes the next command wait for `target`; it is written by `write`, which
    /// gives its address.
    pub(crate) fn push_barrier(
        &mut self,
        target: &Target,
        write: impl FnOnce(&Barrier) -> Result<u64>,
    ) -> Result {
        let next = self.slot()?.issued().next();
        let mut barrier = Barrier::zeroed();
        barrier
            .set(Barrier::TAG, Barrier::TAG_VALUE)
            .set(Barrier::WAIT_STAMP, target.firmware_stamp)
            .set(Barrier::WAIT_VALUE, target.value.0)
            .set(Barrier::WAIT_SLOT, target.slot)
            .set(Barrier::STAMP_SELF, next.0)
            .set(Barrier::UUID, Barrier::UUID_EXPLICIT)
            .set(Barrier::INTERNAL_TYPE, Barrier::INTERNAL_TYPE_EXPLICIT);
        let va = write(&barrier)?;
        self.push_entry(va)
    }

    /// Pushes the command at address `va`; `write` completes it with what it is told.
    pub(crate) fn push(&mut self, va: u64, write: impl FnOnce(&Numbers) -> Result) -> Result {
        let slot = self.slot.as_mut().ok_or(EINVAL)?;
        let addresses = slot.addresses();
        let numbers = Numbers {
            slot: slot.index(),
            host_stamp: addresses.host,
            firmware_stamp: addresses.firmware,
            value: slot.issue()?,
            count: self.count,
        };
        self.count += 1;
        write(&numbers)?;
        self.push_entry(va)
    }

    fn push_entry(&mut self, va: u64) -> Result {
        // The firmware moves this index before it says that a command is done, and only so many are in
        // flight: if there is no room it has lost its way.
        match self.producer.room(self.done.load(Acquire)) {
            Ok(1..) => (),
            bad => {
                self.firmware
                    .give_up(fmt!("ring of a work queue has no room: {bad:?}"));
                return Err(ENODEV);
            }
        }
        let at = self.producer.index() as usize * ENTRY;
        self.entries.write(at, &va.to_le_bytes())?;
        self.producer.advance();
        Ok(())
    }

    /// Hands over everything that was pushed.
    pub(crate) async fn submit(&mut self) -> Result {
        let message = PipeMessage {
            kind: self.pipe,
            queue_info: self.info.va(),
            write_index: self.producer.index(),
            slot: self.slot()?.index(),
            is_new: !self.known,
        };
        // What the entries refer to is there before them, and they are before the index.
        barrier::mb(Write);
        self.written.store(message.write_index, Release);
        self.firmware.submit(self.priority, &message).await?;
        self.known = true;
        Ok(())
    }

    /// Gives the event slot back if nothing is in flight. Returns whether that is so.
    pub(crate) fn rest(&mut self) -> bool {
        let idle = self.slot.as_ref().is_none_or(|slot| slot.is_idle());
        if idle {
            self.slot = None;
        }
        idle
    }
}

/// What a command is told about its place in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) slot: u32,
    pub(crate) host_stamp: u64,
    pub(crate) firmware_stamp: u64,
    pub(crate) value: Stamp,
    /// How many commands the queue has had before it.
    pub(crate) count: u64,
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Work queues: rings of commands, one for each pipe of a user queue.
//!
//! ```text
//!              occupy()           issue(), push()…, publish()              release_idle()
//!   dormant ─────────────► occupying ───────────────────► busy ─────────────────────► dormant
//!                          an event slot                   │  ▲   no job in flight
//!                                                          └──┘
//!                                                         more jobs
//! ```
//!
//! A queue has an event slot only while it has commands in flight: there are fewer slots than
//! queues.

use super::context::ContextAddresses;
use crate::{
    alloc::Heaps,
    firmware::{
        ring::Producer,
        shared::{
            Shared,
            Word, //
        },
        Client,
        EventSlot,
        Firmware,
        Owner,
        PipeMessage,
        Stamp,
        TxChannel, //
    },
    slots::Tables, //
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

// However many commands are in flight, with all their barriers and starts of buffer managers, the
// ring has room for the next job.
const _: () = assert!((MAX_IN_FLIGHT + 64) * (MAX_BARRIERS + 2) < RING_ENTRIES as usize);

/// A work queue of the firmware.
pub(crate) struct WorkQueue {
    firmware: Arc<Firmware>,
    kind: PipeKind,
    client: Client,
    /// The pipe: the ring that announces new commands to the firmware.
    pipe: Arc<TxChannel>,
    info: Shared,
    entries: Shared,
    _state: Shared,
    _buffer: Shared,
    written: Word<u32>,
    done: Word<u32>,
    producer: Producer,
    /// True if the firmware knows the queue.
    known: bool,
    /// Number of commands so far.
    count: u64,
    slot: Option<EventSlot>,
    /// The last event slot.
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
    /// Returns an empty queue of the user queue with number `queue`. `priority`: 0 is the highest.
    pub(crate) fn new(
        firmware: &Arc<Firmware>,
        heaps: &Heaps,
        context: &ContextAddresses,
        kind: PipeKind,
        priority: usize,
        queue: u32,
    ) -> Result<Self> {
        let mut state = RingState::zeroed();
        state.set(RingState::SIZE, RING_ENTRIES);
        let state = Shared::copy_of(&heaps.shared, state.as_bytes())?;
        let entries = Shared::new(&heaps.shared, RING_ENTRIES as usize * ENTRY)?;
        let buffer = Shared::new(&heaps.private, GPU_BUF_SIZE)?;

        let block = match kind {
            PipeKind::Compute => Priority::new_compute(priority),
            PipeKind::Vertex | PipeKind::Fragment => Priority::new(priority),
        };
        let mut info = QueueInfo::new(heaps.abi);
        info.set(QueueInfo::STATE, state.va())
            .set(QueueInfo::RING, entries.va())
            .set(QueueInfo::NOTIFIER_LIST, context.notifier_list)
            .set(QueueInfo::GPU_BUF, buffer.va())
            .set(QueueInfo::EVENT_SLOT, -1)
            .set(QueueInfo::PRIORITY, block)
            .set(QueueInfo::UNK_4C, -1)
            .set(QueueInfo::UUID, queue)
            .set(QueueInfo::UNK_54, -1)
            .set(QueueInfo::CONTEXT, context.context);

        Ok(Self {
            firmware: firmware.clone(),
            kind,
            client: context.client,
            pipe: firmware.pipe(kind, priority)?,
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

    /// Returns the address of its [`QueueInfo`].
    pub(crate) fn va(&self) -> u64 {
        self.info.va()
    }

    /// Returns the ring by which the firmware is told of new commands.
    pub(crate) fn pipe(&self) -> &Arc<TxChannel> {
        &self.pipe
    }

    /// Acquires an event slot from `tables`. If none is free, it has none, and [`WorkQueue::slot`]
    /// fails. `vm_slot`: the slot of the VM, which it keeps as long as commands are in flight.
    pub(crate) fn occupy(&mut self, tables: &mut Tables, vm_slot: u32) {
        let owner = Owner {
            queue_info: self.info.va(),
            pipe: self.kind as u32,
            vm_slot,
            client: self.client,
        };
        let slot = self.firmware.events().take(tables, owner, self.last_slot);
        if let Some(slot) = &slot {
            self.last_slot = Some(slot.index());
        }
        self.slot = slot;
    }

    /// Returns the event slot, `EINVAL` if it has none.
    pub(crate) fn slot(&self) -> Result<&EventSlot> {
        self.slot.as_ref().ok_or(EINVAL)
    }

    /// Returns the value of the last command that was issued, if it may still be in flight.
    pub(crate) fn in_flight(&self) -> Option<Stamp> {
        let slot = self.slot.as_ref().filter(|slot| !slot.is_idle())?;
        Some(slot.issued())
    }

    /// Returns what a barrier of any work queue needs to wait for the command with number `value`.
    pub(crate) fn target(&self, value: Stamp) -> Result<Target> {
        let slot = self.slot()?;
        Ok(Target {
            slot: slot.index(),
            firmware_stamp: slot.addresses().firmware,
            value,
        })
    }

    /// Returns the value of the next command.
    pub(crate) fn next(&self) -> Result<Stamp> {
        Ok(self.slot()?.issued().next())
    }

    /// Returns the barrier that makes the next command wait for `target`, as a client has asked
    /// for.
    pub(crate) fn barrier(&self, target: &Target) -> Result<Barrier> {
        let mut barrier = self.implicit_barrier(target)?;
        barrier
            .set(Barrier::UUID, Barrier::UUID_EXPLICIT)
            .set(Barrier::INTERNAL_TYPE, Barrier::INTERNAL_TYPE_EXPLICIT);
        Ok(barrier)
    }

    /// Returns the barrier that makes the next command wait for the other half of its render.
    pub(crate) fn implicit_barrier(&self, target: &Target) -> Result<Barrier> {
        let mut barrier = Barrier::zeroed();
        barrier
            .set(Barrier::TAG, Barrier::TAG_VALUE)
            .set(Barrier::WAIT_STAMP, target.firmware_stamp)
            .set(Barrier::WAIT_VALUE, target.value.0)
            .set(Barrier::WAIT_SLOT, target.slot)
            .set(Barrier::STAMP_SELF, self.next()?.0);
        Ok(barrier)
    }

    /// Numbers the next command.
    ///
    /// # Errors
    ///
    /// `EBUSY` if [`MAX_IN_FLIGHT`] commands are in flight, `EINVAL` without an event slot.
    pub(crate) fn issue(&mut self) -> Result<Numbers> {
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
        Ok(numbers)
    }

    /// Writes the address of a barrier, or of the command behind it, to the ring.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if the ring has no room. This is a firmware error: the firmware advances its index
    /// before it reports a command as done, and no more commands are in flight than the ring has
    /// room for.
    pub(crate) fn push(&mut self, va: u64) -> Result {
        match self.producer.room(self.done.load(Acquire)) {
            Ok(1..) => (),
            Ok(0) | Err(_) => return Err(ENOSPC),
        }
        let at = self.producer.index() as usize * ENTRY;
        self.entries.write(at, &va.to_le_bytes())?;
        self.producer.advance();
        Ok(())
    }

    /// Publishes the pushed entries, and returns the message for the pipe.
    pub(crate) fn publish(&mut self) -> Result<PipeMessage> {
        let message = PipeMessage {
            abi: self.info.abi(),
            kind: self.kind,
            queue_info: self.info.va(),
            write_index: self.producer.index(),
            slot: self.slot()?.index(),
            is_new: !self.known,
        };
        // Orders the commands before the ring's entries, and the entries before the write index.
        barrier::mb(Write);
        self.written.store(message.write_index, Release);
        self.known = true;
        Ok(message)
    }

    /// Returns whether it has an event slot.
    pub(crate) fn is_occupying(&self) -> bool {
        self.slot.is_some()
    }

    /// Releases the event slot if no job is in flight that has commands here, and returns whether
    /// that is so. The commands of such a job may all be complete, while others of it are not.
    pub(crate) fn release_idle(&mut self) -> bool {
        let idle = self.slot.as_ref().is_none_or(|slot| slot.is_over());
        if idle {
            self.slot = None;
        }
        idle
    }
}

/// The numbers of a command: its place in the queue, and its event slot and stamp value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) slot: u32,
    pub(crate) host_stamp: u64,
    pub(crate) firmware_stamp: u64,
    pub(crate) value: Stamp,
    /// The number of commands that the queue has had before this one.
    pub(crate) count: u64,
}

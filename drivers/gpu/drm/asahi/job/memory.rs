// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The memory of a job: the firmware's objects of all its compute commands.
//!
//! One allocation for each kind of memory, in which every command has its part.
//!
//! | block | kind | for each command |
//! |---|---|---|
//! | commands | read by the GPU, private to the firmware | `RunCompute` |
//! | sequences | private to the firmware | microsequence, barriers before the command |
//! | timestamps | shared | `JobTimestamps` |
//! | preemption | of the client's VM | one preemption buffer for all: they run one after the other [I] |

use super::{
    compute::{
        Place,
        Sequence,
        PREEMPTION_TAIL, //
    },
    sequence::{
        Memory,
        Part, //
    },
    work_queue::MAX_BARRIERS, //
};
use crate::{
    alloc::{
        GpuBox,
        Heap,
        Heaps, //
    },
    firmware::shared::Shared, //
};
use agx_abi::{
    compute::{
        JobTimestamps,
        RunCompute, //
    },
    queue::Barrier,
    Value, //
};
use kernel::prelude::*;

/// What the firmware's objects are aligned to.
const ALIGN: usize = 0x80;
/// What a preemption buffer is aligned to: a page of the tiler's.
const PREEMPTION_ALIGN: usize = 0x8000;

const COMMAND_STRIDE: usize = RunCompute::SIZE.next_multiple_of(ALIGN);
const BARRIERS: usize = Sequence::MAX.next_multiple_of(ALIGN);
const SEQUENCE_STRIDE: usize = (BARRIERS + MAX_BARRIERS * Barrier::SIZE).next_multiple_of(ALIGN);

/// The memory of a job.
///
/// The firmware may use it until the job is complete, or the firmware is dead. Dropping frees it.
pub(crate) struct JobMemory {
    commands: Shared,
    sequences: Shared,
    timestamps: Shared,
    preemption: GpuBox,
    /// Size of the first part of that.
    preempt1_size: u64,
}

impl JobMemory {
    /// Memory for `count` commands. `client`: the heap in the address space of the queue.
    pub(crate) fn new(
        heaps: &Heaps,
        client: &Heap,
        preempt1_size: u64,
        count: usize,
    ) -> Result<Self> {
        Ok(Self {
            commands: Shared::new(&heaps.gpu_ro, count * COMMAND_STRIDE)?,
            sequences: Shared::new(&heaps.private, count * SEQUENCE_STRIDE)?,
            timestamps: Shared::new(&heaps.shared, count * JobTimestamps::SIZE)?,
            preemption: client.alloc(preempt1_size as usize + PREEMPTION_TAIL, PREEMPTION_ALIGN)?,
            preempt1_size,
        })
    }

    /// Where command `index` is, whose client wants timestamps at two addresses.
    pub(crate) fn place(&self, index: usize, user: [u64; 2]) -> Place {
        Place {
            command: self.commands.va() + (index * COMMAND_STRIDE) as u64,
            sequence: self.sequences.va() + (index * SEQUENCE_STRIDE) as u64,
            timestamps: self.timestamps.va() + (index * JobTimestamps::SIZE) as u64,
            preemption: self.preemption.va(),
            preemption_tail: self.preemption.va() + self.preempt1_size,
            user_start: user[0],
            user_end: user[1],
        }
    }

    /// The memory of command `index`.
    pub(crate) fn command(&self, index: usize) -> CommandMemory<'_> {
        CommandMemory { job: self, index }
    }
}

/// The memory of one command of a job.
pub(crate) struct CommandMemory<'a> {
    job: &'a JobMemory,
    index: usize,
}

impl CommandMemory<'_> {
    /// Address of the command.
    pub(crate) fn va(&self) -> u64 {
        self.job.place(self.index, [0; 2]).command
    }

    /// Writes the barrier with number `n` before the command; returns its address.
    pub(crate) fn write_barrier(&self, n: usize, barrier: &Barrier) -> Result<u64> {
        if n >= MAX_BARRIERS {
            return Err(EINVAL);
        }
        let offset = self.index * SEQUENCE_STRIDE + BARRIERS + n * Barrier::SIZE;
        self.job.sequences.write(offset, barrier.as_bytes())?;
        Ok(self.job.sequences.va() + offset as u64)
    }
}

impl Memory for CommandMemory<'_> {
    type Error = Error;

    fn write(&mut self, part: Part, offset: usize, bytes: &[u8]) -> Result {
        let (block, stride) = match part {
            Part::Command => (&self.job.commands, COMMAND_STRIDE),
            Part::Sequence => (&self.job.sequences, SEQUENCE_STRIDE),
        };
        block.write(self.index * stride + offset, bytes)
    }
}

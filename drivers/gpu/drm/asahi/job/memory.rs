// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The memory of compute commands: the firmware's objects of all commands of a job.
//!
//! ```text
//!   JobMemoryPool (of a queue) ──► Batch ◄── JobMemory (of a job): some of its entries
//!                                    │
//!                  one block for each kind of memory, in which every command has its place
//! ```
//!
//! | block | kind | for each command |
//! |---|---|---|
//! | commands | read by the GPU, private to the firmware | `RunCompute` |
//! | sequences | private to the firmware | microsequence, barriers before the command |
//! | timestamps | shared | `JobTimestamps` |
//! | preemption | of the client's VM | one buffer for all: they run one after the other [I] |
//!
//! To allocate a block takes longer than all else that a submit does. So a queue allocates them for
//! several commands at a time. A place is used once: what the firmware caches of it may be written
//! back later, see [`crate::alloc`]. Batches begin with one place, and each has twice as many as
//! the one before, up to 16; when its last place is taken the queue has no part in it any more. So
//! an idle queue that has had a single job keeps nothing, and any other keeps less than the memory
//! of the jobs that it has had, and of 16.

use super::{
    batch_entries::BatchEntries,
    compute::{
        Place,
        PREEMPTION_TAIL, //
    },
    sequence::{
        Memory,
        Part,
        Sequence, //
    },
    structure::Structure,
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
    microsequence::{
        FinalizeCompute,
        StartCompute, //
    },
    queue::Barrier,
    Abi,
    Value, //
};
use core::mem;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// Alignment of the firmware's objects.
const ALIGN: usize = 0x80;
/// Alignment of a preemption buffer: a page of the tiler.
const PREEMPTION_ALIGN: usize = 0x8000;

const BARRIERS: usize = Sequence::max::<StartCompute, FinalizeCompute>().next_multiple_of(ALIGN);
const SEQUENCE_STRIDE: usize = (BARRIERS + MAX_BARRIERS * Barrier::SIZE).next_multiple_of(ALIGN);

/// The memory of several compute commands of a queue.
struct Batch {
    commands: Shared,
    /// Bytes of each.
    command_stride: usize,
    sequences: Shared,
    timestamps: Shared,
    preemption: GpuBox,
    /// Address of the second part of the preemption buffer.
    preemption_tail: u64,
}

impl Batch {
    fn new(heaps: &Heaps, client: &Heap, count: usize, preempt1_size: u64) -> Result<Arc<Self>> {
        let size = preempt1_size as usize + PREEMPTION_TAIL;
        let preemption = client.alloc(size, PREEMPTION_ALIGN)?;
        let command_stride = RunCompute::size_in(heaps.abi).next_multiple_of(ALIGN);
        let batch = Self {
            command_stride,
            commands: Shared::new(&heaps.gpu_ro, count * command_stride)?,
            sequences: Shared::new(&heaps.private, count * SEQUENCE_STRIDE)?,
            timestamps: Shared::new(&heaps.shared, count * JobTimestamps::SIZE)?,
            preemption_tail: preemption.va() + preempt1_size,
            preemption,
        };
        Ok(Arc::new(batch, GFP_KERNEL_ACCOUNT)?)
    }
}

/// The unused entries of a [`JobMemoryPool`].
struct Unused {
    /// The last batch, as long as entries of it are left.
    batch: Option<Arc<Batch>>,
    entries: BatchEntries,
}

impl Unused {
    /// Takes `count` entries that follow each other.
    fn take(&mut self, count: usize) -> Option<JobMemory> {
        let first = self.entries.take(count)?;
        let batch = match self.entries.left() {
            0 => self.batch.take(),
            _ => self.batch.clone(),
        };
        Some(JobMemory {
            batch: batch?,
            first,
        })
    }
}

/// The pool from which a queue allocates the memory of its compute commands.
#[pin_data]
pub(crate) struct JobMemoryPool {
    /// Size of the first part of a preemption buffer.
    preempt1_size: u64,
    #[pin]
    unused: SpinLock<Unused>,
}

impl JobMemoryPool {
    /// Returns a pool that has nothing yet.
    pub(crate) fn new(preempt1_size: u64) -> impl PinInit<Self> {
        pin_init!(Self {
            preempt1_size,
            unused <- new_spinlock!(Unused {
                batch: None,
                entries: BatchEntries::NONE,
            }),
        })
    }

    /// Returns memory for the `count` compute commands of a job, or `None` if the batch has not as
    /// many entries left: then [`JobMemoryPool::grow`] has some.
    pub(crate) fn take(&self, count: usize) -> Option<JobMemory> {
        self.unused.lock().take(count)
    }

    /// Allocates the next batch, and returns memory for `count` compute commands from it.
    /// `client`: the heap in the address space of the queue.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn grow(&self, heaps: &Heaps, client: &Heap, count: usize) -> Result<JobMemory> {
        let entries = self.unused.lock().entries.next(count);
        let batch = Batch::new(heaps, client, entries.count(), self.preempt1_size)?;
        let mut unused = Unused {
            batch: Some(batch),
            entries,
        };
        let memory = unused.take(count).ok_or(EINVAL)?;
        // Dropped unlocked. If another thread has added a batch meanwhile the unused entries of
        // that are lost.
        let old = mem::replace(&mut *self.unused.lock(), unused);
        drop(old);
        Ok(memory)
    }
}

/// The memory of a job's compute commands.
///
/// The firmware may use it until the job is complete, or the firmware is dead. Dropping the last
/// one of a batch frees it.
pub(crate) struct JobMemory {
    batch: Arc<Batch>,
    /// The place of the first command.
    first: usize,
}

impl JobMemory {
    /// Returns where command `index` is, whose client wants timestamps at two addresses.
    pub(crate) fn place(&self, index: usize, user: [u64; 2]) -> Place {
        let (batch, at) = (&*self.batch, self.first + index);
        Place {
            command: batch.commands.va() + (at * batch.command_stride) as u64,
            sequence: batch.sequences.va() + (at * SEQUENCE_STRIDE) as u64,
            timestamps: batch.timestamps.va() + (at * JobTimestamps::SIZE) as u64,
            preemption: batch.preemption.va(),
            preemption_tail: batch.preemption_tail,
            user_start: user[0],
            user_end: user[1],
        }
    }

    /// Returns the memory of command `index`.
    pub(crate) fn command(&self, index: usize) -> CommandMemory<'_> {
        let at = self.first + index;
        CommandMemory {
            batch: &self.batch,
            command: at * self.batch.command_stride,
            sequence: at * SEQUENCE_STRIDE,
        }
    }
}

/// The memory of one command of a job.
pub(crate) struct CommandMemory<'a> {
    batch: &'a Batch,
    /// Where the command, and its microsequence, are in the batch.
    command: usize,
    sequence: usize,
}

impl CommandMemory<'_> {
    /// Returns the address of the command.
    pub(crate) fn va(&self) -> u64 {
        self.batch.commands.va() + self.command as u64
    }

    /// Writes the barrier with number `n` before the command; returns its address.
    pub(crate) fn write_barrier(&self, n: usize, barrier: &Barrier) -> Result<u64> {
        if n >= MAX_BARRIERS {
            return Err(EINVAL);
        }
        let offset = self.sequence + BARRIERS + n * Barrier::SIZE;
        self.batch.sequences.write(offset, barrier.as_bytes())?;
        Ok(self.batch.sequences.va() + offset as u64)
    }
}

impl Memory for CommandMemory<'_> {
    type Error = Error;

    #[inline(always)]
    fn structure<S: Value>(
        &mut self,
        abi: Abi,
        part: Part,
        offset: usize,
    ) -> Result<Structure<'_, S>> {
        let (block, at) = match part {
            Part::Command => (&self.batch.commands, self.command),
            Part::Sequence => (&self.batch.sequences, self.sequence),
        };
        block.structure(abi, at + offset)
    }
}

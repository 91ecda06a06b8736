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
    command_memory::{
        barriers_behind,
        sequence_stride,
        CommandMemory,
        ALIGN, //
    },
    compute::{
        Place,
        PREEMPTION_TAIL, //
    },
    sequence::Sequence,
    structure::Room, //
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
    Value, //
};
use core::{
    mem,
    ptr::NonNull, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// Alignment of a preemption buffer: a page of the tiler.
const PREEMPTION_ALIGN: usize = 0x8000;

/// Bytes of the longest microsequence.
const SEQUENCE: usize = Sequence::max::<StartCompute, FinalizeCompute>();
const SEQUENCE_STRIDE: usize = sequence_stride(SEQUENCE);

/// A block of memory that commands have places of the same size in.
///
/// # Invariants
///
/// `at` is aligned to [`ALIGN`], as is `stride`, and valid for writes of `count * stride` bytes as
/// long as the block lives.
struct Block {
    at: NonNull<u8>,
    va: u64,
    stride: usize,
    count: usize,
    _memory: Shared,
}

// SAFETY: It owns the memory that it points to, which any thread may write to.
unsafe impl Send for Block {}
// SAFETY: It only gives out rooms of that memory, which any thread may write to.
unsafe impl Sync for Block {}

impl Block {
    /// Allocates a block of `count` places of at least `size` bytes.
    fn new(heap: &Heap, count: usize, size: usize) -> Result<Self> {
        let stride = size.next_multiple_of(ALIGN);
        let size = count.checked_mul(stride).ok_or(EINVAL)?;
        let memory = Shared::new(heap, size)?;
        let room = memory.room(0, size)?;
        // INVARIANT: There is that much room, as long as the object lives that the block keeps.
        // What is allocated is aligned to as much.
        Ok(Self {
            at: room.at(),
            va: room.va(),
            stride,
            count,
            _memory: memory,
        })
    }

    /// Returns the place with number `index`. `EINVAL` if there is none.
    #[inline(always)]
    fn room(&self, index: usize) -> Result<Room<'_>> {
        if index >= self.count {
            return Err(EINVAL);
        }
        let offset = index.wrapping_mul(self.stride);
        // SAFETY: By the type invariant the place is inside, as just checked, and it is aligned.
        Ok(unsafe {
            Room::new(
                self.at.add(offset),
                self.va.wrapping_add(offset as u64),
                self.stride,
            )
        })
    }
}

/// The memory of several compute commands of a queue.
struct Batch {
    commands: Block,
    sequences: Block,
    timestamps: Shared,
    _preemption: GpuBox,
    /// Address of the preemption buffer, and of its second part.
    preemption: u64,
    preemption_tail: u64,
}

impl Batch {
    fn new(heaps: &Heaps, client: &Heap, count: usize, preempt1_size: u64) -> Result<Arc<Self>> {
        let size = preempt1_size as usize + PREEMPTION_TAIL;
        let preemption = client.alloc(size, PREEMPTION_ALIGN)?;
        let batch = Self {
            commands: Block::new(&heaps.gpu_ro, count, RunCompute::size_in(heaps.abi))?,
            sequences: Block::new(&heaps.private, count, SEQUENCE_STRIDE)?,
            timestamps: Shared::new(&heaps.shared, count * JobTimestamps::SIZE)?,
            preemption: preemption.va(),
            preemption_tail: preemption.va() + preempt1_size,
            _preemption: preemption,
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
    /// Returns where command `index` is, whose memory is `own` and whose client wants timestamps at
    /// two addresses.
    pub(crate) fn place(&self, index: usize, own: &CommandMemory<'_>, user: [u64; 2]) -> Place {
        let (batch, at) = (&*self.batch, self.first + index);
        Place {
            command: own.va(),
            sequence: own.sequence_va(),
            timestamps: batch.timestamps.va() + (at * JobTimestamps::SIZE) as u64,
            preemption: batch.preemption,
            preemption_tail: batch.preemption_tail,
            user_start: user[0],
            user_end: user[1],
        }
    }

    /// Returns the memory of command `index`. `EINVAL` if there is none.
    #[inline]
    pub(crate) fn command(&self, index: usize) -> Result<CommandMemory<'_>> {
        let at = self.first.wrapping_add(index);
        Ok(CommandMemory::new(
            self.batch.commands.room(at)?,
            self.batch.sequences.room(at)?,
            barriers_behind(SEQUENCE),
        ))
    }
}

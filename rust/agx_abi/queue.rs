// SPDX-License-Identifier: MIT

//! Work queues: rings of commands, consumed by the firmware in order.
//!
//! A queue is told to the firmware by the address of its [`QueueInfo`]. The entries of its ring are
//! the addresses of commands, whose first word is their tag: [`Barrier`], [`InitBuffer`] or one of
//! the `Run` commands.

use crate::Opt;

/// Entries of a queue's ring, each a `u64`.
pub const RING_ENTRIES: u32 = 0x500;
/// Size of the buffer at [`QueueInfo::GPU_BUF`].
pub const GPU_BUF_SIZE: usize = 0x2c18;
/// The number of commands of a queue that may be unfinished.
pub const MAX_IN_FLIGHT: u32 = 127;

/// Tag of the vertex half of a render.
pub const TAG_RUN_VERTEX: u32 = 0;
/// Tag of the fragment half of a render.
pub const TAG_RUN_FRAGMENT: u32 = 1;
/// Tag of a blit. Never made.
pub const TAG_RUN_BLIT: u32 = 2;

layout! {
    /// A queue. Private to the firmware once it has been submitted.
    pub struct QueueInfo("CommandQueueInfo"): 0xb0 | 0xb8 | 0xb0 {
        /// Address of the [`RingState`].
        STATE("pointers_addr"): u64 = 0x00,
        /// Address of the ring.
        RING("rb_addr"): u64 = 0x08,
        /// Address of the [`crate::event::NotifierList`].
        NOTIFIER_LIST("job_list_addr"): u64 = 0x10,
        /// Address of [`GPU_BUF_SIZE`] zero bytes; the firmware's.
        GPU_BUF("gpu_buf_addr"): u64 = 0x18,
        /// The firmware's.
        GPU_RPTR1("gpu_rptr1"): u32 = 0x20,
        /// The firmware's.
        GPU_RPTR2("gpu_rptr2"): u32 = 0x24,
        /// The firmware's.
        GPU_RPTR3("gpu_rptr3"): u32 = 0x28,
        /// Event slot; the firmware's. Starts with -1.
        EVENT_SLOT("event_id"): i32 = 0x2c,
        /// See [`Priority`].
        PRIORITY(""): Priority = 0x30,
        /// Unknown; -1.
        UNK_4C("unk_4c"): i32 = 0x4c,
        /// Number of the user queue.
        UUID("uuid"): u32 = 0x50,
        /// Unknown; -1.
        UNK_54("unk_54"): i32 = 0x54,
        /// Unknown; 0.
        UNK_58("unk_58"): u64 = 0x58,
        /// The firmware's.
        BUSY("busy"): u32 = 0x60,
        /// Unknown; 0.
        UNK_84(""): Opt<u32> = - | 0x84 | -,
        /// 1 if it has commands; written by the firmware.
        HAS_COMMANDS("has_commands"): u32 = 0x84 | 0x88 | 0x84,
        /// The firmware's.
        ERROR_COUNT(""): u32 = 0x88 | 0x8c | 0x88,
        /// Commands in flight; the firmware's.
        IN_FLIGHT("inflight_commands"): u32 = 0x98 | 0x9c | 0x98,
        /// Address of the [`GpuContextData`].
        CONTEXT("gpu_context_addr"): u64 = 0xa0 | 0xa4 | 0xa0,
        /// Unknown; 0.
        UNK_A8("unk_a8"): u64 = 0xa8 | 0xac | 0xa8,
        /// Unknown; 0.
        UNK_B0("unk_b0"): Opt<u32> = - | 0xb4 | -,
    }

    /// The priority of a queue in the firmware's terms: see [`Priority::new`].
    pub struct Priority(""): 0x1c {
        /// Index of the priority.
        P0(""): u32 = 0x00,
        /// Index of the priority.
        P1(""): u32 = 0x04,
        /// A mask.
        P2(""): u64 = 0x08,
        /// Unknown.
        P3(""): u32 = 0x10,
        /// Unknown.
        P4(""): u32 = 0x14,
        /// Unknown.
        P5(""): u32 = 0x18,
    }

    /// State of a queue's ring, one line of 16 bytes for each word.
    pub struct RingState("CommandQueuePointers"): 0x60 {
        /// Commands before it are done; the firmware's.
        GPU_DONE_PTR("gpu_doneptr"): u32 = 0x00,
        /// Unknown.
        UNK_10("unk_10"): u32 = 0x10,
        /// Unknown.
        UNK_20("unk_20"): u32 = 0x20,
        /// Commands before it have been fetched; the firmware's.
        GPU_READ_PTR("gpu_rptr"): u32 = 0x30,
        /// Commands before it have been written; the host's.
        CPU_WRITE_PTR("cpu_wptr"): u32 = 0x40,
        /// Entries of the ring.
        SIZE("rb_size"): u32 = 0x50,
    }

    /// Context of a user queue, shared by its queues for the three pipes.
    pub struct GpuContextData("GPUContextData"): 0x40 {
        /// 0xff; the firmware assigns it.
        QUEUE_TABLE_INDEX("queue_table_index"): u8 = 0x00,
        /// 0xff; the firmware assigns it.
        PID_TABLE_INDEX("pid_table_index"): u8 = 0x01,
        /// Unknown; goes into [`crate::channel::DestroyContext`].
        UNK_4(""): u8 = 0x04,
        /// Unknown; 1.
        UNK_5("unk_5"): u8 = 0x05,
        /// Unknown; 0xff.
        UNK_1E("unk_1e"): u8 = 0x1e,
        /// Unknown; 2.
        UNK_23("unk_23"): u8 = 0x23,
    }

    /// Command: wait until a stamp of another queue reaches a value.
    pub struct Barrier("WorkCommandBarrier"): 0x40 {
        /// The tag of the command: [`Barrier::TAG_VALUE`].
        TAG("magic"): u32 = 0x00,
        /// Address of the other queue's firmware stamp.
        WAIT_STAMP("stamp_addr"): u64 = 0x04,
        /// Value to reach.
        WAIT_VALUE("wait_value"): u32 = 0x0c,
        /// Event slot of the other queue.
        WAIT_SLOT("event"): u32 = 0x10,
        /// Value of the command that this barrier stands before.
        STAMP_SELF("stamp_self"): u32 = 0x14,
        /// [`Barrier::UUID_EXPLICIT`] or 0.
        UUID("uuid"): u32 = 0x18,
        /// The flag for an external barrier; 0.
        EXTERNAL("unk"): u32 = 0x1c,
        /// 0 from vertex to fragment of one render, 1 explicit.
        INTERNAL_TYPE(""): u32 = 0x20,
    }

    /// Command: take over a buffer manager's new pages.
    pub struct InitBuffer("WorkCommandInitBM"): 0x20 {
        /// The tag of the command: [`InitBuffer::TAG_VALUE`].
        TAG("magic"): u32 = 0x00,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x04,
        /// Slot of the buffer manager.
        BUFFER_SLOT("buffer_mgr_slot"): u32 = 0x08,
        /// Unknown; 0.
        UNK_C("unk_c"): u32 = 0x0c,
        /// Number of blocks.
        BLOCK_COUNT("unk_10"): u32 = 0x10,
        /// Address of the buffer manager's information.
        BUFFER("buffer_mgr_addr"): u64 = 0x14,
        /// Value of the vertex command that follows.
        STAMP_VALUE("stamp_value"): u32 = 0x1c,
    }
}

impl Priority {
    /// Returns the block of priority `index`, 0 being the highest and 3 the lowest.
    ///
    /// # Panics
    ///
    /// If there is no such priority.
    pub fn new(index: usize) -> Self {
        const P2: [u64; 4] = [
            0xffff_ffff_ffff_0000,
            0xffff_ffff_0000_0000,
            0xffff_0000_0000_0000,
            0,
        ];
        const P3: [u32; 4] = [1, 0, 0, 0];
        const P5: [u32; 4] = [1, 0, 2, 3];

        let mut block = Self::zeroed();
        block
            .set(Self::P0, index as u32)
            .set(Self::P1, index as u32)
            .set(Self::P2, P2[index])
            .set(Self::P3, P3[index])
            .set(Self::P5, P5[index]);
        block
    }

    /// Returns the block of a compute queue, whose work is never preempted.
    ///
    /// Preemption of compute needs more than is known; these two values keep the firmware from it.
    ///
    /// # Panics
    ///
    /// If there is no such priority.
    pub fn new_compute(index: usize) -> Self {
        let mut block = Self::new(index);
        block.set(Self::P0, 0).set(Self::P5, 1);
        block
    }
}

impl Barrier {
    /// The value of [`Barrier::TAG`].
    pub const TAG_VALUE: u32 = 4;
    /// The value of [`Barrier::UUID`] in a barrier that a client asked for.
    pub const UUID_EXPLICIT: u32 = 0xffff_bbbb;
    /// The value of [`Barrier::INTERNAL_TYPE`] in a barrier that a client asked for.
    pub const INTERNAL_TYPE_EXPLICIT: u32 = 1;
}

impl InitBuffer {
    /// The value of [`InitBuffer::TAG`].
    pub const TAG_VALUE: u32 = 6;
}

// SPDX-License-Identifier: MIT

//! The operations of the two halves of a render.

use super::Attachment;
use crate::Opt;

layout! {
    /// Starts a vertex command.
    pub struct StartVertex("StartTACmd"): 0x17c | 0x18c | 0x194 {
        /// The header of the operation: [`StartVertex::HEADER_VALUE`].
        HEADER("magic"): u32 = 0x000,
        /// Address of [`crate::vertex::RunVertex::TILING_PARAMS`].
        TILING_PARAMS("tiling_params_addr"): u64 = 0x004,
        /// Address of [`crate::vertex::RunVertex::JOB_PARAMS1`].
        JOB_PARAMS1("struct2_addr"): u64 = 0x00c,
        /// Address of [`crate::vertex::RunVertex::REGISTERS`].
        REGISTERS("registers_addr"): Opt<u64> = - | - | 0x014,
        /// Address of the [`crate::buffer::BufferInfo`].
        BUFFER("buffer_mgr_addr"): u64 = 0x014 | 0x014 | 0x01c,
        /// Address of the [`crate::buffer::Scene`].
        SCENE("buf_thing_addr"): u64 = 0x01c | 0x01c | 0x024,
        /// Address of the vertex statistics, [`crate::init::RuntimePointers::STATS_VERTEX`], and
        /// [`StartVertex::STATS_OFFSET`].
        STATS("stats_ptr"): u64 = 0x024 | 0x024 | 0x02c,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE("cmdqueue_ptr"): u64 = 0x02c | 0x02c | 0x034,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x034 | 0x034 | 0x03c,
        /// Unknown; 1.
        UNK_38("unk_38"): u32 = 0x038 | 0x038 | 0x040,
        /// Number of the user queue.
        EVENT_GENERATION("submission_id"): u32 = 0x03c | 0x03c | 0x044,
        /// Slot of the buffer manager.
        BUFFER_SLOT("buffer_mgr_slot+0"): u32 = 0x040 | 0x040 | 0x048,
        /// Unknown; 0.
        UNK_44("buffer_mgr_slot+4"): u32 = 0x044 | 0x044 | 0x04c,
        /// Running number of the command in its queue.
        EVENT_SEQ("unk_48"): u64 = 0x048 | 0x048 | 0x050,
        /// Unknown; 0.
        UNK_50("unk_50"): u32 = 0x050 | 0x050 | 0x058,
        /// Address of [`crate::vertex::RunVertex::UNK_POINTEE`].
        UNK_POINTER("struct3_addr"): u64 = 0x054 | 0x054 | 0x05c,
        /// Address of [`crate::vertex::RunVertex::UNK_BUF_0`].
        UNK_JOB_BUF("unkptr_5c"): u64 = 0x05c | 0x05c | 0x064,
        /// Unknown; 0.
        UNK_64("unk_64"): u32 = 0x064 | 0x064 | 0x06c,
        /// Unknown; 0.
        UNK_68("unk_68"): u32 = 0x068 | 0x068 | 0x070,
        /// The UUID of the command; 0.
        UUID("uuid"): u32 = 0x06c | 0x06c | 0x074,
        /// Memory that the command writes.
        ATTACHMENTS(""): [Attachment; 16] = 0x070 | 0x070 | 0x078,
        /// The number of attachments.
        ATTACHMENT_COUNT("unk_170+0"): u32 = 0x170 | 0x170 | 0x178,
        /// Padding; 0.
        PADDING("unk_170+4"): u32 = 0x174 | 0x174 | 0x17c,
        /// A copy of [`crate::vertex::RunVertex::COUNTER`].
        COUNTER("counter"): Opt<u64> = - | 0x178 | 0x180,
        /// Address of [`crate::event::Notifier::UNK_BUF`].
        NOTIFIER_BUF("unkptr_180"): Opt<u64> = - | 0x180 | 0x188,
        /// 1 if one cluster does all the work.
        NO_CLUSTERING("unk_178"): Opt<u32> = - | 0x188 | 0x190,
    }

    /// Finishes a vertex command.
    pub struct FinalizeVertex("FinalizeTACmd"): 0x74/0x7c | 0x84 {
        /// The header of the operation: [`FinalizeVertex::HEADER_VALUE`].
        HEADER("magic"): u32 = 0x00,
        /// Address of the [`crate::buffer::Scene`].
        SCENE("buf_thing_addr"): u64 = 0x04,
        /// Address of the [`crate::buffer::BufferInfo`].
        BUFFER("buffer_mgr_addr"): u64 = 0x0c,
        /// As in [`StartVertex::STATS`].
        STATS("stats_ptr"): u64 = 0x14,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE("cmdqueue_ptr"): u64 = 0x1c,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x24,
        /// Unknown; 0.
        UNK_28("unk_28"): u32 = 0x28,
        /// Address of [`crate::vertex::RunVertex::UNK_POINTEE`].
        UNK_POINTER("struct3_addr"): u64 = 0x2c,
        /// Unknown; 0.
        UNK_34("unk_34"): u32 = 0x34,
        /// The UUID of the command; 0.
        UUID("uuid"): u32 = 0x38,
        /// Address of the firmware's stamp.
        FW_STAMP("stamp_addr"): u64 = 0x3c,
        /// The value to write to the stamps.
        STAMP_VALUE("stamp_value"): u32 = 0x44,
        /// Distance from here to the start operation in bytes: where the firmware goes on after a
        /// partial render.
        RESTART_BRANCH_OFFSET("restart_branch_offset"): i32 = 0x6c/0x74 | 0x6c,
        /// 1 if the start operation has attachments.
        HAS_ATTACHMENTS("unk_70"): u32 = 0x70/0x78 | 0x70,
    }

    /// Starts a fragment command.
    pub struct StartFragment("Start3DCmd"): 0x194 | 0x1ac | 0x1b4 {
        /// The header of the operation: [`StartFragment::HEADER_VALUE`].
        HEADER("magic"): u32 = 0x000,
        /// Address of [`crate::fragment::RunFragment::JOB_PARAMS2`].
        JOB_PARAMS2("struct1_addr"): u64 = 0x004,
        /// Address of [`crate::fragment::RunFragment::JOB_PARAMS1`].
        JOB_PARAMS1("struct2_addr"): u64 = 0x00c,
        /// Address of [`crate::fragment::RunFragment::REGISTERS`].
        REGISTERS("registers_addr"): Opt<u64> = - | - | 0x014,
        /// Address of the [`crate::buffer::Scene`].
        SCENE("buf_thing_addr"): u64 = 0x014 | 0x014 | 0x01c,
        /// Address of the fragment statistics, [`crate::init::RuntimePointers::STATS_FRAGMENT`],
        /// and [`StartFragment::STATS_OFFSET`].
        STATS("stats_ptr"): u64 = 0x01c | 0x01c | 0x024,
        /// Address of [`crate::fragment::RunFragment::BUSY_FLAG`].
        BUSY_FLAG("busy_flag_ptr"): u64 = 0x024 | 0x024 | 0x02c,
        /// Address of [`crate::fragment::RunFragment::TVB_OVERFLOW_COUNT`].
        TVB_OVERFLOW_COUNT("struct6_addr"): u64 = 0x02c | 0x02c | 0x034,
        /// Address of [`crate::fragment::RunFragment::UNK_POINTEE`].
        UNK_POINTER("struct7_addr"): u64 = 0x034 | 0x034 | 0x03c,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE("cmdqueue_ptr"): u64 = 0x03c | 0x03c | 0x044,
        /// Address of the [`crate::fragment::RunFragment`].
        WORK_ITEM("workitem_ptr"): u64 = 0x044 | 0x044 | 0x04c,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x04c | 0x04c | 0x054,
        /// Unknown; 1.
        UNK_50("unk_50"): u32 = 0x050 | 0x050 | 0x058,
        /// Number of the user queue.
        EVENT_GENERATION("submission_id"): u32 = 0x054 | 0x054 | 0x05c,
        /// Slot of the buffer manager.
        BUFFER_SLOT("buffer_mgr_slot"): u32 = 0x058 | 0x058 | 0x060,
        /// The word named `sync_grow`; 0.
        SYNC_GROW("unk_5c"): u32 = 0x05c | 0x05c | 0x064,
        /// Running number of the command in its queue.
        EVENT_SEQ("queue_cmd_count"): u64 = 0x060 | 0x060 | 0x068,
        /// Unknown; 0.
        UNK_68("unk_68"): u32 = 0x068 | 0x068 | 0x070,
        /// Address of [`crate::fragment::RunFragment::UNK_758_FLAG`].
        UNK_758_FLAG("unk_buf_ptr"): u64 = 0x06c | 0x06c | 0x074,
        /// Address of [`crate::fragment::RunFragment::UNK_BUF_0`].
        UNK_JOB_BUF("unk_buf2_ptr"): u64 = 0x074 | 0x074 | 0x07c,
        /// Unknown; 0.
        UNK_7C_0("unk_7c_0"): Opt<u64> = - | 0x07c | 0x084,
        /// Unknown; 0.
        UNK_7C("unk_7c"): u32 = 0x07c | 0x084 | 0x08c,
        /// Unknown; 0.
        UNK_80("unk_80"): u32 = 0x080 | 0x088 | 0x090,
        /// Unknown; 0.
        UNK_84("unk_84"): u32 = 0x084 | 0x08c | 0x094,
        /// The UUID of the command; 0.
        UUID("uuid"): u32 = 0x088 | 0x090 | 0x098,
        /// Memory that the command writes.
        ATTACHMENTS("attachments"): [Attachment; 16] = 0x08c | 0x094 | 0x09c,
        /// The number of attachments.
        ATTACHMENT_COUNT("num_attachments"): u32 = 0x18c | 0x194 | 0x19c,
        /// Padding; 0.
        PADDING("unk_190"): u32 = 0x190 | 0x198 | 0x1a0,
        /// A copy of [`crate::fragment::RunFragment::COUNTER`].
        COUNTER("counter"): Opt<u64> = - | 0x19c | 0x1a4,
        /// Address of [`crate::event::Notifier::UNK_BUF`].
        NOTIFIER_BUF("unkptr_19c"): Opt<u64> = - | 0x1a4 | 0x1ac,
    }

    /// Finishes a fragment command.
    pub struct FinalizeFragment("Finalize3DCmd"): 0x9c/0xa4 | 0xb4 {
        /// The header of the operation: [`FinalizeFragment::HEADER_VALUE`].
        HEADER("magic"): u32 = 0x00,
        /// The UUID of the command; 0.
        UUID("uuid"): u32 = 0x04,
        /// Unknown; 0.
        UNK_8("unk_8"): u32 = 0x08,
        /// Address of the firmware's stamp.
        FW_STAMP("stamp_addr"): u64 = 0x0c,
        /// The value to write to the stamps.
        STAMP_VALUE("stamp_value"): u32 = 0x14,
        /// Unknown; 0.
        UNK_18("unk_18"): u32 = 0x18,
        /// Address of the [`crate::buffer::Scene`].
        SCENE("buf_thing_addr"): u64 = 0x1c,
        /// Address of the [`crate::buffer::BufferInfo`].
        BUFFER("buffer_mgr_addr"): u64 = 0x24,
        /// Unknown; 1.
        UNK_2C("unk_2c"): u64 = 0x2c,
        /// As in [`StartFragment::STATS`].
        STATS("stats_ptr"): u64 = 0x34,
        /// Address of [`crate::fragment::RunFragment::UNK_POINTEE`].
        UNK_POINTER("struct7_addr"): u64 = 0x3c,
        /// Address of [`crate::fragment::RunFragment::BUSY_FLAG`].
        BUSY_FLAG("busy_flag_ptr"): u64 = 0x44,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE("cmdqueue_ptr"): u64 = 0x4c,
        /// Address of the [`crate::fragment::RunFragment`].
        WORK_ITEM("workitem_ptr"): u64 = 0x54,
        /// Slot of the address space.
        VM_SLOT("unk_5c+0"): u32 = 0x5c,
        /// Unknown; 0.
        UNK_60("unk_5c+4"): u32 = 0x60,
        /// Address of [`crate::fragment::RunFragment::UNK_758_FLAG`].
        UNK_758_FLAG("unk_buf_ptr"): u64 = 0x64,
        /// Distance from here to the start operation in bytes: where the firmware goes on after a
        /// partial render.
        RESTART_BRANCH_OFFSET("restart_branch_offset"): i32 = 0x94/0x9c | 0x9c,
        /// 1 if the start operation has attachments.
        HAS_ATTACHMENTS("unk_98"): u32 = 0x98/0xa0 | 0xa0,
    }
}

impl StartVertex {
    /// The opcode of the operation.
    pub const OPCODE: u32 = 0x22;
    /// The value of [`StartVertex::HEADER`].
    pub const HEADER_VALUE: u32 = Self::OPCODE;
    /// The offset in the statistics that [`StartVertex::STATS`] points to.
    pub const STATS_OFFSET: u64 = 4;
}

impl FinalizeVertex {
    /// The opcode of the operation.
    pub const OPCODE: u32 = 0x23;
    /// The value of [`FinalizeVertex::HEADER`].
    pub const HEADER_VALUE: u32 = Self::OPCODE;
}

impl StartFragment {
    /// The opcode of the operation.
    pub const OPCODE: u32 = 0x24;
    /// The value of [`StartFragment::HEADER`].
    pub const HEADER_VALUE: u32 = Self::OPCODE;
    /// The offset in the statistics that [`StartFragment::STATS`] points to.
    pub const STATS_OFFSET: u64 = 8;
}

impl FinalizeFragment {
    /// The opcode of the operation.
    pub const OPCODE: u32 = 0x25;
    /// The value of [`FinalizeFragment::HEADER`].
    pub const HEADER_VALUE: u32 = Self::OPCODE;
}

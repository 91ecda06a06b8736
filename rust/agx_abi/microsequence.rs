// SPDX-License-Identifier: MIT

//! Microsequences: what the firmware does for a command, as a program.
//!
//! For compute: [`StartCompute`], [`Timestamp`] for the start, [`WaitForIdle`], [`Timestamp`] for
//! the end, [`FinalizeCompute`], [`RetireStamp`]; the timestamps only where a client wants one. The
//! halves of a render have start and finish operations of their own: [`StartVertex`],
//! [`FinalizeVertex`], [`StartFragment`], [`FinalizeFragment`].

use crate::channel::PipeKind;
use crate::{
    Abi,
    Numbers,
    Opt, //
};

mod render;

pub use render::{
    FinalizeFragment,
    FinalizeVertex,
    StartFragment,
    StartVertex, //
};

/// Bits of a header that are its opcode. The others are flags.
pub const OPCODE_MASK: u32 = 0x3f;

/// Places for attachments in a start operation.
pub const MAX_ATTACHMENTS: usize = 16;
/// Unit of [`Attachment::LINES`] in bytes.
pub const ATTACHMENT_LINE: u64 = 128;

layout! {
    /// Starts a compute command.
    pub struct StartCompute("StartComputeCmd"): 0x154 | 0x16c | 0x174 {
        /// The header of the operation: [`StartCompute::HEADER_VALUE`].
        HEADER("magic"): u32 = 0x000,
        /// Address of [`crate::compute::RunCompute::UNK_POINTEE`].
        UNK_POINTER("unk_buf_addr"): u64 = 0x004,
        /// Address of [`crate::compute::RunCompute::JOB_PARAMS1`].
        JOB_PARAMS1("computeinfo_addr"): u64 = 0x00c,
        /// Address of [`crate::compute::RunCompute::REGISTERS`].
        REGISTERS("registers_addr"): Opt<u64> = - | - | 0x014,
        /// Address of the compute statistics, see [`crate::init::RuntimePointers::STATS_COMPUTE`].
        STATS("stats_ptr"): u64 = 0x014 | 0x014 | 0x01c,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE("cmdqueue_ptr"): u64 = 0x01c | 0x01c | 0x024,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x024 | 0x024 | 0x02c,
        /// Unknown; 1.
        UNK_28("unk_28"): u32 = 0x028 | 0x028 | 0x030,
        /// Number of the user queue.
        EVENT_GENERATION("counter1"): u32 = 0x02c | 0x02c | 0x034,
        /// Running number of the command in its queue.
        EVENT_SEQ("counter2"): u64 = 0x030 | 0x030 | 0x038,
        /// Unknown; 0.
        UNK_38("unk_38"): u32 = 0x038 | 0x038 | 0x040,
        /// Address of [`crate::compute::RunCompute::JOB_PARAMS2`].
        JOB_PARAMS2("computeinfo2_addr"): u64 = 0x03c | 0x03c | 0x044,
        /// Unknown; 0.
        UNK_44("unk_44"): u32 = 0x044 | 0x044 | 0x04c,
        /// The UUID of the command; 0.
        UUID("uuid"): u32 = 0x048 | 0x048 | 0x050,
        /// Memory that the command writes.
        ATTACHMENTS("attachments"): [Attachment; 16] = 0x04c | 0x04c | 0x054,
        /// The number of attachments.
        ATTACHMENT_COUNT("num_attachments"): u32 = 0x14c | 0x14c | 0x154,
        /// Address of [`crate::compute::RunCompute::UNK_FLAG`].
        UNK_FLAG("unk_flag_addr"): Opt<u64> = - | 0x154 | 0x15c,
        /// A copy of [`crate::compute::RunCompute::COUNTER`].
        COUNTER("counter"): Opt<u64> = - | 0x15c | 0x164,
        /// Address of [`crate::event::Notifier::UNK_BUF`].
        NOTIFIER_BUF("event_ctrl_buf_addr"): Opt<u64> = - | 0x164 | 0x16c,
    }

    /// Memory that a command writes: a hint.
    pub struct Attachment("Attachment"): 0x10 {
        /// The address of the attachment.
        ADDRESS("address"): u64 = 0x00,
        /// The size of the attachment in units of [`ATTACHMENT_LINE`].
        LINES("size"): u32 = 0x08,
        /// Unknown; [`Attachment::UNK_C_VALUE`].
        UNK_C("unk_c"): u16 = 0x0c,
        /// Unknown; [`Attachment::UNK_E_VALUE`].
        UNK_E("unk_e"): u16 = 0x0e,
    }

    /// Writes a timestamp.
    pub struct Timestamp("TimestampCmd"): 0x34 | 0x3c {
        /// [`Timestamp::HEADER_START`] or [`Timestamp::HEADER_END`].
        HEADER(""): u32 = 0x00,
        /// Address of the command's `COMMAND_TIME`.
        COMMAND_TIME("ts0_addr"): u64 = 0x04,
        /// Address of the command's `TIMESTAMPS`.
        TIMESTAMPS("ts_pointers_addr"): u64 = 0x0c,
        /// Address of that field of them which this operation is for.
        UPDATE("unk_addr"): u64 = 0x14,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE("cmdqueue_ptr"): u64 = 0x1c,
        /// Address of the command's `USER_TIMESTAMPS`.
        USER_TIMESTAMPS("user_ts_pointers_addr"): u64 = 0x24,
        /// Address of [`crate::compute::RunCompute::CONTEXT_STORE_REQ`], or of the command's
        /// `UNK_TS`.
        UNK_TS("unk_ts_addr"): Opt<u64> = - | 0x2c,
        /// The UUID of the command; 0.
        UUID("uuid"): u32 = 0x2c | 0x34,
        /// Unknown; 0.
        UNK_30("unk_30"): u32 = 0x30 | 0x38,
    }

    /// Waits until the hardware has done what was started.
    pub struct WaitForIdle("WaitForInterruptCmd"): 0x4 {
        /// See [`WaitForIdle::header`].
        HEADER(""): u32 = 0x00,
    }

    /// Finishes a compute command.
    pub struct FinalizeCompute("FinalizeComputeCmd"): 0x64/0x6c | 0x7c {
        /// The header of the operation: [`FinalizeCompute::HEADER_VALUE`].
        HEADER("magic"): u32 = 0x00,
        /// As in [`StartCompute::STATS`].
        STATS("unkptr_4"): u64 = 0x04,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE("cmdqueue_ptr"): u64 = 0x0c,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x14,
        /// Address of [`crate::compute::RunCompute::JOB_PARAMS2`].
        JOB_PARAMS2("computeinfo2_addr"): u64 = 0x1c | 0x18,
        /// Unknown; 0.
        UNK_24("unk_24"): u32 = 0x24 | 0x20,
        /// The UUID of the command; 0.
        UUID("uuid"): u32 = 0x28 | 0x24,
        /// Address of the firmware's stamp.
        FW_STAMP("stamp"): u64 = 0x2c | 0x28,
        /// The value to write to the stamps.
        STAMP_VALUE("stamp_value"): u32 = 0x34 | 0x30,
        /// Distance from here to the start operation in bytes: where the firmware goes on with a
        /// command that it had put aside.
        RESTART_BRANCH_OFFSET("restart_branch_offset"): i32 = 0x5c/0x64 | 0x58,
        /// 1 if the start operation has attachments.
        HAS_ATTACHMENTS("unk_60"): u32 = 0x60/0x68 | 0x5c,
        /// Address of [`crate::compute::RunCompute::UNK_FLAG`].
        UNK_FLAG("unkptr_71"): Opt<u64> = - | 0x6d,
    }

    /// Ends a microsequence: the host's stamp is written.
    pub struct RetireStamp("EndCmd"): 0x4 {
        /// The header of the operation: [`RetireStamp::HEADER_VALUE`].
        HEADER(""): u32 = 0x00,
    }
}

impl StartCompute {
    /// The opcode of the operation.
    pub const OPCODE: u32 = 0x29;
    /// The value of [`StartCompute::HEADER`].
    pub const HEADER_VALUE: u32 = Self::OPCODE;
}

impl Attachment {
    /// The value of [`Attachment::UNK_C`].
    pub const UNK_C_VALUE: u16 = 0x17;
    /// The value of [`Attachment::UNK_E`].
    pub const UNK_E_VALUE: u16 = 1;
}

impl Timestamp {
    /// The opcode of the operation.
    pub const OPCODE: u32 = 0x19;
    /// The value of [`Timestamp::HEADER`] for the time at the start.
    pub const HEADER_START: u32 = Self::OPCODE | 0x8000_0000;
    /// The value of [`Timestamp::HEADER`] for the time at the end.
    pub const HEADER_END: u32 = Self::OPCODE;
}

impl WaitForIdle {
    /// Opcode in each version.
    pub const OPCODE: Numbers = numbers!(0x01 | 0x01 | 0x02);
    /// 1 in versions whose headers name the pipe.
    const HAS_PIPE: Numbers = numbers!(1 | 1 | 0);

    /// Returns what [`WaitForIdle::HEADER`] holds for a pipe in version `abi`.
    #[inline(always)]
    pub const fn header(abi: Abi, pipe: PipeKind) -> u32 {
        let pipe = match pipe {
            PipeKind::Vertex => 1,
            PipeKind::Fragment => 0x100,
            PipeKind::Compute => 0x8000,
        };
        Self::OPCODE.of(abi) as u32 | (pipe << 8) * Self::HAS_PIPE.of(abi) as u32
    }
}

impl FinalizeCompute {
    /// The opcode of the operation.
    pub const OPCODE: u32 = 0x2a;
    /// The value of [`FinalizeCompute::HEADER`].
    pub const HEADER_VALUE: u32 = Self::OPCODE;
}

impl RetireStamp {
    /// The opcode of the operation.
    pub const OPCODE: u32 = 0x18;
    /// The value of [`RetireStamp::HEADER`].
    pub const HEADER_VALUE: u32 = Self::OPCODE | 0x4000_0000;
}

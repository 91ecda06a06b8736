// SPDX-License-Identifier: MIT

//! The compute command.

use crate::queue::{Barrier, InitBuffer};
use crate::registers::{compute, RegisterArray, RegisterInfo};
use crate::{
    Numbers,
    Opt, //
};

layout! {
    /// Command: run a compute control stream. The GPU may read it, so it stands in memory that the
    /// GPU can reach.
    pub struct RunCompute("WorkCommandCP"): 0x2dc | 0x320 | 0x880 {
        /// The tag of the command: [`RunCompute::TAG_VALUE`].
        TAG("magic"): u32 = 0x000,
        /// Running number of the command in its user queue.
        COUNTER("counter"): Opt<u64> = - | 0x004,
        /// Unknown; 0.
        UNK_4("unk_4"): u32 = 0x004 | 0x00c,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x008 | 0x010,
        /// Address of the [`crate::event::Notifier`].
        NOTIFIER("event_control_addr"): u64 = 0x00c | 0x014,
        /// Unknown; 0. The start operation points here.
        UNK_POINTEE("unk_2c"): u32 = 0x014 | 0x01c,
        /// See [`JobParameters1`].
        JOB_PARAMS1("compute_info"): Opt<JobParameters1> = 0x068 | 0x070 | -,
        /// The parameters in the form of registers, see [`crate::registers::compute`].
        REGISTERS("registers"): Opt<RegisterArray> = - | - | 0x020,
        /// See [`RegisterInfo`].
        REGISTER_INFO("registers_addr"): Opt<RegisterInfo> = - | - | 0x720,
        /// Address of the microsequence.
        MICROSEQUENCE("microsequence_ptr"): u64 = 0x1e8 | 0x1f0 | 0x750,
        /// The size of the microsequence in bytes.
        MICROSEQUENCE_SIZE("microsequence_size"): u32 = 0x1f0 | 0x1f8 | 0x758,
        /// See [`JobParameters2`].
        JOB_PARAMS2("compute_info2"): JobParameters2 = 0x1f4 | 0x1fc | 0x75c,
        /// See [`EncoderParams`].
        ENCODER_PARAMS("encoder_params"): EncoderParams = 0x254 | 0x25c | 0x7bc,
        /// See [`JobMeta`].
        META("job_meta"): JobMeta = 0x27c | 0x284 | 0x7e4,
        /// The firmware's. The timestamp operations point here.
        COMMAND_TIME("ts1"): u64 = 0x2a8 | 0x2b0 | 0x810,
        /// The addresses at which the firmware writes its own timestamps.
        TIMESTAMPS("ts_pointers"): TimestampPointers = 0x2b0 | 0x2b8 | 0x818,
        /// The addresses at which the firmware writes the client's timestamps.
        USER_TIMESTAMPS("user_ts_pointers"): TimestampPointers = 0x2c0 | 0x2c8 | 0x828,
        /// Low byte of the number of the user queue.
        CLIENT_SEQUENCE("client_sequence"): u8 = 0x2d0 | 0x2d8 | 0x838,
        /// The request for a context store; 0. The timestamp operations point here.
        CONTEXT_STORE_REQ("unk_ts"): Opt<u64> = - | 0x2e1 | 0x841,
        /// The completion of a context store; 0.
        CONTEXT_STORE_COMPL(""): Opt<u64> = - | 0x2e9 | 0x849,
        /// Unknown; 0. The start and finish operations point here.
        UNK_FLAG("unk_flag"): Opt<u32> = - | 0x305 | 0x865,
    }

    /// Parameters of a compute command, for the hardware.
    pub struct JobParameters1("ComputeInfo"): 0x150 | 0x150 | - {
        /// First part of the preemption buffer.
        PREEMPT1("iogpu_deflake_1"): u64 = 0x00 | 0x00 | -,
        /// Start of the control stream.
        CDM_CTRL_STREAM_BASE("encoder"): u64 = 0x08 | 0x08 | -,
        /// Second part of the preemption buffer.
        PREEMPT2("iogpu_deflake_2"): u64 = 0x10 | 0x10 | -,
        /// Third part of the preemption buffer.
        PREEMPT3("iogpu_deflake_3"): u64 = 0x18 | 0x18 | -,
        /// Fourth part of the preemption buffer.
        PREEMPT4("iogpu_deflake_4"): u64 = 0x20 | 0x20 | -,
        /// Fifth part of the preemption buffer.
        PREEMPT5("iogpu_deflake_5"): u64 = 0x28 | 0x28 | -,
        /// Base address of the shaders.
        USC_EXEC_BASE("pipeline_base"): u64 = 0x30 | 0x30 | -,
        /// Unknown; [`JobParameters1::UNK_38_VALUE`].
        UNK_38("unk_38"): u64 = 0x38 | 0x38 | -,
        /// Helper program.
        HELPER_BINARY("helper_program"): u32 = 0x40 | 0x40 | -,
        /// Unknown; 0.
        UNK_44("unk_44"): u32 = 0x44 | 0x44 | -,
        /// The argument of the helper program.
        HELPER_DATA("helper_arg"): u64 = 0x48 | 0x48 | -,
        /// The configuration of the helper program.
        HELPER_CFG("helper_cfg"): u32 = 0x50 | 0x50 | -,
        /// Unknown; 0.
        UNK_54("unk_54"): u32 = 0x54 | 0x54 | -,
        /// Unknown; 1.
        UNK_58("unk_58"): u32 = 0x58 | 0x58 | -,
        /// Unknown; 0.
        UNK_5C("unk_5c"): u32 = 0x5c | 0x5c | -,
        /// 0 (macOS writes 0x1c where it has a helper program).
        UNK_40("iogpu_unk_40"): u32 = 0x60 | 0x60 | -,
    }

    /// Parameters of a compute command, for the firmware.
    pub struct JobParameters2("ComputeInfo2"): 0x60 | 0x60 {
        /// First part of the preemption buffer.
        PREEMPT1("iogpu_deflake_1"): u64 = 0x24 | 0x28,
        /// End of the first run of the control stream.
        CDM_CTRL_STREAM_END("encoder_end"): u64 = 0x2c | 0x30,
        /// Unknown; [`JobParameters2::UNK_54_VALUE`].
        UNK_54("unk_g14x"): u32 = 0x54 | 0x58,
        /// Unknown; 0.
        UNK_58("unk_58"): u32 = 0x58 | 0x5c,
    }

    /// Parameters that all kinds of commands have.
    pub struct EncoderParams("EncoderParams"): 0x28 {
        /// Unknown; 0.
        UNK_0("unk_0"): u32 = 0x00,
        /// The word named `sync_grow`; 0.
        SYNC_GROW("unk_4"): u32 = 0x04,
        /// Unknown; 0.
        UNK_8("unk_8"): u32 = 0x08,
        /// The number of the command's encoder; 0.
        ENCODER_ID("encoder_id"): u32 = 0x0c,
        /// Unknown; 0.
        UNK_10("unk_10"): u32 = 0x10,
        /// A mask of unknown meaning; all ones.
        MASK("iogpu_compute_unk44"): u32 = 0x14,
        /// Address of the sampler heap.
        SAMPLER_HEAP("seq_buffer"): u64 = 0x18,
        /// Samplers in it.
        SAMPLER_COUNT(""): u32 = 0x20,
        /// One more than that.
        SAMPLER_COUNT_PLUS_1(""): u32 = 0x24,
    }

    /// The words by which a command says that it is done.
    pub struct JobMeta("JobMeta"): 0x2c {
        /// Unknown; 0.
        UNK_0(""): u16 = 0x00,
        /// Unknown; 0.
        UNK_2(""): u8 = 0x02,
        /// The flag against preemption; 0.
        NO_PREEMPTION(""): u8 = 0x03,
        /// Address of the host's stamp.
        STAMP("stamp_addr"): u64 = 0x04,
        /// Address of the firmware's stamp.
        FW_STAMP("fw_stamp_addr"): u64 = 0x0c,
        /// The value that the firmware writes to both.
        STAMP_VALUE("stamp_value"): u32 = 0x14,
        /// Event slot.
        STAMP_SLOT("stamp_slot"): u32 = 0x18,
        /// The index of the event control; 0.
        EVENT_CONTROL_INDEX("evctl_index"): u32 = 0x1c,
        /// The flag to flush the stamps; 0. 1 is said to have the stamps written to memory at once.
        FLUSH_STAMPS("unk_20"): u32 = 0x20,
        /// The UUID of the command; 0.
        UUID("uuid"): u32 = 0x24,
        /// Low half of the running number of the command in its queue.
        EVENT_SEQ("queue_cmd_count"): u32 = 0x28,
    }

    /// A pair of addresses for timestamps; 0 for none.
    pub struct TimestampPointers("TimeStampPointers"): 0x10 {
        /// The address that the time at the start is written to.
        START("start_addr"): u64 = 0x00,
        /// The address that the time at the end is written to.
        END("end_addr"): u64 = 0x08,
    }

    /// Timestamps that the firmware writes for itself, in ticks of the 24 MHz timer (\[I\]).
    pub struct JobTimestamps(""): 0x10 {
        /// Time at the start.
        START(""): u64 = 0x00,
        /// Time at the end.
        END(""): u64 = 0x08,
    }
}

impl RunCompute {
    /// The value of [`RunCompute::TAG`].
    pub const TAG_VALUE: u32 = 3;
}

impl JobParameters1 {
    /// The value of [`JobParameters1::UNK_38`].
    pub const UNK_38_VALUE: u64 = 0x8c60;
}

impl JobParameters2 {
    /// The value of [`JobParameters2::UNK_54`].
    pub const UNK_54_VALUE: Numbers = Numbers::last(0, compute::UNK_1A440_VALUE);
}

/// The kind of a command, as its tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// A vertex command: [`crate::queue::TAG_RUN_VERTEX`].
    RunVertex,
    /// A fragment command: [`crate::queue::TAG_RUN_FRAGMENT`].
    RunFragment,
    /// A compute command: [`RunCompute`].
    RunCompute,
    /// A barrier: [`Barrier`].
    Barrier,
    /// The initialisation of a buffer: [`InitBuffer`].
    InitBuffer,
}

impl Command {
    /// Returns the command with tag `tag`, if it is one that a host may make.
    pub const fn from_tag(tag: u32) -> Option<Self> {
        match tag {
            crate::queue::TAG_RUN_VERTEX => Some(Self::RunVertex),
            crate::queue::TAG_RUN_FRAGMENT => Some(Self::RunFragment),
            RunCompute::TAG_VALUE => Some(Self::RunCompute),
            Barrier::TAG_VALUE => Some(Self::Barrier),
            InitBuffer::TAG_VALUE => Some(Self::InitBuffer),
            _ => None,
        }
    }
}

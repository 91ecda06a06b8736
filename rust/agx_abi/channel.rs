// SPDX-License-Identifier: MIT

//! Channels: rings of fixed-size entries, one writer and one reader each.
//!
//! | channel | writer | entries | entry |
//! |---|---|---|---|
//! | 12 pipes | host | [`PIPE_ENTRIES`] | [`PipeMessage`] |
//! | device control | host | [`DEVICE_CONTROL_ENTRIES`] | [`DeviceControlMessage`] … |
//! | firmware control | host | [`FW_CTL_ENTRIES`] | [`FwCtlMessage`] |
//! | event | firmware | [`EVENT_ENTRIES`] | [`EventMessage`] … |
//! | firmware log, 6 levels | firmware | [`FW_LOG_ENTRIES`] each | [`FwLogMessage`] |
//! | ktrace | firmware | [`KTRACE_ENTRIES`] | [`KTraceMessage`] |
//! | statistics | firmware | [`STATS_ENTRIES`] | [`crate::stats`] |
//!
//! Each has a [`ChannelState`], the firmware log one for each level, and firmware control an
//! [`FwCtlState`].
//!
//! A ring is empty where the pointers are equal, and full where the write pointer is one behind the
//! read pointer. Pointers are indices of entries.

/// Entries of a pipe channel.
pub const PIPE_ENTRIES: u32 = 0x100;
/// Entries of the device control channel.
pub const DEVICE_CONTROL_ENTRIES: u32 = 0x100;
/// Entries of the firmware control channel.
pub const FW_CTL_ENTRIES: u32 = 0x100;
/// Entries of the event channel.
pub const EVENT_ENTRIES: u32 = 0x100;
/// Entries of each level of the firmware log. The rings of all levels stand one behind the other.
pub const FW_LOG_ENTRIES: u32 = 0x100;
/// Entries of the ktrace channel.
pub const KTRACE_ENTRIES: u32 = 0x200;
/// Entries of the statistics channel.
pub const STATS_ENTRIES: u32 = 0x100;

/// Levels of the firmware log: 0 debug to 5 critical.
pub const FW_LOG_LEVELS: usize = 6;
/// Priorities of the pipes, 0 being the highest.
pub const PIPE_PRIORITIES: usize = 4;

/// The kind of commands that a pipe runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PipeKind {
    /// Vertex work ("TA").
    Vertex = 0,
    /// Fragment work ("3D").
    Fragment = 1,
    /// Compute work ("CL", "CP").
    Compute = 2,
}

impl PipeKind {
    /// The kinds of pipes, in the order of their channels.
    pub const ALL: [PipeKind; 3] = [PipeKind::Vertex, PipeKind::Fragment, PipeKind::Compute];

    /// Returns the kind with number `raw`, or `None`.
    pub const fn from_raw(raw: u32) -> Option<Self> {
        match raw {
            0 => Some(Self::Vertex),
            1 => Some(Self::Fragment),
            2 => Some(Self::Compute),
            _ => None,
        }
    }
}

layout! {
    /// The addresses of a channel's state and ring.
    pub struct ChannelInfo("ChannelInfo"): 0x10 {
        /// Address of the state: a [`ChannelState`], or [`FwCtlState`].
        STATE("state_addr"): u64 = 0x00,
        /// Address of the ring.
        RING("ringbuffer_addr"): u64 = 0x08,
    }

    /// State of a channel. The firmware uses words in between for itself.
    pub struct ChannelState(""): 0x30 {
        /// Next entry to be read.
        READ_PTR(""): u32 = 0x00,
        /// Next entry to be written.
        WRITE_PTR(""): u32 = 0x20,
    }

    /// State of the firmware control channel.
    pub struct FwCtlState(""): 0x20 {
        /// Next entry to be read.
        READ_PTR(""): u32 = 0x00,
        /// Next entry to be written.
        WRITE_PTR(""): u32 = 0x10,
    }

    /// Work for a pipe: a queue has new commands.
    pub struct PipeMessage("RunCmdQueueMsg"): 0x30 | 0x30/0x40 {
        /// A [`PipeKind`].
        KIND("queue_type"): u32 = 0x00,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE("cmdqueue_addr"): u64 = 0x04,
        /// Write pointer of the queue's ring after this submission.
        WRITE_PTR("head"): u32 = 0x0c,
        /// Event slot that the queue holds.
        EVENT_SLOT("event_number"): u32 = 0x10,
        /// 1 in the first message ever for this queue.
        IS_NEW("new_queue"): u32 = 0x14,
        /// Ticks in macOS; this firmware does without it.
        TIMESTAMP("timestamp"): u64 = 0x18,
    }

    /// Any device control message.
    pub struct DeviceControlMessage("DC_Any"): 0x30 | 0x30/0x40 {
        /// One of the types in [`device_control`].
        KIND("msg_type"): u32 = 0x00,
    }

    /// Answer to [`GrowTvbEvent`].
    pub struct GrowTvbAck("DC_GrowTVBAck"): 0x30 | 0x30/0x40 {
        /// The type of the message: [`device_control::GROW_TVB_ACK`].
        KIND("msg_type"): u32 = 0x00,
        /// Unknown; 1.
        UNK_4("unk_4"): u32 = 0x04,
        /// Slot of the buffer manager.
        BUFFER_SLOT("bm_id"): u32 = 0x08,
        /// Slot of the address space.
        VM_SLOT("vm_id"): u32 = 0x0c,
        /// The event's counter.
        COUNTER("counter"): u32 = 0x10,
        /// The subpipe; 0.
        SUBPIPE(""): u32 = 0x14,
        /// [`crate::init::FwStatus::HALT_COUNT`] as read.
        HALT_COUNT(""): u64 = 0x18,
    }

    /// Skip the commands of a queue up to one that failed.
    pub struct RecoverChannel(""): 0x30 | 0x30/0x40 {
        /// The type of the message: [`device_control::RECOVER_CHANNEL`].
        KIND(""): u32 = 0x00,
        /// A [`PipeKind`].
        PIPE(""): u32 = 0x04,
        /// Address of the [`crate::queue::QueueInfo`].
        QUEUE(""): u64 = 0x08,
        /// Stamp value of the last command to skip.
        EVENT_VALUE(""): u32 = 0x10,
    }

    /// Power off when idle. Never sent.
    pub struct IdlePowerOff(""): 0x30 | 0x30/0x40 {
        /// The type of the message: [`device_control::IDLE_POWER_OFF`].
        KIND(""): u32 = 0x00,
        /// Unknown.
        VALUE(""): u32 = 0x04,
    }

    /// Forget a context, and clean the data cache of the firmware.
    ///
    /// With both table indices 0xff and no context it only does the latter.
    pub struct DestroyContext("DC_DestroyContext"): 0x30 | 0x30/0x40 {
        /// The type of the message: [`device_control::DESTROY_CONTEXT`].
        KIND("msg_type"): u32 = 0x00,
        /// Unknown; 0.
        UNK_4("unk_4"): u32 = 0x04,
        /// [`crate::queue::GpuContextData::UNK_23`] as read.
        UNK_23("unk_8+0"): u8 = 0x08,
        /// Unknown; 0.
        UNK_9("unk_c"): u32 = 0x0c | 0x09,
        /// Unknown; 0.
        UNK_D("unk_10"): u32 = 0x10 | 0x0d,
        /// [`crate::queue::GpuContextData::QUEUE_TABLE_INDEX`] as read, or 0xff.
        QUEUE_TABLE_INDEX("unk_14+0"): u8 = 0x14 | 0x11,
        /// [`crate::queue::GpuContextData::PID_TABLE_INDEX`] as read, or 0xff.
        PID_TABLE_INDEX("unk_14+1"): u8 = 0x15 | 0x12,
        /// [`crate::queue::GpuContextData::UNK_4`] as read.
        UNK_CONTEXT_4("unk_14+2"): u8 = 0x16 | 0x13,
        /// Address of the [`crate::queue::GpuContextData`].
        CONTEXT("context_addr"): u64 = 0x1c | 0x14,
    }

    /// Request to clean a range of the caches, see [`crate::uat::FlushSlot`].
    pub struct FwCtlMessage("FWCtlMsg"): 0x14 {
        /// Address of the range.
        ADDRESS("addr"): u64 = 0x00,
        /// Unknown; 0.
        UNK_8("unk_8"): u32 = 0x08,
        /// Slot of the address space, or [`crate::uat::KERNEL_FLUSH_SLOT`].
        SLOT("context_id"): u32 = 0x0c,
        /// Number of pages.
        PAGES("unk_10"): u16 = 0x10,
        /// Unknown; [`FwCtlMessage::UNK_12_VALUE`].
        UNK_12("unk_12"): u16 = 0x12,
    }

    /// Any event.
    pub struct EventMessage(""): 0x38 {
        /// One of the types in [`event`].
        KIND(""): u32 = 0x00,
    }

    /// The GPU stopped at a fault.
    pub struct FaultEvent("FaultMsg"): 0x38 {
        /// The type of the message: [`event::FAULT`].
        KIND("msg_type"): u32 = 0x00,
    }

    /// Commands completed.
    pub struct FlagEvent("FlagMsg"): 0x38 {
        /// The type of the message: [`event::FLAG`].
        KIND("msg_type"): u32 = 0x00,
        /// One bit an event slot.
        FIRING("firing"): [u32; 4] = 0x04,
        /// Unknown.
        UNK_14("unk_14"): u16 = 0x14,
    }

    /// A command took too long.
    pub struct TimeoutEvent("TimeoutMsg"): 0x38 {
        /// The type of the message: [`event::TIMEOUT`].
        KIND("msg_type"): u32 = 0x00,
        /// Number of halts so far.
        COUNTER("counter"): u32 = 0x04,
        /// Unknown.
        UNK_8(""): u32 = 0x08,
        /// The culprit's event slot; -1 if there is none.
        EVENT_SLOT("stamp_index"): i32 = 0x0c,
    }

    /// A tiled vertex buffer has to grow.
    pub struct GrowTvbEvent("GrowTVBMsg"): 0x38 {
        /// The type of the message: [`event::GROW_TVB`].
        KIND("msg_type"): u32 = 0x00,
        /// Slot of the address space.
        VM_SLOT("vm_id"): u32 = 0x04,
        /// Slot of the buffer manager.
        BUFFER_SLOT("bm_id"): u32 = 0x08,
        /// The number to give back in the [`GrowTvbAck`].
        COUNTER("counter"): u32 = 0x0c,
    }

    /// A queue failed.
    pub struct ChannelErrorEvent("ChannelError"): 0x38 {
        /// The type of the message: [`event::CHANNEL_ERROR`].
        KIND("msg_type"): u32 = 0x00,
        /// See [`channel_error`].
        ERROR(""): u32 = 0x04,
        /// A [`PipeKind`].
        PIPE(""): u32 = 0x08,
        /// The queue's event slot.
        EVENT_SLOT(""): u32 = 0x0c,
        /// Stamp value of the command that failed.
        EVENT_VALUE(""): u32 = 0x10,
    }

    /// A line of the firmware's log. The text is in a [`FwLogPayload`].
    pub struct FwLogMessage(""): 0x38 {
        /// The type of the message: [`FwLogMessage::KIND_VALUE`].
        KIND(""): u32 = 0x00,
        /// Which payload of the level: 0 to [`FW_LOG_ENTRIES`] - 1.
        INDEX(""): u64 = 0x08,
    }

    /// Text of a line of the firmware's log. [`FW_LOG_ENTRIES`] of them for each level, the levels
    /// one behind the other.
    pub struct FwLogPayload("FWLogMsg"): 0xd8 {
        /// The type of the message: [`FwLogPayload::KIND_VALUE`].
        KIND("msg_type"): u32 = 0x00,
        /// Sequence number.
        SEQUENCE("seq_no"): u32 = 0x04,
        /// Ticks of the 24 MHz timer.
        TIMESTAMP("timestamp"): u64 = 0x08,
        /// Ends with a zero byte.
        TEXT("msg"): [u8; 0xc8] = 0x10,
    }

    /// A trace point of the firmware.
    pub struct KTraceMessage("KTraceMsg"): 0x38 {
        /// The type of the message: [`KTraceMessage::KIND_VALUE`].
        KIND("msg_type"): u32 = 0x00,
        /// Ticks of the 24 MHz timer.
        TIMESTAMP("timestamp"): u64 = 0x04,
        /// Depend on the code.
        ARGS("args"): [u64; 4] = 0x0c,
        /// Which trace point of its channel.
        CODE("code"): u8 = 0x2c,
        /// Which group of trace points.
        CHANNEL("channel"): u8 = 0x2d,
        /// 0 interrupt, 1 background, 2 sampler, 3 power, 4 recovery, 5 kernel.
        THREAD("thread"): u8 = 0x2f,
        /// Unknown.
        UNK_FLAG("unk_flag"): u64 = 0x30,
    }
}

impl FwCtlMessage {
    /// The value of [`FwCtlMessage::UNK_12`].
    pub const UNK_12_VALUE: u16 = 2;
}

impl FwLogMessage {
    /// The value of [`FwLogMessage::KIND`].
    pub const KIND_VALUE: u32 = 2;
}

impl FwLogPayload {
    /// The value of [`FwLogPayload::KIND`].
    pub const KIND_VALUE: u32 = 3;
}

impl KTraceMessage {
    /// The value of [`KTraceMessage::KIND`].
    pub const KIND_VALUE: u32 = 5;
}

/// Types of device control messages, in each version.
pub mod device_control {
    use crate::Numbers;

    /// See [`super::GrowTvbAck`].
    pub const GROW_TVB_ACK: Numbers = numbers!(0x0d | 0x0e);
    /// See [`super::RecoverChannel`].
    pub const RECOVER_CHANNEL: Numbers = numbers!(0x0e | 0x0f);
    /// See [`super::IdlePowerOff`].
    pub const IDLE_POWER_OFF: Numbers = numbers!(0x0f | 0x10);
    /// See [`super::DestroyContext`].
    pub const DESTROY_CONTEXT: Numbers = numbers!(0x17 | 0x18);
    /// Write a word: a debugging aid of macOS.
    pub const WRITE32: Numbers = numbers!(0x18 | 0x19);
    /// Read the globals anew and come up. No payload. Has to be the first message.
    pub const INITIALIZE: Numbers = numbers!(0x19 | 0x1a);
}

/// Types of events.
pub mod event {
    /// See [`super::FaultEvent`].
    pub const FAULT: u32 = 0;
    /// See [`super::FlagEvent`].
    pub const FLAG: u32 = 1;
    /// See [`super::TimeoutEvent`].
    pub const TIMEOUT: u32 = 4;
    /// See [`super::GrowTvbEvent`].
    pub const GROW_TVB: u32 = 7;
    /// See [`super::ChannelErrorEvent`].
    pub const CHANNEL_ERROR: u32 = 8;
}

/// The known values of [`ChannelErrorEvent::ERROR`]. 3 has been seen as well; its meaning is not
/// known.
pub mod channel_error {
    /// An access to memory failed.
    pub const MEMORY_ERROR: u32 = 0;
    /// The data master was killed.
    pub const KILLED: u32 = 1;
    /// The command was aborted.
    pub const ABORTED: u32 = 2;
}

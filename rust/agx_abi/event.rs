// SPDX-License-Identifier: MIT

//! Events: how the firmware says that commands are done.
//!
//! A queue with work holds one of [`SLOTS`] event slots. Each slot has two stamps, the host's and
//! the firmware's own; a finished command writes its value to both. Values of one slot rise by
//! [`STAMP_STEP`] a command and are compared as signed distances. A flag event names slots by their
//! number, and the host then reads their stamps.
//!
//! When the firmware sends a flag event is a matter of the queue's notifier: it counts finished
//! commands, and speaks up when the count reaches the threshold, which the host raises as it starts
//! jobs.

use crate::Opt;

/// Number of event slots.
pub const SLOTS: usize = 128;
/// The difference between the stamp values of consecutive commands.
pub const STAMP_STEP: u32 = 0x100;

/// Returns the first value of the host's stamp of a slot. The firmware's starts with 0.
pub const fn initial_stamp(slot: usize) -> u32 {
    (slot as u32) << 24
}

/// Returns how many commands stamp `a` is ahead of `b`.
pub const fn stamp_distance(a: u32, b: u32) -> i32 {
    (a.wrapping_sub(b) as i32) >> STAMP_STEP.trailing_zeros()
}

layout! {
    /// Counts the finished commands of a user queue. Private to the firmware but for its start.
    pub struct Notifier("EventControl"): 0xa8/0xc0 | 0xb0 {
        /// Address of the [`Threshold`].
        THRESHOLD("event_count_addr"): u64 = 0x00,
        /// Number of the user queue.
        GENERATION("submission_id"): u32 = 0x08,
        /// Commands finished so far; the firmware's.
        CUR_COUNT("cur_count"): u32 = 0x0c,
        /// Unknown; [`Notifier::UNK_10_VALUE`].
        UNK_10("unk_10"): u32 = 0x10,
        /// Slot of the address space; the firmware's.
        VM_SLOT("vm_slot"): u32 = 0x24,
        /// 1 if a vertex queue uses it; written by the firmware.
        HAS_VERTEX("has_ta"): u32 = 0x28,
        /// Addresses of its stamps; the firmware's.
        STAMPS_VERTEX("pstamp_ta"): [u64; 4] = 0x2c,
        /// 1 if a fragment queue uses it; written by the firmware.
        HAS_FRAGMENT("has_3d"): u32 = 0x4c,
        /// Addresses of its stamps; the firmware's.
        STAMPS_FRAGMENT("pstamp_3d"): [u64; 4] = 0x50,
        /// 1 if a compute queue uses it; written by the firmware.
        HAS_COMPUTE("has_cp"): u32 = 0x70,
        /// Addresses of its stamps; the firmware's.
        STAMPS_COMPUTE("pstamp_cp"): [u64; 4] = 0x74,
        /// 1 if it is in the [`NotifierList`]; written by the firmware.
        IN_LIST("in_list"): u32 = 0x94/0xa8 | 0x94,
        /// Links of the list; the firmware's.
        LIST("list_head"): [u64; 2] = 0x98/0xac | 0x98,
        /// Unknown; [`Notifier::UNK_BUF_VALUE`]. The start operations of the microsequences point
        /// here.
        UNK_BUF("unk_buf"): Opt<u64> = - | 0xa8,
    }

    /// Count of finished commands at which the firmware sends an event. A running total.
    pub struct Threshold(""): 0x8 {
        /// Raised by 1 for a compute command and by 2 for a render, when the job is started.
        COUNT(""): u64 = 0x00,
    }

    /// List of notifiers. Shared: the firmware does no cache maintenance on it.
    pub struct NotifierList("JobList"): 0x18 {
        /// The first job; 0.
        FIRST("first_job"): u64 = 0x00,
        /// The list's own address: it is empty.
        LAST("last_head"): u64 = 0x08,
        /// Unknown; 0.
        UNK_10("unkptr_10"): u64 = 0x10,
    }
}

impl Notifier {
    /// The value of [`Notifier::UNK_10`].
    pub const UNK_10_VALUE: u32 = 0x50;
    /// The value of [`Notifier::UNK_BUF`].
    pub const UNK_BUF_VALUE: u64 = u64::MAX;
}

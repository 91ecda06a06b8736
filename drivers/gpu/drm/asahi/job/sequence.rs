// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Microsequences: the programs by which the firmware runs a command.
//!
//! ```text
//!   Start… · [Timestamp start] · WaitForIdle · [Timestamp end] · Finalize… · RetireStamp
//! ```
//!
//! The first and the last but one are of the command's kind. Timestamps are there if a client wants
//! one.

use super::{
    attachments::Attachments,
    structure::Structure, //
};
use agx_abi::{
    channel::PipeKind,
    compute::{
        JobMeta,
        TimestampPointers, //
    },
    microsequence::{
        Attachment,
        RetireStamp,
        Timestamp,
        WaitForIdle,
        ATTACHMENT_LINE,
        MAX_ATTACHMENTS, //
    },
    Field,
    Value, //
};

/// What all commands of a work queue have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    /// Number of the user queue.
    pub(crate) queue: u32,
    pub(crate) usc_exec_base: u64,
    /// Addresses of the firmware's objects: the work queue, its notifier and the last word of that,
    /// the statistics of the pipe.
    pub(crate) queue_info: u64,
    pub(crate) notifier: u64,
    pub(crate) notifier_unk_buf: u64,
    pub(crate) stats: u64,
}

/// What is decided when a command's turn comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) vm_slot: u32,
    /// Running number in the user queue.
    pub(crate) counter: u64,
    /// Running number in the work queue.
    pub(crate) event_seq: u64,
    /// Event slot, the addresses of its stamps, and their value when the command is done.
    pub(crate) slot: u32,
    pub(crate) host_stamp: u64,
    pub(crate) firmware_stamp: u64,
    pub(crate) value: u32,
}

impl Turn {
    /// Writes it to the `meta` of a command.
    pub(crate) fn write_meta(&self, mut meta: Structure<'_, JobMeta>) {
        meta.set(JobMeta::STAMP, self.host_stamp)
            .set(JobMeta::FW_STAMP, self.firmware_stamp)
            .set(JobMeta::STAMP_VALUE, self.value)
            .set(JobMeta::STAMP_SLOT, self.slot)
            .set(JobMeta::EVENT_SEQ, self.event_seq as u32);
    }
}

/// The two objects in memory that a command consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Command,
    Sequence,
}

/// Where a command is written: zeroed memory for its two parts.
pub(crate) trait Memory {
    /// Why a structure may not be there.
    type Error;

    /// Returns the structure at `offset` of `part`.
    fn structure<S: Value>(
        &mut self,
        part: Part,
        offset: usize,
    ) -> Result<Structure<'_, S>, Self::Error>;

    /// Returns the command.
    #[inline]
    fn command<S: Value>(&mut self) -> Result<Structure<'_, S>, Self::Error> {
        self.structure(Part::Command, 0)
    }

    /// Returns the operation at `offset` of the sequence.
    #[inline]
    fn operation<S: Value>(&mut self, offset: usize) -> Result<Structure<'_, S>, Self::Error> {
        self.structure(Part::Sequence, offset)
    }
}

/// The place of the operations in a sequence whose first operation has `START` bytes, and whose
/// last but one has `FINALIZE`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence<const START: usize, const FINALIZE: usize> {
    pub(crate) timestamps: bool,
}

impl<const START: usize, const FINALIZE: usize> Sequence<START, FINALIZE> {
    /// Bytes of the longest one.
    pub(crate) const MAX: usize = Self { timestamps: true }.size();

    const fn start_timestamp(self) -> usize {
        START
    }

    const fn wait(self) -> usize {
        self.start_timestamp() + if self.timestamps { Timestamp::SIZE } else { 0 }
    }

    const fn end_timestamp(self) -> usize {
        self.wait() + WaitForIdle::SIZE
    }

    /// Returns where the last operation but one is.
    pub(crate) const fn finalize(self) -> usize {
        self.end_timestamp() + if self.timestamps { Timestamp::SIZE } else { 0 }
    }

    const fn retire(self) -> usize {
        self.finalize() + FINALIZE
    }

    /// Returns its size in bytes.
    pub(crate) const fn size(self) -> usize {
        self.retire() + RetireStamp::SIZE
    }

    /// Returns how to get from the last operation but one to the first, which is where the
    /// firmware goes on with a command that it had put aside.
    pub(crate) const fn restart_branch_offset(self) -> i32 {
        -(self.finalize() as i32)
    }

    /// Writes what is the same for all kinds of commands, for one of `pipe` at address `of`.
    pub(crate) fn write_common<C, M: Memory>(
        self,
        pipe: PipeKind,
        common: &Common,
        of: u64,
        fields: &TimestampFields<C>,
        memory: &mut M,
    ) -> Result<(), M::Error> {
        if self.timestamps {
            for (at, header, update) in [
                (
                    self.start_timestamp(),
                    Timestamp::HEADER_START,
                    TimestampPointers::START,
                ),
                (
                    self.end_timestamp(),
                    Timestamp::HEADER_END,
                    TimestampPointers::END,
                ),
            ] {
                fields.write(common, of, header, update, memory.operation(at)?);
            }
        }

        memory
            .operation(self.wait())?
            .set(WaitForIdle::HEADER, WaitForIdle::header(pipe));
        memory
            .operation(self.retire())?
            .set(RetireStamp::HEADER, RetireStamp::HEADER_VALUE);
        Ok(())
    }
}

/// The fields of a command `C` that the timestamp operations refer to.
pub(crate) struct TimestampFields<C> {
    pub(crate) command_time: Field<C, u64>,
    pub(crate) pair: Field<C, TimestampPointers>,
    pub(crate) user_pair: Field<C, TimestampPointers>,
    pub(crate) unk_ts: Field<C, u64>,
}

impl<C> TimestampFields<C> {
    /// Writes an operation of a command at address `of`.
    fn write(
        &self,
        common: &Common,
        of: u64,
        header: u32,
        update: Field<TimestampPointers, u64>,
        mut op: Structure<'_, Timestamp>,
    ) {
        op.set(Timestamp::HEADER, header)
            .set(Timestamp::COMMAND_TIME, address_of(of, self.command_time))
            .set(Timestamp::TIMESTAMPS, address_of(of, self.pair))
            // A pointer to the pointer.
            .set(Timestamp::UPDATE, address_of(of, self.pair.then(update)))
            .set(Timestamp::QUEUE, common.queue_info)
            .set(Timestamp::USER_TIMESTAMPS, address_of(of, self.user_pair))
            .set(Timestamp::UNK_TS, address_of(of, self.unk_ts));
    }
}

/// Returns a pair of addresses as commands have it.
pub(crate) fn pointers(start: u64, end: u64) -> TimestampPointers {
    let mut pointers = TimestampPointers::zeroed();
    pointers
        .set(TimestampPointers::START, start)
        .set(TimestampPointers::END, end);
    pointers
}

/// Writes `attachments` to the `list` and their number to the `count` of a start operation.
pub(crate) fn put_attachments<S: Value>(
    attachments: Attachments<'_>,
    start: &mut Structure<'_, S>,
    list: Field<S, [Attachment; MAX_ATTACHMENTS]>,
    count: Field<S, u32>,
) {
    let mut number = 0;
    for (i, attachment) in attachments.iter().enumerate() {
        let mut record = Attachment::zeroed();
        record
            .set(Attachment::ADDRESS, attachment.address)
            .set(
                Attachment::LINES,
                // The reader of the command has made sure that it fits.
                attachment.size.div_ceil(ATTACHMENT_LINE) as u32,
            )
            .set(Attachment::UNK_C, Attachment::UNK_C_VALUE)
            .set(Attachment::UNK_E, Attachment::UNK_E_VALUE);
        start.set(list.at(i), record);
        number += 1;
    }
    start.set(count, number);
}

/// Returns the address of a field of the structure at `base`.
pub(crate) const fn address_of<S, T: Value>(base: u64, field: Field<S, T>) -> u64 {
    base + field.offset() as u64
}

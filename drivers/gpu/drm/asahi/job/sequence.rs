// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Microsequences: the programs by which the firmware runs a command.
//!
//! ```text
//!   Start… · [Timestamp start] · WaitForIdle · [Timestamp end] · Finalize… · RetireStamp
//! ```
//!
//! The first and the last but one are of the command's kind. Timestamps are there if a client wants
//! one.

use super::command::Attachments;
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
    /// Writes it to `meta` of the command.
    pub(crate) fn write_meta<S, M: Memory>(
        &self,
        meta: Field<S, JobMeta>,
        out: &mut Writer<'_, M>,
    ) -> Result<(), M::Error> {
        out.set(meta.then(JobMeta::STAMP), self.host_stamp)?;
        out.set(meta.then(JobMeta::FW_STAMP), self.firmware_stamp)?;
        out.set(meta.then(JobMeta::STAMP_VALUE), self.value)?;
        out.set(meta.then(JobMeta::STAMP_SLOT), self.slot)?;
        out.set(meta.then(JobMeta::EVENT_SEQ), self.event_seq as u32)
    }
}

/// The two objects in memory that a command consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Command,
    Sequence,
}

/// Where the bytes of a command go: to an offset in one of its parts.
pub(crate) trait Memory {
    /// Why that may fail.
    type Error;

    fn write(&mut self, part: Part, offset: usize, bytes: &[u8]) -> Result<(), Self::Error>;
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

    /// Writes what is the same for all kinds of commands, for one of `pipe`.
    pub(crate) fn write_common<M: Memory>(
        self,
        pipe: PipeKind,
        times: &TimestampPlaces,
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
                let op = times.operation(header, update);
                memory.write(Part::Sequence, at, op.as_bytes())?;
            }
        }

        let mut wait = WaitForIdle::zeroed();
        wait.set(WaitForIdle::HEADER, WaitForIdle::header(pipe));
        memory.write(Part::Sequence, self.wait(), wait.as_bytes())?;

        let mut retire = RetireStamp::zeroed();
        retire.set(RetireStamp::HEADER, RetireStamp::HEADER_VALUE);
        memory.write(Part::Sequence, self.retire(), retire.as_bytes())
    }
}

/// Addresses of what the timestamp operations refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimestampPlaces {
    /// The firmware's queue.
    pub(crate) queue_info: u64,
    /// Fields of the command.
    pub(crate) command_time: u64,
    pub(crate) pair: u64,
    pub(crate) user_pair: u64,
    pub(crate) unk_ts: u64,
}

impl TimestampPlaces {
    fn operation(&self, header: u32, update: Field<TimestampPointers, u64>) -> Timestamp {
        let mut op = Timestamp::zeroed();
        op.set(Timestamp::HEADER, header)
            .set(Timestamp::COMMAND_TIME, self.command_time)
            .set(Timestamp::TIMESTAMPS, self.pair)
            // A pointer to the pointer.
            .set(Timestamp::UPDATE, self.pair + update.offset() as u64)
            .set(Timestamp::QUEUE, self.queue_info)
            .set(Timestamp::USER_TIMESTAMPS, self.user_pair)
            .set(Timestamp::UNK_TS, self.unk_ts);
        op
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

/// Writes `attachments` to `list` and their number to `count` of a start operation, through `set`.
/// Returns whether there are any.
pub(crate) fn put_attachments<S>(
    attachments: Attachments<'_>,
    list: Field<S, [Attachment; MAX_ATTACHMENTS]>,
    mut set: impl FnMut(Field<S, Attachment>, Attachment),
) -> u32 {
    let mut count = 0;
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
        set(list.at(i), record);
        count += 1;
    }
    count
}

/// Returns the address of a field of the structure at `base`.
pub(crate) const fn address_of<S, T: Value>(base: u64, field: Field<S, T>) -> u64 {
    base + field.offset() as u64
}

/// Writes single fields.
pub(crate) struct Writer<'a, M> {
    pub(crate) memory: &'a mut M,
    pub(crate) part: Part,
    pub(crate) base: usize,
}

impl<'a, M: Memory> Writer<'a, M> {
    /// Returns a writer of the fields of the command.
    pub(crate) fn command(memory: &'a mut M) -> Self {
        Self {
            memory,
            part: Part::Command,
            base: 0,
        }
    }

    /// Goes on with the operation at `base` of the sequence.
    pub(crate) fn sequence(&mut self, base: usize) {
        self.part = Part::Sequence;
        self.base = base;
    }

    pub(crate) fn set<S, T: Value>(
        &mut self,
        field: Field<S, T>,
        value: T,
    ) -> Result<(), M::Error> {
        let mut bytes = [0; 8];
        value.write(&mut bytes);
        self.structure(field, &bytes[..field.size()])
    }

    pub(crate) fn structure<S, T: Value>(
        &mut self,
        field: Field<S, T>,
        bytes: &[u8],
    ) -> Result<(), M::Error> {
        self.memory
            .write(self.part, self.base + field.offset(), bytes)
    }
}

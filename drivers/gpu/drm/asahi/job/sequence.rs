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
    Abi,
    Everywhere,
    Field,
    Opt,
    Value, //
};

/// Parameters that all commands of a work queue share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    /// Version of the firmware's interface.
    pub(crate) abi: Abi,
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

impl Common {
    /// Returns the place of the structure at address `base`.
    #[inline(always)]
    pub(crate) fn place(&self, base: u64) -> Place {
        Place::new(self.abi, base)
    }
}

/// Parameters of a command that are known only when it is submitted to the firmware.
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
    #[inline(always)]
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

/// The memory that a command is written to: zeroed memory for its two parts.
pub(crate) trait Memory {
    /// The error of a structure that is out of bounds.
    type Error;

    /// Returns the structure of version `abi` at `offset` of `part`.
    fn structure<S: Everywhere>(
        &mut self,
        abi: Abi,
        part: Part,
        offset: usize,
    ) -> Result<Structure<'_, S>, Self::Error>;

    /// Returns the command.
    #[inline(always)]
    fn command<S: Everywhere>(&mut self, abi: Abi) -> Result<Structure<'_, S>, Self::Error> {
        self.structure(abi, Part::Command, 0)
    }

    /// Returns the operation at `offset` of the sequence.
    #[inline(always)]
    fn operation<S: Everywhere>(
        &mut self,
        abi: Abi,
        offset: usize,
    ) -> Result<Structure<'_, S>, Self::Error> {
        self.structure(abi, Part::Sequence, offset)
    }
}

/// The place of the operations in a sequence.
///
/// It is aligned so that it is copied as one word.
#[derive(Clone, Copy, Debug)]
#[repr(align(8))]
pub(crate) struct Sequence {
    abi: Abi,
    timestamps: bool,
    /// Bytes of the first operation, and of the last but one.
    start: u16,
    finalize: u16,
}

impl Sequence {
    /// Returns the sequence of version `abi` that begins with `Start`, and whose last operation but
    /// one is `Finalize`.
    #[inline(always)]
    pub(crate) fn new<Start: Value, Finalize: Value>(abi: Abi, timestamps: bool) -> Self {
        const { assert!(Start::MAX_SIZE <= u16::MAX as usize) };
        const { assert!(Finalize::MAX_SIZE <= u16::MAX as usize) };
        Self {
            abi,
            timestamps,
            start: Start::size_in(abi) as u16,
            finalize: Finalize::size_in(abi) as u16,
        }
    }

    /// Returns the version that it is of.
    #[inline(always)]
    pub(crate) fn abi(self) -> Abi {
        self.abi
    }

    /// Returns the bytes of the longest sequence with these operations, in any version.
    pub(crate) const fn max<Start: Value, Finalize: Value>() -> usize {
        Start::MAX_SIZE
            + 2 * Timestamp::MAX_SIZE
            + WaitForIdle::SIZE
            + Finalize::MAX_SIZE
            + RetireStamp::SIZE
    }

    /// Returns the bytes of a timestamp, if there are any.
    #[inline(always)]
    fn timestamp(self) -> usize {
        if self.timestamps {
            Timestamp::size_in(self.abi)
        } else {
            0
        }
    }

    #[inline(always)]
    fn start_timestamp(self) -> usize {
        self.start.into()
    }

    #[inline(always)]
    fn wait(self) -> usize {
        self.start_timestamp() + self.timestamp()
    }

    #[inline(always)]
    fn end_timestamp(self) -> usize {
        self.wait() + WaitForIdle::SIZE
    }

    /// Returns where the last operation but one is.
    #[inline(always)]
    pub(crate) fn finalize(self) -> usize {
        self.end_timestamp() + self.timestamp()
    }

    #[inline(always)]
    fn retire(self) -> usize {
        self.finalize() + usize::from(self.finalize)
    }

    /// Returns its size in bytes.
    #[inline(always)]
    pub(crate) fn size(self) -> usize {
        self.retire() + RetireStamp::SIZE
    }

    /// Returns how to get from the last operation but one to the first, which is where the
    /// firmware goes on with a command that it had put aside.
    #[inline(always)]
    pub(crate) fn restart_branch_offset(self) -> i32 {
        -(self.finalize() as i32)
    }

    /// Returns the same sequence, made from `abi` again. With a constant `abi` the compiler knows
    /// all of its sizes.
    #[inline(always)]
    pub(crate) fn known<Start: Value, Finalize: Value>(self, abi: Abi) -> Self {
        Self::new::<Start, Finalize>(abi, self.timestamps)
    }

    /// Writes the operations that all kinds of commands share, for a command of `pipe` at address
    /// `of`.
    #[inline(always)]
    pub(crate) fn write_common<C: Everywhere, M: Memory>(
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
                fields.write(
                    self.abi,
                    common,
                    of,
                    header,
                    update,
                    memory.operation(self.abi, at)?,
                );
            }
        }

        memory
            .operation(self.abi, self.wait())?
            .set(WaitForIdle::HEADER, WaitForIdle::header(self.abi, pipe));
        memory
            .operation(self.abi, self.retire())?
            .set(RetireStamp::HEADER, RetireStamp::HEADER_VALUE);
        Ok(())
    }
}

/// The fields of a command `C` that the timestamp operations refer to.
pub(crate) struct TimestampFields<C> {
    pub(crate) command_time: Field<C, u64>,
    pub(crate) pair: Field<C, TimestampPointers>,
    pub(crate) user_pair: Field<C, TimestampPointers>,
    pub(crate) unk_ts: Field<C, Opt<u64>>,
}

impl<C: Everywhere> TimestampFields<C> {
    /// Writes an operation of a command at address `of`.
    fn write(
        &self,
        abi: Abi,
        common: &Common,
        of: u64,
        header: u32,
        update: Field<TimestampPointers, u64>,
        mut op: Structure<'_, Timestamp>,
    ) {
        let of = Place::new(abi, of);
        op.set(Timestamp::HEADER, header)
            .set(Timestamp::COMMAND_TIME, of.field(self.command_time))
            .set(Timestamp::TIMESTAMPS, of.field(self.pair))
            // A pointer to the pointer.
            .set(Timestamp::UPDATE, of.field(self.pair.then(update)))
            .set(Timestamp::QUEUE, common.queue_info)
            .set(Timestamp::USER_TIMESTAMPS, of.field(self.user_pair))
            .put(Timestamp::UNK_TS, of.find(self.unk_ts));
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
#[inline(always)]
pub(crate) fn put_attachments<S: Value>(
    attachments: Attachments<'_>,
    start: &mut Structure<'_, S>,
    list: Field<S, [Attachment; MAX_ATTACHMENTS]>,
    count: Field<S, u32>,
) {
    // Most have none, and the memory is zero.
    if attachments.is_empty() {
        return;
    }
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

/// The address of a structure, for computing the addresses of its fields.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    abi: Abi,
    base: u64,
}

impl Place {
    /// Returns the place of the structure of version `abi` at address `base`.
    #[inline(always)]
    pub(crate) fn new(abi: Abi, base: u64) -> Self {
        Self { abi, base }
    }

    /// Returns the address of `field`.
    #[inline(always)]
    pub(crate) fn field<S: Everywhere, T: Value>(self, field: Field<S, T>) -> u64 {
        // All of what is there has addresses, so the sum does not wrap; it need not be checked.
        self.base.wrapping_add(field.offset_in(self.abi) as u64)
    }

    /// Returns the address of `field`; 0 if the version lacks it.
    #[inline(always)]
    pub(crate) fn find<S, T: Value>(self, field: Field<S, Opt<T>>) -> u64 {
        match field.offset_in(self.abi) {
            Some(offset) => self.base.wrapping_add(offset as u64),
            None => 0,
        }
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Compute commands, as the firmware reads them.
//!
//! A command is a [`RunCompute`] with a microsequence, the program by which the firmware runs it:
//!
//! ```text
//! StartCompute · [Timestamp start] · WaitForIdle · [Timestamp end] · FinalizeCompute · RetireStamp
//! ```
//!
//! [`describe`] writes all that is known when a client submits it, which may be long before it can
//! run. What is decided only when its turn comes is written by [`Turn::write`].

use super::command::Compute;
use agx_abi::{
    channel::PipeKind,
    compute::{
        EncoderParams,
        JobMeta,
        JobParameters1,
        JobParameters2,
        JobTimestamps,
        RunCompute,
        TimestampPointers, //
    },
    microsequence::{
        Attachment,
        FinalizeCompute,
        RetireStamp,
        StartCompute,
        Timestamp,
        WaitForIdle,
        ATTACHMENT_LINE, //
    },
    Field,
    Value, //
};

/// Bytes of the longest microsequence.
pub(crate) const MAX_SEQUENCE: usize = StartCompute::SIZE
    + 2 * Timestamp::SIZE
    + WaitForIdle::SIZE
    + FinalizeCompute::SIZE
    + RetireStamp::SIZE;

/// Bytes of the preemption buffer behind its first part, whose size depends on the chip.
pub(crate) const PREEMPTION_TAIL: usize = 0x20;

/// What all commands of a queue have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    /// Number of the user queue.
    pub(crate) queue: u32,
    pub(crate) usc_exec_base: u64,
    /// Addresses of the firmware's objects: the work queue, its notifier and the last word of that,
    /// statistics.
    pub(crate) queue_info: u64,
    pub(crate) notifier: u64,
    pub(crate) notifier_unk_buf: u64,
    pub(crate) stats: u64,
    /// Size of the first part of a preemption buffer.
    pub(crate) preempt1_size: u64,
}

/// Addresses of the memory of one command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The [`RunCompute`].
    pub(crate) command: u64,
    /// The microsequence.
    pub(crate) sequence: u64,
    /// The [`JobTimestamps`].
    pub(crate) timestamps: u64,
    /// The preemption buffer, an address of the client's VM.
    pub(crate) preemption: u64,
    /// Where the client's timestamps go; 0 for none.
    pub(crate) user_start: u64,
    pub(crate) user_end: u64,
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

/// The place of the operations in a microsequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    timestamps: bool,
}

impl Sequence {
    const fn start_timestamp(self) -> usize {
        StartCompute::SIZE
    }

    const fn wait(self) -> usize {
        self.start_timestamp() + if self.timestamps { Timestamp::SIZE } else { 0 }
    }

    const fn end_timestamp(self) -> usize {
        self.wait() + WaitForIdle::SIZE
    }

    const fn finalize(self) -> usize {
        self.end_timestamp() + if self.timestamps { Timestamp::SIZE } else { 0 }
    }

    const fn retire(self) -> usize {
        self.finalize() + FinalizeCompute::SIZE
    }

    /// Its size in bytes.
    pub(crate) const fn size(self) -> usize {
        self.retire() + RetireStamp::SIZE
    }
}

/// Writes the command to zeroed memory, as far as it is known before its turn.
///
/// `last`: it is the last compute command of its submit.
pub(crate) fn describe<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    last: bool,
    memory: &mut M,
) -> Result<Sequence, M::Error> {
    let sequence = Sequence {
        timestamps: place.user_start != 0 || place.user_end != 0,
    };
    write_command(command, common, place, last, sequence, memory)?;
    write_start(command, common, place, memory)?;
    if sequence.timestamps {
        write_timestamps(common, place, sequence, memory)?;
    }

    let mut wait = WaitForIdle::zeroed();
    wait.set(WaitForIdle::HEADER, WaitForIdle::header(PipeKind::Compute));
    memory.write(Part::Sequence, sequence.wait(), wait.as_bytes())?;

    write_finalize(command, common, place, sequence, memory)?;

    let mut retire = RetireStamp::zeroed();
    retire.set(RetireStamp::HEADER, RetireStamp::HEADER_VALUE);
    memory.write(Part::Sequence, sequence.retire(), retire.as_bytes())?;
    Ok(sequence)
}

/// The address of a field of the [`RunCompute`] at `command`.
const fn address_of<T: Value>(command: u64, field: Field<RunCompute, T>) -> u64 {
    command + field.offset() as u64
}

fn write_command<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    last: bool,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let preempt = |offset: u64| place.preemption + common.preempt1_size + offset;
    let mut params1 = JobParameters1::zeroed();
    params1
        .set(JobParameters1::PREEMPT1, place.preemption)
        .set(
            JobParameters1::CDM_CTRL_STREAM_BASE,
            command.cdm_ctrl_stream_base,
        )
        .set(JobParameters1::PREEMPT2, preempt(0))
        .set(JobParameters1::PREEMPT3, preempt(8))
        .set(JobParameters1::PREEMPT4, preempt(16))
        .set(JobParameters1::PREEMPT5, preempt(24))
        .set(JobParameters1::USC_EXEC_BASE, common.usc_exec_base)
        .set(JobParameters1::UNK_38, JobParameters1::UNK_38_VALUE)
        .set(JobParameters1::HELPER_BINARY, command.helper.binary)
        .set(JobParameters1::HELPER_DATA, command.helper.data)
        .set(JobParameters1::HELPER_CFG, command.helper.cfg)
        .set(JobParameters1::UNK_58, 1);

    let mut params2 = JobParameters2::zeroed();
    params2.set(JobParameters2::PREEMPT1, place.preemption).set(
        JobParameters2::CDM_CTRL_STREAM_END,
        command.cdm_ctrl_stream_end,
    );

    let mut encoder = EncoderParams::zeroed();
    encoder
        .set(EncoderParams::MASK, u32::MAX)
        .set(EncoderParams::SAMPLER_HEAP, command.sampler_heap)
        .set(EncoderParams::SAMPLER_COUNT, command.sampler_count)
        .set(
            EncoderParams::SAMPLER_COUNT_PLUS_1,
            command.sampler_count + 1,
        );

    let pointers = |start, end| {
        let mut pointers = TimestampPointers::zeroed();
        pointers
            .set(TimestampPointers::START, start)
            .set(TimestampPointers::END, end);
        pointers
    };
    let own = |field: Field<JobTimestamps, u64>| place.timestamps + field.offset() as u64;

    let mut meta = JobMeta::zeroed();
    // What the firmware does with it beyond a notification is not known [?].
    meta.set(JobMeta::FLUSH_STAMPS, u32::from(last));

    let mut out = Writer {
        memory,
        part: Part::Command,
        base: 0,
    };
    out.set(RunCompute::TAG, RunCompute::TAG_VALUE)?;
    out.set(RunCompute::NOTIFIER, common.notifier)?;
    out.structure(RunCompute::JOB_PARAMS1, params1.as_bytes())?;
    out.set(RunCompute::MICROSEQUENCE, place.sequence)?;
    out.set(RunCompute::MICROSEQUENCE_SIZE, sequence.size() as u32)?;
    out.structure(RunCompute::JOB_PARAMS2, params2.as_bytes())?;
    out.structure(RunCompute::ENCODER_PARAMS, encoder.as_bytes())?;
    out.structure(RunCompute::META, meta.as_bytes())?;
    out.structure(
        RunCompute::TIMESTAMPS,
        pointers(own(JobTimestamps::START), own(JobTimestamps::END)).as_bytes(),
    )?;
    out.structure(
        RunCompute::USER_TIMESTAMPS,
        pointers(place.user_start, place.user_end).as_bytes(),
    )?;
    out.set(RunCompute::CLIENT_SEQUENCE, common.queue as u8)
}

fn write_start<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    memory: &mut M,
) -> Result<(), M::Error> {
    let of = place.command;
    let mut start = StartCompute::zeroed();
    start
        .set(StartCompute::HEADER, StartCompute::HEADER_VALUE)
        .set(
            StartCompute::UNK_POINTER,
            address_of(of, RunCompute::UNK_POINTEE),
        )
        .set(
            StartCompute::JOB_PARAMS1,
            address_of(of, RunCompute::JOB_PARAMS1),
        )
        .set(StartCompute::STATS, common.stats)
        .set(StartCompute::QUEUE, common.queue_info)
        .set(StartCompute::UNK_28, 1)
        .set(StartCompute::EVENT_GENERATION, common.queue)
        .set(
            StartCompute::JOB_PARAMS2,
            address_of(of, RunCompute::JOB_PARAMS2),
        )
        .set(StartCompute::UNK_FLAG, address_of(of, RunCompute::UNK_FLAG))
        .set(StartCompute::NOTIFIER_BUF, common.notifier_unk_buf);

    let mut count = 0;
    for (i, attachment) in command.attachments.iter().enumerate() {
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
        start.set(StartCompute::ATTACHMENTS.at(i), record);
        count += 1;
    }
    start.set(StartCompute::ATTACHMENT_COUNT, count);
    memory.write(Part::Sequence, 0, start.as_bytes())
}

fn write_timestamps<M: Memory>(
    common: &Common,
    place: &Place,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let of = place.command;
    let pair = RunCompute::TIMESTAMPS;
    for (at, header, update) in [
        (
            sequence.start_timestamp(),
            Timestamp::HEADER_START,
            pair.then(TimestampPointers::START),
        ),
        (
            sequence.end_timestamp(),
            Timestamp::HEADER_END,
            pair.then(TimestampPointers::END),
        ),
    ] {
        let mut op = Timestamp::zeroed();
        op.set(Timestamp::HEADER, header)
            .set(
                Timestamp::COMMAND_TIME,
                address_of(of, RunCompute::COMMAND_TIME),
            )
            .set(Timestamp::TIMESTAMPS, address_of(of, pair))
            // A pointer to the pointer.
            .set(Timestamp::UPDATE, address_of(of, update))
            .set(Timestamp::QUEUE, common.queue_info)
            .set(
                Timestamp::USER_TIMESTAMPS,
                address_of(of, RunCompute::USER_TIMESTAMPS),
            )
            .set(
                Timestamp::UNK_TS,
                address_of(of, RunCompute::CONTEXT_STORE_REQ),
            );
        memory.write(Part::Sequence, at, op.as_bytes())?;
    }
    Ok(())
}

fn write_finalize<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let of = place.command;
    let at = sequence.finalize();
    let attachments = command.attachments.iter().next().is_some();
    let mut finalize = FinalizeCompute::zeroed();
    finalize
        .set(FinalizeCompute::HEADER, FinalizeCompute::HEADER_VALUE)
        .set(FinalizeCompute::STATS, common.stats)
        .set(FinalizeCompute::QUEUE, common.queue_info)
        .set(
            FinalizeCompute::JOB_PARAMS2,
            address_of(of, RunCompute::JOB_PARAMS2),
        )
        // Back to the start, which is where the sequence begins.
        .set(FinalizeCompute::RESTART_BRANCH_OFFSET, -(at as i32))
        .set(FinalizeCompute::HAS_ATTACHMENTS, u32::from(attachments))
        .set(
            FinalizeCompute::UNK_FLAG,
            address_of(of, RunCompute::UNK_FLAG),
        );
    memory.write(Part::Sequence, at, finalize.as_bytes())
}

impl Turn {
    /// Completes a command that [`describe`] has written.
    pub(crate) fn write<M: Memory>(
        &self,
        sequence: Sequence,
        memory: &mut M,
    ) -> Result<(), M::Error> {
        let mut out = Writer {
            memory,
            part: Part::Command,
            base: 0,
        };
        let meta = RunCompute::META;
        out.set(RunCompute::COUNTER, self.counter)?;
        out.set(RunCompute::VM_SLOT, self.vm_slot)?;
        out.set(meta.then(JobMeta::STAMP), self.host_stamp)?;
        out.set(meta.then(JobMeta::FW_STAMP), self.firmware_stamp)?;
        out.set(meta.then(JobMeta::STAMP_VALUE), self.value)?;
        out.set(meta.then(JobMeta::STAMP_SLOT), self.slot)?;
        out.set(meta.then(JobMeta::EVENT_SEQ), self.event_seq as u32)?;

        out.part = Part::Sequence;
        out.set(StartCompute::VM_SLOT, self.vm_slot)?;
        out.set(StartCompute::EVENT_SEQ, self.event_seq)?;
        out.set(StartCompute::COUNTER, self.counter)?;

        out.base = sequence.finalize();
        out.set(FinalizeCompute::VM_SLOT, self.vm_slot)?;
        out.set(FinalizeCompute::FW_STAMP, self.firmware_stamp)?;
        out.set(FinalizeCompute::STAMP_VALUE, self.value)
    }
}

/// Writes single fields.
struct Writer<'a, M> {
    memory: &'a mut M,
    part: Part,
    base: usize,
}

impl<M: Memory> Writer<'_, M> {
    fn set<S, T: Value>(&mut self, field: Field<S, T>, value: T) -> Result<(), M::Error> {
        let mut bytes = [0; 8];
        value.write(&mut bytes);
        self.structure(field, &bytes[..field.size()])
    }

    fn structure<S, T: Value>(&mut self, field: Field<S, T>, bytes: &[u8]) -> Result<(), M::Error> {
        self.memory
            .write(self.part, self.base + field.offset(), bytes)
    }
}

#[cfg(test)]
#[path = "compute_tests.rs"]
mod tests;

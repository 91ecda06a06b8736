// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Compute commands, as the firmware reads them.
//!
//! A command is a [`RunCompute`] with a microsequence, see [`super::sequence`].
//!
//! [`describe`] writes all that is known when a client submits it, which may be long before it can
//! run. What is decided only when its turn comes is written by [`write_turn`].

use super::{
    command::Compute,
    sequence::{
        self,
        address_of,
        pointers,
        put_attachments,
        Common,
        Memory,
        Part,
        TimestampPlaces,
        Turn,
        Writer, //
    }, //
};
use agx_abi::{
    channel::PipeKind,
    compute::{
        EncoderParams,
        JobMeta,
        JobParameters1,
        JobParameters2,
        JobTimestamps,
        RunCompute, //
    },
    microsequence::{
        FinalizeCompute,
        StartCompute, //
    },
    Value, //
};

/// The microsequence of a compute command.
pub(crate) type Sequence = sequence::Sequence<{ StartCompute::SIZE }, { FinalizeCompute::SIZE }>;

/// Bytes of the preemption buffer behind its first part, whose size depends on the chip.
pub(crate) const PREEMPTION_TAIL: usize = 0x20;

/// Addresses of the memory of one command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The [`RunCompute`].
    pub(crate) command: u64,
    /// The microsequence.
    pub(crate) sequence: u64,
    /// The [`JobTimestamps`].
    pub(crate) timestamps: u64,
    /// The preemption buffer, and what is behind its first part: addresses of the client's VM.
    pub(crate) preemption: u64,
    pub(crate) preemption_tail: u64,
    /// Where the client's timestamps go; 0 for none.
    pub(crate) user_start: u64,
    pub(crate) user_end: u64,
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
    let of = place.command;
    let times = TimestampPlaces {
        queue_info: common.queue_info,
        command_time: address_of(of, RunCompute::COMMAND_TIME),
        pair: address_of(of, RunCompute::TIMESTAMPS),
        user_pair: address_of(of, RunCompute::USER_TIMESTAMPS),
        unk_ts: address_of(of, RunCompute::CONTEXT_STORE_REQ),
    };
    sequence.write_common(PipeKind::Compute, &times, memory)?;
    write_finalize(command, common, place, sequence, memory)?;
    Ok(sequence)
}

fn write_command<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    last: bool,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let preempt = |offset: u64| place.preemption_tail + offset;
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

    let own = |field| address_of(place.timestamps, field);

    let mut meta = JobMeta::zeroed();
    // What the firmware does with it beyond a notification is not known [?].
    meta.set(JobMeta::FLUSH_STAMPS, u32::from(last));

    let mut out = Writer::command(memory);
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

    let count = put_attachments(
        command.attachments,
        StartCompute::ATTACHMENTS,
        |field, record| {
            start.set(field, record);
        },
    );
    start.set(StartCompute::ATTACHMENT_COUNT, count);
    memory.write(Part::Sequence, 0, start.as_bytes())
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
    let attachments = !command.attachments.is_empty();
    let mut finalize = FinalizeCompute::zeroed();
    finalize
        .set(FinalizeCompute::HEADER, FinalizeCompute::HEADER_VALUE)
        .set(FinalizeCompute::STATS, common.stats)
        .set(FinalizeCompute::QUEUE, common.queue_info)
        .set(
            FinalizeCompute::JOB_PARAMS2,
            address_of(of, RunCompute::JOB_PARAMS2),
        )
        .set(
            FinalizeCompute::RESTART_BRANCH_OFFSET,
            sequence.restart_branch_offset(),
        )
        .set(FinalizeCompute::HAS_ATTACHMENTS, u32::from(attachments))
        .set(
            FinalizeCompute::UNK_FLAG,
            address_of(of, RunCompute::UNK_FLAG),
        );
    memory.write(Part::Sequence, at, finalize.as_bytes())
}

/// Completes a command that [`describe`] has written.
pub(crate) fn write_turn<M: Memory>(
    turn: &Turn,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let mut out = Writer::command(memory);
    out.set(RunCompute::COUNTER, turn.counter)?;
    out.set(RunCompute::VM_SLOT, turn.vm_slot)?;
    turn.write_meta(RunCompute::META, &mut out)?;

    out.sequence(0);
    out.set(StartCompute::VM_SLOT, turn.vm_slot)?;
    out.set(StartCompute::EVENT_SEQ, turn.event_seq)?;
    out.set(StartCompute::COUNTER, turn.counter)?;

    out.sequence(sequence.finalize());
    out.set(FinalizeCompute::VM_SLOT, turn.vm_slot)?;
    out.set(FinalizeCompute::FW_STAMP, turn.firmware_stamp)?;
    out.set(FinalizeCompute::STAMP_VALUE, turn.value)
}

#[cfg(test)]
#[path = "compute_tests.rs"]
mod tests;

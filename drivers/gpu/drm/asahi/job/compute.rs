// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Compute commands, as the firmware reads them.
//!
//! A command is a [`RunCompute`] with a microsequence, see [`super::sequence`].
//!
//! [`describe`] writes all that is known when a client submits it, which may be long before it can
//! run. What is decided only when its turn comes is written by [`write_turn`].

use super::{
    command::Compute,
    registers::RegisterList,
    sequence::{
        self,
        pointers,
        put_attachments,
        Common,
        Memory,
        Sequence,
        TimestampFields,
        Turn, //
    }, //
};
use agx_abi::{
    channel::PipeKind,
    compute::{
        EncoderParams,
        JobParameters1,
        JobParameters2,
        JobTimestamps,
        RunCompute, //
    },
    microsequence::{
        FinalizeCompute,
        StartCompute, //
    },
    registers::compute as registers,
    Abi,
    Specialised, //
};

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
    /// Addresses, in the client's VM, of the preemption buffer and of its second part.
    pub(crate) preemption: u64,
    pub(crate) preemption_tail: u64,
    /// The address for the client's timestamp at the start; 0 for none.
    pub(crate) user_start: u64,
    pub(crate) user_end: u64,
}

/// Fields of the command that its timestamp operations refer to.
const TIMES: TimestampFields<RunCompute> = TimestampFields {
    command_time: RunCompute::COMMAND_TIME,
    pair: RunCompute::TIMESTAMPS,
    user_pair: RunCompute::USER_TIMESTAMPS,
    unk_ts: RunCompute::CONTEXT_STORE_REQ,
};

/// Returns the microsequence of a command of version `abi`.
#[inline(always)]
pub(crate) fn sequence(abi: Abi, timestamps: bool) -> Sequence {
    Sequence::new::<StartCompute, FinalizeCompute>(abi, timestamps)
}

/// Writes the command to zeroed memory, as far as it is known before its turn.
pub(crate) fn describe<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    memory: &mut M,
) -> Result<Sequence, M::Error> {
    common.abi.specialised(Description {
        command,
        common,
        place,
        memory,
    })
}

/// Arguments of [`describe`].
struct Description<'a, M> {
    command: &'a Compute<'a>,
    common: &'a Common,
    place: &'a Place,
    memory: &'a mut M,
}

impl<M: Memory> Specialised for Description<'_, M> {
    type Output = Result<Sequence, M::Error>;

    #[inline(never)]
    fn run<const ABI: usize>(self) -> Self::Output {
        let Self {
            command,
            common,
            place,
            memory,
        } = self;
        let timestamps = place.user_start != 0 || place.user_end != 0;
        let sequence = sequence(Abi::nth(ABI), timestamps);
        write_command(command, common, place, sequence, memory)?;
        write_start(command, common, place, sequence, memory)?;
        write_finalize(command, common, place, sequence, memory)?;
        sequence.write_common(PipeKind::Compute, common, place.command, &TIMES, memory)?;
        Ok(sequence)
    }
}

#[inline(always)]
fn write_command<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    // The tail is there: the sum does not wrap.
    let preempt = |offset: u64| place.preemption_tail.wrapping_add(offset);
    let timestamps = sequence::Place::new(sequence.abi(), place.timestamps);
    let own = |field| timestamps.field(field);

    let mut out = memory.command::<RunCompute>(sequence.abi())?;
    out.set(RunCompute::TAG, RunCompute::TAG_VALUE)
        .set(RunCompute::NOTIFIER, common.notifier)
        .set(RunCompute::MICROSEQUENCE, place.sequence)
        .set(RunCompute::MICROSEQUENCE_SIZE, sequence.size() as u32)
        .set(
            RunCompute::TIMESTAMPS,
            pointers(own(JobTimestamps::START), own(JobTimestamps::END)),
        )
        .set(
            RunCompute::USER_TIMESTAMPS,
            pointers(place.user_start, place.user_end),
        )
        .set(RunCompute::CLIENT_SEQUENCE, common.queue as u8);

    if let Some(mut params) = out.find_part(RunCompute::JOB_PARAMS1) {
        params
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
    }
    if let Some(list) = RunCompute::REGISTERS.present(sequence.abi()) {
        let of = sequence::Place::new(sequence.abi(), place.command);
        let mut registers = RegisterList::new(out.reborrow(), list);
        put_registers(command, common, place, &mut registers);
        registers.finish(RunCompute::REGISTER_INFO, of.field(list));
    }

    out.part(RunCompute::JOB_PARAMS2)
        .set(JobParameters2::PREEMPT1, place.preemption)
        .set(
            JobParameters2::CDM_CTRL_STREAM_END,
            command.cdm_ctrl_stream_end,
        )
        .set(
            JobParameters2::UNK_54,
            JobParameters2::UNK_54_VALUE.of(sequence.abi()) as u32,
        );

    out.part(RunCompute::ENCODER_PARAMS)
        .set(EncoderParams::MASK, u32::MAX)
        .set(EncoderParams::SAMPLER_HEAP, command.sampler_heap)
        .set(EncoderParams::SAMPLER_COUNT, command.sampler_count)
        .set(
            EncoderParams::SAMPLER_COUNT_PLUS_1,
            // The reader of the command has made sure that it fits.
            command.sampler_count.wrapping_add(1),
        );
    Ok(())
}

/// Puts the parameters for the hardware into a list of registers.
fn put_registers(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    list: &mut RegisterList<'_, RunCompute>,
) {
    use registers as r;

    // The tail is there: the sum does not wrap.
    let preempt = |offset: u64| place.preemption_tail.wrapping_add(offset);
    list.set(r::PREEMPT1, place.preemption)
        .set(r::CDM_CTRL_STREAM_BASE, command.cdm_ctrl_stream_base)
        .set(r::PREEMPT2, preempt(0))
        .set(r::PREEMPT3, preempt(8))
        .set(r::PREEMPT4, preempt(16))
        .set(r::PREEMPT5, preempt(24))
        .set(r::USC_EXEC_BASE, common.usc_exec_base)
        .set(r::HELPER_BINARY, command.helper.binary)
        .set(r::HELPER_DATA, command.helper.data)
        .set(r::HELPER_CFG, command.helper.cfg)
        .set(r::UNK_1A440, r::UNK_1A440_VALUE)
        .set(r::UNK_12091, 0u64);
}

#[inline(always)]
fn write_start<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let of = sequence::Place::new(sequence.abi(), place.command);
    let mut start = memory.operation::<StartCompute>(sequence.abi(), 0)?;
    start
        .set(StartCompute::HEADER, StartCompute::HEADER_VALUE)
        .set(StartCompute::UNK_POINTER, of.field(RunCompute::UNK_POINTEE))
        .set(StartCompute::JOB_PARAMS1, of.find(RunCompute::JOB_PARAMS1))
        .put(StartCompute::REGISTERS, of.find(RunCompute::REGISTERS))
        .set(StartCompute::STATS, common.stats)
        .set(StartCompute::QUEUE, common.queue_info)
        .set(StartCompute::UNK_28, 1)
        .set(StartCompute::EVENT_GENERATION, common.queue)
        .set(StartCompute::JOB_PARAMS2, of.field(RunCompute::JOB_PARAMS2))
        .put(StartCompute::UNK_FLAG, of.find(RunCompute::UNK_FLAG))
        .put(StartCompute::NOTIFIER_BUF, common.notifier_unk_buf);

    put_attachments(
        command.attachments,
        &mut start,
        StartCompute::ATTACHMENTS,
        StartCompute::ATTACHMENT_COUNT,
    );
    Ok(())
}

#[inline(always)]
fn write_finalize<M: Memory>(
    command: &Compute<'_>,
    common: &Common,
    place: &Place,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let of = sequence::Place::new(sequence.abi(), place.command);
    let attachments = !command.attachments.is_empty();
    memory
        .operation(sequence.abi(), sequence.finalize())?
        .set(FinalizeCompute::HEADER, FinalizeCompute::HEADER_VALUE)
        .set(FinalizeCompute::STATS, common.stats)
        .set(FinalizeCompute::QUEUE, common.queue_info)
        .set(
            FinalizeCompute::JOB_PARAMS2,
            of.field(RunCompute::JOB_PARAMS2),
        )
        .set(
            FinalizeCompute::RESTART_BRANCH_OFFSET,
            sequence.restart_branch_offset(),
        )
        .set(FinalizeCompute::HAS_ATTACHMENTS, u32::from(attachments))
        .put(FinalizeCompute::UNK_FLAG, of.find(RunCompute::UNK_FLAG));
    Ok(())
}

/// Completes a command that [`describe`] has written.
pub(crate) fn write_turn<M: Memory>(
    turn: &Turn,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    sequence.abi().specialised(Completion {
        turn,
        sequence,
        memory,
    })
}

/// Arguments of [`write_turn`].
struct Completion<'a, M> {
    turn: &'a Turn,
    sequence: Sequence,
    memory: &'a mut M,
}

impl<M: Memory> Specialised for Completion<'_, M> {
    type Output = Result<(), M::Error>;

    #[inline(never)]
    fn run<const ABI: usize>(self) -> Self::Output {
        let Self { turn, memory, .. } = self;
        let abi = Abi::nth(ABI);
        let sequence = self.sequence.known::<StartCompute, FinalizeCompute>(abi);

        let mut out = memory.command::<RunCompute>(abi)?;
        out.put(RunCompute::COUNTER, turn.counter)
            .set(RunCompute::VM_SLOT, turn.vm_slot);
        turn.write_meta(out.part(RunCompute::META));

        memory
            .operation(abi, 0)?
            .set(StartCompute::VM_SLOT, turn.vm_slot)
            .set(StartCompute::EVENT_SEQ, turn.event_seq)
            .put(StartCompute::COUNTER, turn.counter);

        memory
            .operation(abi, sequence.finalize())?
            .set(FinalizeCompute::VM_SLOT, turn.vm_slot)
            .set(FinalizeCompute::FW_STAMP, turn.firmware_stamp)
            .set(FinalizeCompute::STAMP_VALUE, turn.value);
        Ok(())
    }
}

#[cfg(test)]
#[path = "compute_tests.rs"]
mod tests;

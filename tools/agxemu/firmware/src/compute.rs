// SPDX-License-Identifier: MIT OR Apache-2.0

//! The RunCompute command, checked field by field.

use agx_abi::channel::PipeKind;
use agx_abi::compute::{JobParameters1, JobParameters2, RunCompute};
use agx_abi::uat::Protection;
use agx_abi::Value;

use crate::chip::Chip;
use crate::init::Init;
use crate::memory::{Memory, Record};
use crate::panic::{ensure, Fw};
use crate::work::{Fields, Work};

/// Tag of the command.
pub const TAG: u32 = RunCompute::TAG_VALUE;

const FIELDS: Fields<RunCompute> = Fields {
    counter: RunCompute::COUNTER,
    vm_slot: RunCompute::VM_SLOT,
    notifier: RunCompute::NOTIFIER,
    microsequence: RunCompute::MICROSEQUENCE,
    microsequence_size: RunCompute::MICROSEQUENCE_SIZE,
    encoder: RunCompute::ENCODER_PARAMS,
    meta: RunCompute::META,
    command_time: RunCompute::COMMAND_TIME,
    timestamps: RunCompute::TIMESTAMPS,
    user_timestamps: RunCompute::USER_TIMESTAMPS,
    client_sequence: RunCompute::CLIENT_SEQUENCE,
    unk_ts: RunCompute::CONTEXT_STORE_REQ,
};

/// A compute command.
#[derive(Clone, Debug)]
pub struct Compute {
    /// What all commands have.
    pub work: Work,
    /// Control stream.
    pub stream: u64,
    /// Base of shader code.
    pub usc_base: u64,
}

impl Compute {
    /// Reads the command at `va` of the user queue `uuid`.
    pub fn read(mem: &Memory, chip: &Chip, init: &Init, va: u64, uuid: u32) -> Fw<Self> {
        let what = "compute command";
        let size = RunCompute::size_in(mem.abi);
        // The GPU fetches parameters from the command itself, so it has to be able to read it.
        mem.expect(what, va, size as u64, &[Protection::GPU_RO_FW_PRIV_RW])?;
        let r = mem.record(what, va, size)?;
        r.want("tag", RunCompute::TAG, TAG)?;
        r.want("word 0xc", RunCompute::UNK_4, 0)?;
        let parameters = r.present("parameters 1", RunCompute::JOB_PARAMS1)?;
        r.zero(r.offset(RunCompute::UNK_POINTEE)..r.offset(parameters))?;
        let work = Work::read(mem, init, &r, PipeKind::Compute, uuid, &FIELDS)?;
        let (preempt, stream, usc_base) = parameters1(mem, chip, &r, work.vm_slot)?;
        parameters2(&r, preempt)?;
        r.zero(r.end(RunCompute::CLIENT_SEQUENCE)..size)?;
        Ok(Self {
            work,
            stream,
            usc_base,
        })
    }
}

fn parameters1(mem: &Memory, chip: &Chip, r: &Record, slot: u8) -> Fw<(u64, u64, u64)> {
    let p = r.present("parameters 1", RunCompute::JOB_PARAMS1)?;
    let preempt = r.get(p.then(JobParameters1::PREEMPT1));
    let size = chip.compute_preempt;
    let usual = &[Protection::GPU_SHARED_RW, Protection::GPU_FW_PRIV_RW];
    mem.expect_in(slot, "preemption buffer", preempt, size + 0x20, usual)?;
    let parts = [
        JobParameters1::PREEMPT2,
        JobParameters1::PREEMPT3,
        JobParameters1::PREEMPT4,
        JobParameters1::PREEMPT5,
    ];
    for (i, part) in parts.into_iter().enumerate() {
        let name = format!("preemption buffer part {}", i + 2);
        r.want(&name, p.then(part), preempt + size + 8 * i as u64)?;
    }
    // Constants of unknown meaning, as every driver writes them.
    let unk_38 = JobParameters1::UNK_38_VALUE;
    r.want("parameter 0x38", p.then(JobParameters1::UNK_38), unk_38)?;
    r.want("parameter 0x44", p.then(JobParameters1::UNK_44), 0)?;
    r.want("parameter 0x54", p.then(JobParameters1::UNK_54), 0)?;
    r.want("parameter 0x58", p.then(JobParameters1::UNK_58), 1)?;
    r.want("parameter 0x5c", p.then(JobParameters1::UNK_5C), 0)?;
    let helper = r.get(p.then(JobParameters1::UNK_40));
    ensure!(
        matches!(helper, 0 | 0x1c),
        "{r}: parameter 0x60 is {helper:#x}"
    );
    r.zero(r.end(p.then(JobParameters1::UNK_40))..r.offset(RunCompute::MICROSEQUENCE))?;
    let stream = r.get(p.then(JobParameters1::CDM_CTRL_STREAM_BASE));
    ensure!(stream != 0, "{r}: no control stream");
    Ok((
        preempt,
        stream,
        r.get(p.then(JobParameters1::USC_EXEC_BASE)),
    ))
}

fn parameters2(r: &Record, preempt: u64) -> Fw<()> {
    let p = RunCompute::JOB_PARAMS2;
    r.zero(r.offset(p)..r.offset(p.then(JobParameters2::PREEMPT1)))?;
    r.want(
        "second preemption buffer",
        p.then(JobParameters2::PREEMPT1),
        preempt,
    )?;
    r.zero(r.end(p.then(JobParameters2::CDM_CTRL_STREAM_END))..r.end(p))
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The RunCompute command, checked field by field.

use agx_abi::channel::PipeKind;
use agx_abi::compute::{JobParameters1, JobParameters2, RunCompute};
use agx_abi::registers::compute as registers;
use agx_abi::uat::Protection;
use agx_abi::Value;

use crate::chip::Chip;
use crate::init::Init;
use crate::memory::{Memory, Record};
use crate::panic::{ensure, Fw};
use crate::parameters::{Parameters, Registers};
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
        let list = Registers::read(&r, RunCompute::REGISTERS, RunCompute::REGISTER_INFO)?;
        let first = RunCompute::JOB_PARAMS1.offset_in(mem.abi);
        let first = first.or(RunCompute::REGISTERS.offset_in(mem.abi));
        r.zero(r.offset(RunCompute::UNK_POINTEE)..first.unwrap_or(size))?;
        let work = Work::read(mem, init, &r, PipeKind::Compute, uuid, &FIELDS)?;
        let (preempt, stream, usc_base) = parameters1(mem, chip, &r, list.as_ref(), work.vm_slot)?;
        parameters2(&r, preempt)?;
        if let Some(list) = list {
            list.finish()?;
        }
        r.zero(r.end(RunCompute::CLIENT_SEQUENCE)..size)?;
        Ok(Self {
            work,
            stream,
            usc_base,
        })
    }
}

fn parameters1(
    mem: &Memory,
    chip: &Chip,
    r: &Record,
    list: Option<&Registers>,
    slot: u8,
) -> Fw<(u64, u64, u64)> {
    type P = JobParameters1;
    let p = Parameters::new(r, "parameters 1", RunCompute::JOB_PARAMS1, list)?;
    let preempt = p.get(P::PREEMPT1, registers::PREEMPT1)?;
    let size = chip.compute_preempt;
    let usual = &[Protection::GPU_SHARED_RW, Protection::GPU_FW_PRIV_RW];
    mem.expect_in(slot, "preemption buffer", preempt, size + 0x20, usual)?;
    let parts = [
        (P::PREEMPT2, registers::PREEMPT2),
        (P::PREEMPT3, registers::PREEMPT3),
        (P::PREEMPT4, registers::PREEMPT4),
        (P::PREEMPT5, registers::PREEMPT5),
    ];
    for (i, (part, register)) in parts.into_iter().enumerate() {
        let name = format!("preemption buffer part {}", i + 2);
        p.want(&name, part, register, preempt + size + 8 * i as u64)?;
    }
    // Any helper will do.
    p.word(P::HELPER_BINARY, registers::HELPER_BINARY)?;
    p.get(P::HELPER_DATA, registers::HELPER_DATA)?;
    p.word(P::HELPER_CFG, registers::HELPER_CFG)?;
    // Constants of unknown meaning, as every driver writes them.
    if let Some(p) = p.structure() {
        r.want("parameter 0x38", p.then(P::UNK_38), P::UNK_38_VALUE)?;
        r.want("parameter 0x44", p.then(P::UNK_44), 0)?;
        r.want("parameter 0x54", p.then(P::UNK_54), 0)?;
        r.want("parameter 0x58", p.then(P::UNK_58), 1)?;
        r.want("parameter 0x5c", p.then(P::UNK_5C), 0)?;
        let helper = r.get(p.then(P::UNK_40));
        ensure!(
            matches!(helper, 0 | 0x1c),
            "{r}: parameter 0x60 is {helper:#x}"
        );
        r.zero(r.end(p.then(P::UNK_40))..r.offset(RunCompute::MICROSEQUENCE))?;
    }
    if let Some(list) = p.list() {
        list.want(&[
            (registers::UNK_1A440, registers::UNK_1A440_VALUE.into()),
            (registers::UNK_12091, 0),
        ])?;
        let info = r.present("register information", RunCompute::REGISTER_INFO)?;
        r.zero_between(info, RunCompute::MICROSEQUENCE)?;
    }
    let stream = p.get(P::CDM_CTRL_STREAM_BASE, registers::CDM_CTRL_STREAM_BASE)?;
    ensure!(stream != 0, "{r}: no control stream");
    let usc_base = p.get(P::USC_EXEC_BASE, registers::USC_EXEC_BASE)?;
    Ok((preempt, stream, usc_base))
}

fn parameters2(r: &Record, preempt: u64) -> Fw<()> {
    type P = JobParameters2;
    let p = RunCompute::JOB_PARAMS2;
    r.zero(r.offset(p)..r.offset(p.then(P::PREEMPT1)))?;
    r.want("second preemption buffer", p.then(P::PREEMPT1), preempt)?;
    let word = p.then(P::UNK_54);
    r.zero_between(p.then(P::CDM_CTRL_STREAM_END), word)?;
    match P::UNK_54_VALUE.of(r.abi()) {
        0 => r.zeros(&[word])?,
        value => r.want("parameter 0x58", word, value as u32)?,
    }
    r.zero(r.end(word)..r.end(p))
}

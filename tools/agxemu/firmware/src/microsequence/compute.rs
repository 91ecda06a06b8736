// SPDX-License-Identifier: MIT OR Apache-2.0

//! The operations of compute commands.

use agx_abi::compute::RunCompute;
use agx_abi::microsequence::{FinalizeCompute, StartCompute};

use super::{attachments, restart, sequence, tail, Owner, Start};
use crate::memory::{Memory, Record};
use crate::panic::Fw;
use crate::work::Work;

/// Checks a start operation, and returns the number of its attachments.
pub(super) fn check_start(mem: &Memory, r: &Record, cmd: &Work, owner: Owner) -> Fw<u32> {
    type S = StartCompute;
    r.want(
        "unk_pointer",
        S::UNK_POINTER,
        cmd.field(RunCompute::UNK_POINTEE),
    )?;
    r.want(
        "parameters 1",
        S::JOB_PARAMS1,
        cmd.find(RunCompute::JOB_PARAMS1),
    )?;
    r.want_if("registers", S::REGISTERS, cmd.find(RunCompute::REGISTERS))?;
    r.want("statistics", S::STATS, owner.stats)?;
    r.want("queue", S::QUEUE, owner.info)?;
    r.want("vm slot", S::VM_SLOT, cmd.vm_slot.into())?;
    r.want("word 0x28", S::UNK_28, 1)?;
    mem.usual(r, "event generation", S::EVENT_GENERATION, owner.uuid);
    sequence(r, r.get(S::EVENT_SEQ), cmd)?;
    r.want("word 0x38", S::UNK_38, 0)?;
    r.want(
        "parameters 2",
        S::JOB_PARAMS2,
        cmd.field(RunCompute::JOB_PARAMS2),
    )?;
    r.want("word 0x44", S::UNK_44, 0)?;
    mem.usual(r, "uuid of StartCompute", S::UUID, 0);
    let count = attachments(r, S::ATTACHMENTS, S::ATTACHMENT_COUNT)?;
    let flag = S::UNK_FLAG.present(mem.abi);
    let behind = flag.map_or(r.size(), |flag| r.offset(flag));
    r.zero(r.end(S::ATTACHMENT_COUNT)..behind)?;
    r.want_if("flag", S::UNK_FLAG, cmd.find(RunCompute::UNK_FLAG))?;
    tail(r, cmd, S::COUNTER, S::NOTIFIER_BUF)?;
    Ok(count)
}

/// Checks a finish operation.
pub(super) fn check_finalize(
    mem: &Memory,
    r: &Record,
    cmd: &Work,
    owner: Owner,
    start: Start,
) -> Fw<()> {
    type F = FinalizeCompute;
    r.want("statistics", F::STATS, owner.stats)?;
    r.want("queue", F::QUEUE, owner.info)?;
    r.want("vm slot", F::VM_SLOT, cmd.vm_slot.into())?;
    r.want(
        "parameters 2",
        F::JOB_PARAMS2,
        cmd.field(RunCompute::JOB_PARAMS2),
    )?;
    r.zero_between(F::JOB_PARAMS2, F::UUID)?;
    mem.usual(r, "uuid of FinalizeCompute", F::UUID, 0);
    r.zero_between(F::UUID, F::FW_STAMP)?;
    r.want("firmware stamp", F::FW_STAMP, cmd.stamps.fw)?;
    r.want("stamp value", F::STAMP_VALUE, cmd.stamps.value)?;
    r.zero_between(F::STAMP_VALUE, F::RESTART_BRANCH_OFFSET)?;
    restart(r, F::RESTART_BRANCH_OFFSET, F::HAS_ATTACHMENTS, start)?;
    let Some(flag) = F::UNK_FLAG.present(mem.abi) else {
        return r.zero(r.end(F::HAS_ATTACHMENTS)..r.size());
    };
    r.zero_between(F::HAS_ATTACHMENTS, flag)?;
    r.want("flag", flag, cmd.find(RunCompute::UNK_FLAG))?;
    r.zero(r.end(flag)..r.size())
}

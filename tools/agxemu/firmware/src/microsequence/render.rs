// SPDX-License-Identifier: MIT OR Apache-2.0

//! The operations of both halves of a render.

use agx_abi::fragment::RunFragment;
use agx_abi::microsequence::{FinalizeFragment, FinalizeVertex, StartFragment, StartVertex};
use agx_abi::vertex::RunVertex;

use super::{attachments, restart, sequence, tail, Owner, Start};
use crate::fragment::Fragment;
use crate::memory::{Memory, Record};
use crate::panic::Fw;
use crate::vertex::Vertex;

/// Checks a start operation, and returns the number of its attachments.
pub(super) fn check_start_vertex(mem: &Memory, r: &Record, cmd: &Vertex, owner: Owner) -> Fw<u32> {
    type S = StartVertex;
    let work = &cmd.work;
    for (name, field, want) in [
        (
            "tiling parameters",
            S::TILING_PARAMS,
            work.find(RunVertex::TILING_PARAMS),
        ),
        (
            "parameters 1",
            S::JOB_PARAMS1,
            work.find(RunVertex::JOB_PARAMS1),
        ),
        ("buffer information", S::BUFFER, cmd.target.info),
        ("scene", S::SCENE, cmd.target.scene),
        ("statistics", S::STATS, owner.stats + S::STATS_OFFSET),
        ("queue", S::QUEUE, owner.info),
        (
            "unk_pointer",
            S::UNK_POINTER,
            work.field(RunVertex::UNK_POINTEE),
        ),
        (
            "unk_job_buf",
            S::UNK_JOB_BUF,
            work.field(RunVertex::UNK_BUF_0),
        ),
    ] {
        r.want(name, field, want)?;
    }
    r.want_if("registers", S::REGISTERS, work.find(RunVertex::REGISTERS))?;
    r.want("vm slot", S::VM_SLOT, work.vm_slot.into())?;
    r.want("word 0x38", S::UNK_38, 1)?;
    mem.usual(r, "event generation", S::EVENT_GENERATION, owner.uuid);
    r.want("buffer slot", S::BUFFER_SLOT, cmd.buffer_slot)?;
    sequence(r, r.get(S::EVENT_SEQ), work)?;
    r.zeros(&[S::UNK_44, S::UNK_50, S::UNK_64, S::UNK_68, S::PADDING])?;
    mem.usual(r, "uuid of StartVertex", S::UUID, 0);
    let alone = u32::from(!cmd.is_shared);
    r.want_if("no clustering", S::NO_CLUSTERING, alone)?;
    tail(r, work, S::COUNTER, S::NOTIFIER_BUF)?;
    attachments(r, S::ATTACHMENTS, S::ATTACHMENT_COUNT)
}

/// Checks a finish operation.
pub(super) fn check_finalize_vertex(
    mem: &Memory,
    r: &Record,
    cmd: &Vertex,
    owner: Owner,
    start: Start,
) -> Fw<()> {
    type F = FinalizeVertex;
    let work = &cmd.work;
    r.zero_gaps::<F>(0)?;
    for (name, field, want) in [
        ("scene", F::SCENE, cmd.target.scene),
        ("buffer information", F::BUFFER, cmd.target.info),
        (
            "statistics",
            F::STATS,
            owner.stats + StartVertex::STATS_OFFSET,
        ),
        ("queue", F::QUEUE, owner.info),
        (
            "unk_pointer",
            F::UNK_POINTER,
            work.field(RunVertex::UNK_POINTEE),
        ),
        ("firmware stamp", F::FW_STAMP, work.stamps.fw),
    ] {
        r.want(name, field, want)?;
    }
    r.want("vm slot", F::VM_SLOT, work.vm_slot.into())?;
    r.zeros(&[F::UNK_28, F::UNK_34])?;
    mem.usual(r, "uuid of FinalizeVertex", F::UUID, 0);
    r.want("stamp value", F::STAMP_VALUE, work.stamps.value)?;
    restart(r, F::RESTART_BRANCH_OFFSET, F::HAS_ATTACHMENTS, start)
}

/// Checks a start operation, and returns the number of its attachments.
pub(super) fn check_start_fragment(
    mem: &Memory,
    r: &Record,
    cmd: &Fragment,
    owner: Owner,
) -> Fw<u32> {
    type S = StartFragment;
    let work = &cmd.work;
    let overflows = RunFragment::TVB_OVERFLOW_COUNT;
    for (name, field, want) in [
        (
            "parameters 2",
            S::JOB_PARAMS2,
            work.find(RunFragment::JOB_PARAMS2),
        ),
        (
            "parameters 1",
            S::JOB_PARAMS1,
            work.find(RunFragment::JOB_PARAMS1),
        ),
        ("scene", S::SCENE, cmd.target.scene),
        ("statistics", S::STATS, owner.stats + S::STATS_OFFSET),
        (
            "busy flag",
            S::BUSY_FLAG,
            work.field(RunFragment::BUSY_FLAG),
        ),
        (
            "overflow count",
            S::TVB_OVERFLOW_COUNT,
            work.field(overflows),
        ),
        (
            "unk_pointer",
            S::UNK_POINTER,
            work.field(RunFragment::UNK_POINTEE),
        ),
        ("queue", S::QUEUE, owner.info),
        ("work item", S::WORK_ITEM, work.va),
        (
            "flag",
            S::UNK_758_FLAG,
            work.field(RunFragment::UNK_758_FLAG),
        ),
        (
            "unk_job_buf",
            S::UNK_JOB_BUF,
            work.field(RunFragment::UNK_BUF_0),
        ),
    ] {
        r.want(name, field, want)?;
    }
    r.want_if("registers", S::REGISTERS, work.find(RunFragment::REGISTERS))?;
    r.want("vm slot", S::VM_SLOT, work.vm_slot.into())?;
    r.want("word 0x50", S::UNK_50, 1)?;
    mem.usual(r, "event generation", S::EVENT_GENERATION, owner.uuid);
    if let Some(slot) = cmd.buffer_slot {
        r.want("buffer slot", S::BUFFER_SLOT, slot)?;
    }
    r.want("sync grow", S::SYNC_GROW, 0)?;
    sequence(r, r.get(S::EVENT_SEQ), work)?;
    r.want_if("word 0x7c", S::UNK_7C_0, 0)?;
    r.zeros(&[S::UNK_68, S::UNK_7C, S::UNK_80, S::UNK_84, S::PADDING])?;
    mem.usual(r, "uuid of StartFragment", S::UUID, 0);
    tail(r, work, S::COUNTER, S::NOTIFIER_BUF)?;
    attachments(r, S::ATTACHMENTS, S::ATTACHMENT_COUNT)
}

/// Checks a finish operation.
pub(super) fn check_finalize_fragment(
    mem: &Memory,
    r: &Record,
    cmd: &Fragment,
    owner: Owner,
    start: Start,
) -> Fw<()> {
    type F = FinalizeFragment;
    let work = &cmd.work;
    r.zero_gaps::<F>(0)?;
    for (name, field, want) in [
        ("firmware stamp", F::FW_STAMP, work.stamps.fw),
        ("scene", F::SCENE, cmd.target.scene),
        ("buffer information", F::BUFFER, cmd.target.info),
        ("word 0x2c", F::UNK_2C, 1),
        (
            "statistics",
            F::STATS,
            owner.stats + StartFragment::STATS_OFFSET,
        ),
        (
            "unk_pointer",
            F::UNK_POINTER,
            work.field(RunFragment::UNK_POINTEE),
        ),
        (
            "busy flag",
            F::BUSY_FLAG,
            work.field(RunFragment::BUSY_FLAG),
        ),
        ("queue", F::QUEUE, owner.info),
        ("work item", F::WORK_ITEM, work.va),
        (
            "flag",
            F::UNK_758_FLAG,
            work.field(RunFragment::UNK_758_FLAG),
        ),
    ] {
        r.want(name, field, want)?;
    }
    mem.usual(r, "uuid of FinalizeFragment", F::UUID, 0);
    r.zeros(&[F::UNK_8, F::UNK_18, F::UNK_60])?;
    r.want("stamp value", F::STAMP_VALUE, work.stamps.value)?;
    r.want("vm slot", F::VM_SLOT, work.vm_slot.into())?;
    restart(r, F::RESTART_BRANCH_OFFSET, F::HAS_ATTACHMENTS, start)
}

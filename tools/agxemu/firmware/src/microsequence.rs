// SPDX-License-Identifier: MIT OR Apache-2.0

//! Microsequences: the small programs by which the host tells the firmware how to run a command.
//!
//! ```text
//! StartCompute ─► [Timestamp start] ─► WaitForIdle ─► [Timestamp end]
//!              ─► FinalizeCompute ─► RetireStamp
//! ```
//!
//! A sequence is read as a whole and checked against its command before its first op is executed.

use agx_abi::channel::PipeKind;
use agx_abi::compute::{RunCompute, TimestampPointers};
use agx_abi::event::Notifier;
use agx_abi::microsequence::{Attachment, FinalizeCompute, RetireStamp, StartCompute};
use agx_abi::microsequence::{Timestamp, WaitForIdle, MAX_ATTACHMENTS, OPCODE_MASK};
use agx_abi::{Field, Value};

use crate::compute::Compute;
use crate::memory::{at, end, Memory, Record};
use crate::panic::{bail, ensure, Fw};

/// One op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Start the compute data master.
    StartCompute,
    /// Write a start (or end) time.
    Timestamp {
        /// Whether it is the start time.
        start: bool,
    },
    /// Wait until the compute data master is idle.
    WaitForIdle,
    /// The command is done: write the firmware stamp.
    FinalizeCompute,
    /// Write the host stamp; ends the sequence.
    RetireStamp,
}

/// The header of any op.
const HEADER: Field<WaitForIdle, u32> = WaitForIdle::HEADER;

/// What a sequence's queue is, as its ops must name it.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// QueueInfo.
    pub info: u64,
    /// User queue id.
    pub uuid: u32,
    /// Statistics buffer of the stream.
    pub stats: u64,
}

/// Reads the sequence of `cmd` and checks it.
pub fn read(mem: &Memory, cmd: &Compute, owner: Owner) -> Fw<Vec<Op>> {
    let (base, len) = cmd.microsequence;
    let end = base + u64::from(len);
    let mut ops = Vec::new();
    let mut cursor = base;
    let mut start_at = None;
    let mut attachments = 0;
    loop {
        ensure!(
            cursor + 4 <= end,
            "microsequence at {base:#x}: no end within {len:#x} bytes"
        );
        let header = mem.u32(cursor)?;
        let (op, size, name) = match header & OPCODE_MASK {
            WaitForIdle::OPCODE => (Op::WaitForIdle, WaitForIdle::SIZE, "WaitForIdle"),
            RetireStamp::OPCODE => (Op::RetireStamp, RetireStamp::SIZE, "RetireStamp"),
            Timestamp::OPCODE => (
                Op::Timestamp {
                    start: header >> 31 != 0,
                },
                Timestamp::SIZE,
                "Timestamp",
            ),
            StartCompute::OPCODE => (Op::StartCompute, StartCompute::SIZE, "StartCompute"),
            FinalizeCompute::OPCODE => (
                Op::FinalizeCompute,
                FinalizeCompute::SIZE,
                "FinalizeCompute",
            ),
            other => bail!(
                "microsequence at {base:#x}: unknown op {other:#04x} ({header:#010x}) at {cursor:#x}"
            ),
        };
        ensure!(
            cursor + size as u64 <= end,
            "microsequence at {base:#x}: {name} at {cursor:#x} is cut off"
        );
        let r = mem.record(name, cursor, size)?;
        let want = match op {
            Op::WaitForIdle => WaitForIdle::header(PipeKind::Compute),
            Op::RetireStamp => RetireStamp::HEADER_VALUE,
            Op::Timestamp { start: true } => Timestamp::HEADER_START,
            Op::Timestamp { start: false } => Timestamp::HEADER_END,
            Op::StartCompute => StartCompute::HEADER_VALUE,
            Op::FinalizeCompute => FinalizeCompute::HEADER_VALUE,
        };
        r.want("header", HEADER, want)?;
        match op {
            Op::StartCompute => {
                attachments = check_start(mem, &r, cmd, owner)?;
                start_at = Some(cursor);
            }
            Op::Timestamp { start } => check_timestamp(mem, &r, cmd, owner, start)?,
            Op::FinalizeCompute => check_finalize(mem, &r, cmd, owner, start_at, attachments)?,
            Op::WaitForIdle | Op::RetireStamp => {}
        }
        ops.push(op);
        cursor += size as u64;
        if op == Op::RetireStamp {
            break;
        }
    }
    ensure!(
        cursor == end,
        "microsequence at {base:#x}: {:#x} bytes after its end",
        end - cursor
    );
    order(&ops, cmd, base)?;
    Ok(ops)
}

/// The ops must be those that a command of this kind is made of, in their order.
fn order(ops: &[Op], cmd: &Compute, base: u64) -> Fw<()> {
    let mut want = vec![
        Op::StartCompute,
        Op::WaitForIdle,
        Op::FinalizeCompute,
        Op::RetireStamp,
    ];
    if cmd.has_user_timestamps() {
        want.insert(1, Op::Timestamp { start: true });
        want.insert(3, Op::Timestamp { start: false });
    }
    ensure!(
        ops == want,
        "microsequence at {base:#x}: {ops:?}, expected {want:?}"
    );
    Ok(())
}

fn check_start(mem: &Memory, r: &Record, cmd: &Compute, owner: Owner) -> Fw<u32> {
    type S = StartCompute;
    r.want(
        "unk_pointer",
        S::UNK_POINTER,
        cmd.field(RunCompute::UNK_POINTEE),
    )?;
    r.want(
        "parameters 1",
        S::JOB_PARAMS1,
        cmd.field(RunCompute::JOB_PARAMS1),
    )?;
    r.want("statistics", S::STATS, owner.stats)?;
    r.want("queue", S::QUEUE, owner.info)?;
    r.want("vm slot", S::VM_SLOT, cmd.vm_slot.into())?;
    r.want("word 0x28", S::UNK_28, 1)?;
    mem.usual(r, "event generation", S::EVENT_GENERATION, owner.uuid);
    // The command itself has the low half only.
    let sequence = r.get(S::EVENT_SEQ);
    ensure!(
        sequence as u32 == cmd.event_seq,
        "{r}: event sequence {sequence:#x}, the command has {:#x}",
        cmd.event_seq
    );
    r.want("word 0x38", S::UNK_38, 0)?;
    r.want(
        "parameters 2",
        S::JOB_PARAMS2,
        cmd.field(RunCompute::JOB_PARAMS2),
    )?;
    r.want("word 0x44", S::UNK_44, 0)?;
    mem.usual(r, "uuid of StartCompute", S::UUID, 0);
    let count = r.get(S::ATTACHMENT_COUNT);
    ensure!(
        count as usize <= MAX_ATTACHMENTS,
        "{r}: {count} attachments"
    );
    for i in 0..count as usize {
        let a = r.get(S::ATTACHMENTS.at(i));
        let (unk_c, unk_e) = (a.get(Attachment::UNK_C), a.get(Attachment::UNK_E));
        ensure!(
            unk_c == Attachment::UNK_C_VALUE && (1..=6).contains(&unk_e),
            "{r}: attachment {i} has words {unk_c:#x}, {unk_e:#x}"
        );
    }
    let used = S::ATTACHMENTS.offset() + count as usize * Attachment::SIZE;
    r.zero(used..S::ATTACHMENT_COUNT.offset())?;
    r.zero_between(S::ATTACHMENT_COUNT, S::UNK_FLAG)?;
    r.want("flag", S::UNK_FLAG, cmd.field(RunCompute::UNK_FLAG))?;
    r.want("counter", S::COUNTER, cmd.counter)?;
    r.want(
        "notifier tail",
        S::NOTIFIER_BUF,
        at(cmd.notifier, Notifier::UNK_BUF),
    )?;
    Ok(count)
}

fn check_timestamp(mem: &Memory, r: &Record, cmd: &Compute, owner: Owner, first: bool) -> Fw<()> {
    type T = Timestamp;
    let which = if first {
        TimestampPointers::START
    } else {
        TimestampPointers::END
    };
    let update = cmd.field(RunCompute::TIMESTAMPS.then(which));
    r.want(
        "command time",
        T::COMMAND_TIME,
        cmd.field(RunCompute::COMMAND_TIME),
    )?;
    r.want(
        "timestamp pointers",
        T::TIMESTAMPS,
        cmd.field(RunCompute::TIMESTAMPS),
    )?;
    r.want("pointer to update", T::UPDATE, update)?;
    r.want("queue", T::QUEUE, owner.info)?;
    let user = cmd.field(RunCompute::USER_TIMESTAMPS);
    r.want("user timestamp pointers", T::USER_TIMESTAMPS, user)?;
    r.want(
        "context store time",
        T::UNK_TS,
        cmd.field(RunCompute::CONTEXT_STORE_REQ),
    )?;
    mem.usual(r, "uuid of a timestamp", T::UUID, 0);
    r.zero(end(T::UUID)..T::SIZE)
}

fn check_finalize(
    mem: &Memory,
    r: &Record,
    cmd: &Compute,
    owner: Owner,
    start_at: Option<u64>,
    attachments: u32,
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
    let offset = r.get(F::RESTART_BRANCH_OFFSET);
    let target = r.va.wrapping_add_signed(offset.into());
    ensure!(
        start_at == Some(target),
        "{r}: restarts at {target:#x}, the start operation is at {start_at:x?}"
    );
    // Bits 2 and 3 select error handling.
    let has = r.get(F::HAS_ATTACHMENTS);
    let want = u32::from(attachments != 0);
    ensure!(
        has & !0xc == want,
        "{r}: has_attachments {has:#x} with {attachments} attachments"
    );
    r.zero_between(F::HAS_ATTACHMENTS, F::UNK_FLAG)?;
    r.want("flag", F::UNK_FLAG, cmd.field(RunCompute::UNK_FLAG))?;
    r.zero(end(F::UNK_FLAG)..F::SIZE)
}

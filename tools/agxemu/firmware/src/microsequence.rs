// SPDX-License-Identifier: MIT OR Apache-2.0

//! Microsequences: the small programs by which the host tells the firmware how to run a command.
//!
//! ```text
//! StartCompute ─► [Timestamp start] ─► WaitForIdle ─► [Timestamp end] ─► FinalizeCompute ─► RetireStamp
//! ```
//!
//! A sequence is read as a whole and checked against its command before its first op is executed.

use crate::abi::{attachment, timestamp_op as ts};
use crate::abi::{finalize_compute as fin, notifier, run_compute as rc, start_compute as start};
use crate::compute::Compute;
use crate::memory::{Memory, Record};
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

/// WaitForIdle for the compute pipe.
const WAIT: u32 = 0x01 | (0x8000 << 8);
const RETIRE: u32 = 0x18 | 0x4000_0000;
const TIMESTAMP_END: u32 = 0x19;
const TIMESTAMP_START: u32 = 0x19 | 0x8000_0000;
const START_COMPUTE: u32 = 0x29;
const FINALIZE_COMPUTE: u32 = 0x2a;

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
    let mut at = base;
    let mut start_at = None;
    let mut attachments = 0;
    loop {
        ensure!(
            at + 4 <= end,
            "microsequence at {base:#x}: no end within {len:#x} bytes"
        );
        let header = mem.u32(at)?;
        let (op, size, name) = match header & 0x3f {
            0x01 => (Op::WaitForIdle, 4, "WaitForIdle"),
            0x18 => (Op::RetireStamp, 4, "RetireStamp"),
            0x19 => (
                Op::Timestamp {
                    start: header >> 31 != 0,
                },
                ts::SIZE,
                "Timestamp",
            ),
            0x29 => (Op::StartCompute, start::SIZE, "StartCompute"),
            0x2a => (Op::FinalizeCompute, fin::SIZE, "FinalizeCompute"),
            other => bail!(
                "microsequence at {base:#x}: unknown op {other:#04x} ({header:#010x}) at {at:#x}"
            ),
        };
        ensure!(
            at + size as u64 <= end,
            "microsequence at {base:#x}: {name} at {at:#x} is cut off"
        );
        let r = mem.record(name, at, size)?;
        let want = match op {
            Op::WaitForIdle => WAIT,
            Op::RetireStamp => RETIRE,
            Op::Timestamp { start: true } => TIMESTAMP_START,
            Op::Timestamp { start: false } => TIMESTAMP_END,
            Op::StartCompute => START_COMPUTE,
            Op::FinalizeCompute => FINALIZE_COMPUTE,
        };
        r.word("header", 0, want)?;
        match op {
            Op::StartCompute => {
                attachments = check_start(&r, cmd, owner)?;
                start_at = Some(at);
            }
            Op::Timestamp { start } => check_timestamp(&r, cmd, owner, start)?,
            Op::FinalizeCompute => check_finalize(&r, cmd, owner, start_at, attachments)?,
            Op::WaitForIdle | Op::RetireStamp => {}
        }
        ops.push(op);
        at += size as u64;
        if op == Op::RetireStamp {
            break;
        }
    }
    ensure!(
        at == end,
        "microsequence at {base:#x}: {:#x} bytes after its end",
        end - at
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

fn check_start(r: &Record, cmd: &Compute, owner: Owner) -> Fw<u32> {
    r.pointer(
        "unk_pointee",
        start::UNK_POINTEE,
        cmd.field(rc::UNK_POINTEE),
    )?;
    r.pointer("parameters 1", start::PARAMS1, cmd.field(rc::PARAMS1))?;
    r.pointer("statistics", start::STATS, owner.stats)?;
    r.pointer("queue", start::QUEUE, owner.info)?;
    r.word("vm slot", start::VM_SLOT, cmd.vm_slot.into())?;
    r.word("word 0x28", start::UNK_28, 1)?;
    r.word("event generation", start::GENERATION, owner.uuid)?;
    r.word("event sequence", start::EVENT_SEQ, cmd.event_seq)?;
    r.zero(start::UNK_38..start::UNK_38 + 4)?;
    r.pointer("parameters 2", start::PARAMS2, cmd.field(rc::PARAMS2))?;
    r.zero(start::UNK_44..start::ATTACHMENTS)?;
    let count = r.u32(start::ATTACHMENT_COUNT);
    ensure!(count <= 16, "{r}: {count} attachments");
    for i in 0..count as usize {
        let at = start::ATTACHMENTS + i * attachment::SIZE;
        let (lines, unk_c, unk_e) = (r.u32(at + 8), r.u16(at + 12), r.u16(at + 14));
        ensure!(
            lines != 0 && unk_c == 0x17 && (1..=6).contains(&unk_e),
            "{r}: attachment {i} is {lines:#x} lines, {unk_c:#x}, {unk_e:#x}"
        );
    }
    r.zero(start::ATTACHMENTS + count as usize * attachment::SIZE..start::ATTACHMENT_COUNT)?;
    r.zero(start::PAD..start::UNK_FLAG)?;
    r.pointer("flag", start::UNK_FLAG, cmd.field(rc::UNK_FLAG))?;
    r.pointer("counter", start::COUNTER, cmd.counter)?;
    r.pointer(
        "notifier tail",
        start::NOTIFIER_BUF,
        cmd.notifier + notifier::UNK_BUF as u64,
    )?;
    Ok(count)
}

fn check_timestamp(r: &Record, cmd: &Compute, owner: Owner, first: bool) -> Fw<()> {
    r.pointer(
        "command time",
        ts::COMMAND_TIME,
        cmd.field(rc::COMMAND_TIME),
    )?;
    r.pointer(
        "timestamp pointers",
        ts::POINTERS,
        cmd.field(rc::TIMESTAMPS),
    )?;
    let update = cmd.field(rc::TIMESTAMPS) + if first { 0 } else { 8 };
    r.pointer("pointer to update", ts::UPDATE, update)?;
    r.pointer("queue", ts::QUEUE, owner.info)?;
    r.pointer(
        "user timestamp pointers",
        ts::USER_POINTERS,
        cmd.field(rc::USER_TIMESTAMPS),
    )?;
    r.pointer(
        "context store time",
        ts::UNK_TS,
        cmd.field(rc::CONTEXT_STORE),
    )?;
    r.zero(ts::UUID..ts::SIZE)
}

fn check_finalize(
    r: &Record,
    cmd: &Compute,
    owner: Owner,
    start_at: Option<u64>,
    attachments: u32,
) -> Fw<()> {
    r.pointer("statistics", fin::STATS, owner.stats)?;
    r.pointer("queue", fin::QUEUE, owner.info)?;
    r.word("vm slot", fin::VM_SLOT, cmd.vm_slot.into())?;
    r.pointer("parameters 2", fin::PARAMS2, cmd.field(rc::PARAMS2))?;
    r.zero(fin::UNK_24..fin::FW_STAMP)?;
    r.pointer("firmware stamp", fin::FW_STAMP, cmd.stamps.fw)?;
    r.word("stamp value", fin::VALUE, cmd.stamps.value)?;
    r.zero(fin::UNK_38..fin::RESTART)?;
    let target =
        r.va.wrapping_add_signed(i64::from(r.u32(fin::RESTART) as i32));
    ensure!(
        start_at == Some(target),
        "{r}: restarts at {target:#x}, start is at {start_at:x?}"
    );
    // Bits 2 and 3 select error handling.
    let has = r.u32(fin::HAS_ATTACHMENTS);
    let want = u32::from(attachments != 0);
    ensure!(
        has & !0xc == want,
        "{r}: has_attachments {has:#x} with {attachments} attachments"
    );
    r.zero(fin::UNK_64..fin::UNK_FLAG)?;
    r.pointer("flag", fin::UNK_FLAG, cmd.field(rc::UNK_FLAG))?;
    r.zero(fin::PAD..fin::SIZE)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Microsequences: the small programs by which the host tells the firmware how to run a command.
//!
//! ```text
//! Start… ─► [Timestamp start] ─► WaitForIdle ─► [Timestamp end] ─► Finalize… ─► RetireStamp
//! ```
//!
//! A sequence is read as a whole and checked against its command before its first op is executed.

use agx_abi::channel::PipeKind;
use agx_abi::event::Notifier;
use agx_abi::microsequence::{Attachment, FinalizeCompute, RetireStamp, StartCompute};
use agx_abi::microsequence::{FinalizeFragment, FinalizeVertex, StartFragment, StartVertex};
use agx_abi::microsequence::{Timestamp, WaitForIdle, MAX_ATTACHMENTS, OPCODE_MASK};
use agx_abi::{Abi, Everywhere, Field, Opt, Value};

use crate::memory::{Memory, Record};
use crate::panic::{bail, ensure, Fw};
use crate::work::{Command, Work};

mod compute;
mod render;

/// One op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Start the compute data master.
    StartCompute,
    /// Start the vertex data master.
    StartVertex,
    /// Start the fragment half of the GPU.
    StartFragment,
    /// Write a start (or end) time.
    Timestamp {
        /// Whether it is the start time.
        start: bool,
    },
    /// Wait until what was started is idle.
    WaitForIdle,
    /// The command is done: write the firmware stamp.
    FinalizeCompute,
    /// As [`Op::FinalizeCompute`].
    FinalizeVertex,
    /// As [`Op::FinalizeCompute`].
    FinalizeFragment,
    /// Write the host stamp; ends the sequence.
    RetireStamp,
}

impl Op {
    /// Returns the op of version `abi` with `header`, its size and its name.
    fn decode(abi: Abi, header: u32) -> Option<(Self, usize, &'static str)> {
        let opcode = header & OPCODE_MASK;
        if opcode as usize == WaitForIdle::OPCODE.of(abi) {
            return Some((Self::WaitForIdle, WaitForIdle::SIZE, "WaitForIdle"));
        }
        let start = header >> 31 != 0;
        Some(match opcode {
            RetireStamp::OPCODE => (Self::RetireStamp, RetireStamp::SIZE, "RetireStamp"),
            Timestamp::OPCODE => {
                let size = Timestamp::size_in(abi);
                (Self::Timestamp { start }, size, "Timestamp")
            }
            StartCompute::OPCODE => {
                let size = StartCompute::size_in(abi);
                (Self::StartCompute, size, "StartCompute")
            }
            StartVertex::OPCODE => {
                let size = StartVertex::size_in(abi);
                (Self::StartVertex, size, "StartVertex")
            }
            StartFragment::OPCODE => {
                let size = StartFragment::size_in(abi);
                (Self::StartFragment, size, "StartFragment")
            }
            FinalizeCompute::OPCODE => {
                let size = FinalizeCompute::size_in(abi);
                (Self::FinalizeCompute, size, "FinalizeCompute")
            }
            FinalizeVertex::OPCODE => {
                let size = FinalizeVertex::size_in(abi);
                (Self::FinalizeVertex, size, "FinalizeVertex")
            }
            FinalizeFragment::OPCODE => {
                let size = FinalizeFragment::size_in(abi);
                (Self::FinalizeFragment, size, "FinalizeFragment")
            }
            _ => return None,
        })
    }

    /// Returns what its header has to be in a sequence of version `abi` for `kind`.
    fn header(self, abi: Abi, kind: PipeKind) -> u32 {
        match self {
            Self::WaitForIdle => WaitForIdle::header(abi, kind),
            Self::RetireStamp => RetireStamp::HEADER_VALUE,
            Self::Timestamp { start: true } => Timestamp::HEADER_START,
            Self::Timestamp { start: false } => Timestamp::HEADER_END,
            Self::StartCompute => StartCompute::HEADER_VALUE,
            Self::StartVertex => StartVertex::HEADER_VALUE,
            Self::StartFragment => StartFragment::HEADER_VALUE,
            Self::FinalizeCompute => FinalizeCompute::HEADER_VALUE,
            Self::FinalizeVertex => FinalizeVertex::HEADER_VALUE,
            Self::FinalizeFragment => FinalizeFragment::HEADER_VALUE,
        }
    }
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
    /// Statistics of the stream.
    pub stats: u64,
}

/// Reads the sequence of `cmd` and checks it.
pub fn read(mem: &Memory, cmd: &Command, owner: Owner) -> Fw<Vec<Op>> {
    let work = cmd.work();
    let (base, len) = work.microsequence;
    let end = base + u64::from(len);
    let mut ops = Vec::new();
    let mut cursor = base;
    let mut start = Start::default();
    loop {
        ensure!(
            cursor + 4 <= end,
            "microsequence at {base:#x}: no end within {len:#x} bytes"
        );
        let header = mem.u32(cursor)?;
        let Some((op, size, name)) = Op::decode(mem.abi, header) else {
            let other = header & OPCODE_MASK;
            bail!(
                "microsequence at {base:#x}: unknown op {other:#04x} ({header:#010x}) at {cursor:#x}"
            )
        };
        ensure!(
            cursor + size as u64 <= end,
            "microsequence at {base:#x}: {name} at {cursor:#x} is cut off"
        );
        let r = mem.record(name, cursor, size)?;
        r.want("header", HEADER, op.header(mem.abi, work.kind))?;
        match (op, cmd) {
            (Op::StartCompute, Command::Compute(c)) => {
                start = Start::at(&r, compute::check_start(mem, &r, &c.work, owner)?);
            }
            (Op::StartVertex, Command::Vertex(c)) => {
                start = Start::at(&r, render::check_start_vertex(mem, &r, c, owner)?);
            }
            (Op::StartFragment, Command::Fragment(c)) => {
                start = Start::at(&r, render::check_start_fragment(mem, &r, c, owner)?);
            }
            (Op::FinalizeCompute, Command::Compute(c)) => {
                compute::check_finalize(mem, &r, &c.work, owner, start)?;
            }
            (Op::FinalizeVertex, Command::Vertex(c)) => {
                render::check_finalize_vertex(mem, &r, c, owner, start)?;
            }
            (Op::FinalizeFragment, Command::Fragment(c)) => {
                render::check_finalize_fragment(mem, &r, c, owner, start)?;
            }
            (Op::Timestamp { start }, _) => check_timestamp(mem, &r, work, owner, start)?,
            (Op::WaitForIdle | Op::RetireStamp, _) => {}
            _ => bail!("{r}: in the sequence of a {}", work.name()),
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
    order(&ops, work, base)?;
    Ok(ops)
}

/// The ops must be those that a command of this kind is made of, in their order.
fn order(ops: &[Op], work: &Work, base: u64) -> Fw<()> {
    let (start, finalize) = match work.kind {
        PipeKind::Vertex => (Op::StartVertex, Op::FinalizeVertex),
        PipeKind::Fragment => (Op::StartFragment, Op::FinalizeFragment),
        PipeKind::Compute => (Op::StartCompute, Op::FinalizeCompute),
    };
    let mut want = vec![start, Op::WaitForIdle, finalize, Op::RetireStamp];
    if work.has_user_timestamps() {
        want.insert(1, Op::Timestamp { start: true });
        want.insert(3, Op::Timestamp { start: false });
    }
    ensure!(
        ops == want,
        "microsequence at {base:#x}: {ops:?}, expected {want:?}"
    );
    Ok(())
}

/// The start operation of a sequence.
#[derive(Clone, Copy, Debug, Default)]
struct Start {
    /// Where it is.
    at: Option<u64>,
    /// How many attachments it has.
    attachments: u32,
}

impl Start {
    fn at(r: &Record, attachments: u32) -> Self {
        Self {
            at: Some(r.va),
            attachments,
        }
    }
}

/// Checks the attachments at `list`, and returns how many there are.
fn attachments<S: Everywhere>(
    r: &Record,
    list: Field<S, [Attachment; MAX_ATTACHMENTS]>,
    count: Field<S, u32>,
) -> Fw<u32> {
    let attachments = r.get(count);
    ensure!(
        attachments as usize <= MAX_ATTACHMENTS,
        "{r}: {attachments} attachments"
    );
    for i in 0..attachments as usize {
        let a = r.get(list.at(i));
        let (unk_c, unk_e) = (a.get(Attachment::UNK_C), a.get(Attachment::UNK_E));
        ensure!(
            unk_c == Attachment::UNK_C_VALUE && (1..=6).contains(&unk_e),
            "{r}: attachment {i} has words {unk_c:#x}, {unk_e:#x}"
        );
    }
    let used = r.offset(list) + attachments as usize * Attachment::SIZE;
    r.zero(used..r.offset(count))?;
    Ok(attachments)
}

/// Checks the restart of a finish operation, and what it says of attachments.
fn restart<S: Everywhere>(
    r: &Record,
    offset: Field<S, i32>,
    has: Field<S, u32>,
    start: Start,
) -> Fw<()> {
    let target = r.va.wrapping_add_signed(r.get(offset).into());
    ensure!(
        start.at == Some(target),
        "{r}: restarts at {target:#x}, the start operation is at {:x?}",
        start.at
    );
    // Bits 2 and 3 select error handling.
    let has = r.get(has);
    let want = u32::from(start.attachments != 0);
    ensure!(
        has & !0xc == want,
        "{r}: has_attachments {has:#x} with {} attachments",
        start.attachments
    );
    Ok(())
}

/// Checks the running number of a command.
fn sequence(r: &Record, sequence: u64, work: &Work) -> Fw<()> {
    // The command itself has the low half only.
    ensure!(
        sequence as u32 == work.event_seq,
        "{r}: event sequence {sequence:#x}, the command has {:#x}",
        work.event_seq
    );
    Ok(())
}

/// Returns the address of the notifier's tail, which start operations point to.
fn notifier_tail(work: &Work) -> u64 {
    let offset = Notifier::UNK_BUF.offset_in(work.abi);
    offset.map_or(0, |offset| work.notifier.wrapping_add(offset as u64))
}

/// Checks the running number and the notifier that a start operation names, if it does.
fn tail<S: Everywhere>(
    r: &Record,
    work: &Work,
    counter: Field<S, Opt<u64>>,
    notifier: Field<S, Opt<u64>>,
) -> Fw<()> {
    r.want_if("counter", counter, work.counter.unwrap_or(0))?;
    r.want_if("notifier tail", notifier, notifier_tail(work))
}

fn check_timestamp(mem: &Memory, r: &Record, work: &Work, owner: Owner, first: bool) -> Fw<()> {
    type T = Timestamp;
    let places = &work.places;
    let [pointers, start, end_at] = places.timestamps;
    r.want("command time", T::COMMAND_TIME, places.command_time)?;
    r.want("timestamp pointers", T::TIMESTAMPS, pointers)?;
    r.want(
        "pointer to update",
        T::UPDATE,
        if first { start } else { end_at },
    )?;
    r.want("queue", T::QUEUE, owner.info)?;
    r.want(
        "user timestamp pointers",
        T::USER_TIMESTAMPS,
        places.user_timestamps,
    )?;
    r.want_if("context store time", T::UNK_TS, places.unk_ts)?;
    mem.usual(r, "uuid of a timestamp", T::UUID, 0);
    r.zero(r.end(T::UUID)..r.size())
}

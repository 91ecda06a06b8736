// SPDX-License-Identifier: MIT OR Apache-2.0

//! Work queues as the firmware knows them.
//!
//! ```text
//!            is_new                    last context destroyed
//!  unknown ─────────► idle ◄──────────────────────────► forgotten
//!                      │ ▲
//!           submission │ │ last command done
//!                      ▼ │
//!                    pending ──channel error──► failed ──RecoverChannel──► pending
//! ```
//!
//! A ring is consumed at three places, which follow each other: `limit` is how far the host's
//! submissions reach, `fetched` how far commands were taken up, `done` how far they are finished.

use crate::abi::{context_data, job_list, queue_info as qi, ring_state};
use crate::memory::{Kind, Memory};
use crate::panic::{bail, ensure, field, Fw};

/// Entries of a command ring.
pub const RING: u32 = 0x500;
/// Events that a queue may have open at once.
pub const MAX_EVENTS: u32 = 127;

/// What a queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Vertex = 0,
    Fragment = 1,
    Compute = 2,
}

/// A queue.
#[derive(Debug)]
pub struct Queue {
    /// Address of its QueueInfo.
    pub info: u64,
    /// What it does.
    pub work: Work,
    /// Priority, 0 is the highest.
    pub priority: usize,
    /// Id of the user queue that it is part of.
    pub uuid: u32,
    /// Its GpuContextData.
    pub context: u64,
    state: u64,
    ring: u64,
    /// Next entry to take up.
    pub fetched: u32,
    /// Next entry to finish.
    pub done: u32,
    /// First entry that was not submitted.
    pub limit: u32,
    /// Event slot of the current submissions.
    pub slot: Option<u8>,
    /// Value of the last event taken up since the slot was assigned.
    pub last_value: Option<u32>,
    /// Value that the barriers before the next command promise for it.
    pub promised: Option<u32>,
    /// Number of the last command.
    pub last_sequence: Option<u64>,
    /// Run commands submitted and not finished.
    pub open_events: u32,
    /// Commands with values up to this one are aborted, not run.
    pub abort_to: Option<u32>,
    /// When it was served last, to take turns within a priority.
    pub served: u64,
}

/// The rows of the priority table: p0 (also p1), p2, p3, p4, p5.
const PRIORITY: [(u32, u64, u32, u32, u32); 4] = [
    (0, 0xffff_ffff_ffff_0000, 1, 0, 1),
    (1, 0xffff_ffff_0000_0000, 0, 0, 0),
    (2, 0xffff_0000_0000_0000, 0, 0, 2),
    (3, 0, 0, 0, 3),
];

impl Queue {
    /// Looks at a queue that was never used before.
    pub fn new(mem: &Memory, work: Work, priority: usize, info: u64) -> Fw<Self> {
        mem.expect(
            "queue",
            info,
            qi::SIZE as u64,
            &[Kind::FwPrivRw, Kind::FwSharedRw],
        )?;
        let r = mem.record("queue", info, qi::SIZE)?;
        let state = r.u64(qi::STATE);
        let ring = r.u64(qi::RING);
        let jobs = r.u64(qi::JOB_LIST);
        let context = r.u64(qi::CONTEXT);
        mem.expect(
            &format!("{r}: ring state"),
            state,
            0x60,
            &[Kind::FwSharedRw],
        )?;
        mem.expect(
            &format!("{r}: ring"),
            ring,
            u64::from(RING) * 8,
            &[Kind::FwSharedRw],
        )?;
        mem.expect(
            &format!("{r}: notifier list"),
            jobs,
            0x18,
            &[Kind::FwSharedRw],
        )?;
        mem.expect(
            &format!("{r}: buffer"),
            r.u64(qi::GPU_BUF),
            0x2c18,
            &[Kind::FwPrivRw],
        )?;
        mem.expect(&format!("{r}: context"), context, 0x40, &[Kind::FwSharedRw])?;

        r.zero(qi::RPTR1..qi::EVENT_ID)?;
        for (name, at) in [
            ("event id", qi::EVENT_ID),
            ("word 0x4c", qi::UNK_4C),
            ("word 0x54", qi::UNK_54),
        ] {
            r.word(name, at, u32::MAX)?;
        }
        // Everything behind these fields is the firmware's, and starts as zero.
        r.zero(qi::UNK_58..qi::CONTEXT)?;
        r.zero(qi::CONTEXT + 8..qi::SIZE)?;
        let (p0, p2, p3, p4, p5) = PRIORITY[priority];
        let at = qi::PRIORITY;
        let own = (r.u32(at), r.u32(at + 24));
        // Compute queues may carry the words that keep them from being preempted.
        ensure!(
            own == (p0, p5) || (work == Work::Compute && own == (0, 1)),
            "{r}: priority words {own:?} on a channel of priority {priority}"
        );
        r.word("priority p1", at + 4, p0)?;
        r.pointer("priority p2", at + 8, p2)?;
        r.word("priority p3", at + 16, p3)?;
        r.word("priority p4", at + 20, p4)?;

        let list = mem.record("notifier list", jobs, 0x18)?;
        list.pointer("first", job_list::FIRST, 0)?;
        list.pointer("last", job_list::LAST, jobs)?;
        list.pointer("third pointer", job_list::THIRD, 0)?;
        let c = mem.record("context", context, 0x40)?;
        for (at, want) in [(5, 1), (0x1e, 0xff), (context_data::UNK_23, 2)] {
            field!(c, format!("byte {at:#x}"), c.u8(at), want);
        }
        let s = mem.record("ring state", state, 0x60)?;
        s.word("ring size", ring_state::SIZE, RING)?;
        let fetched = s.u32(ring_state::RPTR);
        ensure!(fetched < RING, "{s}: read pointer {fetched:#x}");
        s.word("done pointer", ring_state::DONE, fetched)?;
        Ok(Self {
            info,
            work,
            priority,
            uuid: r.u32(qi::UUID),
            context,
            state,
            ring,
            fetched,
            done: fetched,
            limit: fetched,
            slot: None,
            last_value: None,
            promised: None,
            last_sequence: None,
            open_events: 0,
            abort_to: None,
            served: 0,
        })
    }

    /// Whether it has nothing to do.
    pub fn is_idle(&self) -> bool {
        self.done == self.limit
    }

    /// Takes a submission in: everything up to `write` belongs to it.
    ///
    /// Returns the tags of the new commands.
    pub fn submit(&mut self, mem: &Memory, write: u32) -> Fw<Vec<u32>> {
        ensure!(
            write < RING,
            "{self}: submitted up to {write:#x}, the ring has {RING:#x} entries"
        );
        let new = distance(self.limit, write);
        let open = distance(self.done, self.limit);
        ensure!(
            open + new < RING,
            "{self}: {new} new commands overrun {open} open ones"
        );
        let wptr = mem.u32(self.state + ring_state::WPTR as u64)?;
        ensure!(wptr < RING, "{self}: write pointer {wptr:#x}");
        ensure!(
            distance(self.limit, wptr) >= new,
            "{self}: submitted up to {write:#x}, the write pointer is only at {wptr:#x}"
        );
        let mut tags = Vec::new();
        for i in 0..new {
            let at = (self.limit + i) % RING;
            let va = self.entry(mem, at)?;
            tags.push(mem.u32(va)?);
        }
        self.limit = write;
        self.status(mem)?;
        Ok(tags)
    }

    /// Address of the command in ring entry `at`.
    pub fn entry(&self, mem: &Memory, at: u32) -> Fw<u64> {
        let va = mem.u64(self.ring + u64::from(at) * 8)?;
        if va == 0 {
            bail!("{self}: ring entry {at:#x} is null");
        }
        Ok(va)
    }

    /// The command that is next, if one was submitted.
    pub fn head(&self, mem: &Memory) -> Fw<Option<u64>> {
        if self.fetched == self.limit {
            return Ok(None);
        }
        self.entry(mem, self.fetched).map(Some)
    }

    /// The head is being worked on.
    pub fn fetch(&mut self, mem: &Memory) -> Fw<()> {
        self.fetched = (self.fetched + 1) % RING;
        mem.set_u32(self.state + ring_state::RPTR as u64, self.fetched)?;
        for at in [qi::RPTR1, qi::RPTR1 + 4, qi::RPTR1 + 8] {
            mem.set_u32(self.info + at as u64, self.fetched)?;
        }
        mem.set_u32(self.info + qi::BUSY as u64, 1)
    }

    /// Everything fetched is finished.
    pub fn finish(&mut self, mem: &Memory) -> Fw<()> {
        self.done = self.fetched;
        mem.set_u32(self.state + ring_state::DONE as u64, self.done)?;
        mem.set_u32(self.info + qi::BUSY as u64, 0)?;
        self.status(mem)
    }

    fn status(&self, mem: &Memory) -> Fw<()> {
        mem.set_u32(
            self.info + qi::HAS_COMMANDS as u64,
            u32::from(!self.is_idle()),
        )?;
        mem.set_u32(
            self.info + qi::IN_FLIGHT as u64,
            distance(self.done, self.limit),
        )
    }

    /// Puts the event slot into the queue's structure.
    pub fn set_slot(&mut self, mem: &Memory, slot: u8) -> Fw<()> {
        self.slot = Some(slot);
        mem.set_u32(self.info + qi::EVENT_ID as u64, slot.into())
    }

    /// The value that the next Run command must carry, given the host stamp of its slot.
    pub fn next_value(&self, host_stamp: u32) -> u32 {
        self.last_value.unwrap_or(host_stamp).wrapping_add(0x100)
    }
}

/// Entries from `from` to `to` in a command ring.
pub fn distance(from: u32, to: u32) -> u32 {
    (to + RING - from) % RING
}

impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} queue {} at {:#x}", self.work, self.uuid, self.info)
    }
}

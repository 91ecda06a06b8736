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

use std::collections::BTreeMap;

use agx_abi::channel::PipeKind;
use agx_abi::event::{NotifierList, STAMP_STEP};
use agx_abi::queue::{self as abi, GpuContextData, Priority, QueueInfo, RingState};
use agx_abi::uat::Protection;
use agx_abi::Value;

use crate::memory::Memory;
use crate::panic::{bail, ensure, Fw, Panic};
use crate::stamps::reached;

/// Entries of a command ring.
pub const RING: u32 = abi::RING_ENTRIES;
/// Events that a queue may have open at once.
pub const MAX_EVENTS: u32 = abi::MAX_IN_FLIGHT;

/// A queue.
#[derive(Debug)]
pub struct Queue {
    /// Address of its QueueInfo.
    pub info: u64,
    /// What it does.
    pub work: PipeKind,
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
    /// Host stamp of that event.
    pub last_stamp: Option<u64>,
    /// Value that the barriers before the next command promise for it.
    pub promised: Option<u32>,
    /// Number of the last command.
    pub last_sequence: Option<u64>,
    /// Run commands submitted and not finished.
    pub open_events: u32,
    /// Commands with values up to this one are aborted, not run.
    pub abort_to: Option<u32>,
    /// Highest value that its barriers have waited for, of each firmware stamp.
    pub waited: BTreeMap<u64, u32>,
    /// When it was served last, to take turns within a priority.
    pub served: u64,
}

impl Queue {
    /// Looks at a queue that was never used before.
    pub fn new(mem: &Memory, work: PipeKind, priority: usize, info: u64) -> Fw<Self> {
        let size = QueueInfo::size_in(mem.abi);
        let either = &[Protection::FW_PRIV_RW, Protection::FW_SHARED_RW];
        mem.expect("queue", info, size as u64, either)?;
        let r = mem.record("queue", info, size)?;
        let state = r.get(QueueInfo::STATE);
        let ring = r.get(QueueInfo::RING);
        let list = r.get(QueueInfo::NOTIFIER_LIST);
        let buffer = r.get(QueueInfo::GPU_BUF);
        let context = r.get(QueueInfo::CONTEXT);
        let part = |name: &str, va: u64, len: usize, usual: Protection| {
            mem.expect(name, va, len as u64, &[usual])
                .map_err(|e| Panic(format!("{r}: {e}")))
        };
        let shared = Protection::FW_SHARED_RW;
        part("ring state", state, <RingState as Value>::SIZE, shared)?;
        part("ring", ring, RING as usize * 8, shared)?;
        part("notifier list", list, NotifierList::SIZE, shared)?;
        part("context", context, GpuContextData::SIZE, shared)?;
        let private = Protection::FW_PRIV_RW;
        part("buffer", buffer, abi::GPU_BUF_SIZE, private)?;

        r.zero(r.offset(QueueInfo::GPU_RPTR1)..r.offset(QueueInfo::EVENT_SLOT))?;
        ensure!(
            r.get(QueueInfo::EVENT_SLOT) == -1,
            "{r}: has an event slot already"
        );
        ensure!(r.get(QueueInfo::UNK_4C) == -1, "{r}: word 0x4c is not -1");
        ensure!(r.get(QueueInfo::UNK_54) == -1, "{r}: word 0x54 is not -1");
        // Everything behind these fields is the firmware's, and starts as zero.
        r.zero(r.offset(QueueInfo::UNK_58)..r.offset(QueueInfo::CONTEXT))?;
        r.zero(r.end(QueueInfo::CONTEXT)..size)?;
        let words = r.get(QueueInfo::PRIORITY);
        // Compute queues may carry the words that keep them from being preempted.
        let fits = words.as_bytes() == Priority::new(priority).as_bytes()
            || work == PipeKind::Compute
                && words.as_bytes() == Priority::new_compute(priority).as_bytes();
        ensure!(
            fits,
            "{r}: priority words {:02x?} at priority {priority}",
            words.as_bytes()
        );

        let l = mem.record("notifier list", list, NotifierList::SIZE)?;
        l.want("first", NotifierList::FIRST, 0)?;
        l.want("last", NotifierList::LAST, list)?;
        l.want("third pointer", NotifierList::UNK_10, 0)?;
        let c = mem.record("context", context, GpuContextData::SIZE)?;
        c.want("byte 5", GpuContextData::UNK_5, 1)?;
        c.want("byte 0x1e", GpuContextData::UNK_1E, 0xff)?;
        c.want("byte 0x23", GpuContextData::UNK_23, 2)?;
        let s = mem.record("ring state", state, <RingState as Value>::SIZE)?;
        s.want("ring size", RingState::SIZE, RING)?;
        let fetched = s.get(RingState::GPU_READ_PTR);
        ensure!(fetched < RING, "{s}: read pointer {fetched:#x}");
        s.want("done pointer", RingState::GPU_DONE_PTR, fetched)?;
        Ok(Self {
            info,
            work,
            priority,
            uuid: r.get(QueueInfo::UUID),
            context,
            state,
            ring,
            fetched,
            done: fetched,
            limit: fetched,
            slot: None,
            last_value: None,
            last_stamp: None,
            promised: None,
            last_sequence: None,
            open_events: 0,
            abort_to: None,
            waited: BTreeMap::new(),
            served: 0,
        })
    }

    /// Returns whether it has nothing to do.
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
        let wptr = mem.u32(mem.at(self.state, RingState::CPU_WRITE_PTR))?;
        ensure!(wptr < RING, "{self}: write pointer {wptr:#x}");
        ensure!(
            distance(self.limit, wptr) >= new,
            "{self}: submitted up to {write:#x}, the write pointer is only at {wptr:#x}"
        );
        let mut tags = Vec::new();
        for i in 0..new {
            let va = self.entry(mem, (self.limit + i) % RING)?;
            tags.push(mem.u32(va)?);
        }
        self.limit = write;
        self.status(mem)?;
        Ok(tags)
    }

    /// Address of the command in ring entry `index`.
    pub fn entry(&self, mem: &Memory, index: u32) -> Fw<u64> {
        let va = mem.u64(self.ring + u64::from(index) * 8)?;
        if va == 0 {
            bail!("{self}: ring entry {index:#x} is null");
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
        mem.set_u32(mem.at(self.state, RingState::GPU_READ_PTR), self.fetched)?;
        for copy in [
            QueueInfo::GPU_RPTR1,
            QueueInfo::GPU_RPTR2,
            QueueInfo::GPU_RPTR3,
        ] {
            mem.set_u32(mem.at(self.info, copy), self.fetched)?;
        }
        mem.set_u32(mem.at(self.info, QueueInfo::BUSY), 1)
    }

    /// Everything fetched is finished.
    pub fn finish(&mut self, mem: &Memory) -> Fw<()> {
        self.done = self.fetched;
        mem.set_u32(mem.at(self.state, RingState::GPU_DONE_PTR), self.done)?;
        mem.set_u32(mem.at(self.info, QueueInfo::BUSY), 0)?;
        self.status(mem)
    }

    fn status(&self, mem: &Memory) -> Fw<()> {
        mem.set_u32(
            mem.at(self.info, QueueInfo::HAS_COMMANDS),
            u32::from(!self.is_idle()),
        )?;
        mem.set_u32(
            mem.at(self.info, QueueInfo::IN_FLIGHT),
            distance(self.done, self.limit),
        )
    }

    /// Puts the event slot into the queue's structure.
    pub fn set_slot(&mut self, mem: &Memory, slot: u8) -> Fw<()> {
        self.slot = Some(slot);
        mem.set_u32(mem.at(self.info, QueueInfo::EVENT_SLOT), slot.into())
    }

    /// A barrier of it has seen `stamp` reach `value`.
    pub fn has_waited(&mut self, stamp: u64, value: u32) {
        let highest = self.waited.entry(stamp).or_insert(value);
        if reached(value, *highest) {
            *highest = value;
        }
    }

    /// Returns whether a barrier of it has seen `stamp` reach `value`.
    pub fn waited_for(&self, stamp: u64, value: u32) -> bool {
        self.waited
            .get(&stamp)
            .is_some_and(|highest| reached(*highest, value))
    }

    /// Returns the value that the next Run command must carry, given its host stamp and what that
    /// holds.
    pub fn next_value(&self, stamp: u64, holds: u32) -> u32 {
        // A stamp that is used for the first time goes on from what the host has put there.
        let last = self.last_value.filter(|_| self.last_stamp == Some(stamp));
        last.unwrap_or(holds).wrapping_add(STAMP_STEP)
    }
}

/// Returns the entries from `from` to `to` in a command ring.
pub fn distance(from: u32, to: u32) -> u32 {
    (to + RING - from) % RING
}

impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} queue {} at {:#x}", self.work, self.uuid, self.info)
    }
}

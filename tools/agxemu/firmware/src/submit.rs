// SPDX-License-Identifier: MIT OR Apache-2.0

//! Submissions: messages in the pipes that say how far a queue may be worked.

use agx_abi::channel::{PipeKind, PipeMessage};
use agx_abi::compute::RunCompute;
use agx_abi::event::SLOTS;
use agx_abi::fragment::RunFragment;
use agx_abi::queue::{QueueInfo, RingState};
use agx_abi::vertex::RunVertex;

use crate::channels::pipe_name;
use crate::compute;
use crate::core::Core;
use crate::fragment;
use crate::memory::Record;
use crate::panic::{bail, ensure, Fw};
use crate::queue::{Queue, MAX_EVENTS, RING};
use crate::report::Log;
use crate::vertex;

/// A pipe message.
struct Message {
    work: PipeKind,
    info: u64,
    write: u32,
    slot: u8,
    is_new: bool,
}

impl Message {
    fn decode(r: &Record, work: PipeKind) -> Fw<Self> {
        r.want("type", PipeMessage::KIND, work as u32)?;
        let slot = r.get(PipeMessage::EVENT_SLOT);
        ensure!((slot as usize) < SLOTS, "{r}: event slot {slot}");
        let is_new = r.get(PipeMessage::IS_NEW);
        ensure!(is_new <= 1, "{r}: is_new is {is_new:#x}");
        r.zero(r.end(PipeMessage::IS_NEW)..r.size())?;
        let write = r.get(PipeMessage::WRITE_PTR);
        Ok(Self {
            work,
            info: r.get(PipeMessage::QUEUE),
            write,
            slot: slot as u8,
            is_new: is_new == 1,
        })
    }
}

impl Core {
    /// Takes all messages of pipe `index` in.
    pub(crate) fn submissions(&mut self, index: usize) -> Fw<()> {
        ensure!(
            self.up,
            "doorbell of {} before Initialize",
            pipe_name(index)
        );
        let work = PipeKind::ALL[index % 3];
        while let Some(r) = self.ch.pipes[index].peek(&self.mem)? {
            let message = Message::decode(&r, work)?;
            self.submission(&message, index / 3)?;
            self.ch.pipes[index].advance(&self.mem)?;
        }
        self.power_on()
    }

    fn submission(&mut self, m: &Message, priority: usize) -> Fw<()> {
        if m.is_new {
            self.new_queue(m, priority)?;
        }
        let info = m.info;
        let owner = self.slots.owner(m.slot);
        if let Some(other) = owner.filter(|owner| *owner != info) {
            if let Some(other) = self.queues.get(&other).filter(|q| !q.is_idle()) {
                bail!(
                    "event slot {} given to {info:#x} while {other} uses it",
                    m.slot
                );
            }
        }
        let Some(queue) = self.queues.get_mut(&info) else {
            bail!("submission to {info:#x}, which is no queue (is_new was never set)");
        };
        ensure!(
            queue.work == m.work && queue.priority == priority,
            "{queue} of priority {} used with {:?} pipe {priority}",
            queue.priority,
            m.work
        );
        if owner != Some(info) || queue.slot != Some(m.slot) {
            ensure!(
                queue.is_idle(),
                "{queue}: moved from event slot {:?} to {} with commands pending",
                queue.slot,
                m.slot
            );
            // A new owner starts from the stamp that the last one left behind.
            queue.last_value = None;
            queue.abort_to = None;
            queue.waited.clear();
            queue.set_slot(&self.mem, m.slot)?;
            self.slots.assign(m.slot, info);
        }
        let tags = queue.submit(&self.mem, m.write)?;
        // Tags 0 to 3 are the commands that do work.
        queue.open_events += tags.iter().filter(|tag| **tag <= compute::TAG).count() as u32;
        let open = queue.open_events;
        ensure!(
            open <= MAX_EVENTS,
            "{queue}: {open} events open, at most {MAX_EVENTS} can be"
        );
        let line = format!("{queue}: {} commands, event slot {}", tags.len(), m.slot);
        self.log(Log::Debug, &line)
    }

    /// Forgets whatever was at the address of a new queue, and looks at it.
    fn new_queue(&mut self, m: &Message, priority: usize) -> Fw<()> {
        if let Some(old) = self.queues.remove(&m.info) {
            ensure!(
                old.is_idle(),
                "{old}: announced as new with commands pending"
            );
            self.slots.release(m.info);
            self.retired.insert(m.info);
        }
        ensure!(
            !self.retired.contains(&m.info),
            "new queue at {:#x} in memory of an older one that was not flushed",
            m.info
        );
        let queue = Queue::new(&self.mem, m.work, priority, m.info)?;
        self.index_context(queue.context)?;
        let line = format!("{queue}: new, priority {priority}");
        self.queues.insert(m.info, queue);
        self.log(Log::Info, &line)
    }

    /// Returns user contexts of the commands in messages that were not taken in yet.
    ///
    /// For captures: anything that does not make sense here will be found when it is taken in.
    pub(crate) fn submitting_contexts(&self) -> Vec<u8> {
        let mut slots = Vec::new();
        for pipe in &self.ch.pipes {
            for r in pipe.waiting(&self.mem).unwrap_or_default() {
                self.contexts_of(
                    r.get(PipeMessage::QUEUE),
                    r.get(PipeMessage::WRITE_PTR),
                    &mut slots,
                );
            }
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn contexts_of(&self, info: u64, write: u32, slots: &mut Vec<u8>) {
        let mem = &self.mem;
        let state = mem.u64(mem.at(info, QueueInfo::STATE));
        let ring = mem.u64(mem.at(info, QueueInfo::RING));
        let (Ok(state), Ok(ring)) = (state, ring) else {
            return;
        };
        let Ok(mut index) = mem.u32(mem.at(state, RingState::GPU_READ_PTR)) else {
            return;
        };
        for _ in 0..RING {
            if index == write || index >= RING {
                break;
            }
            let command = mem.u64(ring.wrapping_add(8 * u64::from(index)));
            let slot = command.and_then(|va| match mem.u32(va)? {
                compute::TAG => mem.u32(mem.at(va, RunCompute::VM_SLOT)),
                vertex::TAG => mem.u32(mem.at(va, RunVertex::VM_SLOT)),
                fragment::TAG => mem.u32(mem.at(va, RunFragment::VM_SLOT)),
                _ => Ok(0),
            });
            if let Ok(slot @ 1..=63) = slot {
                slots.push(slot as u8);
            }
            index = (index + 1) % RING;
        }
    }
}

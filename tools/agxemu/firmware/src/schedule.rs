// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is done next: the choice among queues, and the commands that only order others.
//!
//! One vertex, one fragment and one compute command run at a time. Among queues of a kind whose
//! next command can go ahead, the highest priority wins, and within a priority the one that was
//! served longest ago. Commands of one queue
//! are taken strictly in order, so a barrier that is not met holds up its own queue and no other.

use agx_abi::channel::PipeKind;
use agx_abi::queue::InitBuffer;
use agx_abi::Value;

use crate::command::{self, Barrier, BARRIER, INIT_BUFFER};
use crate::compute;
use crate::core::{Core, Step};
use crate::fragment;
use crate::panic::{bail, ensure, Fw};
use crate::queue::Queue;
use crate::stamps::reached;
use crate::vertex;

impl Core {
    /// Does the next thing.
    pub(crate) fn step(&mut self) -> Fw<Step> {
        let mut next = Step::Idle;
        for kind in PipeKind::ALL {
            let step = match self.streams.is_busy(kind) {
                true => self.advance_active(kind)?,
                false => self.take_up(kind)?,
            };
            match (step, &next) {
                (Step::Progress, _) => return Ok(Step::Progress),
                (Step::Until(at), Step::Until(other)) if at >= *other => {}
                (Step::Until(at), _) => next = Step::Until(at),
                (Step::Idle, _) => {}
            }
        }
        Ok(next)
    }

    /// Takes a command for the idle stream `kind` up, if there is one.
    fn take_up(&mut self, kind: PipeKind) -> Fw<Step> {
        let mut order: Vec<(usize, u64, u64)> = self
            .queues
            .values()
            .filter(|q| q.work == kind && !self.failed.contains_key(&q.info))
            .map(|q| (q.priority, q.served, q.info))
            .collect();
        order.sort_unstable();
        for (_, _, info) in order {
            if self.serve(info)? {
                return Ok(Step::Progress);
            }
        }
        Ok(Step::Idle)
    }

    /// Takes the next command of a queue up, if it can go ahead.
    fn serve(&mut self, info: u64) -> Fw<bool> {
        let Some(queue) = self.queues.get(&info) else {
            return Ok(false);
        };
        let Some(va) = queue.head(&self.mem)? else {
            return Ok(false);
        };
        let work = queue.work;
        match (self.mem.u32(va)?, work) {
            (BARRIER, _) => return self.barrier(info, va),
            (INIT_BUFFER, PipeKind::Vertex) => self.init_buffer(info, va)?,
            (compute::TAG, PipeKind::Compute)
            | (vertex::TAG, PipeKind::Vertex)
            | (fragment::TAG, PipeKind::Fragment) => self.begin(info, va)?,
            (tag, _) => bail!("{queue}: command with tag {tag:#x} at {va:#x}"),
        }
        self.turn += 1;
        let turn = self.turn;
        if let Some(queue) = self.queues.get_mut(&info) {
            queue.served = turn;
        }
        Ok(true)
    }

    fn barrier(&mut self, info: u64, va: u64) -> Fw<bool> {
        let barrier = Barrier::read(&self.mem, va)?;
        self.slots
            .check_wait(&self.mem, barrier.stamp, barrier.slot);
        if !reached(self.mem.u32(barrier.stamp)?, barrier.value) {
            return Ok(false);
        }
        self.objects.add("barrier", va, command::BARRIER_TOUCHED)?;
        if let Some(queue) = self.queues.get_mut(&info) {
            queue.has_waited(barrier.stamp, barrier.value);
        }
        self.pass(info, va, barrier.own)?;
        Ok(true)
    }

    fn init_buffer(&mut self, info: u64, va: u64) -> Fw<()> {
        let context = self.queues.get(&info).map_or(0, |queue| queue.context);
        let set_up = command::init_buffer(&self.mem, va, context)?;
        let blocks = u64::from(set_up.buffer.blocks);
        self.counters.tvb_blocks = self.counters.tvb_blocks.max(blocks);
        self.tvb.set_up(&set_up)?;
        self.objects
            .add("buffer set-up", va, InitBuffer::SIZE as u64)?;
        self.pass(info, va, set_up.value)
    }

    /// A command without an event of its own is done; it belongs to the next one, of `value`.
    fn pass(&mut self, info: u64, va: u64, value: u32) -> Fw<()> {
        let Some(queue) = self.queues.get_mut(&info) else {
            return Ok(());
        };
        ensure!(
            queue.promised.is_none_or(|promised| promised == value),
            "{queue}: command at {va:#x} announces stamp {value:#x}, the one before {:#x?}",
            queue.promised
        );
        queue.promised = Some(value);
        queue.fetch(&self.mem)?;
        queue.finish(&self.mem)?;
        self.objects.finish(va);
        Ok(())
    }

    /// Barriers that wait for something, for those who look for a deadlock.
    pub(crate) fn waiting_barriers(&self) -> Vec<String> {
        let describe = |queue: &Queue| -> Option<String> {
            let va = queue.head(&self.mem).ok()??;
            let b = Barrier::read(&self.mem, va).ok()?;
            let at = self.mem.u32(b.stamp).ok()?;
            Some(format!(
                "{queue} waits for slot {} to reach {:#x}, it is at {at:#x}",
                b.slot, b.value
            ))
        };
        self.queues.values().filter_map(describe).collect()
    }
}

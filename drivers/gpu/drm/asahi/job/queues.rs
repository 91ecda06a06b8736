// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The work queues of a user queue, and how a job is spread over them.
//!
//! ```text
//!   vertex    ─ [barriers] ─ [InitBuffer] ─ RunVertex ─┐
//!   fragment  ─────────────────────────────── barrier ─┴─ RunFragment ─┐
//!   compute   ──────────────────────────────────── [barrier] ──────────┴─ RunCompute
//! ```
//!
//! A barrier on renders waits for their fragment halves, and stands before the vertex half.

use super::{
    barrier::{
        Barriers,
        Wait, //
    },
    compute,
    in_flight::Commands,
    planned::{
        Job,
        Planned, //
    },
    render_queues::{
        turn,
        RenderCell,
        RenderQueues,
        RenderRooms, //
    },
    work_queue::{
        Target,
        WorkQueue, //
    }, //
};
use crate::{
    firmware::{
        Room,
        RoomWait,
        Stamp, //
    },
    slots::Tables, //
};
use core::task::{
    self,
    ready,
    Poll, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Room in the pipes that a job needs.
#[derive(Default)]
pub(super) struct Rooms {
    compute: Option<Room>,
    renders: Option<RenderRooms>,
}

/// The work queues of a user queue.
pub(crate) struct Queues {
    compute: WorkQueue,
    room_wait: RoomWait,
    /// The work queues for renders; `None` before the first render.
    renders: Option<KBox<RenderQueues>>,
    render_cell: Arc<RenderCell>,
    /// Number of the firmware's commands so far: a render is two.
    count: u64,
}

impl Queues {
    /// Returns the queues of a user queue that has no job yet. Those for renders come through
    /// `render_cell`.
    pub(crate) fn new(compute: WorkQueue, render_cell: Arc<RenderCell>) -> Result<Self> {
        Ok(Self {
            compute,
            room_wait: RoomWait::new()?,
            renders: None,
            render_cell,
            count: 0,
        })
    }

    /// Takes room in the pipes for a job with compute commands, or with renders, or both; in all of
    /// them or in none.
    pub(super) fn poll_rooms(
        &mut self,
        computes: bool,
        renders: bool,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<Rooms>> {
        let mut rooms = Rooms::default();
        if computes {
            let room = ready!(self.room_wait.poll(self.compute.pipe(), cx))?;
            rooms.compute = Some(room);
        }
        if renders {
            if self.renders.is_none() {
                self.renders = self.render_cell.take();
            }
            let queues = self.renders.as_mut().ok_or(EINVAL)?;
            rooms.renders = Some(ready!(queues.poll_rooms(cx))?);
        }
        Poll::Ready(Ok(rooms))
    }

    /// Returns whether renders can be handed over, see [`RenderQueues::may_start`].
    pub(super) fn may_render(&self) -> bool {
        self.renders
            .as_ref()
            .is_some_and(|queues| queues.may_start())
    }

    /// Returns whether no slot is missing for a job with compute commands, or with renders, or
    /// both.
    pub(super) fn have_slots(&self, computes: bool, renders: bool) -> bool {
        (!computes || self.compute.is_occupying())
            && (!renders || self.renders.as_ref().is_some_and(|q| q.is_occupying()))
    }

    /// Returns whether `tables` have the slots that are missing, but for the VM's.
    pub(super) fn fit(&self, computes: bool, renders: bool, tables: &Tables) -> bool {
        let mut events = usize::from(computes && !self.compute.is_occupying());
        if let (true, Some(queues)) = (renders, &self.renders) {
            let (has_buffer, more) = queues.needs(tables);
            if !has_buffer {
                return false;
            }
            events += more;
        }
        tables.events.free_count() >= events
    }

    /// Acquires the slots that are missing. `vm_slot`: the slot of the VM.
    pub(super) fn occupy(
        &mut self,
        computes: bool,
        renders: bool,
        tables: &mut Tables,
        vm_slot: u32,
    ) {
        if computes && !self.compute.is_occupying() {
            self.compute.occupy(tables, vm_slot);
        }
        if let (true, Some(queues)) = (renders, &mut self.renders) {
            queues.occupy(tables, vm_slot);
        }
    }

    /// Releases the slots for which nothing is in flight, and returns whether these are all.
    pub(super) fn release_idle(&mut self) -> bool {
        let mut idle = self.compute.release_idle();
        if let Some(renders) = &mut self.renders {
            idle &= renders.release_idle();
        }
        idle
    }

    /// Writes `job` to the rings, for the VM in slot `vm_slot`, and what it has written to
    /// `commands`. Returns the number of commands as the firmware counts.
    pub(super) fn push(&mut self, job: &Job, vm_slot: u32, commands: &mut Commands) -> Result<u64> {
        let start = self.count;
        let before = Before::new(self)?;
        let (mut computes, mut renders) = (0, 0);
        for (barriers, planned) in job.commands.iter() {
            let targets = before.targets(self, barriers)?;
            match planned {
                Planned::Compute(sequence) => {
                    let memory = job.compute.as_ref().ok_or(EINVAL)?;
                    let mut memory = memory.command(computes)?;
                    for (n, target) in targets.into_iter().flatten().enumerate() {
                        let barrier = self.compute.barrier(&target)?;
                        self.compute.push(memory.write_barrier(n, &barrier)?)?;
                    }
                    let turn = turn(&self.compute.issue()?, vm_slot, self.count);
                    self.count += 1;
                    compute::write_turn(&turn, *sequence, &mut memory)?;
                    self.compute.push(memory.va())?;
                    computes += 1;
                }
                Planned::Render(planned) => {
                    let memory = job.renders.as_ref().ok_or(EINVAL)?;
                    let queues = self.renders.as_mut().ok_or(EINVAL)?;
                    queues.push(memory, renders, planned, targets, vm_slot, self.count)?;
                    self.count += 2;
                    renders += 1;
                }
            }
        }
        before.add_commands(self, computes, renders, commands)?;
        Ok(self.count - start)
    }

    /// Sends the messages that announce the written commands to the firmware.
    pub(super) fn send(&mut self, rooms: Rooms) -> Result {
        if let (Some(rooms), Some(queues)) = (rooms.renders, &mut self.renders) {
            queues.send(rooms)?;
        }
        if let Some(room) = rooms.compute {
            let message = self.compute.publish()?;
            room.send(message.encode().as_bytes())?;
        }
        Ok(())
    }
}

/// State of the work queues before a job is written to them.
struct Before {
    /// The last commands that may still be in flight, of renders and compute commands.
    in_flight: [Option<Stamp>; 2],
    /// The values of the job's first commands: compute, fragment, vertex.
    first: [Option<Stamp>; 3],
}

impl Before {
    fn new(queues: &Queues) -> Result<Self> {
        let next = |queue: &WorkQueue| queue.next().ok();
        let renders = queues.renders.as_ref();
        Ok(Self {
            in_flight: [
                renders.and_then(|queues| queues.fragment.in_flight()),
                queues.compute.in_flight(),
            ],
            first: [
                next(&queues.compute),
                renders.and_then(|queues| next(&queues.fragment)),
                renders.and_then(|queues| next(&queues.vertex)),
            ],
        })
    }

    /// Returns what a command with `barriers` waits for.
    fn targets(&self, queues: &Queues, barriers: &Barriers) -> Result<[Option<Target>; 2]> {
        let [compute, fragment, _] = self.first;
        let value = |wait, before, first: Option<Stamp>| match wait {
            Wait::Nothing => Ok(None),
            Wait::Before => Ok(before),
            Wait::Command(n) => first.map(|first| Some(first.forward(n))).ok_or(EINVAL),
        };
        let [render_before, compute_before] = self.in_flight;
        let render = value(barriers.render, render_before, fragment)?;
        let compute = value(barriers.compute, compute_before, compute)?;
        let fragments = || queues.renders.as_ref().ok_or(EINVAL);
        Ok([
            render.map(|value| fragments()?.target(value)).transpose()?,
            compute
                .map(|value| queues.compute.target(value))
                .transpose()?,
        ])
    }

    /// Adds those of a job with as many compute commands and renders to `commands`.
    fn add_commands(
        &self,
        queues: &Queues,
        computes: usize,
        renders: usize,
        commands: &mut Commands,
    ) -> Result {
        let [compute, fragment, vertex] = self.first;
        if computes > 0 {
            commands.add(queues.compute.slot()?, compute.ok_or(EINVAL)?);
        }
        if renders > 0 {
            let halves = queues.renders.as_ref().ok_or(EINVAL)?;
            commands.add(halves.vertex.slot()?, vertex.ok_or(EINVAL)?);
            commands.add(halves.fragment.slot()?, fragment.ok_or(EINVAL)?);
        }
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The hardware's side of a user queue: from a job whose turn has come to its completion.
//!
//! ```text
//!   poll_ready()      room in the pipes · slots for the VM, for events and for the buffer manager,
//!                     all of them or none
//!   submit()          keep the GPU on · barriers and commands into the rings · raise the threshold
//!                     · tell the pipes: fragment, vertex, compute
//!   poll_complete()   the stamp of each event slot has reached the job's last command there
//!   quiesced()        nothing is in flight: the slots go to others
//!   destroy()         the firmware forgets the queue
//! ```
//!
//! A queue has three work queues, whose commands run side by side as far as barriers let them. A
//! job is complete when all of its commands are, and jobs complete in the order in which they were
//! submitted.
//!
//! While a queue waits it holds nothing that others wait for, but what its jobs in flight use. While
//! others wait for slots it starts no more jobs until it has given its own back: so everybody has a
//! turn, also if there are more queues with work than slots for good.

use super::{
    barrier::{
        Barriers,
        Wait, //
    },
    compute,
    context::Context,
    in_flight::{
        Commands,
        Engines,
        InFlight, //
    },
    memory::JobMemory,
    render_memory::{
        PlannedRender,
        RenderMemory, //
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
    alloc::Heaps,
    deferred_drop::{
        DeferredDrop,
        DeferredDropQueue, //
    },
    firmware::{
        Firmware,
        Room,
        RoomWait,
        Stamp, //
    },
    mmu::SlotGuard,
    quota::{
        Charge,
        Quota, //
    },
    slots::Waiter,
    timestamps::Timestamps,
    vm::Vm, //
};
use core::{
    future::Future,
    mem,
    task::{
        self,
        ready,
        Poll, //
    }, //
};
use jobqueue::{
    HwDone,
    Label,
    Ring,
    Timeline,
    TimeoutAction, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::Delta, //
};

/// How long a job may be in flight until rings and stamps are looked at, in case an interrupt or an
/// event was lost.
pub(crate) const TIMEOUT: Delta = Delta::from_millis(2000);
/// How often they are looked at, while no command of any queue completes, until the firmware is
/// asked whether it is alive.
///
/// There is no limit to how long a job may run as long as it is. It stops commands that make no
/// progress by itself; one that it has not begun may wait for queues of higher priority as long as
/// those have something to do. No command of the firmware's is known that ends a single job that
/// runs.
const MAX_TIMEOUTS: u32 = 30;

/// What a command of a job is, with its index among those of its kind.
pub(crate) enum Planned {
    Compute(compute::Sequence),
    Render(PlannedRender),
}

/// A job: what is asked of the hardware, and what that needs.
pub(crate) struct Job {
    /// Of its compute commands, and of its renders, if there are any.
    pub(crate) compute: Option<JobMemory>,
    pub(crate) renders: Option<RenderMemory>,
    /// At least one, and no more than can be in flight together.
    pub(crate) commands: KVec<(Barriers, Planned)>,
    /// What the commands write timestamps to.
    pub(crate) _timestamps: KVec<Arc<Timestamps>>,
    /// Among the client's.
    pub(crate) _charge: Charge<Arc<Quota>>,
}

/// The hardware's side of a queue.
pub(crate) struct QueueRing {
    firmware: Arc<Firmware>,
    heaps: Heaps,
    /// Absent only while it is dropped. Its memory must be there as long as jobs are in flight.
    vm: Option<KBox<DeferredDrop<Arc<Vm>>>>,
    deferred: Arc<DeferredDropQueue>,
    context: Context,
    compute: WorkQueue,
    /// Those for renders, once there has been one.
    renders: Option<KBox<RenderQueues>>,
    render_cell: Arc<RenderCell>,
    /// Number of the firmware's commands of the user queue so far: a render is two.
    count: u64,

    /// The VM's slot. It is there when an event slot is.
    vm_slot: Option<SlotGuard>,
    /// The place among those that wait for slots, and whether it may be one of them.
    waiter: Arc<Waiter>,
    waits: bool,
    /// The wait for room in the pipe of compute commands, and the room in all pipes, from
    /// `poll_ready()` to `submit()`.
    room_wait: RoomWait,
    rooms: Rooms,

    engines: Engines,
    label: Label,
    /// What [`Firmware::progress`] was, and the number of timeouts since it was that.
    progress: u32,
    timeouts: u32,
}

/// Room in the pipes that a job needs.
#[derive(Default)]
struct Rooms {
    compute: Option<Room>,
    renders: Option<RenderRooms>,
}

/// What a [`QueueRing`] is made of.
pub(crate) struct RingParts<'a> {
    pub(crate) firmware: &'a Arc<Firmware>,
    pub(crate) heaps: &'a Heaps,
    pub(crate) deferred: &'a Arc<DeferredDropQueue>,
    /// The VM of the queue's jobs.
    pub(crate) vm: &'a Arc<Vm>,
    pub(crate) context: Context,
    pub(crate) compute: WorkQueue,
    pub(crate) render_cell: Arc<RenderCell>,
    pub(crate) engines: Engines,
    pub(crate) label: Label,
}

impl QueueRing {
    /// Returns the ring of a queue that has no job yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(parts: RingParts<'_>) -> Result<Self> {
        Ok(Self {
            firmware: parts.firmware.clone(),
            heaps: parts.heaps.clone(),
            vm: Some(DeferredDrop::new(parts.vm.clone())?),
            deferred: parts.deferred.clone(),
            context: parts.context,
            compute: parts.compute,
            renders: None,
            render_cell: parts.render_cell,
            count: 0,
            vm_slot: None,
            waiter: Waiter::new()?,
            waits: false,
            room_wait: RoomWait::new()?,
            rooms: Rooms::default(),
            engines: parts.engines,
            label: parts.label,
            progress: 0,
            timeouts: 0,
        })
    }

    /// Takes the slots that are missing for a job with compute commands, or with renders, or both.
    fn poll_slots(
        &mut self,
        computes: bool,
        renders: bool,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result> {
        let Some(vm) = &self.vm else {
            return Poll::Ready(Err(ENODEV));
        };
        let has_compute = !computes || self.compute.is_occupying();
        let has_renders = !renders || self.renders.as_ref().is_some_and(|r| r.is_occupying());
        let contended = vm.space().slots().is_contended();
        if has_compute && has_renders && !contended {
            return Poll::Ready(Ok(()));
        }
        let space = vm.space().clone();
        let pool = space.slots();
        // Others wait, or this queue is about to. Their turn comes when what is in flight is over,
        // of which this task hears. If it waits already it is its own turn that it waits for.
        if !self.rest() && !self.waits && contended {
            return Poll::Pending;
        }

        self.waits = true;
        let compute = computes.then_some(&mut self.compute);
        let mut compute = compute.filter(|queue| !queue.is_occupying());
        let mut queues = self.renders.as_mut().filter(|_| renders);
        let vm_slot = &mut self.vm_slot;
        let taken = ready!(pool.poll_acquire(&self.waiter, cx, |tables| {
            let mut events = usize::from(compute.is_some());
            if let Some(queues) = &queues {
                let (has_buffer, more) = queues.needs(tables);
                if !has_buffer {
                    return Ok(None);
                }
                events += more;
            }
            if tables.events.free_count() < events {
                return Ok(None);
            }
            let context = match vm_slot {
                Some(guard) => guard.context(),
                None => {
                    let Some(guard) = space.bind(tables)? else {
                        return Ok(None);
                    };
                    vm_slot.insert(guard).context()
                }
            };
            // As many are free this takes them.
            if let Some(compute) = &mut compute {
                compute.occupy(tables, context);
            }
            if let Some(queues) = &mut queues {
                queues.occupy(tables, context);
            }
            Ok(Some(()))
        }));
        self.waits = false;
        Poll::Ready(taken)
    }

    /// Gives those slots back for which nothing is in flight. Returns whether these are all.
    fn rest(&mut self) -> bool {
        let mut idle = self.compute.rest();
        if let Some(renders) = &mut self.renders {
            idle &= renders.rest();
        }
        if idle {
            self.vm_slot = None;
        }
        idle
    }

    /// Gives the slots back, and the place among those that wait for them.
    fn release_slots(&mut self) {
        if let (true, Some(vm)) = (self.waits, &self.vm) {
            vm.space().slots().leave(&self.waiter);
            self.waits = false;
        }
        self.rest();
    }

    /// Writes `job` to the rings.
    fn push(&mut self, job: &Job) -> Result<Commands> {
        let vm_slot = self.vm_slot.as_ref().ok_or(EINVAL)?.context();
        let before = Before::new(self)?;
        let (mut computes, mut renders) = (0, 0);
        for (barriers, planned) in &job.commands {
            let targets = before.targets(self, barriers)?;
            match planned {
                Planned::Compute(sequence) => {
                    let memory = job.compute.as_ref().ok_or(EINVAL)?;
                    let mut memory = memory.command(computes);
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
        before.commands(self, computes, renders)
    }

    /// Writes `job` to the rings, and tells the firmware.
    fn hand_over(&mut self, job: &Job) -> Result<Commands> {
        let rooms = mem::take(&mut self.rooms);
        let before = self.count;
        let commands = self.push(job)?;
        // Not before the job's turn has come, see there.
        self.context.notifier.expect(self.count - before);
        if let (Some(rooms), Some(queues)) = (rooms.renders, &mut self.renders) {
            queues.send(rooms)?;
        }
        if let Some(room) = rooms.compute {
            let message = self.compute.publish()?;
            room.send(message.encode().as_bytes())?;
        }
        Ok(commands)
    }

    /// Counts a timeout, the `n`th in a row. Returns how many there were since the firmware has
    /// completed something.
    fn count_timeout(&mut self, n: u32) -> u32 {
        let progress = self.firmware.progress();
        if n == 1 || progress != self.progress {
            self.progress = progress;
            self.timeouts = 0;
        }
        self.timeouts += 1;
        self.timeouts
    }
}

/// Where the work queues stood before a job was written to them.
struct Before {
    /// The last commands that may still be in flight, of renders and compute commands.
    in_flight: [Option<Stamp>; 2],
    /// The values of the job's first commands: compute, fragment, vertex.
    first: [Option<Stamp>; 3],
}

impl Before {
    fn new(ring: &QueueRing) -> Result<Self> {
        let next = |queue: &WorkQueue| queue.next().ok();
        let renders = ring.renders.as_ref();
        Ok(Self {
            in_flight: [
                renders.and_then(|queues| queues.fragment.in_flight()),
                ring.compute.in_flight(),
            ],
            first: [
                next(&ring.compute),
                renders.and_then(|queues| next(&queues.fragment)),
                renders.and_then(|queues| next(&queues.vertex)),
            ],
        })
    }

    /// Returns what a command with `barriers` waits for.
    fn targets(&self, ring: &QueueRing, barriers: &Barriers) -> Result<[Option<Target>; 2]> {
        let [compute, fragment, _] = self.first;
        let value = |wait, before, first: Option<Stamp>| match wait {
            Wait::Nothing => Ok(None),
            Wait::Before => Ok(before),
            Wait::Command(n) => first.map(|first| Some(first.forward(n))).ok_or(EINVAL),
        };
        let [render_before, compute_before] = self.in_flight;
        let render = value(barriers.render, render_before, fragment)?;
        let compute = value(barriers.compute, compute_before, compute)?;
        let renders = || ring.renders.as_ref().ok_or(EINVAL);
        Ok([
            render.map(|value| renders()?.target(value)).transpose()?,
            compute
                .map(|value| ring.compute.target(value))
                .transpose()?,
        ])
    }

    /// Returns the commands of a job that has so many of them.
    fn commands(&self, ring: &QueueRing, computes: usize, renders: usize) -> Result<Commands> {
        let [compute, fragment, vertex] = self.first;
        let mut commands = Commands::default();
        if computes > 0 {
            commands.add(ring.compute.slot()?, compute.ok_or(EINVAL)?);
        }
        if renders > 0 {
            let queues = ring.renders.as_ref().ok_or(EINVAL)?;
            commands.add(queues.vertex.slot()?, vertex.ok_or(EINVAL)?);
            commands.add(queues.fragment.slot()?, fragment.ok_or(EINVAL)?);
        }
        Ok(commands)
    }
}

impl Ring for QueueRing {
    type Job = KBox<DeferredDrop<Job>>;
    type InFlight = InFlight;

    fn label(&self) -> Label {
        self.label.clone()
    }

    fn poll_ready(&mut self, job: &mut Self::Job, cx: &mut task::Context<'_>) -> Poll<Result> {
        self.firmware.crash().check()?;
        let (computes, renders) = (job.compute.is_some(), job.renders.is_some());
        // The room is kept only if all else is there.
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
            if !queues.may_start() {
                return Poll::Pending;
            }
        }
        ready!(self.poll_slots(computes, renders, cx))?;
        self.rooms = rooms;
        Poll::Ready(Ok(()))
    }

    fn submit(&mut self, job: &mut Self::Job) -> InFlight {
        let pending = self.firmware.begin_submission();
        let commands = self.hand_over(job).inspect_err(|e| {
            // Half of it may be there, which nobody can take back.
            self.firmware
                .give_up(fmt!("a job could not be written to its ring: {e:?}"));
        });
        let (computes, renders) = (job.compute.is_some(), job.renders.is_some());
        InFlight {
            commands: commands.ok(),
            _pending: pending,
            _work: self.engines.begin(computes, renders),
        }
    }

    fn poll_complete(
        &mut self,
        job: &mut InFlight,
        timeline: Timeline,
        cx: &mut task::Context<'_>,
    ) -> Poll<HwDone> {
        let result = match &job.commands {
            Some(commands) => ready!(commands.poll(cx)),
            None => Err(ENODEV),
        };
        // SAFETY: The stamps of the queue's event slots have reached the last commands of the job, or
        // the firmware is dead: then no memory of clients is in the GPU's reach, see `Crash`. `job`
        // is of this ring, and so of `timeline`.
        Poll::Ready(unsafe { HwDone::new(timeline, result) })
    }

    fn timed_out(
        &mut self,
        job: Option<&InFlight>,
        n: u32,
        _timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        // The firmware, if it has to be asked.
        let mut asked = None;
        if self.count_timeout(n) < MAX_TIMEOUTS {
            self.firmware.recheck();
            if let Some(commands) = job.and_then(|job| job.commands.as_ref()) {
                commands.look();
            }
        } else {
            self.timeouts = 0;
            asked = Some(self.firmware.clone());
        }
        async move {
            if let Some(firmware) = asked {
                if !firmware.control().is_alive().await {
                    firmware.give_up(fmt!("no command completes, and firmware does not answer"));
                }
            }
            // In the end the job is found to be over or its turn comes, or the firmware is found to
            // be dead, which ends it.
            TimeoutAction::Wait(TIMEOUT)
        }
    }

    fn retire(&mut self, job: Self::Job) {
        self.deferred.queue(job);
    }

    fn quiesced(&mut self) {
        self.rooms = Rooms::default();
        self.release_slots();
    }

    async fn destroy(mut self) {
        self.quiesced();
        // What was taken out of use so far may be used again when that is done.
        let garbage = self.heaps.take_garbage();
        match self.context.destroy(&self.firmware).await {
            Ok(()) => drop(garbage),
            Err(e) => {
                // If the firmware still knows the context its memory may not be used again.
                self.heaps.put_back(garbage);
                self.firmware
                    .give_up(fmt!("the context of a queue was not destroyed: {e:?}"));
            }
        }
    }
}

impl Drop for QueueRing {
    fn drop(&mut self) {
        self.quiesced();
        if let Some(vm) = self.vm.take() {
            self.deferred.queue(vm);
        }
    }
}

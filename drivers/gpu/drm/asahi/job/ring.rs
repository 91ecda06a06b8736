// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The hardware's side of a user queue: from a job whose turn has come to its completion.
//!
//! ```text
//!   poll_ready()      room in the pipe · slots for the VM and for events, both or neither
//!   submit()          keep the GPU on · barriers and commands into the ring · raise the threshold
//!                     · tell the pipe
//!   poll_complete()   the event slot's stamp has reached the job's last command
//!   quiesced()        nothing is in flight: the slots go to others
//!   destroy()         the firmware forgets the queue
//! ```
//!
//! While a queue waits it holds nothing that others wait for. While it holds slots it has jobs in
//! flight, and when others wait for slots it starts no more of them until it has given its own
//! back: so everybody has a turn, also if there are more queues with work than slots for good.

use super::{
    barrier::{
        Barriers,
        Wait, //
    },
    compute::{
        Sequence,
        Turn, //
    },
    context::Context,
    memory::JobMemory,
    work_queue::WorkQueue, //
};
use crate::{
    alloc::Heaps,
    deferred_drop::{
        DeferredDrop,
        DeferredDropQueue, //
    },
    firmware::{
        Firmware,
        PendingSubmission,
        Room,
        RoomWait,
        Stamp,
        Watch, //
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
    task::{
        self,
        ready,
        Poll, //
    }, //
};
use jobqueue::{
    EngineUsage,
    HwDone,
    Label,
    Ring,
    Timeline,
    TimeoutAction,
    Work, //
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

/// A command of a job that is ready to run.
pub(crate) struct Planned {
    pub(crate) sequence: Sequence,
    pub(crate) barriers: Barriers,
}

/// A job: what is asked of the hardware, and what that needs.
pub(crate) struct Job {
    pub(crate) memory: JobMemory,
    /// At least one, and no more than can be in flight together.
    pub(crate) commands: KVec<Planned>,
    /// What the commands write timestamps to.
    pub(crate) _timestamps: KVec<Arc<Timestamps>>,
    /// Among the client's.
    pub(crate) _charge: Charge<Arc<Quota>>,
}

/// A job that the firmware has.
pub(crate) struct InFlight {
    /// Absent if it could not be handed over. Then the firmware has been given up.
    commands: Option<Commands>,
    _pending: PendingSubmission,
    _work: Work,
}

/// The commands of a job in the event slot of its queue.
struct Commands {
    watch: Watch,
    first: Stamp,
    last: Stamp,
}

impl Commands {
    /// Returns how the job has ended, if it has: as the first of its commands that failed, if one
    /// did.
    ///
    /// To be asked while the job counts against the number of commands in flight.
    fn poll(&self, cx: &mut task::Context<'_>) -> Poll<Result> {
        ready!(self.watch.poll(self.last, cx))?;
        let mut value = self.first;
        loop {
            if let Some(Err(failure)) = self.watch.outcome(value) {
                return Poll::Ready(Err(failure.into()));
            }
            if value == self.last {
                return Poll::Ready(Ok(()));
            }
            value = value.next();
        }
    }
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
    /// Number of commands of the user queue so far.
    count: u64,

    /// The VM's slot. It is there when the event slot is.
    vm_slot: Option<SlotGuard>,
    /// The place among those that wait for slots, and whether it may be one of them.
    waiter: Arc<Waiter>,
    waits: bool,
    /// The wait for room in the pipe, and the room, from `poll_ready()` to `submit()`.
    room_wait: RoomWait,
    room: Option<Room>,

    usage: Arc<EngineUsage>,
    label: Label,
    /// What [`Firmware::progress`] was, and the number of timeouts since it was that.
    progress: u32,
    timeouts: u32,
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
    pub(crate) usage: Arc<EngineUsage>,
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
            count: 0,
            vm_slot: None,
            waiter: Waiter::new()?,
            waits: false,
            room_wait: RoomWait::new()?,
            room: None,
            usage: parts.usage,
            label: parts.label,
            progress: 0,
            timeouts: 0,
        })
    }

    /// Takes the slots, if it has none.
    fn poll_slots(&mut self, cx: &mut task::Context<'_>) -> Poll<Result> {
        let Some(vm) = &self.vm else {
            return Poll::Ready(Err(ENODEV));
        };
        let space = vm.space();
        let pool = space.slots();
        if self.compute.is_occupying() {
            if !pool.is_contended() {
                return Poll::Ready(Ok(()));
            }
            // Others wait. Their turn comes when what is in flight is over, of which this task
            // hears.
            if !self.compute.rest() {
                return Poll::Pending;
            }
            self.vm_slot = None;
        }

        self.waits = true;
        let compute = &mut self.compute;
        let vm_slot = ready!(pool.poll_acquire(&self.waiter, cx, |tables| {
            if !tables.events.has_free() {
                return Ok(None);
            }
            let Some(guard) = space.bind(tables)? else {
                return Ok(None);
            };
            // As one is free this takes it.
            compute.occupy(tables, guard.context());
            Ok(Some(guard))
        }));
        self.waits = false;
        self.vm_slot = Some(vm_slot?);
        Poll::Ready(Ok(()))
    }

    /// Gives the slots back, and the place among those that wait for them.
    fn release_slots(&mut self) {
        if let (true, Some(vm)) = (self.waits, &self.vm) {
            vm.space().slots().leave(&self.waiter);
            self.waits = false;
        }
        if self.compute.rest() {
            self.vm_slot = None;
        }
    }

    /// Writes `job` to the ring.
    fn push(&mut self, job: &Job) -> Result<Commands> {
        let vm_slot = self.vm_slot.as_ref().ok_or(EINVAL)?.context();
        let before = self.compute.in_flight();
        let first = self.compute.slot()?.issued().next();

        for (index, command) in job.commands.iter().enumerate() {
            let mut memory = job.memory.command(index);
            // All commands are for this queue: there are no renders to wait for, a submit with one
            // is refused.
            let wait_for = match command.barriers.compute {
                Wait::Nothing => None,
                Wait::Before => before,
                Wait::Command(n) => Some(first.forward(n)),
            };
            if let Some(value) = wait_for {
                let barrier = self.compute.barrier(&self.compute.target(value)?)?;
                self.compute.push(memory.write_barrier(0, &barrier)?)?;
            }

            let numbers = self.compute.issue()?;
            let turn = Turn {
                vm_slot,
                counter: self.count,
                event_seq: numbers.count,
                slot: numbers.slot,
                host_stamp: numbers.host_stamp,
                firmware_stamp: numbers.firmware_stamp,
                value: numbers.value.0,
            };
            self.count += 1;
            turn.write(command.sequence, &mut memory)?;
            self.compute.push(memory.va())?;
        }
        let slot = self.compute.slot()?;
        Ok(Commands {
            watch: slot.watch(),
            first,
            last: slot.issued(),
        })
    }

    /// Writes `job` to the ring, and tells the firmware.
    fn hand_over(&mut self, job: &Job) -> Result<Commands> {
        let room = self.room.take().ok_or(EINVAL)?;
        let commands = self.push(job)?;
        // Not before the job's turn has come, see there.
        self.context.notifier.expect(job.commands.len() as u64);
        let message = self.compute.publish()?;
        room.send(message.encode().as_bytes())?;
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

impl Ring for QueueRing {
    type Job = KBox<DeferredDrop<Job>>;
    type InFlight = InFlight;

    fn label(&self) -> Label {
        self.label.clone()
    }

    fn poll_ready(&mut self, _job: &mut Self::Job, cx: &mut task::Context<'_>) -> Poll<Result> {
        self.firmware.crash().check()?;
        // The room is kept only if all else is there.
        let room = ready!(self.room_wait.poll(self.compute.pipe(), cx))?;
        ready!(self.poll_slots(cx))?;
        self.room = Some(room);
        Poll::Ready(Ok(()))
    }

    fn submit(&mut self, job: &mut Self::Job) -> InFlight {
        let pending = self.firmware.begin_submission();
        let commands = self.hand_over(job).inspect_err(|e| {
            // Half of it may be there, which nobody can take back.
            self.firmware
                .give_up(fmt!("a job could not be written to its ring: {e:?}"));
        });
        InFlight {
            commands: commands.ok(),
            _pending: pending,
            _work: self.usage.begin(),
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
        // SAFETY: The stamp of the queue's event slot has reached the last command of the job, or
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
                commands.watch.look();
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
        self.room = None;
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

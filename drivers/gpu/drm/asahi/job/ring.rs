// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The hardware's side of a user queue: from a job whose turn has come to its completion.
//!
//! ```text
//!   poll_ready()      room in the pipes · slots for the VM, for events and for the buffer manager,
//!                     all of them or none
//!   withdraw()        the queue leaves the list of those that wait for slots
//!   submit()          keep the GPU on · barriers and commands into the rings · raise the threshold
//!                     · tell the pipes: fragment, vertex, compute
//!   poll_complete()   the stamp of each event slot has reached the job's last command there
//!   quiesced()        nothing is in flight: the slots go to others
//!   discard()         the queue is closed: what jobs have goes that have not begun
//!   closed()          and nothing is in flight: the VM goes, with all that is bound
//!   destroy()         the firmware forgets the queue
//! ```
//!
//! A queue has three work queues, whose commands run side by side as far as barriers let them. A
//! job is complete when all of its commands are, and jobs complete in the order in which they were
//! submitted.
//!
//! While a queue waits it holds nothing that others wait for, but what its jobs in flight use. It
//! is in the list of those that wait for slots only while slots are all that it waits for.
//! While others wait for slots it starts no more jobs until it has given its own back. So each
//! queue comes to its turn, even if there are always more queues with work than slots.

use super::{
    context::Context,
    in_flight::{
        Commands,
        Engines,
        InFlight, //
    },
    planned::{
        Job,
        Queued, //
    },
    queues::{
        Queues,
        Rooms, //
    }, //
};
use crate::{
    alloc::Heaps,
    deferred_drop::{
        DeferredDrop,
        DeferredDropQueue, //
    },
    firmware::Firmware,
    mmu::SlotGuard,
    quota::Pinned,
    slots::Waiter,
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

/// The time in flight after which the driver looks at a job's rings and stamps itself, in case an
/// interrupt or an event was lost.
pub(crate) const TIMEOUT: Delta = Delta::from_millis(2000);
/// The number of such looks, with no command of any queue completed, after which the driver asks
/// the firmware whether it is alive.
///
/// There is no limit to how long a job may run as long as it is. It stops commands that make no
/// progress by itself; one that it has not begun may wait for queues of higher priority as long as
/// those have something to do. No command of the firmware's is known that ends a single job that
/// runs.
const MAX_TIMEOUTS: u32 = 30;

/// The hardware's side of a queue.
pub(crate) struct QueueRing {
    firmware: Arc<Firmware>,
    heaps: Heaps,
    /// The VM; `None` when the queue is closed with nothing in flight. Jobs in flight need its
    /// memory.
    vm: Option<KBox<DeferredDrop<Arc<Vm>>>>,
    /// The worker that drops the jobs, and that which drops the VM.
    deferred: Arc<DeferredDropQueue>,
    vms: Arc<DeferredDropQueue>,
    context: Context,
    queues: Queues,
    /// True if the firmware knows the context, which it does from the first job on.
    is_known: bool,

    /// The VM's slot. It is there when an event slot is.
    vm_slot: Option<SlotGuard>,
    /// The queue's entry in the list of waiters for slots, and whether it may be in the list.
    waiter: Arc<Waiter>,
    waits: bool,
    /// The room in the pipes, from `poll_ready()` to `submit()`.
    rooms: Rooms,

    engines: Engines,
    label: Label,
    /// The value of [`Firmware::progress`] at the last timeout.
    progress: u32,
    /// The number of timeouts since `progress` last changed.
    timeouts: u32,
    _own: Pinned,
}

/// The arguments of [`QueueRing::new`].
pub(crate) struct RingParts<'a> {
    pub(crate) firmware: &'a Arc<Firmware>,
    pub(crate) heaps: &'a Heaps,
    pub(crate) deferred: &'a Arc<DeferredDropQueue>,
    pub(crate) vms: &'a Arc<DeferredDropQueue>,
    /// The VM of the queue's jobs.
    pub(crate) vm: &'a Arc<Vm>,
    pub(crate) context: Context,
    pub(crate) queues: Queues,
    pub(crate) engines: Engines,
    pub(crate) label: Label,
    /// The charge for the queue's memory outside the heaps.
    pub(crate) own: Pinned,
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
            vms: parts.vms.clone(),
            context: parts.context,
            queues: parts.queues,
            is_known: false,
            vm_slot: None,
            waiter: Waiter::new()?,
            waits: false,
            rooms: Rooms::default(),
            engines: parts.engines,
            label: parts.label,
            progress: 0,
            timeouts: 0,
            _own: parts.own,
        })
    }

    /// Acquires the missing slots for a job with compute commands, renders, or both.
    fn poll_slots(
        &mut self,
        computes: bool,
        renders: bool,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result> {
        let Some(vm) = &self.vm else {
            return Poll::Ready(Err(ENODEV));
        };
        let contended = vm.space().slots().is_contended();
        if self.queues.have_slots(computes, renders) && !contended {
            return Poll::Ready(Ok(()));
        }
        let space = vm.space().clone();
        let pool = space.slots();
        // Other queues wait for slots. This one starts no further job until its jobs in flight are
        // over and its slots are released; their completion wakes this task. A queue that is in the
        // list already waits for its own turn.
        if !self.release_idle() && !self.waits && contended {
            return Poll::Pending;
        }

        self.waits = true;
        let (queues, vm_slot) = (&mut self.queues, &mut self.vm_slot);
        let taken = ready!(pool.poll_acquire(&self.waiter, cx, |tables| {
            if !queues.fit(computes, renders, tables) {
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
            // Cannot fail: the slots have been found to be free, under the lock.
            queues.occupy(computes, renders, tables, context);
            Ok(Some(()))
        }));
        self.waits = false;
        Poll::Ready(taken)
    }

    /// Releases the slots for which nothing is in flight, and returns whether these are all.
    fn release_idle(&mut self) -> bool {
        let idle = self.queues.release_idle();
        if idle {
            self.vm_slot = None;
        }
        idle
    }

    /// Leaves the list of waiters for slots.
    fn leave(&mut self) {
        if let (true, Some(vm)) = (self.waits, &self.vm) {
            vm.space().slots().leave(&self.waiter);
            self.waits = false;
        }
    }

    /// Writes `job` to the rings, and tells the firmware. Adds the job's commands to `commands`.
    fn hand_over(&mut self, job: &Job, commands: &mut Commands) -> Result {
        let rooms = mem::take(&mut self.rooms);
        let vm_slot = self.vm_slot.as_ref().ok_or(EINVAL)?.context();
        let count = self.queues.push(job, vm_slot, commands)?;
        // Raised only now, see `firmware::notifier`.
        self.context.notifier.expect(count);
        self.queues.send(rooms)
    }

    /// Counts a timeout, the `n`th in a row. Returns the number of timeouts since the firmware has
    /// completed a command.
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
    type Job = Queued;
    type InFlight = InFlight;

    fn label(&self) -> Label {
        self.label.clone()
    }

    fn poll_ready(&mut self, queued: &mut Queued, cx: &mut task::Context<'_>) -> Poll<Result> {
        self.firmware.crash().check()?;
        let Queued::Job(job) = queued else {
            return Poll::Ready(Err(ECANCELED));
        };
        let (computes, renders) = (job.compute.is_some(), job.renders.is_some());
        // The room is kept only if the slots are there as well.
        let rooms = match self.queues.poll_rooms(computes, renders, cx) {
            Poll::Ready(rooms) => rooms?,
            Poll::Pending => {
                // It could not use slots now, and others may be able to.
                self.leave();
                return Poll::Pending;
            }
        };
        if renders && !self.queues.may_render() {
            self.leave();
            return Poll::Pending;
        }
        ready!(self.poll_slots(computes, renders, cx))?;
        self.rooms = rooms;
        Poll::Ready(Ok(()))
    }

    fn withdraw(&mut self) {
        self.leave();
    }

    fn submit(&mut self, queued: &mut Queued) -> InFlight {
        let pending = self.firmware.begin_submission();
        self.is_known = true;
        let mut commands = Commands::default();
        let (computes, renders, handed_over) = match queued {
            Queued::Job(job) => (
                job.compute.is_some(),
                job.renders.is_some(),
                self.hand_over(job, &mut commands),
            ),
            // `poll_ready()` refuses it.
            Queued::Discarded { .. } => (false, false, Err(EINVAL)),
        };
        let handed_over = handed_over.inspect_err(|e| {
            // Half of it may be in the ring, and cannot be taken back.
            self.firmware
                .give_up(fmt!("a job could not be written to its ring: {e:?}"));
        });
        InFlight {
            commands: handed_over.is_ok().then_some(commands),
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
        // SAFETY: The stamps of the queue's event slots have reached the last commands of the job,
        // or the firmware is dead: then no memory of clients is in the GPU's reach, see `Crash`.
        // `job` is of this ring, and so of `timeline`.
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
                commands.recheck();
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
            // Eventually the job completes, or the firmware is found to be dead, which ends it.
            TimeoutAction::Wait(TIMEOUT)
        }
    }

    fn discard(&mut self, queued: &mut Queued) {
        let Queued::Job(job) = queued else {
            return;
        };
        let charges = mem::take(&mut job.charges);
        let discarded = Queued::Discarded { _charges: charges };
        if let Queued::Job(job) = mem::replace(queued, discarded) {
            self.deferred.queue(job);
        }
    }

    fn closed(&mut self) {
        // The context and the work queues stay, which the firmware may know.
        self.leave();
        if let Some(vm) = self.vm.take() {
            self.vms.queue(vm);
        }
    }

    fn retire(&mut self, queued: Queued) {
        if let Queued::Job(mut job) = queued {
            // The client may submit another job at once. The worker may come late.
            job.charges.job = None;
            self.deferred.queue(job);
        }
    }

    fn quiesced(&mut self) {
        self.rooms = Rooms::default();
        self.leave();
        self.release_idle();
    }

    async fn destroy(mut self) {
        self.quiesced();
        if !self.is_known {
            return;
        }
        // The garbage so far may be reused once the firmware has destroyed the context.
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
            self.vms.queue(vm);
        }
    }
}

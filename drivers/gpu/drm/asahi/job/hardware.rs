// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The hardware's side of a user queue: from a job whose turn has come to its completion.
//!
//! ```text
//!   start():  keep the GPU on · slot for the VM · slot for events · room in the ring
//!             · barriers and commands into the ring · raise the threshold · tell the pipe
//!   Running::wait():  the event slot's stamp reaches the job's last command
//!   rest():   nothing in flight: slots go to others
//! ```

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
    firmware::{
        Firmware,
        PendingSubmission,
        Stamp,
        Watch, //
    },
    mmu::{
        AddressSpace,
        SlotGuard, //
    }, //
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

/// A command of a job that is ready to run.
pub(crate) struct Planned {
    pub(crate) sequence: Sequence,
    pub(crate) barriers: Barriers,
}

/// What a job asks of the hardware.
pub(crate) struct Plan {
    pub(crate) memory: JobMemory,
    /// At least one, and so many that they can be in flight together.
    pub(crate) commands: KVec<Planned>,
}

/// The hardware's side of a user queue.
pub(crate) struct Hardware {
    firmware: Arc<Firmware>,
    space: Arc<AddressSpace>,
    context: Context,
    compute: WorkQueue,
    /// Commands of the user queue so far.
    count: u64,
    /// The VM's slot, while something is in flight.
    vm_slot: Option<SlotGuard>,
}

/// A job that the firmware has.
pub(crate) struct Running {
    watch: Watch,
    first: Stamp,
    last: Stamp,
    _pending: PendingSubmission,
}

impl Hardware {
    pub(crate) fn new(
        firmware: Arc<Firmware>,
        space: Arc<AddressSpace>,
        context: Context,
        compute: WorkQueue,
    ) -> Self {
        Self {
            firmware,
            space,
            context,
            compute,
            count: 0,
            vm_slot: None,
        }
    }

    /// Hands `plan` to the firmware.
    ///
    /// If this fails the firmware is dead.
    pub(crate) async fn start(&mut self, plan: &Plan) -> Result<Running> {
        let pending = self.firmware.begin_submission()?;
        let vm_slot = match &self.vm_slot {
            Some(guard) => guard.context(),
            None => {
                let bind = self.space.clone().bind();
                let guard = self.firmware.crash().or(bind).await??;
                self.vm_slot.insert(guard).context()
            }
        };
        self.compute.occupy(vm_slot).await?;
        self.compute.reserve(plan.commands.len()).await?;

        let (first, last) = self.push(plan, vm_slot).inspect_err(|e| {
            // Half of it may be there, which nobody can take back.
            self.firmware
                .give_up(fmt!("a job could not be written to its ring: {e:?}"));
        })?;
        // Not before the job's turn has come, see there.
        self.context.notifier.expect(plan.commands.len() as u64);
        self.compute.submit().await?;

        Ok(Running {
            watch: self.compute.slot()?.watch(),
            first,
            last,
            _pending: pending,
        })
    }

    /// Pushes the job's commands. Returns the values of the first and the last.
    fn push(&mut self, plan: &Plan, vm_slot: u32) -> Result<(Stamp, Stamp)> {
        let before = self.compute.in_flight();
        let first = self.compute.slot()?.issued().next();

        for (index, command) in plan.commands.iter().enumerate() {
            let mut memory = plan.memory.command(index);
            // All commands are for this queue: there are no renders to wait for, a submit with one is
            // refused.
            let wait_for = match command.barriers.compute {
                Wait::Nothing => None,
                Wait::Before => before,
                Wait::Command(n) => Some(first.forward(n)),
            };
            if let Some(value) = wait_for {
                let target = self.compute.target(value)?;
                self.compute
                    .push_barrier(&target, |barrier| memory.write_barrier(0, barrier))?;
            }

            let counter = self.count;
            self.count += 1;
            self.compute.push(memory.va(), |numbers| {
                let turn = Turn {
                    vm_slot,
                    counter,
                    event_seq: numbers.count,
                    slot: numbers.slot,
                    host_stamp: numbers.host_stamp,
                    firmware_stamp: numbers.firmware_stamp,
                    value: numbers.value.0,
                };
                turn.write(command.sequence, &mut memory)
            })?;
        }
        Ok((first, self.compute.slot()?.issued()))
    }

    /// Gives back what is only needed while something is in flight, if nothing is.
    pub(crate) fn rest(&mut self) {
        if self.compute.rest() {
            self.vm_slot = None;
        }
    }

    /// Makes the firmware forget the queue. Nothing is in flight any more.
    pub(crate) async fn destroy(&mut self) -> Result {
        self.rest();
        self.context.destroy(&self.firmware).await
    }
}

impl Running {
    /// Looks whether it is complete, in case the news of that was lost.
    pub(crate) fn look(&self) {
        self.watch.look();
    }

    /// Whether the firmware has finished with the job. If one of its commands has failed, tells how the
    /// first of them did.
    ///
    /// To be asked while the job counts against the number of commands in flight.
    pub(crate) fn poll(&self, cx: &mut task::Context<'_>) -> Poll<Result> {
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

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What to do when the firmware has stopped.
//!
//! After a fault of the GPU or a command that makes no progress the firmware stops everything, lists
//! the commands that were in flight, and waits:
//!
//! ```text
//!   firmware                                  driver
//!   stop; write pending stamps
//!   halt_count += 1; halted = 1
//!   event Fault or Timeout ───────────────►   read the fault register
//!                                             mark the listed commands as failed
//!                                             clear the list
//!                                             wait for halted (100 ms)
//!                        ◄─────────────────   halted = 0; resume = 1
//!   reset the pipes
//!   write all stamps, event Flag ─────────►   the commands complete, with their failures
//! ```
//!
//! Marking completes nothing: until the flag comes the GPU may use the commands' memory. One
//! command's failure is everybody's, since all that ran was stopped: the innocent get `ECANCELED`.

use super::{
    crash::Crash,
    events::Events,
    layout::Layout,
    outcome::Cause,
    shared::{
        Shared,
        Word, //
    },
    stamp::PendingStamp, //
};
use crate::regs::{
    fault::FaultInfo,
    Regs, //
};
use kasync::time;
use kernel::{
    device::Device,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Relaxed,
            Release, //
        },
        Arc, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// Entries of the list of commands in flight.
const PENDING_STAMPS: usize = 256;
/// Where in `FwStatus` these words are.
const HALT_COUNT: usize = 0x10;
const HALTED: usize = 0x20;
const RESUME: usize = 0x30;
/// Where in the fault information of the globals the queue's number is.
const FAULT_QUEUE: usize = 8;

/// How long the firmware may take from the event to the halt.
const HALT_LIMIT: Delta = Delta::from_millis(100);
/// Pause between two looks at whether it has halted. It sends nothing when it has.
const HALT_PAUSE: Delta = Delta::from_millis(1);

/// The words by which recovery is done.
pub(super) struct Recovery {
    dev: ARef<Device>,
    regs: Arc<Regs>,
    events: Arc<Events>,
    layout: &'static Layout,
    crash: Crash,
    globals: Shared,
    halt_count: Word<u32>,
    halted: Word<u32>,
    resume: Word<u32>,
    /// Halts dealt with.
    handled: u32,
}

impl Recovery {
    pub(super) fn new(
        dev: &Device,
        regs: &Arc<Regs>,
        events: &Arc<Events>,
        crash: &Crash,
        layout: &'static Layout,
        globals: &Shared,
        status: &Shared,
    ) -> Result<Self> {
        Ok(Self {
            dev: dev.into(),
            regs: regs.clone(),
            events: events.clone(),
            layout,
            crash: crash.clone(),
            globals: globals.clone(),
            halt_count: status.word(HALT_COUNT)?,
            halted: status.word(HALTED)?,
            resume: status.word(RESUME)?,
            handled: 0,
        })
    }

    /// Deals with a halt. On error the firmware cannot be brought back.
    pub(super) async fn halt(&mut self, cause: Cause) -> Result {
        let fault = self.regs.fault_info()?;
        match fault {
            Some(fault) => dev_err!(
                self.dev,
                "GPU fault: {fault} (queue {})\n",
                self.globals
                    .word::<u32>(self.layout.globals.fault_info + FAULT_QUEUE)?
                    .load(Relaxed)
            ),
            None => dev_err!(self.dev, "GPU stopped: {cause:?}\n"),
        }

        let failed = self.mark(cause, fault)?;
        let halts = self.wait_halted().await?;
        dev_err!(
            self.dev,
            "GPU halted (halt {halts}), {failed} commands failed, resuming\n"
        );

        // In this order: the firmware looks at `resume` only.
        self.halted.store(0, Relaxed);
        self.resume.store(1, Release);
        self.handled = self.handled.wrapping_add(1);
        Ok(())
    }

    /// Marks all commands that were in flight, and clears the list.
    fn mark(&self, cause: Cause, fault: Option<FaultInfo>) -> Result<usize> {
        let list = self.layout.globals.pending_stamps;
        let mut failed = 0;

        for i in 0..PENDING_STAMPS {
            let info = self.globals.word::<u32>(list + i * 8)?;
            let value = self.globals.word::<u32>(list + i * 8 + 4)?;
            let decoded = PendingStamp::decode(
                self.layout.abi,
                info.load(Acquire),
                value.load(Relaxed),
                super::events::SLOTS as u32,
            );
            match decoded {
                Ok(None) => continue,
                Ok(Some(pending)) => {
                    failed += self.events.fail(pending.slot, pending.value, |owner| {
                        cause.blame(fault, pending.slot, owner)
                    });
                }
                Err(bad) => dev_err!(self.dev, "pending stamp of event slot {}\n", bad.0),
            }
            value.store(0, Relaxed);
            info.store(0, Relaxed);
        }
        Ok(failed)
    }

    /// Waits until the firmware says that it has stopped. Returns how often it has.
    async fn wait_halted(&self) -> Result<u32> {
        let start = Instant::<Monotonic>::now();
        while self.halted.load(Acquire) == 0 {
            self.crash.check()?;
            if start.elapsed() > HALT_LIMIT {
                return Err(ETIMEDOUT);
            }
            self.crash.or(time::sleep(HALT_PAUSE)).await?;
        }
        Ok(self.halt_count.load(Relaxed))
    }

    /// Whether a timeout event is about a halt that has been dealt with already: two commands may run
    /// out of time at once, and one halt ends both. (So it is understood from traces; the second
    /// condition makes sure that no halt is missed should that be wrong.)
    pub(super) fn is_stale(&self, counter: u32) -> bool {
        counter < self.handled && self.halted.load(Acquire) == 0
    }
}

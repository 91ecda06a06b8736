// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Recovery of the firmware after it has stopped.
//!
//! After a fault of the GPU or a command that makes no progress the firmware stops everything,
//! lists the commands that were in flight, and waits:
//!
//! ```text
//!   firmware                                  driver
//!   stop; write pending stamps
//!   halt_count += 1; halted = 1
//!   event Fault or Timeout ───────────────►   read the fault register
//!                                             mark the listed commands as failed
//!                                             clear the list
//!                                             wait for halted (5 s)
//!                        ◄─────────────────   halted = 0; resume = 1
//!   reset the pipes
//!   write all stamps, event Flag ─────────►   the commands complete, with their failures
//! ```
//!
//! Marking completes nothing: until the flag comes the GPU may use the commands' memory. The
//! failure of a command ends all that ran, as all were stopped: the others get `ECANCELED`.

use super::{
    crash::Crash,
    events::Events,
    outcome::{
        Cause,
        Client,
        Failure,
        Of, //
    },
    shared::{
        Shared,
        Word, //
    },
    stamp::Stamp, //
};
use crate::{
    hw::fault::FaultInfo,
    regs::Regs, //
};
use agx_abi::{
    globals::{
        Globals,
        GlobalsFaultInfo,
        PendingStamp, //
    },
    init::FwStatus, //
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
const PENDING_STAMPS: usize = Globals::PENDING_STAMPS.count();

/// Time limit of the firmware from the event to the halt. All jobs wait meanwhile. If it is too
/// short, a living firmware is given up, and the GPU is lost until the next reboot.
const HALT_LIMIT: Delta = Delta::from_millis(5000);
/// Pause between two looks at whether it has halted. It sends nothing when it has.
const HALT_PAUSE: Delta = Delta::from_millis(1);

/// The words shared with the firmware that control recovery.
pub(super) struct Recovery {
    dev: ARef<Device>,
    regs: Arc<Regs>,
    events: Arc<Events>,
    crash: Crash,
    globals: Shared,
    halt_count: Word<u64>,
    halted: Word<u32>,
    resume: Word<u32>,
    /// Number of halts that have been handled.
    handled: u32,
}

impl Recovery {
    pub(super) fn new(
        dev: &Device,
        regs: &Arc<Regs>,
        events: &Arc<Events>,
        crash: &Crash,
        globals: &Shared,
        status: &Shared,
    ) -> Result<Self> {
        Ok(Self {
            dev: dev.into(),
            regs: regs.clone(),
            events: events.clone(),
            crash: crash.clone(),
            globals: globals.clone(),
            halt_count: status.field(FwStatus::HALT_COUNT)?,
            halted: status.field(FwStatus::HALTED)?,
            resume: status.field(FwStatus::RESUME)?,
            handled: 0,
        })
    }

    /// Handles a halt, and logs it if `tells`. After an error the firmware cannot be resumed.
    pub(super) async fn halt(&mut self, cause: Cause, tells: bool) -> Result {
        let fault = self.regs.fault_info()?;
        let (failed, culprit) = self.mark(cause, fault)?;
        let of = Of(culprit);
        match fault {
            _ if !tells => {}
            Some(fault) => dev_err!(
                self.dev,
                "GPU fault: {fault} (queue {}){of}: {failed} commands have failed\n",
                self.globals
                    .field(Globals::FAULT_INFO.then(GlobalsFaultInfo::QUEUE_UUID))?
                    .load(Relaxed)
            ),
            None => dev_err!(
                self.dev,
                "GPU stopped: {cause:?}{of}: {failed} commands have failed\n"
            ),
        }
        let halts = self.wait_halted().await?;
        dev_dbg!(self.dev, "halt {halts} is over\n");

        // Cleared before `resume` is set, as the firmware polls only that.
        self.halted.store(0, Relaxed);
        self.resume.store(1, Release);
        self.handled = self.handled.wrapping_add(1);
        Ok(())
    }

    /// Marks all commands that were in flight, and clears the list. Returns their number, and the
    /// client of the command that is to blame, if that is known.
    fn mark(&self, cause: Cause, fault: Option<FaultInfo>) -> Result<(usize, Option<Client>)> {
        let mut failed = 0;
        let mut culprit = None;
        for i in 0..PENDING_STAMPS {
            let entry = Globals::PENDING_STAMPS.at(i);
            let info = self.globals.field(entry.then(PendingStamp::INFO))?;
            let value = self.globals.field(entry.then(PendingStamp::VALUE))?;

            let mut copy = PendingStamp::zeroed();
            copy.set(PendingStamp::INFO, info.load(Acquire))
                .set(PendingStamp::VALUE, value.load(Relaxed));
            match copy.slot(self.globals.abi()) {
                None => continue,
                Some(slot) => {
                    let last = Stamp(copy.get(PendingStamp::VALUE));
                    failed += self.events.fail(slot, last, |owner| {
                        let failure = cause.blame(fault, slot, owner);
                        if matches!(failure, Failure::Fault | Failure::Timeout) {
                            culprit = Some(owner.client);
                        }
                        failure
                    });
                }
            }
            value.store(0, Relaxed);
            info.store(0, Relaxed);
        }
        Ok((failed, culprit))
    }

    /// Waits until the firmware reports a halt, and returns the number of its halts.
    async fn wait_halted(&self) -> Result<u64> {
        let start = Instant::<Monotonic>::now();
        while self.halted.load(Acquire) == 0 {
            self.crash.check()?;
            if start.elapsed() > HALT_LIMIT {
                return Err(ETIMEDOUT);
            }
            self.crash.or(time::sleep(HALT_PAUSE)).await?;
        }
        Ok(self.halt_count())
    }

    /// Returns how often the firmware has halted.
    pub(super) fn halt_count(&self) -> u64 {
        self.halt_count.load(Relaxed)
    }

    /// Returns whether a timeout event is about a halt that has been dealt with already: two
    /// commands may run out of time at once, and one halt ends both. (So it is understood from
    /// traces; the second condition makes sure that no halt is missed should that be wrong.)
    pub(super) fn is_stale(&self, counter: u32) -> bool {
        counter < self.handled && self.halted.load(Acquire) == 0
    }
}

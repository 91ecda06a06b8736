// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens when the GPU stops: faults, timeouts, and failures of one channel.
//!
//! ```text
//!             fault register, pending stamps,          halted 0, resume 1
//!  running ── halt count, halted := 1, event ──► halted ────────────────► running
//!     ▲                                                                      │
//!     └── the command in flight is finished as if it had completed ──────────┘
//!
//!  running ── ChannelError event ──► queue failed, others go on
//!     ▲                                    │ RecoverChannel
//!     └── commands up to the event value finished ┘
//! ```

use agxemu_gpu::fault::Fault;

use crate::abi::{fw_status, globals, halt_info};
use crate::core::{Core, MS};
use crate::engine::Gpu;
use crate::panic::{bail, ensure, Fw};
use crate::report::Log;

/// A halted GPU.
pub(crate) struct Halt {
    /// When to look again whether the host resumes.
    check_at: u64,
}

/// How often a halted firmware looks for the host's answer: there is no doorbell for it.
const RESUME_POLL: u64 = MS / 2;

/// Event types.
const FAULT: u32 = 0;
const TIMEOUT: u32 = 4;
const CHANNEL_ERROR: u32 = 8;

impl Core {
    /// Time that a command may hang before it counts as timed out, in ticks.
    pub(crate) fn patience(&self) -> Fw<u64> {
        // The unit of the interval is inferred from its neighbours, which are milliseconds.
        let interval = self
            .mem
            .u32(self.init.globals + globals::PROGRESS_CHECK_CL as u64)?;
        Ok(u64::from(interval) * MS)
    }

    pub(crate) fn halt_for_fault(&mut self, fault: Fault) -> Fw<()> {
        let Some(active) = &self.active else {
            return Ok(());
        };
        self.mem
            .machine()
            .set_fault_info(fault.info(active.cmd.vm_slot));
        let line = format!("GPU fault in context {}: {fault}", active.cmd.vm_slot);
        self.stop()?;
        self.log(Log::Error, &line)?;
        self.event(FAULT, &[])
    }

    pub(crate) fn halt_for_timeout(&mut self) -> Fw<()> {
        let Some(active) = &self.active else {
            return Ok(());
        };
        let slot = active.cmd.stamps.slot;
        let line = format!("GPU timeout: event slot {slot} makes no progress");
        // The host calls an event stale whose counter is below the halts that it has seen.
        let counter = self
            .mem
            .u32(self.init.status + fw_status::HALT_COUNT as u64)?;
        self.stop()?;
        self.log(Log::Error, &line)?;
        let words = [counter, 0, slot.into()];
        self.event(TIMEOUT, &words.map(u32::to_le_bytes).concat())
    }

    /// Stops the GPU and says what was in flight.
    fn stop(&mut self) -> Fw<()> {
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        active.gpu = Gpu::Idle;
        let (slot, value, uuid) = (active.cmd.stamps.slot, active.cmd.stamps.value, active.uuid);
        let globals = self.init.globals;
        // One stream, so there is one command in flight.
        let at = globals + globals::PENDING_STAMPS as u64;
        self.mem.set_u32(at + 4, value)?;
        self.mem.set_u32(at, 1 | (u32::from(slot) << 4))?;
        self.mem
            .set_u32(globals + globals::FAULT_INFO as u64 + 8, uuid)?;
        let halts = self.init.halt_info + halt_info::TOTAL_HALTS as u64;
        self.mem
            .set_u32(halts, self.mem.u32(halts)?.wrapping_add(1))?;
        let status = self.init.status;
        let count = status + fw_status::HALT_COUNT as u64;
        self.mem
            .set_u64(count, self.mem.u64(count)?.wrapping_add(1))?;
        self.mem.set_u32(status + fw_status::HALTED as u64, 1)?;
        self.counters.halts += 1;
        self.halt = Some(Halt {
            check_at: self.now(),
        });
        Ok(())
    }

    /// If halted, looks for the host's answer: when to look again, or `None` if not halted any more.
    pub(crate) fn halted(&mut self) -> Fw<Option<u64>> {
        let now = self.now();
        let Some(halt) = &mut self.halt else {
            return Ok(None);
        };
        if now < halt.check_at {
            return Ok(Some(halt.check_at));
        }
        halt.check_at = now + RESUME_POLL;
        let next = halt.check_at;
        let status = self.init.status;
        match self.mem.u32(status + fw_status::RESUME as u64)? {
            0 => return Ok(Some(next)),
            1 => {}
            other => bail!("resume is {other:#x}"),
        }
        let halted = self.mem.u32(status + fw_status::HALTED as u64)?;
        ensure!(halted == 0, "resume set while halted is still {halted}");
        let stamps = self.init.globals + globals::PENDING_STAMPS as u64;
        let left = self.mem.u32(stamps)?;
        ensure!(
            left == 0,
            "resume set before the pending stamps were taken ({left:#x})"
        );
        self.mem.set_u32(status + fw_status::RESUME as u64, 0)?;
        self.mem.machine().set_fault_info(0);
        self.halt = None;
        self.log(Log::Info, "GPU resumed")?;
        Ok(None)
    }

    /// Takes the running command off the stream with a channel error.
    pub(crate) fn fail_active(&mut self, job: u64) -> Fw<()> {
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        let (slot, value) = (active.cmd.stamps.slot, active.cmd.stamps.value);
        self.failed.insert(active.queue, active);
        self.log(Log::Error, &format!("job {job}: channel error"))?;
        // Memory error, compute pipe.
        let words = [0, 2, slot.into(), value];
        self.event(CHANNEL_ERROR, &words.map(u32::to_le_bytes).concat())
    }

    /// The host wants a failed queue to go on behind `value`.
    pub(crate) fn recover_channel(&mut self, work: u32, info: u64, value: u32) -> Fw<()> {
        let Some(mut active) = self.failed.remove(&info) else {
            bail!("RecoverChannel for {info:#x}, which has not failed");
        };
        ensure!(work == 2, "RecoverChannel: type {work} for a compute queue");
        let first = active.cmd.stamps.value;
        ensure!(
            crate::stamps::reached(value, first),
            "RecoverChannel: up to {value:#x}, but {first:#x} failed"
        );
        if let Some(queue) = self.queues.get_mut(&info) {
            queue.abort_to = Some(value);
        }
        active.abort();
        // It is finished before anything else is taken up: its microsequence never waits.
        let running = self.active.replace(active);
        while self.active.as_ref().is_some_and(|a| a.queue == info) {
            self.advance_active()?;
        }
        self.active = running;
        Ok(())
    }
}

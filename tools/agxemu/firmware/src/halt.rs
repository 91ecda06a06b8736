// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens when the GPU stops: faults, timeouts, and failures of one channel.
//!
//! ```text
//!             fault register, pending stamps,          halted 0, resume 1
//!  running ── halt count, halted := 1, event ──► halted ────────────────► running
//!     ▲                                                                      │
//!     └── the commands in flight are finished as if they had completed ──────┘
//!
//!  running ── ChannelError event ──► queue failed, others go on
//!     ▲                                    │ RecoverChannel
//!     └── commands up to the event value finished ┘
//! ```

use agx_abi::channel::{event, ChannelErrorEvent, FaultEvent, PipeKind, TimeoutEvent};
use agx_abi::globals::{Globals, GlobalsFaultInfo, PendingStamp};
use agx_abi::init::{FaultInfo, FwStatus};
use agxemu_gpu::fault::Fault;

use crate::behaviour::STAMP_BITS;
use crate::core::{Core, MS};
use crate::machine::Level;
use crate::panic::{bail, ensure, Fw};
use crate::report::Log;
use crate::work::kind_name;

/// A halted GPU.
pub(crate) struct Halt {
    /// When to look again whether the host resumes.
    check_at: u64,
    /// When the word that says so is written, if it was not yet.
    said_at: Option<u64>,
}

/// How often a halted firmware looks for the host's answer: there is no doorbell for it.
const RESUME_POLL: u64 = MS / 2;

impl Core {
    /// Returns the time that a command may hang before it counts as timed out, in ticks.
    pub(crate) fn patience(&self, kind: PipeKind) -> Fw<u64> {
        // The unit of the interval is inferred from its neighbours, which are milliseconds.
        let field = match kind {
            PipeKind::Vertex => Globals::PROGRESS_CHECK_INTERVAL_TA,
            PipeKind::Fragment => Globals::PROGRESS_CHECK_INTERVAL_3D,
            PipeKind::Compute => Globals::PROGRESS_CHECK_INTERVAL_CL,
        };
        let interval = self.mem.u32(self.mem.at(self.init.globals, field))?;
        Ok(u64::from(interval) * MS)
    }

    pub(crate) fn halt_for_fault(&mut self, kind: PipeKind, fault: Fault) -> Fw<()> {
        let Some(slot) = self.streams.get(kind).map(|a| a.work().vm_slot) else {
            return Ok(());
        };
        self.mem.machine().set_fault_info(fault.info(slot));
        let line = format!("GPU fault in context {slot}: {fault}");
        self.stop(kind)?;
        self.log(Log::Error, &line)?;
        let mut message = FaultEvent::zeroed();
        message.set(FaultEvent::KIND, event::FAULT);
        self.event(message.as_bytes())
    }

    /// Something that cannot be executed: a fault that the fault register knows nothing of.
    pub(crate) fn halt_for_illegal(&mut self, kind: PipeKind, reason: &str) -> Fw<()> {
        let Some(slot) = self.streams.get(kind).map(|a| a.work().vm_slot) else {
            return Ok(());
        };
        let line = format!("GPU fault in context {slot}: {reason}");
        self.mem.machine().log(Level::Warn, &line);
        self.stop(kind)?;
        self.log(Log::Error, &line)?;
        let mut message = FaultEvent::zeroed();
        message.set(FaultEvent::KIND, event::FAULT);
        self.event(message.as_bytes())
    }

    pub(crate) fn halt_for_timeout(&mut self, kind: PipeKind) -> Fw<()> {
        let Some(slot) = self.streams.get(kind).map(|a| a.work().stamps.slot) else {
            return Ok(());
        };
        let line = format!("GPU timeout: event slot {slot} makes no progress");
        // The host calls an event stale whose counter is below the halts that it has seen.
        let counter = self
            .mem
            .u32(self.mem.at(self.init.status, FwStatus::HALT_COUNT))?;
        self.stop(kind)?;
        self.log(Log::Error, &line)?;
        let mut message = TimeoutEvent::zeroed();
        message
            .set(TimeoutEvent::KIND, event::TIMEOUT)
            .set(TimeoutEvent::COUNTER, counter)
            .set(TimeoutEvent::EVENT_SLOT, slot.into());
        self.event(message.as_bytes())
    }

    /// Stops the GPU because of the command of `kind`, and says what was in flight.
    ///
    /// All that was in flight is given up: its GPU parts are stopped, or never started.
    fn stop(&mut self, kind: PipeKind) -> Fw<()> {
        let Some(uuid) = self.streams.get(kind).map(|active| active.uuid) else {
            return Ok(());
        };
        for (i, active) in self.streams.iter_mut().enumerate() {
            active.abort();
            let stamps = active.work().stamps;
            let mut pending = PendingStamp::new(self.mem.abi, stamps.slot.into(), stamps.value);
            if self.behaviour.stamp_bits {
                let info = pending.get(PendingStamp::INFO);
                pending.set(PendingStamp::INFO, info | STAMP_BITS);
            }
            let place = self
                .mem
                .at(self.init.globals, Globals::PENDING_STAMPS.at(i));
            self.mem.write(place, pending.as_bytes())?;
        }
        let queue = Globals::FAULT_INFO.then(GlobalsFaultInfo::QUEUE_UUID);
        self.mem
            .set_u32(self.mem.at(self.init.globals, queue), uuid)?;
        let halts = self.mem.at(self.init.halt_info, FaultInfo::TOTAL_HALTS);
        self.mem
            .set_u32(halts, self.mem.u32(halts)?.wrapping_add(1))?;
        let count = self.mem.at(self.init.status, FwStatus::HALT_COUNT);
        self.mem
            .set_u64(count, self.mem.u64(count)?.wrapping_add(1))?;
        self.counters.halts += 1;
        let now = self.now();
        let delay = self.behaviour.halt_ms * MS;
        self.halt = Some(Halt {
            check_at: now,
            said_at: Some(now + delay),
        });
        if delay == 0 {
            self.say_halted()?;
        }
        Ok(())
    }

    fn say_halted(&mut self) -> Fw<()> {
        if let Some(halt) = &mut self.halt {
            halt.said_at = None;
        }
        self.mem
            .set_u32(self.mem.at(self.init.status, FwStatus::HALTED), 1)
    }

    /// If halted, looks for the host's answer: when to look again, or `None` if not halted any
    /// more.
    pub(crate) fn halted(&mut self) -> Fw<Option<u64>> {
        let now = self.now();
        match self.halt.as_ref().and_then(|halt| halt.said_at) {
            Some(at) if now < at => return Ok(Some(at)),
            Some(_) => self.say_halted()?,
            None => {}
        }
        let Some(halt) = &mut self.halt else {
            return Ok(None);
        };
        if now < halt.check_at {
            return Ok(Some(halt.check_at));
        }
        halt.check_at = now + RESUME_POLL;
        let next = halt.check_at;
        let status = self.init.status;
        match self.mem.u32(self.mem.at(status, FwStatus::RESUME))? {
            0 => return Ok(Some(next)),
            1 => {}
            other => bail!("resume is {other:#x}"),
        }
        let halted = self.mem.u32(self.mem.at(status, FwStatus::HALTED))?;
        ensure!(halted == 0, "resume set while halted is still {halted}");
        for i in 0..PipeKind::ALL.len() {
            let stamp = Globals::PENDING_STAMPS.at(i).then(PendingStamp::INFO);
            let left = self.mem.u32(self.mem.at(self.init.globals, stamp))?;
            ensure!(
                left == 0,
                "resume set before the pending stamps were taken ({left:#x})"
            );
        }
        self.mem.set_u32(self.mem.at(status, FwStatus::RESUME), 0)?;
        self.mem.machine().set_fault_info(0);
        self.halt = None;
        self.log(Log::Info, "GPU resumed")?;
        Ok(None)
    }

    /// Takes the running command of `kind` off its stream with a channel error.
    pub(crate) fn fail_active(&mut self, kind: PipeKind, error: u32, why: &str) -> Fw<()> {
        let Some(active) = self.streams.take(kind) else {
            return Ok(());
        };
        let (job, stamps) = (active.job, active.work().stamps);
        let (slot, value) = (stamps.slot, stamps.value);
        self.failed.insert(active.queue, active);
        let line = format!("job {job}: {why}");
        self.mem.machine().log(Level::Warn, &line);
        self.log(Log::Error, &line)?;
        let mut message = ChannelErrorEvent::zeroed();
        message
            .set(ChannelErrorEvent::KIND, event::CHANNEL_ERROR)
            .set(ChannelErrorEvent::ERROR, error)
            .set(ChannelErrorEvent::PIPE, kind as u32)
            .set(ChannelErrorEvent::EVENT_SLOT, slot.into())
            .set(ChannelErrorEvent::EVENT_VALUE, value);
        self.event(message.as_bytes())
    }

    /// The host wants a failed queue to go on behind `value`.
    pub(crate) fn recover_channel(&mut self, work: u32, info: u64, value: u32) -> Fw<()> {
        let Some(mut active) = self.failed.remove(&info) else {
            bail!("RecoverChannel for {info:#x}, which has not failed");
        };
        let kind = active.work().kind;
        ensure!(
            work == kind as u32,
            "RecoverChannel: type {work} for a {} queue",
            kind_name(kind)
        );
        let first = active.work().stamps.value;
        ensure!(
            crate::stamps::reached(value, first),
            "RecoverChannel: up to {value:#x}, but {first:#x} failed"
        );
        if let Some(queue) = self.queues.get_mut(&info) {
            queue.abort_to = Some(value);
        }
        active.abort();
        // It is finished before anything else is taken up: its microsequence never waits.
        let running = self.streams.replace(kind, Some(active));
        while self.streams.get(kind).is_some_and(|a| a.queue == info) {
            self.advance_active(kind)?;
        }
        self.streams.replace(kind, running);
        Ok(())
    }
}

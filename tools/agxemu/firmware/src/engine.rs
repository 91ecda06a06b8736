// SPDX-License-Identifier: MIT OR Apache-2.0

//! The compute stream: runs the microsequence of one command at a time.
//!
//! ```text
//!  GPU:   idle ──StartCompute──► runs ──► busy ──time──► idle
//!                                 ├─► faulted, illegal ─┐ at WaitForIdle
//!                                 └─► hung ──time───────┴──────────────► halt, see `halt`
//!
//!  end of a command, each step visible to the host before the next:
//!  timestamps ► firmware stamp ► host stamp ► done pointer ► notifier count ► event ► doorbell
//! ```

use agx_abi::channel::{event, FlagEvent, PipeKind};
use agx_abi::compute::RunCompute;
use agx_abi::event::Notifier;
use agx_abi::globals::Globals;
use agx_abi::Value;

use agxemu_gpu::cdm::{End, Stream};
use agxemu_gpu::execute::Settings;
use agxemu_gpu::fault::{AccessError, Fault, Reason, Unit};
use agxemu_gpu::job::Outcome;

use crate::compute::Compute;
use crate::core::{Core, Step, MS};
use crate::gpu::Running;
use crate::machine::Level;
use crate::memory::at;
use crate::microsequence::{self, Op, Owner};
use crate::panic::{ensure, Fw, Panic};
use crate::report::{Log, Trace};
use crate::script::JobFault;

/// State of the GPU part of a command.
#[derive(Debug)]
pub(crate) enum Gpu {
    Idle,
    /// Executes.
    Runs(Running),
    /// Done, but not before this time.
    Busy(u64),
    Faulted(Fault),
    /// At something that cannot be executed.
    Illegal(String),
    /// Since this time.
    Hung(u64),
}

/// A command that is being run.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) queue: u64,
    pub(crate) uuid: u32,
    pub(crate) cmd: Compute,
    ops: Vec<Op>,
    at: usize,
    pub(crate) gpu: Gpu,
    /// The GPU part is left out.
    aborted: bool,
}

impl Active {
    /// From now on the GPU part is left out.
    pub(crate) fn abort(&mut self) {
        self.aborted = true;
        self.gpu = Gpu::Idle;
    }
}

/// Nanoseconds of `ticks` of the 24 MHz timer.
pub(crate) fn nanoseconds(ticks: u64) -> u64 {
    (u128::from(ticks) * 125 / 3) as u64
}

impl Core {
    /// Takes a compute command up.
    pub(crate) fn begin(&mut self, info: u64, va: u64) -> Fw<()> {
        let Some(queue) = self.queues.get_mut(&info) else {
            return Ok(());
        };
        let uuid = queue.uuid;
        let cmd = Compute::read(&self.mem, self.chip, &self.init, va, uuid)?;
        self.slots.take(&cmd.stamps)?;
        ensure!(
            queue.slot == Some(cmd.stamps.slot),
            "{queue}: command at {va:#x} is of event slot {}, submitted with {:?}",
            cmd.stamps.slot,
            queue.slot
        );
        let host = cmd.stamps.host;
        let value = queue.next_value(host, self.mem.u32(host)?);
        ensure!(
            cmd.stamps.value == value,
            "{queue}: command at {va:#x} has stamp {:#x}, expected {value:#x}",
            cmd.stamps.value
        );
        if let Some(promised) = queue.promised.take() {
            ensure!(
                promised == value,
                "{queue}: command at {va:#x} has stamp {value:#x}, its barrier says {promised:#x}"
            );
        }
        let sequence = u64::from(cmd.event_seq);
        ensure!(
            queue
                .last_sequence
                .is_none_or(|last| sequence == (last + 1) & 0xffff_ffff),
            "{queue}: command at {va:#x} is number {sequence}, the one before {:?}",
            queue.last_sequence
        );
        let owner = Owner {
            info,
            uuid,
            stats: self.init.compute_stats,
        };
        let ops = microsequence::read(&self.mem, &cmd, owner)?;
        queue.last_value = Some(value);
        queue.last_stamp = Some(host);
        queue.last_sequence = Some(sequence);
        queue.fetch(&self.mem)?;
        let aborted = queue
            .abort_to
            .is_some_and(|to| crate::stamps::reached(to, value));
        self.objects
            .add("compute command", va, RunCompute::SIZE as u64)?;
        self.objects.add(
            "microsequence",
            cmd.microsequence.0,
            cmd.microsequence.1.into(),
        )?;
        if self.pending_submissions()? == 0 {
            // Drivers that never count have run on Macs; the GPU may then be powered off early.
            self.mem.remark(
                "submission with pending_submissions 0",
                &format!("compute command at {va:#x}"),
            );
        }
        let notifier = cmd.notifier;
        self.mem
            .set_u32(at(notifier, Notifier::VM_SLOT), cmd.vm_slot.into())?;
        self.mem.set_u32(at(notifier, Notifier::HAS_COMPUTE), 1)?;
        self.active = Some(Active {
            queue: info,
            uuid,
            cmd,
            ops,
            at: 0,
            gpu: Gpu::Idle,
            aborted,
        });
        Ok(())
    }

    /// Executes the next op of the running command.
    pub(crate) fn advance_active(&mut self) -> Fw<Step> {
        let now = self.now();
        let Some(active) = &self.active else {
            return Ok(Step::Idle);
        };
        match active.ops[active.at] {
            Op::StartCompute => {
                if !self.start()? {
                    return Ok(Step::Progress);
                }
            }
            Op::Timestamp { start } => self.timestamp(start)?,
            Op::WaitForIdle => {
                if let Some(step) = self.wait_for_gpu(now)? {
                    return Ok(step);
                }
            }
            Op::FinalizeCompute => self.finalize()?,
            Op::RetireStamp => {
                self.retire()?;
                return Ok(Step::Progress);
            }
        }
        if let Some(active) = &mut self.active {
            active.at += 1;
        }
        Ok(Step::Progress)
    }

    /// What is to be done before the GPU is idle, if it is not.
    fn wait_for_gpu(&mut self, now: u64) -> Fw<Option<Step>> {
        let Some(active) = &mut self.active else {
            return Ok(None);
        };
        match std::mem::replace(&mut active.gpu, Gpu::Idle) {
            Gpu::Idle => return Ok(None),
            Gpu::Runs(running) => match running.outcome() {
                None => {
                    active.gpu = Gpu::Runs(running);
                    // It is at work: whatever time that takes is no stall.
                    self.power.busy(now);
                    return Ok(Some(Step::Idle));
                }
                Some(outcome) => {
                    let since = running.since;
                    let gpu = self.ended(outcome, since);
                    if let Some(active) = &mut self.active {
                        active.gpu = gpu;
                    }
                }
            },
            Gpu::Busy(until) if now < until => {
                active.gpu = Gpu::Busy(until);
                return Ok(Some(Step::Until(until)));
            }
            Gpu::Busy(_) => return Ok(None),
            Gpu::Faulted(fault) => self.halt_for_fault(fault)?,
            Gpu::Illegal(reason) => self.halt_for_illegal(&reason)?,
            Gpu::Hung(since) => {
                active.gpu = Gpu::Hung(since);
                let deadline = since + self.patience()?;
                if now < deadline {
                    return Ok(Some(Step::Until(deadline)));
                }
                self.halt_for_timeout()?;
            }
        }
        Ok(Some(Step::Progress))
    }

    /// Starts the GPU part; `false` if the command left the stream.
    fn start(&mut self) -> Fw<bool> {
        let Some(active) = &self.active else {
            return Ok(false);
        };
        if active.aborted {
            return Ok(true);
        }
        self.counters.jobs += 1;
        let job = self.counters.jobs;
        let (uuid, slot, samplers) = (active.uuid, active.cmd.vm_slot, active.cmd.samplers);
        let (event, value) = (active.cmd.stamps.slot, active.cmd.stamps.value);
        let stream = Stream {
            base: active.cmd.stream,
            usc_base: active.cmd.usc_base,
        };
        let line = format!("job {job}: queue {uuid}, context {slot}, event {event}:{value:#x}");
        self.log(Log::Debug, &line)?;
        let trace = [value.into(), event.into(), uuid.into(), 0];
        self.report
            .trace(&self.mem, &mut self.ch, Trace::StartCp, trace)?;
        let fault = self.script.job(job);
        if fault == Some(JobFault::Channel) {
            self.fail_active(job)?;
            return Ok(false);
        }
        self.mem.machine().select_context(slot).map_err(Panic)?;
        let now = self.now();
        let gpu = match fault {
            Some(JobFault::Hang) => Gpu::Hung(now),
            Some(JobFault::Mmu) => Gpu::Faulted(Fault {
                access: AccessError {
                    va: 0xdead_0000,
                    reason: Reason::Unmapped,
                    level: 3,
                    write: false,
                },
                unit: Unit::Ul1c,
            }),
            _ => {
                let settings = Settings {
                    threads: self.gpu.threads,
                    soft_faults: self.soft_faults()?,
                    vm_slot: slot,
                    sampler_heap: samplers,
                };
                let machine = self.mem.machine_handle();
                Gpu::Runs(Running::start(
                    machine,
                    job,
                    stream,
                    settings,
                    self.gpu,
                    &self.epoch,
                ))
            }
        };
        if let Some(active) = &mut self.active {
            active.gpu = gpu;
        }
        Ok(true)
    }

    /// Whether shaders read zeros from where nothing is mapped.
    fn soft_faults(&self) -> Fw<bool> {
        let mode = self
            .mem
            .u32(at(self.init.globals, Globals::FAULT_CONTROL))?;
        Ok(mode == Globals::FAULT_CONTROL_SOFT)
    }

    /// The GPU has done what it could since `since`.
    fn ended(&mut self, outcome: Outcome, since: u64) -> Gpu {
        let job = self.counters.jobs;
        let machine = self.mem.machine();
        self.counters.launches += outcome.launches;
        self.counters.threads += outcome.threads;
        self.counters.instructions += outcome.instructions;
        let ticks = machine.ticks() - since;
        self.counters.gpu_ticks += ticks;
        let us = ticks / (MS / 1000);
        let line = format!(
            "job {job}: {} launches, {} threads, {} instructions of SIMD groups, {us} us",
            outcome.launches, outcome.threads, outcome.instructions
        );
        machine.log(Level::Info, &line);
        match outcome.end {
            End::Terminated => Gpu::Busy(since + self.script.delay_ms(job) * MS),
            End::Fault(fault) => Gpu::Faulted(fault),
            End::Illegal(reason) => Gpu::Illegal(reason),
            End::Hang(reason) => {
                machine.log(Level::Warn, &format!("job {job}: GPU hangs: {reason}"));
                Gpu::Hung(since)
            }
            // Nobody stops a job and then waits for it.
            End::Stopped => Gpu::Illegal("stopped by the emulator".to_owned()),
        }
    }

    fn timestamp(&mut self, start: bool) -> Fw<()> {
        let ticks = self.now();
        let Some(active) = &self.active else {
            return Ok(());
        };
        let cmd = &active.cmd;
        let which = usize::from(!start);
        self.mem
            .set_u64(cmd.field(RunCompute::COMMAND_TIME), ticks)?;
        self.mem.set_u64(cmd.timestamps[which], ticks)?;
        if cmd.user_timestamps[which] != 0 {
            self.mem
                .set_u64(cmd.user_timestamps[which], nanoseconds(ticks))?;
        }
        Ok(())
    }

    fn finalize(&mut self) -> Fw<()> {
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        active.gpu = Gpu::Idle;
        let stamps = active.cmd.stamps;
        let trace = [
            stamps.value.into(),
            stamps.slot.into(),
            stamps.fw,
            active.uuid.into(),
        ];
        self.report
            .trace(&self.mem, &mut self.ch, Trace::FinishCp, trace)?;
        self.mem.set_u32(stamps.fw, stamps.value)?;
        self.report
            .trace(&self.mem, &mut self.ch, Trace::StampUpdateCl, trace)
    }

    fn retire(&mut self) -> Fw<()> {
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        let cmd = &active.cmd;
        let stamps = cmd.stamps;
        self.mem.set_u32(stamps.host, stamps.value)?;
        if let Some(queue) = self.queues.get_mut(&active.queue) {
            debug_assert_eq!(queue.work, PipeKind::Compute);
            queue.open_events -= 1;
            queue.finish(&self.mem)?;
            if queue.open_events == 0 {
                self.slots.idle(stamps.slot);
            }
        }
        self.objects.finish(cmd.va);
        self.objects.finish(cmd.microsequence.0);
        self.counters.completed += 1;
        let trace = [cmd.notifier, 0, 0, 0];
        self.report
            .trace(&self.mem, &mut self.ch, Trace::EvtComplete, trace)?;
        self.power.busy(self.mem.machine().ticks());
        match self.slots.finished(&self.mem, cmd.notifier, stamps.slot)? {
            Some(bits) => self.flag(bits),
            None => Ok(()),
        }
    }

    /// Tells the host of the event slots in `bits`.
    fn flag(&mut self, bits: u128) -> Fw<()> {
        self.counters.flags += 1;
        if self.script.drops_flag(self.counters.flags) {
            self.counters.events += 1;
            self.mem
                .machine()
                .log(Level::Warn, &format!("scripted: Flag {bits:#x} dropped"));
            return Ok(());
        }
        let words = [bits as u64, (bits >> 64) as u64];
        self.report.trace(
            &self.mem,
            &mut self.ch,
            Trace::EvtNotify,
            [words[0], words[1], 0, 0],
        )?;
        let mut message = FlagEvent::zeroed();
        let firing = std::array::from_fn(|i| (bits >> (32 * i)) as u32);
        message
            .set(FlagEvent::KIND, event::FLAG)
            .set(FlagEvent::FIRING, firing);
        self.event(message.as_bytes())
    }

    /// Sends an event.
    pub(crate) fn event(&mut self, message: &[u8]) -> Fw<()> {
        self.counters.events += 1;
        let n = self.counters.events;
        ensure!(
            !self.script.crashes_at_event(n),
            "scripted crash at event {n}"
        );
        self.report.event(&self.mem, &mut self.ch, message)
    }
}

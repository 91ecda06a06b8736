// SPDX-License-Identifier: MIT OR Apache-2.0

//! The compute stream: runs the microsequence of one command at a time.
//!
//! ```text
//!  GPU:   idle ──StartCompute──► busy ──time──► idle
//!                                  ├─► faulted ─┐ at WaitForIdle
//!                                  └─► hung ────┴──────────────► halt, see `halt`
//!
//!  end of a command, each step visible to the host before the next:
//!  timestamps ► firmware stamp ► host stamp ► done pointer ► notifier count ► event ► doorbell
//! ```

use agx_abi::channel::{event, FlagEvent, PipeKind};
use agx_abi::compute::RunCompute;
use agx_abi::event::Notifier;
use agx_abi::Value;
use agxemu_gpu::cdm::{self, End, Stream};
use agxemu_gpu::fault::{AccessError, Fault, Reason, Unit};
use agxemu_gpu::GpuMemory;

use crate::compute::Compute;
use crate::core::{Core, Step, MS};
use crate::machine::{Level, Machine, Role};
use crate::memory::at;
use crate::microsequence::{self, Op, Owner};
use crate::panic::{ensure, Fw, Panic};
use crate::report::{Log, Trace};
use crate::script::JobFault;

/// State of the GPU part of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gpu {
    Idle,
    /// Until this time.
    Busy(u64),
    Faulted(Fault),
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

/// Memory of a user context with the rights of the GPU.
struct UserMemory<'a> {
    machine: &'a dyn Machine,
    slot: u8,
}

impl GpuMemory for UserMemory<'_> {
    fn read(&self, va: u64, buf: &mut [u8]) -> Result<(), AccessError> {
        let page_size = crate::memory::PAGE;
        let mut done = 0;
        while done < buf.len() {
            let at = va.wrapping_add(done as u64);
            let n = (buf.len() - done).min((page_size - at % page_size) as usize);
            let page = self.machine.translate(self.slot, at, Role::Gpu, false)?;
            self.machine
                .read_phys(page.pa + at % page_size, &mut buf[done..done + n])
                .map_err(|_| {
                    // A mapping of nothing: no reason code says this, it is as good as none.
                    AccessError {
                        va: at,
                        reason: Reason::Unmapped,
                        level: 3,
                        write: false,
                    }
                })?;
            done += n;
        }
        Ok(())
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
        let cmd = Compute::read(&self.mem, self.chip, va, uuid)?;
        self.slots.check(&cmd.stamps)?;
        ensure!(
            queue.slot == Some(cmd.stamps.slot),
            "{queue}: command at {va:#x} is of event slot {}, submitted with {:?}",
            cmd.stamps.slot,
            queue.slot
        );
        let value = queue.next_value(self.mem.u32(cmd.stamps.host)?);
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
        ensure!(
            self.pending_submissions()? != 0,
            "compute command at {va:#x} is submitted with pending_submissions 0"
        );
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
            Op::WaitForIdle => match active.gpu.clone() {
                Gpu::Idle => {}
                Gpu::Busy(until) if now < until => return Ok(Step::Until(until)),
                Gpu::Busy(_) => {}
                Gpu::Faulted(fault) => {
                    self.halt_for_fault(fault)?;
                    return Ok(Step::Progress);
                }
                Gpu::Hung(since) => {
                    let deadline = since + self.patience()?;
                    if now < deadline {
                        return Ok(Step::Until(deadline));
                    }
                    self.halt_for_timeout()?;
                    return Ok(Step::Progress);
                }
            },
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
        let (uuid, slot) = (active.uuid, active.cmd.vm_slot);
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
            _ => self.execute(job, slot, stream, now),
        };
        if let Some(active) = &mut self.active {
            active.gpu = gpu;
        }
        Ok(true)
    }

    /// Follows the control stream, reporting what it launches.
    fn execute(&mut self, job: u64, slot: u8, stream: Stream, now: u64) -> Gpu {
        let machine = self.mem.machine();
        let mut launches = 0;
        let end = cdm::walk(&UserMemory { machine, slot }, stream, &mut |step| {
            if let cdm::Step::Launch(launch) = step {
                launches += 1;
                let what = if launch.grid.is_empty() {
                    "empty"
                } else {
                    "shader not executed (later issue)"
                };
                machine.log(Level::Info, &format!("job {job}: launch {launch}: {what}"));
            }
        });
        self.counters.launches += launches;
        match end {
            End::Terminated => Gpu::Busy(now + self.script.delay_ms(job) * MS),
            End::Fault(fault) => Gpu::Faulted(fault),
            End::Hang(reason) => {
                machine.log(Level::Warn, &format!("job {job}: GPU hangs: {reason}"));
                Gpu::Hung(now)
            }
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

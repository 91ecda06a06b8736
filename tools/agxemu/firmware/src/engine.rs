// SPDX-License-Identifier: MIT OR Apache-2.0

//! The streams for vertex, fragment and compute work: each runs the microsequence of one command at
//! a time.
//!
//! ```text
//!  GPU:   idle ──Start…──► runs ─────────────────────────► busy ──time──► idle
//!                           ├─► grows ──host has answered──►┘
//!                           ├─► faulted, illegal ─┐ at WaitForIdle
//!                           └─► hung ──time───────┴──────────────► halt, see `halt`
//!
//!  end of a command, each step visible to the host before the next:
//!  timestamps ► firmware stamp ► host stamp ► done pointer ► notifier count ► event ► doorbell
//! ```

use agx_abi::channel::{event, FlagEvent, PipeKind};
use agx_abi::event::Notifier;
use agx_abi::fragment::RunFragment;
use agx_abi::init::FragmentStatistics;

use crate::compute::Compute;
use crate::core::{Core, Step};
use crate::fragment::Fragment;
use crate::machine::Level;
use crate::microsequence::{self, Op, Owner};
use crate::panic::{ensure, Fw};
use crate::report::Trace;
use crate::script::JobFault;
use crate::streams::{Active, Gpu};
use crate::tvb::Key;
use crate::vertex::Vertex;
use crate::work::{Command, Work};

/// Nanoseconds of `ticks` of the 24 MHz timer.
pub(crate) fn nanoseconds(ticks: u64) -> u64 {
    (u128::from(ticks) * 125 / 3) as u64
}

impl Core {
    /// Takes a command that does work up.
    pub(crate) fn begin(&mut self, info: u64, va: u64) -> Fw<()> {
        let Some(queue) = self.queues.get(&info) else {
            return Ok(());
        };
        let (kind, uuid, context) = (queue.work, queue.uuid, queue.context);
        let mut cmd = self.read_command(kind, va, uuid)?;
        let work = cmd.work().clone();
        self.slots.take(&work.stamps)?;
        let value = self.check_stamps(info, &work)?;
        if let Some(from) = self.behaviour.stamps {
            self.slots.move_on(&self.mem, &work.stamps, from)?;
        }
        self.check_scene(info, &mut cmd)?;
        let owner = Owner {
            info,
            uuid,
            stats: match kind {
                PipeKind::Vertex => self.init.vertex_stats,
                PipeKind::Fragment => self.init.fragment_stats,
                PipeKind::Compute => self.init.compute_stats,
            },
        };
        let ops = microsequence::read(&self.mem, &cmd, owner)?;
        if let Command::Vertex(vertex) = &cmd {
            let least = vertex.tiling.blocks();
            self.tvb.begin(&self.mem, vertex, context, least)?;
        }
        let Some(queue) = self.queues.get_mut(&info) else {
            return Ok(());
        };
        // Its tag is read anew, and may be another than that which was counted.
        ensure!(
            queue.open_events != 0,
            "{queue}: command at {va:#x} did no work when it was submitted"
        );
        queue.promised = None;
        queue.last_value = Some(value);
        queue.last_stamp = Some(work.stamps.host);
        queue.last_sequence = Some(work.event_seq.into());
        queue.fetch(&self.mem)?;
        let aborted = queue
            .abort_to
            .is_some_and(|to| crate::stamps::reached(to, value));
        if !aborted {
            queue.abort_to = None;
        }
        let name = match kind {
            PipeKind::Vertex => "vertex command",
            PipeKind::Fragment => "fragment command",
            PipeKind::Compute => "compute command",
        };
        self.objects.add(name, va, work.size)?;
        let (sequence, len) = work.microsequence;
        self.objects.add("microsequence", sequence, len.into())?;
        if self.pending_submissions()? == 0 {
            // Drivers that never count have run on Macs; the GPU may then be powered off early.
            self.mem.remark(
                "submission with pending_submissions 0",
                &format!("{name} at {va:#x}"),
            );
        }
        let notifier = work.notifier;
        self.mem.set_u32(
            self.mem.at(notifier, Notifier::VM_SLOT),
            work.vm_slot.into(),
        )?;
        let has = match kind {
            PipeKind::Vertex => Notifier::HAS_VERTEX,
            PipeKind::Fragment => Notifier::HAS_FRAGMENT,
            PipeKind::Compute => Notifier::HAS_COMPUTE,
        };
        self.mem.set_u32(self.mem.at(notifier, has), 1)?;
        let active = Active {
            queue: info,
            uuid,
            job: 0,
            cmd,
            ops,
            at: 0,
            gpu: Gpu::Idle,
            aborted,
        };
        self.streams.replace(kind, Some(active));
        Ok(())
    }

    fn read_command(&self, kind: PipeKind, va: u64, uuid: u32) -> Fw<Command> {
        let (mem, part, init) = (&self.mem, &self.part, &self.init);
        let chip = part.chip;
        Ok(match kind {
            PipeKind::Vertex => Command::Vertex(Box::new(Vertex::read(mem, part, init, va, uuid)?)),
            PipeKind::Fragment => {
                Command::Fragment(Box::new(Fragment::read(mem, chip, init, va, uuid)?))
            }
            PipeKind::Compute => Command::Compute(Compute::read(mem, chip, init, va, uuid)?),
        })
    }

    /// Checks event slot, stamp value and number of a command; returns the value.
    fn check_stamps(&self, info: u64, work: &Work) -> Fw<u32> {
        let Some(queue) = self.queues.get(&info) else {
            return Ok(work.stamps.value);
        };
        let va = work.va;
        ensure!(
            queue.slot == Some(work.stamps.slot),
            "{queue}: command at {va:#x} is of event slot {}, submitted with {:?}",
            work.stamps.slot,
            queue.slot
        );
        let host = work.stamps.host;
        let value = queue.next_value(host, self.mem.u32(host)?);
        ensure!(
            work.stamps.value == value,
            "{queue}: command at {va:#x} has stamp {:#x}, expected {value:#x}",
            work.stamps.value
        );
        if let Some(promised) = queue.promised {
            ensure!(
                promised == value,
                "{queue}: command at {va:#x} has stamp {value:#x}, its barrier says {promised:#x}"
            );
        }
        let sequence = u64::from(work.event_seq);
        ensure!(
            queue
                .last_sequence
                .is_none_or(|last| sequence == (last + 1) & 0xffff_ffff),
            "{queue}: command at {va:#x} is number {sequence}, the one before {:?}",
            queue.last_sequence
        );
        Ok(value)
    }

    /// Compares a fragment command with the vertex half of its scene.
    fn check_scene(&self, info: u64, cmd: &mut Command) -> Fw<()> {
        let Command::Fragment(fragment) = cmd else {
            return Ok(());
        };
        let stamps = fragment.work.stamps;
        let key = (fragment.work.vm_slot, fragment.target.scene);
        // Without one it ends with an error when it is started.
        let Some(scene) = self.tvb.scene(key) else {
            return Ok(());
        };
        fragment.check_scene(scene)?;
        let what = format!("fragment command at {:#x}", fragment.work.va);
        let announced = (stamps.slot.into(), stamps.value);
        ensure!(
            scene.fragment == announced,
            "{what}: has event {}:{:#x}, its vertex command says {}:{:#x}",
            announced.0,
            announced.1,
            scene.fragment.0,
            scene.fragment.1
        );
        let vertex = scene.vertex;
        let waited = self.queues.get(&info);
        ensure!(
            waited.is_some_and(|queue| queue.waited_for(vertex.fw, vertex.value)),
            "{what}: no barrier before it waits for its vertex command, {}:{:#x}",
            vertex.slot,
            vertex.value
        );
        fragment.buffer_slot = Some(scene.buffer_slot);
        Ok(())
    }

    /// Executes the next op of the running command of `kind`.
    pub(crate) fn advance_active(&mut self, kind: PipeKind) -> Fw<Step> {
        let now = self.now();
        let Some(active) = self.streams.get(kind) else {
            return Ok(Step::Idle);
        };
        match active.ops[active.at] {
            Op::StartCompute | Op::StartVertex | Op::StartFragment => {
                if !self.start(kind)? {
                    return Ok(Step::Progress);
                }
            }
            Op::Timestamp { start } => self.timestamp(kind, start)?,
            Op::WaitForIdle => {
                if let Some(step) = self.wait_for_gpu(kind, now)? {
                    return Ok(step);
                }
            }
            Op::FinalizeCompute | Op::FinalizeVertex | Op::FinalizeFragment => {
                self.finalize(kind)?;
            }
            Op::RetireStamp => {
                self.retire(kind)?;
                return Ok(Step::Progress);
            }
        }
        if let Some(active) = self.streams.get_mut(kind) {
            active.at += 1;
        }
        Ok(Step::Progress)
    }

    /// Returns what is to be done before the GPU is idle, if it is not.
    fn wait_for_gpu(&mut self, kind: PipeKind, now: u64) -> Fw<Option<Step>> {
        let Some(active) = self.streams.get_mut(kind) else {
            return Ok(None);
        };
        let (gpu, step) = match std::mem::replace(&mut active.gpu, Gpu::Idle) {
            Gpu::Idle => return Ok(None),
            Gpu::Runs(running) => match running.outcome() {
                None => {
                    // It is at work: whatever time that takes is no stall.
                    self.power.busy(now);
                    (Gpu::Runs(running), Step::Idle)
                }
                Some(outcome) => (self.ended(kind, outcome, &running)?, Step::Progress),
            },
            Gpu::Grows(since) => match self.grown(kind, since) {
                gpu @ Gpu::Grows(_) => (gpu, Step::Idle),
                gpu => (gpu, Step::Progress),
            },
            Gpu::Busy(until) if now < until => (Gpu::Busy(until), Step::Until(until)),
            Gpu::Busy(_) => return Ok(None),
            Gpu::Faulted(fault) => {
                self.halt_for_fault(kind, fault)?;
                return Ok(Some(Step::Progress));
            }
            Gpu::Illegal(reason) => {
                self.halt_for_illegal(kind, &reason)?;
                return Ok(Some(Step::Progress));
            }
            Gpu::Hung(since) => {
                let deadline = since + self.patience(kind)?;
                if now >= deadline {
                    self.halt_for_timeout(kind)?;
                    return Ok(Some(Step::Progress));
                }
                (Gpu::Hung(since), Step::Until(deadline))
            }
        };
        if let Some(active) = self.streams.get_mut(kind) {
            active.gpu = gpu;
        }
        Ok(Some(step))
    }

    fn timestamp(&mut self, kind: PipeKind, start: bool) -> Fw<()> {
        let ticks = self.now();
        let Some(active) = self.streams.get(kind) else {
            return Ok(());
        };
        let work = active.work();
        let which = usize::from(!start);
        self.mem.set_u64(work.places.command_time, ticks)?;
        self.mem.set_u64(work.timestamps[which], ticks)?;
        if work.user_timestamps[which] != 0 {
            self.mem
                .set_u64(work.user_timestamps[which], nanoseconds(ticks))?;
        }
        Ok(())
    }

    fn finalize(&mut self, kind: PipeKind) -> Fw<()> {
        let Some(active) = self.streams.get_mut(kind) else {
            return Ok(());
        };
        active.gpu = Gpu::Idle;
        let stamps = active.cmd.work().stamps;
        let trace = [
            stamps.value.into(),
            stamps.slot.into(),
            stamps.fw,
            active.uuid.into(),
        ];
        let (finish, update) = match kind {
            PipeKind::Vertex => (Trace::FinishTa, Trace::StampUpdateTa),
            PipeKind::Fragment => (Trace::Finish3d, Trace::StampUpdate3d),
            PipeKind::Compute => (Trace::FinishCp, Trace::StampUpdateCl),
        };
        self.report.trace(&self.mem, &mut self.ch, finish, trace)?;
        self.finish_scene(kind)?;
        self.mem.set_u32(stamps.fw, stamps.value)?;
        self.report.trace(&self.mem, &mut self.ch, update, trace)
    }

    /// Says what a half of a render has taken of its buffer, and lets the scene go after the second
    /// one.
    fn finish_scene(&mut self, kind: PipeKind) -> Fw<()> {
        let Some(active) = self.streams.get(kind) else {
            return Ok(());
        };
        match &active.cmd {
            Command::Compute(_) => Ok(()),
            Command::Vertex(vertex) => {
                let key = (vertex.work.vm_slot, vertex.target.scene);
                if self.tvb.overflows(key) {
                    self.counters.overflows += 1;
                    self.check_shading(key)?;
                }
                self.tvb.account(&self.mem, key)
            }
            Command::Fragment(fragment) => {
                let work = &fragment.work;
                let key = (work.vm_slot, fragment.target.scene);
                let more = match active.aborted {
                    true => 0,
                    false => self.tvb.parts(key) - 1,
                };
                for place in [
                    work.field(RunFragment::TVB_OVERFLOW_COUNT),
                    self.mem.at(
                        self.init.fragment_stats,
                        FragmentStatistics::TVB_OVERFLOWS_1,
                    ),
                ] {
                    let old = self.mem.u32(place)?;
                    self.mem.set_u32(place, old.wrapping_add(more))?;
                }
                self.mem.set_u32(work.field(RunFragment::BUSY_FLAG), 0)?;
                self.tvb.end(key);
                Ok(())
            }
        }
    }

    /// The scene at `key` is shaded in parts while its vertex half runs, by the fragment command,
    /// which therefore has to wait in its queue.
    fn check_shading(&self, key: Key) -> Fw<()> {
        let Some(scene) = self.tvb.scene(key) else {
            return Ok(());
        };
        let (slot, value) = scene.fragment;
        let owner = u8::try_from(slot).ok().and_then(|s| self.slots.owner(s));
        let queue = owner.and_then(|info| self.queues.get(&info));
        ensure!(
            queue.is_some_and(|queue| queue.limit != queue.fetched),
            "scene at {:#x} does not fit its buffer, and its fragment command, of event slot \
             {slot} and value {value:#x}, is not queued",
            key.1
        );
        Ok(())
    }

    fn retire(&mut self, kind: PipeKind) -> Fw<()> {
        let Some(active) = self.streams.take(kind) else {
            return Ok(());
        };
        let work = active.work();
        let stamps = work.stamps;
        self.mem.set_u32(stamps.host, stamps.value)?;
        if let Some(queue) = self.queues.get_mut(&active.queue) {
            debug_assert_eq!(queue.work, kind);
            queue.open_events -= 1;
            queue.finish(&self.mem)?;
            if queue.open_events == 0 {
                self.slots.idle(stamps.slot);
            }
        }
        self.objects.finish(work.va);
        self.objects.finish(work.microsequence.0);
        self.counters.completed += 1;
        ensure!(
            self.script.job(active.job) != Some(JobFault::CrashDone),
            "scripted crash when job {} was done",
            active.job
        );
        let trace = [work.notifier, 0, 0, 0];
        self.report
            .trace(&self.mem, &mut self.ch, Trace::EvtComplete, trace)?;
        self.power.busy(self.mem.machine().ticks());
        match self.slots.finished(&self.mem, work.notifier, stamps.slot)? {
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
        self.report.event(&self.mem, &mut self.ch, message)
    }
}

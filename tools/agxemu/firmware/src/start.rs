// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the GPU part of a command is started, and what comes of it.

use agx_abi::channel::{channel_error, event, GrowTvbEvent, PipeKind};
use agx_abi::fragment::RunFragment;
use agx_abi::globals::Globals;
use agx_abi::init::{FragmentStatistics, VertexStatistics};

use agxemu_gpu::cdm::{End, Stream};
use agxemu_gpu::execute::Settings;
use agxemu_gpu::fault::{AccessError, Fault, Reason, Unit};
use agxemu_gpu::render::{FragmentJob, Frame};

use crate::core::{Core, MS};
use crate::fragment::Fragment;
use crate::gpu::{Binned, Context, Outcome, Running};
use crate::machine::Level;
use crate::panic::{ensure, Fw, Panic};
use crate::report::{Log, Trace};
use crate::script::JobFault;
use crate::streams::Gpu;
use crate::tvb::{Key, Overflow, Scene};
use crate::work::{kind_name, Command};

impl Core {
    /// Starts the GPU part; `false` if the command left the stream.
    pub(crate) fn start(&mut self, kind: PipeKind) -> Fw<bool> {
        let Some(active) = self.streams.get_mut(kind) else {
            return Ok(false);
        };
        if active.aborted {
            return Ok(true);
        }
        self.counters.jobs += 1;
        let job = self.counters.jobs;
        active.job = job;
        let work = active.cmd.work();
        let (uuid, slot, samplers) = (active.uuid, work.vm_slot, work.samplers);
        let (event, value) = (work.stamps.slot, work.stamps.value);
        let mut line = format!("job {job}: queue {uuid}, context {slot}, event {event}:{value:#x}");
        if kind != PipeKind::Compute {
            line += &format!(", {}", kind_name(kind));
        }
        let trace = [value.into(), event.into(), uuid.into(), 0];
        self.log(Log::Debug, &line)?;
        let code = match kind {
            PipeKind::Vertex => Trace::StartTa,
            PipeKind::Fragment => Trace::Start3d,
            PipeKind::Compute => Trace::StartCp,
        };
        self.report.trace(&self.mem, &mut self.ch, code, trace)?;
        let fault = self.script.job(job);
        ensure!(
            fault != Some(JobFault::Crash),
            "scripted crash before job {job}"
        );
        if fault == Some(JobFault::Channel) {
            self.fail_active(kind, channel_error::MEMORY_ERROR, "channel error")?;
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
                    engine: self.gpu.engine,
                };
                match self.launch(kind, job, settings)? {
                    Some(gpu) => gpu,
                    None => {
                        let why = "its scene has no binned data";
                        self.fail_active(kind, channel_error::ABORTED, why)?;
                        return Ok(false);
                    }
                }
            }
        };
        if let Some(active) = self.streams.get_mut(kind) {
            active.gpu = gpu;
        }
        Ok(true)
    }

    /// Has the GPU begin; `None` if there is nothing for it to work on.
    fn launch(&mut self, kind: PipeKind, job: u64, settings: Settings) -> Fw<Option<Gpu>> {
        let Some(active) = self.streams.get(kind) else {
            return Ok(None);
        };
        let context = Context {
            machine: self.mem.machine_handle(),
            number: job,
            vm_slot: settings.vm_slot,
            trace: self.gpu.trace,
            epoch: &self.epoch,
        };
        let limits = self.gpu.limits;
        let running = match &active.cmd {
            Command::Compute(compute) => {
                let stream = Stream {
                    base: compute.stream,
                    usc_base: compute.usc_base,
                    long_launches: self.part.chip.long_launches,
                };
                context.compute(stream, settings, limits)
            }
            Command::Vertex(vertex) => {
                self.count(self.init.vertex_stats, VertexStatistics::TOTAL_COMMANDS)?;
                if let Some(reason) = vertex.refusal.clone().or_else(|| self.tvb.refusal()) {
                    return Ok(Some(Gpu::Illegal(reason)));
                }
                context.half(self.renderer.vertex(vertex.job, settings, limits))
            }
            Command::Fragment(fragment) => {
                self.count(self.init.fragment_stats, FragmentStatistics::TOTAL_COMMANDS)?;
                if let Some(reason) = &fragment.refusal {
                    return Ok(Some(Gpu::Illegal(reason.clone())));
                }
                let key = (fragment.work.vm_slot, fragment.target.scene);
                let Some((scene, binned)) = self.tvb.scene(key).and_then(binned) else {
                    return Ok(None);
                };
                let job = FragmentJob {
                    partial_after: self.tvb.part(key),
                    frame: frame(fragment, scene),
                    ..fragment.job
                };
                let busy = fragment.work.field(RunFragment::BUSY_FLAG);
                self.mem.set_u32(busy, 1)?;
                context.half(self.renderer.fragment(job, binned, settings, limits))
            }
        };
        Ok(Some(Gpu::Runs(running)))
    }

    /// Adds 1 to the word `field` of the statistics at `base`.
    fn count<S: agx_abi::Everywhere>(&self, base: u64, field: agx_abi::Field<S, u32>) -> Fw<()> {
        let place = self.mem.at(base, field);
        self.mem
            .set_u32(place, self.mem.u32(place)?.wrapping_add(1))
    }

    /// Returns whether shaders read zeros from where nothing is mapped.
    fn soft_faults(&self) -> Fw<bool> {
        let mode = self
            .mem
            .u32(self.mem.at(self.init.globals, Globals::FAULT_CONTROL))?;
        Ok(mode == Globals::FAULT_CONTROL_SOFT)
    }

    /// The GPU has done what it could.
    pub(crate) fn ended(&mut self, kind: PipeKind, outcome: Outcome, running: &Running) -> Fw<Gpu> {
        let Some(active) = self.streams.get(kind) else {
            return Ok(Gpu::Idle);
        };
        let (job, since) = (active.job, running.since);
        let machine = self.mem.machine();
        let ticks = machine.ticks() - since;
        self.counters.gpu_ticks += ticks;
        let us = ticks / (MS / 1000);
        let (end, line) = match outcome {
            Outcome::Compute(outcome) => {
                self.counters.launches += outcome.launches;
                self.counters.threads += outcome.threads;
                self.counters.instructions += outcome.instructions;
                let line = format!(
                    "job {job}: {} launches, {} threads, {} instructions of SIMD groups, {us} us",
                    outcome.launches, outcome.threads, outcome.instructions
                );
                (outcome.end, line)
            }
            Outcome::Half(outcome) => {
                self.counters.instructions += outcome.instructions;
                let mut line = format!("job {job}: {}", kind_name(kind));
                if let (Some(binned), Command::Vertex(vertex)) = (&outcome.binned, &active.cmd) {
                    line += &format!(", {binned:?}");
                    let key = (vertex.work.vm_slot, vertex.target.scene);
                    self.counters.primitives += binned.primitives;
                    self.tvb.bin(key, binned.clone());
                }
                if let (End::Terminated, Command::Fragment(fragment)) = (&outcome.end, &active.cmd)
                {
                    let key = (fragment.work.vm_slot, fragment.target.scene);
                    let scene = self.tvb.scene(key).and_then(binned);
                    let any = scene.is_some_and(|(_, binned)| binned.primitives != 0);
                    self.counters.shaded += u64::from(any);
                }
                line += &format!(
                    ", {} instructions of SIMD groups, {us} us",
                    outcome.instructions
                );
                (outcome.end, line)
            }
        };
        machine.log(Level::Info, &line);
        Ok(match end {
            End::Terminated if self.asks_for_blocks(kind)? => Gpu::Grows(since),
            End::Terminated => Gpu::Busy(since + self.script.delay_ms(job) * MS),
            End::Fault(fault) => Gpu::Faulted(fault),
            End::Illegal(reason) => Gpu::Illegal(reason),
            End::Hang(reason) => {
                let line = format!("job {job}: GPU hangs: {reason}");
                self.mem.machine().log(Level::Warn, &line);
                Gpu::Hung(since)
            }
            // Nobody stops a job and then waits for it.
            End::Stopped => Gpu::Illegal("stopped by the emulator".to_owned()),
        })
    }

    /// Returns the scene of the running vertex command, if it does not fit its buffer.
    fn overflow(&self, kind: PipeKind) -> Option<(Key, u32, u8)> {
        let Command::Vertex(vertex) = &self.streams.get(kind)?.cmd else {
            return None;
        };
        let slot = vertex.work.vm_slot;
        let key = (slot, vertex.target.scene);
        let overflows = self.tvb.overflows(key);
        overflows.then_some((key, vertex.buffer_slot, slot))
    }

    /// Asks the host for more blocks, if the running vertex command needs them and that is what a
    /// full buffer leads to.
    fn asks_for_blocks(&mut self, kind: PipeKind) -> Fw<bool> {
        let Some((_, buffer, slot)) = self.overflow(kind) else {
            return Ok(false);
        };
        if self.gpu.overflow != Overflow::Grow {
            return Ok(false);
        }
        if let Some(counter) = self.tvb.ask(buffer) {
            let mut message = GrowTvbEvent::zeroed();
            message
                .set(GrowTvbEvent::KIND, event::GROW_TVB)
                .set(GrowTvbEvent::VM_SLOT, slot.into())
                .set(GrowTvbEvent::BUFFER_SLOT, buffer)
                .set(GrowTvbEvent::COUNTER, counter);
            self.event(message.as_bytes())?;
        }
        Ok(true)
    }

    /// Returns what the running vertex command does that had asked for more blocks.
    pub(crate) fn grown(&mut self, kind: PipeKind, since: u64) -> Gpu {
        let buffer = match self.streams.get(kind).map(|active| &active.cmd) {
            Some(Command::Vertex(vertex)) => vertex.buffer_slot,
            _ => return Gpu::Idle,
        };
        match self.tvb.is_asked(buffer) {
            true => Gpu::Grows(since),
            // Whatever the host gave, that is it.
            false => Gpu::Busy(since),
        }
    }
}

/// A scene whose vertex half has come to its end, with what it has left.
fn binned(scene: &Scene) -> Option<(&Scene, &Binned)> {
    scene.binned.as_ref().map(|binned| (scene, binned))
}

/// Returns the frame of a fragment half: what only the vertex half was told comes from the scene.
fn frame(fragment: &Fragment, scene: &Scene) -> Frame {
    Frame {
        layers: scene.frame.layers,
        ppp_control: scene.frame.ppp_control,
        ..fragment.job.frame
    }
}

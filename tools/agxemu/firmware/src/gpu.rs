// SPDX-License-Identifier: MIT OR Apache-2.0

//! The GPU beside the firmware: memory of a context for it, and a job that it runs.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use agx_abi::uat::{Protection, PAGE_SIZE};
use agxemu_gpu::cdm::{End, Stream};
use agxemu_gpu::execute::{Engine, Settings};
use agxemu_gpu::fault::{AccessError, Reason};
use agxemu_gpu::job::{self, Job, Limits};
use agxemu_gpu::render::{FragmentJob, Half, RenderJob, Scene, VertexJob};
use agxemu_gpu::tlb::{Leaf, Pages, Translation};
use agxemu_gpu::trace::Sink;

use crate::machine::{Level, Machine, Role};
use crate::tvb::Overflow;

/// What the emulator's user decides about the GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Host threads that a job is spread over.
    pub threads: usize,
    /// What an endless job may execute.
    pub limits: Limits,
    /// Log every instruction and access.
    pub trace: bool,
    /// Pages that a tiled vertex buffer has at most, whatever the host gives it.
    pub tvb_pages: Option<u32>,
    /// What a full one leads to.
    pub overflow: Overflow,
    /// What runs shaders.
    pub engine: Engine,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        Self {
            threads,
            limits: Limits::default(),
            trace: false,
            tvb_pages: None,
            overflow: Overflow::default(),
            engine: Engine::COMPILED,
        }
    }
}

/// Counts what the host may have done to page tables: it tells of nothing, but it does it before it
/// sends a message that depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epoch(Arc<AtomicU64>);

impl Epoch {
    pub(crate) fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Memory of a context with the rights of the GPU.
struct ContextPages {
    machine: Arc<dyn Machine>,
    slot: u8,
    epoch: Epoch,
}

impl Pages for ContextPages {
    fn page(&self, va: u64, write: bool) -> Result<Translation, AccessError> {
        let found = self.machine.translate(self.slot, va, Role::Gpu, write)?;
        let rights = Protection::from_entry(found.pte).gpu();
        let host_page = |pa: u64| {
            self.machine.host_page(pa & !(PAGE_SIZE - 1)).map_err(|_| {
                // A mapping of nothing: no reason code says this, it is as good as none.
                AccessError {
                    va,
                    reason: Reason::Unmapped,
                    level: 3,
                    write,
                }
            })
        };
        let leaf = Leaf {
            table: host_page(found.pte_at)?,
            offset: (found.pte_at % PAGE_SIZE) as usize,
            value: found.pte,
        };
        Ok(Translation {
            leaf,
            page: host_page(found.pa)?,
            read: rights.read,
            write: rights.write,
        })
    }

    fn epoch(&self) -> u64 {
        self.epoch.0.load(Ordering::Relaxed)
    }
}

/// Launches or draws of a job that the log names: a stream may have millions.
const LISTED: u64 = 1000;

/// What a vertex half has left for the fragment half.
#[derive(Clone)]
pub struct Binned {
    /// What only the renderer knows.
    pub scene: Arc<dyn Any + Send + Sync>,
    /// Bytes that it would take in a tiled vertex buffer.
    pub bytes: u64,
    /// Bytes of the host that it takes.
    pub host_bytes: u64,
    /// Primitives in it.
    pub primitives: u64,
}

impl fmt::Debug for Binned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} primitives, {} bytes", self.primitives, self.bytes)
    }
}

/// What came of a half of a render.
#[derive(Clone, Debug)]
pub struct HalfOutcome {
    /// How it ended.
    pub end: End,
    /// What a vertex half has left, if it came to its end.
    pub binned: Option<Binned>,
    /// Instructions of SIMD groups.
    pub instructions: u64,
}

/// A half of a render on the GPU: see [`RenderJob`].
pub trait RenderHalf: Send + Sync {
    /// Runs it to its end.
    fn run(&self, pages: &dyn Pages, trace: Option<&Sink>, note: &mut dyn FnMut(&str));
    /// Ends it without running it.
    fn fail(&self, reason: String);
    /// Tells it to end soon.
    fn stop(&self);
    /// Waits until it is over: from then on it does not touch memory any more.
    fn wait(&self);
    /// Returns what came of it, once it is over.
    fn outcome(&self) -> Option<HalfOutcome>;
}

/// The part of the GPU that renders.
pub trait Renderer: Send + Sync {
    /// Returns a vertex half that has not begun.
    fn vertex(&self, job: VertexJob, settings: Settings, limits: Limits) -> Arc<dyn RenderHalf>;

    /// Returns a fragment half of what a vertex half of this renderer has left.
    fn fragment(
        &self,
        job: FragmentJob,
        binned: &Binned,
        settings: Settings,
        limits: Limits,
    ) -> Arc<dyn RenderHalf>;
}

/// The emulated GPU's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agx;

impl Renderer for Agx {
    fn vertex(&self, job: VertexJob, settings: Settings, limits: Limits) -> Arc<dyn RenderHalf> {
        Arc::new(RenderJob::new(Half::Vertex(job), settings, limits))
    }

    fn fragment(
        &self,
        job: FragmentJob,
        binned: &Binned,
        settings: Settings,
        limits: Limits,
    ) -> Arc<dyn RenderHalf> {
        let scene = binned.scene.clone().downcast::<Scene>();
        let scene = scene.expect("it was made by this renderer");
        Arc::new(RenderJob::new(Half::Fragment(job, scene), settings, limits))
    }
}

impl RenderHalf for RenderJob {
    fn run(&self, pages: &dyn Pages, trace: Option<&Sink>, note: &mut dyn FnMut(&str)) {
        self.run(pages, trace, note);
    }

    fn fail(&self, reason: String) {
        self.fail(reason);
    }

    fn stop(&self) {
        self.stop();
    }

    fn wait(&self) {
        self.wait();
    }

    fn outcome(&self) -> Option<HalfOutcome> {
        let outcome = self.outcome()?;
        let binned = outcome.scene.map(|scene| Binned {
            bytes: scene.bytes(),
            host_bytes: scene.host_bytes(),
            primitives: scene.primitives() as u64,
            scene,
        });
        Some(HalfOutcome {
            end: outcome.end,
            binned,
            instructions: outcome.instructions,
        })
    }
}

/// What came of a GPU part of any kind.
pub(crate) enum Outcome {
    Compute(job::Outcome),
    Half(HalfOutcome),
}

#[derive(Clone)]
enum Part {
    Compute(Arc<Job>),
    Half(Arc<dyn RenderHalf>),
}

/// A GPU part that runs. When this goes away it is stopped, and does not touch memory any more.
pub(crate) struct Running {
    part: Part,
    /// When it was started.
    pub(crate) since: u64,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {}", self.since)
    }
}

/// Where and how a part runs.
pub(crate) struct Context<'a> {
    pub machine: &'a Arc<dyn Machine>,
    /// Number of the job.
    pub number: u64,
    /// Slot of its context.
    pub vm_slot: u8,
    pub trace: bool,
    pub epoch: &'a Epoch,
}

impl Context<'_> {
    fn pages(&self) -> ContextPages {
        ContextPages {
            machine: self.machine.clone(),
            slot: self.vm_slot,
            epoch: self.epoch.clone(),
        }
    }

    /// Has `work` done beside the firmware, with the context's memory and a function for notes.
    fn start<W>(&self, what: [&'static str; 2], part: Part, work: W) -> Running
    where
        W: FnOnce(&dyn Pages, Option<&Sink>, &mut dyn FnMut(&dyn fmt::Display)) + Send + 'static,
    {
        let (machine, number, trace) = (self.machine.clone(), self.number, self.trace);
        let pages = self.pages();
        let run = move || {
            let sink = {
                let machine = machine.clone();
                move |line: &str| machine.log(Level::Debug, line)
            };
            let mut noted = 0;
            work(
                &pages,
                trace.then_some(&sink as &Sink),
                &mut |note: &dyn fmt::Display| {
                    noted += 1;
                    if noted <= LISTED {
                        machine.log(Level::Info, &format!("job {number}: {} {note}", what[0]));
                    } else if noted == LISTED + 1 {
                        let line = format!("job {number}: more {}, which are not listed", what[1]);
                        machine.log(Level::Info, &line);
                    }
                },
            );
        };
        let since = self.machine.ticks();
        if let Err(e) = self.machine.clone().background(Box::new(run)) {
            let reason = format!("the emulator has no thread for the GPU: {e}");
            match &part {
                Part::Compute(job) => job.fail(reason),
                Part::Half(half) => half.fail(reason),
            }
        }
        Running { part, since }
    }

    /// Starts a compute job.
    pub fn compute(&self, stream: Stream, settings: Settings, limits: Limits) -> Running {
        let job = Arc::new(Job::new(stream, settings, limits));
        self.start(
            ["launch", "launches"],
            Part::Compute(job.clone()),
            move |pages, trace, note| {
                job.run(pages, trace, &mut |launch| note(launch));
            },
        )
    }

    /// Starts a half of a render.
    pub fn half(&self, half: Arc<dyn RenderHalf>) -> Running {
        self.start(
            ["draw", "draws"],
            Part::Half(half.clone()),
            move |pages, trace, note| {
                half.run(pages, trace, &mut |line| note(&line));
            },
        )
    }
}

impl Running {
    /// Returns what came of it, once it is over.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match &self.part {
            Part::Compute(job) => job.outcome().map(Outcome::Compute),
            Part::Half(half) => half.outcome().map(Outcome::Half),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match &self.part {
            Part::Compute(job) => {
                job.stop();
                job.wait();
            }
            Part::Half(half) => {
                half.stop();
                half.wait();
            }
        }
    }
}

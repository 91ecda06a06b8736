// SPDX-License-Identifier: MIT OR Apache-2.0

//! Execution of a launch: registers from memory, the preshader once, then all threadgroups.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Mutex;

use agx_isa::exec::host::Sampler;
pub use agx_isa::exec::Engine;
use agx_isa::exec::{Cache, Dispatch, Group, Host, Shared, Stop, Tile};

use crate::cdm::End;
use crate::fault::{Fault, Unit};
use crate::host::{GpuHost, Refresh};
use crate::launch::{Launch, Size};
use crate::threadgroup::{end_of, Meter, Run, Scratch, SLICE};
use crate::tlb::{Pages, Uncached};
use crate::trace::{Sink, Traced};
use crate::usc::{Binding, Pipeline};
use crate::GpuMemory;

const TEXTURE: usize = 24;
const SAMPLER: usize = 8;

/// What all launches of a job have in common.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Host threads that threadgroups are spread over.
    pub threads: usize,
    /// Shaders read zeros where nothing is mapped.
    pub soft_faults: bool,
    /// Slot of the job's context.
    pub vm_slot: u8,
    /// Address of the sampler heap, and its length in descriptors.
    pub sampler_heap: (u64, u32),
    /// What runs shaders.
    pub engine: Engine,
}

impl Settings {
    /// Returns what each host thread works with, made of its code. With a trace, one of them does
    /// everything.
    pub(crate) fn workers<W>(&self, trace: Option<&Sink>, new: impl Fn(Cache) -> W) -> Vec<W> {
        let threads = if trace.is_some() { 1 } else { self.threads };
        let worker = |_| new(Cache::with_engine(self.engine));
        (0..threads.max(1)).map(worker).collect()
    }
}

/// Executes the launches of one job.
pub struct Executor<'a> {
    pages: &'a dyn Pages,
    settings: Settings,
    meter: &'a Meter,
    trace: Option<&'a Sink>,
    workers: Vec<Worker>,
}

struct Worker {
    cache: Cache,
    scratch: Scratch,
}

impl Worker {
    fn new(cache: Cache) -> Self {
        let scratch = Scratch::default();
        Self { cache, scratch }
    }
}

impl<'a> Executor<'a> {
    /// For a job whose memory is `pages`.
    ///
    /// With a trace, one host thread does everything.
    pub fn new(
        pages: &'a dyn Pages,
        settings: Settings,
        meter: &'a Meter,
        trace: Option<&'a Sink>,
    ) -> Self {
        Self {
            pages,
            settings,
            meter,
            trace,
            workers: settings.workers(trace, Worker::new),
        }
    }

    /// Code may have changed.
    pub fn forget_code(&mut self) {
        for worker in &mut self.workers {
            worker.cache.clear();
        }
    }

    /// Executes a launch; returns the number of its threads.
    ///
    /// # Errors
    ///
    /// Why the job cannot go on.
    pub fn launch(&mut self, launch: &Launch) -> Result<u64, End> {
        if launch.grid.is_empty() {
            return Ok(0);
        }
        let grid = Grid::new(launch)?;
        let (pages, settings) = (self.pages, self.settings);
        let extended = launch.extended_samplers;
        let mut shared = registers(pages, settings, &launch.pipeline, extended)?;
        if let Some(pc) = launch.preshader {
            let cache = &mut self.workers[0].cache;
            run_preshader(
                pages,
                settings,
                self.meter,
                self.trace,
                cache,
                pc,
                &mut shared,
            )?;
        }
        self.threadgroups(launch, &grid, &shared)?;
        Ok(grid.threads.iter().product())
    }

    fn threadgroups(&mut self, launch: &Launch, grid: &Grid, shared: &Shared) -> Result<(), End> {
        let total = grid.groups;
        let threads = (self.workers.len() as u64).min(total);
        let all = Threadgroups {
            pages: self.pages,
            settings: self.settings,
            meter: self.meter,
            trace: self.trace,
            launch,
            grid,
            shared,
            next: AtomicU64::new(0),
            chunk: (total / (threads * 16)).clamp(1, 64),
            over: AtomicBool::new(false),
            end: Mutex::new(None),
        };
        let mut workers = self.workers.iter_mut().zip(0..threads as u32);
        let first = workers.next();
        std::thread::scope(|scope| {
            for (worker, core) in workers {
                let all = &all;
                scope.spawn(move || all.work(worker, core));
            }
            if let Some((worker, core)) = first {
                all.work(worker, core);
            }
        });
        let end = all.end.into_inner().unwrap_or_else(|e| e.into_inner());
        end.map_or(Ok(()), Err)
    }
}

/// Returns the register files of a shader, as its pipeline words fill them.
///
/// # Errors
///
/// A fault if what they name cannot be read, and what is not a register file.
pub(crate) fn registers(
    pages: &dyn Pages,
    settings: Settings,
    pipeline: &Pipeline,
    extended: bool,
) -> Result<Shared, End> {
    let mut shared = Shared::default();
    for b in &pipeline.uniforms {
        let to = slice(&mut shared.uniforms, b, "uniform")?;
        let mut bytes = vec![0; to.len() * 2];
        read(pages, b.address, &mut bytes)?;
        for (half, bytes) in to.iter_mut().zip(bytes.chunks_exact(2)) {
            *half = u16::from_le_bytes([bytes[0], bytes[1]]);
        }
    }
    for b in &pipeline.textures {
        let to = slice(&mut shared.textures, b, "texture")?;
        for (i, state) in to.iter_mut().enumerate() {
            let mut bytes = [0; TEXTURE];
            read(pages, b.address + (i * TEXTURE) as u64, &mut bytes)?;
            *state = Some(bytes);
        }
    }
    let size = if extended { 3 * SAMPLER } else { SAMPLER };
    for b in &pipeline.samplers {
        let to = slice(&mut shared.samplers, b, "sampler")?;
        for (i, state) in to.iter_mut().enumerate() {
            let mut bytes = [0; 3 * SAMPLER];
            read(pages, b.address + (i * size) as u64, &mut bytes[..size])?;
            *state = Some(Sampler { bytes, extended });
        }
    }
    (shared.sampler_heap, shared.sampler_count) = settings.sampler_heap;
    Ok(shared)
}

fn read(pages: &dyn Pages, va: u64, bytes: &mut [u8]) -> Result<(), End> {
    let read = Uncached(pages).read(va, bytes);
    read.map_err(|access| {
        End::Fault(Fault {
            access,
            unit: Unit::Ipp,
        })
    })
}

/// Runs the preshader at `pc`, which writes to `shared`.
///
/// # Errors
///
/// Why the job cannot go on.
pub(crate) fn run_preshader(
    pages: &dyn Pages,
    settings: Settings,
    meter: &Meter,
    trace: Option<&Sink>,
    cache: &mut Cache,
    pc: u64,
    shared: &mut Shared,
) -> Result<(), End> {
    let one = [1; 3];
    let dispatch = Dispatch {
        nominal: one,
        size: one,
        vm_slot: settings.vm_slot.into(),
        ..Dispatch::default()
    };
    let mut host = GpuHost::new(pages, settings.soft_faults);
    match trace {
        Some(sink) => preshader(
            pc,
            &dispatch,
            &mut Traced { host, sink },
            shared,
            cache,
            meter,
        ),
        None => preshader(pc, &dispatch, &mut host, shared, cache, meter),
    }
}

/// Runs the preshader at `pc`, slice by slice, as it may take long and the job may be told to stop.
fn preshader<H: Host + Refresh>(
    pc: u64,
    dispatch: &Dispatch,
    host: &mut H,
    shared: &mut Shared,
    cache: &mut Cache,
    meter: &Meter,
) -> Result<(), End> {
    let mut group = Group::new(pc, dispatch, 0);
    let mut used = 0;
    loop {
        host.refresh();
        let mut budget = SLICE;
        let stop = group.run_preamble(host, shared, dispatch, cache, &mut budget);
        let count = SLICE.saturating_sub(budget).max(1);
        used += count;
        meter.charge(count, used, group.pc())?;
        meter.spend(host.cost())?;
        match stop {
            Stop::Done => return Ok(()),
            Stop::Fault(fault) => return Err(end_of(&fault)),
            // One group meets no other at a barrier; nothing on hardware says what happens then.
            Stop::Barrier => {
                return Err(End::Illegal(format!(
                    "preshader {pc:#x}: threadgroup barrier at {:#x}",
                    group.pc()
                )))
            }
            Stop::Budget => {}
        }
    }
}

/// Returns the registers that `binding` is about.
fn slice<'s, T>(file: &'s mut [T], binding: &Binding, what: &str) -> Result<&'s mut [T], End> {
    let (start, count) = (usize::from(binding.start), usize::from(binding.count));
    let len = file.len();
    file.get_mut(start..start + count)
        .ok_or_else(|| End::Illegal(format!("{count} {what} registers from {start} of {len}")))
}

/// The grid of a launch that is not empty.
struct Grid {
    /// In threads.
    threads: [u64; 3],
    /// In threadgroups, the last in each direction may be partial.
    size: [u64; 3],
    groups: u64,
}

impl Grid {
    fn new(launch: &Launch) -> Result<Self, End> {
        let local = launch.local.map(u64::from);
        let threads = match launch.grid {
            Size::Threads(n) => n.map(u64::from),
            Size::Groups(n) => std::array::from_fn(|i| u64::from(n[i]) * local[i]),
        };
        let size: [u64; 3] = std::array::from_fn(|i| threads[i].div_ceil(local[i]));
        let product = |n: [u64; 3]| n[0].checked_mul(n[1])?.checked_mul(n[2]);
        match (product(size), product(threads)) {
            (Some(groups), Some(_)) => Ok(Self {
                threads,
                size,
                groups,
            }),
            _ => Err(End::Hang(format!("endless launch: {launch}"))),
        }
    }

    /// Place and extent of threadgroup `index`; x changes fastest.
    fn place(&self, index: u64, local: [u32; 3]) -> ([u32; 3], [u32; 3]) {
        let [x, y, _] = self.size;
        let position = [index % x, index / x % y, index / x / y];
        let extent = std::array::from_fn(|i| {
            let first = position[i] * u64::from(local[i]);
            (self.threads[i] - first).min(local[i].into()) as u32
        });
        (position.map(|n| n as u32), extent)
    }
}

/// The threadgroups of a launch, as they are handed out.
struct Threadgroups<'a> {
    pages: &'a dyn Pages,
    settings: Settings,
    meter: &'a Meter,
    trace: Option<&'a Sink>,
    launch: &'a Launch,
    grid: &'a Grid,
    shared: &'a Shared,
    next: AtomicU64,
    /// How many are handed out at once.
    chunk: u64,
    /// Something ended the launch: what came first.
    over: AtomicBool,
    end: Mutex<Option<End>>,
}

impl Threadgroups<'_> {
    /// Runs threadgroups until there are none left.
    fn work(&self, worker: &mut Worker, core: u32) {
        let mut host = GpuHost::new(self.pages, self.settings.soft_faults);
        let result = match self.trace {
            Some(sink) => self.try_work(&mut Traced { host, sink }, worker, core),
            None => self.try_work(&mut host, worker, core),
        };
        if let Err(end) = result {
            self.over.store(true, Ordering::Relaxed);
            let mut first = self.end.lock().unwrap_or_else(|e| e.into_inner());
            first.get_or_insert(end);
        }
    }

    fn try_work<H: Host + Refresh>(
        &self,
        host: &mut H,
        worker: &mut Worker,
        core: u32,
    ) -> Result<(), End> {
        let memory = self.launch.pipeline.shared;
        let tile = memory.and_then(|m| m.block.map(|size| (m, size)));
        let tile = tile.map_or(Tile::default(), |(m, [width, height])| Tile {
            width,
            height,
            samples: m.samples,
            stride: m.stride,
        });
        let nominal = self.launch.local;
        worker
            .scratch
            .prepare(memory.map_or(0, |m| m.bytes as usize));
        while !self.over.load(Ordering::Relaxed) {
            let first = self.next.fetch_add(self.chunk, Ordering::Relaxed);
            if first >= self.grid.groups {
                break;
            }
            for index in first..(first + self.chunk).min(self.grid.groups) {
                let (position, size) = self.grid.place(index, nominal);
                let dispatch = Dispatch {
                    position,
                    nominal,
                    size,
                    core,
                    vm_slot: self.settings.vm_slot.into(),
                    tile,
                    corner: None,
                };
                let mut run = Run {
                    host: &mut *host,
                    shared: self.shared,
                    cache: &mut worker.cache,
                    meter: self.meter,
                };
                worker
                    .scratch
                    .run(self.launch.shader, &dispatch, &mut run)?;
            }
        }
        Ok(())
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The vertex stage: shaders are run for batches of vertices, on several host threads.

use std::sync::Mutex;

use agx_isa::exec::{Cache, Dispatch, Group, Host, Shared, Stop, LANES};

use crate::cdm::End;
use crate::execute::{registers, run_preshader, Settings};
use crate::fault::Unit;
use crate::host::{GpuHost, Refresh};
use crate::threadgroup::{end_of, Meter, SLICE};
use crate::tlb::{Pages, Uncached};
use crate::trace::{Sink, Traced};
use crate::usc::Pipeline;

/// Batches that are worth the start of another host thread.
const BATCHES_PER_THREAD: usize = 8;

/// Registers that a vertex shader starts with: number of the vertex, number of the instance.
const VERTEX_ID: usize = 5;
const INSTANCE_ID: usize = 6;

/// A vertex that a shader is to be run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vertex {
    /// Its number, the base vertex included.
    pub id: u32,
    /// Number of the instance, from zero.
    pub instance: u32,
}

/// A vertex shader with its registers filled.
pub struct Shader {
    pc: u64,
    shared: Box<Shared>,
    local: usize,
}

/// What runs vertex shaders.
pub struct Stage<'a> {
    pages: &'a dyn Pages,
    settings: Settings,
    meter: &'a Meter,
    trace: Option<&'a Sink>,
    workers: Vec<Worker>,
}

struct Worker {
    cache: Cache,
    group: Option<Group>,
    local: Vec<u8>,
}

impl Worker {
    fn new(cache: Cache) -> Self {
        Self {
            cache,
            group: None,
            local: Vec::new(),
        }
    }
}

impl<'a> Stage<'a> {
    /// Returns a stage for a job whose memory is `pages`. With a trace, one host thread does
    /// everything.
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

    /// Forgets code, which may have changed.
    pub fn forget_code(&mut self) {
        for worker in &mut self.workers {
            worker.cache.clear();
        }
    }

    /// Fills the registers of the shader that the words of the state name.
    ///
    /// # Errors
    ///
    /// A fault for what cannot be read, or why the preshader does not end.
    pub fn shader(&mut self, usc_base: u64, counts: u32, word: u32) -> Result<Shader, End> {
        let at = usc_base.wrapping_add(u64::from(word & !0x3f));
        let pipeline = Pipeline::decode(&Uncached(self.pages), at)?;
        let code = |offset: u32| usc_base.wrapping_add(u64::from(offset));
        let pc = code(pipeline.shader.unwrap_or_default());
        crate::read(&Uncached(self.pages), pc, &mut [0; 2], Unit::Ul1c)?;
        let extended = matches!(counts >> 9 & 7, 6 | 7);
        let mut shared = Box::new(registers(self.pages, self.settings, &pipeline, extended)?);
        if let Some(offset) = pipeline.preshader {
            run_preshader(
                self.pages,
                self.settings,
                self.meter,
                self.trace,
                &mut self.workers[0].cache,
                code(offset),
                &mut shared,
            )?;
        }
        let local = pipeline.shared.map_or(0, |memory| memory.bytes as usize);
        Ok(Shader { pc, shared, local })
    }

    /// Runs the shader for `vertices`, whose records of `words` words go to `records` one after the
    /// other.
    ///
    /// # Errors
    ///
    /// Why the job cannot go on. Which of several errors it is depends on the host's threads.
    pub fn run(
        &mut self,
        shader: &Shader,
        words: usize,
        vertices: &[Vertex],
        records: &mut [u32],
    ) -> Result<(), End> {
        let batches = vertices.len().div_ceil(LANES);
        let threads = (batches / BATCHES_PER_THREAD).clamp(1, self.workers.len());
        // Without words there is nothing to divide.
        let mut none = vec![[0; 0]; batches];
        let parts: Vec<(&[Vertex], &mut [u32])> = match words {
            0 => (vertices.chunks(LANES).zip(&mut none))
                .map(|(v, r)| (v, &mut r[..]))
                .collect(),
            _ => vertices
                .chunks(LANES)
                .zip(records.chunks_mut(words * LANES))
                .collect(),
        };
        let queue = Mutex::new(parts.into_iter());
        let end = Mutex::new(None);
        let run = Run {
            shader,
            words,
            pages: self.pages,
            settings: self.settings,
            meter: self.meter,
            trace: self.trace,
        };
        let work = |worker: &mut Worker, core: u32| {
            let next = || match end.lock().unwrap_or_else(|e| e.into_inner()).is_some() {
                true => None,
                false => queue.lock().unwrap_or_else(|e| e.into_inner()).next(),
            };
            if let Err(why) = run.batches(worker, core, &next) {
                let mut end = end.lock().unwrap_or_else(|e| e.into_inner());
                end.get_or_insert(why);
            }
        };
        let mut workers = self.workers[..threads].iter_mut().zip(0..);
        let first = workers.next();
        std::thread::scope(|scope| {
            for (worker, core) in workers {
                scope.spawn(move || work(worker, core));
            }
            if let Some((worker, core)) = first {
                work(worker, core);
            }
        });
        let end = end.into_inner().unwrap_or_else(|e| e.into_inner());
        end.map_or(Ok(()), Err)
    }
}

/// What all threads of a run have in common.
struct Run<'a> {
    shader: &'a Shader,
    words: usize,
    pages: &'a dyn Pages,
    settings: Settings,
    meter: &'a Meter,
    trace: Option<&'a Sink>,
}

type Next<'a, 'p> = &'a dyn Fn() -> Option<(&'p [Vertex], &'p mut [u32])>;

impl Run<'_> {
    fn batches(&self, worker: &mut Worker, core: u32, next: Next<'_, '_>) -> Result<(), End> {
        let mut host = GpuHost::new(self.pages, self.settings.soft_faults);
        host.outputs = vec![[0; LANES]; self.words];
        match self.trace {
            Some(sink) => {
                let mut host = Traced { host, sink };
                while let Some((vertices, records)) = next() {
                    self.batch(&mut host, worker, core, vertices)?;
                    deal(&mut host.host.outputs, vertices.len(), records);
                }
            }
            None => {
                while let Some((vertices, records)) = next() {
                    self.batch(&mut host, worker, core, vertices)?;
                    deal(&mut host.outputs, vertices.len(), records);
                }
            }
        }
        Ok(())
    }

    /// Runs the shader for at most [`LANES`] vertices.
    fn batch<H: Host + Refresh>(
        &self,
        host: &mut H,
        worker: &mut Worker,
        core: u32,
        vertices: &[Vertex],
    ) -> Result<(), End> {
        let dispatch = Dispatch {
            nominal: [LANES as u32, 1, 1],
            size: [vertices.len() as u32, 1, 1],
            core,
            vm_slot: self.settings.vm_slot.into(),
            ..Dispatch::default()
        };
        let pc = self.shader.pc;
        let group = match &mut worker.group {
            Some(group) => {
                group.reset(pc, &dispatch, 0);
                group
            }
            none => none.insert(Group::new(pc, &dispatch, 0)),
        };
        for (lane, vertex) in vertices.iter().enumerate() {
            group.register_mut(VERTEX_ID)[lane] = vertex.id;
            group.register_mut(INSTANCE_ID)[lane] = vertex.instance;
        }
        worker.local.clear();
        worker.local.resize(self.shader.local, 0);
        let mut used = 0;
        loop {
            host.refresh();
            let mut budget = SLICE;
            let stop = group.run(
                host,
                &self.shader.shared,
                &dispatch,
                &mut worker.local,
                &mut worker.cache,
                &mut budget,
            );
            // Also what costs no instruction costs time.
            let count = SLICE.saturating_sub(budget).max(1);
            used += count;
            self.meter.charge(count, used, group.pc())?;
            self.meter.spend(host.cost())?;
            match stop {
                Stop::Done => return Ok(()),
                // No other group is there to be waited for.
                Stop::Barrier | Stop::Budget => {}
                Stop::Fault(fault) => return Err(end_of(&fault)),
            }
        }
    }
}

/// Writes the first `count` records one after the other; what is not written next is zero.
fn deal(outputs: &mut [[u32; LANES]], count: usize, records: &mut [u32]) {
    let words = outputs.len();
    for (word, lanes) in outputs.iter_mut().enumerate() {
        for (lane, value) in lanes[..count].iter().enumerate() {
            records[lane * words + word] = *value;
        }
        *lanes = [0; LANES];
    }
}

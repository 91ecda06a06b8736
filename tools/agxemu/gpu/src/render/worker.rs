// SPDX-License-Identifier: MIT OR Apache-2.0

//! A host thread that renders regions.

use std::collections::HashMap;
use std::rc::Rc;

use agx_isa::exec::{Cache, Dispatch, Group, Host, Stop, Tile};

use super::depth::DepthStencil;
use super::geometry::Geometry;
use super::group::Pending;
use super::host::{GroupTests, TileHost};
use super::occlusion::Counters;
use super::plan::{Plan, Scissor};
use super::program::Prepared;
use super::scene::{Quad, REGION};
use super::tile::Command;
use super::zls::When;
use super::Program;
use crate::cdm::End;
use crate::host::Refresh;
use crate::threadgroup::{end_of, SLICE};
use crate::tlb::Tlb;

mod primitives;

/// Bytes of a tile that are cleared in about the time of an instruction.
const BYTES_PER_INSTRUCTION: u64 = 512;

/// One thread.
pub(super) struct Worker<'c, G, H> {
    command: &'c Command<'c, G>,
    host: TileHost<H>,
    tlb: Tlb<'c>,
    cache: Cache,
    /// Fragments, and the one thread of end-of-tile programs.
    group: Group,
    single: Group,
    /// The tile.
    local: Vec<u8>,
    dispatch: Dispatch,
    pending: Pending,
    plans: HashMap<u32, Rc<Plan>>,
    scissors: HashMap<u32, Scissor>,
    counters: Counters,
    quads: Vec<Quad>,
    coefficients: Vec<(u8, [u32; 3])>,
    /// Quads since the command was asked last.
    work: u64,
}

impl<'c, G: Geometry, H: Host + Refresh> Worker<'c, G, H> {
    /// Returns a thread with this number.
    pub fn new(command: &'c Command<'c, G>, host: H, core: u32) -> Self {
        let frame = command.context.frame;
        let places = std::array::from_fn(|n| {
            let byte = frame.sample_positions >> (8 * n);
            [byte & 15, byte >> 4 & 15].map(|sixteenths| sixteenths as f32 / 16.0)
        });
        let settings = command.context.settings;
        let dispatch = Dispatch {
            nominal: [1; 3],
            size: [1; 3],
            core,
            vm_slot: settings.vm_slot.into(),
            tile: Tile {
                width: REGION,
                height: REGION,
                samples: frame.samples,
                stride: frame.sample_size,
            },
            ..Dispatch::default()
        };
        let mut group = Group::new(0, &dispatch, 0);
        let pixels = group.pixels_mut();
        pixels.samples = frame.samples;
        pixels.places = places;
        pixels.tile = frame.utile;
        let bytes = REGION * REGION * frame.samples * frame.sample_size;
        Self {
            command,
            host: TileHost {
                host,
                target: DepthStencil::new(command.surfaces.format, frame.samples, places),
                group: GroupTests::default(),
                passed: 0,
            },
            tlb: Tlb::new(command.context.pages),
            cache: Cache::with_engine(settings.engine),
            group,
            single: Group::new(0, &dispatch, 0),
            local: vec![0; bytes as usize],
            dispatch,
            pending: Pending::default(),
            plans: HashMap::new(),
            scissors: HashMap::new(),
            counters: Counters::default(),
            quads: Vec::new(),
            coefficients: Vec::new(),
            work: 0,
        }
    }

    /// Renders regions until there are none left.
    ///
    /// # Errors
    ///
    /// Why the command cannot come to its end.
    pub fn work(&mut self) -> Result<(), End> {
        while let Some((layer, place)) = self.command.next()? {
            self.tlb.refresh();
            self.region(layer, place)?;
            self.counters
                .flush(self.command.job.occlusion, &mut self.tlb)?;
        }
        Ok(())
    }

    fn region(&mut self, layer: u32, place: [u32; 2]) -> Result<(), End> {
        let command = self.command;
        let (job, surfaces) = (command.job, &command.surfaces);
        self.spend(When::Frame)?;
        self.dispatch.position = [0, 0, layer];
        self.dispatch.corner = Some(place.map(|n| n * REGION));
        self.local.fill(0);
        let target = &mut self.host.target;
        target.clear(job.background_depth, job.background_values as u8);
        surfaces.load(When::Frame, layer, place, target, &mut self.tlb)?;
        self.background(&job.background, place)?;
        let mut left = command.scene.region(layer, place[0], place[1]);
        // Primitives beyond a multiple of the limit are in the next part.
        let part = |primitive: u32| job.partial_after.map(|limit| primitive / limit.max(1));
        while let Some(&first) = left.first() {
            let same = |&primitive: &u32| part(primitive) == part(first);
            let count = left.iter().position(|p| !same(p)).unwrap_or(left.len());
            let (now, later) = left.split_at(count);
            self.primitives(now, place)?;
            if !later.is_empty() {
                self.end_of_tile(&job.partial_end_of_tile)?;
                self.spend(When::Part)?;
                let target = &mut self.host.target;
                surfaces.store(When::Part, layer, place, target, &mut self.tlb)?;
                self.local.fill(0);
                surfaces.load(When::Part, layer, place, target, &mut self.tlb)?;
                self.background(&job.partial_background, place)?;
            }
            left = later;
        }
        self.end_of_tile(&job.end_of_tile)?;
        let target = &self.host.target;
        surfaces.store(When::Frame, layer, place, target, &mut self.tlb)
    }

    /// Accounts for what a region costs without any primitive.
    fn spend(&self, when: When) -> Result<(), End> {
        let tile = self.local.len() as u64 / BYTES_PER_INSTRUCTION;
        let work = 1 + tile + self.command.surfaces.work(when);
        self.command.context.meter.spend(work)
    }

    fn prepared(&mut self, program: &Program) -> Result<std::sync::Arc<Prepared>, End> {
        let (command, cache) = (self.command, &mut self.cache);
        let (usc, counts) = (program.usc, program.counts);
        command.programs.get(&command.context, cache, usc, counts)
    }

    /// Runs a background program for all pixels of the region that are in the frame.
    fn background(&mut self, program: &Program, place: [u32; 2]) -> Result<(), End> {
        let prepared = self.prepared(program)?;
        let frame = self.command.context.frame;
        self.host.group.faces = None;
        let [x0, y0] = place.map(|n| n * REGION);
        for row in (y0..frame.height.min(y0 + REGION)).step_by(2) {
            for column in (x0..frame.width.min(x0 + REGION)).step_by(16) {
                let pixels = self.group.pixels_mut();
                let all = pixels.all();
                let mut lanes = 0;
                for lane in 0..32 {
                    let (quad, corner) = (lane / 4, lane % 4);
                    let (x, y) = (column + 2 * quad + (corner & 1), row + (corner >> 1));
                    let inside = x < frame.width && y < frame.height;
                    let samples = if inside { all } else { 0 };
                    let lane = lane as usize;
                    (pixels.x[lane], pixels.y[lane]) = (x, y);
                    pixels.covered[lane] = samples;
                    pixels.live[lane] = samples;
                    // There is nothing to test: such programs have no primitive.
                    pixels.tested[lane] = !0;
                    if inside {
                        lanes |= 15 << (4 * quad);
                    }
                }
                pixels.back = 0;
                self.group
                    .reset_fragments(prepared.shader, lanes, prepared.registers);
                self.run(&prepared, Which::Fragments)?;
            }
        }
        Ok(())
    }

    fn end_of_tile(&mut self, program: &Program) -> Result<(), End> {
        let prepared = self.prepared(program)?;
        self.single.reset(prepared.shader, &self.dispatch, 0);
        self.run(&prepared, Which::Single)
    }

    /// Runs a group to its end.
    fn run(&mut self, program: &Prepared, which: Which) -> Result<(), End> {
        let group = match which {
            Which::Fragments => &mut self.group,
            Which::Single => &mut self.single,
        };
        let meter = self.command.context.meter;
        let mut used = 0;
        loop {
            self.host.refresh();
            let mut budget = SLICE;
            let stop = group.run(
                &mut self.host,
                &program.shared,
                &self.dispatch,
                &mut self.local,
                &mut self.cache,
                &mut budget,
            );
            let count = SLICE.saturating_sub(budget).max(1);
            used += count;
            meter.charge(count, used, group.pc())?;
            meter.spend(self.host.cost())?;
            match stop {
                Stop::Done => return Ok(()),
                Stop::Budget => {}
                Stop::Fault(fault) => return Err(end_of(&fault)),
                Stop::Barrier => {
                    return Err(End::Illegal(format!(
                        "threadgroup barrier at {:#x} of a program that renders",
                        group.pc()
                    )))
                }
            }
        }
    }
}

/// Which group runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Fragments,
    Single,
}

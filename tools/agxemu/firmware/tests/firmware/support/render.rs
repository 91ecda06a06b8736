// SPDX-License-Identifier: MIT OR Apache-2.0

//! Renders, as the driver in the field makes them.

mod command;
mod fragment;
mod vertex;

use crate::support::abi::{abi, part, Must};
use std::sync::Arc;

use agx_abi::buffer::{Scene, AUX_FB_SIZE, CONTROL_WORD_SIZE};
use agx_abi::buffer::{USER_BUFFER_SIZE, USER_BUFFER_SIZE_CLUSTERED};
use agx_abi::channel::PipeKind;
use agx_abi::event::STAMP_STEP;
use agx_abi::queue::{Barrier, QueueInfo};
use agx_abi::tiling::{Tiling, HEAPMETA_SIZE};
use agx_abi::uat::Protection;
use agx_abi::Value;
use agxemu_firmware::panic::Panic;

use super::buffer::Buffer;
use super::driver::Driver;
use super::gpu::StandIn;
use super::job::{user_context, Job, Queue};

/// Stand-ins for what a client gives.
pub const SCISSORS: u64 = 0x21_0000_0000;
pub const DEPTH_BIAS: u64 = 0x22_0000_0000;
pub const OCCLUSION: u64 = 0x23_0000_0000;
pub const DEPTH: u64 = 0x24_0000_0000;
pub const STENCIL: u64 = 0x25_0000_0000;
/// Depth loaded and stored, stencil loaded and stored, depth as floats.
pub const ZLS_CTRL: u64 = (1 << 14) | (1 << 15) | (1 << 18) | (1 << 19);

/// What a render is of.
#[derive(Clone, Copy)]
pub struct Shot {
    pub tiling: Tiling,
    pub sample_size: u32,
    pub process_empty_tiles: bool,
    /// User timestamps of both halves.
    pub user: [[u64; 2]; 2],
}

/// Bytes of the three parts of the preemption buffer, one behind the other.
fn preempt_sizes() -> [u64; 3] {
    let chip = part().chip;
    chip.render_preempt.map(|size| size * chip.preempt_copies())
}

/// A frame of 800 by 600 pixels.
pub fn shot() -> Shot {
    Shot {
        tiling: Tiling::new(800, 600, 1, [32, 32], 1)
            .unwrap()
            .with_clusters(part().chip.clusters),
        sample_size: 8,
        process_empty_tiles: false,
        user: [[0; 2]; 2],
    }
}

/// A driver whose firmware is up, with the stand-in for the GPU.
pub fn driver(rules: &[&str]) -> (Driver, Arc<StandIn>) {
    let mut d = Driver::new(rules);
    let gpu = Arc::new(StandIn::default());
    d.fw.set_renderer(gpu.clone());
    d.boot().expect("boot");
    user_context(&mut d, 1);
    (d, gpu)
}

/// The render part of a user queue.
pub struct Render {
    pub vertex: Queue,
    pub fragment: Queue,
    pub buffer: Buffer,
    /// The buffer has to be set up before the next vertex command.
    pub rebind: bool,
}

/// A render that was made.
#[derive(Debug)]
pub struct Made {
    pub vertex: Job,
    pub fragment: Job,
    pub scene: u64,
    pub barrier: u64,
    pub set_up: Option<u64>,
}

/// Where a render's memory is, in its context.
struct Places {
    tilemap: u64,
    heapmeta: u64,
    tpc: u64,
    preempt: u64,
    aux: u64,
    /// Tile maps and metadata of clusters, as the emulator names them.
    clusters: Option<[u64; 6]>,
}

impl Render {
    /// Queues with event slots `slots` and buffer slot `uuid`.
    pub fn new(d: &mut Driver, uuid: u32, priority: usize, vm_slot: u8, slots: [u8; 2]) -> Self {
        let kind = PipeKind::Vertex;
        let vertex = Queue::of_kind(d, kind, uuid, priority, vm_slot, slots[0]);
        let kind = PipeKind::Fragment;
        let mut fragment = Queue::of_kind(d, kind, uuid, priority, vm_slot, slots[1]);
        // One user queue: these are shared.
        fragment.context = vertex.context;
        fragment.list = vertex.list;
        fragment.notifier = vertex.notifier;
        fragment.threshold = vertex.threshold;
        d.mem.set(fragment.info, QueueInfo::CONTEXT, vertex.context);
        d.mem
            .set(fragment.info, QueueInfo::NOTIFIER_LIST, vertex.list);
        // Clusters that share the work need more.
        let blocks = if part().chip.clusters == 1 { 8 } else { 16 };
        let buffer = Buffer::new(d, vm_slot, uuid, blocks);
        Self {
            vertex,
            fragment,
            buffer,
            rebind: true,
        }
    }

    /// Makes the commands of a render.
    pub fn make(&mut self, d: &mut Driver, shot: &Shot) -> Made {
        let slot = self.vertex.vm_slot;
        let shared = Protection::GPU_SHARED_RW;
        let t = &shot.tiling;
        let heapmeta = (HEAPMETA_SIZE + t.layermeta_size()) as usize;
        let places = Places {
            tilemap: d.mem.alloc_in(slot, shared, t.tilemap_size() as usize),
            heapmeta: d.mem.alloc_in(slot, shared, heapmeta),
            tpc: d
                .mem
                .alloc_in(slot, Protection::GPU_FW_PRIV_RW, t.tpc_size() as usize),
            preempt: d
                .mem
                .alloc_in(slot, shared, preempt_sizes().iter().sum::<u64>() as usize),
            aux: d.mem.alloc_in(slot, shared, AUX_FB_SIZE as usize),
            clusters: part().chip.sharing.as_ref().map(|sharing| {
                let [second, third, fourth] = sharing.others;
                [
                    sharing.parts * t.tilemap_size(),
                    sharing.parts * t.layermeta_size(),
                    sharing.block * u64::from(t.meta1_blocks(abi())),
                    second,
                    third,
                    fourth,
                ]
                .map(|size| d.mem.alloc_in(slot, shared, size as usize))
            }),
        };
        let scene = d.mem.alloc(Protection::FW_SHARED_RW, Scene::size_in(abi()));
        let size = match part().chip.clusters {
            1 => USER_BUFFER_SIZE,
            _ => USER_BUFFER_SIZE_CLUSTERED,
        };
        let user = d.mem.alloc_in(slot, shared, size as usize);
        if let Some(field) = Scene::CONTROL_WORD.present(abi()) {
            let protection = Protection::GPU_FW_SHARED_RW;
            let word = d.mem.alloc(protection, CONTROL_WORD_SIZE);
            d.mem.set(scene, field, word);
            d.mem.set(scene, Scene::CONTROL_WORD_2.must(), word);
        }
        d.mem.set(scene, Scene::USER_BUFFER, user);
        d.mem.set(scene, Scene::STATS, self.buffer.stats);

        // The value of the vertex command, before it is made.
        let value = self.vertex.value.wrapping_add(STAMP_STEP);
        let rebind = std::mem::take(&mut self.rebind);
        let set_up = rebind.then(|| self.buffer.set_up(d, value));
        let (slot, stamp) = (self.vertex.event_slot, self.vertex.fw_stamp);
        let barrier = self.fragment.barrier_on(d, stamp, slot, value);
        d.mem.set(barrier, Barrier::UUID, 0);
        if d.habits.barrier > Barrier::INTERNAL_TYPE.offset_in(abi()) {
            d.mem.set(barrier, Barrier::INTERNAL_TYPE, 0);
        }
        let fragment = self.fragment(d, shot, &places, scene);
        let vertex = self.vertex(d, shot, &places, scene, fragment.value);
        Made {
            vertex,
            fragment,
            scene,
            barrier,
            set_up,
        }
    }

    /// Puts the commands of a render into the rings.
    pub fn push(&mut self, d: &Driver, made: &Made) {
        self.fragment.push(d, made.barrier);
        self.fragment.push(d, made.fragment.at);
        if let Some(set_up) = made.set_up {
            self.vertex.push(d, set_up);
        }
        self.vertex.push(d, made.vertex.at);
        self.vertex.raise(d, 2);
    }

    /// Submits what is in the rings.
    pub fn submit(&mut self, d: &mut Driver) -> Result<(), Panic> {
        self.fragment.submit(d)?;
        self.vertex.submit(d)
    }

    /// Makes, announces and submits one render.
    pub fn run(&mut self, d: &mut Driver, shot: &Shot) -> Result<Made, Panic> {
        let made = self.make(d, shot);
        self.push(d, &made);
        d.pending(1);
        self.submit(d)?;
        Ok(made)
    }
}

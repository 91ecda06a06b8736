// SPDX-License-Identifier: MIT OR Apache-2.0

//! Renders, as the driver in the field makes them.

use std::sync::Arc;

use agx_abi::buffer::{Scene, AUX_FB_SIZE, PREEMPT_SIZES, USER_BUFFER_SIZE};
use agx_abi::channel::PipeKind;
use agx_abi::compute::{EncoderParams, JobMeta, JobTimestamps, TimestampPointers};
use agx_abi::event::{Notifier, STAMP_STEP};
use agx_abi::fragment::{self, ArrayAddr, AuxFbInfo, BackgroundProgram, EotProgram, RunFragment};
use agx_abi::init::RuntimePointers;
use agx_abi::microsequence::{FinalizeFragment, FinalizeVertex, RetireStamp, StartFragment};
use agx_abi::microsequence::{StartVertex, Timestamp, WaitForIdle};
use agx_abi::queue::{Barrier, QueueInfo};
use agx_abi::tiling::{Tiling, HEAPMETA_SIZE};
use agx_abi::uat::Protection;
use agx_abi::vertex::{self, RunVertex, TilingParameters};
use agx_abi::{Field, Value};
use agxemu_firmware::panic::Panic;

use super::buffer::Buffer;
use super::driver::Driver;
use super::gpu::StandIn;
use super::job::{user_context, Job, Queue, STREAM, USC};

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

/// A frame of 800 by 600 pixels.
pub fn shot() -> Shot {
    Shot {
        tiling: Tiling::new(800, 600, 1, [32, 32], 1).unwrap(),
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
        let buffer = Buffer::new(d, vm_slot, uuid, 8);
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
                .alloc_in(slot, shared, PREEMPT_SIZES.iter().sum::<u64>() as usize),
            aux: d.mem.alloc_in(slot, shared, AUX_FB_SIZE as usize),
        };
        let scene = d.mem.alloc(Protection::FW_SHARED_RW, Scene::SIZE);
        let user = d.mem.alloc_in(slot, shared, USER_BUFFER_SIZE as usize);
        d.mem.set(scene, Scene::USER_BUFFER, user);
        d.mem.set(scene, Scene::STATS, self.buffer.stats);

        // The value of the vertex command, before it is made.
        let value = self.vertex.value.wrapping_add(STAMP_STEP);
        let rebind = std::mem::take(&mut self.rebind);
        let set_up = rebind.then(|| self.buffer.set_up(d, value));
        let (slot, stamp) = (self.vertex.event_slot, self.vertex.fw_stamp);
        let barrier = self.fragment.barrier_on(d, stamp, slot, value);
        d.mem.set(barrier, Barrier::UUID, 0);
        if d.habits.barrier > Barrier::INTERNAL_TYPE.offset() {
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

    fn vertex(
        &mut self,
        d: &mut Driver,
        shot: &Shot,
        places: &Places,
        scene: u64,
        fragment: u32,
    ) -> Job {
        type C = RunVertex;
        type P = vertex::JobParameters1;
        type T = TilingParameters;
        let t = &shot.tiling;
        let (p, tp) = (C::JOB_PARAMS1, C::TILING_PARAMS);
        let mut c = C::zeroed();
        c.set(C::TAG, C::TAG_VALUE)
            .set(C::COUNTER, self.fragment.counter + 1)
            .set(C::VM_SLOT, self.vertex.vm_slot.into())
            .set(C::NOTIFIER, self.vertex.notifier)
            .set(C::BUFFER_SLOT, self.buffer.slot)
            .set(C::BUFFER, self.buffer.info)
            .set(C::SCENE, scene)
            .set(C::KERNEL_BUFFER, self.buffer.kernel)
            .set(p.then(P::UNK_0), P::UNK_0_VALUE)
            .set(p.then(P::UNK_8), P::UNK_8_VALUE)
            .set(p.then(P::UNK_C), P::UNK_8_VALUE)
            .set(p.then(P::TVB_TILEMAP), places.tilemap)
            .set(p.then(P::TPC), places.tpc)
            .set(
                p.then(P::TVB_HEAPMETA),
                places.heapmeta | P::TVB_HEAPMETA_TAG,
            )
            .set(p.then(P::IOGPU_UNK_54), P::IOGPU_UNK_54_VALUE)
            .set(p.then(P::IOGPU_UNK_56), 1)
            .set(p.then(P::UTILE_CONFIG), t.utile_config())
            .set(p.then(P::PPP_MULTISAMPLECTL), 0x88)
            .set(p.then(P::TVB_LAYERMETA), places.heapmeta + HEAPMETA_SIZE)
            .set(p.then(P::CORE_MASK), [0xfe, 0])
            .set(p.then(P::PREEMPT1), places.preempt)
            .set(p.then(P::PREEMPT2), places.preempt + PREEMPT_SIZES[0])
            .set(p.then(P::UNK_80), 1)
            .set(
                p.then(P::PREEMPT3),
                (places.preempt + PREEMPT_SIZES[0] + PREEMPT_SIZES[1]) | P::PREEMPT3_TAG,
            )
            .set(p.then(P::VDM_CTRL_STREAM_BASE), STREAM)
            .set(p.then(P::TILING_CONTROL), 0xa041)
            .set(p.then(P::USC_EXEC_BASE), USC)
            .set(p.then(P::UNK_F0), P::unk_f0(0))
            .set(p.then(P::UNK_F8), P::UNK_F8_VALUE)
            .set(p.then(P::UNK_118), P::UNK_118_VALUE)
            .set(tp.then(T::RGN_SIZE), t.rgn_size())
            .set(tp.then(T::UNK_4), T::UNK_4_VALUE)
            .set(tp.then(T::PPP_CTRL), 0x202)
            .set(tp.then(T::X_MAX), (t.width() - 1) as u16)
            .set(tp.then(T::Y_MAX), (t.height() - 1) as u16)
            .set(tp.then(T::TE_SCREEN), t.te_screen())
            .set(tp.then(T::TE_MTILE1), t.te_mtile1())
            .set(tp.then(T::TE_MTILE2), t.te_mtile2())
            .set(tp.then(T::TILES_PER_MTILE), t.tiles_per_mtile())
            .set(tp.then(T::TPC_STRIDE), t.tpc_stride())
            .set(tp.then(T::UNK_24), T::UNK_24_VALUE)
            .set(tp.then(T::RENDER_TARGET_MAX), t.render_target_max())
            .set(C::TPC, places.tpc)
            .set(C::TPC_SIZE, t.tpc_size())
            .set(C::FRAGMENT_STAMP_SLOT, self.fragment.event_slot.into())
            .set(C::FRAGMENT_STAMP_VALUE, fragment)
            .set(
                C::JOB_PARAMS2.then(vertex::JobParameters2::PREEMPT1),
                places.preempt,
            )
            .set(C::CLIENT_SEQUENCE, self.vertex.uuid as u8);
        let stats = d.mem.get(d.tree.pointers, RuntimePointers::STATS_VERTEX);
        let at = d.mem.alloc(d.habits.command, C::USED);
        d.mem.write(at, &c.as_bytes()[..C::USED]);
        let value = self.vertex.value.wrapping_add(STAMP_STEP);
        let q = &self.vertex;
        let field = |offset: usize| at + offset as u64;
        let mut start = StartVertex::zeroed();
        start
            .set(StartVertex::HEADER, StartVertex::HEADER_VALUE)
            .set(StartVertex::TILING_PARAMS, field(tp.offset()))
            .set(StartVertex::JOB_PARAMS1, field(p.offset()))
            .set(StartVertex::BUFFER, self.buffer.info)
            .set(StartVertex::SCENE, scene)
            .set(StartVertex::STATS, stats + StartVertex::STATS_OFFSET)
            .set(StartVertex::QUEUE, q.info)
            .set(StartVertex::VM_SLOT, q.vm_slot.into())
            .set(StartVertex::UNK_38, 1)
            .set(StartVertex::EVENT_GENERATION, q.uuid)
            .set(StartVertex::BUFFER_SLOT, self.buffer.slot)
            .set(StartVertex::EVENT_SEQ, q.sequence)
            .set(StartVertex::UNK_POINTER, field(C::UNK_POINTEE.offset()))
            .set(StartVertex::UNK_JOB_BUF, field(C::UNK_BUF_0.offset()))
            .set(StartVertex::COUNTER, self.fragment.counter + 1)
            .set(
                StartVertex::NOTIFIER_BUF,
                q.notifier + Notifier::UNK_BUF.offset() as u64,
            )
            .set(StartVertex::NO_CLUSTERING, 1);
        let mut finalize = FinalizeVertex::zeroed();
        finalize
            .set(FinalizeVertex::HEADER, FinalizeVertex::HEADER_VALUE)
            .set(FinalizeVertex::SCENE, scene)
            .set(FinalizeVertex::BUFFER, self.buffer.info)
            .set(FinalizeVertex::STATS, stats + StartVertex::STATS_OFFSET)
            .set(FinalizeVertex::QUEUE, q.info)
            .set(FinalizeVertex::VM_SLOT, q.vm_slot.into())
            .set(FinalizeVertex::UNK_POINTER, field(C::UNK_POINTEE.offset()))
            .set(FinalizeVertex::FW_STAMP, q.fw_stamp)
            .set(FinalizeVertex::STAMP_VALUE, value);
        let common = Common {
            meta: C::META,
            encoder: C::ENCODER_PARAMS,
            timestamps: C::TIMESTAMPS,
            user_timestamps: C::USER_TIMESTAMPS,
            command_time: C::COMMAND_TIME,
            unk_ts: C::UNK_TS,
            microsequence: C::MICROSEQUENCE,
            microsequence_size: C::MICROSEQUENCE_SIZE,
        };
        let restart = FinalizeVertex::RESTART_BRANCH_OFFSET;
        let ops = (&start.as_bytes()[..], &finalize.as_bytes()[..], restart);
        self.fragment.counter += 2;
        self.vertex.complete(d, at, &common, ops, shot.user[0])
    }

    fn fragment(&mut self, d: &mut Driver, shot: &Shot, places: &Places, scene: u64) -> Job {
        type C = RunFragment;
        type P = fragment::JobParameters1;
        type P2 = fragment::JobParameters2;
        type P3 = fragment::JobParameters3;
        let t = &shot.tiling;
        let (p, p2, p3) = (C::JOB_PARAMS1, C::JOB_PARAMS2, C::JOB_PARAMS3);
        let config = P::tile_config(t.layers(), shot.process_empty_tiles);
        let blocks = t.tib_blocks(shot.sample_size);
        let mut frame = AuxFbInfo::zeroed();
        frame
            .set(AuxFbInfo::ISP_CTL, AuxFbInfo::ISP_CTL_VALUE)
            .set(AuxFbInfo::WIDTH, t.width())
            .set(AuxFbInfo::HEIGHT, t.height())
            .set(AuxFbInfo::UNK_10, AuxFbInfo::UNK_10_VALUE);
        let background = |usc: u64| {
            let mut program = BackgroundProgram::zeroed();
            program
                .set(BackgroundProgram::RSRC_SPEC, 0x10)
                .set(BackgroundProgram::USC, usc);
            program
        };
        let mut end = EotProgram::zeroed();
        end.set(EotProgram::RSRC_SPEC, 0x12)
            .set(EotProgram::USC, 0x340);
        let array = |at: u64| {
            let mut array = ArrayAddr::zeroed();
            array.set(ArrayAddr::ADDRESS, at);
            array
        };
        let pixels = u64::from(((t.height() - 1) << 15) | (t.width() - 1));
        let mut c = C::zeroed();
        c.set(C::TAG, C::TAG_VALUE)
            .set(C::COUNTER, self.fragment.counter)
            .set(C::VM_SLOT, self.fragment.vm_slot.into())
            .set(C::NOTIFIER, self.fragment.notifier)
            .set(C::BUFFER, self.buffer.info)
            .set(C::SCENE, scene)
            .set(C::KERNEL_BUFFER, self.buffer.kernel)
            .set(C::TVB_TILEMAP, places.tilemap)
            .set(C::PPP_MULTISAMPLECTL, 0x88)
            .set(C::SAMPLES, t.samples())
            .set(C::TILES_PER_MTILE_Y, t.tiles_per_mtile_y() as u16)
            .set(C::TILES_PER_MTILE_X, t.tiles_per_mtile_x() as u16)
            .set(C::ISP_MERGE_UPPER_X, 0x3b00_0000)
            .set(C::ISP_MERGE_UPPER_Y, 0x3b10_0000)
            .set(C::TILE_COUNT, t.tiles().into())
            .set(p.then(P::UTILE_CONFIG), t.utile_config())
            .set(p.then(P::BG), background(0x104))
            .set(p.then(P::PPP_MULTISAMPLECTL), 0x88)
            .set(p.then(P::ISP_SCISSOR_BASE), SCISSORS)
            .set(p.then(P::ISP_DBIAS_BASE), DEPTH_BIAS)
            .set(p.then(P::AUX_FB_INFO), frame)
            .set(p.then(P::ISP_ZLS_PIXELS), pixels)
            .set(p.then(P::ISP_OCLQRY_BASE), OCCLUSION)
            .set(p.then(P::ZLS_CTRL), ZLS_CTRL)
            .set(p.then(P::Z_LOAD), DEPTH)
            .set(p.then(P::Z_STORE), DEPTH)
            .set(p.then(P::S_LOAD), STENCIL)
            .set(p.then(P::S_STORE), STENCIL)
            .set(p.then(P::Z_LOAD_STRIDE), 0x4001)
            .set(p.then(P::Z_STORE_STRIDE), 0x4001)
            .set(p.then(P::S_LOAD_STRIDE), 0x8001)
            .set(p.then(P::S_STORE_STRIDE), 0x8001)
            .set(p.then(P::TVB_TILEMAP), places.tilemap)
            .set(p.then(P::TVB_LAYERMETA), places.heapmeta + HEAPMETA_SIZE)
            .set(p.then(P::MTILE_STRIDE), t.mtile_stride())
            .set(p.then(P::TVB_HEAPMETA), places.heapmeta)
            .set(p.then(P::TILE_CONFIG), config)
            .set(p.then(P::AUX_FB), places.aux)
            .set(p.then(P::USC_EXEC_BASE), USC)
            .set(p.then(P::UNK_140), P::UNK_140_VALUE)
            .set(p.then(P::UNK_158), P::UNK_158_VALUE)
            .set(p2.then(P2::EOT_RSRC_SPEC), 0x11)
            .set(p2.then(P2::EOT_USC), 0x240)
            .set(p2.then(P2::ISP_MERGE_UPPER_X), 0x3b00_0000)
            .set(p2.then(P2::ISP_MERGE_UPPER_Y), 0x3b10_0000)
            .set(
                p2.then(P2::UTILES_PER_MTILE_Y),
                t.utiles_per_mtile_y() as u16,
            )
            .set(
                p2.then(P2::UTILES_PER_MTILE_X),
                t.utiles_per_mtile_x() as u16,
            )
            .set(p2.then(P2::TE_SCREEN), t.te_screen())
            .set(p2.then(P2::TIB_BLOCKS), blocks)
            .set(p2.then(P2::ISP_BGOBJDEPTH), 0x3f80_0000)
            .set(p2.then(P2::ISP_BGOBJVALS), 0x700 | 0x5a)
            .set(p2.then(P2::UNK_3C), 1)
            .set(p3.then(P3::ISP_DBIAS_BASE), array(DEPTH_BIAS))
            .set(p3.then(P3::ISP_SCISSOR_BASE), array(SCISSORS))
            .set(p3.then(P3::ISP_OCLQRY_BASE), OCCLUSION)
            .set(p3.then(P3::UNK_PARTIAL_BG), background(0x204))
            .set(p3.then(P3::PARTIAL_BG), background(0x204))
            .set(p3.then(P3::ZLS_CTRL), ZLS_CTRL)
            .set(p3.then(P3::Z_LOAD), DEPTH)
            .set(p3.then(P3::Z_PARTIAL_STRIDE), 0x4001)
            .set(p3.then(P3::Z_STORE), DEPTH)
            .set(p3.then(P3::Z_PARTIAL), DEPTH)
            .set(p3.then(P3::S_LOAD), STENCIL)
            .set(p3.then(P3::S_PARTIAL_STRIDE), 0x8001)
            .set(p3.then(P3::S_STORE), STENCIL)
            .set(p3.then(P3::S_PARTIAL), STENCIL)
            .set(p3.then(P3::TIB_BLOCKS), blocks)
            .set(p3.then(P3::AUX_FB_INFO), frame)
            .set(p3.then(P3::TILE_CONFIG), config)
            .set(p3.then(P3::UNK_PARTIAL_EOT), end)
            .set(p3.then(P3::PARTIAL_EOT), end)
            .set(p3.then(P3::ISP_BGOBJDEPTH), 0x3f80_0000)
            .set(p3.then(P3::ISP_BGOBJVALS), 0x300 | 0x5a)
            .set(p3.then(P3::SAMPLE_SIZE), shot.sample_size)
            .set(p3.then(P3::ISP_ZLS_PIXELS), pixels)
            .set(C::PROCESS_EMPTY_TILES, shot.process_empty_tiles.into())
            .set(C::NO_CLEAR_PIPELINE_TEXTURES, 1)
            .set(C::UNK_BUF_10, C::UNK_BUF_10_VALUE)
            .set(C::CLIENT_SEQUENCE, self.fragment.uuid as u8);
        let stats = d.mem.get(d.tree.pointers, RuntimePointers::STATS_FRAGMENT);
        let at = d.mem.alloc(d.habits.command, C::USED);
        d.mem.write(at, &c.as_bytes()[..C::USED]);
        let value = self.fragment.value.wrapping_add(STAMP_STEP);
        let q = &self.fragment;
        let field = |offset: usize| at + offset as u64;
        type S = StartFragment;
        let mut start = S::zeroed();
        start
            .set(S::HEADER, S::HEADER_VALUE)
            .set(S::JOB_PARAMS2, field(p2.offset()))
            .set(S::JOB_PARAMS1, field(p.offset()))
            .set(S::SCENE, scene)
            .set(S::STATS, stats + S::STATS_OFFSET)
            .set(S::BUSY_FLAG, field(C::BUSY_FLAG.offset()))
            .set(S::TVB_OVERFLOW_COUNT, field(C::TVB_OVERFLOW_COUNT.offset()))
            .set(S::UNK_POINTER, field(C::UNK_POINTEE.offset()))
            .set(S::QUEUE, q.info)
            .set(S::WORK_ITEM, at)
            .set(S::VM_SLOT, q.vm_slot.into())
            .set(S::UNK_50, 1)
            .set(S::EVENT_GENERATION, q.uuid)
            .set(S::BUFFER_SLOT, self.buffer.slot)
            .set(S::EVENT_SEQ, q.sequence)
            .set(S::UNK_758_FLAG, field(C::UNK_758_FLAG.offset()))
            .set(S::UNK_JOB_BUF, field(C::UNK_BUF_0.offset()))
            .set(S::COUNTER, q.counter)
            .set(
                S::NOTIFIER_BUF,
                q.notifier + Notifier::UNK_BUF.offset() as u64,
            );
        type F = FinalizeFragment;
        let mut finalize = F::zeroed();
        finalize
            .set(F::HEADER, F::HEADER_VALUE)
            .set(F::FW_STAMP, q.fw_stamp)
            .set(F::STAMP_VALUE, value)
            .set(F::SCENE, scene)
            .set(F::BUFFER, self.buffer.info)
            .set(F::UNK_2C, 1)
            .set(F::STATS, stats + S::STATS_OFFSET)
            .set(F::UNK_POINTER, field(C::UNK_POINTEE.offset()))
            .set(F::BUSY_FLAG, field(C::BUSY_FLAG.offset()))
            .set(F::QUEUE, q.info)
            .set(F::WORK_ITEM, at)
            .set(F::VM_SLOT, q.vm_slot.into())
            .set(F::UNK_758_FLAG, field(C::UNK_758_FLAG.offset()));
        let common = Common {
            meta: C::META,
            encoder: C::ENCODER_PARAMS,
            timestamps: C::TIMESTAMPS,
            user_timestamps: C::USER_TIMESTAMPS,
            command_time: C::COMMAND_TIME,
            unk_ts: C::UNK_TS,
            microsequence: C::MICROSEQUENCE,
            microsequence_size: C::MICROSEQUENCE_SIZE,
        };
        let restart = F::RESTART_BRANCH_OFFSET;
        let ops = (&start.as_bytes()[..], &finalize.as_bytes()[..], restart);
        self.fragment.complete(d, at, &common, ops, shot.user[1])
    }
}

/// Where the parts are that all commands have.
struct Common<S> {
    meta: Field<S, JobMeta>,
    encoder: Field<S, EncoderParams>,
    timestamps: Field<S, TimestampPointers>,
    user_timestamps: Field<S, TimestampPointers>,
    command_time: Field<S, u64>,
    unk_ts: Field<S, u64>,
    microsequence: Field<S, u64>,
    microsequence_size: Field<S, u32>,
}

impl Queue {
    /// Puts the parts into the command at `at` that all commands have; its microsequence begins
    /// with `start` and has `finalize`, with the field for the restart.
    fn complete<S, F>(
        &mut self,
        d: &mut Driver,
        at: u64,
        common: &Common<S>,
        (start, finalize, restart): (&[u8], &[u8], Field<F, i32>),
        user: [u64; 2],
    ) -> Job {
        self.value = self.value.wrapping_add(STAMP_STEP);
        let timestamps = d.mem.alloc(Protection::FW_SHARED_RW, JobTimestamps::SIZE);
        let (m, e) = (common.meta, common.encoder);
        d.mem.set(at, m.then(JobMeta::STAMP), self.host_stamp);
        d.mem.set(at, m.then(JobMeta::FW_STAMP), self.fw_stamp);
        d.mem.set(at, m.then(JobMeta::STAMP_VALUE), self.value);
        let slot = u32::from(self.event_slot);
        d.mem.set(at, m.then(JobMeta::STAMP_SLOT), slot);
        d.mem
            .set(at, m.then(JobMeta::EVENT_SEQ), self.sequence as u32);
        d.mem.set(at, e.then(EncoderParams::MASK), u32::MAX);
        d.mem
            .set(at, e.then(EncoderParams::SAMPLER_COUNT_PLUS_1), 1);
        for (pointers, to) in [
            (common.timestamps, [timestamps, timestamps + 8]),
            (common.user_timestamps, user),
        ] {
            let mut pair = TimestampPointers::zeroed();
            pair.set(TimestampPointers::START, to[0])
                .set(TimestampPointers::END, to[1]);
            d.mem.set(at, pointers, pair);
        }
        let place = |offset: usize| at + offset as u64;
        let time = |header: u32, which: Field<TimestampPointers, u64>| {
            let mut op = Timestamp::zeroed();
            op.set(Timestamp::HEADER, header)
                .set(Timestamp::COMMAND_TIME, place(common.command_time.offset()))
                .set(Timestamp::TIMESTAMPS, place(common.timestamps.offset()))
                .set(
                    Timestamp::UPDATE,
                    place(common.timestamps.then(which).offset()),
                )
                .set(Timestamp::QUEUE, self.info)
                .set(
                    Timestamp::USER_TIMESTAMPS,
                    place(common.user_timestamps.offset()),
                )
                .set(Timestamp::UNK_TS, place(common.unk_ts.offset()));
            op.as_bytes().to_vec()
        };
        let mut ops = start.to_vec();
        if user != [0, 0] {
            ops.extend(time(Timestamp::HEADER_START, TimestampPointers::START));
        }
        ops.extend(WaitForIdle::header(self.kind).to_le_bytes());
        if user != [0, 0] {
            ops.extend(time(Timestamp::HEADER_END, TimestampPointers::END));
        }
        let distance = ops.len();
        ops.extend(finalize);
        restart.write(&mut ops[distance..], -(distance as i32));
        ops.extend(RetireStamp::HEADER_VALUE.to_le_bytes());
        let microsequence = d.mem.alloc(d.habits.private, ops.len());
        d.mem.write(microsequence, &ops);
        d.mem.set(at, common.microsequence, microsequence);
        d.mem.set(at, common.microsequence_size, ops.len() as u32);
        self.sequence += 1;
        Job {
            at,
            microsequence,
            finalize: distance as u64,
            timestamps,
            value: self.value,
        }
    }
}

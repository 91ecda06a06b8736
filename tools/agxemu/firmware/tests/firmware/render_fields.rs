// SPDX-License-Identifier: MIT OR Apache-2.0

//! Render commands with one thing wrong: each is a panic that names it.

use agx_abi::buffer::{BlockControl, Scene};
use agx_abi::compute::{EncoderParams, JobMeta};
use agx_abi::fragment::{self, AuxFbInfo, BackgroundProgram, EotProgram, RunFragment};
use agx_abi::microsequence::{FinalizeFragment, FinalizeVertex, StartFragment, StartVertex};
use agx_abi::queue::Barrier;
use agx_abi::tiling::Tiling;
use agx_abi::vertex::{self, RunVertex, TilingParameters};
use agx_abi::{Field, Value};
use agxemu_firmware::panic::Panic;

use crate::support::driver::Driver;
use crate::support::gpu::Answer;
use crate::support::render::{driver, shot, Made, Render, Shot};

/// A render that is good, to be changed.
struct Bench {
    d: Driver,
    r: Render,
    made: Made,
}

type V = RunVertex;
type V1 = vertex::JobParameters1;
type T = TilingParameters;
type F = RunFragment;
type F1 = fragment::JobParameters1;
type F2 = fragment::JobParameters2;
type F3 = fragment::JobParameters3;

impl Bench {
    fn vertex<U: Value>(&mut self, field: Field<V, U>, value: U) {
        self.d.mem.set(self.made.vertex.at, field, value);
    }

    fn fragment<U: Value>(&mut self, field: Field<F, U>, value: U) {
        self.d.mem.set(self.made.fragment.at, field, value);
    }

    fn p1<U: Value>(&mut self, field: Field<V1, U>, value: U) {
        self.vertex(V::JOB_PARAMS1.then(field), value);
    }

    fn tiling<U: Value>(&mut self, field: Field<T, U>, value: U) {
        self.vertex(V::TILING_PARAMS.then(field), value);
    }

    fn f1<U: Value>(&mut self, field: Field<F1, U>, value: U) {
        self.fragment(F::JOB_PARAMS1.then(field), value);
    }

    fn f2<U: Value>(&mut self, field: Field<F2, U>, value: U) {
        self.fragment(F::JOB_PARAMS2.then(field), value);
    }

    fn f3<U: Value>(&mut self, field: Field<F3, U>, value: U) {
        self.fragment(F::JOB_PARAMS3.then(field), value);
    }

    fn start_vertex<U: Value>(&mut self, field: Field<StartVertex, U>, value: U) {
        self.d.mem.set(self.made.vertex.microsequence, field, value);
    }

    fn finish_vertex<U: Value>(&mut self, field: Field<FinalizeVertex, U>, value: U) {
        let at = self.made.vertex.microsequence + self.made.vertex.finalize;
        self.d.mem.set(at, field, value);
    }

    fn start_fragment<U: Value>(&mut self, field: Field<StartFragment, U>, value: U) {
        self.d
            .mem
            .set(self.made.fragment.microsequence, field, value);
    }

    fn finish_fragment<U: Value>(&mut self, field: Field<FinalizeFragment, U>, value: U) {
        let at = self.made.fragment.microsequence + self.made.fragment.finalize;
        self.d.mem.set(at, field, value);
    }

    fn scene<U: Value>(&mut self, field: Field<Scene, U>, value: U) {
        self.d.mem.set(self.made.scene, field, value);
    }
}

/// A frame with all of its numbers different.
fn frame() -> Shot {
    Shot {
        tiling: Tiling::new(1000, 300, 2, [32, 16], 2).unwrap(),
        ..shot()
    }
}

/// Submits a render after `change`.
fn submit(change: impl Fn(&mut Bench)) -> Result<(), Panic> {
    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    let made = r.make(&mut d, &frame());
    let mut bench = Bench { d, r, made };
    change(&mut bench);
    let Bench { mut d, mut r, made } = bench;
    r.push(&d, &made);
    d.pending(1);
    r.submit(&mut d)?;
    assert_eq!(d.flags(), [1 << 4 | 1 << 5]);
    Ok(())
}

/// The reason, and the change.
type Case = (&'static str, fn(&mut Bench));

fn check(cases: &[Case]) {
    for (i, (reason, change)) in cases.iter().enumerate() {
        let panic = match submit(change) {
            Err(panic) => panic.0,
            Ok(()) => panic!("case {i} ({reason}): accepted"),
        };
        assert!(
            panic.contains(reason),
            "case {i}: {panic:?} does not say {reason:?}"
        );
    }
}

#[test]
fn the_render_that_they_start_from_is_good() {
    submit(|_| ()).unwrap();
    // What is not demanded.
    submit(|b| b.vertex(V::META.then(JobMeta::FLUSH_STAMPS), 1)).unwrap();
    submit(|b| b.p1(V1::CORE_MASK, [0xffff_ffff; 2])).unwrap();
    submit(|b| b.vertex(V::USES_SCRATCH, 1)).unwrap();
}

const VERTEX: &[Case] = &[
    ("byte 0x10 is 0x1, must be zero", |b| b.vertex(V::UNK_8, 1)),
    ("vm slot 2 is not bound", |b| b.vertex(V::VM_SLOT, 2)),
    ("buffer slot 127", |b| b.vertex(V::BUFFER_SLOT, 127)),
    ("byte 0x20 is 0x1, must be zero", |b| b.vertex(V::UNK_1C, 1)),
    ("buffer information: null", |b| b.vertex(V::BUFFER, 0)),
    ("scene: null", |b| b.vertex(V::SCENE, 0)),
    ("kernel buffer: null", |b| b.vertex(V::KERNEL_BUFFER, 0)),
    ("notifier: null", |b| b.vertex(V::NOTIFIER, 0)),
    ("tile pointer cache is 0x0", |b| b.vertex(V::TPC, 0)),
    ("tile pointer cache size is 0x0", |b| {
        b.vertex(V::TPC_SIZE, 0)
    }),
    ("microsequence: null", |b| b.vertex(V::MICROSEQUENCE, 0)),
    ("must be zero", |b| b.vertex(V::UNK_POINTEE, 1)),
    ("must be zero", |b| b.vertex(V::UNK_BUF_10, 1)),
    ("must be zero", |b| b.vertex(V::UNK_TS, 1)),
    ("must be zero", |b| b.vertex(V::UNK_AFTER_META, 1)),
    ("second preemption buffer is 0x0", |b| {
        b.vertex(V::JOB_PARAMS2.then(vertex::JobParameters2::PREEMPT1), 0)
    }),
    ("encoder mask is 0x0", |b| {
        b.vertex(V::ENCODER_PARAMS.then(EncoderParams::MASK), 0)
    }),
    ("sync grow is 0x1", |b| b.vertex(V::SYNC_GROW, 1)),
    ("uses scratch is 0x2", |b| b.vertex(V::USES_SCRATCH, 2)),
    ("flush_stamps is 0x2", |b| {
        b.vertex(V::META.then(JobMeta::FLUSH_STAMPS), 2)
    }),
    ("host stamp: null", |b| {
        b.vertex(V::META.then(JobMeta::STAMP), 0)
    }),
    ("has stamp 0x4000200, expected 0x4000100", |b| {
        b.vertex(V::META.then(JobMeta::STAMP_VALUE), 0x400_0200)
    }),
    // Parameters for the hardware.
    ("parameter 0 is 0x0", |b| b.p1(V1::UNK_0, 0)),
    ("parameter 8 is 0x0", |b| b.p1(V1::UNK_8, 0)),
    ("tile map: null", |b| b.p1(V1::TVB_TILEMAP, 0)),
    ("tile map: 0x3fc000 is not mapped", |b| {
        b.p1(V1::TVB_TILEMAP, 0x3f_c000)
    }),
    ("cluster tile maps is 0x1", |b| {
        b.p1(V1::TVB_CLUSTER_TILEMAPS, 1)
    }),
    ("cluster metadata 1 is 0x1", |b| {
        b.p1(V1::TVB_CLUSTER_META1, 1)
    }),
    ("cluster metadata 4 is 0x1", |b| {
        b.p1(V1::TVB_CLUSTER_META4, 1)
    }),
    ("heap metadata is 0x1000, without its tag", |b| {
        b.p1(V1::TVB_HEAPMETA, 0x1000)
    }),
    ("layer metadata: null", |b| b.p1(V1::TVB_LAYERMETA, 0)),
    ("parameter 0x30 is 0x0", |b| b.p1(V1::IOGPU_UNK_54, 0)),
    ("utile configuration is 0x4002", |b| {
        b.p1(V1::UTILE_CONFIG, 0x4002)
    }),
    ("utile configuration is 0x6003", |b| {
        b.p1(V1::UTILE_CONFIG, 0x6003)
    }),
    ("preemption buffer part 1: null", |b| b.p1(V1::PREEMPT1, 0)),
    ("preemption buffer part 2: null", |b| b.p1(V1::PREEMPT2, 0)),
    ("preemption buffer part 3 is 0x1000, without", |b| {
        b.p1(V1::PREEMPT3, 0x1000)
    }),
    ("tiling control is 0xa040", |b| {
        b.p1(V1::TILING_CONTROL, 0xa040)
    }),
    ("must be zero", |b| b.p1(V1::UNK_B0, [0, 0, 0, 0, 0, 1])),
    ("parameter 0xf0 is 0x20", |b| b.p1(V1::UNK_F0, 0x20)),
    ("parameter 0xf8 is 0x0", |b| b.p1(V1::UNK_F8, 0)),
    ("parameter 0x118 is 0x0", |b| b.p1(V1::UNK_118, 0)),
];

/// Each number of the tiler, one more than it should be.
const NUMBERS: &[(&str, Field<T, u32>)] = &[
    ("region size", T::RGN_SIZE),
    ("tiling parameter 4", T::UNK_4),
    ("te_screen", T::TE_SCREEN),
    ("te_mtile1", T::TE_MTILE1),
    ("te_mtile2", T::TE_MTILE2),
    ("tiles of a macrotile", T::TILES_PER_MTILE),
    ("tile pointer cache stride", T::TPC_STRIDE),
    ("tiling parameter 0x24", T::UNK_24),
];

#[test]
fn a_bad_vertex_command_is_a_panic_with_its_reason() {
    check(VERTEX);
    for (name, field) in NUMBERS {
        let reason = format!("{name} is");
        let panic = submit(|b| {
            let field = V::TILING_PARAMS.then(*field);
            let old = b.d.mem.get(b.made.vertex.at, field);
            b.vertex(field, old + 1);
        })
        .unwrap_err()
        .0;
        assert!(panic.contains(&reason), "{panic:?} does not say {reason:?}");
    }
    // Another size of the frame makes all of them wrong.
    check(&[
        ("te_screen is 0x901f, expected 0x901d", |b| {
            b.tiling(T::X_MAX, 950)
        }),
        ("frame of 16385 by 300 pixels", |b| {
            b.tiling(T::X_MAX, 16384)
        }),
        ("layers word is 0x9000", |b| {
            b.tiling(T::RENDER_TARGET_MAX, 0x9000)
        }),
        ("layers word is 0xe000", |b| {
            b.tiling(T::RENDER_TARGET_MAX, 0xe000)
        }),
        ("layers word is 0xe800", |b| {
            b.tiling(T::RENDER_TARGET_MAX, 0xe800)
        }),
        ("tile pointer cache size is", |b| {
            b.tiling(T::RENDER_TARGET_MAX, 0xe002)
        }),
    ]);
}

#[test]
fn a_bad_scene_is_a_panic_with_its_reason() {
    check(&[
        ("user buffer: null", |b| b.scene(Scene::USER_BUFFER, 0)),
        ("buffer statistics: null", |b| b.scene(Scene::STATS, 0)),
        ("byte 0x8 is 0x1, must be zero", |b| {
            b.scene(Scene::UNK_8, 1)
        }),
        ("byte 0x40 is 0x1, must be zero", |b| {
            b.scene(Scene::UNK_38, 1)
        }),
    ]);
}

#[test]
fn a_bad_vertex_microsequence_is_a_panic_with_its_reason() {
    type S = StartVertex;
    type E = FinalizeVertex;
    check(&[
        ("unknown op 0x3f", |b| b.start_vertex(S::HEADER, 0x3f)),
        ("in the sequence of a vertex command", |b| {
            b.start_vertex(S::HEADER, StartFragment::HEADER_VALUE)
        }),
        ("tiling parameters is 0x0", |b| {
            b.start_vertex(S::TILING_PARAMS, 0)
        }),
        ("parameters 1 is 0x0", |b| b.start_vertex(S::JOB_PARAMS1, 0)),
        ("buffer information is 0x0", |b| {
            b.start_vertex(S::BUFFER, 0)
        }),
        ("scene is 0x0", |b| b.start_vertex(S::SCENE, 0)),
        ("statistics is 0x0", |b| b.start_vertex(S::STATS, 0)),
        ("queue is 0x0", |b| b.start_vertex(S::QUEUE, 0)),
        ("vm slot is 0x2", |b| b.start_vertex(S::VM_SLOT, 2)),
        ("word 0x38 is 0x0", |b| b.start_vertex(S::UNK_38, 0)),
        ("buffer slot is 0x6", |b| b.start_vertex(S::BUFFER_SLOT, 6)),
        ("event sequence 0x1", |b| b.start_vertex(S::EVENT_SEQ, 1)),
        ("unk_pointer is 0x0", |b| b.start_vertex(S::UNK_POINTER, 0)),
        ("unk_job_buf is 0x0", |b| b.start_vertex(S::UNK_JOB_BUF, 0)),
        ("must be zero", |b| b.start_vertex(S::UNK_64, 1)),
        ("17 attachments", |b| {
            b.start_vertex(S::ATTACHMENT_COUNT, 17)
        }),
        ("counter is 0x0", |b| b.start_vertex(S::COUNTER, 0)),
        ("notifier tail is 0x0", |b| {
            b.start_vertex(S::NOTIFIER_BUF, 0)
        }),
        ("no clustering is 0x0", |b| {
            b.start_vertex(S::NO_CLUSTERING, 0)
        }),
        ("scene is 0x0", |b| b.finish_vertex(E::SCENE, 0)),
        ("buffer information is 0x0", |b| {
            b.finish_vertex(E::BUFFER, 0)
        }),
        ("statistics is 0x0", |b| b.finish_vertex(E::STATS, 0)),
        ("queue is 0x0", |b| b.finish_vertex(E::QUEUE, 0)),
        ("vm slot is 0x2", |b| b.finish_vertex(E::VM_SLOT, 2)),
        ("unk_pointer is 0x0", |b| b.finish_vertex(E::UNK_POINTER, 0)),
        ("firmware stamp is 0x0", |b| b.finish_vertex(E::FW_STAMP, 0)),
        ("stamp value is 0x0", |b| b.finish_vertex(E::STAMP_VALUE, 0)),
        ("restarts at", |b| {
            b.finish_vertex(E::RESTART_BRANCH_OFFSET, 0)
        }),
        ("has_attachments 0x1 with 0", |b| {
            b.finish_vertex(E::HAS_ATTACHMENTS, 1)
        }),
        ("must be zero", |b| b.finish_vertex(E::UNK_28, 1)),
    ]);
}

#[test]
fn a_bad_fragment_command_is_a_panic_with_its_reason() {
    check(&[
        ("must be zero", |b| b.fragment(F::UNK_8, 1)),
        ("vm slot 2 is not bound", |b| b.fragment(F::VM_SLOT, 2)),
        ("buffer information: null", |b| b.fragment(F::BUFFER, 0)),
        ("scene: null", |b| b.fragment(F::SCENE, 0)),
        ("kernel buffer: null", |b| b.fragment(F::KERNEL_BUFFER, 0)),
        ("tile map is 0x0", |b| b.fragment(F::TVB_TILEMAP, 0)),
        ("sample positions is 0x0", |b| {
            b.fragment(F::PPP_MULTISAMPLECTL, 0)
        }),
        ("samples is 0x1, expected 0x2", |b| {
            b.fragment(F::SAMPLES, 1)
        }),
        ("tiles of a macrotile to the right is 0x9", |b| {
            b.fragment(F::TILES_PER_MTILE_X, 9)
        }),
        ("tiles of a macrotile downwards is 0x9", |b| {
            b.fragment(F::TILES_PER_MTILE_Y, 9)
        }),
        ("tile count is 0x13f, expected 0x140", |b| {
            b.fragment(F::TILE_COUNT, 319)
        }),
        ("upper x of merging", |b| {
            b.fragment(F::ISP_MERGE_UPPER_X, 0)
        }),
        ("upper y of merging", |b| {
            b.fragment(F::ISP_MERGE_UPPER_Y, 0)
        }),
        ("must be zero", |b| b.fragment(F::BUSY_FLAG, 1)),
        ("must be zero", |b| b.fragment(F::TVB_OVERFLOW_COUNT, 1)),
        ("process empty tiles is 0x2", |b| {
            b.fragment(F::PROCESS_EMPTY_TILES, 2)
        }),
        ("tile configuration is 0x281, process empty tiles 1", |b| {
            b.fragment(F::PROCESS_EMPTY_TILES, 1)
        }),
        ("word 0x8c0 is 0x0", |b| {
            b.fragment(F::NO_CLEAR_PIPELINE_TEXTURES, 0)
        }),
        ("must be zero", |b| b.fragment(F::MSAA_ZS, 1)),
        ("word 0x910 is 0x0", |b| b.fragment(F::UNK_BUF_10, 0)),
        // Parameters 1.
        ("utile configuration is 0x0", |b| b.f1(F1::UTILE_CONFIG, 0)),
        ("isp_ctl is 0xc001", |b| {
            b.f1(F1::AUX_FB_INFO.then(AuxFbInfo::ISP_CTL), 0xc001)
        }),
        ("frame word 0x10 is 0x0", |b| {
            b.f1(F1::AUX_FB_INFO.then(AuxFbInfo::UNK_10), 0)
        }),
        ("heap metadata is", |b| b.f1(F1::TVB_HEAPMETA, 1 << 63)),
        ("layer metadata is 0x0", |b| b.f1(F1::TVB_LAYERMETA, 0)),
        ("macrotile stride is 0x0", |b| b.f1(F1::MTILE_STRIDE, 0)),
        ("tile configuration is 0x2000281", |b| {
            b.f1(F1::TILE_CONFIG, 0x200_0281);
            b.f3(F3::TILE_CONFIG, 0x200_0281);
        }),
        ("bit for layers is 0x0, expected 0x1", |b| {
            b.f1(F1::TILE_CONFIG, 0x280);
            b.f3(F3::TILE_CONFIG, 0x280);
        }),
        ("auxiliary frame buffer: null", |b| b.f1(F1::AUX_FB, 0)),
        ("must be zero", |b| b.f1(F1::UNK_108, [1, 0, 0, 0, 0, 0])),
        ("parameter 0x148 is 0x0", |b| b.f1(F1::UNK_140, 0)),
        ("parameter 0x160 is 0x0", |b| b.f1(F1::UNK_158, 0)),
        // Parameters 2.
        ("utiles of a macrotile to the right is 0x9", |b| {
            b.f2(F2::UTILES_PER_MTILE_X, 9)
        }),
        ("utiles of a macrotile downwards is 0x9", |b| {
            b.f2(F2::UTILES_PER_MTILE_Y, 9)
        }),
        ("te_screen is 0x0", |b| b.f2(F2::TE_SCREEN, 0)),
        ("tile buffer blocks is 0x5, expected 0x4", |b| {
            b.f2(F2::TIB_BLOCKS, 5)
        }),
        ("parameter 0x3c is 0x0", |b| b.f2(F2::UNK_3C, 0)),
        ("background values are 0x730, partial ones 0x35a", |b| {
            b.f2(F2::ISP_BGOBJVALS, 0x730)
        }),
        ("partial background depth is", |b| {
            b.f2(F2::ISP_BGOBJDEPTH, 0)
        }),
    ]);
}

#[test]
fn a_bad_partial_render_is_a_panic_with_its_reason() {
    let fields = [
        ("partial zls_ctrl", F3::ZLS_CTRL),
        ("partial occlusion queries", F3::ISP_OCLQRY_BASE),
        ("partial depth to load", F3::Z_LOAD),
        ("partial depth stride", F3::Z_PARTIAL_STRIDE),
        ("partial depth metadata stride", F3::Z_PARTIAL_COMP_STRIDE),
        ("partial depth to store", F3::Z_STORE),
        ("partial depth", F3::Z_PARTIAL),
        ("partial depth metadata", F3::Z_PARTIAL_COMP),
        ("partial stencil to load", F3::S_LOAD),
        ("partial stencil stride", F3::S_PARTIAL_STRIDE),
        ("partial stencil metadata stride", F3::S_PARTIAL_COMP_STRIDE),
        ("partial stencil to store", F3::S_STORE),
        ("partial stencil", F3::S_PARTIAL),
        ("partial stencil metadata", F3::S_PARTIAL_COMP),
        ("partial tile configuration", F3::TILE_CONFIG),
        ("partial zls pixels", F3::ISP_ZLS_PIXELS),
        ("partial parameter 0x1b0", F3::UNK_290),
    ];
    for (name, field) in fields {
        let panic = submit(|b| b.f3(field, 0x7777)).unwrap_err().0;
        let reason = format!("{name} is 0x7777, expected");
        assert!(panic.contains(&reason), "{panic:?} does not say {reason:?}");
    }
    check(&[
        ("tile buffer blocks is 0x5, expected 0x4", |b| {
            b.f3(F3::TIB_BLOCKS, 5)
        }),
        ("tile buffer blocks is 0x4, expected 0x8", |b| {
            b.f3(F3::SAMPLE_SIZE, 16)
        }),
        ("partial width is 0x7", |b| {
            b.f3(F3::AUX_FB_INFO.then(AuxFbInfo::WIDTH), 7)
        }),
        ("two partial background programs", |b| {
            b.f3(F3::PARTIAL_BG.then(BackgroundProgram::USC), 0x40)
        }),
        ("two partial end-of-tile programs", |b| {
            b.f3(F3::UNK_PARTIAL_EOT.then(EotProgram::RSRC_SPEC), 0x40)
        }),
        ("partial scissors is 0x0", |b| {
            b.f3(F3::ISP_SCISSOR_BASE.then(fragment::ArrayAddr::ADDRESS), 0)
        }),
    ]);
}

#[test]
fn a_bad_fragment_microsequence_is_a_panic_with_its_reason() {
    type S = StartFragment;
    type E = FinalizeFragment;
    check(&[
        ("parameters 1 is 0x0", |b| {
            b.start_fragment(S::JOB_PARAMS1, 0)
        }),
        ("parameters 2 is 0x0", |b| {
            b.start_fragment(S::JOB_PARAMS2, 0)
        }),
        ("scene is 0x0", |b| b.start_fragment(S::SCENE, 0)),
        ("statistics is 0x0", |b| b.start_fragment(S::STATS, 0)),
        ("busy flag is 0x0", |b| b.start_fragment(S::BUSY_FLAG, 0)),
        ("overflow count is 0x0", |b| {
            b.start_fragment(S::TVB_OVERFLOW_COUNT, 0)
        }),
        ("unk_pointer is 0x0", |b| {
            b.start_fragment(S::UNK_POINTER, 0)
        }),
        ("queue is 0x0", |b| b.start_fragment(S::QUEUE, 0)),
        ("work item is 0x0", |b| b.start_fragment(S::WORK_ITEM, 0)),
        ("vm slot is 0x2", |b| b.start_fragment(S::VM_SLOT, 2)),
        ("word 0x50 is 0x0", |b| b.start_fragment(S::UNK_50, 0)),
        ("buffer slot is 0x6", |b| {
            b.start_fragment(S::BUFFER_SLOT, 6)
        }),
        ("sync grow is 0x1", |b| b.start_fragment(S::SYNC_GROW, 1)),
        ("event sequence 0x1", |b| b.start_fragment(S::EVENT_SEQ, 1)),
        ("flag is 0x0", |b| b.start_fragment(S::UNK_758_FLAG, 0)),
        ("unk_job_buf is 0x0", |b| {
            b.start_fragment(S::UNK_JOB_BUF, 0)
        }),
        ("word 0x7c is 0x1", |b| b.start_fragment(S::UNK_7C_0, 1)),
        ("must be zero", |b| b.start_fragment(S::UNK_84, 1)),
        ("17 attachments", |b| {
            b.start_fragment(S::ATTACHMENT_COUNT, 17)
        }),
        ("counter is 0x5", |b| b.start_fragment(S::COUNTER, 5)),
        ("notifier tail is 0x0", |b| {
            b.start_fragment(S::NOTIFIER_BUF, 0)
        }),
        ("firmware stamp is 0x0", |b| {
            b.finish_fragment(E::FW_STAMP, 0)
        }),
        ("stamp value is 0x0", |b| {
            b.finish_fragment(E::STAMP_VALUE, 0)
        }),
        ("scene is 0x0", |b| b.finish_fragment(E::SCENE, 0)),
        ("buffer information is 0x0", |b| {
            b.finish_fragment(E::BUFFER, 0)
        }),
        ("word 0x2c is 0x0", |b| b.finish_fragment(E::UNK_2C, 0)),
        ("statistics is 0x0", |b| b.finish_fragment(E::STATS, 0)),
        ("busy flag is 0x0", |b| b.finish_fragment(E::BUSY_FLAG, 0)),
        ("work item is 0x0", |b| b.finish_fragment(E::WORK_ITEM, 0)),
        ("vm slot is 0x2", |b| b.finish_fragment(E::VM_SLOT, 2)),
        ("flag is 0x0", |b| b.finish_fragment(E::UNK_758_FLAG, 0)),
        ("restarts at", |b| {
            b.finish_fragment(E::RESTART_BRANCH_OFFSET, 0)
        }),
        ("has_attachments 0x1 with 0", |b| {
            b.finish_fragment(E::HAS_ATTACHMENTS, 1)
        }),
    ]);
}

#[test]
fn halves_that_do_not_fit_are_a_panic() {
    check(&[
        (
            "has event 5:0x5000100, its vertex command says 5:0x5000200",
            |b| b.vertex(V::FRAGMENT_STAMP_VALUE, 0x500_0200),
        ),
        ("its vertex command says 6:0x5000100", |b| {
            b.vertex(V::FRAGMENT_STAMP_SLOT, 6)
        }),
        ("width is 0x3e7, expected 0x3e8", |b| {
            let width = AuxFbInfo::WIDTH;
            b.f1(F1::AUX_FB_INFO.then(width), 999);
            b.f3(F3::AUX_FB_INFO.then(width), 999);
        }),
        ("sample positions is 0x89", |b| {
            b.fragment(F::PPP_MULTISAMPLECTL, 0x89);
            b.f1(F1::PPP_MULTISAMPLECTL, 0x89);
        }),
    ]);
}

#[test]
fn a_fragment_command_needs_its_barrier() {
    let (mut d, gpu) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    gpu.answer(&[Answer::Runs]);
    let made = r.make(&mut d, &shot());
    r.vertex.push(&d, made.set_up.unwrap());
    r.vertex.push(&d, made.vertex.at);
    r.fragment.push(&d, made.fragment.at);
    d.pending(1);
    r.vertex.submit(&mut d).unwrap();
    let panic = r.fragment.submit(&mut d).unwrap_err().0;
    let reason = "no barrier before it waits for its vertex command, 4:0x4000100";
    assert!(panic.contains(reason), "{panic}");
}

#[test]
fn buffers_have_to_be_set_up() {
    check(&[
        ("buffer slot 7 was never set up", |b| b.made.set_up = None),
        ("8 blocks, set up with 0x9", |b| {
            let blocks = agx_abi::queue::InitBuffer::BLOCK_COUNT;
            b.d.mem.set(b.made.set_up.unwrap(), blocks, 9);
        }),
    ]);

    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    r.run(&mut d, &shot()).unwrap();
    // More blocks than at the set-up may be there already, for the next one.
    r.buffer.list(&mut d, 1);
    r.run(&mut d, &shot()).unwrap();
    // Fewer may not.
    d.mem.set(r.buffer.control, BlockControl::TOTAL, 7);
    let panic = r.run(&mut d, &shot()).unwrap_err().0;
    assert!(panic.contains("has 0x7 blocks, set up with 0x8"), "{panic}");

    // Another buffer in the slot.
    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    r.run(&mut d, &shot()).unwrap();
    r.buffer = crate::support::buffer::Buffer::new(&mut d, 1, 7, 8);
    let panic = r.run(&mut d, &shot()).unwrap_err().0;
    assert!(panic.contains("buffer slot 7 was set up for"), "{panic}");

    // A frame that is too large for its buffer.
    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    let large = Shot {
        tiling: Tiling::new(1920, 1080, 1, [32, 32], 1).unwrap(),
        ..shot()
    };
    let panic = r.run(&mut d, &large).unwrap_err().0;
    assert!(
        panic.contains("buffer of 8 blocks, the frame needs 16"),
        "{panic}"
    );
}

#[test]
fn a_slot_keeps_its_buffer_while_there_are_scenes() {
    let (mut d, gpu) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    gpu.answer(&[Answer::Bins(1, 1), Answer::Runs]);
    r.run(&mut d, &shot()).unwrap();
    // The same buffer may be set up again, with more blocks that its information does not say yet.
    r.buffer.list(&mut d, 4);
    r.rebind = true;
    r.run(&mut d, &shot()).unwrap();
    r.buffer = crate::support::buffer::Buffer::new(&mut d, 1, 7, 8);
    r.rebind = true;
    let panic = r.run(&mut d, &shot()).unwrap_err().0;
    assert!(panic.contains("while scenes of"), "{panic}");
}

#[test]
fn a_scene_has_one_render_at_a_time() {
    let (mut d, gpu) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    gpu.answer(&[Answer::Bins(1, 1), Answer::Runs]);
    let first = r.run(&mut d, &shot()).unwrap();
    let second = r.make(&mut d, &shot());
    d.mem.set(second.vertex.at, V::SCENE, first.scene);
    let start = second.vertex.microsequence;
    d.mem.set(start, StartVertex::SCENE, first.scene);
    let finish = start + second.vertex.finalize;
    d.mem.set(finish, FinalizeVertex::SCENE, first.scene);
    r.push(&d, &second);
    d.pending(1);
    let panic = r.submit(&mut d).unwrap_err().0;
    assert!(
        panic.contains("is in use, its fragment half is not done"),
        "{panic}"
    );
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Vertex commands, their scenes and their microsequences.

use crate::support::abi::Must;
use agx_abi::buffer::Scene;
use agx_abi::compute::{EncoderParams, JobMeta};
use agx_abi::microsequence::{FinalizeVertex, StartFragment, StartVertex};
use agx_abi::{vertex, Field};

use super::{check, submit, Case, T, V, V1};

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
    ("must be zero", |b| b.vertex(V::UNK_TS.must(), 1)),
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
        b.p1(V1::TVB_CLUSTER_TILEMAPS.must(), 1)
    }),
    ("cluster metadata 1 is 0x1", |b| {
        b.p1(V1::TVB_CLUSTER_META1.must(), 1)
    }),
    ("cluster metadata 4 is 0x1", |b| {
        b.p1(V1::TVB_CLUSTER_META4.must(), 1)
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
        b.p1(V1::TILING_CONTROL.must(), 0xa040)
    }),
    ("must be zero", |b| b.p1(V1::UNK_B0, [0, 0, 0, 0, 0, 1])),
    ("parameter 0xf0 is 0x20", |b| b.p1(V1::UNK_F0.must(), 0x20)),
    ("parameter 0xf8 is 0x0", |b| b.p1(V1::UNK_F8, 0)),
    ("parameter 0x118 is 0x0", |b| b.p1(V1::UNK_118, 0)),
];

/// Parts of memory that are another's: one byte of it, or all.
const OVERLAPS: &[Case] = &[
    ("preemption buffer part 2 at 0x", |b| {
        b.p1(V1::PREEMPT2, b.part(V1::PREEMPT2) - 1)
    }),
    (
        "of 0x280 bytes overlaps with preemption buffer part 1 at",
        |b| b.p1(V1::PREEMPT2, b.part(V1::PREEMPT1)),
    ),
    ("preemption buffer part 3 at", |b| {
        b.p1(V1::PREEMPT3, b.part(V1::PREEMPT3) - 1)
    }),
    ("tile map at", |b| {
        b.p1(V1::TVB_TILEMAP, b.part(V1::PREEMPT1))
    }),
    ("heap metadata at", |b| {
        let at = b.part(V1::TVB_TILEMAP);
        b.p1(V1::TVB_HEAPMETA, at | V1::TVB_HEAPMETA_TAG);
    }),
    ("layer metadata at", |b| {
        b.p1(V1::TVB_LAYERMETA, b.part(V1::TVB_LAYERMETA) - 1)
    }),
];

#[test]
fn parts_of_memory_do_not_overlap() {
    for (reason, change) in OVERLAPS {
        let panic = submit(change).unwrap_err().0;
        assert!(panic.contains(" overlaps with "), "{panic}");
        assert!(panic.contains(reason), "{panic:?} does not say {reason:?}");
    }
}

#[test]
fn cores_are_those_that_work() {
    check(&[
        ("core mask is [ff, 0], [fe, 0] work", |b| {
            b.p1(V1::CORE_MASK.must(), [0xff, 0])
        }),
        ("core mask is [0, 0]", |b| {
            b.p1(V1::CORE_MASK.must(), [0, 0])
        }),
        ("core mask is [fe, 1]", |b| {
            b.p1(V1::CORE_MASK.must(), [0xfe, 1])
        }),
    ]);
}

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
            let field = V::TILING_PARAMS.must().then(*field);
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
        // Three layers have more memory than two.
        ("of 0x3c00 bytes overlaps with", |b| {
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
            b.scene(Scene::UNK_38.must(), 1)
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
        ("counter is 0x0", |b| b.start_vertex(S::COUNTER.must(), 0)),
        ("notifier tail is 0x0", |b| {
            b.start_vertex(S::NOTIFIER_BUF.must(), 0)
        }),
        ("no clustering is 0x0", |b| {
            b.start_vertex(S::NO_CLUSTERING.must(), 0)
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

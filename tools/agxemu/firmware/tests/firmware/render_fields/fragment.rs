// SPDX-License-Identifier: MIT OR Apache-2.0

//! Fragment commands and their microsequences.

use crate::support::abi::Must;
use agx_abi::fragment::{self, AuxFbInfo, BackgroundProgram, EotProgram};
use agx_abi::microsequence::{FinalizeFragment, StartFragment};

use super::{check, submit, F, F1, F2, F3};

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
            b.f1(F1::AUX_FB_INFO.then(AuxFbInfo::UNK_10.must()), 0)
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
        ("background values are 0x35a, partial ones 0x35a", |b| {
            b.f2(F2::ISP_BGOBJVALS, 0x35a)
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
        ("word 0x7c is 0x1", |b| {
            b.start_fragment(S::UNK_7C_0.must(), 1)
        }),
        ("must be zero", |b| b.start_fragment(S::UNK_84, 1)),
        ("17 attachments", |b| {
            b.start_fragment(S::ATTACHMENT_COUNT, 17)
        }),
        ("counter is 0x5", |b| b.start_fragment(S::COUNTER.must(), 5)),
        ("notifier tail is 0x0", |b| {
            b.start_fragment(S::NOTIFIER_BUF.must(), 0)
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

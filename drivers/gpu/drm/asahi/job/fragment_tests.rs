// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the fragment half of a render: every field that is written is looked at, and the rest
//! is zero.

use super::*;
use crate::job::half_image::{
    build,
    check_registers,
    check_versions,
    take_encoder,
    take_meta,
    take_pointers,
    Built,
    Fields,
    ABI,
    COMMAND,
    COMMON,
    MACHINE,
    SCENE,
    SEQUENCE,
    TIMESTAMPS,
    TURN, //
};
use crate::job::scene::Machine;
use agx_abi::compute::JobMeta;
use agx_abi::microsequence::{
    Attachment,
    RetireStamp,
    WaitForIdle, //
};
use agx_abi::Value;

#[track_caller]
fn take_program(mut bg: Fields, usc: u64, rsrc_spec: u64) {
    bg.take(BackgroundProgram::USC, usc);
    bg.take(BackgroundProgram::RSRC_SPEC, rsrc_spec);
}

#[track_caller]
fn take_frame(mut info: Fields) {
    info.take(AuxFbInfo::ISP_CTL, 0xc000 | 1 << 18);
    info.take(AuxFbInfo::WIDTH, 800);
    info.take(AuxFbInfo::HEIGHT, 600);
    info.take_opt(AuxFbInfo::UNK_10, 0x10_0000);
    info.rest_is_zero();
}

#[test]
fn the_fragment_command() {
    use JobParameters1 as P1;
    use JobParameters2 as P2;
    use JobParameters3 as P3;

    let flags = flags::PROCESS_EMPTY_TILES | flags::DBIAS_IS_INT;
    let Built {
        command: mut c,
        sequence,
        layout,
    } = build(false, flags, 2, &MACHINE, (0, 0x222));
    let [scissor, dbias, oclqry, z, z_comp, s, s_comp] =
        core::array::from_fn(|i| 0x70_0000_0000 + i as u64 * 0x1000);
    let [z_stride, z_comp_stride, s_stride, s_comp_stride] = [0x3000u64, 0x3001, 0x3002, 0x3003];
    let tilemap = layout.tilemap.at(SCENE.block);
    let heapmeta = layout.heapmeta.at(SCENE.block);

    c.take(RunFragment::TAG, 1);
    c.take_opt(RunFragment::COUNTER, TURN.counter);
    c.take(RunFragment::VM_SLOT, 9);
    c.take(RunFragment::MICROSEQUENCE, SEQUENCE);
    c.take(RunFragment::MICROSEQUENCE_SIZE, sequence.len() as u32);
    c.take(RunFragment::NOTIFIER, COMMON.notifier);
    c.take(RunFragment::BUFFER, SCENE.buffer);
    c.take(RunFragment::SCENE, SCENE.scene);
    c.take(RunFragment::KERNEL_BUFFER, SCENE.kernel_buffer);
    c.take(RunFragment::TVB_TILEMAP, tilemap);
    c.take(RunFragment::PPP_MULTISAMPLECTL, 0x1234_5678_9abc);
    c.take(RunFragment::SAMPLES, 4);
    c.take(RunFragment::TILES_PER_MTILE_Y, 8);
    c.take(RunFragment::TILES_PER_MTILE_X, 8);
    c.take(RunFragment::ISP_MERGE_UPPER_X, 0x4000);
    c.take(RunFragment::ISP_MERGE_UPPER_Y, 0x4001);
    c.take(RunFragment::TILE_COUNT, 25 * 19);
    c.take(RunFragment::PROCESS_EMPTY_TILES, 1);
    c.take(RunFragment::NO_CLEAR_PIPELINE_TEXTURES, 1);
    c.take(RunFragment::UNK_BUF_10, 1);
    c.take(RunFragment::CLIENT_SEQUENCE, 3);
    take_meta(c.part(RunFragment::META));
    take_encoder(c.part(RunFragment::ENCODER_PARAMS));
    take_pointers(c.part(RunFragment::TIMESTAMPS), TIMESTAMPS, TIMESTAMPS + 8);
    take_pointers(c.part(RunFragment::USER_TIMESTAMPS), 0, 0x222);

    let mut p = c.part_opt(RunFragment::JOB_PARAMS1);
    p.take(P1::UTILE_CONFIG, 2 << 12 | 1 << 14 | 2);
    take_program(p.part(P1::BG), 0x4002, 0x4003);
    p.take(P1::PPP_MULTISAMPLECTL, 0x1234_5678_9abc);
    p.take(P1::ISP_SCISSOR_BASE, scissor);
    p.take(P1::ISP_DBIAS_BASE, dbias);
    take_frame(p.part(P1::AUX_FB_INFO));
    p.take(P1::ISP_ZLS_PIXELS, 0x8765_4321);
    p.take(P1::ISP_OCLQRY_BASE, oclqry);
    p.take(P1::ZLS_CTRL, 0xc01_8000);
    p.take(P1::Z_LOAD, z);
    p.take(P1::Z_STORE, z);
    p.take(P1::S_LOAD, s);
    p.take(P1::S_STORE, s);
    p.take(P1::Z_LOAD_STRIDE, z_stride);
    p.take(P1::Z_STORE_STRIDE, z_stride);
    p.take(P1::S_LOAD_STRIDE, s_stride);
    p.take(P1::S_STORE_STRIDE, s_stride);
    p.take(P1::Z_LOAD_COMP, z_comp);
    p.take(P1::Z_LOAD_COMP_STRIDE, z_comp_stride);
    p.take(P1::Z_STORE_COMP, z_comp);
    p.take(P1::Z_STORE_COMP_STRIDE, z_comp_stride);
    p.take(P1::S_LOAD_COMP, s_comp);
    p.take(P1::S_LOAD_COMP_STRIDE, s_comp_stride);
    p.take(P1::S_STORE_COMP, s_comp);
    p.take(P1::S_STORE_COMP_STRIDE, s_comp_stride);
    p.take(P1::TVB_TILEMAP, tilemap);
    p.take(P1::TVB_LAYERMETA, heapmeta + 0x200);
    p.take(P1::MTILE_STRIDE, (128 * 5) << 24);
    p.take(P1::TVB_HEAPMETA, heapmeta);
    p.take(P1::TILE_CONFIG, 0x1_0281);
    p.take(P1::AUX_FB, layout.aux_fb.at(SCENE.block));
    p.take(P1::USC_EXEC_BASE, COMMON.usc_exec_base);
    p.take(P1::UNK_140, 0x8c60);
    p.take(P1::HELPER_BINARY, 0x1001);
    p.take(P1::HELPER_DATA, 0xdead_0000_0001);
    p.take(P1::UNK_158, 0x1c);
    p.rest_is_zero();

    let mut p = c.part_opt(RunFragment::JOB_PARAMS2);
    p.take(P2::EOT_USC, 0x4004);
    p.take(P2::EOT_RSRC_SPEC, 0x4005);
    p.take(P2::ISP_MERGE_UPPER_X, 0x4000);
    p.take(P2::ISP_MERGE_UPPER_Y, 0x4001);
    p.take(P2::UTILES_PER_MTILE_Y, 16);
    p.take(P2::UTILES_PER_MTILE_X, 8);
    p.take(P2::TE_SCREEN, 18 << 12 | 24);
    // 4 × 8 × 512 bytes.
    p.take(P2::TIB_BLOCKS, 8);
    p.take(P2::ISP_BGOBJDEPTH, 0x400a);
    p.take(P2::ISP_BGOBJVALS, 0x440b);
    p.take(P2::UNK_3C, 1);
    p.take(P2::HELPER_CFG, 0x2001);
    p.rest_is_zero();

    let mut p = c.part(RunFragment::JOB_PARAMS3);
    for (field, address) in [(P3::ISP_DBIAS_BASE, dbias), (P3::ISP_SCISSOR_BASE, scissor)] {
        let mut array = p.part(field);
        array.take(ArrayAddr::ADDRESS, address);
        array.rest_is_zero();
    }
    p.take(P3::ISP_OCLQRY_BASE, oclqry);
    take_program(p.part(P3::UNK_PARTIAL_BG), 0x4006, 0x4007);
    take_program(p.part(P3::PARTIAL_BG), 0x4006, 0x4007);
    p.take(P3::ZLS_CTRL, 0xc01_8000);
    p.take(P3::Z_LOAD, z);
    p.take(P3::Z_PARTIAL_STRIDE, z_stride);
    p.take(P3::Z_PARTIAL_COMP_STRIDE, z_comp_stride);
    p.take(P3::Z_STORE, z);
    p.take(P3::Z_PARTIAL, z);
    p.take(P3::Z_PARTIAL_COMP, z_comp);
    p.take(P3::S_LOAD, s);
    p.take(P3::S_PARTIAL_STRIDE, s_stride);
    p.take(P3::S_PARTIAL_COMP_STRIDE, s_comp_stride);
    p.take(P3::S_STORE, s);
    p.take(P3::S_PARTIAL, s);
    p.take(P3::S_PARTIAL_COMP, s_comp);
    p.take(P3::TIB_BLOCKS, 8);
    take_frame(p.part(P3::AUX_FB_INFO));
    p.take(P3::TILE_CONFIG, 0x1_0281);
    for field in [P3::UNK_PARTIAL_EOT, P3::PARTIAL_EOT] {
        let mut eot = p.part(field);
        eot.take(EotProgram::USC, 0x4008);
        eot.take(EotProgram::RSRC_SPEC, 0x4009);
        eot.rest_is_zero();
    }
    p.take(P3::ISP_BGOBJDEPTH, 0x400a);
    p.take(P3::ISP_BGOBJVALS, 0x400b);
    p.take(P3::SAMPLE_SIZE, 8);
    p.take(P3::ISP_ZLS_PIXELS, 0x8765_4321);
    p.rest_is_zero();
    c.rest_is_zero();
}

#[test]
fn the_fragment_sequence() {
    let Built { sequence, .. } = build(false, 0, 1, &MACHINE, (0, 0));
    let of = |offset: usize| COMMAND + offset as u64;
    let mut s = Fields(sequence[..StartFragment::size_in(ABI)].to_vec());
    s.take(StartFragment::HEADER, 0x24);
    s.take(
        StartFragment::JOB_PARAMS2,
        of(RunFragment::JOB_PARAMS2.offset_in(ABI).unwrap()),
    );
    s.take(StartFragment::JOB_PARAMS1, of(0x80));
    s.take(StartFragment::SCENE, SCENE.scene);
    s.take(StartFragment::STATS, COMMON.stats);
    s.take(StartFragment::BUSY_FLAG, of(0x888));
    s.take(StartFragment::TVB_OVERFLOW_COUNT, of(0x88c));
    s.take(StartFragment::UNK_POINTER, of(0x8c8));
    s.take(StartFragment::QUEUE, COMMON.queue_info);
    s.take(StartFragment::WORK_ITEM, COMMAND);
    s.take(StartFragment::VM_SLOT, 9);
    s.take(StartFragment::UNK_50, 1);
    s.take(StartFragment::EVENT_GENERATION, 0x1_0003);
    s.take(StartFragment::BUFFER_SLOT, 5);
    s.take(StartFragment::EVENT_SEQ, TURN.event_seq);
    s.take(StartFragment::UNK_758_FLAG, of(0x770));
    s.take(StartFragment::UNK_JOB_BUF, of(0x900));
    s.take_opt(StartFragment::COUNTER, TURN.counter);
    s.take_opt(StartFragment::NOTIFIER_BUF, COMMON.notifier_unk_buf);
    s.take(StartFragment::ATTACHMENT_COUNT, 1);
    let mut a = s.part(StartFragment::ATTACHMENTS.at(0));
    a.take(Attachment::ADDRESS, 0x3000);
    a.take(Attachment::LINES, 0x80);
    s.rest_is_zero();

    let at = StartFragment::size_in(ABI);
    let wait = WaitForIdle::HEADER.read(&sequence[at..]);
    assert_eq!(wait, 0x1_0001);
    let at = at + WaitForIdle::SIZE;
    let mut f = Fields(sequence[at..at + FinalizeFragment::size_in(ABI)].to_vec());
    f.take(FinalizeFragment::HEADER, 0x25);
    f.take(FinalizeFragment::FW_STAMP, TURN.firmware_stamp);
    f.take(FinalizeFragment::STAMP_VALUE, TURN.value);
    f.take(FinalizeFragment::SCENE, SCENE.scene);
    f.take(FinalizeFragment::BUFFER, SCENE.buffer);
    f.take(FinalizeFragment::UNK_2C, 1);
    f.take(FinalizeFragment::STATS, COMMON.stats);
    f.take(FinalizeFragment::UNK_POINTER, of(0x8c8));
    f.take(FinalizeFragment::BUSY_FLAG, of(0x888));
    f.take(FinalizeFragment::QUEUE, COMMON.queue_info);
    f.take(FinalizeFragment::WORK_ITEM, COMMAND);
    f.take(FinalizeFragment::VM_SLOT, 9);
    f.take(FinalizeFragment::UNK_758_FLAG, of(0x770));
    f.take(FinalizeFragment::RESTART_BRANCH_OFFSET, -(at as i32));
    f.take(FinalizeFragment::HAS_ATTACHMENTS, 1);
    f.rest_is_zero();
    let end = RetireStamp::HEADER.read(&sequence[at + FinalizeFragment::size_in(ABI)..]);
    assert_eq!(end, 0x4000_0018);
}

/// In each version: what the firmware is told of the command, of its parameters in one form or the
/// other, and the operations behind each other.
#[test]
fn every_version_has_a_command() {
    check_versions!(
        false, PipeKind::Fragment, RunFragment, StartFragment(0x24), FinalizeFragment,
        JobParameters1::USC_EXEC_BASE => COMMON.usc_exec_base
    );
}

/// Firmware that takes registers: each once, in their order.
#[test]
fn a_list_of_registers() {
    let machine = Machine {
        abi: Abi::G14XV13_5,
        ..MACHINE
    };
    let flags = flags::PROCESS_EMPTY_TILES | flags::DBIAS_IS_INT;
    let Built {
        command,
        sequence,
        layout,
    } = build(false, flags, 2, &machine, (0, 0));
    let [scissor, dbias, oclqry, z, z_comp, s, s_comp] =
        core::array::from_fn(|i| 0x70_0000_0000 + i as u64 * 0x1000);
    let tilemap = layout.tilemap.at(SCENE.block);
    let heapmeta = layout.heapmeta.at(SCENE.block);
    let aux_fb = layout.aux_fb.at(SCENE.block);
    check_registers(
        &command.0,
        0x80,
        0x780,
        COMMAND,
        &[
            (0x1739, 1),
            (0x10009, 2 << 12 | 1 << 14 | 2),
            (0x15379, 0x4005),
            (0x15381, 0x4004),
            (0x15369, 0x4003),
            (0x15371, 0x4002),
            (0x15131, 0x4000),
            (0x15139, 0x4001),
            (0x100a1, 0),
            (0x15069, 0),
            (0x15071, 0),
            (0x16058, 0),
            (0x10019, 0x1234_5678_9abc),
            (0x100b1, 8 << 16 | 16),
            (0x16030, 8 << 16 | 16),
            (0x100d9, 18 << 12 | 24),
            (0x16098, heapmeta),
            (0x15109, scissor),
            (0x15101, dbias),
            (0x15021, 0xc000 | 1 << 18),
            (0x15211, 600 << 32 | 800),
            (0x15049, 0x10_0000),
            (0x10051, 8),
            (0x15321, 0x8765_4321),
            (0x15301, 0x400a),
            (0x15309, 0x400b),
            (0x15311, oclqry),
            (0x15319, 0xc01_8000),
            (0x15349, 0x0404_0404),
            (0x15351, 0),
            (0x15329, z),
            (0x15331, z),
            (0x15339, s),
            (0x15341, s),
            (0x15231, 0),
            (0x15221, 0),
            (0x15239, 0),
            (0x15229, 0),
            (0x15401, 0x3000),
            (0x15421, 0x3000),
            (0x15409, 0x3002),
            (0x15429, 0x3002),
            (0x153c1, z_comp),
            (0x15411, 0x3001),
            (0x153c9, z_comp),
            (0x15431, 0x3001),
            (0x153d1, s_comp),
            (0x15419, 0x3003),
            (0x153d9, s_comp),
            (0x15439, 0x3003),
            (0x16429, tilemap),
            (0x16060, heapmeta + 0x200),
            (0x16431, (128 * 5) << 24),
            (0x10039, 0x1_0281),
            (0x16451, 0),
            (0x11821, 0x1001),
            (0x11829, 0xdead_0000_0001),
            (0x11f79, 0x2001),
            (0x15359, 0),
            (0x10069, COMMON.usc_exec_base),
            (0x16020, 0),
            (0x16461, aux_fb),
            (0x16090, aux_fb),
            (0x120a1, 0x1c),
            (0x160a8, 0),
            (
                0x16068,
                0x20_0003_6011 | 24 << 44 | 18 << 53 | 1 << 32 | 0x6000 << 28,
            ),
            (0x160b8, 0),
        ],
    );
    // What is told of partial renders is a structure as before.
    assert_eq!(command.0[0x780 + 0x10..][..8], dbias.to_le_bytes());
    assert_eq!(command.0[0xbe8..0xbf0], [0; 8]);
    assert_eq!(sequence[0x04..0x14], [0; 16]);
    assert_eq!(sequence[0x14..0x1c], (COMMAND + 0x80).to_le_bytes());
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the vertex half of a render: every field that is written is looked at, and the rest is
//! zero.

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
use agx_abi::compute::JobMeta;
use agx_abi::microsequence::{
    Attachment,
    RetireStamp,
    StartFragment,
    Timestamp,
    WaitForIdle, //
};
use agx_abi::Value;

#[test]
fn the_vertex_command() {
    let Built {
        command: mut c,
        sequence,
        layout,
    } = build(true, flags::VERTEX_SCRATCH, 1, &MACHINE, (0x111, 0));
    // The tag is 0.
    c.take_opt(RunVertex::COUNTER, TURN.counter);
    c.take(RunVertex::VM_SLOT, 9);
    c.take(RunVertex::NOTIFIER, COMMON.notifier);
    c.take(RunVertex::BUFFER_SLOT, 5);
    c.take(RunVertex::BUFFER, SCENE.buffer);
    c.take(RunVertex::SCENE, SCENE.scene);
    c.take(RunVertex::KERNEL_BUFFER, SCENE.kernel_buffer);
    c.take(RunVertex::TPC, SCENE.tpc);
    // 800 × 600 in 32 × 16: 25 × 19 tiles, macrotiles of 8 × 8, 128 utiles in each.
    c.take(RunVertex::TPC_SIZE, 128 * 8 * 16);
    c.take(RunVertex::MICROSEQUENCE, SEQUENCE);
    c.take(RunVertex::MICROSEQUENCE_SIZE, sequence.len() as u32);
    c.take(RunVertex::FRAGMENT_STAMP_SLOT, 78);
    c.take(RunVertex::FRAGMENT_STAMP_VALUE, 0x4e00_0500);
    c.take(RunVertex::USES_SCRATCH, 1);
    c.take(RunVertex::CLIENT_SEQUENCE, 3);
    take_meta(c.part(RunVertex::META));
    take_encoder(c.part(RunVertex::ENCODER_PARAMS));
    take_pointers(c.part(RunVertex::TIMESTAMPS), TIMESTAMPS, TIMESTAMPS + 8);
    take_pointers(c.part(RunVertex::USER_TIMESTAMPS), 0x111, 0);

    let block = SCENE.block;
    let [p1, p2, p3] = layout.preempt.map(|span| span.at(block));
    let mut params2 = c.part(RunVertex::JOB_PARAMS2);
    params2.take(JobParameters2::PREEMPT1, p1);
    params2.rest_is_zero();

    let mut t = c.part_opt(RunVertex::TILING_PARAMS);
    t.take(TilingParameters::RGN_SIZE, 128 * 5 / 4);
    t.take(TilingParameters::UNK_4, 0x88);
    t.take(TilingParameters::PPP_CTRL, 0x202);
    t.take(TilingParameters::X_MAX, 799);
    t.take(TilingParameters::Y_MAX, 599);
    t.take(TilingParameters::TE_SCREEN, 18 << 12 | 24);
    t.take(TilingParameters::TE_MTILE1, 24 | 16 << 9 | 8 << 18);
    t.take(TilingParameters::TE_MTILE2, 24 | 16 << 9 | 8 << 18);
    t.take(TilingParameters::TILES_PER_MTILE, 64);
    t.take(TilingParameters::TPC_STRIDE, 128 * 8 / 4);
    t.take(TilingParameters::UNK_24, 0x100);
    t.take(TilingParameters::RENDER_TARGET_MAX, 0x8000);
    t.take(TilingParameters::HELPER_CFG, 0x2000);
    t.rest_is_zero();

    use JobParameters1 as P;
    let heapmeta = layout.heapmeta.at(block);
    let mut p = c.part_opt(RunVertex::JOB_PARAMS1);
    p.take(P::UNK_0, 0x200);
    // 1e-20
    p.take(P::UNK_8, 1e-20f32.to_bits());
    p.take(P::UNK_C, 1e-20f32.to_bits());
    p.take(P::TVB_TILEMAP, layout.tilemap.at(block));
    p.take(P::TPC, SCENE.tpc);
    p.take(P::TVB_HEAPMETA, heapmeta | 1 << 63);
    p.take(P::IOGPU_UNK_54, 0x003a_0012_006b_0003);
    p.take(P::IOGPU_UNK_56, 1);
    p.take(P::UTILE_CONFIG, 2 << 12 | 1 << 14 | 2);
    p.take(P::PPP_MULTISAMPLECTL, 0x1234_5678_9abc);
    p.take(P::TVB_LAYERMETA, heapmeta + 0x200);
    p.take_opt(P::CORE_MASK, [0x77, 0x11]);
    p.take(P::PREEMPT1, p1);
    p.take(P::PREEMPT2, p2);
    p.take(P::UNK_80, 1);
    p.take(P::PREEMPT3, p3 | 1 << 50);
    p.take(P::VDM_CTRL_STREAM_BASE, 0x50_0000);
    // One cluster does the work.
    p.take_opt(P::TILING_CONTROL, 0xa041);
    p.take(P::USC_EXEC_BASE, COMMON.usc_exec_base);
    p.take_opt(P::UNK_F0, 0x1c);
    p.take(P::UNK_F8, 0x8c60);
    p.take(P::HELPER_BINARY, 0x1000);
    p.take(P::HELPER_DATA, 0xdead_0000_0000);
    p.take(P::UNK_118, 0x1c);
    p.rest_is_zero();
    c.rest_is_zero();
}

#[test]
fn clusters_share_the_vertex_work() {
    use JobParameters1 as P;

    let machine = Machine {
        clusters: 4,
        clustering: Some(crate::hw::Clustering {
            meta1_block: 0x44,
            meta2: 0x600,
            meta3: 0x1400,
            meta4: 0x300,
            splits: 16,
        }),
        tiling_control: 0xa540,
        ..MACHINE
    };
    for (flags, shared) in [(0, true), (flags::NO_VERTEX_CLUSTERING, false)] {
        let Built {
            command: mut c,
            sequence,
            layout,
        } = build(true, flags, 3, &machine, (0, 0));
        let factor = if shared { 4 } else { 1 };
        c.take(RunVertex::TPC_SIZE, 128 * 8 * 16 * 3 * factor);
        let mut p = c.part_opt(RunVertex::JOB_PARAMS1);
        let clusters = layout.clusters.unwrap();
        let [meta1, meta2, meta3, meta4] = clusters.meta.map(|span| span.at(SCENE.block));
        // One block for each layer, and rounded up.
        let (stride, unk_f0) = if shared { (1 << 50, 0x20) } else { (0, 0x1c) };
        p.take_opt(P::TVB_CLUSTER_TILEMAPS, clusters.tilemaps.at(SCENE.block));
        p.take_opt(P::TVB_CLUSTER_META1, meta1 | stride);
        p.take_opt(P::TVB_CLUSTER_META2, meta2);
        p.take_opt(P::TVB_CLUSTER_META3, meta3);
        p.take_opt(P::TVB_CLUSTER_META4, meta4 | 3 << 60);
        p.take_opt(P::TVB_CLUSTER_LAYERMETA, clusters.layermeta.at(SCENE.block));
        p.take_opt(P::TILING_CONTROL, if shared { 0xa540 } else { 0xa541 });
        p.take_opt(P::UNK_F0, unk_f0);
        let off = StartVertex::NO_CLUSTERING
            .present(ABI)
            .unwrap()
            .read_in(ABI, &sequence);
        assert_eq!(off, u32::from(!shared));
    }
}

#[test]
fn the_vertex_sequence() {
    let Built { sequence, .. } = build(true, 0, 1, &MACHINE, (0, 0));
    let mut s = Fields(sequence[..StartVertex::size_in(ABI)].to_vec());
    let of = |offset: usize| COMMAND + offset as u64;
    s.take(StartVertex::HEADER, 0x22);
    s.take(
        StartVertex::TILING_PARAMS,
        of(RunVertex::TILING_PARAMS.offset_in(ABI).unwrap()),
    );
    s.take(StartVertex::JOB_PARAMS1, of(0x40));
    s.take(StartVertex::BUFFER, SCENE.buffer);
    s.take(StartVertex::SCENE, SCENE.scene);
    s.take(StartVertex::STATS, COMMON.stats);
    s.take(StartVertex::QUEUE, COMMON.queue_info);
    s.take(StartVertex::VM_SLOT, 9);
    s.take(StartVertex::UNK_38, 1);
    s.take(StartVertex::EVENT_GENERATION, 0x1_0003);
    s.take(StartVertex::BUFFER_SLOT, 5);
    s.take(StartVertex::EVENT_SEQ, TURN.event_seq);
    s.take(
        StartVertex::UNK_POINTER,
        of(RunVertex::UNK_POINTEE.offset_in(ABI)),
    );
    s.take(
        StartVertex::UNK_JOB_BUF,
        of(RunVertex::UNK_BUF_0.offset_in(ABI)),
    );
    s.take_opt(StartVertex::COUNTER, TURN.counter);
    s.take_opt(StartVertex::NOTIFIER_BUF, COMMON.notifier_unk_buf);
    s.take_opt(StartVertex::NO_CLUSTERING, 1);
    s.take(StartVertex::ATTACHMENT_COUNT, 2);
    for (i, address, lines) in [(0, 0x1000, 1), (1, 0x2000, 2)] {
        let mut a = s.part(StartVertex::ATTACHMENTS.at(i));
        a.take(Attachment::ADDRESS, address);
        a.take(Attachment::LINES, lines);
        a.take(Attachment::UNK_C, 0x17);
        a.take(Attachment::UNK_E, 1);
    }
    s.rest_is_zero();

    let at = StartVertex::size_in(ABI);
    let wait = WaitForIdle::HEADER.read(&sequence[at..]);
    assert_eq!(wait, 0x101);
    let at = at + WaitForIdle::SIZE;
    let mut f = Fields(sequence[at..at + FinalizeVertex::size_in(ABI)].to_vec());
    f.take(FinalizeVertex::HEADER, 0x23);
    f.take(FinalizeVertex::SCENE, SCENE.scene);
    f.take(FinalizeVertex::BUFFER, SCENE.buffer);
    f.take(FinalizeVertex::STATS, COMMON.stats);
    f.take(FinalizeVertex::QUEUE, COMMON.queue_info);
    f.take(FinalizeVertex::VM_SLOT, 9);
    f.take(
        FinalizeVertex::UNK_POINTER,
        of(RunVertex::UNK_POINTEE.offset_in(ABI)),
    );
    f.take(FinalizeVertex::FW_STAMP, TURN.firmware_stamp);
    f.take(FinalizeVertex::STAMP_VALUE, TURN.value);
    f.take(FinalizeVertex::RESTART_BRANCH_OFFSET, -(at as i32));
    f.take(FinalizeVertex::HAS_ATTACHMENTS, 1);
    f.rest_is_zero();
    let end = RetireStamp::HEADER.read(&sequence[at + FinalizeVertex::size_in(ABI)..]);
    assert_eq!(end, 0x4000_0018);
}

#[test]
fn timestamps_of_both_halves() {
    for (vertex, start, user) in [
        (true, StartVertex::size_in(ABI), 0x5cc),
        (false, StartFragment::size_in(ABI), 0x930),
    ] {
        let Built { sequence, .. } = build(vertex, 0, 1, &MACHINE, (0, 0x222));
        let mut at = start;
        for (header, update) in [(0x8000_0019, 0), (0x19, 8)] {
            let mut t = Fields(sequence[at..at + Timestamp::size_in(ABI)].to_vec());
            t.take(Timestamp::HEADER, header);
            t.take(Timestamp::QUEUE, COMMON.queue_info);
            t.take(Timestamp::USER_TIMESTAMPS, COMMAND + user);
            // The two pairs stand one behind the other.
            t.take(Timestamp::TIMESTAMPS, COMMAND + user - 0x10);
            t.take(Timestamp::UPDATE, COMMAND + user - 0x10 + update);
            t.take(Timestamp::COMMAND_TIME, COMMAND + user - 0x18);
            t.take_opt(Timestamp::UNK_TS, COMMAND + user + 0x19);
            t.rest_is_zero();
            at += Timestamp::size_in(ABI) + WaitForIdle::SIZE;
        }
    }
}

/// In each version: what the firmware is told of the command, of its parameters in one form or the
/// other, and the operations behind each other.
#[test]
fn every_version_has_a_command() {
    check_versions!(
        true, PipeKind::Vertex, RunVertex, StartVertex(0x22), FinalizeVertex,
        JobParameters1::VDM_CTRL_STREAM_BASE => 0x50_0000
    );
}

/// Firmware that takes registers: each once, in their order.
#[test]
fn a_list_of_registers() {
    let machine = Machine {
        abi: Abi::G14XV13_5,
        clusters: 4,
        clustering: Some(crate::hw::Clustering {
            meta1_block: 0x44,
            meta2: 0xc00,
            meta3: 0x2800,
            meta4: 0x800,
            splits: 64,
        }),
        preempt: [0x540, 0x280, 0x40],
        tiling_control: 0x18_0340,
        ..MACHINE
    };
    for (flags, control) in [(0, 0x18_0340), (flags::NO_VERTEX_CLUSTERING, 0x18_0341)] {
        let Built {
            command,
            sequence,
            layout,
        } = build(true, flags, 3, &machine, (0, 0));
        let block = SCENE.block;
        let [p1, p2, p3] = layout.preempt.map(|span| span.at(block));
        let clusters = layout.clusters.unwrap();
        // One block for all layers.
        let blocks = if flags == 0 { 1 } else { 0 };
        assert_eq!(clusters.meta[0].size, blocks * 0x44);
        let [meta1, meta2, meta3, meta4] = clusters.meta.map(|span| span.at(block));
        let tilemap = layout.tilemap.at(block);
        let tilemaps = clusters.tilemaps.at(block);
        let heapmeta = layout.heapmeta.at(block);
        let layermeta = clusters.layermeta.at(block);
        check_registers(
            &command.0,
            0x40,
            0x740,
            COMMAND,
            &[
                (0x10141, 0x200),
                (0x1c039, tilemap),
                (0x1c9c8, tilemap),
                (0x1c041, tilemaps),
                (0x1c9d0, tilemaps),
                (0x1c0a1, SCENE.tpc),
                (0x1c031, heapmeta | 1 << 63),
                (0x1c9c0, heapmeta | 1 << 63),
                (0x1c051, 0x003a_0012_006b_0003),
                (0x1c061, 1),
                (0x10149, 2 << 12 | 1 << 14 | 2),
                (0x10139, 0x1234_5678_9abc),
                (0x10111, p1),
                (0x1c9b0, p1),
                (0x10119, p2),
                (0x1c9b8, p2),
                (0x1c958, 1),
                (0x1c950, p3 | 1 << 50),
                (0x1c930, 0),
                (0x1c880, 0x50_0000),
                (0x1c898, 0),
                (0x1c948, meta2),
                (0x1c888, meta3),
                (0x1c890, control),
                (0x1c918, 4),
                (0x1c079, heapmeta + 0x200),
                (0x1c9d8, heapmeta + 0x200),
                (0x1c089, layermeta),
                (0x1c9e0, layermeta),
                (0x16c41, meta4),
                (0x1ca40, meta4),
                (0x1c9a8, 0x1c),
                (0x1c920, meta1),
                (0x10151, 0),
                (0x1c199, 0),
                (0x1c1a1, 0),
                (0x1c1a9, 0),
                (0x1c1b1, 0),
                (0x1c1b9, 0),
                (0x10061, COMMON.usc_exec_base),
                (0x11801, 0x1000),
                (0x11809, 0xdead_0000_0000),
                (0x11f71, 0x2000),
                (0x1c0b1, 128 * 5 / 4),
                (0x1c850, 128 * 5 / 4),
                (0x10131, 0x88),
                (0x10121, 0x202),
                (0x10129, 599 << 16 | 799),
                (0x101b9, 18 << 12 | 24),
                (0x1c069, 24 | 16 << 9 | 8 << 18),
                (0x1c071, 24 | 16 << 9 | 8 << 18),
                (0x1c081, 64),
                (0x1c0a9, 128 * 8 / 4),
                (0x10171, 0x100),
                (0x10169, 0xe002),
                (0x12099, 0x1c),
                (0x1c9e8, 0x4002),
            ],
        );
        // No structures, but the list.
        assert_eq!(sequence[0x04..0x14], [0; 16]);
        assert_eq!(sequence[0x14..0x1c], (COMMAND + 0x40).to_le_bytes());
    }
}

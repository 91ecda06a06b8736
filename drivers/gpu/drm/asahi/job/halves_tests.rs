// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of both halves of a render: every field that is written is looked at, and the rest is
//! zero.

use super::*;
use crate::job::{
    command::{
        Parser,
        Work, //
    },
    fragment::{
        self,
        FragmentTurn, //
    },
};
use agx_abi::{
    buffer::BufferInfo,
    compute::TimestampPointers,
    fragment::{
        ArrayAddr,
        AuxFbInfo,
        BackgroundProgram,
        EotProgram,
        RunFragment, //
    },
    microsequence::{
        Attachment,
        FinalizeFragment,
        RetireStamp,
        StartFragment,
        Timestamp,
        WaitForIdle, //
    },
    Field, //
};
use std::convert::Infallible;

const COMMON: Common = Common {
    queue: 0x1_0003,
    usc_exec_base: 0x11_0000_0000,
    queue_info: 0xffff_ffa0_0000_1000,
    notifier: 0xffff_ffa0_0000_2000,
    notifier_unk_buf: 0xffff_ffa0_0000_20a8,
    stats: 0xffff_ffa0_0000_3004,
};

const MACHINE: Machine = Machine {
    clusters: 1,
    clustering: None,
    preempt: [0x540, 0x280, 0x20],
    tiling_control: 0xa040,
    core_mask: [0x77, 0x11],
};

const SCENE: ScenePlace = ScenePlace {
    scene: 0xffff_ffa8_0000_1000,
    buffer: 0xffff_ffa0_0000_5000,
    kernel_buffer: 0xffff_ffa8_0000_2000,
    block: 0x60_0000_0000,
    tpc: 0x60_1000_0000,
};

const TURN: Turn = Turn {
    vm_slot: 9,
    counter: 0x1_0000_0001,
    event_seq: 0x1_0000_0002,
    slot: 77,
    host_stamp: 0xffff_ffa8_0000_0100,
    firmware_stamp: 0xffff_ffa0_0000_4100,
    value: 0x4d00_0300,
};

const COMMAND: u64 = 0xffff_ffa6_0000_0000;
const SEQUENCE: u64 = 0xffff_ffa0_0001_0000;
const TIMESTAMPS: u64 = 0xffff_ffa8_0000_0200;

/// Memory that keeps to its bounds.
struct Image {
    command: Vec<u8>,
    sequence: Vec<u8>,
}

impl Memory for Image {
    type Error = Infallible;

    fn write(&mut self, part: Part, offset: usize, bytes: &[u8]) -> Result<(), Infallible> {
        let memory = match part {
            Part::Command => &mut self.command,
            Part::Sequence => &mut self.sequence,
        };
        memory[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// A structure whose fields are taken out one by one.
struct Fields(Vec<u8>);

impl Fields {
    #[track_caller]
    fn take<S, T: Value + PartialEq + core::fmt::Debug>(&mut self, field: Field<S, T>, value: T) {
        assert_eq!(field.read(&self.0), value);
        let at = field.offset();
        self.0[at..at + field.size()].fill(0);
    }

    /// All that was not taken is zero.
    #[track_caller]
    fn rest_is_zero(&self) {
        let found = self.0.iter().position(|&b| b != 0);
        assert_eq!(found.map(|at| format!("{at:#x}")), None);
    }

    fn part<S, T: Value>(&mut self, field: Field<S, T>) -> Self {
        let range = field.offset()..field.offset() + field.size();
        let part = self.0[range.clone()].to_vec();
        self.0[range].fill(0);
        Self(part)
    }
}

/// A submit with one render, every field of which is another one; with attachments for both halves.
fn buffer(flags: u32, layers: u16) -> Vec<u8> {
    let mut bytes = vec![2, 0, 48, 0, 0xff, 0xff, 0xff, 0xff];
    for word in [0x1000, 1, 0, 0x2000, 129, 0u64] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([3, 0, 24, 0, 0xff, 0xff, 0xff, 0xff]);
    for word in [0x3000, 0x4000, 0u64] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0, 0, 240, 0, 0xff, 0xff, 0xff, 0xff]);
    let mut render = vec![0; 240];
    let mut put = |at: usize, value: &[u8]| render[at..at + value.len()].copy_from_slice(value);
    put(0, &flags.to_le_bytes());
    put(4, &0x8765_4321u32.to_le_bytes());
    put(8, &0x50_0000u64.to_le_bytes());
    for (i, at) in (16..48).step_by(16).enumerate() {
        let i = i as u32;
        put(at, &(0x1000 + i).to_le_bytes());
        put(at + 4, &(0x2000 + i).to_le_bytes());
        put(at + 8, &(0xdead_0000_0000u64 + u64::from(i)).to_le_bytes());
    }
    for (i, at) in [48, 56, 64, 72, 80, 96, 104].into_iter().enumerate() {
        put(at, &(0x70_0000_0000u64 + i as u64 * 0x1000).to_le_bytes());
    }
    for (i, at) in [88, 92, 112, 116].into_iter().enumerate() {
        put(at, &(0x3000u32 + i as u32).to_le_bytes());
    }
    put(120, &0xc01_8000u64.to_le_bytes());
    put(128, &0x1234_5678_9abcu64.to_le_bytes());
    put(136, &0x71_0000_0000u64.to_le_bytes());
    put(144, &0x202u32.to_le_bytes());
    put(148, &800u16.to_le_bytes());
    put(150, &600u16.to_le_bytes());
    put(152, &layers.to_le_bytes());
    put(154, &6u16.to_le_bytes());
    put(156, &[32, 16, 4, 8]);
    for (i, at) in (160..208).step_by(4).enumerate() {
        put(at, &(0x4000u32 + i as u32).to_le_bytes());
    }
    bytes.extend(render);
    bytes
}

struct Built {
    command: Fields,
    sequence: Vec<u8>,
    layout: Layout,
}

/// What is written for the vertex half, or else for the fragment half.
fn build(vertex: bool, flags: u32, layers: u16, machine: &Machine, user: (u64, u64)) -> Built {
    let bytes = buffer(flags, layers);
    let commands: Vec<_> = Parser::new(&bytes).collect::<Result<_, _>>().unwrap();
    let Work::Render(render) = commands[0].work else {
        panic!("{commands:?}");
    };
    let tiling = machine.tiling(&render).unwrap();
    let layout = Layout::new(&tiling, machine);
    let half = Half {
        render: &render,
        common: &COMMON,
        machine,
        tiling: &tiling,
        layout: &layout,
        scene: &SCENE,
        command: COMMAND,
        sequence: SEQUENCE,
        timestamps: TIMESTAMPS,
        user_start: user.0,
        user_end: user.1,
        last: true,
    };
    let mut image = Image {
        command: vec![
            0;
            if vertex {
                RunVertex::SIZE
            } else {
                RunFragment::SIZE
            }
        ],
        sequence: vec![0; fragment::Sequence::MAX],
    };
    let size = if vertex {
        let Ok(sequence) = describe(&half, &mut image);
        let turn = VertexTurn {
            turn: TURN,
            buffer_slot: 5,
            fragment_slot: 78,
            fragment_value: 0x4e00_0500,
        };
        let Ok(()) = write_turn(&turn, sequence, &mut image);
        sequence.size()
    } else {
        let Ok(sequence) = fragment::describe(&half, &mut image);
        let turn = FragmentTurn {
            turn: TURN,
            buffer_slot: 5,
        };
        let Ok(()) = fragment::write_turn(&turn, sequence, &mut image);
        sequence.size()
    };
    let unused = image.sequence.split_off(size);
    assert!(unused.iter().all(|&b| b == 0));
    Built {
        command: Fields(image.command),
        sequence: image.sequence,
        layout,
    }
}

#[track_caller]
fn take_meta(mut meta: Fields) {
    meta.take(JobMeta::STAMP, TURN.host_stamp);
    meta.take(JobMeta::FW_STAMP, TURN.firmware_stamp);
    meta.take(JobMeta::STAMP_VALUE, TURN.value);
    meta.take(JobMeta::STAMP_SLOT, TURN.slot);
    meta.take(JobMeta::FLUSH_STAMPS, 1);
    meta.take(JobMeta::EVENT_SEQ, 2);
    meta.rest_is_zero();
}

#[track_caller]
fn take_encoder(mut encoder: Fields) {
    encoder.take(EncoderParams::MASK, u32::MAX);
    encoder.take(EncoderParams::SAMPLER_HEAP, 0x71_0000_0000);
    encoder.take(EncoderParams::SAMPLER_COUNT, 6);
    encoder.take(EncoderParams::SAMPLER_COUNT_PLUS_1, 7);
    encoder.rest_is_zero();
}

#[track_caller]
fn take_pointers(mut pair: Fields, start: u64, end: u64) {
    pair.take(TimestampPointers::START, start);
    pair.take(TimestampPointers::END, end);
}

#[test]
fn the_vertex_command() {
    let Built {
        command: mut c,
        sequence,
        layout,
    } = build(true, flags::VERTEX_SCRATCH, 1, &MACHINE, (0x111, 0));
    // The tag is 0.
    c.take(RunVertex::COUNTER, TURN.counter);
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

    let mut t = c.part(RunVertex::TILING_PARAMS);
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
    let mut p = c.part(RunVertex::JOB_PARAMS1);
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
    p.take(P::CORE_MASK, [0x77, 0x11]);
    p.take(P::PREEMPT1, p1);
    p.take(P::PREEMPT2, p2);
    p.take(P::UNK_80, 1);
    p.take(P::PREEMPT3, p3 | 1 << 50);
    p.take(P::VDM_CTRL_STREAM_BASE, 0x50_0000);
    // One cluster does the work.
    p.take(P::TILING_CONTROL, 0xa041);
    p.take(P::USC_EXEC_BASE, COMMON.usc_exec_base);
    p.take(P::UNK_F0, 0x1c);
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
        let mut p = c.part(RunVertex::JOB_PARAMS1);
        let clusters = layout.clusters.unwrap();
        let [meta1, meta2, meta3, meta4] = clusters.meta.map(|span| span.at(SCENE.block));
        // One block for each layer, and rounded up.
        let (stride, unk_f0) = if shared { (1 << 50, 0x20) } else { (0, 0x1c) };
        p.take(P::TVB_CLUSTER_TILEMAPS, clusters.tilemaps.at(SCENE.block));
        p.take(P::TVB_CLUSTER_META1, meta1 | stride);
        p.take(P::TVB_CLUSTER_META2, meta2);
        p.take(P::TVB_CLUSTER_META3, meta3);
        p.take(P::TVB_CLUSTER_META4, meta4 | 3 << 60);
        p.take(P::TVB_CLUSTER_LAYERMETA, clusters.layermeta.at(SCENE.block));
        p.take(P::TILING_CONTROL, if shared { 0xa540 } else { 0xa541 });
        p.take(P::UNK_F0, unk_f0);
        let off = StartVertex::NO_CLUSTERING.read(&sequence);
        assert_eq!(off, u32::from(!shared));
    }
}

#[test]
fn the_vertex_sequence() {
    let Built { sequence, .. } = build(true, 0, 1, &MACHINE, (0, 0));
    let mut s = Fields(sequence[..StartVertex::SIZE].to_vec());
    let of = |offset: usize| COMMAND + offset as u64;
    s.take(StartVertex::HEADER, 0x22);
    s.take(
        StartVertex::TILING_PARAMS,
        of(RunVertex::TILING_PARAMS.offset()),
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
        of(RunVertex::UNK_POINTEE.offset()),
    );
    s.take(StartVertex::UNK_JOB_BUF, of(RunVertex::UNK_BUF_0.offset()));
    s.take(StartVertex::COUNTER, TURN.counter);
    s.take(StartVertex::NOTIFIER_BUF, COMMON.notifier_unk_buf);
    s.take(StartVertex::NO_CLUSTERING, 1);
    s.take(StartVertex::ATTACHMENT_COUNT, 2);
    for (i, address, lines) in [(0, 0x1000, 1), (1, 0x2000, 2)] {
        let mut a = s.part(StartVertex::ATTACHMENTS.at(i));
        a.take(Attachment::ADDRESS, address);
        a.take(Attachment::LINES, lines);
        a.take(Attachment::UNK_C, 0x17);
        a.take(Attachment::UNK_E, 1);
    }
    s.rest_is_zero();

    let at = StartVertex::SIZE;
    let wait = WaitForIdle::HEADER.read(&sequence[at..]);
    assert_eq!(wait, 0x101);
    let at = at + WaitForIdle::SIZE;
    let mut f = Fields(sequence[at..at + FinalizeVertex::SIZE].to_vec());
    f.take(FinalizeVertex::HEADER, 0x23);
    f.take(FinalizeVertex::SCENE, SCENE.scene);
    f.take(FinalizeVertex::BUFFER, SCENE.buffer);
    f.take(FinalizeVertex::STATS, COMMON.stats);
    f.take(FinalizeVertex::QUEUE, COMMON.queue_info);
    f.take(FinalizeVertex::VM_SLOT, 9);
    f.take(
        FinalizeVertex::UNK_POINTER,
        of(RunVertex::UNK_POINTEE.offset()),
    );
    f.take(FinalizeVertex::FW_STAMP, TURN.firmware_stamp);
    f.take(FinalizeVertex::STAMP_VALUE, TURN.value);
    f.take(FinalizeVertex::RESTART_BRANCH_OFFSET, -(at as i32));
    f.take(FinalizeVertex::HAS_ATTACHMENTS, 1);
    f.rest_is_zero();
    let end = RetireStamp::HEADER.read(&sequence[at + FinalizeVertex::SIZE..]);
    assert_eq!(end, 0x4000_0018);
}

#[test]
fn timestamps_of_both_halves() {
    for (vertex, start, user) in [
        (true, StartVertex::SIZE, 0x5cc),
        (false, StartFragment::SIZE, 0x930),
    ] {
        let Built { sequence, .. } = build(vertex, 0, 1, &MACHINE, (0, 0x222));
        let mut at = start;
        for (header, update) in [(0x8000_0019, 0), (0x19, 8)] {
            let mut t = Fields(sequence[at..at + Timestamp::SIZE].to_vec());
            t.take(Timestamp::HEADER, header);
            t.take(Timestamp::QUEUE, COMMON.queue_info);
            t.take(Timestamp::USER_TIMESTAMPS, COMMAND + user);
            // The two pairs stand one behind the other.
            t.take(Timestamp::TIMESTAMPS, COMMAND + user - 0x10);
            t.take(Timestamp::UPDATE, COMMAND + user - 0x10 + update);
            t.take(Timestamp::COMMAND_TIME, COMMAND + user - 0x18);
            t.take(Timestamp::UNK_TS, COMMAND + user + 0x19);
            t.rest_is_zero();
            at += Timestamp::SIZE + WaitForIdle::SIZE;
        }
    }
}

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
    info.take(AuxFbInfo::UNK_10, 0x10_0000);
    info.rest_is_zero();
}

#[test]
fn the_fragment_command() {
    use agx_abi::fragment::{
        JobParameters1 as P1,
        JobParameters2 as P2,
        JobParameters3 as P3, //
    };

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
    c.take(RunFragment::COUNTER, TURN.counter);
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

    let mut p = c.part(RunFragment::JOB_PARAMS1);
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

    let mut p = c.part(RunFragment::JOB_PARAMS2);
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
    let mut s = Fields(sequence[..StartFragment::SIZE].to_vec());
    s.take(StartFragment::HEADER, 0x24);
    s.take(
        StartFragment::JOB_PARAMS2,
        of(RunFragment::JOB_PARAMS2.offset()),
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
    s.take(StartFragment::COUNTER, TURN.counter);
    s.take(StartFragment::NOTIFIER_BUF, COMMON.notifier_unk_buf);
    s.take(StartFragment::ATTACHMENT_COUNT, 1);
    let mut a = s.part(StartFragment::ATTACHMENTS.at(0));
    a.take(Attachment::ADDRESS, 0x3000);
    a.take(Attachment::LINES, 0x80);
    s.rest_is_zero();

    let at = StartFragment::SIZE;
    let wait = WaitForIdle::HEADER.read(&sequence[at..]);
    assert_eq!(wait, 0x1_0001);
    let at = at + WaitForIdle::SIZE;
    let mut f = Fields(sequence[at..at + FinalizeFragment::SIZE].to_vec());
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
    let end = RetireStamp::HEADER.read(&sequence[at + FinalizeFragment::SIZE..]);
    assert_eq!(end, 0x4000_0018);
    // What the list of pages counts in is a block's part.
    assert_eq!(BufferInfo::BLOCK_SIZE_VALUE, 4 * 0x8000);
}

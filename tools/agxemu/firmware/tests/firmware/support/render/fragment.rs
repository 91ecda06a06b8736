// SPDX-License-Identifier: MIT OR Apache-2.0

//! The fragment half of a render.

use crate::support::abi::{abi, find_at, set_registers};
use agx_abi::event::{Notifier, STAMP_STEP};
use agx_abi::fragment::{self, ArrayAddr, AuxFbInfo, BackgroundProgram, EotProgram, RunFragment};
use agx_abi::init::RuntimePointers;
use agx_abi::microsequence::{FinalizeFragment, StartFragment};
use agx_abi::registers::fragment as r;
use agx_abi::tiling::HEAPMETA_SIZE;

use super::command::Common;
use super::{Places, Render, Shot, DEPTH, DEPTH_BIAS, OCCLUSION, SCISSORS, STENCIL, ZLS_CTRL};
use crate::support::driver::Driver;
use crate::support::job::{Job, USC};

impl Render {
    /// Makes the fragment command.
    pub(super) fn fragment(
        &mut self,
        d: &mut Driver,
        shot: &Shot,
        places: &Places,
        scene: u64,
    ) -> Job {
        type C = RunFragment;
        type P = fragment::JobParameters1;
        type P2 = fragment::JobParameters2;
        type P3 = fragment::JobParameters3;
        let t = &shot.tiling;
        let p3 = C::JOB_PARAMS3;
        let config = P::tile_config(t.layers(), shot.process_empty_tiles);
        let blocks = t.tib_blocks(shot.sample_size);
        let mut frame = AuxFbInfo::new(abi());
        frame
            .set(AuxFbInfo::ISP_CTL, AuxFbInfo::ISP_CTL_VALUE)
            .set(AuxFbInfo::WIDTH, t.width())
            .set(AuxFbInfo::HEIGHT, t.height())
            .put(AuxFbInfo::UNK_10, AuxFbInfo::UNK_10_VALUE);
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
        let background_values = 0x300 | 0x5a;
        let load = P2::ISP_BGOBJVALS_LOAD.of(abi()) as u32;
        let word = fragment::GENERATION_WORD.of(abi()) as u64;
        let mut c = C::new(abi());
        c.set(C::TAG, C::TAG_VALUE)
            .put(C::COUNTER, self.fragment.counter)
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
            .set(C::TILE_COUNT, t.tiles().into());
        if let Some(p) = C::JOB_PARAMS1.present(abi()) {
            if let Some(field) = P::UNK_58.present(abi()) {
                c.set(p.then(field), word);
            }
            c.set(p.then(P::UTILE_CONFIG), t.utile_config())
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
                .set(p.then(P::UNK_158), P::UNK_158_VALUE);
        }
        if let Some(p2) = C::JOB_PARAMS2.present(abi()) {
            c.set(p2.then(P2::EOT_RSRC_SPEC), 0x11)
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
                .set(p2.then(P2::ISP_BGOBJVALS), background_values | load)
                .set(p2.then(P2::UNK_3C), 1);
        }
        c.set(p3.then(P3::ISP_DBIAS_BASE), array(DEPTH_BIAS))
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
            .set(p3.then(P3::ISP_BGOBJVALS), background_values)
            .set(p3.then(P3::UNK_290), word)
            .set(p3.then(P3::SAMPLE_SIZE), shot.sample_size)
            .set(p3.then(P3::ISP_ZLS_PIXELS), pixels)
            .set(C::PROCESS_EMPTY_TILES, shot.process_empty_tiles.into())
            .set(C::NO_CLEAR_PIPELINE_TEXTURES, 1)
            .set(C::UNK_BUF_10, C::UNK_BUF_10_VALUE.of(abi()) as u64)
            .set(C::CLIENT_SEQUENCE, self.fragment.uuid as u8);
        let stats = d.mem.get(d.tree.pointers, RuntimePointers::STATS_FRAGMENT);
        let at = d.mem.alloc(d.habits.command, C::USED.of(abi()));
        d.mem.write(at, &c.as_bytes()[..C::USED.of(abi())]);
        set_registers(
            &d.mem,
            at,
            C::REGISTERS,
            C::JOB_PARAMS3.then(P3::REGISTER_INFO),
            &[
                (r::UNK_1739, 1),
                (r::UTILE_CONFIG, t.utile_config().into()),
                (r::EOT_RSRC_SPEC, 0x11),
                (r::EOT_USC, 0x240),
                (r::BG_RSRC_SPEC, 0x10),
                (r::BG_USC, 0x104),
                (r::ISP_MERGE_UPPER_X, 0x3b00_0000),
                (r::ISP_MERGE_UPPER_Y, 0x3b10_0000),
                (r::UNK_100A1, 0),
                (r::UNK_15069, 0),
                (r::UNK_15071, 0),
                (r::UNK_16058, 0),
                (r::PPP_MULTISAMPLECTL, 0x88),
                (
                    r::ISP_MTILE_SIZE,
                    r::isp_mtile_size(t.utiles_per_mtile_y(), t.utiles_per_mtile_x()),
                ),
                (r::TE_SCREEN, t.te_screen().into()),
                (r::TVB_HEAPMETA, places.heapmeta),
                (r::ISP_SCISSOR_BASE, SCISSORS),
                (r::ISP_DBIAS_BASE, DEPTH_BIAS),
                (r::ISP_CTL, AuxFbInfo::ISP_CTL_VALUE.into()),
                (r::FRAME_SIZE, r::frame_size(t.width(), t.height())),
                (r::UNK_15049, AuxFbInfo::UNK_10_VALUE),
                (r::TIB_BLOCKS, blocks.into()),
                (r::ISP_ZLS_PIXELS, pixels),
                (r::ISP_BGOBJDEPTH, 0x3f80_0000),
                (r::ISP_BGOBJVALS, background_values.into()),
                (r::ISP_OCLQRY_BASE, OCCLUSION),
                (r::ZLS_CTRL, ZLS_CTRL),
                (r::UNK_15349, word),
                (r::UNK_15351, 0),
                (r::Z_LOAD, DEPTH),
                (r::Z_STORE, DEPTH),
                (r::S_LOAD, STENCIL),
                (r::S_STORE, STENCIL),
                (r::UNK_15231, 0),
                (r::UNK_15221, 0),
                (r::UNK_15239, 0),
                (r::UNK_15229, 0),
                (r::Z_LOAD_STRIDE, 0x4001),
                (r::Z_STORE_STRIDE, 0x4001),
                (r::S_LOAD_STRIDE, 0x8001),
                (r::S_STORE_STRIDE, 0x8001),
                (r::Z_LOAD_COMP, 0),
                (r::Z_LOAD_COMP_STRIDE, 0),
                (r::Z_STORE_COMP, 0),
                (r::Z_STORE_COMP_STRIDE, 0),
                (r::S_LOAD_COMP, 0),
                (r::S_LOAD_COMP_STRIDE, 0),
                (r::S_STORE_COMP, 0),
                (r::S_STORE_COMP_STRIDE, 0),
                (r::TVB_TILEMAP, places.tilemap),
                (r::TVB_LAYERMETA, places.heapmeta + HEAPMETA_SIZE),
                (r::MTILE_STRIDE, t.mtile_stride()),
                (r::TILE_CONFIG, config),
                (r::ISP_RENDER_ORIGIN, 0),
                (r::HELPER_BINARY, 0),
                (r::HELPER_DATA, 0),
                (r::HELPER_CFG, 0),
                (r::UNK_15359, 0),
                (r::USC_EXEC_BASE, USC),
                (r::UNK_16020, 0),
                (r::AUX_FB, places.aux),
                (r::UNK_120A1, P::UNK_158_VALUE),
                (r::UNK_160A8, 0),
                (r::FRG_TILE_CONFIG, t.fragment_tile_config()),
                (r::UNK_160B8, 0),
            ],
        );
        let value = self.fragment.value.wrapping_add(STAMP_STEP);
        let q = &self.fragment;
        let field = |offset: usize| at + offset as u64;
        type S = StartFragment;
        let mut start = S::new(abi());
        start
            .set(S::HEADER, S::HEADER_VALUE)
            .set(S::JOB_PARAMS2, find_at(at, C::JOB_PARAMS2))
            .set(S::JOB_PARAMS1, find_at(at, C::JOB_PARAMS1))
            .put(S::REGISTERS, find_at(at, C::REGISTERS))
            .set(S::SCENE, scene)
            .set(S::STATS, stats + S::STATS_OFFSET)
            .set(S::BUSY_FLAG, field(C::BUSY_FLAG.offset_in(abi())))
            .set(
                S::TVB_OVERFLOW_COUNT,
                field(C::TVB_OVERFLOW_COUNT.offset_in(abi())),
            )
            .set(S::UNK_POINTER, field(C::UNK_POINTEE.offset_in(abi())))
            .set(S::QUEUE, q.info)
            .set(S::WORK_ITEM, at)
            .set(S::VM_SLOT, q.vm_slot.into())
            .set(S::UNK_50, 1)
            .set(S::EVENT_GENERATION, q.uuid)
            .set(S::BUFFER_SLOT, self.buffer.slot)
            .set(S::EVENT_SEQ, q.sequence)
            .set(S::UNK_758_FLAG, field(C::UNK_758_FLAG.offset_in(abi())))
            .set(S::UNK_JOB_BUF, field(C::UNK_BUF_0.offset_in(abi())))
            .put(S::COUNTER, q.counter)
            .put(S::NOTIFIER_BUF, find_at(q.notifier, Notifier::UNK_BUF));
        type F = FinalizeFragment;
        let mut finalize = F::new(abi());
        finalize
            .set(F::HEADER, F::HEADER_VALUE)
            .set(F::FW_STAMP, q.fw_stamp)
            .set(F::STAMP_VALUE, value)
            .set(F::SCENE, scene)
            .set(F::BUFFER, self.buffer.info)
            .set(F::UNK_2C, 1)
            .set(F::STATS, stats + S::STATS_OFFSET)
            .set(F::UNK_POINTER, field(C::UNK_POINTEE.offset_in(abi())))
            .set(F::BUSY_FLAG, field(C::BUSY_FLAG.offset_in(abi())))
            .set(F::QUEUE, q.info)
            .set(F::WORK_ITEM, at)
            .set(F::VM_SLOT, q.vm_slot.into())
            .set(F::UNK_758_FLAG, field(C::UNK_758_FLAG.offset_in(abi())));
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
        let ops = (start.as_bytes(), finalize.as_bytes(), restart);
        self.fragment.complete(d, at, &common, ops, shot.user[1])
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The vertex half of a render.

use crate::support::abi::{abi, find_at, part, set_registers, Must};
use agx_abi::event::{Notifier, STAMP_STEP};
use agx_abi::init::RuntimePointers;
use agx_abi::microsequence::{FinalizeVertex, StartVertex};
use agx_abi::registers::vertex as r;
use agx_abi::tiling::HEAPMETA_SIZE;
use agx_abi::vertex::{self, RunVertex, TilingParameters};

use super::command::Common;
use super::{preempt_sizes, Places, Render, Shot};
use crate::support::driver::Driver;
use crate::support::job::{Job, STREAM, USC};

impl Render {
    /// Makes the vertex command, whose fragment command ends with stamp value `fragment`.
    pub(super) fn vertex(
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
        let chip = part().chip;
        let heapmeta = places.heapmeta | P::TVB_HEAPMETA_TAG;
        let [size1, size2, _] = preempt_sizes();
        let preempt2 = places.preempt + size1;
        let preempt3 = (preempt2 + size2) | P::PREEMPT3_TAG;
        let is_shared = t.meta1_layer_stride() != 0;
        let control = match is_shared {
            true => chip.tiling_control,
            false => chip.tiling_control | P::TILING_CONTROL_NO_CLUSTERING,
        };
        let mut c = C::new(abi());
        c.set(C::TAG, C::TAG_VALUE)
            .put(C::COUNTER, self.fragment.counter + 1)
            .set(C::VM_SLOT, self.vertex.vm_slot.into())
            .set(C::NOTIFIER, self.vertex.notifier)
            .set(C::BUFFER_SLOT, self.buffer.slot)
            .set(C::BUFFER, self.buffer.info)
            .set(C::SCENE, scene)
            .set(C::KERNEL_BUFFER, self.buffer.kernel);
        if let Some(p) = C::JOB_PARAMS1.present(abi()) {
            c.set(p.then(P::UNK_0), P::UNK_0_VALUE)
                .set(p.then(P::UNK_8), P::UNK_8_VALUE)
                .set(p.then(P::UNK_C), P::UNK_8_VALUE)
                .set(p.then(P::TVB_TILEMAP), places.tilemap)
                .set(p.then(P::TPC), places.tpc)
                .set(p.then(P::TVB_HEAPMETA), heapmeta)
                .set(p.then(P::IOGPU_UNK_54), P::IOGPU_UNK_54_VALUE)
                .set(p.then(P::IOGPU_UNK_56), 1)
                .set(p.then(P::UTILE_CONFIG), t.utile_config())
                .set(p.then(P::PPP_MULTISAMPLECTL), 0x88)
                .set(p.then(P::TVB_LAYERMETA), places.heapmeta + HEAPMETA_SIZE)
                .set(p.then(P::PREEMPT1), places.preempt)
                .set(p.then(P::PREEMPT2), preempt2)
                .set(p.then(P::UNK_80), 1)
                .set(p.then(P::PREEMPT3), preempt3)
                .set(p.then(P::VDM_CTRL_STREAM_BASE), STREAM)
                .set(p.then(P::USC_EXEC_BASE), USC)
                .set(p.then(P::UNK_F8), P::UNK_F8_VALUE)
                .set(p.then(P::UNK_118), P::UNK_118_VALUE);
            if let Some(field) = P::CORE_MASK.present(abi()) {
                let [first, second, _] = part().mask_words();
                c.set(p.then(field), [first, second]);
            }
            if let Some(field) = P::TILING_CONTROL.present(abi()) {
                c.set(p.then(field), control);
            }
            if let Some(field) = P::UNK_F0.present(abi()) {
                c.set(p.then(field), P::unk_f0(t.meta1_blocks(abi())));
            }
            if let Some([tilemaps, layermeta, meta1, meta2, meta3, meta4]) = places.clusters {
                let stride = u64::from(t.meta1_layer_stride()) << P::META1_STRIDE_SHIFT;
                for (field, value) in [
                    (P::TVB_CLUSTER_TILEMAPS, tilemaps),
                    (P::TVB_CLUSTER_LAYERMETA, layermeta),
                    (P::TVB_CLUSTER_META1, meta1 | stride),
                    (P::TVB_CLUSTER_META2, meta2),
                    (P::TVB_CLUSTER_META3, meta3),
                    (P::TVB_CLUSTER_META4, meta4 | P::META4_TAG),
                ] {
                    c.set(p.then(field.must()), value);
                }
            }
        }
        if let Some(tp) = C::TILING_PARAMS.present(abi()) {
            c.set(tp.then(T::RGN_SIZE), t.rgn_size())
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
                .set(tp.then(T::RENDER_TARGET_MAX), t.render_target_max());
        }
        c.set(C::TPC, places.tpc)
            .set(C::TPC_SIZE, t.tpc_size())
            .set(C::FRAGMENT_STAMP_SLOT, self.fragment.event_slot.into())
            .set(C::FRAGMENT_STAMP_VALUE, fragment)
            .set(
                C::JOB_PARAMS2.then(vertex::JobParameters2::PREEMPT1),
                places.preempt,
            )
            .set(C::CLIENT_SEQUENCE, self.vertex.uuid as u8);
        let stats = d.mem.get(d.tree.pointers, RuntimePointers::STATS_VERTEX);
        let at = d.mem.alloc(d.habits.command, C::USED.of(abi()));
        d.mem.write(at, &c.as_bytes()[..C::USED.of(abi())]);
        let [tilemaps, layermeta, meta1, meta2, meta3, meta4] = places.clusters.unwrap_or([0; 6]);
        let layers = t.render_target_max();
        set_registers(
            &d.mem,
            at,
            C::REGISTERS,
            C::REGISTER_INFO,
            &[
                (r::UNK_10141, P::UNK_0_VALUE),
                (r::TVB_TILEMAP, places.tilemap),
                (r::TVB_CLUSTER_TILEMAPS, tilemaps),
                (r::TPC, places.tpc),
                (r::TVB_HEAPMETA, heapmeta),
                (r::IOGPU_UNK_54, P::IOGPU_UNK_54_VALUE),
                (r::IOGPU_UNK_56, 1),
                (r::UTILE_CONFIG, t.utile_config().into()),
                (r::PPP_MULTISAMPLECTL, 0x88),
                (r::PREEMPT1, places.preempt),
                (r::PREEMPT2, preempt2),
                (r::UNK_1C958, 1),
                (r::PREEMPT3, preempt3),
                (r::UNK_1C930, 0),
                (r::VDM_CTRL_STREAM_BASE, STREAM),
                (r::UNK_1C898, 0),
                (r::TVB_CLUSTER_META2, meta2),
                (r::TVB_CLUSTER_META3, meta3),
                (r::TILING_CONTROL, control.into()),
                (r::TILING_CONTROL_2, r::TILING_CONTROL_2_VALUE),
                (r::TVB_LAYERMETA, places.heapmeta + HEAPMETA_SIZE),
                (r::TVB_CLUSTER_LAYERMETA, layermeta),
                (r::TVB_CLUSTER_META4, meta4),
                (r::UNK_1C9A8, r::UNK_1C9A8_VALUE),
                (r::TVB_CLUSTER_META1, meta1),
                (r::UNK_10151, 0),
                (r::UNK_1C199, 0),
                (r::UNK_1C1A1, 0),
                (r::UNK_1C1A9, 0),
                (r::UNK_1C1B1, 0),
                (r::UNK_1C1B9, 0),
                (r::USC_EXEC_BASE, USC),
                (r::HELPER_BINARY, 0),
                (r::HELPER_DATA, 0),
                (r::HELPER_CFG, 0),
                (r::RGN_SIZE, t.rgn_size().into()),
                (r::UNK_10131, T::UNK_4_VALUE.into()),
                (r::PPP_CTRL, 0x202),
                (r::PPP_SCREEN, r::ppp_screen(t.width(), t.height())),
                (r::TE_SCREEN, t.te_screen().into()),
                (r::TE_MTILE1, t.te_mtile1().into()),
                (r::TE_MTILE2, t.te_mtile2().into()),
                (r::TILES_PER_MTILE, t.tiles_per_mtile().into()),
                (r::TPC_STRIDE, t.tpc_stride().into()),
                (r::UNK_10171, T::UNK_24_VALUE.into()),
                (r::RENDER_TARGET_MAX, layers.into()),
                (r::UNK_12099, P::UNK_118_VALUE.into()),
                (
                    r::RENDER_TARGET_MAX_PART,
                    u64::from(layers & r::RENDER_TARGET_MAX_MASK),
                ),
            ],
        );
        let value = self.vertex.value.wrapping_add(STAMP_STEP);
        let q = &self.vertex;
        let field = |offset: usize| at + offset as u64;
        let mut start = StartVertex::new(abi());
        start
            .set(StartVertex::HEADER, StartVertex::HEADER_VALUE)
            .set(StartVertex::TILING_PARAMS, find_at(at, C::TILING_PARAMS))
            .set(StartVertex::JOB_PARAMS1, find_at(at, C::JOB_PARAMS1))
            .put(StartVertex::REGISTERS, find_at(at, C::REGISTERS))
            .set(StartVertex::BUFFER, self.buffer.info)
            .set(StartVertex::SCENE, scene)
            .set(StartVertex::STATS, stats + StartVertex::STATS_OFFSET)
            .set(StartVertex::QUEUE, q.info)
            .set(StartVertex::VM_SLOT, q.vm_slot.into())
            .set(StartVertex::UNK_38, 1)
            .set(StartVertex::EVENT_GENERATION, q.uuid)
            .set(StartVertex::BUFFER_SLOT, self.buffer.slot)
            .set(StartVertex::EVENT_SEQ, q.sequence)
            .set(
                StartVertex::UNK_POINTER,
                field(C::UNK_POINTEE.offset_in(abi())),
            )
            .set(
                StartVertex::UNK_JOB_BUF,
                field(C::UNK_BUF_0.offset_in(abi())),
            )
            .put(StartVertex::COUNTER, self.fragment.counter + 1)
            .put(
                StartVertex::NOTIFIER_BUF,
                find_at(q.notifier, Notifier::UNK_BUF),
            )
            .put(StartVertex::NO_CLUSTERING, (!is_shared).into());
        let mut finalize = FinalizeVertex::new(abi());
        finalize
            .set(FinalizeVertex::HEADER, FinalizeVertex::HEADER_VALUE)
            .set(FinalizeVertex::SCENE, scene)
            .set(FinalizeVertex::BUFFER, self.buffer.info)
            .set(FinalizeVertex::STATS, stats + StartVertex::STATS_OFFSET)
            .set(FinalizeVertex::QUEUE, q.info)
            .set(FinalizeVertex::VM_SLOT, q.vm_slot.into())
            .set(
                FinalizeVertex::UNK_POINTER,
                field(C::UNK_POINTEE.offset_in(abi())),
            )
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
        let ops = (start.as_bytes(), finalize.as_bytes(), restart);
        self.fragment.counter += 2;
        self.vertex.complete(d, at, &common, ops, shot.user[0])
    }
}

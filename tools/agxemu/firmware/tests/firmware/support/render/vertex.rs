// SPDX-License-Identifier: MIT OR Apache-2.0

//! The vertex half of a render.

use crate::support::abi::{Must, ABI};
use agx_abi::buffer::PREEMPT_SIZES;
use agx_abi::event::{Notifier, STAMP_STEP};
use agx_abi::init::RuntimePointers;
use agx_abi::microsequence::{FinalizeVertex, StartVertex};
use agx_abi::tiling::HEAPMETA_SIZE;
use agx_abi::vertex::{self, RunVertex, TilingParameters};

use super::command::Common;
use super::{Places, Render, Shot};
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
        let (p, tp) = (C::JOB_PARAMS1.must(), C::TILING_PARAMS.must());
        let mut c = C::new(ABI);
        c.set(C::TAG, C::TAG_VALUE)
            .set(C::COUNTER.must(), self.fragment.counter + 1)
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
            .set(p.then(P::CORE_MASK.must()), [0xfe, 0])
            .set(p.then(P::PREEMPT1), places.preempt)
            .set(p.then(P::PREEMPT2), places.preempt + PREEMPT_SIZES[0])
            .set(p.then(P::UNK_80), 1)
            .set(
                p.then(P::PREEMPT3),
                (places.preempt + PREEMPT_SIZES[0] + PREEMPT_SIZES[1]) | P::PREEMPT3_TAG,
            )
            .set(p.then(P::VDM_CTRL_STREAM_BASE), STREAM)
            .set(p.then(P::TILING_CONTROL.must()), 0xa041)
            .set(p.then(P::USC_EXEC_BASE), USC)
            .set(p.then(P::UNK_F0.must()), P::unk_f0(0))
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
        let at = d.mem.alloc(d.habits.command, C::USED.of(ABI));
        d.mem.write(at, &c.as_bytes()[..C::USED.of(ABI)]);
        let value = self.vertex.value.wrapping_add(STAMP_STEP);
        let q = &self.vertex;
        let field = |offset: usize| at + offset as u64;
        let mut start = StartVertex::new(ABI);
        start
            .set(StartVertex::HEADER, StartVertex::HEADER_VALUE)
            .set(StartVertex::TILING_PARAMS, field(tp.offset_in(ABI)))
            .set(StartVertex::JOB_PARAMS1, field(p.offset_in(ABI)))
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
                field(C::UNK_POINTEE.offset_in(ABI)),
            )
            .set(StartVertex::UNK_JOB_BUF, field(C::UNK_BUF_0.offset_in(ABI)))
            .set(StartVertex::COUNTER.must(), self.fragment.counter + 1)
            .set(
                StartVertex::NOTIFIER_BUF.must(),
                q.notifier + Notifier::UNK_BUF.must().offset_in(ABI) as u64,
            )
            .set(StartVertex::NO_CLUSTERING.must(), 1);
        let mut finalize = FinalizeVertex::new(ABI);
        finalize
            .set(FinalizeVertex::HEADER, FinalizeVertex::HEADER_VALUE)
            .set(FinalizeVertex::SCENE, scene)
            .set(FinalizeVertex::BUFFER, self.buffer.info)
            .set(FinalizeVertex::STATS, stats + StartVertex::STATS_OFFSET)
            .set(FinalizeVertex::QUEUE, q.info)
            .set(FinalizeVertex::VM_SLOT, q.vm_slot.into())
            .set(
                FinalizeVertex::UNK_POINTER,
                field(C::UNK_POINTEE.offset_in(ABI)),
            )
            .set(FinalizeVertex::FW_STAMP, q.fw_stamp)
            .set(FinalizeVertex::STAMP_VALUE, value);
        let common = Common {
            meta: C::META,
            encoder: C::ENCODER_PARAMS,
            timestamps: C::TIMESTAMPS,
            user_timestamps: C::USER_TIMESTAMPS,
            command_time: C::COMMAND_TIME,
            unk_ts: C::UNK_TS.must(),
            microsequence: C::MICROSEQUENCE,
            microsequence_size: C::MICROSEQUENCE_SIZE,
        };
        let restart = FinalizeVertex::RESTART_BRANCH_OFFSET;
        let ops = (start.as_bytes(), finalize.as_bytes(), restart);
        self.fragment.counter += 2;
        self.vertex.complete(d, at, &common, ops, shot.user[0])
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The vertex half of a render, as the firmware reads it.
//!
//! Written in two steps, as compute commands are: see [`super::compute`]. Fields of unknown meaning
//! have the constants of [`agx_abi::vertex`], seen in what macOS writes [I].

use super::{
    registers::RegisterList,
    render::{
        flags,
        Render, //
    },
    scene::{
        Layout,
        Machine,
        ScenePlace, //
    },
    sequence::{
        pointers,
        put_attachments,
        Common,
        Memory,
        Sequence,
        TimestampFields,
        Turn, //
    },
    structure::Structure, //
};
use agx_abi::{
    channel::PipeKind,
    compute::{
        EncoderParams,
        JobTimestamps, //
    },
    microsequence::{
        FinalizeVertex,
        StartVertex, //
    },
    registers::vertex as registers,
    tiling::{
        Tiling,
        HEAPMETA_SIZE, //
    },
    vertex::{
        JobParameters1,
        JobParameters2,
        RunVertex,
        TilingParameters, //
    },
    Abi, //
};

/// The arguments of [`describe`]: the client's command, and the addresses of the half.
#[derive(Clone, Copy)]
pub(crate) struct Half<'a> {
    pub(crate) render: &'a Render<'a>,
    pub(crate) common: &'a Common,
    pub(crate) machine: &'a Machine,
    pub(crate) tiling: &'a Tiling,
    pub(crate) layout: &'a Layout,
    pub(crate) scene: &'a ScenePlace,
    /// Addresses of the command, of its microsequence and of its [`JobTimestamps`].
    pub(crate) command: u64,
    pub(crate) sequence: u64,
    pub(crate) timestamps: u64,
    /// The address for the client's timestamp at the start; 0 for none.
    pub(crate) user_start: u64,
    pub(crate) user_end: u64,
}

impl Half<'_> {
    /// Returns whether its client wants timestamps.
    pub(crate) fn has_timestamps(&self) -> bool {
        self.user_start != 0 || self.user_end != 0
    }

    /// Writes the parameters of the samplers.
    pub(crate) fn write_encoder_params(&self, mut encoder: Structure<'_, EncoderParams>) {
        let samplers = u32::from(self.render.sampler_count);
        encoder
            .set(EncoderParams::MASK, u32::MAX)
            .set(EncoderParams::SAMPLER_HEAP, self.render.sampler_heap)
            .set(EncoderParams::SAMPLER_COUNT, samplers)
            .set(EncoderParams::SAMPLER_COUNT_PLUS_1, samplers + 1);
    }

    /// Returns the addresses of the firmware's own timestamps.
    pub(crate) fn own_timestamps(&self) -> [u64; 2] {
        let of = self.common.place(self.timestamps);
        [JobTimestamps::START, JobTimestamps::END].map(|field| of.field(field))
    }
}

/// Parameters of the command that are known only when it is submitted to the firmware.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VertexTurn {
    pub(crate) turn: Turn,
    /// Slot of the buffer manager.
    pub(crate) buffer_slot: u32,
    /// Event slot and value of the fragment half.
    pub(crate) fragment_slot: u32,
    pub(crate) fragment_value: u32,
}

/// Fields of the command that its timestamp operations refer to.
const TIMES: TimestampFields<RunVertex> = TimestampFields {
    command_time: RunVertex::COMMAND_TIME,
    pair: RunVertex::TIMESTAMPS,
    user_pair: RunVertex::USER_TIMESTAMPS,
    unk_ts: RunVertex::UNK_TS,
};

/// Returns the microsequence of a command of version `abi`.
pub(crate) fn sequence(abi: Abi, timestamps: bool) -> Sequence {
    Sequence::new::<StartVertex, FinalizeVertex>(abi, timestamps)
}

/// Writes the command to zeroed memory, as far as it is known before its turn.
pub(crate) fn describe<M: Memory>(half: &Half<'_>, memory: &mut M) -> Result<Sequence, M::Error> {
    let sequence = sequence(half.common.abi, half.has_timestamps());
    write_command(half, sequence, memory)?;
    write_start(half, memory)?;
    write_finalize(half, sequence, memory)?;
    sequence.write_common(PipeKind::Vertex, half.common, half.command, &TIMES, memory)?;
    Ok(sequence)
}

fn write_command<M: Memory>(
    half: &Half<'_>,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let (render, common, scene) = (half.render, half.common, half.scene);
    let [start, end] = half.own_timestamps();
    let preempt = half.layout.preempt[0].at(scene.block);

    let mut out = memory.command::<RunVertex>(sequence.abi())?;
    out.set(RunVertex::TAG, RunVertex::TAG_VALUE)
        .set(RunVertex::NOTIFIER, common.notifier)
        .set(RunVertex::BUFFER, scene.buffer)
        .set(RunVertex::SCENE, scene.scene)
        .set(RunVertex::KERNEL_BUFFER, scene.kernel_buffer)
        .set(RunVertex::TPC, scene.tpc)
        .set(RunVertex::TPC_SIZE, half.tiling.tpc_size())
        .set(RunVertex::MICROSEQUENCE, half.sequence)
        .set(RunVertex::MICROSEQUENCE_SIZE, sequence.size() as u32)
        .set(
            RunVertex::USES_SCRATCH,
            u32::from(render.has(flags::VERTEX_SCRATCH)),
        )
        .set(RunVertex::TIMESTAMPS, pointers(start, end))
        .set(
            RunVertex::USER_TIMESTAMPS,
            pointers(half.user_start, half.user_end),
        )
        .set(RunVertex::CLIENT_SEQUENCE, common.queue as u8);
    if let Some(params) = out.find_part(RunVertex::JOB_PARAMS1) {
        write_job_params1(half, params);
    }
    if let Some(params) = out.find_part(RunVertex::TILING_PARAMS) {
        write_tiling_params(half, params);
    }
    if let Some(list) = RunVertex::REGISTERS.present(sequence.abi()) {
        let mut registers = RegisterList::new(out.reborrow(), list);
        put_registers(half, &mut registers);
        let address = common.place(half.command).field(list);
        registers.finish(RunVertex::REGISTER_INFO, address);
    }
    out.part(RunVertex::JOB_PARAMS2)
        .set(JobParameters2::PREEMPT1, preempt);
    half.write_encoder_params(out.part(RunVertex::ENCODER_PARAMS));
    Ok(())
}

fn write_job_params1(half: &Half<'_>, mut params: Structure<'_, JobParameters1>) {
    use JobParameters1 as P;

    let (render, tiling, layout, scene) = (half.render, half.tiling, half.layout, half.scene);
    let [preempt1, preempt2, preempt3] = layout.preempt.map(|span| span.at(scene.block));
    let heapmeta = layout.heapmeta.at(scene.block);

    params
        .set(P::UNK_0, P::UNK_0_VALUE)
        .set(P::UNK_8, P::UNK_8_VALUE)
        .set(P::UNK_C, P::UNK_8_VALUE)
        .set(P::TVB_TILEMAP, layout.tilemap.at(scene.block))
        .set(P::TPC, scene.tpc)
        .set(P::TVB_HEAPMETA, heapmeta | P::TVB_HEAPMETA_TAG)
        .set(P::IOGPU_UNK_54, P::IOGPU_UNK_54_VALUE)
        .set(P::IOGPU_UNK_56, 1)
        .set(P::UTILE_CONFIG, tiling.utile_config())
        .set(P::PPP_MULTISAMPLECTL, render.ppp_multisamplectl)
        .set(P::TVB_LAYERMETA, heapmeta + HEAPMETA_SIZE)
        .put(P::CORE_MASK, half.machine.core_mask)
        .set(P::PREEMPT1, preempt1)
        .set(P::PREEMPT2, preempt2)
        .set(P::UNK_80, 1)
        .set(P::PREEMPT3, preempt3 | P::PREEMPT3_TAG)
        .set(P::VDM_CTRL_STREAM_BASE, render.vdm_ctrl_stream_base)
        .put(P::TILING_CONTROL, tiling_control(half))
        .set(P::USC_EXEC_BASE, half.common.usc_exec_base)
        .put(P::UNK_F0, P::unk_f0(tiling.meta1_blocks(half.common.abi)))
        .set(P::UNK_F8, P::UNK_F8_VALUE)
        .set(P::HELPER_BINARY, render.vertex_helper.binary)
        .set(P::HELPER_DATA, render.vertex_helper.data)
        .set(P::UNK_118, P::UNK_118_VALUE);
    if let Some(clusters) = &layout.clusters {
        let [meta1, meta2, meta3, meta4] = clusters.meta.map(|span| span.at(scene.block));
        let stride = u64::from(tiling.meta1_layer_stride()) << P::META1_STRIDE_SHIFT;
        params
            .put(P::TVB_CLUSTER_TILEMAPS, clusters.tilemaps.at(scene.block))
            .put(P::TVB_CLUSTER_META1, meta1 | stride)
            .put(P::TVB_CLUSTER_LAYERMETA, clusters.layermeta.at(scene.block))
            .put(P::TVB_CLUSTER_META2, meta2)
            .put(P::TVB_CLUSTER_META3, meta3)
            .put(P::TVB_CLUSTER_META4, meta4 | P::META4_TAG);
    }
}

/// Returns the word that says how the work is cut up.
fn tiling_control(half: &Half<'_>) -> u32 {
    if is_clustered(half.tiling) {
        half.machine.tiling_control
    } else {
        half.machine.tiling_control | JobParameters1::TILING_CONTROL_NO_CLUSTERING
    }
}

/// Puts the parameters for the hardware into a list of registers.
fn put_registers(half: &Half<'_>, list: &mut RegisterList<'_, RunVertex>) {
    use registers as r;
    use JobParameters1 as P;
    use TilingParameters as T;

    let (render, tiling, layout, scene) = (half.render, half.tiling, half.layout, half.scene);
    let [preempt1, preempt2, preempt3] = layout.preempt.map(|span| span.at(scene.block));
    let heapmeta = layout.heapmeta.at(scene.block);
    let (tilemaps, layermeta, meta) = match &layout.clusters {
        Some(clusters) => (
            clusters.tilemaps.at(scene.block),
            clusters.layermeta.at(scene.block),
            clusters.meta.map(|span| span.at(scene.block)),
        ),
        None => (0, 0, [0; 4]),
    };
    let frame = &render.framebuffer;
    let layers = tiling.render_target_max();

    list.set(r::UNK_10141, P::UNK_0_VALUE)
        .set(r::TVB_TILEMAP, layout.tilemap.at(scene.block))
        .set(r::TVB_CLUSTER_TILEMAPS, tilemaps)
        .set(r::TPC, scene.tpc)
        .set(r::TVB_HEAPMETA, heapmeta | P::TVB_HEAPMETA_TAG)
        .set(r::IOGPU_UNK_54, P::IOGPU_UNK_54_VALUE)
        .set(r::IOGPU_UNK_56, 1u64)
        .set(r::UTILE_CONFIG, tiling.utile_config())
        .set(r::PPP_MULTISAMPLECTL, render.ppp_multisamplectl)
        .set(r::PREEMPT1, preempt1)
        .set(r::PREEMPT2, preempt2)
        .set(r::UNK_1C958, 1u64)
        .set(r::PREEMPT3, preempt3 | P::PREEMPT3_TAG)
        .set(r::UNK_1C930, 0u64)
        .set(r::VDM_CTRL_STREAM_BASE, render.vdm_ctrl_stream_base)
        .set(r::UNK_1C898, 0u64)
        .set(r::TVB_CLUSTER_META2, meta[1])
        .set(r::TVB_CLUSTER_META3, meta[2])
        .set(r::TILING_CONTROL, tiling_control(half))
        .set(r::TILING_CONTROL_2, r::TILING_CONTROL_2_VALUE)
        .set(r::TVB_LAYERMETA, heapmeta + HEAPMETA_SIZE)
        .set(r::TVB_CLUSTER_LAYERMETA, layermeta)
        .set(r::TVB_CLUSTER_META4, meta[3])
        .set(r::UNK_1C9A8, r::UNK_1C9A8_VALUE)
        .set(r::TVB_CLUSTER_META1, meta[0])
        .set(r::UNK_10151, 0u64)
        .set(r::UNK_1C199, 0u64)
        .set(r::UNK_1C1A1, 0u64)
        .set(r::UNK_1C1A9, 0u64)
        .set(r::UNK_1C1B1, 0u64)
        .set(r::UNK_1C1B9, 0u64)
        .set(r::USC_EXEC_BASE, half.common.usc_exec_base)
        .set(r::HELPER_BINARY, render.vertex_helper.binary)
        .set(r::HELPER_DATA, render.vertex_helper.data)
        .set(r::HELPER_CFG, render.vertex_helper.cfg)
        .set(r::RGN_SIZE, tiling.rgn_size())
        .set(r::UNK_10131, T::UNK_4_VALUE)
        .set(r::PPP_CTRL, render.ppp_ctrl)
        .set(
            r::PPP_SCREEN,
            r::ppp_screen(frame.width.into(), frame.height.into()),
        )
        .set(r::TE_SCREEN, tiling.te_screen())
        .set(r::TE_MTILE1, tiling.te_mtile1())
        .set(r::TE_MTILE2, tiling.te_mtile2())
        .set(r::TILES_PER_MTILE, tiling.tiles_per_mtile())
        .set(r::TPC_STRIDE, tiling.tpc_stride())
        .set(r::UNK_10171, T::UNK_24_VALUE)
        .set(r::RENDER_TARGET_MAX, layers)
        .set(r::UNK_12099, P::UNK_118_VALUE)
        .set(
            r::RENDER_TARGET_MAX_PART,
            layers & r::RENDER_TARGET_MAX_MASK,
        );
}

/// Returns whether several clusters share the work.
fn is_clustered(tiling: &Tiling) -> bool {
    tiling.meta1_layer_stride() != 0
}

fn write_tiling_params(half: &Half<'_>, mut params: Structure<'_, TilingParameters>) {
    use TilingParameters as P;

    let (render, tiling) = (half.render, half.tiling);
    params
        .set(P::RGN_SIZE, tiling.rgn_size())
        .set(P::UNK_4, P::UNK_4_VALUE)
        .set(P::PPP_CTRL, render.ppp_ctrl)
        .set(P::X_MAX, render.framebuffer.width - 1)
        .set(P::Y_MAX, render.framebuffer.height - 1)
        .set(P::TE_SCREEN, tiling.te_screen())
        .set(P::TE_MTILE1, tiling.te_mtile1())
        .set(P::TE_MTILE2, tiling.te_mtile2())
        .set(P::TILES_PER_MTILE, tiling.tiles_per_mtile())
        .set(P::TPC_STRIDE, tiling.tpc_stride())
        .set(P::UNK_24, P::UNK_24_VALUE)
        .set(P::RENDER_TARGET_MAX, tiling.render_target_max())
        .set(P::HELPER_CFG, render.vertex_helper.cfg);
}

fn write_start<M: Memory>(half: &Half<'_>, memory: &mut M) -> Result<(), M::Error> {
    let of = half.common.place(half.command);
    let mut start = memory.operation::<StartVertex>(half.common.abi, 0)?;
    start
        .set(StartVertex::HEADER, StartVertex::HEADER_VALUE)
        .set(
            StartVertex::TILING_PARAMS,
            of.find(RunVertex::TILING_PARAMS),
        )
        .set(StartVertex::JOB_PARAMS1, of.find(RunVertex::JOB_PARAMS1))
        .put(StartVertex::REGISTERS, of.find(RunVertex::REGISTERS))
        .set(StartVertex::BUFFER, half.scene.buffer)
        .set(StartVertex::SCENE, half.scene.scene)
        .set(StartVertex::STATS, half.common.stats)
        .set(StartVertex::QUEUE, half.common.queue_info)
        .set(StartVertex::UNK_38, 1)
        .set(StartVertex::EVENT_GENERATION, half.common.queue)
        .set(StartVertex::UNK_POINTER, of.field(RunVertex::UNK_POINTEE))
        .set(StartVertex::UNK_JOB_BUF, of.field(RunVertex::UNK_BUF_0))
        .put(StartVertex::NOTIFIER_BUF, half.common.notifier_unk_buf)
        .put(
            StartVertex::NO_CLUSTERING,
            u32::from(!is_clustered(half.tiling)),
        );
    put_attachments(
        half.render.vertex_attachments,
        &mut start,
        StartVertex::ATTACHMENTS,
        StartVertex::ATTACHMENT_COUNT,
    );
    Ok(())
}

fn write_finalize<M: Memory>(
    half: &Half<'_>,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let attachments = !half.render.vertex_attachments.is_empty();
    memory
        .operation(sequence.abi(), sequence.finalize())?
        .set(FinalizeVertex::HEADER, FinalizeVertex::HEADER_VALUE)
        .set(FinalizeVertex::SCENE, half.scene.scene)
        .set(FinalizeVertex::BUFFER, half.scene.buffer)
        .set(FinalizeVertex::STATS, half.common.stats)
        .set(FinalizeVertex::QUEUE, half.common.queue_info)
        .set(
            FinalizeVertex::UNK_POINTER,
            half.common
                .place(half.command)
                .field(RunVertex::UNK_POINTEE),
        )
        .set(
            FinalizeVertex::RESTART_BRANCH_OFFSET,
            sequence.restart_branch_offset(),
        )
        .set(FinalizeVertex::HAS_ATTACHMENTS, u32::from(attachments));
    Ok(())
}

/// Completes a command that [`describe`] has written.
pub(crate) fn write_turn<M: Memory>(
    vertex: &VertexTurn,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let turn = &vertex.turn;
    let mut out = memory.command::<RunVertex>(sequence.abi())?;
    out.put(RunVertex::COUNTER, turn.counter)
        .set(RunVertex::VM_SLOT, turn.vm_slot)
        .set(RunVertex::BUFFER_SLOT, vertex.buffer_slot)
        .set(RunVertex::FRAGMENT_STAMP_SLOT, vertex.fragment_slot)
        .set(RunVertex::FRAGMENT_STAMP_VALUE, vertex.fragment_value);
    turn.write_meta(out.part(RunVertex::META));

    memory
        .operation(sequence.abi(), 0)?
        .set(StartVertex::VM_SLOT, turn.vm_slot)
        .set(StartVertex::BUFFER_SLOT, vertex.buffer_slot)
        .set(StartVertex::EVENT_SEQ, turn.event_seq)
        .put(StartVertex::COUNTER, turn.counter);

    memory
        .operation(sequence.abi(), sequence.finalize())?
        .set(FinalizeVertex::VM_SLOT, turn.vm_slot)
        .set(FinalizeVertex::FW_STAMP, turn.firmware_stamp)
        .set(FinalizeVertex::STAMP_VALUE, turn.value);
    Ok(())
}

#[cfg(test)]
#[path = "vertex_tests.rs"]
mod tests;

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The fragment half of a render, as the firmware reads it.
//!
//! It has the client's programs twice: those for the start and the end of the frame, and those for
//! partial renders, when the tiled vertex buffer has overflowed. Depth and stencil are loaded from
//! and stored to the same place in all cases, as the UAPI has it. Fields of unknown meaning have
//! the constants of [`agx_abi::fragment`], seen in what macOS writes [I].

use super::{
    registers::RegisterList,
    render::{
        flags,
        TileProgram, //
    },
    sequence::{
        pointers,
        put_attachments,
        Memory,
        Sequence,
        TimestampFields,
        Turn, //
    },
    structure::Structure,
    vertex::Half, //
};
use agx_abi::{
    channel::PipeKind,
    fragment::{
        ArrayAddr,
        AuxFbInfo,
        BackgroundProgram,
        EotProgram,
        JobParameters1,
        JobParameters2,
        JobParameters3,
        RunFragment,
        GENERATION_WORD, //
    },
    microsequence::{
        FinalizeFragment,
        StartFragment, //
    },
    registers::fragment as registers,
    tiling::HEAPMETA_SIZE,
    Abi, //
};

/// Parameters of the command that are known only when it is submitted to the firmware.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FragmentTurn {
    pub(crate) turn: Turn,
    /// Slot of the buffer manager.
    pub(crate) buffer_slot: u32,
}

/// Fields of the command that its timestamp operations refer to.
const TIMES: TimestampFields<RunFragment> = TimestampFields {
    command_time: RunFragment::COMMAND_TIME,
    pair: RunFragment::TIMESTAMPS,
    user_pair: RunFragment::USER_TIMESTAMPS,
    unk_ts: RunFragment::UNK_TS,
};

/// Returns the microsequence of a command of version `abi`.
pub(crate) fn sequence(abi: Abi, timestamps: bool) -> Sequence {
    Sequence::new::<StartFragment, FinalizeFragment>(abi, timestamps)
}

/// Writes the command to zeroed memory, as far as it is known before its turn.
pub(crate) fn describe<M: Memory>(half: &Half<'_>, memory: &mut M) -> Result<Sequence, M::Error> {
    let sequence = sequence(half.common.abi, half.has_timestamps());
    write_command(half, sequence, memory)?;
    write_start(half, memory)?;
    write_finalize(half, sequence, memory)?;
    sequence.write_common(
        PipeKind::Fragment,
        half.common,
        half.command,
        &TIMES,
        memory,
    )?;
    Ok(sequence)
}

fn write_command<M: Memory>(
    half: &Half<'_>,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let (render, tiling, scene) = (half.render, half.tiling, half.scene);
    let [start, end] = half.own_timestamps();
    let empty_tiles = u32::from(render.has(flags::PROCESS_EMPTY_TILES));

    let mut out = memory.command::<RunFragment>(sequence.abi())?;
    out.set(RunFragment::TAG, RunFragment::TAG_VALUE)
        .set(RunFragment::MICROSEQUENCE, half.sequence)
        .set(RunFragment::MICROSEQUENCE_SIZE, sequence.size() as u32)
        .set(RunFragment::NOTIFIER, half.common.notifier)
        .set(RunFragment::BUFFER, scene.buffer)
        .set(RunFragment::SCENE, scene.scene)
        .set(RunFragment::KERNEL_BUFFER, scene.kernel_buffer)
        .set(
            RunFragment::TVB_TILEMAP,
            half.layout.tilemap.at(scene.block),
        )
        .set(RunFragment::PPP_MULTISAMPLECTL, render.ppp_multisamplectl)
        .set(RunFragment::SAMPLES, render.framebuffer.samples.into())
        .set(
            RunFragment::TILES_PER_MTILE_Y,
            tiling.tiles_per_mtile_y() as u16,
        )
        .set(
            RunFragment::TILES_PER_MTILE_X,
            tiling.tiles_per_mtile_x() as u16,
        )
        .set(RunFragment::ISP_MERGE_UPPER_X, render.isp_merge_upper_x)
        .set(RunFragment::ISP_MERGE_UPPER_Y, render.isp_merge_upper_y)
        .set(RunFragment::TILE_COUNT, tiling.tiles().into())
        .set(RunFragment::PROCESS_EMPTY_TILES, empty_tiles)
        .set(RunFragment::NO_CLEAR_PIPELINE_TEXTURES, 1)
        .set(
            RunFragment::UNK_BUF_10,
            RunFragment::UNK_BUF_10_VALUE.of(half.common.abi) as u64,
        )
        .set(RunFragment::TIMESTAMPS, pointers(start, end))
        .set(
            RunFragment::USER_TIMESTAMPS,
            pointers(half.user_start, half.user_end),
        )
        .set(RunFragment::CLIENT_SEQUENCE, half.common.queue as u8);
    if let Some(params) = out.find_part(RunFragment::JOB_PARAMS1) {
        write_job_params1(half, params);
    }
    if let Some(params) = out.find_part(RunFragment::JOB_PARAMS2) {
        write_job_params2(half, params);
    }
    if let Some(list) = RunFragment::REGISTERS.present(sequence.abi()) {
        let mut registers = RegisterList::new(out.reborrow(), list);
        put_registers(half, &mut registers);
        registers.finish(
            RunFragment::JOB_PARAMS3.then(JobParameters3::REGISTER_INFO),
            half.common.place(half.command).field(list),
        );
    }
    write_job_params3(half, out.part(RunFragment::JOB_PARAMS3));
    half.write_encoder_params(out.part(RunFragment::ENCODER_PARAMS));
    Ok(())
}

fn background(program: TileProgram) -> BackgroundProgram {
    let mut out = BackgroundProgram::zeroed();
    out.set(BackgroundProgram::RSRC_SPEC, program.rsrc_spec.into())
        .set(BackgroundProgram::USC, program.usc.into());
    out
}

fn end_of_tile(program: TileProgram) -> EotProgram {
    let mut out = EotProgram::zeroed();
    out.set(EotProgram::RSRC_SPEC, program.rsrc_spec)
        .set(EotProgram::USC, program.usc);
    out
}

fn array(address: u64) -> ArrayAddr {
    let mut out = ArrayAddr::zeroed();
    out.set(ArrayAddr::ADDRESS, address);
    out
}

fn aux_fb_info(half: &Half<'_>) -> AuxFbInfo {
    // The flag of the UAPI is the bit of the register.
    let dbias = half.render.flags & AuxFbInfo::ISP_CTL_DBIAS_IS_INT;
    let mut info = AuxFbInfo::new(half.common.abi);
    info.set(AuxFbInfo::ISP_CTL, AuxFbInfo::ISP_CTL_VALUE | dbias)
        .set(AuxFbInfo::WIDTH, half.render.framebuffer.width.into())
        .set(AuxFbInfo::HEIGHT, half.render.framebuffer.height.into())
        .put(AuxFbInfo::UNK_10, AuxFbInfo::UNK_10_VALUE);
    info
}

fn generation_word(half: &Half<'_>) -> u32 {
    GENERATION_WORD.of(half.common.abi) as u32
}

fn tile_config(half: &Half<'_>) -> u64 {
    JobParameters1::tile_config(
        half.render.framebuffer.layers.into(),
        half.render.has(flags::PROCESS_EMPTY_TILES),
    )
}

fn write_job_params1(half: &Half<'_>, mut params: Structure<'_, JobParameters1>) {
    use JobParameters1 as P;

    let (render, layout, scene) = (half.render, half.layout, half.scene);
    let (depth, stencil) = (render.depth, render.stencil);
    let word = generation_word(half);
    let heapmeta = layout.heapmeta.at(scene.block);
    params
        .set(P::UTILE_CONFIG, half.tiling.utile_config())
        .set(P::BG, background(render.bg))
        .set(P::PPP_MULTISAMPLECTL, render.ppp_multisamplectl)
        .set(P::ISP_SCISSOR_BASE, render.isp_scissor_base)
        .set(P::ISP_DBIAS_BASE, render.isp_dbias_base)
        .set(P::AUX_FB_INFO, aux_fb_info(half))
        .set(P::ISP_ZLS_PIXELS, render.isp_zls_pixels.into())
        .set(P::ISP_OCLQRY_BASE, render.isp_oclqry_base)
        .set(P::ZLS_CTRL, render.zls_ctrl)
        .put(P::UNK_58, word.into())
        .set(P::Z_LOAD, depth.base)
        .set(P::Z_STORE, depth.base)
        .set(P::S_LOAD, stencil.base)
        .set(P::S_STORE, stencil.base)
        .set(P::Z_LOAD_STRIDE, depth.stride.into())
        .set(P::Z_STORE_STRIDE, depth.stride.into())
        .set(P::S_LOAD_STRIDE, stencil.stride.into())
        .set(P::S_STORE_STRIDE, stencil.stride.into())
        .set(P::Z_LOAD_COMP, depth.comp_base)
        .set(P::Z_LOAD_COMP_STRIDE, depth.comp_stride.into())
        .set(P::Z_STORE_COMP, depth.comp_base)
        .set(P::Z_STORE_COMP_STRIDE, depth.comp_stride.into())
        .set(P::S_LOAD_COMP, stencil.comp_base)
        .set(P::S_LOAD_COMP_STRIDE, stencil.comp_stride.into())
        .set(P::S_STORE_COMP, stencil.comp_base)
        .set(P::S_STORE_COMP_STRIDE, stencil.comp_stride.into())
        .set(P::TVB_TILEMAP, layout.tilemap.at(scene.block))
        .set(P::TVB_LAYERMETA, heapmeta + HEAPMETA_SIZE)
        .set(P::MTILE_STRIDE, half.tiling.mtile_stride())
        .set(P::TVB_HEAPMETA, heapmeta)
        .set(P::TILE_CONFIG, tile_config(half))
        .set(P::AUX_FB, layout.aux_fb.at(scene.block))
        .set(P::USC_EXEC_BASE, half.common.usc_exec_base)
        .set(P::UNK_140, P::UNK_140_VALUE)
        .set(P::HELPER_BINARY, render.fragment_helper.binary)
        .set(P::HELPER_DATA, render.fragment_helper.data)
        .set(P::UNK_158, P::UNK_158_VALUE);
}

fn tib_blocks(half: &Half<'_>) -> u32 {
    let size = half.render.framebuffer.sample_size;
    half.tiling.tib_blocks(size.into())
}

fn write_job_params2(half: &Half<'_>, mut params: Structure<'_, JobParameters2>) {
    use JobParameters2 as P;

    let (render, tiling) = (half.render, half.tiling);
    params
        .set(P::EOT_RSRC_SPEC, render.eot.rsrc_spec)
        .set(P::EOT_USC, render.eot.usc)
        .set(P::ISP_MERGE_UPPER_X, render.isp_merge_upper_x)
        .set(P::ISP_MERGE_UPPER_Y, render.isp_merge_upper_y)
        .set(P::UTILES_PER_MTILE_Y, tiling.utiles_per_mtile_y() as u16)
        .set(P::UTILES_PER_MTILE_X, tiling.utiles_per_mtile_x() as u16)
        .set(P::TE_SCREEN, tiling.te_screen())
        .set(P::TIB_BLOCKS, tib_blocks(half))
        .set(P::ISP_BGOBJDEPTH, render.isp_bgobjdepth)
        .set(
            P::ISP_BGOBJVALS,
            render.isp_bgobjvals | P::ISP_BGOBJVALS_LOAD.of(half.common.abi) as u32,
        )
        .set(P::UNK_3C, 1)
        .set(P::HELPER_CFG, render.fragment_helper.cfg);
}

/// Puts the parameters for the hardware into a list of registers.
fn put_registers(half: &Half<'_>, list: &mut RegisterList<'_, RunFragment>) {
    use registers as r;
    use JobParameters1 as P;

    let (render, tiling, layout, scene) = (half.render, half.tiling, half.layout, half.scene);
    let (depth, stencil) = (render.depth, render.stencil);
    let heapmeta = layout.heapmeta.at(scene.block);
    let frame = &render.framebuffer;
    let dbias = render.flags & AuxFbInfo::ISP_CTL_DBIAS_IS_INT;
    let mtile = r::isp_mtile_size(tiling.utiles_per_mtile_y(), tiling.utiles_per_mtile_x());

    list.set(r::UNK_1739, 1u64)
        .set(r::UTILE_CONFIG, tiling.utile_config())
        .set(r::EOT_RSRC_SPEC, render.eot.rsrc_spec)
        .set(r::EOT_USC, render.eot.usc)
        .set(r::BG_RSRC_SPEC, render.bg.rsrc_spec)
        .set(r::BG_USC, render.bg.usc)
        .set(r::ISP_MERGE_UPPER_X, render.isp_merge_upper_x)
        .set(r::ISP_MERGE_UPPER_Y, render.isp_merge_upper_y)
        .set(r::UNK_100A1, 0u64)
        .set(r::UNK_15069, 0u64)
        .set(r::UNK_15071, 0u64)
        .set(r::UNK_16058, 0u64)
        .set(r::PPP_MULTISAMPLECTL, render.ppp_multisamplectl)
        .set(r::ISP_MTILE_SIZE, mtile)
        .set(r::TE_SCREEN, tiling.te_screen())
        .set(r::TVB_HEAPMETA, heapmeta)
        .set(r::ISP_SCISSOR_BASE, render.isp_scissor_base)
        .set(r::ISP_DBIAS_BASE, render.isp_dbias_base)
        .set(r::ISP_CTL, AuxFbInfo::ISP_CTL_VALUE | dbias)
        .set(
            r::FRAME_SIZE,
            r::frame_size(frame.width.into(), frame.height.into()),
        )
        .set(r::UNK_15049, AuxFbInfo::UNK_10_VALUE)
        .set(r::TIB_BLOCKS, tib_blocks(half))
        .set(r::ISP_ZLS_PIXELS, render.isp_zls_pixels)
        .set(r::ISP_BGOBJDEPTH, render.isp_bgobjdepth)
        .set(r::ISP_BGOBJVALS, render.isp_bgobjvals)
        .set(r::ISP_OCLQRY_BASE, render.isp_oclqry_base)
        .set(r::ZLS_CTRL, render.zls_ctrl)
        .set(r::UNK_15349, generation_word(half))
        .set(r::UNK_15351, 0u64)
        .set(r::Z_LOAD, depth.base)
        .set(r::Z_STORE, depth.base)
        .set(r::S_LOAD, stencil.base)
        .set(r::S_STORE, stencil.base)
        .set(r::UNK_15231, 0u64)
        .set(r::UNK_15221, 0u64)
        .set(r::UNK_15239, 0u64)
        .set(r::UNK_15229, 0u64)
        .set(r::Z_LOAD_STRIDE, depth.stride)
        .set(r::Z_STORE_STRIDE, depth.stride)
        .set(r::S_LOAD_STRIDE, stencil.stride)
        .set(r::S_STORE_STRIDE, stencil.stride)
        .set(r::Z_LOAD_COMP, depth.comp_base)
        .set(r::Z_LOAD_COMP_STRIDE, depth.comp_stride)
        .set(r::Z_STORE_COMP, depth.comp_base)
        .set(r::Z_STORE_COMP_STRIDE, depth.comp_stride)
        .set(r::S_LOAD_COMP, stencil.comp_base)
        .set(r::S_LOAD_COMP_STRIDE, stencil.comp_stride)
        .set(r::S_STORE_COMP, stencil.comp_base)
        .set(r::S_STORE_COMP_STRIDE, stencil.comp_stride)
        .set(r::TVB_TILEMAP, layout.tilemap.at(scene.block))
        .set(r::TVB_LAYERMETA, heapmeta + HEAPMETA_SIZE)
        .set(r::MTILE_STRIDE, tiling.mtile_stride())
        .set(r::TILE_CONFIG, tile_config(half))
        .set(r::ISP_RENDER_ORIGIN, 0u64)
        .set(r::HELPER_BINARY, render.fragment_helper.binary)
        .set(r::HELPER_DATA, render.fragment_helper.data)
        .set(r::HELPER_CFG, render.fragment_helper.cfg)
        .set(r::UNK_15359, 0u64)
        .set(r::USC_EXEC_BASE, half.common.usc_exec_base)
        .set(r::UNK_16020, 0u64)
        .set(r::AUX_FB, layout.aux_fb.at(scene.block))
        .set(r::UNK_120A1, P::UNK_158_VALUE)
        .set(r::UNK_160A8, 0u64)
        .set(r::FRG_TILE_CONFIG, tiling.fragment_tile_config())
        .set(r::UNK_160B8, 0u64);
}

fn write_job_params3(half: &Half<'_>, mut params: Structure<'_, JobParameters3>) {
    use JobParameters3 as P;

    let render = half.render;
    let (depth, stencil) = (render.depth, render.stencil);
    let word = generation_word(half);
    params
        .set(P::ISP_DBIAS_BASE, array(render.isp_dbias_base))
        .set(P::ISP_SCISSOR_BASE, array(render.isp_scissor_base))
        .set(P::ISP_OCLQRY_BASE, render.isp_oclqry_base)
        .set(P::UNK_PARTIAL_BG, background(render.partial_bg))
        .set(P::PARTIAL_BG, background(render.partial_bg))
        .set(P::ZLS_CTRL, render.zls_ctrl)
        .set(P::UNK_290, word.into())
        .set(P::Z_LOAD, depth.base)
        .set(P::Z_PARTIAL_STRIDE, depth.stride.into())
        .set(P::Z_PARTIAL_COMP_STRIDE, depth.comp_stride.into())
        .set(P::Z_STORE, depth.base)
        .set(P::Z_PARTIAL, depth.base)
        .set(P::Z_PARTIAL_COMP, depth.comp_base)
        .set(P::S_LOAD, stencil.base)
        .set(P::S_PARTIAL_STRIDE, stencil.stride.into())
        .set(P::S_PARTIAL_COMP_STRIDE, stencil.comp_stride.into())
        .set(P::S_STORE, stencil.base)
        .set(P::S_PARTIAL, stencil.base)
        .set(P::S_PARTIAL_COMP, stencil.comp_base)
        .set(P::TIB_BLOCKS, tib_blocks(half))
        .set(P::AUX_FB_INFO, aux_fb_info(half))
        .set(P::TILE_CONFIG, tile_config(half))
        .set(P::UNK_PARTIAL_EOT, end_of_tile(render.partial_eot))
        .set(P::PARTIAL_EOT, end_of_tile(render.partial_eot))
        .set(P::ISP_BGOBJDEPTH, render.isp_bgobjdepth)
        .set(P::ISP_BGOBJVALS, render.isp_bgobjvals)
        .set(P::SAMPLE_SIZE, render.framebuffer.sample_size.into())
        .set(P::ISP_ZLS_PIXELS, render.isp_zls_pixels.into());
}

fn write_start<M: Memory>(half: &Half<'_>, memory: &mut M) -> Result<(), M::Error> {
    use StartFragment as Op;

    let of = half.common.place(half.command);
    let mut start = memory.operation::<Op>(half.common.abi, 0)?;
    start
        .set(Op::HEADER, Op::HEADER_VALUE)
        .set(Op::JOB_PARAMS2, of.find(RunFragment::JOB_PARAMS2))
        .set(Op::JOB_PARAMS1, of.find(RunFragment::JOB_PARAMS1))
        .put(Op::REGISTERS, of.find(RunFragment::REGISTERS))
        .set(Op::SCENE, half.scene.scene)
        .set(Op::STATS, half.common.stats)
        .set(Op::BUSY_FLAG, of.field(RunFragment::BUSY_FLAG))
        .set(
            Op::TVB_OVERFLOW_COUNT,
            of.field(RunFragment::TVB_OVERFLOW_COUNT),
        )
        .set(Op::UNK_POINTER, of.field(RunFragment::UNK_POINTEE))
        .set(Op::QUEUE, half.common.queue_info)
        .set(Op::WORK_ITEM, half.command)
        .set(Op::UNK_50, 1)
        .set(Op::EVENT_GENERATION, half.common.queue)
        .set(Op::UNK_758_FLAG, of.field(RunFragment::UNK_758_FLAG))
        .set(Op::UNK_JOB_BUF, of.field(RunFragment::UNK_BUF_0))
        .put(Op::NOTIFIER_BUF, half.common.notifier_unk_buf);
    put_attachments(
        half.render.fragment_attachments,
        &mut start,
        Op::ATTACHMENTS,
        Op::ATTACHMENT_COUNT,
    );
    Ok(())
}

fn write_finalize<M: Memory>(
    half: &Half<'_>,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    use FinalizeFragment as Op;

    let of = half.common.place(half.command);
    let attachments = !half.render.fragment_attachments.is_empty();
    memory
        .operation(sequence.abi(), sequence.finalize())?
        .set(Op::HEADER, Op::HEADER_VALUE)
        .set(Op::SCENE, half.scene.scene)
        .set(Op::BUFFER, half.scene.buffer)
        .set(Op::UNK_2C, 1)
        .set(Op::STATS, half.common.stats)
        .set(Op::UNK_POINTER, of.field(RunFragment::UNK_POINTEE))
        .set(Op::BUSY_FLAG, of.field(RunFragment::BUSY_FLAG))
        .set(Op::QUEUE, half.common.queue_info)
        .set(Op::WORK_ITEM, half.command)
        .set(Op::UNK_758_FLAG, of.field(RunFragment::UNK_758_FLAG))
        .set(Op::RESTART_BRANCH_OFFSET, sequence.restart_branch_offset())
        .set(Op::HAS_ATTACHMENTS, u32::from(attachments));
    Ok(())
}

/// Completes a command that [`describe`] has written.
pub(crate) fn write_turn<M: Memory>(
    fragment: &FragmentTurn,
    sequence: Sequence,
    memory: &mut M,
) -> Result<(), M::Error> {
    let turn = &fragment.turn;
    let mut out = memory.command::<RunFragment>(sequence.abi())?;
    out.put(RunFragment::COUNTER, turn.counter)
        .set(RunFragment::VM_SLOT, turn.vm_slot);
    turn.write_meta(out.part(RunFragment::META));

    memory
        .operation(sequence.abi(), 0)?
        .set(StartFragment::VM_SLOT, turn.vm_slot)
        .set(StartFragment::BUFFER_SLOT, fragment.buffer_slot)
        .set(StartFragment::EVENT_SEQ, turn.event_seq)
        .put(StartFragment::COUNTER, turn.counter);

    memory
        .operation(sequence.abi(), sequence.finalize())?
        .set(FinalizeFragment::VM_SLOT, turn.vm_slot)
        .set(FinalizeFragment::FW_STAMP, turn.firmware_stamp)
        .set(FinalizeFragment::STAMP_VALUE, turn.value);
    Ok(())
}

#[cfg(test)]
#[path = "fragment_tests.rs"]
mod tests;

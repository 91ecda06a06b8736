// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the GPU is given of a fragment command, and what it refuses.

use agx_abi::fragment::{
    ArrayAddr, AuxFbInfo, BackgroundProgram, EotProgram, RunFragment, GENERATION_WORD,
};
use agx_abi::fragment::{JobParameters1, JobParameters2 as P2S, JobParameters3};
use agx_abi::registers::{fragment as registers, Register};
use agx_abi::{Everywhere, Field};
use agxemu_gpu::render::{FragmentJob, Frame, Plane, Program, Zls};

use super::{isp_control, P1, P2};
use crate::memory::Record;
use crate::panic::{ensure, Fw};
use crate::parameters::Registers;

/// Bytes of a utile in the tile buffer at most.
const TILE_BUFFER: u64 = 32767;

/// What a partial render takes has to be what the whole one takes.
pub(super) fn parameters3(r: &Record, p1: &P1<'_>, p2: &P2<'_>, frame: &Frame) -> Fw<()> {
    type P = JobParameters3;
    type W = JobParameters1;
    let p = RunFragment::JOB_PARAMS3;
    r.zero_gaps::<P>(r.offset(p))?;
    for program in [P::UNK_PARTIAL_EOT, P::PARTIAL_EOT] {
        r.zero_gaps::<EotProgram>(r.offset(p.then(program)))?;
    }
    let word = GENERATION_WORD.of(r.abi()) as u64;
    r.want("partial parameter 0x1b0", p.then(P::UNK_290), word)?;
    let arrays = [
        (
            "partial depth biases",
            P::ISP_DBIAS_BASE,
            W::ISP_DBIAS_BASE,
            registers::ISP_DBIAS_BASE,
        ),
        (
            "partial scissors",
            P::ISP_SCISSOR_BASE,
            W::ISP_SCISSOR_BASE,
            registers::ISP_SCISSOR_BASE,
        ),
    ];
    for (name, array, whole, register) in arrays {
        r.want(
            name,
            p.then(array).then(ArrayAddr::ADDRESS),
            p1.get(whole, register)?,
        )?;
        r.want(name, p.then(array).then(ArrayAddr::UNK_8), 0)?;
    }
    for (name, part, whole, register) in [
        (
            "partial occlusion queries",
            P::ISP_OCLQRY_BASE,
            W::ISP_OCLQRY_BASE,
            registers::ISP_OCLQRY_BASE,
        ),
        (
            "partial zls_ctrl",
            P::ZLS_CTRL,
            W::ZLS_CTRL,
            registers::ZLS_CTRL,
        ),
        (
            "partial depth to load",
            P::Z_LOAD,
            W::Z_LOAD,
            registers::Z_LOAD,
        ),
        (
            "partial depth stride",
            P::Z_PARTIAL_STRIDE,
            W::Z_STORE_STRIDE,
            registers::Z_STORE_STRIDE,
        ),
        (
            "partial depth metadata stride",
            P::Z_PARTIAL_COMP_STRIDE,
            W::Z_STORE_COMP_STRIDE,
            registers::Z_STORE_COMP_STRIDE,
        ),
        (
            "partial depth to store",
            P::Z_STORE,
            W::Z_STORE,
            registers::Z_STORE,
        ),
        (
            "partial depth",
            P::Z_PARTIAL,
            W::Z_STORE,
            registers::Z_STORE,
        ),
        (
            "partial depth metadata",
            P::Z_PARTIAL_COMP,
            W::Z_STORE_COMP,
            registers::Z_STORE_COMP,
        ),
        (
            "partial stencil to load",
            P::S_LOAD,
            W::S_LOAD,
            registers::S_LOAD,
        ),
        (
            "partial stencil stride",
            P::S_PARTIAL_STRIDE,
            W::S_STORE_STRIDE,
            registers::S_STORE_STRIDE,
        ),
        (
            "partial stencil metadata stride",
            P::S_PARTIAL_COMP_STRIDE,
            W::S_STORE_COMP_STRIDE,
            registers::S_STORE_COMP_STRIDE,
        ),
        (
            "partial stencil to store",
            P::S_STORE,
            W::S_STORE,
            registers::S_STORE,
        ),
        (
            "partial stencil",
            P::S_PARTIAL,
            W::S_STORE,
            registers::S_STORE,
        ),
        (
            "partial stencil metadata",
            P::S_PARTIAL_COMP,
            W::S_STORE_COMP,
            registers::S_STORE_COMP,
        ),
        (
            "partial tile configuration",
            P::TILE_CONFIG,
            W::TILE_CONFIG,
            registers::TILE_CONFIG,
        ),
        (
            "partial zls pixels",
            P::ISP_ZLS_PIXELS,
            W::ISP_ZLS_PIXELS,
            registers::ISP_ZLS_PIXELS,
        ),
    ] {
        r.want(name, p.then(part), p1.get(whole, register)?)?;
    }
    let info = p.then(P::AUX_FB_INFO);
    let control = isp_control(r, p1)?;
    r.want("partial isp_ctl", info.then(AuxFbInfo::ISP_CTL), control)?;
    r.want("partial frame word 4", info.then(AuxFbInfo::UNK_4), 0)?;
    r.want("partial width", info.then(AuxFbInfo::WIDTH), frame.width)?;
    r.want("partial height", info.then(AuxFbInfo::HEIGHT), frame.height)?;
    r.want_if(
        "partial frame word 0x10",
        info.then(AuxFbInfo::UNK_10),
        AuxFbInfo::UNK_10_VALUE,
    )?;
    let backgrounds = [P::UNK_PARTIAL_BG, P::PARTIAL_BG].map(|f| background(r, p.then(f)));
    ensure!(
        backgrounds[0] == backgrounds[1],
        "{r}: two partial background programs, {:x?} and {:x?}",
        backgrounds[0],
        backgrounds[1]
    );
    let ends = [P::UNK_PARTIAL_EOT, P::PARTIAL_EOT].map(|f| end_of_tile(r, p.then(f)));
    ensure!(
        ends[0] == ends[1],
        "{r}: two partial end-of-tile programs, {:x?} and {:x?}",
        ends[0],
        ends[1]
    );
    let depth = p2.word(P2S::ISP_BGOBJDEPTH, registers::ISP_BGOBJDEPTH)?;
    r.want("partial background depth", p.then(P::ISP_BGOBJDEPTH), depth)?;
    let values = p2.word(P2S::ISP_BGOBJVALS, registers::ISP_BGOBJVALS)?;
    // Some versions want a bit more where they are loaded first.
    let partial = r.get(p.then(P::ISP_BGOBJVALS));
    ensure!(
        values == partial | P2S::ISP_BGOBJVALS_LOAD.of(r.abi()) as u32,
        "{r}: background values are {values:#x}, partial ones {partial:#x}"
    );
    Ok(())
}

fn background<S: Everywhere>(r: &Record, field: Field<S, BackgroundProgram>) -> Program {
    Program {
        usc: r.get(field.then(BackgroundProgram::USC)) as u32,
        counts: r.get(field.then(BackgroundProgram::RSRC_SPEC)) as u32,
    }
}

fn end_of_tile<S: Everywhere>(r: &Record, field: Field<S, EotProgram>) -> Program {
    Program {
        usc: r.get(field.then(EotProgram::USC)),
        counts: r.get(field.then(EotProgram::RSRC_SPEC)),
    }
}

/// Returns the work of the GPU.
pub(super) fn job(
    r: &Record,
    p: &P1<'_>,
    p2: &P2<'_>,
    frame: Frame,
    process_empty_tiles: bool,
) -> Fw<FragmentJob> {
    type P = JobParameters1;
    let p3 = RunFragment::JOB_PARAMS3;
    let plane = |base, stride, comp_base, comp_stride| -> Fw<Plane> {
        let get = |(field, register)| p.get(field, register);
        Ok(Plane {
            base: get(base)?,
            stride: get(stride)? as u32,
            comp_base: get(comp_base)?,
            comp_stride: get(comp_stride)? as u32,
        })
    };
    Ok(FragmentJob {
        frame,
        usc_base: p.get(P::USC_EXEC_BASE, registers::USC_EXEC_BASE)?,
        scissors: p.get(P::ISP_SCISSOR_BASE, registers::ISP_SCISSOR_BASE)?,
        depth_bias: p.get(P::ISP_DBIAS_BASE, registers::ISP_DBIAS_BASE)?,
        depth_bias_is_int: isp_control(r, p)? & AuxFbInfo::ISP_CTL_DBIAS_IS_INT != 0,
        occlusion: p.get(P::ISP_OCLQRY_BASE, registers::ISP_OCLQRY_BASE)?,
        background_depth: p2.word(P2S::ISP_BGOBJDEPTH, registers::ISP_BGOBJDEPTH)?,
        background_values: p2.word(P2S::ISP_BGOBJVALS, registers::ISP_BGOBJVALS)?,
        zls: Zls {
            control: p.get(P::ZLS_CTRL, registers::ZLS_CTRL)?,
            pixels: p.get(P::ISP_ZLS_PIXELS, registers::ISP_ZLS_PIXELS)? as u32,
            depth_load: plane(
                (P::Z_LOAD, registers::Z_LOAD),
                (P::Z_LOAD_STRIDE, registers::Z_LOAD_STRIDE),
                (P::Z_LOAD_COMP, registers::Z_LOAD_COMP),
                (P::Z_LOAD_COMP_STRIDE, registers::Z_LOAD_COMP_STRIDE),
            )?,
            depth_store: plane(
                (P::Z_STORE, registers::Z_STORE),
                (P::Z_STORE_STRIDE, registers::Z_STORE_STRIDE),
                (P::Z_STORE_COMP, registers::Z_STORE_COMP),
                (P::Z_STORE_COMP_STRIDE, registers::Z_STORE_COMP_STRIDE),
            )?,
            stencil_load: plane(
                (P::S_LOAD, registers::S_LOAD),
                (P::S_LOAD_STRIDE, registers::S_LOAD_STRIDE),
                (P::S_LOAD_COMP, registers::S_LOAD_COMP),
                (P::S_LOAD_COMP_STRIDE, registers::S_LOAD_COMP_STRIDE),
            )?,
            stencil_store: plane(
                (P::S_STORE, registers::S_STORE),
                (P::S_STORE_STRIDE, registers::S_STORE_STRIDE),
                (P::S_STORE_COMP, registers::S_STORE_COMP),
                (P::S_STORE_COMP_STRIDE, registers::S_STORE_COMP_STRIDE),
            )?,
        },
        background: match p.structure() {
            Some(p) => background(r, p.then(P::BG)),
            None => {
                let list = p.registers(r)?;
                program(list, registers::BG_USC, registers::BG_RSRC_SPEC)?
            }
        },
        end_of_tile: match p2.structure() {
            Some(p2) => Program {
                usc: r.get(p2.then(P2S::EOT_USC)),
                counts: r.get(p2.then(P2S::EOT_RSRC_SPEC)),
            },
            None => {
                let list = p2.registers(r)?;
                program(list, registers::EOT_USC, registers::EOT_RSRC_SPEC)?
            }
        },
        partial_background: background(r, p3.then(JobParameters3::PARTIAL_BG)),
        partial_end_of_tile: end_of_tile(r, p3.then(JobParameters3::PARTIAL_EOT)),
        process_empty_tiles,
        partial_after: None,
    })
}

/// Returns the program that two registers name.
fn program(list: &Registers, usc: Register, counts: Register) -> Fw<Program> {
    Ok(Program {
        usc: list.word(usc)?,
        counts: list.word(counts)?,
    })
}

/// Returns what of a client's values the GPU does not take.
pub(super) fn refusal(job: &FragmentJob) -> Option<String> {
    let frame = &job.frame;
    let size = u64::from(frame.sample_size);
    let samples = u64::from(frame.samples * frame.utile[0] * frame.utile[1]);
    if size % 8 != 0 || size * samples > TILE_BUFFER {
        return Some(format!("samples of {size} bytes"));
    }
    // Mesa does not cut off what the stencil is cleared to. That bits above those two do nothing is
    // inferred.
    let values = job.background_values;
    if values & 0x300 != 0x300 {
        return Some(format!("isp_bgobjvals is {values:#x}"));
    }
    let zls = &job.zls;
    let bit = |n: u32| (zls.control >> n) & 1 != 0;
    let format = (zls.control >> 25) & 3;
    if !matches!(format, 0 | 2) {
        return Some(format!(
            "zls_ctrl is {:#x}: depth format {format}",
            zls.control
        ));
    }
    for (name, plane, enable, compressed) in [
        ("depth to load", &zls.depth_load, 15, 2),
        ("depth to store", &zls.depth_store, 19, 6),
        ("stencil to load", &zls.stencil_load, 14, 4),
        ("stencil to store", &zls.stencil_store, 18, 8),
    ] {
        if bit(enable) && plane.base == 0 {
            return Some(format!("zls_ctrl is {:#x}, {name} is at 0", zls.control));
        }
        if bit(enable) && bit(compressed) && plane.comp_base == 0 {
            return Some(format!(
                "zls_ctrl is {:#x}, metadata of {name} is at 0",
                zls.control
            ));
        }
    }
    None
}

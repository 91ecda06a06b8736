// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the GPU is given of a fragment command, and what it refuses.

use agx_abi::fragment::{
    ArrayAddr, AuxFbInfo, BackgroundProgram, EotProgram, RunFragment, GENERATION_WORD,
};
use agx_abi::fragment::{JobParameters1, JobParameters2, JobParameters3};
use agx_abi::Field;
use agxemu_gpu::render::{FragmentJob, Frame, Plane, Program, Zls};

use crate::memory::Record;
use crate::panic::{ensure, Fw};

/// Bytes of a utile in the tile buffer at most.
const TILE_BUFFER: u64 = 32767;

/// What a partial render takes has to be what the whole one takes.
pub(super) fn parameters3(r: &Record) -> Fw<()> {
    type P = JobParameters3;
    type P1 = JobParameters1;
    let p = RunFragment::JOB_PARAMS3;
    let p1 = r.present("parameters 1", RunFragment::JOB_PARAMS1)?;
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
            P1::ISP_DBIAS_BASE,
        ),
        (
            "partial scissors",
            P::ISP_SCISSOR_BASE,
            P1::ISP_SCISSOR_BASE,
        ),
    ];
    for (name, array, whole) in arrays {
        r.want(
            name,
            p.then(array).then(ArrayAddr::ADDRESS),
            r.get(p1.then(whole)),
        )?;
        r.want(name, p.then(array).then(ArrayAddr::UNK_8), 0)?;
    }
    for (name, part, whole) in [
        (
            "partial occlusion queries",
            P::ISP_OCLQRY_BASE,
            P1::ISP_OCLQRY_BASE,
        ),
        ("partial zls_ctrl", P::ZLS_CTRL, P1::ZLS_CTRL),
        ("partial depth to load", P::Z_LOAD, P1::Z_LOAD),
        (
            "partial depth stride",
            P::Z_PARTIAL_STRIDE,
            P1::Z_STORE_STRIDE,
        ),
        (
            "partial depth metadata stride",
            P::Z_PARTIAL_COMP_STRIDE,
            P1::Z_STORE_COMP_STRIDE,
        ),
        ("partial depth to store", P::Z_STORE, P1::Z_STORE),
        ("partial depth", P::Z_PARTIAL, P1::Z_STORE),
        (
            "partial depth metadata",
            P::Z_PARTIAL_COMP,
            P1::Z_STORE_COMP,
        ),
        ("partial stencil to load", P::S_LOAD, P1::S_LOAD),
        (
            "partial stencil stride",
            P::S_PARTIAL_STRIDE,
            P1::S_STORE_STRIDE,
        ),
        (
            "partial stencil metadata stride",
            P::S_PARTIAL_COMP_STRIDE,
            P1::S_STORE_COMP_STRIDE,
        ),
        ("partial stencil to store", P::S_STORE, P1::S_STORE),
        ("partial stencil", P::S_PARTIAL, P1::S_STORE),
        (
            "partial stencil metadata",
            P::S_PARTIAL_COMP,
            P1::S_STORE_COMP,
        ),
        (
            "partial tile configuration",
            P::TILE_CONFIG,
            P1::TILE_CONFIG,
        ),
        ("partial zls pixels", P::ISP_ZLS_PIXELS, P1::ISP_ZLS_PIXELS),
    ] {
        r.want(name, p.then(part), r.get(p1.then(whole)))?;
    }
    let (info, whole) = (p.then(P::AUX_FB_INFO), r.get(p1.then(P1::AUX_FB_INFO)));
    for (name, field) in [
        ("partial isp_ctl", AuxFbInfo::ISP_CTL),
        ("partial frame word 4", AuxFbInfo::UNK_4),
        ("partial width", AuxFbInfo::WIDTH),
        ("partial height", AuxFbInfo::HEIGHT),
    ] {
        r.want(name, info.then(field), whole.get(field))?;
    }
    r.want_if(
        "partial frame word 0x10",
        info.then(AuxFbInfo::UNK_10),
        whole.find(AuxFbInfo::UNK_10).unwrap_or(0),
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
    let p2 = r.present("parameters 2", RunFragment::JOB_PARAMS2)?;
    let depth = r.get(p2.then(JobParameters2::ISP_BGOBJDEPTH));
    r.want("partial background depth", p.then(P::ISP_BGOBJDEPTH), depth)?;
    let values = r.get(p2.then(JobParameters2::ISP_BGOBJVALS));
    let load = JobParameters2::ISP_BGOBJVALS_LOAD.of(r.abi()) as u32;
    let plain = r.get(p.then(P::ISP_BGOBJVALS)) | load;
    ensure!(
        values | load == plain,
        "{r}: background values are {values:#x}, partial ones {:#x}",
        r.get(p.then(P::ISP_BGOBJVALS))
    );
    Ok(())
}

fn background<S>(r: &Record, field: Field<S, BackgroundProgram>) -> Program {
    Program {
        usc: r.get(field.then(BackgroundProgram::USC)) as u32,
        counts: r.get(field.then(BackgroundProgram::RSRC_SPEC)) as u32,
    }
}

fn end_of_tile<S>(r: &Record, field: Field<S, EotProgram>) -> Program {
    Program {
        usc: r.get(field.then(EotProgram::USC)),
        counts: r.get(field.then(EotProgram::RSRC_SPEC)),
    }
}

/// Returns the work of the GPU.
pub(super) fn job(r: &Record, frame: Frame, process_empty_tiles: bool) -> Fw<FragmentJob> {
    type P = JobParameters1;
    type P2 = JobParameters2;
    let p = r.present("parameters 1", RunFragment::JOB_PARAMS1)?;
    let p2 = r.present("parameters 2", RunFragment::JOB_PARAMS2)?;
    let p3 = RunFragment::JOB_PARAMS3;
    let get = |field| r.get(p.then(field));
    let plane = |base, stride, comp_base, comp_stride| Plane {
        base: get(base),
        stride: get(stride) as u32,
        comp_base: get(comp_base),
        comp_stride: get(comp_stride) as u32,
    };
    let control = r.get(p.then(P::AUX_FB_INFO).then(AuxFbInfo::ISP_CTL));
    Ok(FragmentJob {
        frame,
        usc_base: get(P::USC_EXEC_BASE),
        scissors: get(P::ISP_SCISSOR_BASE),
        depth_bias: get(P::ISP_DBIAS_BASE),
        depth_bias_is_int: control & AuxFbInfo::ISP_CTL_DBIAS_IS_INT != 0,
        occlusion: get(P::ISP_OCLQRY_BASE),
        background_depth: r.get(p2.then(P2::ISP_BGOBJDEPTH)),
        background_values: r.get(p2.then(P2::ISP_BGOBJVALS)),
        zls: Zls {
            control: get(P::ZLS_CTRL),
            pixels: get(P::ISP_ZLS_PIXELS) as u32,
            depth_load: plane(
                P::Z_LOAD,
                P::Z_LOAD_STRIDE,
                P::Z_LOAD_COMP,
                P::Z_LOAD_COMP_STRIDE,
            ),
            depth_store: plane(
                P::Z_STORE,
                P::Z_STORE_STRIDE,
                P::Z_STORE_COMP,
                P::Z_STORE_COMP_STRIDE,
            ),
            stencil_load: plane(
                P::S_LOAD,
                P::S_LOAD_STRIDE,
                P::S_LOAD_COMP,
                P::S_LOAD_COMP_STRIDE,
            ),
            stencil_store: plane(
                P::S_STORE,
                P::S_STORE_STRIDE,
                P::S_STORE_COMP,
                P::S_STORE_COMP_STRIDE,
            ),
        },
        background: background(r, p.then(P::BG)),
        end_of_tile: Program {
            usc: r.get(p2.then(P2::EOT_USC)),
            counts: r.get(p2.then(P2::EOT_RSRC_SPEC)),
        },
        partial_background: background(r, p3.then(JobParameters3::PARTIAL_BG)),
        partial_end_of_tile: end_of_tile(r, p3.then(JobParameters3::PARTIAL_EOT)),
        process_empty_tiles,
        partial_after: None,
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

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The RunFragment command, checked field by field: see [`crate::vertex`] for what is a panic and
//! what the GPU refuses.

use agx_abi::buffer::AUX_FB_SIZE;
use agx_abi::channel::PipeKind;
use agx_abi::fragment::{ArrayAddr, AuxFbInfo, BackgroundProgram, EotProgram, RunFragment};
use agx_abi::fragment::{JobParameters1, JobParameters2, JobParameters3};
use agx_abi::uat::Protection;
use agx_abi::Field;
use agxemu_gpu::render::{FragmentJob, Frame, Plane, Program, Zls};

use crate::init::Init;
use crate::memory::{Memory, Record};
use crate::panic::{ensure, field, Fw};
use crate::tiling::{tile_buffer_blocks, Tiling};
use crate::tvb::Scene;
use crate::vertex::{self, Setup, Target, TILER};
use crate::work::{Fields, Work};

/// Tag of the command.
pub const TAG: u32 = RunFragment::TAG_VALUE;

/// Bytes of a utile in the tile buffer at most.
const TILE_BUFFER: u64 = 32767;

const FIELDS: Fields<RunFragment> = Fields {
    counter: RunFragment::COUNTER,
    vm_slot: RunFragment::VM_SLOT,
    notifier: RunFragment::NOTIFIER,
    microsequence: RunFragment::MICROSEQUENCE,
    microsequence_size: RunFragment::MICROSEQUENCE_SIZE,
    encoder: RunFragment::ENCODER_PARAMS,
    meta: RunFragment::META,
    command_time: RunFragment::COMMAND_TIME,
    timestamps: RunFragment::TIMESTAMPS,
    user_timestamps: RunFragment::USER_TIMESTAMPS,
    client_sequence: RunFragment::CLIENT_SEQUENCE,
    unk_ts: RunFragment::UNK_TS,
};

/// A fragment command.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// What all commands have.
    pub work: Work,
    /// Buffer manager and scene.
    pub target: Target,
    /// Where the scene is.
    pub setup: Setup,
    /// What the GPU is to do. Its frame has no layers yet: those are the scene's.
    pub job: FragmentJob,
    /// The frame has more than one layer.
    pub layered: bool,
    /// The numbers of the tiler.
    pub words: Words,
    /// Slot of the buffer manager, which its vertex half has.
    pub buffer_slot: Option<u32>,
    /// Why the GPU does not do it.
    pub refusal: Option<String>,
}

/// The numbers of the tiler that a fragment command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Where they are, for messages.
    pub va: u64,
    tiles: u64,
    macrotile: [u16; 2],
    utiles: [u16; 2],
    screen: u32,
    stride: u64,
}

impl Words {
    /// Panics unless they are those of `frame`.
    pub fn check(&self, frame: &Frame) -> Fw<()> {
        let tiling = Tiling::of(frame);
        let r = format!("fragment command at {:#x}", self.va);
        field!(r, "tile count", self.tiles, u64::from(tiling.count()));
        for (i, side) in ["to the right", "downwards"].into_iter().enumerate() {
            let name = format!("tiles of a macrotile {side}");
            field!(r, name, u32::from(self.macrotile[i]), tiling.macrotile[i]);
            let name = format!("utiles of a macrotile {side}");
            field!(r, name, u32::from(self.utiles[i]), tiling.utiles[i]);
        }
        field!(r, "te_screen", self.screen, tiling.screen());
        field!(r, "macrotile stride", self.stride, tiling.stride());
        Ok(())
    }
}

impl Fragment {
    /// Reads the command at `va` of the user queue `uuid`.
    pub fn read(mem: &Memory, init: &Init, va: u64, uuid: u32) -> Fw<Self> {
        type C = RunFragment;
        let what = "fragment command";
        let size = C::USED;
        mem.expect(what, va, size as u64, &[Protection::GPU_RO_FW_PRIV_RW])?;
        let r = mem.record(what, va, size)?;
        r.want("tag", C::TAG, TAG)?;
        r.zero_gaps::<C>(0)?;
        r.zeros(&[
            C::UNK_50,
            C::UNK_58,
            C::UNK_68,
            C::UNK_BUF_0,
            C::UNK_BUF_8,
            C::UNK_TS,
        ])?;
        r.zeros(&[
            C::UNK_8,
            C::UNK_758_FLAG,
            C::UNK_75C_FLAG,
            C::BUSY_FLAG,
            C::UNK_878,
        ])?;
        r.zeros(&[
            C::TVB_OVERFLOW_COUNT,
            C::MSAA_ZS,
            C::UNK_POINTEE,
            C::UNK_V13_3,
        ])?;
        r.zeros(&[C::UNK_AFTER_META])?;
        r.want("word 0x8c0", C::NO_CLEAR_PIPELINE_TEXTURES, 1)?;
        r.want("word 0x910", C::UNK_BUF_10, C::UNK_BUF_10_VALUE)?;
        let work = Work::read(mem, init, &r, PipeKind::Fragment, uuid, &FIELDS)?;
        let target = vertex::target(
            mem,
            &r,
            work.vm_slot,
            [C::BUFFER, C::SCENE, C::KERNEL_BUFFER].map(|field| r.get(field)),
        )?;
        let setup = parameters1(mem, &r, work.vm_slot)?;
        parameters2(&r)?;
        let frame = frame(&r)?;
        parameters3(&r)?;

        let empty = r.get(C::PROCESS_EMPTY_TILES);
        ensure!(empty <= 1, "{r}: process empty tiles is {empty:#x}");
        let config = r.get(C::JOB_PARAMS1.then(JobParameters1::TILE_CONFIG));
        let known = JobParameters1::TILE_CONFIG_VALUE
            | JobParameters1::TILE_CONFIG_LAYERS
            | JobParameters1::TILE_CONFIG_EMPTY_TILES;
        ensure!(
            config & !known == 0,
            "{r}: tile configuration is {config:#x}"
        );
        ensure!(
            (config & JobParameters1::TILE_CONFIG_EMPTY_TILES != 0) == (empty == 1),
            "{r}: tile configuration is {config:#x}, process empty tiles {empty}"
        );
        let job = job(&r, frame, empty == 1);
        let p2 = C::JOB_PARAMS2;
        let words = Words {
            va,
            tiles: r.get(C::TILE_COUNT),
            macrotile: [C::TILES_PER_MTILE_X, C::TILES_PER_MTILE_Y].map(|f| r.get(f)),
            utiles: [
                JobParameters2::UTILES_PER_MTILE_X,
                JobParameters2::UTILES_PER_MTILE_Y,
            ]
            .map(|f| r.get(p2.then(f))),
            screen: r.get(p2.then(JobParameters2::TE_SCREEN)),
            stride: r.get(C::JOB_PARAMS1.then(JobParameters1::MTILE_STRIDE)),
        };
        let refusal = refusal(&job).map(|reason| format!("{r}: {reason}"));
        Ok(Self {
            work,
            target,
            setup,
            job,
            layered: config & JobParameters1::TILE_CONFIG_LAYERS != 0,
            words,
            buffer_slot: None,
            refusal,
        })
    }

    /// Panics unless it fits the scene that its vertex half has made.
    pub(crate) fn check_scene(&self, scene: &Scene) -> Fw<()> {
        let what = format!("fragment command at {:#x}", self.work.va);
        let (frame, whole) = (&self.job.frame, &scene.frame);
        for (name, got, want) in [
            ("width", frame.width, whole.width),
            ("height", frame.height, whole.height),
            ("samples", frame.samples, whole.samples),
            ("utile width", frame.utile[0], whole.utile[0]),
            ("utile height", frame.utile[1], whole.utile[1]),
            (
                "bit for layers",
                self.layered.into(),
                u32::from(whole.layers > 1),
            ),
        ] {
            field!(what, name, got, want);
        }
        let positions = (frame.sample_positions, whole.sample_positions);
        field!(what, "sample positions", positions.0, positions.1);
        for (name, got, want) in [
            ("tile map", self.setup.tilemap, scene.setup.tilemap),
            ("heap metadata", self.setup.heapmeta, scene.setup.heapmeta),
            (
                "layer metadata",
                self.setup.layermeta,
                scene.setup.layermeta,
            ),
            ("buffer information", self.target.info, scene.target.info),
        ] {
            field!(what, name, got, want);
        }
        self.words.check(whole)
    }
}

fn frame(r: &Record) -> Fw<Frame> {
    type P = JobParameters1;
    let p = RunFragment::JOB_PARAMS1;
    let p3 = RunFragment::JOB_PARAMS3;
    let (utile, samples) = vertex::utile(r, r.get(p.then(P::UTILE_CONFIG)))?;
    r.want("samples", RunFragment::SAMPLES, samples)?;
    let positions = r.get(p.then(P::PPP_MULTISAMPLECTL));
    r.want(
        "sample positions",
        RunFragment::PPP_MULTISAMPLECTL,
        positions,
    )?;
    let info = p.then(P::AUX_FB_INFO);
    let frame = Frame {
        width: r.get(info.then(AuxFbInfo::WIDTH)),
        height: r.get(info.then(AuxFbInfo::HEIGHT)),
        layers: 0,
        samples,
        utile,
        sample_size: r.get(p3.then(JobParameters3::SAMPLE_SIZE)),
        ppp_control: 0,
        sample_positions: positions,
    };
    let size = 1..=agx_abi::tiling::MAX_SIZE;
    ensure!(
        size.contains(&frame.width) && size.contains(&frame.height),
        "{r}: frame of {} by {} pixels",
        frame.width,
        frame.height
    );
    let p2 = RunFragment::JOB_PARAMS2;
    let blocks = tile_buffer_blocks(&frame);
    r.want(
        "tile buffer blocks",
        p2.then(JobParameters2::TIB_BLOCKS),
        blocks,
    )?;
    r.want(
        "tile buffer blocks",
        p3.then(JobParameters3::TIB_BLOCKS),
        blocks,
    )?;
    Ok(frame)
}

fn parameters1(mem: &Memory, r: &Record, slot: u8) -> Fw<Setup> {
    type P = JobParameters1;
    let p = RunFragment::JOB_PARAMS1;
    r.zero_gaps::<P>(p.offset())?;
    r.zeros(&[p.then(P::UNK_4), p.then(P::UNK_14C)])?;
    r.zeros(&[p.then(P::UNK_108)])?;
    r.want("parameter 0x148", p.then(P::UNK_140), P::UNK_140_VALUE)?;
    r.want("parameter 0x160", p.then(P::UNK_158), P::UNK_158_VALUE)?;
    r.want("parameter 0x168", p.then(P::UNK_160), 0)?;
    let info = p.then(P::AUX_FB_INFO);
    let control = r.get(info.then(AuxFbInfo::ISP_CTL));
    ensure!(
        control & !AuxFbInfo::ISP_CTL_DBIAS_IS_INT == AuxFbInfo::ISP_CTL_VALUE,
        "{r}: isp_ctl is {control:#x}"
    );
    r.want("frame word 4", info.then(AuxFbInfo::UNK_4), 0)?;
    r.want(
        "frame word 0x10",
        info.then(AuxFbInfo::UNK_10),
        AuxFbInfo::UNK_10_VALUE,
    )?;
    let setup = Setup {
        tilemap: r.get(p.then(P::TVB_TILEMAP)),
        heapmeta: r.get(p.then(P::TVB_HEAPMETA)),
        layermeta: r.get(p.then(P::TVB_LAYERMETA)),
    };
    r.want("tile map", RunFragment::TVB_TILEMAP, setup.tilemap)?;
    let aux = r.get(p.then(P::AUX_FB));
    mem.expect_in(slot, "auxiliary frame buffer", aux, AUX_FB_SIZE, TILER)?;
    Ok(setup)
}

fn parameters2(r: &Record) -> Fw<()> {
    type P = JobParameters2;
    let p = RunFragment::JOB_PARAMS2;
    r.zero_gaps::<P>(p.offset())?;
    let zeros = [P::UNK_8, P::UNK_C, P::UNK_24, P::UNK_38];
    r.zeros(&zeros.map(|field| p.then(field)))?;
    r.zeros(&[p.then(P::UNK_18)])?;
    r.want("parameter 0x3c", p.then(P::UNK_3C), 1)?;
    let upper = RunFragment::ISP_MERGE_UPPER_X;
    r.want(
        "upper x of merging",
        p.then(P::ISP_MERGE_UPPER_X),
        r.get(upper),
    )?;
    let upper = RunFragment::ISP_MERGE_UPPER_Y;
    r.want(
        "upper y of merging",
        p.then(P::ISP_MERGE_UPPER_Y),
        r.get(upper),
    )
}

/// What a partial render takes has to be what the whole one takes.
fn parameters3(r: &Record) -> Fw<()> {
    type P = JobParameters3;
    type P1 = JobParameters1;
    let (p, p1) = (RunFragment::JOB_PARAMS3, RunFragment::JOB_PARAMS1);
    r.zero_gaps::<P>(p.offset())?;
    for program in [P::UNK_PARTIAL_EOT, P::PARTIAL_EOT] {
        r.zero_gaps::<EotProgram>(p.then(program).offset())?;
    }
    r.want("partial parameter 0x1b0", p.then(P::UNK_290), 0)?;
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
    r.want(
        "partial frame word 0x10",
        info.then(AuxFbInfo::UNK_10),
        whole.get(AuxFbInfo::UNK_10),
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
    let p2 = RunFragment::JOB_PARAMS2;
    let depth = r.get(p2.then(JobParameters2::ISP_BGOBJDEPTH));
    r.want("partial background depth", p.then(P::ISP_BGOBJDEPTH), depth)?;
    let values = r.get(p2.then(JobParameters2::ISP_BGOBJVALS));
    let plain = r.get(p.then(P::ISP_BGOBJVALS)) | JobParameters2::ISP_BGOBJVALS_LOAD;
    ensure!(
        values | JobParameters2::ISP_BGOBJVALS_LOAD == plain,
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

fn job(r: &Record, frame: Frame, process_empty_tiles: bool) -> FragmentJob {
    type P = JobParameters1;
    type P2 = JobParameters2;
    let p = RunFragment::JOB_PARAMS1;
    let (p2, p3) = (RunFragment::JOB_PARAMS2, RunFragment::JOB_PARAMS3);
    let get = |field| r.get(p.then(field));
    let plane = |base, stride, comp_base, comp_stride| Plane {
        base: get(base),
        stride: get(stride) as u32,
        comp_base: get(comp_base),
        comp_stride: get(comp_stride) as u32,
    };
    let control = r.get(p.then(P::AUX_FB_INFO).then(AuxFbInfo::ISP_CTL));
    FragmentJob {
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
    }
}

/// What of a client's values the GPU does not take.
fn refusal(job: &FragmentJob) -> Option<String> {
    let frame = &job.frame;
    let size = u64::from(frame.sample_size);
    let samples = u64::from(frame.samples * frame.utile[0] * frame.utile[1]);
    if size % 8 != 0 || size * samples > TILE_BUFFER {
        return Some(format!("samples of {size} bytes"));
    }
    let values = job.background_values;
    if !matches!(values & !0xff, 0x300 | 0x700) {
        return Some(format!("isp_bgobjvals is {values:#x}"));
    }
    let zls = &job.zls;
    let bit = |n: u32| zls.control >> n & 1 != 0;
    let format = zls.control >> 25 & 3;
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

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The RunFragment command, checked field by field: see [`crate::vertex`] for what is a panic and
//! what the GPU refuses.

use agx_abi::buffer::AUX_FB_SIZE;
use agx_abi::channel::PipeKind;
use agx_abi::fragment::{AuxFbInfo, RunFragment, GENERATION_WORD};
use agx_abi::fragment::{JobParameters1, JobParameters2, JobParameters3};
use agx_abi::registers::fragment as registers;
use agx_abi::uat::Protection;
use agxemu_gpu::render::{FragmentJob, Frame};

use crate::chip::Chip;
use crate::init::Init;
use crate::memory::{Memory, Record};
use crate::panic::{ensure, field, Fw};
use crate::parameters::{Parameters, Registers};
use crate::tiling::{tile_buffer_blocks, Tiling};
use crate::tvb::Scene;
use crate::vertex::{self, Setup, Target, TILER};
use crate::work::{Fields, Work};

mod gpu;

/// Tag of the command.
pub const TAG: u32 = RunFragment::TAG_VALUE;

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
    /// Only where they are told in registers.
    config: Option<u64>,
}

impl Words {
    /// Panics unless they are those of `frame`.
    pub fn check(&self, frame: &Frame) -> Fw<()> {
        let tiling = Tiling::of(frame, 1);
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
        if let Some(config) = self.config {
            field!(r, "tiles of the frame", config, tiling.fragment_config());
        }
        Ok(())
    }
}

impl Fragment {
    /// Reads the command at `va` of the user queue `uuid`.
    pub fn read(mem: &Memory, chip: &Chip, init: &Init, va: u64, uuid: u32) -> Fw<Self> {
        type C = RunFragment;
        let what = "fragment command";
        let size = C::USED.of(mem.abi);
        mem.expect(what, va, size as u64, &[Protection::GPU_RO_FW_PRIV_RW])?;
        let r = mem.record(what, va, size)?;
        r.want("tag", C::TAG, TAG)?;
        r.zero_gaps::<C>(0)?;
        r.zeros(&[C::UNK_50, C::UNK_58, C::UNK_68, C::UNK_BUF_0, C::UNK_BUF_8])?;
        r.zeros_if(&[C::UNK_TS])?;
        r.zeros(&[
            C::UNK_8,
            C::UNK_758_FLAG,
            C::UNK_75C_FLAG,
            C::BUSY_FLAG,
            C::UNK_878,
        ])?;
        r.zeros(&[C::TVB_OVERFLOW_COUNT, C::MSAA_ZS, C::UNK_POINTEE])?;
        r.zeros_if(&[C::UNK_V13_3])?;
        r.zeros(&[C::UNK_AFTER_META])?;
        r.want("word 0x8c0", C::NO_CLEAR_PIPELINE_TEXTURES, 1)?;
        let word = C::UNK_BUF_10_VALUE.of(mem.abi) as u64;
        r.want("word 0x910", C::UNK_BUF_10, word)?;
        let work = Work::read(mem, init, &r, PipeKind::Fragment, uuid, &FIELDS)?;
        let target = vertex::target(
            mem,
            chip,
            &r,
            work.vm_slot,
            [C::BUFFER, C::SCENE, C::KERNEL_BUFFER].map(|field| r.get(field)),
        )?;
        let info = C::JOB_PARAMS3.then(JobParameters3::REGISTER_INFO);
        let list = Registers::read(&r, C::REGISTERS, info)?;
        let p1 = Parameters::new(&r, "parameters 1", C::JOB_PARAMS1, list.as_ref())?;
        let p2 = Parameters::new(&r, "parameters 2", C::JOB_PARAMS2, list.as_ref())?;
        let setup = parameters1(mem, &r, &p1, work.vm_slot)?;
        parameters2(&r, &p2)?;
        let frame = frame(&r, &p1, &p2)?;
        gpu::parameters3(&r, &p1, &p2, &frame)?;

        let empty = r.get(C::PROCESS_EMPTY_TILES);
        ensure!(empty <= 1, "{r}: process empty tiles is {empty:#x}");
        let config = p1.get(JobParameters1::TILE_CONFIG, registers::TILE_CONFIG)?;
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
        let job = gpu::job(&r, &p1, &p2, frame, empty == 1)?;
        let words = Words {
            va,
            tiles: r.get(C::TILE_COUNT),
            macrotile: [C::TILES_PER_MTILE_X, C::TILES_PER_MTILE_Y].map(|f| r.get(f)),
            utiles: utiles_of_a_macrotile(&r, &p2)?,
            screen: p2.word(JobParameters2::TE_SCREEN, registers::TE_SCREEN)?,
            stride: p1.get(JobParameters1::MTILE_STRIDE, registers::MTILE_STRIDE)?,
            config: match &list {
                Some(list) => Some(list.get(registers::FRG_TILE_CONFIG)?),
                None => None,
            },
        };
        if let Some(list) = &list {
            list.finish()?;
        }
        let refusal = gpu::refusal(&job).map(|reason| format!("{r}: {reason}"));
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

type P1<'a> = Parameters<'a, RunFragment, JobParameters1>;
type P2<'a> = Parameters<'a, RunFragment, JobParameters2>;

/// Returns the utiles of a macrotile, to the right and downwards.
fn utiles_of_a_macrotile(r: &Record, p2: &P2<'_>) -> Fw<[u16; 2]> {
    type P = JobParameters2;
    if let Some(list) = p2.list() {
        let word = list.word(registers::ISP_MTILE_SIZE)?;
        return Ok([(word >> 16) as u16, word as u16]);
    }
    let p = r.present("parameters 2", RunFragment::JOB_PARAMS2)?;
    Ok([P::UTILES_PER_MTILE_X, P::UTILES_PER_MTILE_Y].map(|f| r.get(p.then(f))))
}

fn frame(r: &Record, p: &P1<'_>, p2: &P2<'_>) -> Fw<Frame> {
    type P = JobParameters1;
    let p3 = RunFragment::JOB_PARAMS3;
    let config = p.word(P::UTILE_CONFIG, registers::UTILE_CONFIG)?;
    let (utile, samples) = vertex::utile(r, config)?;
    r.want("samples", RunFragment::SAMPLES, samples)?;
    let positions = p.get(P::PPP_MULTISAMPLECTL, registers::PPP_MULTISAMPLECTL)?;
    r.want(
        "sample positions",
        RunFragment::PPP_MULTISAMPLECTL,
        positions,
    )?;
    let [width, height] = match p.structure() {
        Some(p) => {
            let info = p.then(P::AUX_FB_INFO);
            [AuxFbInfo::WIDTH, AuxFbInfo::HEIGHT].map(|field| r.get(info.then(field)))
        }
        None => {
            let size = p.registers(r)?.get(registers::FRAME_SIZE)?;
            [size as u32, (size >> 32) as u32]
        }
    };
    let frame = Frame {
        width,
        height,
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
    let blocks = tile_buffer_blocks(&frame);
    p2.want(
        "tile buffer blocks",
        JobParameters2::TIB_BLOCKS,
        registers::TIB_BLOCKS,
        blocks,
    )?;
    r.want(
        "tile buffer blocks",
        p3.then(JobParameters3::TIB_BLOCKS),
        blocks,
    )?;
    Ok(frame)
}

/// Returns the control word of the back end.
fn isp_control(r: &Record, p: &P1<'_>) -> Fw<u32> {
    match p.structure() {
        Some(p) => Ok(r.get(p.then(JobParameters1::AUX_FB_INFO).then(AuxFbInfo::ISP_CTL))),
        None => p.registers(r)?.word(registers::ISP_CTL),
    }
}

/// Constants of unknown meaning.
fn constants(mem: &Memory, r: &Record, parameters: &P1<'_>) -> Fw<()> {
    type P = JobParameters1;
    let word = GENERATION_WORD.of(mem.abi) as u64;
    let Some(p) = parameters.structure() else {
        return parameters.registers(r)?.want(&[
            (registers::UNK_1739, 1),
            (registers::UNK_100A1, 0),
            (registers::UNK_15069, 0),
            (registers::UNK_15071, 0),
            (registers::UNK_16058, 0),
            (registers::UNK_15049, AuxFbInfo::UNK_10_VALUE),
            (registers::UNK_15349, word),
            (registers::UNK_15351, 0),
            (registers::UNK_15231, 0),
            (registers::UNK_15221, 0),
            (registers::UNK_15239, 0),
            (registers::UNK_15229, 0),
            (registers::ISP_RENDER_ORIGIN, 0),
            (registers::UNK_15359, 0),
            (registers::UNK_16020, 0),
            (registers::UNK_120A1, 0x1c),
            (registers::UNK_160A8, 0),
            (registers::UNK_160B8, 0),
        ]);
    };
    r.zero_gaps::<P>(r.offset(p))?;
    r.zeros(&[p.then(P::UNK_4), p.then(P::UNK_14C)])?;
    r.zeros(&[p.then(P::UNK_108)])?;
    r.want("parameter 0x148", p.then(P::UNK_140), P::UNK_140_VALUE)?;
    r.want("parameter 0x160", p.then(P::UNK_158), P::UNK_158_VALUE)?;
    r.want("parameter 0x168", p.then(P::UNK_160), 0)?;
    let info = p.then(P::AUX_FB_INFO);
    r.want("frame word 4", info.then(AuxFbInfo::UNK_4), 0)?;
    r.want_if(
        "frame word 0x10",
        info.then(AuxFbInfo::UNK_10),
        AuxFbInfo::UNK_10_VALUE,
    )?;
    r.want_if("word of the generation", p.then(P::UNK_58), word)
}

fn parameters1(mem: &Memory, r: &Record, p: &P1<'_>, slot: u8) -> Fw<Setup> {
    type P = JobParameters1;
    constants(mem, r, p)?;
    let control = isp_control(r, p)?;
    ensure!(
        control & !AuxFbInfo::ISP_CTL_DBIAS_IS_INT == AuxFbInfo::ISP_CTL_VALUE,
        "{r}: isp_ctl is {control:#x}"
    );
    // Any helper will do.
    p.word(P::HELPER_BINARY, registers::HELPER_BINARY)?;
    p.get(P::HELPER_DATA, registers::HELPER_DATA)?;
    let setup = Setup {
        tilemap: p.get(P::TVB_TILEMAP, registers::TVB_TILEMAP)?,
        heapmeta: p.get(P::TVB_HEAPMETA, registers::TVB_HEAPMETA)?,
        layermeta: p.get(P::TVB_LAYERMETA, registers::TVB_LAYERMETA)?,
    };
    r.want("tile map", RunFragment::TVB_TILEMAP, setup.tilemap)?;
    let aux = p.get(P::AUX_FB, registers::AUX_FB)?;
    mem.expect_in(slot, "auxiliary frame buffer", aux, AUX_FB_SIZE, TILER)?;
    Ok(setup)
}

fn parameters2(r: &Record, parameters: &P2<'_>) -> Fw<()> {
    type P = JobParameters2;
    if let Some(p) = parameters.structure() {
        r.zero_gaps::<P>(r.offset(p))?;
        let zeros = [P::UNK_8, P::UNK_C, P::UNK_24, P::UNK_38];
        r.zeros(&zeros.map(|field| p.then(field)))?;
        r.zeros(&[p.then(P::UNK_18)])?;
        r.want("parameter 0x3c", p.then(P::UNK_3C), 1)?;
    }
    // Any helper will do.
    parameters.word(P::HELPER_CFG, registers::HELPER_CFG)?;
    let upper = r.get(RunFragment::ISP_MERGE_UPPER_X);
    parameters.want(
        "upper x of merging",
        P::ISP_MERGE_UPPER_X,
        registers::ISP_MERGE_UPPER_X,
        upper,
    )?;
    let upper = r.get(RunFragment::ISP_MERGE_UPPER_Y);
    parameters.want(
        "upper y of merging",
        P::ISP_MERGE_UPPER_Y,
        registers::ISP_MERGE_UPPER_Y,
        upper,
    )
}

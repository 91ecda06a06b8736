// SPDX-License-Identifier: MIT OR Apache-2.0

//! The RunFragment command, checked field by field: see [`crate::vertex`] for what is a panic and
//! what the GPU refuses.

use agx_abi::buffer::AUX_FB_SIZE;
use agx_abi::channel::PipeKind;
use agx_abi::fragment::{AuxFbInfo, RunFragment, GENERATION_WORD};
use agx_abi::fragment::{JobParameters1, JobParameters2, JobParameters3};
use agx_abi::uat::Protection;
use agxemu_gpu::render::{FragmentJob, Frame};

use crate::chip::Chip;
use crate::init::Init;
use crate::memory::{Memory, Record};
use crate::panic::{ensure, field, Fw};
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
        let setup = parameters1(mem, &r, work.vm_slot)?;
        parameters2(&r)?;
        let frame = frame(&r)?;
        gpu::parameters3(&r)?;

        let empty = r.get(C::PROCESS_EMPTY_TILES);
        ensure!(empty <= 1, "{r}: process empty tiles is {empty:#x}");
        let p1 = r.present("parameters 1", C::JOB_PARAMS1)?;
        let config = r.get(p1.then(JobParameters1::TILE_CONFIG));
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
        let job = gpu::job(&r, frame, empty == 1)?;
        let p2 = r.present("parameters 2", C::JOB_PARAMS2)?;
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
            stride: r.get(p1.then(JobParameters1::MTILE_STRIDE)),
        };
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

fn frame(r: &Record) -> Fw<Frame> {
    type P = JobParameters1;
    let p = r.present("parameters 1", RunFragment::JOB_PARAMS1)?;
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
    let p2 = r.present("parameters 2", RunFragment::JOB_PARAMS2)?;
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
    let p = r.present("parameters 1", RunFragment::JOB_PARAMS1)?;
    r.zero_gaps::<P>(r.offset(p))?;
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
    r.want_if(
        "frame word 0x10",
        info.then(AuxFbInfo::UNK_10),
        AuxFbInfo::UNK_10_VALUE,
    )?;
    let word = GENERATION_WORD.of(mem.abi) as u64;
    r.want_if("word of the generation", p.then(P::UNK_G14), word)?;
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
    let p = r.present("parameters 2", RunFragment::JOB_PARAMS2)?;
    r.zero_gaps::<P>(r.offset(p))?;
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

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The RunVertex command, checked field by field.
//!
//! What the host works out is recomputed here, and has to be the same. What it passes on from a
//! client cannot be a reason to panic: the GPU refuses such a command when it is started.

mod clusters;
mod places;

use agx_abi::buffer::{self, BufferInfo, Scene};
use agx_abi::channel::PipeKind;
use agx_abi::registers::{vertex as registers, Register};
use agx_abi::tiling::{HEAPMETA_SIZE, MAX_LAYERS, MAX_SIZE};
use agx_abi::uat::Protection;
use agx_abi::vertex::{JobParameters1, JobParameters2, RunVertex, TilingParameters};
use agx_abi::{Field, Value};
use agxemu_gpu::render::{Frame, VertexJob};

use crate::chip::{Chip, Part};
use crate::init::Init;
use crate::machine::Role;
use crate::memory::{Memory, Record, PAGE};
use crate::panic::{ensure, Fw, Panic};
use crate::parameters::{Parameters, Registers};
use crate::tiling::Tiling;
use crate::work::{Fields, Work};
use places::Places;

/// Tag of the command.
pub const TAG: u32 = RunVertex::TAG_VALUE;

const FIELDS: Fields<RunVertex> = Fields {
    counter: RunVertex::COUNTER,
    vm_slot: RunVertex::VM_SLOT,
    notifier: RunVertex::NOTIFIER,
    microsequence: RunVertex::MICROSEQUENCE,
    microsequence_size: RunVertex::MICROSEQUENCE_SIZE,
    encoder: RunVertex::ENCODER_PARAMS,
    meta: RunVertex::META,
    command_time: RunVertex::COMMAND_TIME,
    timestamps: RunVertex::TIMESTAMPS,
    user_timestamps: RunVertex::USER_TIMESTAMPS,
    client_sequence: RunVertex::CLIENT_SEQUENCE,
    unk_ts: RunVertex::UNK_TS,
};

/// Rights of memory that the tiler writes.
pub const TILER: &[Protection] = &[Protection::GPU_SHARED_RW, Protection::GPU_FW_PRIV_RW];

/// Where the tiler puts a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Tile map.
    pub tilemap: u64,
    /// Metadata of the heap, without its tag.
    pub heapmeta: u64,
    /// Metadata of the layers.
    pub layermeta: u64,
}

/// Buffer manager and scene of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Address of the buffer's information.
    pub info: u64,
    /// Address of the scene.
    pub scene: u64,
    /// Address of the buffer's statistics.
    pub stats: u64,
}

/// A vertex command.
#[derive(Clone, Debug)]
pub struct Vertex {
    /// What all commands have.
    pub work: Work,
    /// Slot of the buffer manager.
    pub buffer_slot: u32,
    /// Buffer manager and scene.
    pub target: Target,
    /// Where the scene goes.
    pub setup: Setup,
    /// The tiler's numbers.
    pub tiling: Tiling,
    /// Whether several clusters share the work.
    pub is_shared: bool,
    /// Event slot and stamp value of the fragment half.
    pub fragment: (u32, u32),
    /// What the GPU is to do.
    pub job: VertexJob,
    /// Why it does not.
    pub refusal: Option<String>,
}

impl Vertex {
    /// Reads the command at `va` of the user queue `uuid`.
    pub fn read(mem: &Memory, part: &Part, init: &Init, va: u64, uuid: u32) -> Fw<Self> {
        type C = RunVertex;
        let chip = part.chip;
        let what = "vertex command";
        let size = C::USED.of(mem.abi);
        mem.expect(what, va, size as u64, &[Protection::GPU_RO_FW_PRIV_RW])?;
        let r = mem.record(what, va, size)?;
        r.want("tag", C::TAG, TAG)?;
        r.zero_gaps::<C>(0)?;
        r.zeros(&[C::UNK_8, C::UNK_1C, C::UNK_34, C::UNK_POINTEE, C::UNK_PAD])?;
        r.zeros(&[C::UNK_55C, C::UNK_560, C::UNK_568, C::UNK_AFTER_META])?;
        r.zeros(&[C::UNK_BUF_0, C::UNK_BUF_8, C::UNK_BUF_10])?;
        r.zeros_if(&[C::UNK_TS])?;
        r.want("sync grow", C::SYNC_GROW, 0)?;
        let scratch = r.get(C::USES_SCRATCH);
        ensure!(scratch <= 1, "{r}: uses scratch is {scratch:#x}");
        let work = Work::read(mem, init, &r, PipeKind::Vertex, uuid, &FIELDS)?;
        let buffer_slot = r.get(C::BUFFER_SLOT);
        ensure!(
            buffer_slot < buffer::SLOTS,
            "{r}: buffer slot {buffer_slot}"
        );
        let target = target(
            mem,
            chip,
            &r,
            work.vm_slot,
            [C::BUFFER, C::SCENE, C::KERNEL_BUFFER].map(|field| r.get(field)),
        )?;

        let list = Registers::read(&r, C::REGISTERS, C::REGISTER_INFO)?;
        let p = Parameters::new(&r, "parameters 1", C::JOB_PARAMS1, list.as_ref())?;
        let t = Parameters::new(&r, "tiling parameters", C::TILING_PARAMS, list.as_ref())?;
        let frame = frame(&r, &p, &t)?;
        let clusters = clusters::sharing(chip, &r, &p)?;
        let tiling = Tiling::of(&frame, clusters);
        tiling_parameters(&t, &tiling)?;
        let setup = parameters1(mem, part, &r, &p, work.vm_slot, &tiling)?;
        let p2 = C::JOB_PARAMS2;
        r.zero_gaps::<JobParameters2>(r.offset(p2))?;
        r.want(
            "second preemption buffer",
            p2.then(JobParameters2::PREEMPT1),
            p.get(JobParameters1::PREEMPT1, registers::PREEMPT1)?,
        )?;
        r.want(
            "tile pointer cache",
            C::TPC,
            p.get(JobParameters1::TPC, registers::TPC)?,
        )?;
        r.want("tile pointer cache size", C::TPC_SIZE, tiling.cache())?;
        let stream = registers::VDM_CTRL_STREAM_BASE;
        let stream = p.get(JobParameters1::VDM_CTRL_STREAM_BASE, stream)?;
        let usc_base = p.get(JobParameters1::USC_EXEC_BASE, registers::USC_EXEC_BASE)?;
        if let Some(list) = &list {
            list.finish()?;
        }
        let refusal = (!matches!(frame.ppp_control, 0x202 | 0x302))
            .then(|| format!("{r}: ppp_ctrl is {:#x}", frame.ppp_control));
        Ok(Self {
            work,
            buffer_slot,
            target,
            setup,
            tiling,
            is_shared: clusters > 1,
            fragment: (
                r.get(C::FRAGMENT_STAMP_SLOT),
                r.get(C::FRAGMENT_STAMP_VALUE),
            ),
            job: VertexJob {
                frame,
                stream,
                usc_base,
            },
            refusal,
        })
    }
}

/// Checks the structures at `places`: a buffer's information, a scene, and a buffer of zeros.
pub fn target(mem: &Memory, chip: &Chip, r: &Record, vm_slot: u8, places: [u64; 3]) -> Fw<Target> {
    let [info, scene, zeros] = places;
    let private = &[Protection::FW_PRIV_RW];
    let shared = &[Protection::FW_SHARED_RW];
    mem.expect(
        "buffer information",
        info,
        BufferInfo::size_in(mem.abi) as u64,
        private,
    )?;
    mem.expect("scene", scene, Scene::size_in(mem.abi) as u64, shared)?;
    mem.expect(
        "kernel buffer",
        zeros,
        buffer::KERNEL_BUFFER_SIZE as u64,
        shared,
    )?;
    let s = mem.record("scene", scene, Scene::size_in(mem.abi))?;
    s.zeros(&[Scene::UNK_4, Scene::UNK_20])?;
    s.zeros(&[Scene::UNK_8, Scene::UNK_10])?;
    s.zeros_if(&[Scene::UNK_28, Scene::UNK_30, Scene::UNK_38])?;
    control_word(mem, &s, vm_slot)?;
    let user = s.get(Scene::USER_BUFFER);
    let size = match chip.clusters {
        1 => 0x80,
        _ => 0x1_0080,
    };
    mem.expect_in(vm_slot, "user buffer", user, size, TILER)?;
    let stats = s.get(Scene::STATS);
    mem.expect(
        "buffer statistics",
        stats,
        buffer::BufferStats::SIZE as u64,
        shared,
    )?;
    ensure!(
        stats % 4 == 0 && scene % 4 == 0,
        "{r}: unaligned scene or statistics"
    );
    Ok(Target { info, scene, stats })
}

/// Checks the word of a scene that the GPU writes, in versions that have it, and writes something.
fn control_word(mem: &Memory, s: &Record, vm_slot: u8) -> Fw<()> {
    let Some(va) = s.find(Scene::CONTROL_WORD) else {
        return Ok(());
    };
    s.want_if("second control word", Scene::CONTROL_WORD_2, va)?;
    let shared = &[Protection::GPU_FW_SHARED_RW];
    mem.expect("control word", va, buffer::CONTROL_WORD_SIZE as u64, shared)?;
    ensure!(va % 4 == 0, "{s}: unaligned control word at {va:#x}");
    // In the client's context, which has the kernel's half for this. What is written, and when, is
    // not known [I].
    let page = mem.machine().translate(vm_slot, va, Role::Gpu, true);
    let page = page.map_err(|e| {
        let reason = e.reason;
        Panic(format!(
            "{s}: control word at {va:#x} in context {vm_slot}: {reason:?}"
        ))
    })?;
    let written = mem.machine().store_u32(page.pa + va % PAGE, 1);
    written.map_err(|e| Panic(format!("{s}: control word at {:#x}, which is not RAM", e.0)))
}

type P1<'a> = Parameters<'a, RunVertex, JobParameters1>;
type PT<'a> = Parameters<'a, RunVertex, TilingParameters>;

/// The frame that a vertex command is for.
fn frame(r: &Record, p1: &P1<'_>, p: &PT<'_>) -> Fw<Frame> {
    type P = TilingParameters;
    let size = match p.structure() {
        Some(p) => [P::X_MAX, P::Y_MAX].map(|field| u32::from(r.get(p.then(field))) + 1),
        None => {
            let screen = p.registers(r)?.word(registers::PPP_SCREEN)?;
            [(screen & 0xffff) + 1, (screen >> 16) + 1]
        }
    };
    let word = p.word(P::RENDER_TARGET_MAX, registers::RENDER_TARGET_MAX)?;
    let layers = match word {
        0x8000 => 1,
        _ => (word & 0x1fff) + 1,
    };
    ensure!(
        word == 0x8000 || word >> 13 == 7 && (2..=MAX_LAYERS).contains(&layers),
        "{r}: layers word is {word:#x}"
    );
    if let Some(list) = p.list() {
        list.want(&[(registers::RENDER_TARGET_MAX_PART, u64::from(word & 0x4fff))])?;
    }
    ensure!(
        size.iter().all(|side| *side <= MAX_SIZE),
        "{r}: frame of {} by {} pixels",
        size[0],
        size[1]
    );
    let config = p1.word(JobParameters1::UTILE_CONFIG, registers::UTILE_CONFIG)?;
    let (utile, samples) = utile(r, config)?;
    let positions = registers::PPP_MULTISAMPLECTL;
    Ok(Frame {
        width: size[0],
        height: size[1],
        layers,
        samples,
        utile,
        // The vertex half is not told.
        sample_size: 0,
        ppp_control: p.word(P::PPP_CTRL, registers::PPP_CTRL)?,
        sample_positions: p1.get(JobParameters1::PPP_MULTISAMPLECTL, positions)?,
    })
}

/// Returns the size of a utile, and samples, that `config` says.
pub fn utile(r: &Record, config: u32) -> Fw<([u32; 2], u32)> {
    let utile = [(config >> 12) & 3, config >> 14].map(|sixteenths| sixteenths.saturating_mul(16));
    let samples = config & 0xfff;
    ensure!(
        matches!(utile, [32, 32] | [32, 16] | [16, 16]) && samples <= 2,
        "{r}: utile configuration is {config:#x}"
    );
    Ok((utile, 1 << samples))
}

fn tiling_parameters(p: &PT<'_>, tiling: &Tiling) -> Fw<()> {
    type P = TilingParameters;
    let [border_x, border_y] = tiling.borders();
    let count = tiling.macrotile[0] * tiling.macrotile[1];
    let stride = tiling.cache_words();
    let words: [(&str, Field<P, u32>, Register, u32); 8] = [
        (
            "region size",
            P::RGN_SIZE,
            registers::RGN_SIZE,
            tiling.region_words(),
        ),
        (
            "tiling parameter 4",
            P::UNK_4,
            registers::UNK_10131,
            P::UNK_4_VALUE,
        ),
        (
            "te_screen",
            P::TE_SCREEN,
            registers::TE_SCREEN,
            tiling.screen(),
        ),
        ("te_mtile1", P::TE_MTILE1, registers::TE_MTILE1, border_x),
        ("te_mtile2", P::TE_MTILE2, registers::TE_MTILE2, border_y),
        (
            "tiles of a macrotile",
            P::TILES_PER_MTILE,
            registers::TILES_PER_MTILE,
            count,
        ),
        (
            "tile pointer cache stride",
            P::TPC_STRIDE,
            registers::TPC_STRIDE,
            stride,
        ),
        (
            "tiling parameter 0x24",
            P::UNK_24,
            registers::UNK_10171,
            P::UNK_24_VALUE,
        ),
    ];
    for (name, field, register, want) in words {
        p.want(name, field, register, want)?;
    }
    // Any helper will do.
    p.word(P::HELPER_CFG, registers::HELPER_CFG).map(drop)
}

/// Constants of unknown meaning.
fn constants(r: &Record, parameters: &P1<'_>, tiling: &Tiling) -> Fw<()> {
    type P = JobParameters1;
    let third = P::IOGPU_UNK_54;
    for (name, field, register, want) in [
        (
            "parameter 0",
            P::UNK_0,
            registers::UNK_10141,
            P::UNK_0_VALUE,
        ),
        (
            "parameter 0x30",
            third,
            registers::IOGPU_UNK_54,
            P::IOGPU_UNK_54_VALUE,
        ),
        (
            "parameter 0x38",
            P::IOGPU_UNK_56,
            registers::IOGPU_UNK_56,
            1,
        ),
        ("parameter 0x80", P::UNK_80, registers::UNK_1C958, 1),
    ] {
        parameters.want(name, field, register, want)?;
    }
    let (word, register) = (P::UNK_118, registers::UNK_12099);
    parameters.want("parameter 0x118", word, register, P::UNK_118_VALUE)?;
    if let Some(list) = parameters.list() {
        return list.want(&[
            (registers::UNK_1C930, 0),
            (registers::UNK_1C898, 0),
            (registers::TILING_CONTROL_2, 4),
            (registers::UNK_1C9A8, 0x1c),
            (registers::UNK_10151, 0),
            (registers::UNK_1C199, 0),
            (registers::UNK_1C1A1, 0),
            (registers::UNK_1C1A9, 0),
            (registers::UNK_1C1B1, 0),
            (registers::UNK_1C1B9, 0),
        ]);
    }
    let p = r.present("parameters 1", RunVertex::JOB_PARAMS1)?;
    r.want("parameter 0xf8", p.then(P::UNK_F8), P::UNK_F8_VALUE)?;
    r.want("parameter 0x110", p.then(P::UNK_110), 0)?;
    for (name, field, want) in [
        ("parameter 8", P::UNK_8, P::UNK_8_VALUE),
        ("parameter 0xc", P::UNK_C, P::UNK_8_VALUE),
        ("parameter 0x4c", P::UNK_4C, 0),
        ("parameter 0x104", P::UNK_104, 0),
    ] {
        r.want(name, p.then(field), want)?;
    }
    let blocks = (tiling.cluster_blocks(true) + 3) / 4 * 4;
    let first = u64::from(0x1c + blocks);
    r.want_if("parameter 0xf0", p.then(P::UNK_F0), first)?;
    r.want_if("parameter 0xac", p.then(P::UNK_AC), 0)?;
    r.zeros(&[p.then(P::UNK_B0)])
}

fn parameters1(
    mem: &Memory,
    part: &Part,
    r: &Record,
    p: &P1<'_>,
    slot: u8,
    tiling: &Tiling,
) -> Fw<Setup> {
    type P = JobParameters1;
    constants(r, p, tiling)?;
    let chip = part.chip;
    let mut places = Places::new(mem, r, slot);
    clusters::check(&mut places, chip, r, p, tiling)?;
    // Any helper will do.
    p.word(P::HELPER_BINARY, registers::HELPER_BINARY)?;
    p.get(P::HELPER_DATA, registers::HELPER_DATA)?;
    let mask = p.structure().map(|p| r.find(p.then(P::CORE_MASK)));
    if let Some(cores) = mask.flatten() {
        // The driver in the field names all that work, and has two words for it.
        let [first, second, _] = part.mask_words();
        ensure!(
            cores == [first, second],
            "{r}: core mask is {cores:x?}, {:x?} work",
            [first, second]
        );
    }

    // The parts of the preemption buffer may stand anywhere.
    let third = p.get(P::PREEMPT3, registers::PREEMPT3)?;
    ensure!(
        third & P::PREEMPT3_TAG != 0,
        "{r}: preemption buffer part 3 is {third:#x}, without its tag"
    );
    let parts = [
        p.get(P::PREEMPT1, registers::PREEMPT1)?,
        p.get(P::PREEMPT2, registers::PREEMPT2)?,
        third & !P::PREEMPT3_TAG,
    ];
    let names = [
        "preemption buffer part 1",
        "preemption buffer part 2",
        "preemption buffer part 3",
    ];
    for ((name, va), len) in names.into_iter().zip(parts).zip(chip.render_preempt) {
        places.take(name, va, len * chip.preempt_copies(), TILER)?;
    }

    let heapmeta = p.get(P::TVB_HEAPMETA, registers::TVB_HEAPMETA)?;
    ensure!(
        heapmeta & P::TVB_HEAPMETA_TAG != 0,
        "{r}: heap metadata is {heapmeta:#x}, without its tag"
    );
    let setup = Setup {
        tilemap: p.get(P::TVB_TILEMAP, registers::TVB_TILEMAP)?,
        heapmeta: heapmeta & !P::TVB_HEAPMETA_TAG,
        layermeta: p.get(P::TVB_LAYERMETA, registers::TVB_LAYERMETA)?,
    };
    let tpc = p.get(P::TPC, registers::TPC)?;
    places.take("tile map", setup.tilemap, tiling.tile_map(), TILER)?;
    places.take("heap metadata", setup.heapmeta, HEAPMETA_SIZE, TILER)?;
    let layers = tiling.layer_metadata();
    if layers != 0 {
        places.take("layer metadata", setup.layermeta, layers, TILER)?;
    }
    // The firmware cleans it between uses, so it is mapped for the firmware too. Inferred.
    let private = &[Protection::GPU_FW_PRIV_RW];
    places.take("tile pointer cache", tpc, tiling.cache(), private)?;
    Ok(setup)
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Init data: the tree of structures that the host hands over with its first message.
//!
//! ```text
//! InitData ─┬─ region A
//!           ├─ RuntimePointers ─┬─ channels (state and ring each)
//!           │                   ├─ statistics buffers, scratch
//!           │                   ├─ HwDataA, HwDataB ── io mappings
//!           │                   └─ buffer manager control, seen by GPU and firmware
//!           ├─ Globals
//!           └─ FwStatus ── FwCtl channel
//! ```
//!
//! Everything is looked at once, before anything is used; the first thing that is wrong is the reason
//! of the panic.

use crate::abi::{globals, hw_data_a, hw_data_b, init_data, level_info, runtime_pointers as rp};
use crate::channels::Places;
use crate::chip::Chip;
use crate::iomap;
use crate::memory::{Kind, Memory, Record, PAGE};
use crate::panic::{bail, ensure, field, Fw};

/// Zeroed page at the top of each user address space.
pub const DUMMY_PAGE: u64 = 0x7f_ffff_8000;
/// First address of the timestamp objects.
pub const TIMESTAMPS: u64 = 0xffff_ffae_1000_0000;
/// First address after the timestamp objects.
pub const TIMESTAMPS_END: u64 = 0xffff_ffae_1400_0000;

/// Addresses found in the init data that the firmware uses later.
#[derive(Clone, Debug)]
pub struct InitData {
    /// The structure itself.
    pub va: u64,
    /// Globals.
    pub globals: u64,
    /// FwStatus.
    pub status: u64,
    /// Halt information block.
    pub halt_info: u64,
    /// Statistics of the compute stream.
    pub compute_stats: u64,
    /// Payloads of the log.
    pub log_payloads: u64,
    /// Rings.
    pub places: Places,
    /// The io mappings in use.
    pub io: Vec<iomap::IoMapping>,
}

/// The address in the init message, sign extended from 44 bits.
pub fn address(message: u64) -> u64 {
    let va = message & ((1 << 44) - 1);
    if (va >> 43) & 1 != 0 {
        va | !((1 << 44) - 1)
    } else {
        va
    }
}

impl InitData {
    /// Walks the tree at `va` and checks all of it.
    pub fn walk(mem: &Memory, chip: &Chip, va: u64) -> Fw<Self> {
        ensure!(va != 0, "Unable to grab init data from host");
        let what = "init data";
        mem.expect(what, va, init_data::SIZE as u64, &[Kind::FwPrivRw])?;
        let r = mem.record(what, va, init_data::SIZE)?;
        head(&r, chip)?;

        let region_a = r.u64(init_data::REGION_A);
        mem.expect("init data region A", region_a, 0x4000, &[Kind::FwSharedRo])?;
        let pointers = r.u64(init_data::RUNTIME_POINTERS);
        let globals = r.u64(init_data::GLOBALS);
        let status = r.u64(init_data::FW_STATUS);
        mem.expect(
            "runtime pointers",
            pointers,
            rp::SIZE as u64,
            &[Kind::FwPrivRw],
        )?;
        mem.expect("globals", globals, globals::SIZE as u64, &[Kind::FwPrivRw])?;
        mem.expect("firmware status", status, 0x80, &[Kind::FwSharedRw])?;

        let p = mem.record("runtime pointers", pointers, rp::SIZE)?;
        let io = self::pointers(mem, chip, &p)?;
        self::globals(mem, globals)?;
        let places = Places::collect(mem, &p, status)?;
        Ok(Self {
            va,
            globals,
            status,
            halt_info: p.u64(rp::FAULT_INFO),
            compute_stats: p.u64(rp::STATS_COMPUTE),
            log_payloads: p.u64(rp::FWLOG_PAYLOADS),
            places,
            io,
        })
    }
}

/// The fields of the structure itself, pointers apart.
fn head(r: &Record, chip: &Chip) -> Fw<()> {
    for (i, want) in chip.ver_info.iter().enumerate() {
        field!(
            r,
            format!("ver_info[{i}]"),
            r.u16(init_data::VER_INFO + 2 * i),
            *want
        );
    }
    r.zero(init_data::UNK_8..init_data::UNK_8 + 8)?;
    field!(r, "page size", r.u16(init_data::PAGE_SIZE), 0x4000);
    field!(r, "page bits", r.u8(init_data::PAGE_BITS), 14);
    field!(r, "number of levels", r.u8(init_data::LEVELS), 3);
    for (level, (shift, entries)) in [(36u8, 8u16), (25, 2048), (14, 2048)]
        .into_iter()
        .enumerate()
    {
        let at = init_data::LEVEL_INFO + level * level_info::SIZE;
        let name = |field: &str| format!("level {} {field}", level + 1);
        field!(r, name("unk_3"), r.u8(at), 8);
        field!(r, name("unk_1"), r.u8(at + 1), 14);
        field!(r, name("unk_2"), r.u8(at + 2), 14);
        field!(
            r,
            name("index shift"),
            r.u8(at + level_info::INDEX_SHIFT),
            shift
        );
        field!(r, name("entries"), r.u16(at + level_info::ENTRIES), entries);
        field!(r, name("unk_4"), r.u16(at + 6), 0x4000);
        field!(r, name("unk_8"), r.u64(at + 8), 1);
        let phys = ((1u64 << chip.address_bits) - 1) & !(PAGE - 1);
        field!(
            r,
            name("physical mask"),
            r.u64(at + level_info::PHYS_MASK),
            phys
        );
        let index = u64::from(entries - 1) << shift;
        field!(
            r,
            name("index mask"),
            r.u64(at + level_info::INDEX_MASK),
            index
        );
    }
    if r.u32(init_data::HOST_MAPPED) != 1 {
        bail!(
            "Host-mapped FW allocations are disabled: {r} says {}",
            r.u32(init_data::HOST_MAPPED)
        );
    }
    r.zero(init_data::HOST_MAPPED + 4..init_data::SIZE)
}

fn pointers(mem: &Memory, chip: &Chip, p: &Record) -> Fw<Vec<iomap::IoMapping>> {
    let private = &[Kind::FwPrivRw];
    let writable = &[Kind::FwPrivRw, Kind::FwSharedRw];
    // (name, offset, size, mapping). The sizes of the statistics are those of the tables; drivers
    // allocate more.
    let buffers: [(&str, usize, u64, &[Kind]); 9] = [
        ("vertex statistics", rp::STATS_VERTEX, 0x3000, private),
        ("fragment statistics", rp::STATS_FRAGMENT, 0x1000, private),
        ("compute statistics", rp::STATS_COMPUTE, 0x3000, private),
        (
            "hardware data A",
            rp::HW_DATA_A,
            hw_data_a::SIZE as u64,
            private,
        ),
        ("halt information", rp::FAULT_INFO, 0x80, writable),
        ("runtime pointer 0x198", rp::UNK_198, 0xc0, writable),
        (
            "hardware data B",
            rp::HW_DATA_B,
            hw_data_b::SIZE as u64,
            private,
        ),
        (
            "log payloads",
            rp::FWLOG_PAYLOADS,
            6 * 0x100 * 0xd8,
            &[Kind::FwSharedRw],
        ),
        ("runtime pointer 0x1b8", rp::UNK_1B8, 0x1000, writable),
    ];
    for (name, offset, size, kinds) in buffers {
        mem.expect(name, p.u64(offset), size, kinds)?;
    }
    if chip.has_unk_1c0 {
        mem.expect("runtime pointer 0x1c0", p.u64(rp::UNK_1C0), 0x300, writable)?;
        mem.expect(
            "runtime pointer 0x1c8",
            p.u64(rp::UNK_1C8),
            0x1000,
            writable,
        )?;
    }
    p.pointer(
        "second pointer to hardware data B",
        rp::HW_DATA_B_2,
        p.u64(rp::HW_DATA_B),
    )?;
    field!(p, "word 0x6b38", p.u32(rp::UNK_6B38), 0xff);

    let gpu = p.u64(rp::BUFFER_MGR_GPU);
    let fw = p.u64(rp::BUFFER_MGR_FW);
    mem.expect(
        "buffer manager control, GPU view",
        gpu,
        PAGE,
        &[Kind::GpuSharedRw],
    )?;
    mem.expect(
        "buffer manager control, firmware view",
        fw,
        PAGE,
        &[Kind::FwSharedRw],
    )?;
    let page = |va: u64| mem.machine().entry(0, va).map(|page| page.pa);
    ensure!(
        gpu >> 39 == 0,
        "buffer manager control: GPU view {gpu:#x} outside the lower half"
    );
    ensure!(
        page(gpu) == page(fw),
        "buffer manager control: {gpu:#x} and {fw:#x} are different pages"
    );
    hw_data(mem, chip, p.u64(rp::HW_DATA_B))
}

/// What the firmware relies on in the blob that the boot loader filled, and the host completed.
fn hw_data(mem: &Memory, chip: &Chip, va: u64) -> Fw<Vec<iomap::IoMapping>> {
    let b = mem.record("hardware data B", va, hw_data_b::SIZE)?;
    field!(b, "chip id", b.u32(hw_data_b::CHIP_ID), chip.id);
    b.pointer("dummy page", hw_data_b::DUMMY_PAGE, DUMMY_PAGE)?;
    b.pointer("timestamp base", hw_data_b::TIMESTAMP_BASE, TIMESTAMPS)?;
    b.pointer("ttb base", hw_data_b::TTB_BASE, mem.machine().ttbs_base())?;
    b.word("GPU core id", hw_data_b::GPU_CORE, chip.core_id)?;
    b.word("use_secure_cache_flush", hw_data_b::SECURE_CACHE_FLUSH, 1)?;
    b.word("base clock", hw_data_b::BASE_CLOCK_KHZ, 24_000)?;
    let cores = b.u32(hw_data_b::NUM_CORES);
    ensure!(
        (1..=chip.max_cores).contains(&cores),
        "{b}: {cores} cores on a {}",
        chip.gpu
    );
    iomap::check(mem, chip, &b)
}

fn globals(mem: &Memory, va: u64) -> Fw<()> {
    let g = mem.record("globals", va, globals::SIZE)?;
    g.word("do_init", globals::DO_INIT, 1)?;
    g.word("pending_submissions", globals::PENDING_SUBMISSIONS, 0)?;
    ensure!(
        g.u32(globals::PROGRESS_CHECK_CL) != 0,
        "{g}: progress check interval of 0"
    );
    let stamps = globals::PENDING_STAMPS;
    g.zero(stamps..stamps + 256 * 8)
}

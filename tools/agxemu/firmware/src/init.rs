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
//! Everything is looked at once, before anything is used; the first thing that is wrong is the
//! reason of the panic.

use agx_abi::channel::{FwLogPayload, FW_LOG_ENTRIES, FW_LOG_LEVELS};
use agx_abi::globals::Globals;
use agx_abi::hwdata::{HwDataA, HwDataB};
use agx_abi::init::{self, FaultInfo, FwStatus, InitData, RuntimePointers, UatLevelInfo};
use agx_abi::uat::Protection;
use agx_abi::{Field, Value};

use crate::channels::Places;
use crate::chip::Chip;
use crate::iomap;
use crate::memory::{Memory, Record, PAGE};
use crate::panic::{bail, ensure, field, Fw};

/// Bytes of the vertex statistics that the firmware touches: a driver that has drawn on Macs gives
/// so many, with nothing mapped behind them.
const STATS_VERTEX_TOUCHED: usize = 0x690;
/// Bytes of the compute statistics that the firmware touches as it starts, found as for vertices.
/// Of a driver that runs compute only the larger [`init::STATS_COMPUTE_SIZE`] is known.
const STATS_COMPUTE_TOUCHED: usize = 0x1180;
/// Bytes of the buffer managers' control that are touched, found as for vertices.
const BUFFER_MANAGER_TOUCHED: u64 = 0x7f0;

/// Addresses found in the init data that the firmware uses later.
#[derive(Clone, Debug)]
pub struct Init {
    /// The structure itself.
    pub va: u64,
    /// RuntimePointers.
    pub pointers: u64,
    /// Globals.
    pub globals: u64,
    /// FwStatus.
    pub status: u64,
    /// Halt information block.
    pub halt_info: u64,
    /// Statistics of the compute stream.
    pub compute_stats: u64,
    /// Statistics of the vertex stream.
    pub vertex_stats: u64,
    /// Statistics of the fragment stream.
    pub fragment_stats: u64,
    /// Payloads of the log.
    pub log_payloads: u64,
    /// The page that each user context has to map.
    pub dummy_page: u64,
    /// First address of user timestamps.
    pub timestamp_base: u64,
    /// Rings.
    pub places: Places,
    /// The io mappings in use.
    pub io: Vec<iomap::IoMapping>,
}

impl Init {
    /// Walks the tree at `va` and checks all of it.
    pub fn walk(mem: &Memory, chip: &Chip, va: u64) -> Fw<Self> {
        ensure!(va != 0, "Unable to grab init data from host");
        let private = &[Protection::FW_PRIV_RW];
        mem.expect("init data", va, InitData::size_in(mem.abi) as u64, private)?;
        let r = mem.record("init data", va, InitData::size_in(mem.abi))?;
        head(&r, chip)?;

        let region_a = r.get(InitData::REGION_A);
        let size = init::REGION_A_SIZE as u64;
        mem.expect(
            "init data region A",
            region_a,
            size,
            &[Protection::FW_SHARED_RO],
        )?;
        let pointers = r.get(InitData::RUNTIME_POINTERS);
        let globals = r.get(InitData::GLOBALS);
        let status = r.get(InitData::FW_STATUS);
        mem.expect(
            "runtime pointers",
            pointers,
            RuntimePointers::size_in(mem.abi) as u64,
            private,
        )?;
        mem.expect(
            "globals",
            globals,
            Globals::size_in(mem.abi) as u64,
            private,
        )?;
        let shared = &[Protection::FW_SHARED_RW];
        mem.expect("firmware status", status, FwStatus::SIZE as u64, shared)?;

        let p = mem.record(
            "runtime pointers",
            pointers,
            RuntimePointers::size_in(mem.abi),
        )?;
        buffers(mem, &p)?;
        buffer_manager(mem, &p)?;
        let b = mem.record(
            "hardware data B",
            p.get(RuntimePointers::HWDATA_B),
            HwDataB::size_in(mem.abi),
        )?;
        let io = hw_data(mem, chip, &b)?;
        self::globals(mem, globals)?;
        // The driver in the field has them cached, and reads the pending stamps there. So the
        // firmware cleans what it writes, or does what amounts to that.
        mem.make_coherent(globals, Globals::size_in(mem.abi) as u64);
        let places = Places::collect(mem, &p, status)?;
        Ok(Self {
            va,
            pointers,
            globals,
            status,
            halt_info: p.get(RuntimePointers::FAULT_INFO),
            compute_stats: p.get(RuntimePointers::STATS_COMPUTE),
            vertex_stats: p.get(RuntimePointers::STATS_VERTEX),
            fragment_stats: p.get(RuntimePointers::STATS_FRAGMENT),
            log_payloads: p.get(RuntimePointers::FW_LOG_PAYLOADS),
            dummy_page: b.get(HwDataB::UNK_30),
            timestamp_base: b.get(HwDataB::TIMESTAMP_AREA_BASE),
            places,
            io,
        })
    }
}

impl Init {
    /// Panics unless the fragment statistics have room for the larger table.
    pub fn check_large_statistics(&self, mem: &Memory) -> Fw<()> {
        let what = "fragment statistics";
        let start = self.fragment_stats;
        let size = init::STATS_FRAGMENT_LARGE.of(mem.abi) as u64;
        let end = start.wrapping_add(size);
        mem.expect(what, start, size, &[Protection::FW_PRIV_RW])?;
        let pointers = mem.record(
            "runtime pointers",
            self.pointers,
            RuntimePointers::size_in(mem.abi),
        )?;
        let fields = [
            RuntimePointers::STATS_VERTEX,
            RuntimePointers::STATS_COMPUTE,
            RuntimePointers::HWDATA_A,
            RuntimePointers::HWDATA_B,
            RuntimePointers::FAULT_INFO,
            RuntimePointers::UNK_198,
            RuntimePointers::UNK_1B8,
        ];
        let more = [RuntimePointers::UNK_1C0, RuntimePointers::UNK_1C8];
        let more = more.into_iter().filter_map(|field| pointers.find(field));
        let own = [self.va, self.pointers, self.globals, self.status];
        let all = fields.map(|field| pointers.get(field)).into_iter();
        for other in all.chain(more).chain(own) {
            ensure!(
                !(start..end).contains(&other),
                "{what} at {start:#x} are written up to {end:#x}, something else is at {other:#x}"
            );
        }
        Ok(())
    }
}

/// The fields of the structure itself, pointers apart.
fn head(r: &Record, chip: &Chip) -> Fw<()> {
    if let Some(field) = InitData::VER_INFO.present(r.abi()) {
        for (i, want) in InitData::ver_info(r.abi()).into_iter().enumerate() {
            r.want(&format!("ver_info[{i}]"), field.at(i), want)?;
        }
    }
    r.zero(r.offset(InitData::UNK_8)..r.offset(InitData::RUNTIME_POINTERS))?;
    r.want("page size", InitData::UAT_PAGE_SIZE, PAGE as u16)?;
    r.want("page bits", InitData::UAT_PAGE_BITS, 14)?;
    r.want("number of levels", InitData::UAT_LEVELS, 3)?;
    for (i, level) in UatLevelInfo::levels(chip.address_bits).iter().enumerate() {
        let got = r.get(InitData::UAT_LEVEL_INFO.at(i));
        ensure!(
            got.as_bytes() == level.as_bytes(),
            "{r}: page table level {} is {:02x?}, expected {:02x?}",
            i + 1,
            got.as_bytes(),
            level.as_bytes()
        );
    }
    let host_mapped = r.get(InitData::HOST_MAPPED_FW_ALLOCATIONS);
    if host_mapped != 1 {
        bail!("Host-mapped FW allocations are disabled: {r} says {host_mapped}");
    }
    r.zero(r.end(InitData::HOST_MAPPED_FW_ALLOCATIONS)..r.size())
}

/// The buffers that the firmware is given.
fn buffers(mem: &Memory, p: &Record) -> Fw<()> {
    type Pointer = Field<RuntimePointers, u64>;
    let private = &[Protection::FW_PRIV_RW][..];
    let shared = &[Protection::FW_SHARED_RW][..];
    let either = &[Protection::FW_PRIV_RW, Protection::FW_SHARED_RW][..];
    let log = FwLogPayload::SIZE * FW_LOG_ENTRIES as usize * FW_LOG_LEVELS;
    let buffers: [(&str, Pointer, usize, &[Protection]); 9] = [
        (
            "vertex statistics",
            RuntimePointers::STATS_VERTEX,
            STATS_VERTEX_TOUCHED,
            private,
        ),
        (
            "fragment statistics",
            RuntimePointers::STATS_FRAGMENT,
            // `--hardware statistics` writes more.
            init::STATS_FRAGMENT_SMALL.of(mem.abi),
            private,
        ),
        (
            "compute statistics",
            RuntimePointers::STATS_COMPUTE,
            STATS_COMPUTE_TOUCHED,
            private,
        ),
        (
            "hardware data A",
            RuntimePointers::HWDATA_A,
            HwDataA::size_in(mem.abi),
            private,
        ),
        (
            "halt information",
            RuntimePointers::FAULT_INFO,
            FaultInfo::SIZE,
            either,
        ),
        (
            "runtime pointer 0x198",
            RuntimePointers::UNK_198,
            init::UNK_198_SIZE,
            either,
        ),
        (
            "hardware data B",
            RuntimePointers::HWDATA_B,
            HwDataB::size_in(mem.abi),
            private,
        ),
        (
            "log payloads",
            RuntimePointers::FW_LOG_PAYLOADS,
            log,
            shared,
        ),
        (
            "runtime pointer 0x1b8",
            RuntimePointers::UNK_1B8,
            init::UNK_1B8_SIZE,
            either,
        ),
    ];
    for (name, field, size) in [
        (
            "runtime pointer 0x1c0",
            RuntimePointers::UNK_1C0,
            init::UNK_1C0_SIZE,
        ),
        (
            "runtime pointer 0x1c8",
            RuntimePointers::UNK_1C8,
            init::UNK_1C8_SIZE,
        ),
    ] {
        if let Some(va) = p.find(field) {
            mem.expect(name, va, size as u64, either)?;
        }
    }
    for (name, field, size, allowed) in buffers {
        mem.expect(name, p.get(field), size as u64, allowed)?;
    }
    let statistics = p.get(RuntimePointers::STATS_FRAGMENT);
    for offset in init::STATS_FRAGMENT_MINUS_ONE.map(|at| at.of(mem.abi)) {
        let word = mem.u32(statistics + offset as u64)?;
        ensure!(
            word == u32::MAX,
            "fragment statistics: word {offset:#x} is {word:#x}, expected 0xffffffff"
        );
    }
    let b = p.get(RuntimePointers::HWDATA_B);
    p.want(
        "second pointer to hardware data B",
        RuntimePointers::HWDATA_B_2,
        b,
    )?;
    p.want(
        "word 0x6b38",
        RuntimePointers::UNK_6B38,
        RuntimePointers::UNK_6B38_VALUE,
    )
}

/// The control block of the buffer managers, which GPU and firmware share. It may lie anywhere in
/// its page.
fn buffer_manager(mem: &Memory, p: &Record) -> Fw<()> {
    let gpu = p.get(RuntimePointers::BUFFER_MGR_CTL_GPU);
    let fw = p.get(RuntimePointers::BUFFER_MGR_CTL_FW);
    let what = "buffer manager control";
    let len = BUFFER_MANAGER_TOUCHED;
    mem.expect(
        &format!("{what}, GPU view"),
        gpu,
        len,
        &[Protection::GPU_SHARED_RW],
    )?;
    mem.expect(
        &format!("{what}, firmware view"),
        fw,
        len,
        &[Protection::FW_SHARED_RW],
    )?;
    ensure!(
        gpu >> 39 == 0,
        "{what}: GPU view {gpu:#x} outside the lower half"
    );
    for offset in [0, len - 1] {
        let place = |va: u64| {
            let va = va + offset;
            mem.machine().entry(0, va).map(|page| page.pa + va % PAGE)
        };
        ensure!(
            place(gpu) == place(fw),
            "{what}: {gpu:#x} and {fw:#x} are different memory"
        );
    }
    Ok(())
}

/// What the firmware relies on in the blob that the boot loader filled, and the host completed.
fn hw_data(mem: &Memory, chip: &Chip, b: &Record) -> Fw<Vec<iomap::IoMapping>> {
    b.want("chip id", HwDataB::CHIP_ID, chip.id)?;
    for (name, field) in [
        ("dummy page", HwDataB::UNK_30),
        ("timestamp base", HwDataB::TIMESTAMP_AREA_BASE),
    ] {
        let va = b.get(field);
        ensure!(va != 0 && va % PAGE == 0, "{b}: {name} is {va:#x}");
    }
    b.want("ttb base", HwDataB::UAT_TTB_BASE, mem.machine().ttbs_base())?;
    b.want("GPU core id", HwDataB::GPU_CORE_ID, chip.core_id)?;
    b.want("use_secure_cache_flush", HwDataB::UNK_524, 1)?;
    b.want("base clock", HwDataB::BASE_CLOCK_KHZ, 24_000)?;
    let cores = b.get(HwDataB::NUM_CORES);
    ensure!(
        (1..=chip.cores()).contains(&cores),
        "{b}: {cores} cores on a {}",
        chip.gpu
    );
    if let Some(va) = b.find(HwDataB::SGX_SRAM_PTR) {
        sram(mem, chip, b, va)?;
    }
    iomap::check(mem, chip, b)
}

/// The GPU's own memory, which is never accessed here.
fn sram(mem: &Memory, chip: &Chip, b: &Record, va: u64) -> Fw<()> {
    let Some((phys, size)) = chip.sram else {
        field!(b, "SRAM", va, 0);
        return Ok(());
    };
    ensure!(va % PAGE == 0, "{b}: SRAM at {va:#x}, which is not aligned");
    mem.expect("SRAM", va, size, &[Protection::FW_SHARED_RW])?;
    for offset in (0..size).step_by(PAGE as usize) {
        let page = mem.machine().entry(0, va + offset);
        let pa = page.map(|page| page.pa);
        ensure!(
            pa == Some(phys + offset),
            "{b}: SRAM at {:#x} is mapped to {pa:#x?}",
            va + offset
        );
    }
    let behind = va + size;
    ensure!(
        mem.machine().entry(0, behind).is_none(),
        "{b}: no guard page behind the SRAM at {behind:#x}"
    );
    Ok(())
}

fn globals(mem: &Memory, va: u64) -> Fw<()> {
    let g = mem.record("globals", va, Globals::size_in(mem.abi))?;
    g.want("do_init", Globals::DO_INIT, 1)?;
    g.want("pending_submissions", Globals::PENDING_SUBMISSIONS, 0)?;
    let interval = g.get(Globals::PROGRESS_CHECK_INTERVAL_CL);
    ensure!(interval != 0, "{g}: compute progress check interval of 0");
    g.zero(Globals::PENDING_STAMPS.range_in(mem.abi))
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Init data, as a driver builds it.

use crate::support::abi::{abi, part};
use agx_abi::channel::{self, ChannelInfo, ChannelState, FwCtlState, FwLogPayload};
use agx_abi::globals::Globals;
use agx_abi::hwdata::{HwDataA, HwDataB, IoMapping};
use agx_abi::init::{self, FwStatus, InitData, RuntimePointers, UatLevelInfo};
use agx_abi::uat::{Protection, BUFFER_MGR_CTL_GPU, PAGE_SIZE};
use agx_abi::Value;

use super::habits::Habits;
use super::machine::TTBS;
use super::memory::{Memory, KERNEL};

/// Addresses of everything that the driver and the tests need again.
pub struct Tree {
    pub init_data: u64,
    pub pointers: u64,
    pub globals: u64,
    pub status: u64,
    pub hw_data_b: u64,
    pub log_payloads: u64,
}

const SHARED: Protection = Protection::FW_SHARED_RW;

fn channel(mem: &mut Memory, ring: Protection, len: usize, state: usize) -> ChannelInfo {
    let mut info = ChannelInfo::zeroed();
    info.set(ChannelInfo::STATE, mem.alloc(SHARED, state))
        .set(ChannelInfo::RING, mem.alloc(ring, len));
    info
}

pub fn build(mem: &mut Memory, habits: &Habits) -> Tree {
    let private = habits.private;
    let pointers = runtime_pointers(mem, habits);
    let globals = mem.alloc(private, Globals::size_in(abi()));
    mem.set(globals, Globals::DO_INIT, 1);
    mem.set(globals, Globals::PROGRESS_CHECK_INTERVAL_3D, 40);
    mem.set(globals, Globals::PROGRESS_CHECK_INTERVAL_TA, 10);
    mem.set(globals, Globals::PROGRESS_CHECK_INTERVAL_CL, 250);
    mem.set(globals, Globals::IDLE_OFF_DELAY_MS, 2);
    let status = mem.alloc(SHARED, FwStatus::SIZE);
    let entry = channel::FwCtlMessage::SIZE * channel::FW_CTL_ENTRIES as usize;
    let fw_ctl = channel(mem, SHARED, entry, FwCtlState::SIZE);
    mem.set(status, FwStatus::FW_CTL, fw_ctl);

    let init_data = mem.alloc(private, InitData::size_in(abi()));
    let region_a = mem.alloc(habits.region_a, init::REGION_A_SIZE);
    if let Some(field) = InitData::VER_INFO.present(abi()) {
        mem.set(init_data, field, InitData::ver_info(abi()));
    }
    mem.set(init_data, InitData::REGION_A, region_a);
    mem.set(init_data, InitData::RUNTIME_POINTERS, pointers);
    mem.set(init_data, InitData::GLOBALS, globals);
    mem.set(init_data, InitData::FW_STATUS, status);
    mem.set(init_data, InitData::UAT_PAGE_SIZE, 0x4000);
    mem.set(init_data, InitData::UAT_PAGE_BITS, 14);
    mem.set(init_data, InitData::UAT_LEVELS, 3);
    mem.set(
        init_data,
        InitData::UAT_LEVEL_INFO,
        UatLevelInfo::levels(part().chip.address_bits),
    );
    mem.set(init_data, InitData::HOST_MAPPED_FW_ALLOCATIONS, 1);
    Tree {
        init_data,
        pointers,
        globals,
        status,
        hw_data_b: mem.get(pointers, RuntimePointers::HWDATA_B),
        log_payloads: mem.get(pointers, RuntimePointers::FW_LOG_PAYLOADS),
    }
}

fn runtime_pointers(mem: &mut Memory, habits: &Habits) -> u64 {
    type R = RuntimePointers;
    let private = habits.private;
    let p = mem.alloc(private, R::size_in(abi()));
    let state = ChannelState::SIZE;
    let len = |count: u32, entry: usize| count as usize * entry;
    let pipe = len(channel::PIPE_ENTRIES, channel::PipeMessage::size_in(abi()));
    for i in 0..12 {
        let info = channel(mem, private, pipe, state);
        mem.set(p, R::PIPES.at(i), info);
    }
    let control = len(
        channel::DEVICE_CONTROL_ENTRIES,
        channel::DeviceControlMessage::size_in(abi()),
    );
    let event = len(channel::EVENT_ENTRIES, channel::EventMessage::SIZE);
    let log = len(channel::FW_LOG_ENTRIES, channel::FwLogMessage::SIZE);
    let trace = len(channel::KTRACE_ENTRIES, channel::KTraceMessage::SIZE);
    let stats = len(
        channel::STATS_ENTRIES,
        agx_abi::stats::StatsMessage::size_in(abi()),
    );
    let levels = channel::FW_LOG_LEVELS;
    for (field, ring, len, state) in [
        (R::DEVICE_CONTROL, private, control, state),
        (R::EVENT, SHARED, event, state),
        (R::FW_LOG, SHARED, levels * log, levels * state),
        (R::KTRACE, SHARED, trace, state),
        (R::STATS, SHARED, stats, state),
    ] {
        let info = channel(mem, ring, len, state);
        mem.set(p, field, info);
    }
    for (field, protection, len) in [
        (R::STATS_VERTEX, private, habits.vertex_statistics),
        (R::STATS_FRAGMENT, private, init::STATS_FRAGMENT_SIZE),
        (R::STATS_COMPUTE, private, habits.compute_statistics),
        (R::HWDATA_A, private, HwDataA::size_in(abi())),
        (R::FAULT_INFO, private, init::FAULT_INFO_SIZE),
        (R::UNK_198, private, init::UNK_198_SIZE),
        (
            R::FW_LOG_PAYLOADS,
            SHARED,
            levels * FwLogPayload::SIZE * channel::FW_LOG_ENTRIES as usize,
        ),
        (R::UNK_1B8, private, init::UNK_1B8_SIZE),
    ] {
        let va = mem.alloc(protection, len);
        mem.set(p, field, va);
    }
    for (field, len) in [
        (R::UNK_1C0, init::UNK_1C0_SIZE),
        (R::UNK_1C8, init::UNK_1C8_SIZE),
    ] {
        if let Some(field) = field.present(abi()) {
            let va = mem.alloc(private, len);
            mem.set(p, field, va);
        }
    }
    fill_fragment_statistics(mem, mem.get(p, R::STATS_FRAGMENT));
    let b = hw_data_b(mem, habits);
    mem.set(p, R::HWDATA_B, b);
    mem.set(p, R::HWDATA_B_2, b);
    let page = mem.page();
    let fw_view = 0xffff_ffae_ffff_0000;
    mem.map(KERNEL, BUFFER_MGR_CTL_GPU, page, habits.buffer_manager);
    mem.map(KERNEL, fw_view, page, SHARED);
    let offset = habits.buffer_manager_offset;
    mem.set(p, R::BUFFER_MGR_CTL_GPU, BUFFER_MGR_CTL_GPU + offset);
    mem.set(p, R::BUFFER_MGR_CTL_FW, fw_view + offset);
    mem.set(p, R::UNK_6B38, R::UNK_6B38_VALUE);
    p
}

/// Writes what a driver writes to the fragment statistics.
pub fn fill_fragment_statistics(mem: &Memory, va: u64) {
    for at in init::STATS_FRAGMENT_MINUS_ONE {
        mem.set_u32(va + at.of(abi()) as u64, u32::MAX);
    }
}

/// The blob as the boot loader fills it, completed by the driver.
fn hw_data_b(mem: &mut Memory, habits: &Habits) -> u64 {
    type B = HwDataB;
    let b = mem.alloc(habits.private, B::size_in(abi()));
    let chip = part().chip;
    mem.set(b, B::CHIP_ID, chip.id);
    mem.set(b, B::UNK_30, habits.dummy_page);
    mem.set(b, B::TIMESTAMP_AREA_BASE, habits.timestamp_base);
    mem.set(b, B::UAT_TTB_BASE, TTBS);
    mem.set(b, B::GPU_CORE_ID, chip.core_id);
    mem.set(b, B::UNK_524, 1);
    mem.set(b, B::BASE_CLOCK_KHZ, 24_000);
    mem.set(b, B::NUM_CORES, chip.cores());
    let mut va = 0xffff_ffaf_0000_0000;
    for io in chip.io.iter().copied().flatten() {
        let field = B::io_mapping(abi(), io.index);
        let offset = io.phys % PAGE_SIZE;
        let protection = match io.writable {
            true => Protection::FW_MMIO_RW,
            false => habits.registers_to_read,
        };
        let pages = (offset + u64::from(io.size())).div_ceil(PAGE_SIZE);
        for i in 0..pages {
            let phys = io.phys_at((i * PAGE_SIZE).saturating_sub(offset));
            let phys = phys & !(PAGE_SIZE - 1);
            mem.map(KERNEL, va + i * PAGE_SIZE, phys, protection);
        }
        mem.set(b, field.then(IoMapping::PHYS), io.phys);
        mem.set(b, field.then(IoMapping::VIRT), va + offset);
        mem.set(b, field.then(IoMapping::SIZE), io.size());
        mem.set(b, field.then(IoMapping::RANGE_SIZE), io.element);
        mem.set(b, field.then(IoMapping::WRITABLE), u64::from(io.writable));
        va += (pages + 1) * PAGE_SIZE;
    }
    if let (Some((phys, size)), Some(field)) = (chip.sram, B::SGX_SRAM_PTR.present(abi())) {
        for offset in (0..size).step_by(PAGE_SIZE as usize) {
            mem.map(KERNEL, va + offset, phys + offset, SHARED);
        }
        mem.set(b, field, va);
    }
    b
}

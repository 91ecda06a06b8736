// SPDX-License-Identifier: MIT OR Apache-2.0

//! Init data: what is accepted, and each reason for which it is not.

use crate::support::abi::{Must, ABI};
use crate::support::driver::Driver;
use crate::support::memory::{Memory, KERNEL};
use agx_abi::channel::{
    device_control, ChannelInfo, ChannelState, DeviceControlMessage, KTraceMessage,
};
use agx_abi::globals::Globals;
use agx_abi::hwdata::{HwDataB, IoMapping};
use agx_abi::init::{FwStatus, InitData, RuntimePointers as R, UatLevelInfo};
use agx_abi::message;
use agx_abi::uat::{pte, Protection, BUFFER_MGR_CTL_GPU, PAGE_SIZE};
use agxemu_firmware::{DOORBELLS, ENDPOINT};

#[test]
fn good_init_data_is_accepted() {
    let mut d = Driver::new(&[]);
    d.init().unwrap();
    assert!(d.machine.logged("init data at 0xffffffa"));
    // The log is there before Initialize.
    assert!(d
        .log_lines()
        .iter()
        .any(|(_, line)| line.contains("started")));
    d.initialize().unwrap();
    assert!(!d.fw.has_crashed());
    let (state, _) = d.place(R::DEVICE_CONTROL);
    assert_eq!(d.mem.get(state, ChannelState::READ_PTR), 1);
    assert!(d.messages().iter().all(|m| *m == (0x20, 0x42 << 48)));
}

#[test]
fn initialize_may_wait_in_the_ring_before_init() {
    let mut d = Driver::new(&[]);
    let mut m = DeviceControlMessage::new(ABI);
    m.set(
        DeviceControlMessage::KIND,
        device_control::INITIALIZE.of(ABI) as u32,
    );
    let place = d.place(R::DEVICE_CONTROL);
    d.put(place, 0x100, m.as_bytes());
    d.init().unwrap();
    d.ring(message::DOORBELL_DEVICE_CONTROL).unwrap();
    d.ring(message::DOORBELL_KICK).unwrap();
    assert_eq!(d.mem.get(place.0, ChannelState::READ_PTR), 1);
}

/// Changes the protection of the page of `va`.
fn protect(mem: &mut Memory, va: u64, protection: Protection) {
    let at = mem.entry(KERNEL, va);
    let address = mem.machine.get_u64(at) & pte::ADDRESS_MASK;
    mem.machine
        .set_u64(at, address | protection.bits() | pte::VALID);
}

type Break = fn(&mut Driver);

fn pointers(d: &Driver, field: agx_abi::Field<R, u64>, value: u64) {
    d.mem.set(d.tree.pointers, field, value);
}

/// Clears a word of the fragment statistics.
fn statistics(d: &Driver, offset: u64) {
    let at = d.mem.get(d.tree.pointers, R::STATS_FRAGMENT);
    d.mem.set_u32(at + offset, 0);
}

/// What is broken, and the reason that must be given for the panic.
const CASES: &[(Break, &str)] = &[
    (
        |d| d.tree.init_data = 0,
        "Unable to grab init data from host",
    ),
    (
        |d| d.tree.init_data = 0xffff_ffa7_0000_0000,
        "init data: 0xffffffa700000000 is not mapped",
    ),
    (
        |d| protect(&mut d.mem, d.tree.init_data, Protection::FW_SHARED_RO),
        "is mapped as FW_SHARED_RO, the firmware cannot write it (usually FW_PRIV_RW)",
    ),
    (
        |d| {
            d.mem
                .set(d.tree.init_data, InitData::VER_INFO.must().at(1), 0x1111)
        },
        "ver_info[1] is 0x1111, expected 0x1f28",
    ),
    (
        |d| d.mem.set(d.tree.init_data, InitData::UAT_PAGE_SIZE, 0x1000),
        "page size is 0x1000, expected 0x4000",
    ),
    (
        |d| d.mem.set(d.tree.init_data, InitData::UAT_PAGE_BITS, 12),
        "page bits is 0xc",
    ),
    (
        |d| d.mem.set(d.tree.init_data, InitData::UAT_LEVELS, 4),
        "number of levels is 0x4",
    ),
    (
        |d| {
            let field = InitData::UAT_LEVEL_INFO.at(1).then(UatLevelInfo::ENTRIES);
            d.mem.set(d.tree.init_data, field, 512);
        },
        "page table level 2 is",
    ),
    (
        |d| {
            d.mem
                .set(d.tree.init_data, InitData::HOST_MAPPED_FW_ALLOCATIONS, 0)
        },
        "Host-mapped FW allocations are disabled",
    ),
    (
        |d| d.mem.set(d.tree.init_data, InitData::UNK_C, 1),
        "byte 0x14 is 0x1, must be zero",
    ),
    (
        |d| d.mem.set_u32(d.tree.init_data + 0xb8, 2),
        "byte 0xb8 is 0x2, must be zero",
    ),
    (
        |d| d.mem.set(d.tree.init_data, InitData::REGION_A, 0),
        "init data region A: null pointer",
    ),
    (
        |d| {
            let va = d.mem.get(d.tree.init_data, InitData::REGION_A);
            protect(&mut d.mem, va, Protection::FW_PRIV_RW);
        },
        "region A: 0xffffffa200000000 is mapped as FW_PRIV_RW, host and firmware share it, cached",
    ),
    (
        |d| {
            let va = d.mem.get(d.tree.init_data, InitData::REGION_A);
            protect(&mut d.mem, va, Protection::FW_MMIO_RW);
        },
        "is mapped as FW_MMIO_RW, it is memory, mapped as device registers",
    ),
    (
        |d| {
            let at = d.mem.entry(KERNEL, d.tree.init_data);
            let entry = d.mem.machine.get_u64(at);
            d.mem.machine.set_u64(at, entry & !pte::AF);
        },
        "its access flag is not set",
    ),
    (
        |d| {
            d.mem
                .set(d.tree.init_data, InitData::RUNTIME_POINTERS, 0x1234)
        },
        "runtime pointers: 0x0 is not mapped",
    ),
    (
        |d| d.mem.set(d.tree.init_data, InitData::GLOBALS, 0),
        "globals: null pointer",
    ),
    (
        |d| {
            d.mem
                .set(d.tree.init_data, InitData::FW_STATUS, d.tree.globals)
        },
        "firmware status: 0xffffffa00",
    ),
    (
        |d| pointers(d, R::STATS_VERTEX, 0),
        "vertex statistics: null",
    ),
    (
        |d| pointers(d, R::STATS_FRAGMENT, 0),
        "fragment statistics: null",
    ),
    (
        |d| statistics(d, 0x108),
        "fragment statistics: word 0x108 is 0x0",
    ),
    (
        |d| statistics(d, 0x120),
        "fragment statistics: word 0x120 is 0x0",
    ),
    (
        |d| pointers(d, R::STATS_COMPUTE, 0),
        "compute statistics: null",
    ),
    (|d| pointers(d, R::HWDATA_A, 0), "hardware data A: null"),
    (|d| pointers(d, R::FAULT_INFO, 0), "halt information: null"),
    (
        |d| pointers(d, R::UNK_198, 0),
        "runtime pointer 0x198: null",
    ),
    (|d| pointers(d, R::HWDATA_B, 0), "hardware data B: null"),
    (
        |d| pointers(d, R::FW_LOG_PAYLOADS, d.tree.pointers),
        "log payloads: 0xffffffa00",
    ),
    (
        |d| pointers(d, R::UNK_1B8, 0),
        "runtime pointer 0x1b8: null",
    ),
    (
        |d| pointers(d, R::UNK_1C0.must(), 0),
        "runtime pointer 0x1c0: null",
    ),
    (
        |d| pointers(d, R::UNK_1C8.must(), 0),
        "runtime pointer 0x1c8: null",
    ),
    (
        |d| pointers(d, R::HWDATA_B_2, 0x1000),
        "second pointer to hardware data B is 0x1000",
    ),
    (
        |d| d.mem.set(d.tree.pointers, R::UNK_6B38, 0),
        "word 0x6b38 is 0x0, expected 0xff",
    ),
    (
        |d| pointers(d, R::BUFFER_MGR_CTL_GPU, BUFFER_MGR_CTL_GPU + PAGE_SIZE),
        "buffer manager control, GPU view: 0x2000004000 is not mapped",
    ),
    (
        |d| {
            let page = d.mem.page();
            d.mem
                .map(KERNEL, BUFFER_MGR_CTL_GPU, page, Protection::GPU_SHARED_RW);
        },
        "are different memory",
    ),
    (
        |d| d.mem.set(d.tree.hw_data_b, HwDataB::CHIP_ID, 0x8112),
        "chip id is 0x8112",
    ),
    (
        |d| d.mem.set(d.tree.hw_data_b, HwDataB::UNK_30, 0),
        "dummy page is 0x0",
    ),
    (
        |d| d.mem.set(d.tree.hw_data_b, HwDataB::TIMESTAMP_AREA_BASE, 8),
        "timestamp base is 0x8",
    ),
    (
        |d| d.mem.set(d.tree.hw_data_b, HwDataB::UAT_TTB_BASE, 0),
        "ttb base is 0x0",
    ),
    (
        |d| d.mem.set(d.tree.hw_data_b, HwDataB::GPU_CORE_ID, 15),
        "GPU core id is 0xf",
    ),
    (
        |d| d.mem.set(d.tree.hw_data_b, HwDataB::UNK_524, 0),
        "use_secure_cache_flush is 0x0",
    ),
    (
        |d| d.mem.set(d.tree.hw_data_b, HwDataB::BASE_CLOCK_KHZ, 0),
        "base clock is 0x0",
    ),
    (
        |d| d.mem.set(d.tree.hw_data_b, HwDataB::NUM_CORES, 9),
        "9 cores on a G13G",
    ),
    (
        |d| io(d, 8, IoMapping::PHYS, 0),
        "io mapping 8 address is 0x0, expected 0x23bc00000",
    ),
    (
        |d| io(d, 4, IoMapping::PHYS, 0x1000),
        "byte 0x6c1 is 0x10, must be zero",
    ),
    (
        |d| io(d, 1, IoMapping::WRITABLE, 1),
        "io mapping 1 writable is 0x1, expected 0x0",
    ),
    (
        |d| {
            let field = HwDataB::io_mapping(ABI, 0).then(IoMapping::SIZE);
            d.mem.set(d.tree.hw_data_b, field, 0x4000);
        },
        "io mapping 0 size is 0x4000, expected 0x1c000",
    ),
    (
        |d| io(d, 10, IoMapping::VIRT, 0xffff_ffaf_0000_0000),
        "io mapping 10: offset in page",
    ),
    (
        |d| io(d, 2, IoMapping::VIRT, 0xffff_ffaf_0000_0000),
        "io mapping 2: page 0 is mapped to 0x204d00000, expected 0x23b104000",
    ),
    (
        |d| protect(&mut d.mem, 0xffff_ffaf_0000_0000, Protection::FW_SHARED_RW),
        "is mapped as FW_SHARED_RW, it is device registers, mapped as memory",
    ),
    (
        |d| protect(&mut d.mem, 0xffff_ffaf_0000_0000, Protection::FW_MMIO_RO),
        "is mapped as FW_MMIO_RO, the firmware cannot write it",
    ),
    (
        |d| {
            let page = d.mem.page();
            d.mem.map(
                KERNEL,
                0xffff_ffaf_0000_0000 + 0x1c000,
                page,
                Protection::FW_MMIO_RW,
            );
        },
        "io mapping 0: no guard page at 0xffffffaf0001c000",
    ),
    (
        |d| d.mem.set(d.tree.globals, Globals::DO_INIT, 0),
        "do_init is 0x0",
    ),
    (
        |d| d.mem.set(d.tree.globals, Globals::PENDING_SUBMISSIONS, 1),
        "pending_submissions is 0x1, expected 0x0",
    ),
    (
        |d| {
            d.mem
                .set(d.tree.globals, Globals::PROGRESS_CHECK_INTERVAL_CL, 0)
        },
        "progress check interval of 0",
    ),
    (
        |d| {
            d.mem.set_u32(
                d.tree.globals + Globals::PENDING_STAMPS.offset_in(ABI) as u64 + 8,
                1,
            )
        },
        "must be zero",
    ),
    (
        |d| channel(d, R::PIPES.at(4), ChannelInfo::STATE, 0),
        "pipe fragment 1 state: null",
    ),
    (
        |d| channel(d, R::PIPES.at(11), ChannelInfo::RING, 0x123_4000),
        "pipe compute 3 ring: 0x1234000 is not mapped",
    ),
    (
        |d| channel(d, R::DEVICE_CONTROL, ChannelInfo::STATE, d.tree.pointers),
        "device control state: 0xffffffa00",
    ),
    (
        |d| channel(d, R::EVENT, ChannelInfo::RING, 0),
        "event ring: null pointer",
    ),
    (
        |d| channel(d, R::FW_LOG, ChannelInfo::RING, d.tree.pointers),
        "log 0 ring: 0xffffffa00",
    ),
    (
        |d| channel(d, R::KTRACE, ChannelInfo::RING, 0),
        "ktrace ring: null pointer",
    ),
    (
        |d| channel(d, R::STATS, ChannelInfo::STATE, 0),
        "stats state: null pointer",
    ),
    (
        |d| {
            let (state, _) = d.place(R::EVENT);
            channel(d, R::KTRACE, ChannelInfo::STATE, state);
        },
        "two channels share the state block",
    ),
    (
        |d| {
            let (state, _) = d.place(R::EVENT);
            channel(d, R::EVENT, ChannelInfo::STATE, state + 2);
        },
        "is not aligned",
    ),
    (
        |d| {
            d.mem
                .set(d.tree.status, FwStatus::FW_CTL.then(ChannelInfo::RING), 0)
        },
        "fwctl ring: null pointer",
    ),
    (
        |d| {
            let (state, _) = d.place(R::EVENT);
            d.mem.set(state, ChannelState::WRITE_PTR, 3);
        },
        "event: write pointer starts at 0x3",
    ),
    (
        |d| {
            let (state, _) = d.place(R::DEVICE_CONTROL);
            d.mem.set(state, ChannelState::READ_PTR, 1);
        },
        "device control: read pointer starts at 0x1",
    ),
];

fn io(d: &mut Driver, index: usize, field: agx_abi::Field<IoMapping, u64>, value: u64) {
    d.mem.set(
        d.tree.hw_data_b,
        HwDataB::io_mapping(ABI, index).then(field),
        value,
    );
}

fn channel(
    d: &Driver,
    which: agx_abi::Field<R, ChannelInfo>,
    part: agx_abi::Field<ChannelInfo, u64>,
    value: u64,
) {
    d.mem.set(d.tree.pointers, which.then(part), value);
}

#[test]
fn anything_wrong_is_a_panic_with_its_reason() {
    for (i, (damage, reason)) in CASES.iter().enumerate() {
        let mut d = Driver::new(&[]);
        damage(&mut d);
        let panic = match d.init() {
            Err(panic) => panic.0,
            Ok(()) => panic!("case {i} ({reason}): accepted"),
        };
        assert!(
            panic.contains(reason),
            "case {i}: {panic:?} does not say {reason:?}"
        );
        assert!(d.fw.has_crashed());
        assert!(d.machine.logged(&format!("firmware panic: {panic}")));
    }
}

#[test]
fn init_is_sent_once() {
    let mut d = Driver::up(&[]);
    let panic = d.init().unwrap_err().0;
    assert_eq!(panic, "INIT sent twice");
}

#[test]
fn doorbells_before_init_are_a_panic_but_kicks_are_not() {
    let mut d = Driver::new(&[]);
    d.ring(message::DOORBELL_KICK).unwrap();
    d.ring(7).unwrap();
    assert!(d.machine.logged("unknown doorbell 0x0083000000000007"));
    let panic = d.ring(message::DOORBELL_DEVICE_CONTROL).unwrap_err().0;
    assert_eq!(
        panic,
        "doorbell 0x83000000000011 (device control) before INIT"
    );
}

#[test]
fn unknown_messages_are_logged_and_ignored() {
    let mut d = Driver::up(&[]);
    d.fw.message(ENDPOINT, 0x99 << 48).unwrap();
    d.fw.message(0x22, 1).unwrap();
    d.fw.message(DOORBELLS, message::message(message::TYPE_HALT, 0))
        .unwrap();
    assert!(d
        .machine
        .logged("unknown message 0x0099000000000000 on endpoint 0x20"));
    assert!(d.machine.logged("unknown endpoint 0x22"));
    assert!(d.machine.logged("unknown doorbell 0x0085000000000000"));
}

#[test]
fn a_trace_is_written_when_it_is_enabled() {
    let mut d = Driver::new(&[]);
    d.mem.set(d.tree.globals, Globals::KTRACE_ENABLE, u32::MAX);
    d.boot().unwrap();
    crate::support::job::user_context(&mut d, 1);
    let mut q = crate::support::job::Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, crate::support::job::STREAM).unwrap();
    let (state, ring) = d.place(R::KTRACE);
    assert_eq!(d.mem.get(state, ChannelState::WRITE_PTR), 5);
    let codes: Vec<(u8, u8)> = (0..5)
        .map(|i| ring + i * 0x38)
        .map(|at| {
            (
                d.mem.get(at, KTraceMessage::CHANNEL),
                d.mem.get(at, KTraceMessage::CODE),
            )
        })
        .collect();
    assert_eq!(codes, [(0, 7), (0, 8), (0, 0xe), (1, 0xb), (0, 0x28)]);
}

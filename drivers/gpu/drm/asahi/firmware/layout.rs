// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Where things are in the structures that are set up at boot, for each firmware interface.

use crate::hw::{
    FirmwareAbi,
    Generation, //
};

/// Offsets and sizes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) abi: FirmwareAbi,
    /// Entry of a pipe ring and of the device control ring.
    pub(crate) command_size: usize,
    /// Entry of the statistics ring.
    pub(crate) stats_size: usize,
    pub(crate) init_data: InitData,
    pub(crate) runtime: RuntimePointers,
    pub(crate) hw_data_a_size: usize,
    pub(crate) hw_data_b: HwDataB,
    pub(crate) globals: Globals,
}

/// The root of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitData {
    pub(crate) size: usize,
    /// At the beginning, where there is one: the firmware compares it with its own.
    pub(crate) version: Option<[u16; 4]>,
    /// Where everything after the version starts.
    pub(crate) base: usize,
}

/// "Region B": where all the rest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuntimePointers {
    pub(crate) size: usize,
    /// Address of the buffer manager control page on the GPU; that for the firmware follows.
    pub(crate) buffer_manager: usize,
    /// A byte that is 0xff.
    pub(crate) unk_ff: usize,
    /// Whether there are two more scratch buffers, at 0x1c0 and 0x1c8.
    pub(crate) more_scratch: bool,
    /// Two words of the fragment statistics that start as -1.
    pub(crate) fragment_stats: [usize; 2],
}

/// What the driver reads and writes in the hw-cal-b blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HwDataB {
    pub(crate) size: usize,
    pub(crate) dummy_page: usize,
    pub(crate) timestamp_base: usize,
    pub(crate) io_mappings: usize,
    pub(crate) io_mapping_count: usize,
    pub(crate) sram: Option<usize>,
    pub(crate) chip_id: usize,
    pub(crate) ttb_base: usize,
    pub(crate) gpu_core_id: usize,
    pub(crate) num_cores: usize,
    pub(crate) max_pstate: usize,
    pub(crate) frequencies: usize,
}

/// "Region C": what the driver reads and writes in the globals blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Globals {
    pub(crate) size: usize,
    pub(crate) pending_submissions: usize,
    pub(crate) fault_control: usize,
    pub(crate) do_init: usize,
    pub(crate) idle_off_delay_ms: usize,
    pub(crate) pending_stamps: usize,
    pub(crate) fault_info: usize,
}

/// The same on all generations.
const HW_DATA_B_V13: HwDataB = HwDataB {
    size: 0x1884,
    dummy_page: 0x20,
    timestamp_base: 0x28,
    io_mappings: 0x640,
    io_mapping_count: 25,
    sram: Some(0x960),
    chip_id: 0x968,
    ttb_base: 0xa78,
    gpu_core_id: 0xa80,
    num_cores: 0xa88,
    max_pstate: 0xa8c,
    frequencies: 0xa90,
};

/// G13 and G14 alike.
const V12: Layout = Layout {
    abi: FirmwareAbi::V12,
    command_size: 0x30,
    stats_size: 0x30,
    init_data: InitData {
        size: 0xb4,
        version: None,
        base: 0,
    },
    runtime: RuntimePointers {
        size: 0x6bc0,
        buffer_manager: 0x214,
        unk_ff: 0x6b38,
        more_scratch: true,
        fragment_stats: [0x108, 0x120],
    },
    hw_data_a_size: 0x3d6c,
    hw_data_b: HwDataB {
        size: 0xb6c,
        dummy_page: 0x30,
        timestamp_base: 0x38,
        io_mappings: 0x1d0,
        io_mapping_count: 20,
        sram: None,
        chip_id: 0x450,
        ttb_base: 0x558,
        gpu_core_id: 0x560,
        num_cores: 0x568,
        max_pstate: 0x56c,
        frequencies: 0x574,
    },
    globals: Globals {
        size: 0x11d40,
        pending_submissions: 0x8904,
        fault_control: 0x10e80,
        do_init: 0x10e84,
        idle_off_delay_ms: 0x11030,
        pending_stamps: 0x1103c,
        fault_info: 0x118c0,
    },
};
static G13_V12: Layout = V12;

/// G13.
const V13: Layout = Layout {
    abi: FirmwareAbi::V13,
    command_size: 0x30,
    stats_size: 0x40,
    init_data: InitData {
        size: 0xbc,
        version: Some([0x6ba0, 0x1f28, 0x0601, 0x00b0]),
        base: 8,
    },
    hw_data_a_size: 0x421c,
    hw_data_b: HW_DATA_B_V13,
    globals: Globals {
        size: 0x12394,
        pending_submissions: 0x8974,
        fault_control: 0x10fd8,
        do_init: 0x10fdc,
        idle_off_delay_ms: 0x1119c,
        pending_stamps: 0x111a8,
        fault_info: 0x11a2c,
    },
    ..V12
};

static G13_V13: Layout = V13;

static G14_V13: Layout = Layout {
    command_size: 0x40,
    ..V13
};

static G14X_V13: Layout = Layout {
    init_data: InitData {
        size: 0xbc,
        version: Some([0xb390, 0x70f8, 0x0601, 0x00b0]),
        base: 8,
    },
    runtime: RuntimePointers {
        size: 0xb3b0,
        buffer_manager: 0x204,
        unk_ff: 0xb328,
        more_scratch: false,
        fragment_stats: [0xa18, 0xa30],
    },
    hw_data_a_size: 0x6c34,
    globals: Globals {
        size: 0x1715c,
        pending_submissions: 0xd1c0,
        fault_control: 0x15820,
        do_init: 0x15824,
        idle_off_delay_ms: 0x159e4,
        pending_stamps: 0x159f0,
        fault_info: 0x16274,
    },
    ..V13
};

impl Layout {
    /// The layout of `abi` on `generation`; `None` if that firmware does not exist.
    pub(crate) const fn new(generation: Generation, abi: FirmwareAbi) -> Option<&'static Self> {
        match (generation, abi) {
            (Generation::G13, FirmwareAbi::V12) => Some(&G13_V12),
            (Generation::G13, FirmwareAbi::V13) => Some(&G13_V13),
            (Generation::G14, FirmwareAbi::V12) => Some(&G13_V12),
            (Generation::G14, FirmwareAbi::V13) => Some(&G14_V13),
            (Generation::G14X, FirmwareAbi::V12) => None,
            (Generation::G14X, FirmwareAbi::V13) => Some(&G14X_V13),
        }
    }
}

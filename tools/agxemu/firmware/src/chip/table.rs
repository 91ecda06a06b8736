// SPDX-License-Identifier: MIT OR Apache-2.0

//! The chips.
//!
//! The identification registers of t8103 and t6001 were read on such machines, those of the others
//! are made up from the rules for them \[I\].

use super::io::{ro, rw, Required};
use super::{tuning, Chip, Places, Sharing, Version};
use agx_abi::Abi;

/// All chips.
pub static ALL: [&Chip; 8] = [
    &T8103, &T8112, &T6000, &T6001, &T6002, &T6020, &T6021, &T6022,
];

const EARLIER: Places = Places {
    core_mask: &[0xd0_1500, 0xd0_1514],
    fault: 0x1_7030,
    fault_address: None,
};

const LATER: Places = Places {
    core_mask: &[0xe0_1500, 0xe0_1504, 0xe0_1508],
    fault: 0xd8c0,
    fault_address: Some(0xd8c8),
};

/// Names of the power manager and of a domain of it, in the device trees of the upstream kernel.
const T8103_POWER: [[&str; 2]; 2] = [
    ["apple,t8103-pmgr", "apple,pmgr"],
    ["apple,t8103-pmgr-pwrstate", "apple,pmgr-pwrstate"],
];
const T8112_POWER: [[&str; 2]; 2] = [
    ["apple,t8112-pmgr", "apple,pmgr"],
    ["apple,t8112-pmgr-pwrstate", "apple,pmgr-pwrstate"],
];
const T6000_POWER: [[&str; 2]; 2] = [
    ["apple,t6000-pmgr", "apple,pmgr"],
    ["apple,t6000-pmgr-pwrstate", "apple,pmgr-pwrstate"],
];
const T6020_POWER: [[&str; 2]; 2] = [
    ["apple,t6020-pmgr", "apple,t8103-pmgr"],
    ["apple,t6020-pmgr-pwrstate", "apple,t8103-pmgr-pwrstate"],
];

/// Firmwares of M1 and its larger relatives.
const G13: &[Version] = &[
    Version {
        name: "13.5",
        numbers: [13, 5, 0],
        abi: Abi::G13V13_5,
    },
    Version {
        name: "12.3",
        numbers: [12, 3, 0],
        abi: Abi::G13V12_3,
    },
];

/// M1, one core of eight switched off.
pub static T8103: Chip = Chip {
    name: "t8103",
    gpu: "G13G",
    compatible: &["apple,agx-g13g"],
    mailbox: &["apple,t8103-asc-mailbox", "apple,asc-mailbox-v4"],
    id: 0x8103,
    core_id: 11,
    revision: 4,
    dies: 1,
    clusters: 1,
    cores_per_cluster: 8,
    address_bits: 40,
    compute_preempt: 0x7f80,
    render_preempt: [0x540, 0x280, 0x20],
    tiling_control: 0xa041,
    sharing: None,
    places: &EARLIER,
    long_launches: false,
    sram: None,
    power: T8103_POWER,
    tuning: &tuning::M1,
    identification: [
        0x402_1100, 0x4_0a04, 0x3_0808, 0x4_0404, 0x132_0300, 0x10_1311,
    ],
    inferred: &[],
    working: 0xfe,
    firmwares: G13,
    io: &[&[
        rw(0, 0x2_04d0_0000, 0x1c000),
        ro(1, 0x2_0e10_0000, 0x4000),
        rw(2, 0x2_3b10_4000, 0x4000),
        rw(3, 0x2_0400_0000, 0x20000),
        ro(7, 0x2_3b2e_8000, 0x1000),
        rw(8, 0x2_3bc0_0000, 0x1000),
        rw(9, 0x2_04d8_0000, 0x5000),
        rw(10, 0x2_04d6_1000, 0x1000),
        rw(11, 0x2_0000_0000, 0xd6400),
        rw(13, 0x2_3b73_8000, 0x1000),
    ]],
};

/// M2.
pub static T8112: Chip = Chip {
    name: "t8112",
    gpu: "G14G",
    compatible: &["apple,agx-g14g"],
    mailbox: &["apple,t8103-asc-mailbox", "apple,asc-mailbox-v4"],
    id: 0x8112,
    core_id: 15,
    revision: 3,
    dies: 1,
    clusters: 1,
    cores_per_cluster: 10,
    address_bits: 40,
    // Marked as not sure in its one source [?].
    compute_preempt: 0x1_0000,
    render_preempt: [0x540, 0x280, 0x20],
    // Not told to the firmware.
    tiling_control: 0xa041,
    sharing: None,
    places: &EARLIER,
    long_launches: false,
    sram: None,
    power: T8112_POWER,
    tuning: &tuning::M2,
    identification: [
        0x502_1000, 0x4_0a04, 0x3_0a0a, 0x4_0404, 0x132_0300, 0x10_1311,
    ],
    inferred: &["identification", "compute preemption size"],
    working: 0x3ff,
    firmwares: &[
        Version {
            name: "13.5",
            numbers: [13, 5, 0],
            abi: Abi::G14V13_5,
        },
        Version {
            name: "12.4",
            numbers: [12, 4, 0],
            abi: Abi::G14V12_4,
        },
    ],
    io: &[&[
        rw(0, 0x2_04d0_0000, 0x14000),
        ro(1, 0x2_0e10_0000, 0x4000),
        rw(2, 0x2_3b0c_4000, 0x4000),
        rw(3, 0x2_0400_0000, 0x20000),
        ro(7, 0x2_3b2c_0000, 0x1000),
        rw(9, 0x2_04d8_0000, 0x8000),
        rw(10, 0x2_04d6_1000, 0x1000),
        rw(11, 0x2_0000_0000, 0xd6400),
        rw(16, 0x2_04e0_0000, 0x10000),
        rw(17, 0x2_7d05_0000, 0x4000),
        rw(18, 0x2_3b3d_0000, 0x1000),
        ro(19, 0x2_3b3c_0000, 0x1000),
    ]],
};

/// What M1 Pro, Max and Ultra have in common.
const M1_PRO: Chip = Chip {
    name: "t6000",
    gpu: "G13S",
    compatible: &["apple,agx-g13s"],
    mailbox: &["apple,t6000-asc-mailbox", "apple,asc-mailbox-v4"],
    id: 0x6000,
    core_id: 12,
    revision: 5,
    dies: 1,
    clusters: 2,
    cores_per_cluster: 8,
    address_bits: 42,
    compute_preempt: 0x3_bd00,
    render_preempt: [0x540, 0x280, 0x20],
    tiling_control: 0xa540,
    sharing: Some(Sharing {
        block: 0x44,
        others: [0x600, 0x1400, 0x300],
        parts: 16,
        is_of_layers: true,
    }),
    places: &EARLIER,
    long_launches: false,
    sram: None,
    power: T6000_POWER,
    tuning: &tuning::M1_PRO,
    identification: [
        0x403_2000, 0x4_0a06, 0x3_0808, 0x4_0404, 0x132_0200, 0x20_2311,
    ],
    inferred: &["identification", "power limits"],
    working: 0xffff,
    firmwares: G13,
    io: &[],
};

/// Devices of all of them, but those of which dies have one each.
const M1_PRO_IO: &[Required] = &[
    rw(0, 0x4_04d0_0000, 0x1c000),
    ro(1, 0x2_0e10_0000, 0x4000),
    rw(2, 0x2_8e10_4000, 0x4000),
    rw(3, 0x4_0400_0000, 0x20000),
    rw(9, 0x4_04d8_0000, 0x8000),
    rw(10, 0x2_04d6_1000, 0x1000),
    rw(14, 0x2_643c_4000, 0x1000),
    rw(18, 0x2_8e3d_0000, 0x1000),
    ro(19, 0x2_8e3c_0000, 0x2000),
];

const TEMPERATURE: Required = ro(7, 0x2_8e49_4000, 0x4000);
const CACHES: Required = rw(11, 0x2_0000_0000, 0xd_8000);
/// Distance of the caches.
const CACHE: u64 = 0x100_0000;

/// M1 Pro.
pub static T6000: Chip = Chip {
    io: &[M1_PRO_IO, &[TEMPERATURE, CACHES.elements(4, CACHE)]],
    ..M1_PRO
};

/// M1 Max.
pub static T6001: Chip = Chip {
    name: "t6001",
    gpu: "G13C",
    compatible: &["apple,agx-g13c", "apple,agx-g13s"],
    id: 0x6001,
    core_id: 13,
    clusters: 4,
    tuning: &tuning::M1_MAX,
    identification: [
        0x404_2000, 0x4_0a06, 0x3_0808, 0x4_0404, 0x132_0200, 0x20_4311,
    ],
    inferred: &[],
    working: 0xffff_ffff,
    io: &[M1_PRO_IO, &[TEMPERATURE, CACHES.elements(8, CACHE)]],
    ..M1_PRO
};

/// M1 Ultra: two dies, which the firmware of the first drives both.
pub static T6002: Chip = Chip {
    name: "t6002",
    gpu: "G13D",
    compatible: &["apple,agx-g13d", "apple,agx-g13s"],
    id: 0x6002,
    core_id: 13,
    dies: 2,
    clusters: 8,
    tuning: &tuning::M1_ULTRA,
    identification: [
        0x404_2000, 0x4_0a06, 0x3_0808, 0x4_0404, 0x132_0200, 0x20_8311,
    ],
    inferred: &["identification"],
    working: 0xffff_ffff_ffff_ffff,
    io: &[
        M1_PRO_IO,
        &[
            TEMPERATURE.dies(2),
            CACHES.elements(8, CACHE).dies(2),
            rw(15, 0x22_643c_4000, 0x1000),
        ],
    ],
    ..M1_PRO
};

/// What M2 Pro, Max and Ultra have in common.
const M2_PRO: Chip = Chip {
    name: "t6020",
    gpu: "G14S",
    compatible: &["apple,agx-g14s"],
    mailbox: &["apple,t6020-asc-mailbox", "apple,asc-mailbox-v4"],
    id: 0x6020,
    core_id: 16,
    // Revision B1, which the boot loader tells as B0.
    revision: 3,
    dies: 1,
    clusters: 2,
    cores_per_cluster: 10,
    address_bits: 42,
    compute_preempt: 0x2_5980,
    render_preempt: [0x540, 0x280, 0x40],
    tiling_control: 0x18_0340,
    sharing: Some(Sharing {
        block: 0x44,
        others: [0xc00, 0x2800, 0x800],
        parts: 64,
        is_of_layers: false,
    }),
    places: &LATER,
    long_launches: true,
    sram: Some((0x4_04d6_0000, 0x2_0000)),
    power: T6020_POWER,
    tuning: &tuning::M2_PRO,
    identification: [0x603_1100, 0x4_0a06, 0x1_020a, 0x4_0404, 0x132_0200, 0],
    inferred: &["identification", "cores that work", "power limits"],
    // Which of the cores do not work is made up.
    working: 0xf_fdff,
    firmwares: &[Version {
        name: "13.5",
        numbers: [13, 5, 0],
        abi: Abi::G14XV13_5,
    }],
    io: &[],
};

/// Devices of all of them, but those of which dies have one each.
const M2_PRO_IO: &[Required] = &[
    rw(0, 0x4_04d0_0000, 0x14_4000),
    ro(1, 0x2_0e10_0000, 0x4000),
    rw(2, 0x2_8e10_6000, 0x4000),
    rw(3, 0x4_0400_0000, 0x20000),
    rw(9, 0x4_04e0_8000, 0x8000),
    ro(12, 0x2_8e11_8000, 0x4000),
    rw(18, 0x2_8e3d_0000, 0x4000),
    ro(19, 0x2_8e3c_0000, 0x4000),
    rw(20, 0x2_8e3d_8000, 0x4000),
];

const M2_MAX_TEMPERATURE: Required = ro(7, 0x2_8e47_8000, 0x4000);
const M2_PRO_21: Required = rw(21, 0x4_04ea_c000, 0x4000);

/// M2 Pro.
pub static T6020: Chip = Chip {
    io: &[
        M2_PRO_IO,
        &[
            ro(7, 0x2_8e46_0000, 0x4000),
            CACHES.elements(4, CACHE),
            M2_PRO_21,
        ],
    ],
    ..M2_PRO
};

/// M2 Max.
pub static T6021: Chip = Chip {
    name: "t6021",
    gpu: "G14C",
    compatible: &["apple,agx-g14c", "apple,agx-g14s"],
    id: 0x6021,
    core_id: 17,
    clusters: 4,
    tuning: &tuning::M2_MAX,
    identification: [0x604_1100, 0x4_0a06, 0x1_040a, 0x4_0404, 0x132_0200, 0],
    inferred: &["identification", "cores that work"],
    working: 0xff_dfff_fdff,
    io: &[
        M2_PRO_IO,
        &[M2_MAX_TEMPERATURE, CACHES.elements(8, CACHE), M2_PRO_21],
    ],
    ..M2_PRO
};

/// M2 Ultra: two dies, which the firmware of the first drives both. What they make different is
/// tentative in all sources [?].
pub static T6022: Chip = Chip {
    name: "t6022",
    gpu: "G14D",
    compatible: &["apple,agx-g14d", "apple,agx-g14s"],
    id: 0x6022,
    core_id: 18,
    dies: 2,
    clusters: 8,
    compute_preempt: 0x4_b300,
    tuning: &tuning::M2_ULTRA,
    identification: [0x604_1100, 0x4_0a06, 0x2_040a, 0x4_0404, 0x132_0200, 0],
    inferred: &[
        "identification",
        "cores that work",
        "compute preemption size",
        "what the second die adds",
        "power limits",
    ],
    working: 0xffdf_fffd_ffff_dfff_fdff,
    io: &[
        M2_PRO_IO,
        &[
            M2_MAX_TEMPERATURE.dies(2),
            CACHES.elements(8, CACHE).dies(2),
            M2_PRO_21.dies(2),
        ],
    ],
    ..M2_PRO
};

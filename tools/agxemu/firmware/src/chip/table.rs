// SPDX-License-Identifier: MIT OR Apache-2.0

//! The chips.
//!
//! The identification registers of t8103 and t6001 were read on such machines, those of the others
//! are made up from the rules for them \[I\].

use super::io::{ro, rw, Required};
use super::{Chip, Sharing, Version};
use agx_abi::Abi;

/// All chips.
pub static ALL: [&Chip; 5] = [&T8103, &T8112, &T6000, &T6001, &T6002];

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
    identification: [
        0x402_1100, 0x4_0a04, 0x3_0808, 0x4_0404, 0x132_0300, 0x10_1311,
    ],
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
    identification: [
        0x502_1000, 0x4_0a04, 0x3_0a0a, 0x4_0404, 0x132_0300, 0x10_1311,
    ],
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
    }),
    identification: [
        0x403_2000, 0x4_0a06, 0x3_0808, 0x4_0404, 0x132_0200, 0x20_2311,
    ],
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
    identification: [
        0x404_2000, 0x4_0a06, 0x3_0808, 0x4_0404, 0x132_0200, 0x20_4311,
    ],
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
    identification: [
        0x404_2000, 0x4_0a06, 0x3_0808, 0x4_0404, 0x132_0200, 0x20_8311,
    ],
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

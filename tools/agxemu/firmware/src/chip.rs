// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware of one chip knows about its chip.

use agx_abi::init::InitData;

use crate::iomap::Required;

/// A chip with its firmware.
#[derive(Debug)]
pub struct Chip {
    /// GPU, as Apple names it.
    pub gpu: &'static str,
    /// Firmware version.
    pub firmware: &'static str,
    /// Chip id.
    pub id: u32,
    /// GPU core id.
    pub core_id: u32,
    /// Cores at most.
    pub max_cores: u32,
    /// Width of a physical address.
    pub address_bits: u32,
    /// Version check words at the head of the init data.
    pub ver_info: [u16; 4],
    /// Size of the first part of the compute preemption buffer.
    pub compute_preempt: u64,
    /// Sizes of the three parts of a render's preemption buffer.
    pub render_preempt: [u64; 3],
    /// `tiling_control` of vertex commands.
    pub tiling_control: u32,
    /// Io mappings that must be there.
    pub io: &'static [Required],
}

const fn io(index: usize, phys: u64, size: u32, writable: bool) -> Required {
    Required {
        index,
        phys,
        size,
        writable,
    }
}

/// M1 with firmware 13.5.
pub static T8103_V13_5: Chip = Chip {
    gpu: "G13G",
    firmware: "13.5",
    id: 0x8103,
    core_id: 11,
    max_cores: 8,
    address_bits: 40,
    ver_info: InitData::VER_INFO_VALUE,
    compute_preempt: 0x7f80,
    render_preempt: [0x540, 0x280, 0x20],
    tiling_control: 0xa041,
    io: &[
        io(0, 0x2_04d0_0000, 0x1c000, true),
        io(1, 0x2_0e10_0000, 0x4000, false),
        io(2, 0x2_3b10_4000, 0x4000, true),
        io(3, 0x2_0400_0000, 0x20000, true),
        io(7, 0x2_3b2e_8000, 0x1000, false),
        io(8, 0x2_3bc0_0000, 0x1000, true),
        io(9, 0x2_04d8_0000, 0x5000, true),
        io(10, 0x2_04d6_1000, 0x1000, true),
        io(11, 0x2_0000_0000, 0xd6400, true),
        io(13, 0x2_3b73_8000, 0x1000, true),
    ],
};

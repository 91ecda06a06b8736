// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The chips.

use super::{
    io,
    Buffers,
    Chip,
    Clustering,
    Firmware,
    Generation,
    Sram,
    Variant, //
};
use agx_abi::Abi;

const fn buffers(preempt3: u32, compute_preempt1: u32, tiling_control: u32) -> Buffers {
    Buffers {
        preempt: [0x540, 0x280, preempt3],
        compute_preempt1,
        tiling_control,
        clustering: None,
    }
}

/// Firmwares of the M1 family.
const G13: &[Firmware] = &[([12, 3, 0], Abi::G13V12_3), ([13, 5, 0], Abi::G13V13_5)];

/// Firmwares of the M2.
const G14: &[Firmware] = &[([12, 4, 0], Abi::G14V12_4), ([13, 5, 0], Abi::G14V13_5)];

/// The M1.
pub(crate) static T8103: Chip = Chip {
    chip_id: 0x8103,
    generation: Generation::G13,
    variant: Variant::G,
    dies: 1,
    max_clusters: 1,
    max_cores: 8,
    max_gps: 4,
    oas: 40,
    buffers: buffers(0x20, 0x7f80, 0xa041),
    firmwares: G13,
    tentative: None,
    sram: None,
    io: &[&io::T8103],
};

/// The M2.
pub(crate) static T8112: Chip = Chip {
    chip_id: 0x8112,
    generation: Generation::G14,
    variant: Variant::G,
    dies: 1,
    max_clusters: 1,
    max_cores: 10,
    max_gps: 4,
    oas: 40,
    // The generation has no word for tiling control. The size for compute is a guess [?].
    buffers: buffers(0x20, 0x1_0000, 0xa041),
    firmwares: G14,
    tentative: Some("size of the compute preemption buffer"),
    sram: None,
    io: &[&io::T8112],
};

/// M1 Pro.
pub(crate) static T6000: Chip = Chip {
    io: &[&io::T600X, &io::CACHES_4],
    ..T600X_LIKE
};

/// M1 Max.
pub(crate) static T6001: Chip = Chip {
    chip_id: 0x6001,
    variant: Variant::C,
    max_clusters: 4,
    io: &[&io::T600X, &io::CACHES_8],
    ..T600X_LIKE
};

/// M1 Ultra.
pub(crate) static T6002: Chip = Chip {
    chip_id: 0x6002,
    variant: Variant::D,
    dies: 2,
    max_clusters: 8,
    io: &[&io::T600X, &io::CACHES_8, &io::T6002_NIA],
    ..T600X_LIKE
};

/// The values that the M1 Pro family shares, with the sizes of its smallest chip.
const T600X_LIKE: Chip = Chip {
    chip_id: 0x6000,
    generation: Generation::G13,
    variant: Variant::S,
    dies: 1,
    max_clusters: 2,
    max_cores: 8,
    max_gps: 4,
    oas: 42,
    buffers: Buffers {
        clustering: Some(Clustering {
            meta1_block: 0x44,
            meta2: 8 * 0xc0,
            meta3: 8 * 0x280,
            meta4: 16 * 0x30,
            splits: 16,
        }),
        ..buffers(0x20, 0x3_bd00, 0xa540)
    },
    firmwares: G13,
    tentative: None,
    sram: None,
    io: &[],
};

/// Firmware of the M2 Pro family.
const G14X: &[Firmware] = &[([13, 5, 0], Abi::G14XV13_5)];

/// M2 Pro.
pub(crate) static T6020: Chip = Chip {
    io: &[&io::T602X, &io::T6020, &io::CACHES_4],
    ..T602X_LIKE
};

/// M2 Max.
pub(crate) static T6021: Chip = Chip {
    chip_id: 0x6021,
    variant: Variant::C,
    max_clusters: 4,
    io: &[&io::T602X, &io::T6021, &io::CACHES_8],
    ..T602X_LIKE
};

/// M2 Ultra. All that its second die makes different is a guess [?]: the clusters, and that the
/// mappings are those of one die, once more for the other.
pub(crate) static T6022: Chip = Chip {
    chip_id: 0x6022,
    variant: Variant::D,
    dies: 2,
    max_clusters: 8,
    buffers: Buffers {
        // Twice that of one die: a guess [?].
        compute_preempt1: 2 * T602X_LIKE.buffers.compute_preempt1,
        ..T602X_LIKE.buffers
    },
    tentative: Some("all that two dies make different"),
    io: &[&io::T602X, &io::T6021, &io::CACHES_8],
    ..T602X_LIKE
};

/// The part that the M2 Pro family has in common, with the figures of its smallest.
const T602X_LIKE: Chip = Chip {
    chip_id: 0x6020,
    generation: Generation::G14X,
    variant: Variant::S,
    dies: 1,
    max_clusters: 2,
    max_cores: 10,
    max_gps: 4,
    oas: 42,
    buffers: Buffers {
        clustering: Some(Clustering {
            meta1_block: 0x44,
            meta2: 16 * 0xc0,
            meta3: 16 * 0x280,
            meta4: 128 * 0x10,
            splits: 64,
        }),
        ..buffers(0x40, 0x2_5980, 0x18_0340)
    },
    firmwares: G14X,
    tentative: None,
    sram: Some(Sram {
        phys: 0x4_04d6_0000,
        size: 0x2_0000,
    }),
    io: &[],
};

/// The chips that the driver supports.
#[cfg(test)]
pub(crate) static ALL: [&Chip; 8] = [
    &T8103, &T8112, &T6000, &T6001, &T6002, &T6020, &T6021, &T6022,
];

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tables of the known chips, and decoding of the identification registers.
//!
//! Nothing here touches hardware: [`ident`] decodes register values that `regs` has read, `chips`
//! and `io` are tables.

pub(crate) mod chips;
pub(crate) mod fault;
pub(crate) mod ident;
pub(crate) mod io;
pub(crate) mod registers;

use agx_abi::Abi;

/// Generations, as far as the firmware interface differs between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// M1 family.
    G13,
    /// M2 (G14G).
    G14,
    /// M2 Pro, Max, Ultra.
    G14X,
}

impl Generation {
    /// Returns the number that userspace knows: 13 or 14.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Generation::G13 => 13,
            Generation::G14 | Generation::G14X => 14,
        }
    }
}

/// Size of the GPU within its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The base chip.
    G,
    /// The "Pro" variant.
    S,
    /// The "Max" variant.
    C,
    /// The "Ultra" variant.
    D,
}

impl Variant {
    /// Returns the letter that userspace knows.
    pub(crate) const fn letter(self) -> char {
        match self {
            Variant::G => 'G',
            Variant::S => 'S',
            Variant::C => 'C',
            Variant::D => 'D',
        }
    }
}

/// A firmware: its version, as the device tree gives it in `apple,firmware-abi`, and its interface.
pub(crate) type Firmware = ([u32; 3], Abi);

/// Sizes of the buffers that vary between chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffers {
    /// Render preemption buffers, per cluster unit.
    pub(crate) preempt: [u32; 3],
    /// First compute preemption buffer.
    pub(crate) compute_preempt1: u32,
    /// Value of the tiling control word.
    pub(crate) tiling_control: u32,
    /// Buffers for sharing the vertex work between clusters; `None` if there is only one cluster.
    pub(crate) clustering: Option<Clustering>,
}

/// Sizes in bytes of the buffers by which clusters share the vertex work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clustering {
    /// A block of the first metadata, of which there is one or more for each layer.
    pub(crate) meta1_block: u32,
    /// The other metadata.
    pub(crate) meta2: u32,
    pub(crate) meta3: u32,
    pub(crate) meta4: u32,
    /// Number of parts that the work may be split into.
    pub(crate) splits: u32,
}

/// Memory of the GPU's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sram {
    /// Physical address; whole pages.
    pub(crate) phys: u64,
    /// The size in bytes.
    pub(crate) size: u64,
}

/// A chip.
#[derive(Debug)]
pub(crate) struct Chip {
    /// The number of the chip, e.g. 0x8103. The bootloader puts it into the hw-cal-b blob.
    pub(crate) chip_id: u32,
    /// Generation of its GPU.
    pub(crate) generation: Generation,
    /// Size of its GPU.
    pub(crate) variant: Variant,
    /// Dies that it is made of.
    pub(crate) dies: u32,
    /// Most clusters, over all dies.
    pub(crate) max_clusters: u32,
    /// Most cores (and fragment units) in a cluster.
    pub(crate) max_cores: u32,
    /// Most geometry units in a cluster.
    pub(crate) max_gps: u32,
    /// Bits of a physical address that the GPU's page tables can hold.
    pub(crate) oas: u32,
    /// Buffer sizes.
    pub(crate) buffers: Buffers,
    /// The firmwares that it is known to run.
    pub(crate) firmwares: &'static [Firmware],
    /// The values of this table that are not certain, in words for the log; `None` if all are.
    pub(crate) tentative: Option<&'static str>,
    /// The GPU's SRAM, whose address is in the init data; `None` if the chip has none.
    pub(crate) sram: Option<Sram>,
    /// The MMIO ranges that are mapped for the firmware, see [`io`].
    pub(crate) io: &'static [&'static [io::IoMapping]],
}

impl Chip {
    /// Returns the interface of the firmware with version `version`, or `None` if this driver does
    /// not speak that of this chip.
    pub(crate) fn abi(&self, version: [u32; 3]) -> Option<Abi> {
        let known = self.firmwares.iter();
        known
            .copied()
            .find_map(|(of, abi)| (of == version).then_some(abi))
    }

    /// Returns everything that the firmware wants mapped.
    pub(crate) fn io_mappings(&self) -> impl Iterator<Item = &'static io::IoMapping> {
        self.io.iter().flat_map(|table| table.iter())
    }

    /// Returns the number by which the firmware knows the GPU, as found in the hw-cal-b blob.
    pub(crate) const fn firmware_core_id(&self) -> u32 {
        match (self.generation, self.variant) {
            (Generation::G13, Variant::G) => 11,
            (Generation::G13, Variant::S) => 12,
            // 13 stands for two dies of G13C as well.
            (Generation::G13, Variant::C | Variant::D) => 13,
            (Generation::G14 | Generation::G14X, Variant::G) => 15,
            (Generation::G14 | Generation::G14X, Variant::S) => 16,
            (Generation::G14 | Generation::G14X, Variant::C) => 17,
            (Generation::G14 | Generation::G14X, Variant::D) => 18,
        }
    }
}

#[cfg(test)]
#[path = "hw/names_tests.rs"]
mod names_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_versions() {
        assert_eq!(chips::T8103.abi([12, 3, 0]), Some(Abi::G13V12_3));
        assert_eq!(chips::T6002.abi([13, 5, 0]), Some(Abi::G13V13_5));
        let (old, new) = ([12, 3, 0], [13, 5, 0]);
        for chip in [&chips::T8103, &chips::T6000, &chips::T6001, &chips::T6002] {
            assert_eq!(chip.firmwares, [(old, Abi::G13V12_3), (new, Abi::G13V13_5)]);
        }
        let older = ([12, 4, 0], Abi::G14V12_4);
        assert_eq!(chips::T8112.firmwares, [older, (new, Abi::G14V13_5)]);
        for chip in [&chips::T6020, &chips::T6021, &chips::T6022] {
            assert_eq!(chip.firmwares, [(new, Abi::G14XV13_5)]);
        }
        for version in [
            [0, 0, 0],
            [12, 3, 1],
            [12, 4, 1],
            [13, 3, 0],
            [13, 5, 1],
            [14, 5, 0],
        ] {
            for chip in chips::ALL {
                assert_eq!(chip.abi(version), None);
            }
        }
    }
}

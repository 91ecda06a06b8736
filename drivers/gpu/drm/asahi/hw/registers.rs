// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Offsets of the registers that differ between generations.

use super::Generation;

/// Offsets in the block `sgx`.
#[derive(Debug)]
pub(crate) struct Registers {
    /// Masks of the cores that work, up to three words.
    pub(crate) core_masks: &'static [usize],
    /// The fault that the GPU's MMU has recorded.
    pub(crate) fault_info: usize,
    /// The register with the address of the fault, where that is not in the same register.
    pub(crate) fault_address: Option<usize>,
}

/// The second mask is not beside the first.
static PLAIN: Registers = Registers {
    core_masks: &[0xd0_1500, 0xd0_1514],
    fault_info: 0x1_7030,
    fault_address: None,
};

static G14X: Registers = Registers {
    core_masks: &[0xe0_1500, 0xe0_1504, 0xe0_1508],
    fault_info: 0xd8c0,
    fault_address: Some(0xd8c8),
};

impl Generation {
    /// Returns where its registers are.
    pub(crate) const fn registers(self) -> &'static Registers {
        match self {
            Generation::G13 | Generation::G14 => &PLAIN,
            Generation::G14X => &G14X,
        }
    }
}

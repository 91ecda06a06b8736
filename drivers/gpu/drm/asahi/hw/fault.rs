// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Decoding of the MMU's fault registers.

use super::Generation;
use kernel::fmt;

/// Value of the fault register while the block is powered down.
const BLOCKED: u64 = 0xacce_5515_abad_1dea;

/// The reason why an access was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Unmapped,
    AccessFlag,
    WriteOnly,
    ReadOnly,
    NoAccess,
    /// Not in any table.
    Unknown(u8),
}

/// A fault of the GPU's MMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FaultInfo {
    /// Address, to 64 bytes.
    pub(crate) address: u64,
    /// Context, that is VM slot.
    pub(crate) vm_slot: u8,
    /// The unit that asked.
    pub(crate) unit: Unit,
    /// Which of its requests; meaning of the bits unknown.
    pub(crate) sideband: u8,
    /// Level of the page table at which the walk ended.
    pub(crate) level: u8,
    /// Read, or write.
    pub(crate) read: bool,
    /// The reason why the access was refused.
    pub(crate) reason: Reason,
}

impl FaultInfo {
    /// Decodes the fault register, and on G14X the address register beside it. `None` if no fault
    /// is recorded.
    pub(crate) fn decode(generation: Generation, info: u64, address: u64) -> Option<Self> {
        if info == BLOCKED || info & 1 == 0 {
            return None;
        }

        let line = match generation {
            Generation::G13 | Generation::G14 => info >> 30,
            Generation::G14X => address,
        };
        let mut address = line << 6;
        // Bit 39 chooses the kernel half, whose addresses are sign extended.
        if address & (1 << 39) != 0 {
            address |= !0 << 40;
        }

        Some(Self {
            address,
            vm_slot: ((info >> 17) & 0x3f) as u8,
            unit: Unit {
                code: (info >> 9) as u8,
                g14x: matches!(generation, Generation::G14X),
            },
            sideband: ((info >> 23) & 0x7f) as u8,
            level: ((info >> 7) & 3) as u8,
            read: info & (1 << 4) != 0,
            reason: match (info >> 1) & 7 {
                0 => Reason::Unmapped,
                1 => Reason::AccessFlag,
                2 => Reason::WriteOnly,
                3 => Reason::ReadOnly,
                4 => Reason::NoAccess,
                r => Reason::Unknown(r as u8),
            },
        })
    }
}

impl fmt::Display for FaultInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {:#x} in context {} by ",
            if self.read { "read" } else { "write" },
            self.address,
            self.vm_slot
        )?;
        fmt::Display::fmt(&self.unit, f)?;
        write!(
            f,
            " (sideband {:#x}): {:?}, level {}",
            self.sideband, self.reason, self.level
        )
    }
}

/// A unit of the GPU that reads or writes memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    code: u8,
    g14x: bool,
}

/// Units 0x00 to 0x9f: sixteen instances, of these kinds.
const PER_INSTANCE: [&str; 15] = [
    "DCMP", "UL1C", "CMP", "GSL1", "IAP", "VCE", "TE", "RAS", "VDM", "PPP", "IPF", "IPF_CPF", "VF",
    "VF_CPF", "ZLS",
];

/// Units from 0xa1.
const DIE: [&str; 14] = [
    "dPM", "dCDM_KS0", "dCDM_KS1", "dCDM_KS2", "dIPP", "dIPP_CS", "dVDM_CSD", "dVDM_SSD",
    "dVDM_ILF", "dVDM_ILD", "dRDE0", "dRDE1", "FC", "GSL2",
];

/// Units from 0xd0, only on G14X.
const GLOBAL: [&str; 9] = [
    "gCDM_CS",
    "gCDM_ID",
    "gCDM_CSR",
    "gCDM_CSW",
    "gCDM_CTXR",
    "gCDM_CTXW",
    "gIPP",
    "gIPP_CS",
    "gKSM_RCE",
];

/// Units 0xe0 to 0xff, by the low four bits; bit 4 is the instance.
const SP: [&str; 16] = [
    "gPM_SP",
    "gVDM_CSD_SP",
    "gVDM_SSD_SP",
    "gVDM_ILF_SP",
    "gVDM_TFP_SP",
    "gVDM_MMB_SP",
    "gCDM_CS_KS0_SP",
    "gCDM_CS_KS1_SP",
    "gCDM_CS_KS2_SP",
    "gCDM_KS0_SP",
    "gCDM_KS1_SP",
    "gCDM_KS2_SP",
    "gIPP_SP",
    "gIPP_CS_SP",
    "gRDE0_SP",
    "gRDE1_SP",
];

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = usize::from(self.code & 0xf);
        match self.code {
            code @ 0x00..=0x9f if low != 0xf => write!(f, "{}#{}", PER_INSTANCE[low], code >> 4),
            code @ 0xa1..=0xae => write!(f, "{}", DIE[usize::from(code - 0xa1)]),
            code @ 0xb0..=0xb7 => write!(f, "GL2CC_META#{}", code & 0xf),
            0xb8 => write!(f, "GL2CC_MB"),
            code @ 0xd0..=0xd8 if self.g14x => write!(f, "{}", GLOBAL[usize::from(code - 0xd0)]),
            code @ 0xe0..=0xff if low <= 5 => write!(f, "{}#{}", SP[low], (code >> 4) & 1),
            code @ 0xe0..=0xff if self.g14x && low == 6 => {
                write!(f, "gRDE0_SP#{}", (code >> 4) & 1)
            }
            code @ 0xe0..=0xff if !self.g14x => write!(f, "{}#{}", SP[low], (code >> 4) & 1),
            code => write!(f, "unit {code:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(address: u64, sideband: u64, slot: u64, unit: u64, level: u64, low: u64) -> u64 {
        (address >> 6) << 30 | sideband << 23 | slot << 17 | unit << 9 | level << 7 | low
    }

    fn unit(code: u8, g14x: bool) -> String {
        Unit { code, g14x }.to_string()
    }

    #[test]
    fn as_seen_on_an_m2() {
        let info = encode(0x11_0000_4040, 0x3c, 2, 0x21, 1, 0x11);
        let fault = FaultInfo::decode(Generation::G14, info, 0).unwrap();
        assert_eq!(fault.address, 0x11_0000_4040);
        assert_eq!((fault.vm_slot, fault.level, fault.read), (2, 1, true));
        assert_eq!(fault.reason, Reason::Unmapped);
        assert_eq!(
            fault.to_string(),
            "read of 0x1100004040 in context 2 by UL1C#2 (sideband 0x3c): Unmapped, level 1"
        );
    }

    #[test]
    fn kernel_half_is_sign_extended() {
        // Only 40 bits of the address fit: 63:30 holds bits 39:6.
        let info = encode(0xa0_1234_0000, 0, 0, 0xa1, 0, 1 | 3 << 1);
        let fault = FaultInfo::decode(Generation::G13, info, 0).unwrap();
        assert_eq!(fault.address, 0xffff_ffa0_1234_0000);
        assert_eq!((fault.read, fault.reason), (false, Reason::ReadOnly));
    }

    #[test]
    fn g14x_has_an_address_register() {
        let info = encode(0, 0, 5, 0xe6, 2, 1);
        let fault = FaultInfo::decode(Generation::G14X, info, 0x15_0000_8000 >> 6).unwrap();
        assert_eq!(fault.address, 0x15_0000_8000);
        assert_eq!(fault.unit.to_string(), "gRDE0_SP#0");
    }

    const GENERATIONS: [Generation; 3] = [Generation::G13, Generation::G14, Generation::G14X];

    #[test]
    fn each_generation_has_its_place_of_the_address() {
        // Both registers name one, of either half.
        let low = encode(0x11_0000_4040, 0, 1, 0x21, 3, 1);
        let high = encode(0xa0_1234_0000, 0, 1, 0x21, 3, 1);
        let (other_low, other_high) = (0x15_0000_8000, 0xb0_0000_c000);
        for generation in GENERATIONS {
            let address = |info, other: u64| {
                let fault = FaultInfo::decode(generation, info, other >> 6).unwrap();
                assert_eq!((fault.vm_slot, fault.level), (1, 3));
                fault.address
            };
            let wanted = match generation {
                Generation::G13 | Generation::G14 => [0x11_0000_4040, 0xffff_ffa0_1234_0000],
                Generation::G14X => [other_low, 0xffff_ffb0_0000_c000],
            };
            assert_eq!([address(low, other_low), address(high, other_high)], wanted);
        }
    }

    #[test]
    fn nothing_recorded() {
        for info in [0, !1, BLOCKED] {
            for generation in GENERATIONS {
                assert_eq!(FaultInfo::decode(generation, info, !0), None);
            }
        }
    }

    #[test]
    fn units() {
        for (code, g13, g14x) in [
            (0x00, "DCMP#0", "DCMP#0"),
            (0x9e, "ZLS#9", "ZLS#9"),
            (0x3f, "unit 0x3f", "unit 0x3f"),
            (0xa0, "unit 0xa0", "unit 0xa0"),
            (0xa4, "dCDM_KS2", "dCDM_KS2"),
            (0xac, "dRDE1", "dRDE1"),
            (0xae, "GSL2", "GSL2"),
            (0xaf, "unit 0xaf", "unit 0xaf"),
            (0xb7, "GL2CC_META#7", "GL2CC_META#7"),
            (0xb8, "GL2CC_MB", "GL2CC_MB"),
            (0xd8, "unit 0xd8", "gKSM_RCE"),
            (0xf5, "gVDM_MMB_SP#1", "gVDM_MMB_SP#1"),
            (0xf6, "gCDM_CS_KS0_SP#1", "gRDE0_SP#1"),
            (0xef, "gRDE1_SP#0", "unit 0xef"),
        ] {
            assert_eq!(
                (unit(code, false), unit(code, true)),
                (g13.into(), g14x.into())
            );
        }
    }
}

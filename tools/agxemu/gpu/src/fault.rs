// SPDX-License-Identifier: MIT OR Apache-2.0

//! GPU memory faults and their encoding in the fault information register.

/// Why the GPU could not make an access (bits 3:1 of the register).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// No valid entry at some level of the walk.
    Unmapped = 0,
    /// The access flag of the page is clear.
    AccessFlag = 1,
    /// A read of a write-only page.
    WriteOnly = 2,
    /// A write of a read-only page.
    ReadOnly = 3,
    /// The GPU has no access to the page at all.
    NoAccess = 4,
}

/// The part of the GPU that made an access.
///
/// The numbers are those of the unit field; which unit fetches what is inferred from the unit names
/// alone, no fault of a compute front end has been recorded on hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Unit {
    /// First-level shader cache of cluster 0: instruction fetch, and accesses of shaders.
    Ul1c = 0x01,
    /// Rasteriser: scissors, depth biases, occlusion counters.
    Ras = 0x07,
    /// State of the geometry pipeline (PPP records).
    Ppp = 0x09,
    /// Loads and stores of depth and stencil.
    Zls = 0x0e,
    /// Compute data master: control stream and indirect arguments.
    Cdm = 0xa2,
    /// Instruction preprocessor: the words that describe a shader and its resources.
    Ipp = 0xa5,
    /// Vertex data master: control stream and indirect arguments.
    VdmStream = 0xa7,
    /// Vertex data master: indices.
    VdmIndex = 0xa9,
}

/// One access that could not be made, before it is known who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError {
    /// The address that could not be accessed (not rounded).
    pub va: u64,
    /// Why not.
    pub reason: Reason,
    /// Level of the walk at which it ended, 1 to 3.
    pub level: u8,
    /// Whether the access was a write.
    pub write: bool,
}

/// A GPU memory fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The access.
    pub access: AccessError,
    /// The unit that made it.
    pub unit: Unit,
}

impl Reason {
    /// Returns the reason with this number; what is no number of one is taken for the first.
    pub fn from_bits(bits: u8) -> Self {
        match bits {
            1 => Self::AccessFlag,
            2 => Self::WriteOnly,
            3 => Self::ReadOnly,
            4 => Self::NoAccess,
            _ => Self::Unmapped,
        }
    }
}

impl Fault {
    /// Returns the value of FAULT_INFO on G13 and G14 for this fault in context `slot`.
    ///
    /// ```
    /// use agxemu_gpu::fault::{AccessError, Fault, Reason, Unit};
    ///
    /// let (va, reason) = (0x12_3456_7880, Reason::Unmapped);
    /// let access = AccessError { va, reason, level: 3, write: false };
    /// let info = Fault { access, unit: Unit::Cdm }.info(5);
    /// assert_eq!(info & 1, 1);
    /// assert_eq!((info >> 17) & 0x3f, 5);
    /// assert_eq!((info >> 30) << 6, 0x12_3456_7880);
    /// ```
    pub fn info(&self, slot: u8) -> u64 {
        let a = &self.access;
        let address = (a.va & ((1 << 40) - 1)) >> 6;
        let fields = [
            (1, 0),
            (a.reason as u64, 1),
            (u64::from(!a.write), 4),
            (u64::from(a.level & 3), 7),
            (self.unit as u64, 9),
            (u64::from(slot & 0x3f), 17),
            (address, 30),
        ];
        fields
            .iter()
            .fold(0, |info, (value, shift)| info | (value << shift))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let a = &self.access;
        let verb = if a.write { "write to" } else { "read of" };
        write!(
            f,
            "{:?}: {verb} {:#x}: {:?} at level {}",
            self.unit, a.va, a.reason, a.level
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn register_fields_are_where_the_driver_reads_them() {
        let access = AccessError {
            va: 0x7f_ffff_8040,
            reason: Reason::ReadOnly,
            level: 3,
            write: true,
        };
        let info = Fault {
            access,
            unit: Unit::Ipp,
        }
        .info(63);
        assert_eq!(info & 1, 1);
        assert_eq!((info >> 1) & 7, 3);
        assert_eq!((info >> 4) & 1, 0);
        assert_eq!((info >> 7) & 3, 3);
        assert_eq!((info >> 9) & 0xff, 0xa5);
        assert_eq!((info >> 17) & 0x3f, 63);
        assert_eq!((info >> 23) & 0x7f, 0);
        assert_eq!((info >> 30) << 6, 0x7f_ffff_8040);
    }

    #[test]
    fn a_kernel_half_address_keeps_bit_39() {
        let access = AccessError {
            va: 0xffff_ffa0_0000_0000,
            reason: Reason::NoAccess,
            level: 3,
            write: false,
        };
        let info = Fault {
            access,
            unit: Unit::Cdm,
        }
        .info(0);
        assert_eq!((info >> 30) << 6, 0xa0_0000_0000);
    }
}

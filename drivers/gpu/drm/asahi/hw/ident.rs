// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Decoding of the GPU's identification registers.

use super::{
    Chip,
    Generation,
    Variant, //
};
use kernel::fmt;

/// Most clusters that the core masks are kept for.
pub(crate) const MAX_CLUSTERS: usize = 8;

/// The registers, as they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdRegisters {
    pub(crate) version: u32,
    /// Meaning unknown: only logged.
    pub(crate) unk_08: u32,
    pub(crate) counts_1: u32,
    pub(crate) counts_2: u32,
    /// Meaning unknown: only logged.
    pub(crate) unk_18: u32,
    pub(crate) clusters: u32,
    /// The masks of cores: only two on G13 and G14; the third is 0 there.
    pub(crate) core_masks: [u32; 3],
}

/// The reason why the registers make no sense, or not for this chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdError {
    /// A generation that does not exist.
    Generation(u32),
    /// A variant that does not exist.
    Variant(u32),
    /// A revision that does not exist.
    Revision(u32),
    /// A count of zero, or one that the chip cannot have.
    Count(&'static str, u32),
    /// Cores outside the clusters.
    CoreMask([u32; 3]),
    /// A working GPU, but not the one of the device tree.
    OtherChip(GpuId),
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdError::Generation(v) => write!(f, "unknown GPU generation {v:#x}"),
            IdError::Variant(v) => write!(f, "unknown GPU variant {v:#x}"),
            IdError::Revision(v) => write!(f, "unknown GPU revision {v:#x}"),
            IdError::Count(what, v) => write!(f, "{v} {what} is not possible"),
            IdError::CoreMask(m) => write!(f, "core masks {m:#x?} name cores that do not exist"),
            IdError::OtherChip(id) => write!(
                f,
                "GPU is a G{}{}, not the one of the device tree",
                id.generation.number(),
                id.variant.letter()
            ),
        }
    }
}

/// The identification registers of the GPU, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GpuId {
    /// The generation of the GPU.
    pub(crate) generation: Generation,
    /// The variant within the generation.
    pub(crate) variant: Variant,
    /// Revision, letter and digit: 0x00 is A0, 0x21 is C1.
    pub(crate) revision: u32,
    /// Clusters over all dies.
    pub(crate) clusters: u32,
    /// Cores in each cluster, switched-off ones included.
    pub(crate) cores: u32,
    /// Geometry units in each cluster.
    pub(crate) gps: u32,
    /// The cores of each cluster that work.
    pub(crate) core_masks: [u32; MAX_CLUSTERS],
}

impl GpuId {
    /// Decodes `regs`.
    pub(crate) fn decode(regs: &IdRegisters) -> Result<Self, IdError> {
        let generation = match regs.version >> 24 {
            4 => Generation::G13,
            5 => Generation::G14,
            6 => Generation::G14X,
            v => return Err(IdError::Generation(v)),
        };

        let cores = regs.counts_1 & 0xff;
        let clusters = match generation {
            Generation::G13 | Generation::G14 => (regs.clusters >> 12) & 0xff,
            // Of one die, times dies.
            Generation::G14X => ((regs.counts_1 >> 8) & 0xff) * ((regs.counts_1 >> 16) & 0xf),
        };
        if cores == 0 || cores > 32 {
            return Err(IdError::Count("cores per cluster", cores));
        }
        if clusters == 0 || clusters as usize > MAX_CLUSTERS {
            return Err(IdError::Count("clusters", clusters));
        }

        let variant = match (regs.version >> 16) & 0xff {
            2 => Variant::G,
            3 => Variant::S,
            4 if clusters > 4 => Variant::D,
            4 => Variant::C,
            v => return Err(IdError::Variant(v)),
        };
        let revision = match (regs.version >> 8) & 0xff {
            v @ (0x00 | 0x01 | 0x10 | 0x11 | 0x20 | 0x21) => v,
            v => return Err(IdError::Revision(v)),
        };

        let core_masks = split_core_masks(regs.core_masks, clusters, cores)?;
        if core_masks.iter().all(|&mask| mask == 0) {
            return Err(IdError::Count("working cores", 0));
        }
        Ok(Self {
            generation,
            variant,
            revision,
            clusters,
            cores,
            gps: (regs.counts_2 >> 16) & 0xff,
            core_masks,
        })
    }

    /// Checks that this is a GPU that `chip` can have.
    pub(crate) fn check(&self, chip: &Chip) -> Result<(), IdError> {
        if (self.generation, self.variant) != (chip.generation, chip.variant) {
            return Err(IdError::OtherChip(*self));
        }
        for (what, count, max) in [
            ("clusters", self.clusters, chip.max_clusters),
            ("cores per cluster", self.cores, chip.max_cores),
            ("geometry units per cluster", self.gps, chip.max_gps),
        ] {
            if count > max {
                return Err(IdError::Count(what, count));
            }
        }
        Ok(())
    }

    /// Returns the number of cores that work, over all clusters.
    pub(crate) fn active_cores(&self) -> u32 {
        self.core_masks.iter().map(|m| m.count_ones()).sum()
    }

    /// Returns the masks of cores as the first two registers have them.
    pub(crate) fn core_mask_words(&self) -> [u32; 2] {
        let clusters = self.core_masks[..self.clusters as usize].iter().rev();
        let all = clusters.fold(0u128, |all, &mask| all << self.cores | u128::from(mask));
        [all as u32, (all >> 32) as u32]
    }

    /// Returns letter and digit of the revision.
    pub(crate) fn revision_name(&self) -> [char; 2] {
        let letter = b'A' + ((self.revision >> 4) & 0xf) as u8;
        let digit = b'0' + (self.revision & 0xf) as u8;
        [letter as char, digit as char]
    }
}

/// Cuts the mask words, lowest first and taken as one number, into clusters of `cores` bits.
fn split_core_masks(
    words: [u32; 3],
    clusters: u32,
    cores: u32,
) -> Result<[u32; MAX_CLUSTERS], IdError> {
    let mut rest = words
        .iter()
        .rev()
        .fold(0u128, |all, &word| (all << 32) | u128::from(word));
    let mut masks = [0; MAX_CLUSTERS];

    for mask in masks.iter_mut().take(clusters as usize) {
        *mask = (rest & ((1 << cores) - 1)) as u32;
        rest >>= cores;
    }
    if rest != 0 {
        return Err(IdError::CoreMask(words));
    }
    Ok(masks)
}

#[cfg(test)]
mod tests {
    use super::{
        super::chips::*,
        *, //
    };

    /// The registers of a real M1 with seven cores.
    const M1: IdRegisters = IdRegisters {
        version: 0x402_1100,
        unk_08: 0x4_0a04,
        counts_1: 0x3_0808,
        counts_2: 0x4_0404,
        unk_18: 0x132_0300,
        clusters: 0x10_1311,
        core_masks: [0xfe, 0, 0],
    };

    /// The registers of a real M1 Max.
    const M1_MAX: IdRegisters = IdRegisters {
        version: 0x404_2000,
        unk_08: 0x4_0a06,
        clusters: 0x20_4311,
        core_masks: [0xffff_ffff, 0, 0],
        ..M1
    };

    #[test]
    fn real_chips() {
        let id = GpuId::decode(&M1).unwrap();
        assert_eq!((id.generation, id.variant), (Generation::G13, Variant::G));
        assert_eq!((id.clusters, id.cores, id.gps), (1, 8, 4));
        assert_eq!((id.active_cores(), id.revision), (7, 0x11));
        assert_eq!(id.revision_name(), ['B', '1']);
        assert_eq!(id.check(&T8103), Ok(()));
        assert_eq!(id.check(&T6001), Err(IdError::OtherChip(id)));

        let id = GpuId::decode(&M1_MAX).unwrap();
        assert_eq!((id.variant, id.clusters), (Variant::C, 4));
        assert_eq!((id.active_cores(), id.revision_name()), (32, ['C', '0']));
        assert_eq!(id.core_masks, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        assert_eq!(id.core_mask_words(), [!0, 0]);
        assert_eq!(id.check(&T6001), Ok(()));
    }

    #[test]
    fn masks_may_straddle_words() {
        // M2 Ultra: two dies of four clusters of ten cores.
        let regs = IdRegisters {
            version: 0x604_1100,
            counts_1: 0x2_040a,
            core_masks: [!0, !0, 0xffff],
            ..M1
        };
        let id = GpuId::decode(&regs).unwrap();
        assert_eq!((id.variant, id.clusters), (Variant::D, 8));
        assert_eq!(id.core_masks, [0x3ff; 8]);
        assert_eq!(id.core_mask_words(), [!0, !0]);
        assert_eq!(id.active_cores(), 80);
    }

    #[test]
    fn each_cluster_has_its_own_mask() {
        // A core off in each cluster of an M2 Ultra, another one each time.
        let masks = [0x3fe, 0x3fd, 0x3fb, 0x3f7, 0x3ef, 0x3df, 0x3bf, 0x37f];
        let regs = IdRegisters {
            version: 0x604_1100,
            counts_1: 0x2_040a,
            core_masks: [0xffbf_f7fe, 0xff7f_effd, 0xdffb],
            ..M1
        };
        let id = GpuId::decode(&regs).unwrap();
        assert_eq!(id.core_masks, masks);
        assert_eq!(id.core_mask_words(), [0xffbf_f7fe, 0xff7f_effd]);
        assert_eq!(id.active_cores(), 72);
    }

    #[test]
    fn nonsense_is_refused() {
        let bad = |regs| GpuId::decode(&regs).unwrap_err();
        let mask = [0x1fe, 0, 0];
        assert_eq!(
            bad(IdRegisters {
                core_masks: mask,
                ..M1
            }),
            IdError::CoreMask(mask)
        );
        assert_eq!(
            bad(IdRegisters {
                core_masks: [0; 3],
                ..M1
            }),
            IdError::Count("working cores", 0)
        );
        assert_eq!(
            bad(IdRegisters {
                version: 0x302_1100,
                ..M1
            }),
            IdError::Generation(3)
        );
        assert_eq!(
            bad(IdRegisters {
                version: 0x405_1100,
                ..M1
            }),
            IdError::Variant(5)
        );
        assert_eq!(
            bad(IdRegisters {
                version: 0x402_3000,
                ..M1
            }),
            IdError::Revision(0x30)
        );
        assert_eq!(
            bad(IdRegisters {
                clusters: 0x10_0311,
                ..M1
            }),
            IdError::Count("clusters", 0)
        );
        assert_eq!(
            bad(IdRegisters {
                counts_1: 0x3_0821,
                ..M1
            }),
            IdError::Count("cores per cluster", 33)
        );
        let id = GpuId::decode(&IdRegisters {
            counts_2: 0x5_0404,
            ..M1
        })
        .unwrap();
        assert_eq!(
            id.check(&T8103),
            Err(IdError::Count("geometry units per cluster", 5))
        );
    }
}

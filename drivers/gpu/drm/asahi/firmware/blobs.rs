// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Checks of the three blobs that the bootloader leaves.
//!
//! The blobs have calibration, limits and tuning, from fuses and from Apple's device tree. The
//! driver copies them, and fills in the fields that only it can know.

use crate::hw::{
    ident::GpuId,
    Chip, //
};
use agx_abi::{
    globals::Globals,
    hwdata::{
        HwDataA,
        HwDataB, //
    },
    uat::{
        DUMMY_PAGE,
        TIMESTAMP_BASE, //
    },
    Abi,
    Value, //
};
use kernel::fmt;

/// The blobs, cut to the size of their structures.
#[derive(Clone, Copy)]
pub(crate) struct Blobs<'a> {
    abi: Abi,
    pub(crate) hw_cal_a: &'a [u8],
    pub(crate) hw_cal_b: &'a [u8],
    pub(crate) globals: &'a [u8],
}

/// Properties of the machine that the blobs must agree with.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) chip: &'a Chip,
    /// Physical address of the page table bases.
    pub(crate) ttb_base: u64,
}

/// The reason why a blob is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlobError {
    /// The region is smaller than the structure.
    TooSmall {
        name: &'static str,
        size: usize,
        needed: usize,
    },
    /// Nothing but zeros.
    Empty(&'static str),
    /// A field that does not fit this machine or this driver.
    Field {
        name: &'static str,
        found: u64,
        expected: u64,
    },
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlobError::TooSmall { name, size, needed } => {
                write!(
                    f,
                    "memory region {name} has {size:#x} bytes, {needed:#x} needed"
                )
            }
            BlobError::Empty(name) => {
                write!(f, "memory region {name} is empty: bootloader too old?")
            }
            BlobError::Field {
                name,
                found,
                expected,
            } => write!(
                f,
                "bootloader set {name} to {found:#x} instead of {expected:#x}"
            ),
        }
    }
}

impl<'a> Blobs<'a> {
    /// Takes the blobs of version `abi` out of their regions.
    pub(crate) fn new(
        abi: Abi,
        hw_cal_a: &'a [u8],
        hw_cal_b: &'a [u8],
        globals: &'a [u8],
    ) -> Result<Self, BlobError> {
        Ok(Self {
            abi,
            hw_cal_a: cut("hw-cal-a", hw_cal_a, HwDataA::size_in(abi))?,
            hw_cal_b: cut("hw-cal-b", hw_cal_b, HwDataB::size_in(abi))?,
            globals: cut("globals", globals, Globals::size_in(abi))?,
        })
    }

    /// Checks that they fit this machine and this driver, as far as is known before the GPU has
    /// power.
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), BlobError> {
        let (abi, b) = (self.abi, self.hw_cal_b);
        for (name, found, expected) in [
            (
                "chip_id",
                HwDataB::CHIP_ID.read_in(abi, b).into(),
                expected.chip.chip_id.into(),
            ),
            (
                "uat_ttb_base",
                HwDataB::UAT_TTB_BASE.read_in(abi, b),
                expected.ttb_base,
            ),
            ("dummy page", HwDataB::UNK_30.read_in(abi, b), DUMMY_PAGE),
            (
                "timestamp_area_base",
                HwDataB::TIMESTAMP_AREA_BASE.read_in(abi, b),
                TIMESTAMP_BASE,
            ),
            (
                "gpu_core_id",
                HwDataB::GPU_CORE_ID.read_in(abi, b).into(),
                expected.chip.firmware_core_id().into(),
            ),
            (
                "do_init",
                Globals::DO_INIT.read_in(abi, self.globals).into(),
                1u64,
            ),
        ] {
            if found != expected {
                return Err(BlobError::Field {
                    name,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// Returns how many cores of `chip` the firmware is told that there are.
    pub(crate) fn cores(&self, chip: &Chip) -> Cores {
        Cores {
            found: [HwDataB::NUM_CORES, HwDataB::NUM_FRAGS]
                .map(|field| field.read_in(self.abi, self.hw_cal_b)),
            clusters: chip.max_clusters,
        }
    }

    /// Returns the highest clock of the GPU in MHz, as the firmware is told it; `None` if that is
    /// missing.
    pub(crate) fn max_frequency_mhz(&self) -> Option<u32> {
        let last = HwDataB::MAX_PSTATE.read_in(self.abi, self.hw_cal_b) as usize;
        HwDataB::FREQUENCIES
            .read_in(self.abi, self.hw_cal_b)
            .get(last)
            .copied()
            .filter(|&mhz| mhz > 0)
    }
}

/// The numbers of cores that the bootloader has found.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    /// The number of cores, and of those that shade fragments.
    found: [u32; 2],
    /// Clusters that the bootloader knows the chip to have. It reads from the GPU only how many
    /// cores each has.
    clusters: u32,
}

impl Cores {
    /// Checks that the GPU has as many.
    pub(crate) fn check(self, id: &GpuId) -> Result<(), BlobError> {
        let expected = self.clusters * id.cores;
        for (name, found) in ["num_cores", "num_frags"].into_iter().zip(self.found) {
            if found != expected {
                return Err(BlobError::Field {
                    name,
                    found: found.into(),
                    expected: expected.into(),
                });
            }
        }
        Ok(())
    }
}

fn cut<'a>(name: &'static str, region: &'a [u8], needed: usize) -> Result<&'a [u8], BlobError> {
    let size = region.len();
    let blob = region
        .get(..needed)
        .ok_or(BlobError::TooSmall { name, size, needed })?;
    if blob.iter().all(|&b| b == 0) {
        return Err(BlobError::Empty(name));
    }
    Ok(blob)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hw::{
        chips::T8103,
        ident::IdRegisters, //
    };

    const ABI: Abi = Abi::G13V13_5;

    /// Blobs in regions that are rounded up to pages.
    fn regions() -> [Vec<u8>; 3] {
        let (mut a, mut b, mut g) = (vec![0; 0x8000], vec![0; 0x4000], vec![0; 0x14000]);
        HwDataA::PWR_STATUS.write_in(ABI, &mut a, 4);
        HwDataB::CHIP_ID.write_in(ABI, &mut b, 0x8103);
        HwDataB::UAT_TTB_BASE.write_in(ABI, &mut b, 0xbf00_0000);
        HwDataB::UNK_30.write_in(ABI, &mut b, 0x7f_ffff_8000);
        HwDataB::TIMESTAMP_AREA_BASE.write_in(ABI, &mut b, 0xffff_ffae_1000_0000);
        HwDataB::GPU_CORE_ID.write_in(ABI, &mut b, 11);
        HwDataB::NUM_CORES.write_in(ABI, &mut b, 8);
        HwDataB::NUM_FRAGS.write_in(ABI, &mut b, 8);
        HwDataB::MAX_PSTATE.write_in(ABI, &mut b, 2);
        HwDataB::FREQUENCIES.at(2).write_in(ABI, &mut b, 1278);
        Globals::DO_INIT.write_in(ABI, &mut g, 1);
        [a, b, g]
    }

    fn check([a, b, g]: &[Vec<u8>; 3]) -> Result<Option<u32>, String> {
        let id = GpuId::decode(&IdRegisters {
            version: 0x402_1100,
            counts_1: 0x3_0808,
            counts_2: 0x4_0404,
            clusters: 0x10_1311,
            core_masks: [0xfe, 0, 0],
            ..Default::default()
        })
        .unwrap();
        let expected = Expected {
            chip: &T8103,
            ttb_base: 0xbf00_0000,
        };
        let blobs = Blobs::new(ABI, a, b, g).map_err(|e| e.to_string())?;
        blobs.check(&expected).map_err(|e| e.to_string())?;
        blobs.cores(&T8103).check(&id).map_err(|e| e.to_string())?;
        Ok(blobs.max_frequency_mhz())
    }

    #[test]
    fn good_blobs() {
        let mut r = regions();
        assert_eq!(check(&r), Ok(Some(1278)));
        HwDataB::MAX_PSTATE.write_in(ABI, &mut r[1], 16);
        assert_eq!(check(&r), Ok(None));
    }

    #[test]
    fn bad_blobs() {
        let bad = |change: fn(&mut [Vec<u8>; 3])| {
            let mut r = regions();
            change(&mut r);
            check(&r).unwrap_err()
        };
        assert_eq!(
            bad(|r| r[0].truncate(0x4000)),
            "memory region hw-cal-a has 0x4000 bytes, 0x421c needed"
        );
        assert_eq!(
            bad(|r| r[2].fill(0)),
            "memory region globals is empty: bootloader too old?"
        );
        assert_eq!(
            bad(|r| HwDataB::CHIP_ID.write_in(ABI, &mut r[1], 0x8112)),
            "bootloader set chip_id to 0x8112 instead of 0x8103"
        );
        assert_eq!(
            bad(|r| HwDataB::NUM_CORES.write_in(ABI, &mut r[1], 7)),
            "bootloader set num_cores to 0x7 instead of 0x8"
        );
        assert_eq!(
            bad(|r| HwDataB::NUM_FRAGS.write_in(ABI, &mut r[1], 6)),
            "bootloader set num_frags to 0x6 instead of 0x8"
        );
        assert_eq!(
            bad(|r| HwDataB::UAT_TTB_BASE.write_in(ABI, &mut r[1], 0)),
            "bootloader set uat_ttb_base to 0x0 instead of 0xbf000000"
        );
        assert_eq!(
            bad(|r| {
                r[2][0] = 1;
                Globals::DO_INIT.write_in(ABI, &mut r[2], 0);
            }),
            "bootloader set do_init to 0x0 instead of 0x1"
        );
    }
}

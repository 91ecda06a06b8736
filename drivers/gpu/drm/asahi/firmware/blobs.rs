// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The three blobs that the bootloader leaves: calibration, limits and tuning, read out of fuses and
//! of Apple's device tree. The driver copies them and fills in what only it can know; here is how it
//! makes sure beforehand that they are what they should be.

use super::{
    layout::Layout,
    message::{
        word32,
        word64, //
    }, //
};
use crate::hw::{
    ident::GpuId,
    Chip, //
};
use kernel::fmt;

/// The blobs, cut to the size that the layout has.
#[derive(Clone, Copy)]
pub(crate) struct Blobs<'a> {
    pub(crate) hw_cal_a: &'a [u8],
    pub(crate) hw_cal_b: &'a [u8],
    pub(crate) globals: &'a [u8],
}

/// What the blobs have to agree with.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) chip: &'a Chip,
    pub(crate) id: &'a GpuId,
    /// Physical address of the page table bases.
    pub(crate) ttb_base: u64,
    /// Address of each VM's dummy page.
    pub(crate) dummy_page: u64,
    /// Address of the timestamp area.
    pub(crate) timestamp_base: u64,
}

/// What is wrong with a blob.
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
    /// Takes the blobs out of their regions.
    pub(crate) fn new(
        layout: &Layout,
        hw_cal_a: &'a [u8],
        hw_cal_b: &'a [u8],
        globals: &'a [u8],
    ) -> Result<Self, BlobError> {
        Ok(Self {
            hw_cal_a: cut("hw-cal-a", hw_cal_a, layout.hw_data_a_size)?,
            hw_cal_b: cut("hw-cal-b", hw_cal_b, layout.hw_data_b.size)?,
            globals: cut("globals", globals, layout.globals.size)?,
        })
    }

    /// Whether they fit this machine.
    pub(crate) fn check(&self, layout: &Layout, expected: &Expected<'_>) -> Result<(), BlobError> {
        let b = &layout.hw_data_b;
        let word = |at| u64::from(word32(self.hw_cal_b, at));
        let double = |at| word64(self.hw_cal_b, at);
        let cores = expected.id.clusters * expected.id.cores;
        for (name, found, expected) in [
            ("chip_id", word(b.chip_id), u64::from(expected.chip.chip_id)),
            ("uat_ttb_base", double(b.ttb_base), expected.ttb_base),
            (
                "dummy page address",
                double(b.dummy_page),
                expected.dummy_page,
            ),
            (
                "timestamp_area_base",
                double(b.timestamp_base),
                expected.timestamp_base,
            ),
            (
                "gpu_core_id",
                word(b.gpu_core_id),
                u64::from(expected.chip.firmware_core_id()),
            ),
            ("num_cores", word(b.num_cores), u64::from(cores)),
            (
                "do_init",
                u64::from(word32(self.globals, layout.globals.do_init)),
                1,
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

    /// The highest clock of the GPU in MHz, as the firmware is told it; `None` if that is missing.
    pub(crate) fn max_frequency_mhz(&self, layout: &Layout) -> Option<u32> {
        let b = &layout.hw_data_b;
        let last = word32(self.hw_cal_b, b.max_pstate) as usize;
        // The table has 16 entries.
        (last < 16)
            .then(|| word32(self.hw_cal_b, b.frequencies + last * 4))
            .filter(|&mhz| mhz > 0)
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
        ident::IdRegisters,
        FirmwareAbi, //
    };

    fn put(blob: &mut [u8], at: usize, value: u64, size: usize) {
        blob[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }

    #[test]
    fn good_and_bad_blobs() {
        let layout = Layout::new(T8103.generation, FirmwareAbi::V13).unwrap();
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
            id: &id,
            ttb_base: 0xbf00_0000,
            dummy_page: 0x7f_ffff_8000,
            timestamp_base: 0xffff_ffae_1000_0000,
        };

        // Regions are rounded up to pages.
        let (mut a, mut b, mut g) = (vec![0; 0x8000], vec![0; 0x4000], vec![0; 0x14000]);
        let layout_b = &layout.hw_data_b;
        a[0x10] = 4;
        for (at, value, size) in [
            (layout_b.chip_id, 0x8103, 4),
            (layout_b.ttb_base, 0xbf00_0000, 8),
            (layout_b.dummy_page, 0x7f_ffff_8000, 8),
            (layout_b.timestamp_base, 0xffff_ffae_1000_0000, 8),
            (layout_b.gpu_core_id, 11, 4),
            (layout_b.num_cores, 8, 4),
            (layout_b.max_pstate, 2, 4),
            (layout_b.frequencies + 8, 1278, 4),
        ] {
            put(&mut b, at, value, size);
        }
        put(&mut g, layout.globals.do_init, 1, 4);

        let blobs = Blobs::new(layout, &a, &b, &g).unwrap();
        assert_eq!(blobs.check(layout, &expected), Ok(()));
        assert_eq!(blobs.max_frequency_mhz(layout), Some(1278));
        assert_eq!(blobs.hw_cal_a.len(), 0x421c);

        let err = Blobs::new(layout, &a[..0x4000], &b, &g)
            .map(|_| ())
            .unwrap_err();
        assert_eq!(
            err.to_string(),
            "memory region hw-cal-a has 0x4000 bytes, 0x421c needed"
        );
        let err = Blobs::new(layout, &a, &b, &vec![0; 0x14000])
            .map(|_| ())
            .unwrap_err();
        assert_eq!(err, BlobError::Empty("globals"));

        let mut other = b.clone();
        put(&mut other, layout_b.chip_id, 0x8112, 4);
        let err = Blobs::new(layout, &a, &other, &g)
            .unwrap()
            .check(layout, &expected)
            .unwrap_err();
        assert_eq!(
            err.to_string(),
            "bootloader set chip_id to 0x8112 instead of 0x8103"
        );
        let mut other = b.clone();
        put(&mut other, layout_b.max_pstate, 16, 4);
        let blobs = Blobs::new(layout, &a, &other, &g).unwrap();
        assert_eq!(blobs.max_frequency_mhz(layout), None);
    }
}

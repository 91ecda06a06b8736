// SPDX-License-Identifier: MIT OR Apache-2.0

//! The boot loader: what it leaves in the memory regions.
//!
//! The figures are those of an M1 with seven cores where they matter to driver or firmware. The
//! calibration of power and temperature is left out: nothing here has either.

use agx_abi::globals::Globals;
use agx_abi::hwdata::{HwDataA, HwDataB};
use agx_abi::uat::{pte, DUMMY_PAGE, PAGE_SIZE, TIMESTAMP_BASE};
use agx_abi::{Field, Value};
use agxemu_firmware::machine::OutsideRam;

use crate::device::CORES;
use crate::options::Regions;
use crate::ram::Ram;

/// Frequencies of an M1, MHz; the first state is "off".
const FREQUENCIES: [u32; 7] = [0, 396, 528, 720, 924, 1128, 1278];
/// Their voltages, mV.
const VOLTAGES: [u32; 7] = [400, 603, 640, 690, 787, 900, 1000];
/// Highest power, mW.
const MAX_POWER: u32 = 21_000;
/// Index of the base state.
const BASE_STATE: u32 = 3;
/// Timer clocks in a period of the power controller.
const CLOCKS_PER_PERIOD: u32 = 24_000 * PERIOD_MS;
const PERIOD_MS: u32 = 8;
const BASE_CLOCK_KHZ: u32 = 24_000;

/// Pages of the firmware: the root, two tables of each other level, and two that they map.
const IMAGE_PAGES: u64 = 7;

/// A structure in the making.
struct Blob<S> {
    bytes: Vec<u8>,
    structure: std::marker::PhantomData<S>,
}

impl<S: Value> Blob<S> {
    fn new() -> Self {
        Self {
            bytes: vec![0; S::SIZE],
            structure: std::marker::PhantomData,
        }
    }

    fn set<T: Value>(&mut self, field: Field<S, T>, value: T) -> &mut Self {
        field.write(&mut self.bytes, value);
        self
    }

    /// Gives all `fields` the value 1.
    fn ones<const N: usize>(&mut self, fields: [Field<S, u32>; N]) -> &mut Self {
        for field in fields {
            self.set(field, 1);
        }
        self
    }
}

/// hw-cal-a.
fn hw_cal_a() -> Vec<u8> {
    let scaled = 100 * (FREQUENCIES.len() as u32 - 1);
    let mut a = Blob::<HwDataA>::new();
    a.set(HwDataA::CLOCKS_PER_PERIOD, CLOCKS_PER_PERIOD)
        .set(HwDataA::CLOCKS_PER_PERIOD_2, CLOCKS_PER_PERIOD)
        .set(HwDataA::PWR_STATUS, 4)
        .set(HwDataA::UNK_10, 1.0)
        .set(HwDataA::BASE_PSTATE_SCALED, 100 * BASE_STATE)
        .set(HwDataA::MAX_PSTATE_SCALED, scaled)
        .set(HwDataA::MIN_PSTATE_SCALED, 100)
        .set(HwDataA::MAX_POWER_1, MAX_POWER as f32)
        .set(HwDataA::MAX_FREQ_MHZ, FREQUENCIES[FREQUENCIES.len() - 1])
        .ones([HwDataA::ACTUAL_PSTATE, HwDataA::TGT_PSTATE, HwDataA::UNK_40]);
    a.bytes
}

/// hw-cal-b.
fn hw_cal_b(ttbs: u64) -> Vec<u8> {
    let mut b = Blob::<HwDataB>::new();
    b.set(HwDataB::UNK_8, 0x14_0000_0000)
        .set(HwDataB::UNK_18, 0xffc0_0000)
        .set(HwDataB::UNK_30, DUMMY_PAGE)
        .set(HwDataB::TIMESTAMP_AREA_BASE, TIMESTAMP_BASE)
        .set(HwDataB::CHIP_ID, 0x8103)
        .set(HwDataB::BASE_CLOCK_KHZ, BASE_CLOCK_KHZ)
        .set(HwDataB::POWER_SAMPLE_PERIOD, PERIOD_MS)
        .set(HwDataB::UNK_4C0, 0x1f)
        .set(HwDataB::UNK_504, 0x31)
        .set(HwDataB::NUM_FRAGS, CORES)
        .set(HwDataB::UAT_TTB_BASE, ttbs)
        // G13G, B1.
        .set(HwDataB::GPU_CORE_ID, 11)
        .set(HwDataB::GPU_REV_ID, 4)
        .set(HwDataB::NUM_CORES, CORES)
        .set(HwDataB::MAX_PSTATE, FREQUENCIES.len() as u32 - 1)
        .ones([
            HwDataB::UNK_454,
            HwDataB::UNK_458,
            HwDataB::UNK_460,
            HwDataB::UNK_464,
            HwDataB::UNK_468,
            HwDataB::UNK_47C,
            HwDataB::UNK_484,
            HwDataB::UNK_48C,
            HwDataB::UNK_49C,
            HwDataB::UNK_4A0,
            HwDataB::UNK_4A4,
            HwDataB::UNK_4F0,
            HwDataB::UNK_4F4,
            HwDataB::UNK_524,
        ]);
    for (i, (mhz, mv)) in FREQUENCIES.into_iter().zip(VOLTAGES).enumerate() {
        b.set(HwDataB::FREQUENCIES.at(i), mhz)
            .set(HwDataB::VOLTAGES.at(i), [mv; 8]);
    }
    b.bytes
}

/// globals.
fn globals() -> Vec<u8> {
    let scaled = 100 * (FREQUENCIES.len() as u32 - 1);
    let mut g = Blob::<Globals>::new();
    g.set(Globals::UNK_24_0, 3000)
        .set(Globals::UNK_34, 120)
        .set(Globals::MAX_POWER, MAX_POWER)
        .set(Globals::MAX_PSTATE_SCALED, scaled)
        .set(Globals::FAULT_CONTROL, Globals::FAULT_CONTROL_SOFT)
        .set(Globals::PROGRESS_CHECK_INTERVAL_3D, 40)
        .set(Globals::PROGRESS_CHECK_INTERVAL_TA, 10)
        .set(Globals::PROGRESS_CHECK_INTERVAL_CL, 250)
        .set(Globals::IDLE_OFF_DELAY_MS, 2)
        .set(Globals::FENDER_IDLE_OFF_DELAY_MS, 40)
        .set(Globals::FW_EARLY_WAKE_TIMEOUT_MS, 5)
        .set(Globals::CL_CONTEXT_SWITCH_TIMEOUT_MS, 40)
        .set(Globals::CL_KILL_TIMEOUT_MS, 50)
        .ones([
            Globals::UNK_28,
            Globals::UNK_2C,
            Globals::UNK_8900,
            Globals::DO_INIT,
        ]);
    g.bytes
}

/// Whether all regions are RAM.
pub fn is_ready(ram: &Ram, regions: &Regions) -> bool {
    regions
        .0
        .iter()
        .all(|r| ram.contains(r.start, r.size as usize))
}

/// Root entries 0 and 1 of the upper half, which lead to the firmware's image.
pub fn image_entries(regions: &Regions) -> [u64; 2] {
    let table = |page: u64| (regions.pagetables() + page * PAGE_SIZE) | pte::VALID;
    [table(1), table(2)]
}

/// The root of the upper half with tables of the firmware behind it, each of which maps one page.
fn image_tables(regions: &Regions) -> Vec<u8> {
    let mut pages = vec![0; (IMAGE_PAGES * PAGE_SIZE) as usize];
    let mut put = |page: u64, index: usize, entry: u64| {
        let at = (page * PAGE_SIZE) as usize + 8 * index;
        pages[at..at + 8].copy_from_slice(&entry.to_le_bytes());
    };
    let at = |page: u64| regions.pagetables() + page * PAGE_SIZE;
    // Pages of the firmware itself are not the host's; it may read, write and execute them.
    let own = pte::AF | (1 << pte::AP_SHIFT) | pte::PXN | pte::VALID;
    for (index, entry) in image_entries(regions).into_iter().enumerate() {
        let first = 1 + index as u64;
        put(0, index, entry);
        put(first, 0, at(first + 2) | pte::VALID);
        put(first + 2, 0, at(first + 4) | own);
    }
    pages
}

/// Writes all regions, as they are when the operating system starts. `empty` is left empty. With `image`
/// the firmware's memory is mapped.
///
/// A region that is too small gets what fits: to notice that is the driver's part.
///
/// # Errors
///
/// The address that is not RAM.
pub fn write(
    ram: &Ram,
    regions: &Regions,
    empty: Option<usize>,
    image: bool,
) -> Result<(), OutsideRam> {
    let page = || vec![0; PAGE_SIZE as usize];
    // Roots of page tables and the handoff structure start empty; so does the root of the upper half
    // without `image`.
    let tables = if image { image_tables(regions) } else { page() };
    let contents = [
        page(),
        tables,
        page(),
        hw_cal_a(),
        hw_cal_b(regions.ttbs()),
        globals(),
    ];
    for (i, (region, mut bytes)) in regions.0.iter().zip(contents).enumerate() {
        if Some(i) == empty {
            bytes.fill(0);
        }
        bytes.truncate(region.size as usize);
        ram.write(region.start, &bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Region;
    use crate::ram::Anonymous;
    use std::sync::Arc;

    #[test]
    fn blobs_are_where_they_belong() {
        let (ram, mut regions) = (Ram::default(), Regions::default());
        for (i, region) in regions.0.iter_mut().enumerate() {
            let start = 0x8000_0000 + i as u64 * 0x2_0000;
            *region = Region {
                start,
                size: 0x1_4000,
            };
        }
        regions.0[3].size = 0x4000;
        assert!(!is_ready(&ram, &regions));
        ram.map(0x8000_0000, Arc::new(Anonymous::new(64)));
        assert!(is_ready(&ram, &regions));
        write(&ram, &regions, Some(5), false).unwrap();
        let field = |region: usize, offset: usize| {
            ram.load_u32(regions.0[region].start + offset as u64)
                .unwrap()
        };
        assert_eq!(field(4, HwDataB::CHIP_ID.offset()), 0x8103);
        assert_eq!(field(4, HwDataB::UAT_TTB_BASE.offset()), 0x8000_0000);
        assert_eq!(field(5, Globals::DO_INIT.offset()), 0);
        assert_eq!(field(3, HwDataA::PWR_STATUS.offset()), 4);
    }
}

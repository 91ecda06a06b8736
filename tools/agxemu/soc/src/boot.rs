// SPDX-License-Identifier: MIT OR Apache-2.0

//! The boot loader: what it leaves in the memory regions.
//!
//! The blobs are those of the chip, see [`crate::blobs`].

use agx_abi::uat::{pte, PAGE_SIZE};
use agxemu_firmware::chip::Part;
use agxemu_firmware::machine::OutsideRam;

use crate::blobs::{globals, hw_cal_a, hw_cal_b};
use crate::options::Regions;
use crate::ram::Ram;

/// Pages of the firmware: the root, two tables of each other level, and two that they map.
const IMAGE_PAGES: u64 = 7;

/// Returns whether all regions are RAM.
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

/// Returns the root of the upper half with tables of the firmware behind it, each of which maps one
/// page.
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

/// Writes all regions, as they are when the operating system starts. `empty` is left empty. With
/// `image` the firmware's memory is mapped.
///
/// A region that is too small gets what fits: to notice that is the driver's part.
///
/// # Errors
///
/// The address that is not RAM.
pub fn write(
    ram: &Ram,
    regions: &Regions,
    part: &Part,
    empty: Option<usize>,
    image: bool,
) -> Result<(), OutsideRam> {
    let page = || vec![0; PAGE_SIZE as usize];
    // Roots of page tables and the handoff structure start empty; so does the root of the upper
    // half without `image`.
    let tables = if image { image_tables(regions) } else { page() };
    let contents = [
        page(),
        tables,
        page(),
        hw_cal_a(part),
        hw_cal_b(part, regions.ttbs()),
        globals(part),
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
    use agx_abi::globals::Globals;
    use agx_abi::hwdata::{HwDataA, HwDataB};
    use agx_abi::Abi;
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
        write(&ram, &regions, &Part::default(), Some(5), false).unwrap();
        let field = |region: usize, offset: usize| {
            ram.load_u32(regions.0[region].start + offset as u64)
                .unwrap()
        };
        assert_eq!(field(4, HwDataB::CHIP_ID.offset_in(Abi::G13V13_5)), 0x8103);
        assert_eq!(
            field(4, HwDataB::UAT_TTB_BASE.offset_in(Abi::G13V13_5)),
            0x8000_0000
        );
        assert_eq!(field(5, Globals::DO_INIT.offset_in(Abi::G13V13_5)), 0);
        assert_eq!(field(3, HwDataA::PWR_STATUS.offset_in(Abi::G13V13_5)), 4);
    }
}

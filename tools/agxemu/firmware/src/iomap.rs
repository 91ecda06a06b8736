// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of device mappings in HwDataB.
//!
//! The host maps devices for the firmware and lists them by a fixed index. Those devices do not
//! exist here: the table and the page tables behind it are checked, and nothing is ever accessed.

use agx_abi::hwdata::{HwDataB, IoMapping as Entry};
use agx_abi::uat::Protection;

use crate::chip::{Chip, Required};
use crate::memory::{Memory, Record, PAGE};
use crate::panic::{bail, ensure, field, Fw};

/// A mapping that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IoMapping {
    /// Place in the table.
    pub index: usize,
    /// Physical address of the device.
    pub phys: u64,
    /// Address for the firmware.
    pub va: u64,
    /// Size.
    pub size: u32,
}

/// Checks the whole table.
pub fn check(mem: &Memory, chip: &Chip, b: &Record) -> Fw<Vec<IoMapping>> {
    let mut found = Vec::new();
    for index in 0..HwDataB::io_mapping_count(mem.abi) {
        let at = HwDataB::io_mapping(mem.abi, index);
        let Some(want) = chip.io.iter().copied().flatten().find(|r| r.index == index) else {
            // The chip has no such device.
            b.zero(at.range_in(mem.abi))?;
            continue;
        };
        let name = |field: &str| format!("io mapping {index} {field}");
        b.want(&name("address"), at.then(Entry::PHYS), want.phys)?;
        b.want(&name("size"), at.then(Entry::SIZE), want.size())?;
        b.want(
            &name("element size"),
            at.then(Entry::RANGE_SIZE),
            want.element,
        )?;
        b.want(
            &name("writable"),
            at.then(Entry::WRITABLE),
            u64::from(want.writable),
        )?;
        let va = b.get(at.then(Entry::VIRT));
        let mapping = IoMapping {
            index,
            phys: want.phys,
            va,
            size: want.size(),
        };
        pages(mem, &mapping, want)?;
        found.push(mapping);
    }
    Ok(found)
}

fn pages(mem: &Memory, io: &IoMapping, required: &Required) -> Fw<()> {
    let what = format!("io mapping {}", io.index);
    field!(what, "offset in page", io.va % PAGE, io.phys % PAGE);
    let protection = match required.writable {
        true => Protection::FW_MMIO_RW,
        false => Protection::FW_MMIO_RO,
    };
    mem.expect(&what, io.va, u64::from(io.size), &[protection])?;
    let start = io.va & !(PAGE - 1);
    let pages = (io.va % PAGE + u64::from(io.size)).div_ceil(PAGE);
    for i in 0..pages {
        let offset = (i * PAGE).saturating_sub(io.phys % PAGE);
        let want = required.phys_at(offset) & !(PAGE - 1);
        match mem.machine().entry(0, start + i * PAGE) {
            Some(page) if page.pa == want => {}
            Some(page) => bail!(
                "{what}: page {i} is mapped to {:#x}, expected {want:#x}",
                page.pa
            ),
            None => bail!("{what}: page {i} is not mapped"),
        }
    }
    let guard = start.wrapping_add(pages * PAGE);
    ensure!(
        mem.machine().entry(0, guard).is_none(),
        "{what}: no guard page at {guard:#x}"
    );
    Ok(())
}

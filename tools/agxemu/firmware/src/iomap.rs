// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of device mappings in HwDataB.
//!
//! The host maps devices for the firmware and lists them by a fixed index. Those devices do not
//! exist here: the table and the page tables behind it are checked, and nothing is ever accessed.

use crate::abi::{hw_data_b, io_mapping};
use crate::chip::Chip;
use crate::memory::{Kind, Memory, Record, PAGE};
use crate::panic::{bail, ensure, field, Fw};

/// A mapping that must be there.
#[derive(Debug)]
pub struct Required {
    /// Place in the table.
    pub index: usize,
    /// Physical address of the device.
    pub phys: u64,
    /// Size.
    pub size: u32,
    /// Whether the firmware writes to it.
    pub writable: bool,
}

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
    for index in 0..hw_data_b::IO_MAPPINGS_COUNT {
        let at = hw_data_b::IO_MAPPINGS + index * io_mapping::SIZE;
        let Some(want) = chip.io.iter().find(|r| r.index == index) else {
            // The chip has no such device.
            b.zero(at..at + io_mapping::SIZE)?;
            continue;
        };
        let name = |field: &str| format!("io mapping {index} {field}");
        field!(b, name("address"), b.u64(at + io_mapping::PHYS), want.phys);
        field!(
            b,
            name("size"),
            b.u32(at + io_mapping::SIZE_TOTAL),
            want.size
        );
        field!(
            b,
            name("element size"),
            b.u32(at + io_mapping::SIZE_ELEMENT),
            want.size
        );
        field!(
            b,
            name("writable"),
            b.u64(at + io_mapping::WRITABLE),
            u64::from(want.writable)
        );
        let mapping = IoMapping {
            index,
            phys: want.phys,
            va: b.u64(at + io_mapping::VIRT),
            size: want.size,
        };
        pages(mem, &mapping, want.writable)?;
        found.push(mapping);
    }
    Ok(found)
}

fn pages(mem: &Memory, io: &IoMapping, writable: bool) -> Fw<()> {
    let what = format!("io mapping {}", io.index);
    field!(what, "offset in page", io.va % PAGE, io.phys % PAGE);
    let kind = if writable {
        Kind::FwMmioRw
    } else {
        Kind::FwMmioRo
    };
    mem.expect(&what, io.va, u64::from(io.size), &[kind])?;
    let start = io.va & !(PAGE - 1);
    let pages = (io.va % PAGE + u64::from(io.size)).div_ceil(PAGE);
    for i in 0..pages {
        let want = (io.phys & !(PAGE - 1)) + i * PAGE;
        match mem.machine().entry(0, start + i * PAGE) {
            Some(page) if page.pa == want => {}
            Some(page) => bail!(
                "{what}: page {i} is mapped to {:#x}, expected {want:#x}",
                page.pa
            ),
            None => bail!("{what}: page {i} is not mapped"),
        }
    }
    let guard = start + pages * PAGE;
    ensure!(
        mem.machine().entry(0, guard).is_none(),
        "{what}: no guard page at {guard:#x}"
    );
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Page tables of a captured context. They are walked as they were read, so that the list of
//! mappings and the tables' own pages agree.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use agx_abi::uat::{
    pte, ttb_table, Access, Protection, FIRMWARE_START, LEVEL_ENTRIES, LEVEL_SHIFTS, TTB_VALID,
};

use crate::machine::Machine;
use crate::memory::PAGE;

use super::pages::{Contents, Pages};
use super::Changed;

/// How many addresses one page of memory has files at. A sparse buffer may map one page at
/// millions.
pub(super) const ALIASES: u32 = 1024;

/// Pages in a row that are no RAM.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) va: u64,
    pub(super) pa: u64,
    pub(super) pages: u64,
}

/// A context's page tables.
pub(super) struct Context {
    /// The two roots.
    pub(super) roots: (u64, u64),
    /// Pages that the tables are in, the page of roots included.
    pub(super) tables: Vec<u64>,
    /// The list of mappings, for `pages.txt`.
    pub(super) text: Arc<str>,
    /// Addresses and pages of RAM that have files.
    pub(super) files: Vec<(u64, u64)>,
    pub(super) devices: Vec<Device>,
    /// Mappings without a file, as their page has enough.
    pub(super) aliases: u64,
    mappings: Vec<(u64, u64)>,
}

/// Returns the tables of a context: `old`, or walked again if they have changed since.
pub(super) fn update(
    machine: &dyn Machine,
    slot: u8,
    old: Option<Context>,
    pages: &mut Pages,
    changed: &mut Changed,
) -> Context {
    if let Some(old) = old {
        let mut same = true;
        for &pa in &old.tables {
            if pages.update(machine, pa) {
                changed.tables.insert(pa);
                same = false;
            }
        }
        if same {
            return old;
        }
        let new = Walk::new(machine, pages, changed).context(slot);
        let before: HashSet<&(u64, u64)> = old.mappings.iter().collect();
        let other = new.mappings.iter().filter(|m| !before.contains(m));
        changed.mappings.extend(other.map(|(va, _)| (slot, *va)));
        return new;
    }
    let new = Walk::new(machine, pages, changed).context(slot);
    let all = new.mappings.iter().map(|(va, _)| (slot, *va));
    changed.mappings.extend(all);
    new
}

struct Walk<'a> {
    machine: &'a dyn Machine,
    pages: &'a mut Pages,
    changed: &'a mut Changed,
    tables: HashSet<u64>,
    mappings: Vec<(u64, u64)>,
}

impl<'a> Walk<'a> {
    fn new(machine: &'a dyn Machine, pages: &'a mut Pages, changed: &'a mut Changed) -> Self {
        Self {
            machine,
            pages,
            changed,
            tables: HashSet::new(),
            mappings: Vec::new(),
        }
    }

    fn context(mut self, slot: u8) -> Context {
        let kernel = ttb_table(self.roots(0).1);
        let roots = self.roots(slot);
        for (root, half) in [(roots.0, 0), (roots.1, FIRMWARE_START)] {
            // The kernel's half is in context 0.
            let shared = slot != 0 && half != 0 && ttb_table(root) == kernel;
            if root & TTB_VALID != 0 && !shared {
                self.table(ttb_table(root), 0, half);
            }
        }
        let mut text = String::new();
        let mut files = Vec::new();
        let mut devices = Vec::new();
        let mut aliases = 0;
        let mut uses: HashMap<u64, u32> = HashMap::new();
        for &(va, entry) in &self.mappings {
            line(&mut text, va, entry);
            let pa = entry & pte::ADDRESS_MASK;
            if self.machine.read_phys(pa, &mut [0; 8]).is_err() {
                device(&mut devices, va, pa);
                continue;
            }
            let uses = uses.entry(pa).or_default();
            *uses += 1;
            if *uses <= ALIASES {
                files.push((va, pa));
            } else {
                aliases += 1;
            }
        }
        let mut tables: Vec<u64> = self.tables.into_iter().collect();
        tables.sort_unstable();
        Context {
            roots,
            tables,
            text: text.into(),
            files,
            devices,
            aliases,
            mappings: self.mappings,
        }
    }

    /// Reads the page of a table.
    fn read(&mut self, at: u64) -> Option<Contents> {
        let page = at & !(PAGE - 1);
        if self.pages.update(self.machine, page) {
            self.changed.tables.insert(page);
        }
        self.tables.insert(page);
        self.pages.get(page)
    }

    fn entry(contents: &Contents, at: u64) -> u64 {
        let at = (at % PAGE) as usize;
        let bytes = contents.get(at..at + 8).and_then(|b| b.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    }

    fn roots(&mut self, slot: u8) -> (u64, u64) {
        let at = self.machine.ttbs_base() + 16 * u64::from(slot);
        let contents = self.read(at);
        contents.map_or((0, 0), |page| {
            (Self::entry(&page, at), Self::entry(&page, at + 8))
        })
    }

    fn table(&mut self, table: u64, level: usize, base: u64) {
        let Some(contents) = self.read(table) else {
            return;
        };
        for index in 0..LEVEL_ENTRIES[level] as u64 {
            let entry = Self::entry(&contents, table + 8 * index);
            if entry & pte::VALID != pte::VALID {
                continue;
            }
            let va = base + (index << LEVEL_SHIFTS[level]);
            if level + 1 == LEVEL_SHIFTS.len() {
                self.mappings.push((va, entry));
            } else {
                self.table(entry & pte::ADDRESS_MASK, level + 1, va);
            }
        }
    }
}

/// Adds the line of a mapping: its entry, and what that means.
fn line(text: &mut String, va: u64, entry: u64) {
    let rights = |access: Access| match (entry & pte::AF != 0, access.read, access.write) {
        (true, true, true) => "rw",
        (true, true, false) => "r-",
        (true, false, true) => "-w",
        _ => "--",
    };
    let protection = Protection::from_entry(entry);
    let memory = match (entry & pte::ATTR_MASK) >> pte::ATTR_SHIFT {
        pte::ATTR_CACHED => "cached",
        pte::ATTR_DEVICE => "device",
        pte::ATTR_SHARED => "shared",
        _ => "other",
    };
    let (firmware, gpu) = (rights(protection.firmware()), rights(protection.gpu()));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{va:016x} {entry:016x} {firmware} {gpu} {memory}");
}

fn device(devices: &mut Vec<Device>, va: u64, pa: u64) {
    if let Some(last) = devices.last_mut() {
        let len = last.pages * PAGE;
        if last.va + len == va && last.pa + len == pa {
            last.pages += 1;
            return;
        }
    }
    devices.push(Device { va, pa, pages: 1 });
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Walks of the page tables. Nothing is cached here.

use agx_abi::uat::{
    pte, ttb_table, Protection, FIRMWARE_START, LEVEL_ENTRIES, LEVEL_SHIFTS, TTB_VALID, VA_BITS,
};
use agxemu_firmware::machine::{Mapping, Page, Role};
use agxemu_gpu::fault::{AccessError, Reason};

use crate::ram::Ram;

/// A walker, over the RAM that has the tables and the roots of the contexts.
pub struct Uat<'a> {
    /// The guest's memory.
    pub ram: &'a Ram,
    /// Physical address of the roots.
    pub ttbs: u64,
}

impl Uat<'_> {
    /// Returns the two roots of `slot`; zero where there is no RAM.
    pub fn roots(&self, slot: u8) -> (u64, u64) {
        let at = self.ttbs + 16 * u64::from(slot);
        let load = |pa| self.ram.load_u64(pa).unwrap_or(0);
        (load(at), load(at + 8))
    }

    fn root(&self, slot: u8, va: u64) -> Option<u64> {
        let (lower, upper) = self.roots(slot);
        let root = match va >> VA_BITS {
            0 => lower,
            top if top == u64::MAX >> VA_BITS => upper,
            _ => return None,
        };
        (root & TTB_VALID != 0).then(|| ttb_table(root))
    }

    /// Returns the entry that maps `va`, or the level (1 to 3) at which the walk ended.
    pub fn walk(&self, slot: u8, va: u64) -> Result<Page, u8> {
        let mut table = self.root(slot, va).ok_or(1)?;
        let (mut entry, mut pte_at) = (0, 0);
        for (level, shift) in LEVEL_SHIFTS.into_iter().enumerate() {
            let index = (va >> shift) % LEVEL_ENTRIES[level] as u64;
            let at = table + 8 * index;
            entry = self.ram.load_u64(at).map_err(|_| level as u8 + 1)?;
            pte_at = at;
            if entry & pte::VALID != pte::VALID {
                return Err(level as u8 + 1);
            }
            table = entry & pte::ADDRESS_MASK;
        }
        Ok(Page {
            pa: table,
            pte: entry,
            pte_at,
        })
    }

    /// Returns the page of `va`, if `role` may access it in this way.
    pub fn translate(
        &self,
        slot: u8,
        va: u64,
        role: Role,
        write: bool,
    ) -> Result<Page, AccessError> {
        let error = |reason, level| AccessError {
            va,
            reason,
            level,
            write,
        };
        let page = self
            .walk(slot, va)
            .map_err(|level| error(Reason::Unmapped, level))?;
        if page.pte & pte::AF == 0 {
            return Err(error(Reason::AccessFlag, 3));
        }
        let protection = Protection::from_entry(page.pte);
        let access = match role {
            Role::Firmware => protection.firmware(),
            Role::Gpu => protection.gpu(),
        };
        match (write, access.read, access.write) {
            (false, true, _) | (true, _, true) => Ok(page),
            (true, true, false) => Err(error(Reason::ReadOnly, 3)),
            (false, false, true) => Err(error(Reason::WriteOnly, 3)),
            (_, false, false) => Err(error(Reason::NoAccess, 3)),
        }
    }

    /// Returns all pages of a context.
    pub fn mappings(&self, slot: u8) -> Vec<Mapping> {
        let mut out = Vec::new();
        for half in [0, FIRMWARE_START] {
            if let Some(root) = self.root(slot, half) {
                self.list(root, 0, half, &mut out);
            }
        }
        out
    }

    fn list(&self, table: u64, level: usize, base: u64, out: &mut Vec<Mapping>) {
        let mut entries = vec![0; LEVEL_ENTRIES[level] * 8];
        if self.ram.read(table, &mut entries).is_err() {
            return;
        }
        for (index, bytes) in entries.chunks_exact(8).enumerate() {
            let entry = bytes.iter().rev().fold(0, |e, &b| (e << 8) | u64::from(b));
            if entry & pte::VALID != pte::VALID {
                continue;
            }
            let va = base + ((index as u64) << LEVEL_SHIFTS[level]);
            let pa = entry & pte::ADDRESS_MASK;
            if level + 1 == LEVEL_SHIFTS.len() {
                let pte_at = table + 8 * index as u64;
                let page = Page {
                    pa,
                    pte: entry,
                    pte_at,
                };
                out.push(Mapping { va, page });
            } else {
                self.list(pa, level + 1, va, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ram::Anonymous;
    use agx_abi::uat::ttb;
    use std::sync::Arc;

    const RAM: u64 = 0x8000_0000;
    const VA: u64 = 0xffff_ffa0_0004_0000;

    /// Roots in page 0, three tables, and a page mapped with `protection`.
    fn one_page(protection: Protection) -> Ram {
        let ram = Ram::default();
        ram.map(RAM, Arc::new(Anonymous::new(8)));
        ram.store_u64(RAM + 8, ttb(RAM + 0x4000, 0)).unwrap();
        let table = |n: u64| RAM + n * 0x4000;
        for (level, shift) in LEVEL_SHIFTS.into_iter().enumerate() {
            let index = (VA >> shift) % LEVEL_ENTRIES[level] as u64;
            let bits = if level == 2 { protection.bits() } else { 0 };
            let entry = table(level as u64 + 2) | bits | pte::VALID;
            ram.store_u64(table(level as u64 + 1) + 8 * index, entry)
                .unwrap();
        }
        ram
    }

    #[test]
    fn rights() {
        let ram = one_page(Protection::FW_SHARED_RO);
        let uat = Uat {
            ram: &ram,
            ttbs: RAM,
        };
        let page = uat.translate(0, VA + 0x123, Role::Firmware, false).unwrap();
        assert_eq!(page.pa, RAM + 4 * 0x4000);
        let refused = |role, write| {
            let e = uat.translate(0, VA, role, write).unwrap_err();
            (e.reason, e.level)
        };
        assert_eq!(refused(Role::Firmware, true), (Reason::ReadOnly, 3));
        assert_eq!(refused(Role::Gpu, false), (Reason::NoAccess, 3));
        assert_eq!(uat.mappings(0).len(), 1);
        assert_eq!(uat.mappings(0)[0].va, VA);
    }

    #[test]
    fn walks_end_where_nothing_is() {
        let ram = one_page(Protection::FW_PRIV_RW);
        let uat = Uat {
            ram: &ram,
            ttbs: RAM,
        };
        assert_eq!(uat.walk(0, VA + 0x4000), Err(3));
        assert_eq!(uat.walk(0, VA + (1 << 25)), Err(2));
        assert_eq!(uat.walk(0, VA + (1 << 36)), Err(1));
        assert_eq!(uat.walk(0, 0x4000), Err(1));
        assert_eq!(uat.walk(1, VA), Err(1));
        assert_eq!(uat.walk(0, 0x1234_0000_0000_0000), Err(1));
    }
}

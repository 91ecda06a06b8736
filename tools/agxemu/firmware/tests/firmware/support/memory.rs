// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory as the test's driver manages it: page tables, and heaps that only grow.

use crate::support::abi::abi;
use std::sync::Arc;

use agx_abi::uat::{
    clients_have_kernel_half, pte, ttb, Protection, LEVEL_ENTRIES, LEVEL_SHIFTS, PAGE_SIZE,
};
use agx_abi::{Everywhere, Field, Value};
use agxemu_firmware::machine::Machine;

use super::habits::Habits;
use super::machine::{TestMachine, FREE, ROOT, TTBS};

/// A context for kernel structures.
pub const KERNEL: u8 = 0;

pub struct Memory {
    pub machine: Arc<TestMachine>,
    free: u64,
    /// Heaps: context, protection, next address, end of what is mapped.
    heaps: Vec<(u8, Protection, u64, u64)>,
    next_base: u64,
    /// See [`Habits::guards`](super::habits::Habits::guards).
    guards: bool,
    /// User contexts get the kernel's upper half.
    upper_half: bool,
    /// The page that each user context has.
    dummy_page: u64,
}

impl Memory {
    pub fn new(machine: Arc<TestMachine>, habits: &Habits) -> Self {
        let mut memory = Self {
            machine,
            free: FREE,
            heaps: Vec::new(),
            next_base: 0xffff_ffa0_0000_0000,
            guards: habits.guards,
            upper_half: habits.upper_half || clients_have_kernel_half(abi()),
            dummy_page: habits.dummy_page,
        };
        let lower = memory.page();
        memory.machine.set_u64(TTBS, ttb(lower, 0));
        memory.machine.set_u64(TTBS + 8, ttb(ROOT, 0));
        memory
    }

    /// A zeroed page of RAM.
    pub fn page(&mut self) -> u64 {
        let pa = self.free;
        self.free += PAGE_SIZE;
        pa
    }

    /// Gives context `slot` tables of its own.
    pub fn bind(&mut self, slot: u8) {
        let root = self.page();
        let at = TTBS + 16 * u64::from(slot);
        self.machine.set_u64(at, ttb(root, slot.into()));
        let upper = match self.upper_half {
            true => ttb(ROOT, slot.into()),
            false => 0,
        };
        self.machine.set_u64(at + 8, upper);
        let dummy = self.page();
        self.map(slot, self.dummy_page, dummy, Protection::GPU_SHARED_RW);
    }

    /// Place of the last-level entry of `va`, with its tables made.
    pub fn entry(&mut self, slot: u8, va: u64) -> u64 {
        let (ttb0, ttb1) = self.machine.ttbs(slot);
        let mut table = agx_abi::uat::ttb_table(if va >> 39 == 0 { ttb0 } else { ttb1 });
        for level in 0..2 {
            let index = (va >> LEVEL_SHIFTS[level]) as usize % LEVEL_ENTRIES[level];
            let at = table + 8 * index as u64;
            if self.machine.get_u64(at) == 0 {
                let page = self.page();
                self.machine.set_u64(at, page | pte::VALID);
            }
            table = self.machine.get_u64(at) & pte::ADDRESS_MASK;
        }
        table + 8 * ((va >> LEVEL_SHIFTS[2]) % LEVEL_ENTRIES[2] as u64)
    }

    pub fn map(&mut self, slot: u8, va: u64, pa: u64, protection: Protection) {
        let at = self.entry(slot, va);
        let ng = if va >> 39 == 0 { pte::NG } else { 0 };
        self.machine
            .set_u64(at, pa | protection.bits() | pte::VALID | ng);
    }

    pub fn unmap(&mut self, slot: u8, va: u64) {
        let at = self.entry(slot, va);
        self.machine.set_u64(at, 0);
    }

    /// Maps fresh pages over `va..va+len`.
    pub fn map_fresh(&mut self, slot: u8, va: u64, len: u64, protection: Protection) {
        let mut at = va & !(PAGE_SIZE - 1);
        while at < va + len {
            let page = self.page();
            self.map(slot, at, page, protection);
            at += PAGE_SIZE;
        }
    }

    /// Zeroed memory of its own 128-byte lines.
    pub fn alloc(&mut self, protection: Protection, size: usize) -> u64 {
        self.alloc_in(KERNEL, protection, size)
    }

    /// Memory that ends where its last page ends, with nothing mapped behind.
    fn alloc_guarded(&mut self, slot: u8, protection: Protection, size: usize) -> u64 {
        let len = (size as u64).next_multiple_of(PAGE_SIZE);
        let base = match slot {
            KERNEL => self.next_base,
            _ => self.next_base & 0x7f_ffff_ffff,
        };
        self.next_base += len + PAGE_SIZE;
        self.map_fresh(slot, base, len, protection);
        base + len - (size as u64).next_multiple_of(4)
    }

    pub fn alloc_in(&mut self, slot: u8, protection: Protection, size: usize) -> u64 {
        if self.guards {
            return self.alloc_guarded(slot, protection, size);
        }
        let found = self
            .heaps
            .iter()
            .position(|h| h.0 == slot && h.1 == protection);
        let heap = found.unwrap_or_else(|| {
            let base = match slot {
                KERNEL => self.next_base,
                _ => 0x70_0000_0000 + self.heaps.len() as u64 * 0x1000_0000,
            };
            self.next_base += 0x1_0000_0000;
            self.heaps.push((slot, protection, base, base));
            self.heaps.len() - 1
        });
        let (_, _, va, mapped) = self.heaps[heap];
        let end = (va + size as u64).next_multiple_of(0x80);
        let end_page = end.next_multiple_of(PAGE_SIZE);
        if end_page > mapped {
            self.map_fresh(slot, mapped, end_page - mapped, protection);
        }
        self.heaps[heap].2 = end;
        self.heaps[heap].3 = end_page.max(mapped);
        va
    }

    fn parts(
        &self,
        slot: u8,
        va: u64,
        len: usize,
        mut part: impl FnMut(u64, std::ops::Range<usize>),
    ) {
        let mut done = 0;
        while done < len {
            let at = va + done as u64;
            let n = (len - done).min((PAGE_SIZE - at % PAGE_SIZE) as usize);
            let page = self
                .machine
                .entry(slot, at)
                .unwrap_or_else(|| panic!("{at:#x} not mapped"));
            part(page.pa + at % PAGE_SIZE, done..done + n);
            done += n;
        }
    }

    pub fn write_in(&self, slot: u8, va: u64, bytes: &[u8]) {
        self.parts(slot, va, bytes.len(), |pa, range| {
            self.machine.write_phys(pa, &bytes[range]).expect("RAM");
        });
    }

    pub fn write(&self, va: u64, bytes: &[u8]) {
        self.write_in(KERNEL, va, bytes);
    }

    pub fn read(&self, va: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.parts(KERNEL, va, len, |pa, range| {
            self.machine.read_phys(pa, &mut bytes[range]).expect("RAM");
        });
        bytes
    }

    /// What `field` of the structure at `base` holds.
    pub fn get<S: Everywhere, T: Value>(&self, base: u64, field: Field<S, T>) -> T {
        T::read_in(
            abi(),
            &self.read(base + field.offset_in(abi()) as u64, T::size_in(abi())),
        )
    }

    pub fn set<S: Everywhere, T: Value>(&self, base: u64, field: Field<S, T>, value: T) {
        let mut bytes = vec![0; T::size_in(abi())];
        value.write_in(abi(), &mut bytes);
        self.write(base + field.offset_in(abi()) as u64, &bytes);
    }

    pub fn u32(&self, va: u64) -> u32 {
        u32::read(&self.read(va, 4))
    }

    pub fn u64(&self, va: u64) -> u64 {
        u64::read(&self.read(va, 8))
    }

    pub fn set_u32(&self, va: u64, value: u32) {
        self.write(va, &value.to_le_bytes());
    }
}

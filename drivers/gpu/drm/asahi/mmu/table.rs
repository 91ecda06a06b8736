// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Page tables, without the memory that they are in and without the caches that have to know.
//!
//! Rules that everything here keeps, since firmware and GPU walk the tables at any time:
//!
//! - Entries go from 0 to valid and back to 0, never from one address to another.
//! - Tables are never freed while the address space lives, so only leaves have to be invalidated.
//!   When it goes, it first goes out of reach, then everything is invalidated, then its tables are
//!   freed.
//!
//! There is no lock: tables are linked, and pages mapped, by atomic exchange, and nobody waits. So
//! mappings may end in any context. Making one allocates.

use agx_abi::uat::{
    pte,
    Protection,
    LEVEL_ENTRIES,
    LEVEL_SHIFTS,
    PAGE_SIZE,
    VA_BITS, //
};
use core::{
    ops::Range,
    sync::atomic::{
        AtomicU64,
        Ordering, //
    }, //
};

/// What the tables are made of.
///
/// # Safety
///
/// The memory at `entries(table)` must be aligned, valid for reads and writes of a whole table for
/// as long as the table has not been freed, and accessed atomically only.
pub(crate) unsafe trait TableMemory {
    type Error;

    /// Allocates a table with all entries 0, and returns its physical address.
    fn allocate(&self) -> Result<u64, Self::Error>;

    /// Frees a table that [`TableMemory::allocate`] has returned.
    ///
    /// # Safety
    ///
    /// Nobody may use it any more.
    unsafe fn free(&self, table: u64);

    /// Where the CPU finds the entries of the table at physical address `table`.
    fn entries(&self, table: u64) -> *mut u64;

    /// Makes everybody who walks tables forget what they have found there. When it returns, a table
    /// to which nothing led before is walked by nobody.
    fn invalidate_all(&self);
}

/// Why a page cannot be mapped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MapError<E> {
    /// Something is mapped there already.
    Busy,
    /// There is no memory for a table.
    Memory(E),
}

/// One half of an address space.
///
/// # Invariants
///
/// - `root` is a table of `memory` that we have allocated; `shared` is one, valid for as long as
///   `self` lives.
/// - The valid entries with an index in `roots` of the root, and all entries below them, point to
///   tables that [`TableMemory::allocate`] has returned, or at the last level to pages.
pub(crate) struct PageTable<M: TableMemory> {
    memory: M,
    root: u64,
    /// The entries of the root that are used.
    roots: Range<usize>,
    /// The root that firmware and GPU walk from, if it is somebody else's. Our one entry is copied
    /// to it for as long as we are attached.
    shared: Option<u64>,
    /// Bits that all leaves have.
    leaf: u64,
}

const LAST_LEVEL: usize = LEVEL_SHIFTS.len() - 1;

/// The index of `va` into a table of `level`. The bits above the address space do not matter.
const fn index(va: u64, level: usize) -> usize {
    (va >> LEVEL_SHIFTS[level]) as usize & (LEVEL_ENTRIES[level] - 1)
}

impl<M: TableMemory> PageTable<M> {
    /// The lower half of an address space of its own.
    pub(crate) fn new_lower(memory: M) -> Result<Self, M::Error> {
        let root = memory.allocate()?;
        // INVARIANT: The root has just been allocated, and has no valid entries.
        Ok(Self {
            memory,
            root,
            roots: 0..LEVEL_ENTRIES[0],
            shared: None,
            leaf: pte::NG,
        })
    }

    /// The entry `index` of a root that belongs to somebody else, in the upper half.
    ///
    /// One before us may live on, after the device was unbound: it has a root of its own, too, and
    /// so finds nothing of ours.
    ///
    /// # Safety
    ///
    /// `root` must be a table, valid for as long as the result lives, and nobody but others of this
    /// kind may touch the entry.
    pub(crate) unsafe fn new_upper(memory: M, root: u64, index: usize) -> Result<Self, M::Error> {
        let own = memory.allocate()?;
        // INVARIANT: Our own root has just been allocated; the other one is a table by the
        // function's requirements.
        let this = Self {
            memory,
            root: own,
            roots: index..index + 1,
            shared: Some(root),
            leaf: 0,
        };
        let ours = this.link(this.entry(own, index))?;
        // A driver before us, of a kernel before this one perhaps, left something there.
        this.entry(root, index).store(0, Ordering::Relaxed);
        this.memory.invalidate_all();
        // Release: the table is there before it.
        this.entry(root, index).store(ours, Ordering::Release);
        Ok(this)
    }

    /// Takes what is mapped here out of the root that belongs to somebody else, for good. Firmware
    /// and GPU do not reach it any more when this returns. May be repeated.
    pub(crate) fn detach(&self) {
        let Some(shared) = self.shared else {
            return;
        };
        let index = self.roots.start;
        let ours = self.load(self.root, index);
        // Another one's may be there by now.
        let gone = ours != 0
            && self
                .entry(shared, index)
                .compare_exchange(ours, 0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if gone {
            self.memory.invalidate_all();
        }
    }

    /// Physical address of the root that firmware and GPU walk from.
    pub(crate) fn root(&self) -> u64 {
        self.shared.unwrap_or(self.root)
    }

    /// Maps the page at `va`.
    pub(crate) fn map(
        &self,
        va: u64,
        phys: u64,
        protection: Protection,
    ) -> Result<(), MapError<M::Error>> {
        let table = self.make_leaf_table(va).map_err(MapError::Memory)?;
        let leaf = phys | protection.bits() | self.leaf | pte::VALID;
        // Release: what the page holds is there before it.
        self.entry(table, index(va, LAST_LEVEL))
            .compare_exchange(0, leaf, Ordering::Release, Ordering::Relaxed)
            .map(drop)
            .map_err(|_| MapError::Busy)
    }

    /// Makes sure that mapping the pages of `range` needs no memory any more.
    pub(crate) fn prepare(&self, range: Range<u64>) -> Result<(), M::Error> {
        let mut va = range.start;
        while va < range.end {
            self.make_leaf_table(va)?;
            // The start of what the next table is for.
            va = ((va >> LEVEL_SHIFTS[LAST_LEVEL - 1]) + 1) << LEVEL_SHIFTS[LAST_LEVEL - 1];
        }
        Ok(())
    }

    /// Ends the mapping of the page at `va`. Returns whether there was one.
    pub(crate) fn unmap(&self, va: u64) -> bool {
        let Some(table) = self.leaf_table(va) else {
            return false;
        };
        self.entry(table, index(va, LAST_LEVEL))
            .swap(0, Ordering::Relaxed)
            != 0
    }

    /// Ends all mappings in `range`, and returns how many there were.
    pub(crate) fn unmap_range(&self, range: Range<u64>) -> u64 {
        let mut mapped = 0;
        let mut va = range.start;
        while va < range.end {
            if self.leaf_table(va).is_none() {
                va = ((va >> LEVEL_SHIFTS[LAST_LEVEL - 1]) + 1) << LEVEL_SHIFTS[LAST_LEVEL - 1];
                continue;
            }
            mapped += u64::from(self.unmap(va));
            va += PAGE_SIZE;
        }
        mapped
    }

    /// The physical address and protection of the page at `va`.
    #[cfg(test)]
    pub(crate) fn lookup(&self, va: u64) -> Option<(u64, Protection)> {
        let entry = self.load(self.leaf_table(va)?, index(va, LAST_LEVEL));
        (entry != 0).then(|| (entry & pte::ADDRESS_MASK, Protection::from_entry(entry)))
    }

    /// The table of the last level for `va`, if there is one.
    fn leaf_table(&self, va: u64) -> Option<u64> {
        debug_assert!(self.roots.contains(&index(va, 0)));
        let mut table = self.root;
        for level in 0..LAST_LEVEL {
            let entry = self.load(table, index(va, level));
            if entry == 0 {
                return None;
            }
            table = entry & pte::ADDRESS_MASK;
        }
        Some(table)
    }

    /// The table of the last level for `va`, made where it is missing.
    fn make_leaf_table(&self, va: u64) -> Result<u64, M::Error> {
        debug_assert!(self.roots.contains(&index(va, 0)));
        let mut table = self.root;
        for level in 0..LAST_LEVEL {
            let index = index(va, level);
            let mut entry = self.load(table, index);
            if entry == 0 {
                entry = self.link(self.entry(table, index))?;
            }
            table = entry & pte::ADDRESS_MASK;
        }
        Ok(table)
    }

    /// Gives `place` a new table, unless somebody else does. Returns what it then holds.
    fn link(&self, place: &AtomicU64) -> Result<u64, M::Error> {
        let below = self.memory.allocate()?;
        let entry = below | pte::VALID;
        // INVARIANT: The entry points to a table that we have just allocated.
        match place.compare_exchange(0, entry, Ordering::Release, Ordering::Acquire) {
            Ok(_) => Ok(entry),
            Err(theirs) => {
                // SAFETY: Nobody has seen it.
                unsafe { self.memory.free(below) };
                Ok(theirs)
            }
        }
    }

    fn load(&self, table: u64, index: usize) -> u64 {
        self.entry(table, index).load(Ordering::Acquire)
    }

    fn entry(&self, table: u64, index: usize) -> &AtomicU64 {
        // SAFETY: By the type invariants `table` is one, and it lives as long as `self`; all
        // callers' indices are smaller than a table.
        unsafe { AtomicU64::from_ptr(self.memory.entries(table).add(index)) }
    }

    /// Frees `table`, which is of `level`, and what is below it.
    fn free_all(&self, table: u64, level: usize) {
        if level < LAST_LEVEL {
            for index in 0..LEVEL_ENTRIES[level] {
                let entry = self.load(table, index);
                if entry != 0 {
                    self.free_all(entry & pte::ADDRESS_MASK, level + 1);
                }
            }
        }
        // SAFETY: By the type invariants we have allocated it. `drop()`, which is the only caller,
        // has made sure that it is out of reach.
        unsafe { self.memory.free(table) };
    }
}

impl<M: TableMemory> Drop for PageTable<M> {
    fn drop(&mut self) {
        // The owner has taken a root of ours out of the context that it was in.
        self.detach();
        self.free_all(self.root, 0);
    }
}

/// Whether `range` is made of whole pages, within one half.
pub(crate) fn is_page_range(range: &Range<u64>) -> bool {
    range.start < range.end
        && range.start % PAGE_SIZE == 0
        && range.end % PAGE_SIZE == 0
        && range.start >> VA_BITS == (range.end - 1) >> VA_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use agx_abi::uat::{
        KERNEL_ROOT_INDEX,
        KERNEL_START, //
    };
    use std::{
        cell::RefCell,
        collections::HashMap,
        rc::Rc, //
    };

    /// Tables at made-up physical addresses.
    #[derive(Clone, Default)]
    struct Fake(Rc<RefCell<State>>);

    #[derive(Default)]
    struct State {
        tables: HashMap<u64, Box<[u64; 2048]>>,
        next: u64,
        left: Option<usize>,
        /// A root that is walked at all times.
        walked: Option<u64>,
        /// Tables that a walk from there may have in a cache.
        cached: Vec<u64>,
    }

    impl State {
        /// All tables that a walk from `table`, of `level`, comes to.
        fn reach(&self, table: u64, level: usize, found: &mut Vec<u64>) {
            for &entry in self.tables[&table].iter().filter(|&&entry| entry != 0) {
                let below = entry & pte::ADDRESS_MASK;
                if level < LAST_LEVEL && self.tables.contains_key(&below) {
                    found.push(below);
                    self.reach(below, level + 1, found);
                }
            }
        }
    }

    // SAFETY: Boxes do not move, and are dropped by `free()` only.
    unsafe impl TableMemory for Fake {
        type Error = ();

        fn allocate(&self) -> Result<u64, ()> {
            let mut state = self.0.borrow_mut();
            if let Some(left) = &mut state.left {
                *left = left.checked_sub(1).ok_or(())?;
            }
            state.next += PAGE_SIZE;
            let at = 0x8_0000_0000 + state.next;
            state.tables.insert(at, Box::new([0; 2048]));
            Ok(at)
        }

        unsafe fn free(&self, table: u64) {
            let mut state = self.0.borrow_mut();
            assert!(!state.cached.contains(&table), "freed while it is walked");
            state
                .tables
                .remove(&table)
                .expect("freed twice, or never allocated");
        }

        fn entries(&self, table: u64) -> *mut u64 {
            self.0
                .borrow_mut()
                .tables
                .get_mut(&table)
                .expect("no such table")
                .as_mut_ptr()
        }

        fn invalidate_all(&self) {
            let mut state = self.0.borrow_mut();
            let mut found = Vec::new();
            if let Some(root) = state.walked {
                state.reach(root, 0, &mut found);
            }
            state.cached = found;
        }
    }

    fn live(memory: &Fake) -> usize {
        memory.0.borrow().tables.len()
    }

    const P: Protection = Protection::GPU_SHARED_RW;

    #[test]
    fn map_lookup_unmap() {
        let memory = Fake::default();
        let table = PageTable::new_lower(memory.clone()).unwrap();
        let va = 0x12_3456_4000;

        assert_eq!(table.lookup(va), None);
        assert!(!table.unmap(va));
        table.map(va, 0x9_8765_4000, P).unwrap();
        assert_eq!(table.lookup(va), Some((0x9_8765_4000, P)));
        assert_eq!(table.lookup(va + PAGE_SIZE), None);
        assert_eq!(table.map(va, 0x9_0000_0000, P), Err(MapError::Busy));
        assert!(table.unmap(va));
        assert_eq!(table.lookup(va), None);

        // Root, one table each of the other levels; kept until the end.
        assert_eq!(live(&memory), 3);
        drop(table);
        assert_eq!(live(&memory), 0);
    }

    #[test]
    fn leaves_have_the_bits_of_their_half() {
        let memory = Fake::default();
        let lower = PageTable::new_lower(memory.clone()).unwrap();
        lower.map(0x4000, 0x8_0000_0000, P).unwrap();
        let leaf = lower.leaf_table(0x4000).unwrap();
        assert_eq!(
            lower.load(leaf, 1) & (pte::NG | pte::VALID),
            pte::NG | pte::VALID
        );

        let root = memory.allocate().unwrap();
        // SAFETY: A table of our own.
        let upper =
            unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX) }.unwrap();
        upper
            .map(KERNEL_START, 0x8_0000_0000, Protection::FW_PRIV_RW)
            .unwrap();
        let leaf = upper.leaf_table(KERNEL_START).unwrap();
        assert_eq!(upper.load(leaf, 0) & (pte::NG | pte::VALID), pte::VALID);
    }

    #[test]
    fn somebody_elses_root_is_left_alone() {
        let memory = Fake::default();
        let root = memory.allocate().unwrap();
        let entries = memory.entries(root);
        // SAFETY: A table of our own.
        unsafe {
            entries.write(0x1_0000_0003);
            entries.add(KERNEL_ROOT_INDEX).write(0xdead);
        }
        // SAFETY: A table of our own.
        let upper =
            unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX) }.unwrap();
        // What was left in our entry is not followed.
        assert_eq!(upper.lookup(KERNEL_START), None);
        upper.map(KERNEL_START, 0x8_0000_0000, P).unwrap();
        drop(upper);
        // SAFETY: A table of our own.
        unsafe {
            assert_eq!(entries.read(), 0x1_0000_0003);
            assert_eq!(entries.add(KERNEL_ROOT_INDEX).read(), 0);
        }
        assert_eq!(live(&memory), 1);
    }

    #[test]
    fn one_that_goes_late_leaves_the_next_one_alone() {
        let memory = Fake::default();
        let root = memory.allocate().unwrap();
        // SAFETY: A table of our own.
        let old = unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX) }.unwrap();
        old.map(KERNEL_START, 0x8_0000_0000, P).unwrap();
        // The device is bound again while somebody still has what was there before.
        // SAFETY: A table of our own.
        let new = unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX) }.unwrap();
        new.map(KERNEL_START, 0x9_0000_0000, P).unwrap();
        old.unmap(KERNEL_START);
        assert_eq!(new.lookup(KERNEL_START), Some((0x9_0000_0000, P)));
        drop(old);
        assert_eq!(new.lookup(KERNEL_START), Some((0x9_0000_0000, P)));
        // SAFETY: A table of our own.
        assert_ne!(
            unsafe { memory.entries(root).add(KERNEL_ROOT_INDEX).read() },
            0
        );
        drop(new);
        assert_eq!(live(&memory), 1);
    }

    #[test]
    fn tables_go_out_of_reach_before_they_are_freed() {
        let memory = Fake::default();
        let root = memory.allocate().unwrap();
        // SAFETY: A table of our own.
        let upper =
            unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX) }.unwrap();
        upper.map(KERNEL_START, 0x8_0000_0000, P).unwrap();
        memory.0.borrow_mut().walked = Some(root);
        memory.invalidate_all();
        assert_eq!(memory.0.borrow().cached.len(), 2);
        drop(upper);
        assert_eq!(live(&memory), 1);

        // What was there before is forgotten before anything new is linked.
        let below = memory.allocate().unwrap();
        let old = below | pte::VALID;
        // SAFETY: A table of our own.
        unsafe { memory.entries(root).add(KERNEL_ROOT_INDEX).write(old) };
        memory.0.borrow_mut().cached.push(below);
        // SAFETY: A table of our own.
        drop(unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX) }.unwrap());
        assert!(memory.0.borrow().cached.is_empty());
    }

    #[test]
    fn ranges_over_table_borders() {
        let memory = Fake::default();
        let table = PageTable::new_lower(memory.clone()).unwrap();
        let border = 1 << LEVEL_SHIFTS[1];
        let range = border - 2 * PAGE_SIZE..border + 3 * PAGE_SIZE;

        table.prepare(range.clone()).unwrap();
        let tables = live(&memory);
        for va in range.clone().step_by(PAGE_SIZE as usize) {
            table.map(va, 0x8_0000_0000 + va, P).unwrap();
        }
        assert_eq!(
            live(&memory),
            tables,
            "prepare() allocates all that map() needs"
        );
        // A range that reaches into what has no tables.
        assert_eq!(table.unmap_range(border - PAGE_SIZE..5 * border), 4);
        assert_eq!(table.unmap_range(0..5 * border), 1);
    }

    #[test]
    fn no_memory() {
        let memory = Fake::default();
        let table = PageTable::new_lower(memory.clone()).unwrap();
        for left in 0..2 {
            memory.0.borrow_mut().left = Some(left);
            assert_eq!(
                table.map(0x4000, 0x8_0000_0000, P),
                Err(MapError::Memory(()))
            );
        }
        memory.0.borrow_mut().left = None;
        table.map(0x4000, 0x8_0000_0000, P).unwrap();
        drop(table);
        assert_eq!(live(&memory), 0);
    }

    #[test]
    fn page_ranges() {
        assert!(is_page_range(&(0x4000..0x8000)));
        assert!(!is_page_range(&(0x4000..0x4000)));
        let (start, end) = (0x8000, 0x4000);
        assert!(!is_page_range(&(start..end)));
        assert!(!is_page_range(&(0x1000..0x8000)));
        assert!(!is_page_range(&(0x4000..0x5000)));
        assert!(!is_page_range(
            &((1 << VA_BITS) - PAGE_SIZE..(1 << VA_BITS) + PAGE_SIZE)
        ));
    }
}

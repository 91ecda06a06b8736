// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Page tables, independent of the memory that they are in and of the TLBs.
//!
//! Firmware and GPU may walk the tables at any time, so these rules hold:
//!
//! - Entries go from invalid to valid and back, never from one address to another.
//! - Tables are never freed while the address space lives, so only leaves have to be invalidated.
//!   When it goes, it first goes out of reach, then everything is invalidated, then its tables are
//!   freed.
//!
//! There is no lock: tables are linked and pages mapped by atomic exchange, without waiting. So
//! mappings may end in any context. Creating one allocates.

use agx_abi::uat::{
    pte,
    Protection,
    LEVEL_ENTRIES,
    LEVEL_SHIFTS,
    PAGE_SIZE,
    VA_BITS, //
};
use core::ops::Range;
use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Relaxed,
    Release, //
};

/// The memory of page tables.
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
    /// The table must not be used any more, neither by the CPU nor by a walk.
    unsafe fn free(&self, table: u64);

    /// Returns where the CPU finds the entries of the table at physical address `table`.
    fn entries(&self, table: u64) -> *mut u64;

    /// Invalidates all cached walks of GPU and firmware. When it returns, no walk uses a table that
    /// was not reachable from a root before the call.
    fn invalidate_all(&self);
}

/// The reason why a page cannot be mapped.
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
/// - After [`cut_off`] the same holds for the entries that the root had then.
/// - The valid entries with an index in `roots` of the root, and all entries below them, point to
///   tables that [`TableMemory::allocate`] has returned, or at the last level to pages.
pub(crate) struct PageTable<M: TableMemory> {
    memory: M,
    root: u64,
    /// The entries of the root that are used.
    roots: Range<usize>,
    /// The root that firmware and GPU walk from, if the table does not own it. The one entry of
    /// `root` is copied to it until [`PageTable::detach`].
    shared: Option<u64>,
    /// Bits that all leaves have.
    leaf: u64,
}

/// An invalid entry that marks the memory mapped there before as the firmware's for ever.
///
/// Its lowest bit is clear: walks end at such an entry whatever its other bits are.
const SEALED: u64 = u64::from_be_bytes(*b"asahi:\0\0");

/// Index into the root of a lower half that is cut off, behind what is walked, of the entries that
/// it had; and of a word that is not 0 then.
const SAVED: usize = LEVEL_ENTRIES[0];
const CUT_OFF: usize = 2 * LEVEL_ENTRIES[0];

/// Clears the root of a lower half for good, where firmware and GPU may go on walking from it for
/// ever. The caller invalidates. [`PageTable`] then frees all but the root.
///
/// Mappings may end meanwhile. Their owner does not find them any more, and invalidates everything
/// by itself before it frees the pages.
///
/// # Safety
///
/// `root` must be that of a [`PageTable::new_lower`] in such memory, and not be dropped meanwhile.
/// There are no concurrent calls for it.
pub(crate) unsafe fn cut_off<M: TableMemory>(memory: &M, root: u64) {
    // SAFETY: By the function's requirements `root` is a table, and is accessed atomically only;
    // all indices below are smaller than a table.
    let entry = |index| unsafe { Atomic::<u64>::from_ptr(memory.entries(root).add(index)) };
    entry(CUT_OFF).store(1, Relaxed);
    for index in 0..LEVEL_ENTRIES[0] {
        // Release: whoever finds the entry gone finds the mark.
        let old = entry(index).xchg(0, Release);
        if old != 0 {
            entry(SAVED + index).store(old, Relaxed);
        }
    }
}

const LAST_LEVEL: usize = LEVEL_SHIFTS.len() - 1;

/// Returns the index of `va` into a table of `level`. The bits above the address space do not
/// matter.
const fn index(va: u64, level: usize) -> usize {
    (va >> LEVEL_SHIFTS[level]) as usize & (LEVEL_ENTRIES[level] - 1)
}

impl<M: TableMemory> PageTable<M> {
    /// Returns the lower half of an address space of its own.
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

    /// Returns a table for the entry `index`, in the upper half, of a root that it does not own.
    ///
    /// A table of an earlier binding of the device may still exist. It has a root of its own as
    /// well, and so does not reach the entries of this one.
    ///
    /// `is_walked`: firmware and GPU may walk the tables at this moment.
    ///
    /// # Errors
    ///
    /// [`MapError::Busy`] after [`PageTable::seal`], and if the tables are walked and the entry is
    /// valid already.
    ///
    /// # Safety
    ///
    /// `root` must be a table that is valid for as long as the result lives. Only tables of this
    /// type may access its entry `index`.
    pub(crate) unsafe fn new_upper(
        memory: M,
        root: u64,
        index: usize,
        is_walked: bool,
    ) -> Result<Self, MapError<M::Error>> {
        let own = memory.allocate().map_err(MapError::Memory)?;
        // INVARIANT: Our own root has just been allocated; the other one is a table by the
        // function's requirements.
        let this = Self {
            memory,
            root: own,
            roots: index..index + 1,
            shared: Some(root),
            leaf: 0,
        };
        let ours = this
            .link(&this.memory, this.entry(own, index))
            .map_err(MapError::Memory)?;
        let old = this.load(root, index);
        if old == SEALED || (is_walked && old & pte::VALID == pte::VALID) {
            return Err(MapError::Busy);
        }
        // An earlier driver, perhaps of an earlier kernel, may have left an entry there.
        this.entry(root, index).store(0, Relaxed);
        this.memory.invalidate_all();
        // Release: the table is visible before the entry.
        this.entry(root, index).store(ours, Release);
        Ok(this)
    }

    /// Removes the table's entry from the shared root, for good. Firmware and GPU do not reach its
    /// mappings any more when this returns. May be repeated.
    pub(crate) fn detach(&self) {
        self.replace(0);
    }

    /// Detaches the table as [`PageTable::detach`] does, and marks the entry as unusable. Later
    /// drivers, also those of kernels started by kexec, refuse to map anything there. The mark goes
    /// when the boot loader sets the root up again.
    pub(crate) fn seal(&self) {
        self.replace(SEALED);
    }

    /// Clears the root of a lower half for good, as [`cut_off`] does: it may be walked for ever.
    /// There is no concurrent call for it, as the owner is about to drop it.
    pub(crate) fn cut_off(&self) {
        debug_assert!(self.shared.is_none());
        // SAFETY: By the type invariants it is such a root, and lives as long as `self`.
        unsafe { cut_off(&self.memory, self.root) };
        self.memory.invalidate_all();
    }

    /// Replaces the table's entry in the shared root by `entry`.
    fn replace(&self, entry: u64) {
        let Some(shared) = self.shared else {
            return;
        };
        let index = self.roots.start;
        let ours = self.load(self.root, index);
        // A later table may have replaced it.
        let gone = ours != 0
            && self
                .entry(shared, index)
                .cmpxchg(ours, entry, Relaxed)
                .is_ok();
        if gone {
            self.memory.invalidate_all();
        }
    }

    /// Returns the physical address of the root that firmware and GPU walk from.
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
        let table = self
            .make_leaf_table(&self.memory, va)
            .map_err(MapError::Memory)?;
        let leaf = phys | protection.bits() | self.leaf | pte::VALID;
        // Release: the page's content is visible before the entry.
        self.entry(table, index(va, LAST_LEVEL))
            .cmpxchg(0, leaf, Release)
            .map(drop)
            .map_err(|_| MapError::Busy)
    }

    /// Maps all of `pages` from `va` on, or none.
    ///
    /// On failure the mappings are ended again, as with [`PageTable::unmap_with`]: a walk may have
    /// used them meanwhile.
    pub(crate) fn map_pages(
        &self,
        va: u64,
        pages: impl Iterator<Item = u64>,
        protection: Protection,
        invalidate: impl FnOnce(Range<u64>),
    ) -> Result<(), MapError<M::Error>> {
        let mut end = va;
        for phys in pages {
            if let Err(e) = self.map(end, phys, protection) {
                self.unmap_with(va..end, invalidate);
                return Err(e);
            }
            end += PAGE_SIZE;
        }
        Ok(())
    }

    /// Allocates the tables for `range` from `memory`, so that mapping its pages needs no memory.
    ///
    /// The tables are freed to the memory that this one was made with.
    pub(crate) fn prepare(&self, memory: &M, range: Range<u64>) -> Result<(), M::Error> {
        let mut va = range.start;
        while va < range.end {
            self.make_leaf_table(memory, va)?;
            // The first address of the next table.
            va = ((va >> LEVEL_SHIFTS[LAST_LEVEL - 1]) + 1) << LEVEL_SHIFTS[LAST_LEVEL - 1];
        }
        Ok(())
    }

    /// Ends the mapping of the page at `va`. Returns whether there was one.
    pub(crate) fn unmap(&self, va: u64) -> bool {
        let Some(table) = self.leaf_table(va) else {
            return false;
        };
        self.entry(table, index(va, LAST_LEVEL)).xchg(0, Relaxed) != 0
    }

    /// Ends all mappings in `range`, and calls `invalidate` with it if there were any. No walk uses
    /// one of them any more when it returns.
    pub(crate) fn unmap_with(&self, range: Range<u64>, invalidate: impl FnOnce(Range<u64>)) {
        let ended = self.unmap_range(range.clone());
        // A root that is cut off does not lead to its mappings any more. They are still there, for
        // walks that began before, until everything is invalidated; which another thread may be
        // about to do. Behind `unmap_range()`, which acquires the entries of the root.
        if self.load(self.root, CUT_OFF) != 0 {
            self.memory.invalidate_all();
        } else if ended != 0 {
            invalidate(range);
        }
    }

    /// Ends all mappings in `range`, and returns how many there were. The caller invalidates. It is
    /// not for a lower half that may be cut off.
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

    /// Returns the physical address and protection of the page at `va`.
    #[cfg(test)]
    pub(crate) fn lookup(&self, va: u64) -> Option<(u64, Protection)> {
        let entry = self.load(self.leaf_table(va)?, index(va, LAST_LEVEL));
        (entry != 0).then(|| (entry & pte::ADDRESS_MASK, Protection::from_entry(entry)))
    }

    /// Returns the table of the last level for `va`, if there is one.
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

    /// Returns the table of the last level for `va`, made where it is missing.
    fn make_leaf_table(&self, memory: &M, va: u64) -> Result<u64, M::Error> {
        debug_assert!(self.roots.contains(&index(va, 0)));
        let mut table = self.root;
        for level in 0..LAST_LEVEL {
            let index = index(va, level);
            let mut entry = self.load(table, index);
            if entry == 0 {
                entry = self.link(memory, self.entry(table, index))?;
            }
            table = entry & pte::ADDRESS_MASK;
        }
        Ok(table)
    }

    /// Links a new table at `place`, unless another thread does so first. Returns the entry.
    fn link(&self, memory: &M, place: &Atomic<u64>) -> Result<u64, M::Error> {
        let below = memory.allocate()?;
        let entry = below | pte::VALID;
        // INVARIANT: The entry points to a table that we have just allocated.
        match place.cmpxchg(0, entry, Release) {
            Ok(_) => Ok(entry),
            Err(_) => {
                // SAFETY: The exchange failed, so the table has never been reachable.
                unsafe { self.memory.free(below) };
                // An exchange that fails orders nothing. The entry stays until the tables are
                // freed. Acquire: the content of the linked table is visible after it.
                Ok(place.load(Acquire))
            }
        }
    }

    fn load(&self, table: u64, index: usize) -> u64 {
        self.entry(table, index).load(Acquire)
    }

    fn entry(&self, table: u64, index: usize) -> &Atomic<u64> {
        // SAFETY: By the type invariants `table` is one, and it lives as long as `self`; all
        // callers' indices are smaller than a table.
        unsafe { Atomic::from_ptr(self.memory.entries(table).add(index)) }
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
        // The owner has removed the root of a lower half from its context.
        self.detach();
        if self.shared.is_some() || self.load(self.root, CUT_OFF) == 0 {
            self.free_all(self.root, 0);
            return;
        }
        // The root may still be walked, and stays. Mappings that came after the cut have linked new
        // tables to it.
        let late: [u64; LEVEL_ENTRIES[0]] =
            core::array::from_fn(|index| self.entry(self.root, index).xchg(0, Relaxed));
        self.memory.invalidate_all();
        let saved = (0..LEVEL_ENTRIES[0]).map(|index| self.load(self.root, SAVED + index));
        for entry in saved.chain(late).filter(|&entry| entry != 0) {
            self.free_all(entry & pte::ADDRESS_MASK, 1);
        }
    }
}

/// Returns whether `range` is made of whole pages, within one half.
pub(crate) fn is_page_range(range: &Range<u64>) -> bool {
    range.start < range.end
        && range.start % PAGE_SIZE == 0
        && range.end % PAGE_SIZE == 0
        && range.start >> VA_BITS == (range.end - 1) >> VA_BITS
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of page tables, with tables at made-up physical addresses.

use super::*;
use agx_abi::uat::{
    KERNEL_ROOT_INDEX,
    KERNEL_START, //
};
use std::{
    cell::{
        Cell,
        RefCell, //
    },
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
    invalidations: usize,
}

impl State {
    /// Returns whether a walk that has tables in its cache may come to the page at `phys`.
    fn may_reach(&self, phys: u64) -> bool {
        let entries = |table| self.tables[table].iter();
        let mut cached = self.cached.iter().flat_map(entries);
        cached.any(|entry| entry & pte::VALID != 0 && entry & pte::ADDRESS_MASK == phys)
    }

    /// Collects the tables that a walk from `table`, of `level`, comes to.
    fn reach(&self, table: u64, level: usize, found: &mut Vec<u64>) {
        for &entry in self.tables[&table][..LEVEL_ENTRIES[level]]
            .iter()
            .filter(|&&entry| entry != 0)
        {
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
        state.invalidations += 1;
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
        unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX, false) }.unwrap();
    upper
        .map(KERNEL_START, 0x8_0000_0000, Protection::FW_PRIV_RW)
        .unwrap();
    let leaf = upper.leaf_table(KERNEL_START).unwrap();
    assert_eq!(upper.load(leaf, 0) & (pte::NG | pte::VALID), pte::VALID);
}

#[test]
fn entries_of_a_shared_root_are_left_alone() {
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
        unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX, false) }.unwrap();
    // An entry that was left behind is not followed.
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
    let old =
        unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX, false) }.unwrap();
    old.map(KERNEL_START, 0x8_0000_0000, P).unwrap();
    // The device is bound again while a mapping of the earlier binding still exists.
    // SAFETY: A table of our own.
    let new =
        unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX, false) }.unwrap();
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
fn a_sealed_entry_refuses_new_tables() {
    let memory = Fake::default();
    let root = memory.allocate().unwrap();
    let entry = || {
        // SAFETY: A table of our own.
        unsafe { memory.entries(root).add(KERNEL_ROOT_INDEX).read() }
    };
    // SAFETY: A table of our own.
    let new =
        |walked| unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX, walked) };
    let old = new(false).unwrap();
    old.map(KERNEL_START, 0x8_0000_0000, P).unwrap();
    memory.0.borrow_mut().walked = Some(root);
    memory.invalidate_all();
    old.seal();
    // No entry leads there, and no walk has it cached.
    assert_eq!(entry() & pte::VALID, 0);
    assert!(memory.0.borrow().cached.is_empty());
    let sealed = entry();
    for walked in [false, true] {
        assert_eq!(new(walked).err(), Some(MapError::Busy));
    }
    old.detach();
    drop(old);
    assert_eq!(entry(), sealed);
    assert_eq!(live(&memory), 1);
}

#[test]
fn what_is_walked_is_not_replaced() {
    let memory = Fake::default();
    let root = memory.allocate().unwrap();
    let below = memory.allocate().unwrap();
    // SAFETY: A table of our own.
    let at = || unsafe { memory.entries(root).add(KERNEL_ROOT_INDEX) };
    // SAFETY: A table of our own.
    let new =
        |walked| unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX, walked) };
    // SAFETY: A table of our own.
    unsafe { at().write(below | pte::VALID) };
    assert_eq!(new(true).err(), Some(MapError::Busy));
    // SAFETY: A table of our own.
    assert_eq!(unsafe { at().read() }, below | pte::VALID);
    // An invalid entry is no obstacle, nor is a valid one while the tables are not walked.
    // SAFETY: A table of our own.
    unsafe { at().write(0xdead_0000) };
    drop(new(true).unwrap());
    // SAFETY: A table of our own.
    unsafe { at().write(below | pte::VALID) };
    drop(new(false).unwrap());
    assert_eq!(live(&memory), 2);
}

#[test]
fn tables_go_out_of_reach_before_they_are_freed() {
    let memory = Fake::default();
    let root = memory.allocate().unwrap();
    // SAFETY: A table of our own.
    let upper =
        unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX, false) }.unwrap();
    upper.map(KERNEL_START, 0x8_0000_0000, P).unwrap();
    memory.0.borrow_mut().walked = Some(root);
    memory.invalidate_all();
    assert_eq!(memory.0.borrow().cached.len(), 2);
    drop(upper);
    assert_eq!(live(&memory), 1);

    // Cached walks of the old entry are invalidated before the new one is linked.
    let below = memory.allocate().unwrap();
    let old = below | pte::VALID;
    // SAFETY: A table of our own.
    unsafe { memory.entries(root).add(KERNEL_ROOT_INDEX).write(old) };
    memory.0.borrow_mut().cached.push(below);
    // SAFETY: A table of our own.
    drop(unsafe { PageTable::new_upper(memory.clone(), root, KERNEL_ROOT_INDEX, false) }.unwrap());
    assert!(memory.0.borrow().cached.is_empty());
}

#[test]
fn ranges_over_table_borders() {
    let memory = Fake::default();
    let table = PageTable::new_lower(memory.clone()).unwrap();
    let border = 1 << LEVEL_SHIFTS[1];
    let range = border - 2 * PAGE_SIZE..border + 3 * PAGE_SIZE;

    table.prepare(&memory, range.clone()).unwrap();
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
fn what_a_failure_ends_is_invalidated() {
    let memory = Fake::default();
    let table = PageTable::new_lower(memory.clone()).unwrap();
    let border = 1 << LEVEL_SHIFTS[1];
    let start = border - 2 * PAGE_SIZE;
    let pages = || (0..4).map(|page| 0x8_0000_0000 + page * PAGE_SIZE);
    let map = || {
        let mut gone = None;
        let result = table.map_pages(start, pages(), P, |range| gone = Some(range));
        (result, gone)
    };
    let none = |range: Range<u64>| {
        range
            .step_by(PAGE_SIZE as usize)
            .all(|va| table.lookup(va).is_none())
    };

    // The first page has no table: nothing was mapped.
    memory.0.borrow_mut().left = Some(0);
    assert_eq!(map(), (Err(MapError::Memory(())), None));
    // The third has none: two pages were mapped.
    memory.0.borrow_mut().left = Some(2);
    assert_eq!(
        map(),
        (Err(MapError::Memory(())), Some(start..border)),
        "a walk may have used what was mapped"
    );
    assert!(none(start..border));
    // The last is mapped already. It stays.
    memory.0.borrow_mut().left = None;
    let last = border + PAGE_SIZE;
    table.map(last, 0x9_0000_0000, P).unwrap();
    assert_eq!(map(), (Err(MapError::Busy), Some(start..last)));
    assert!(none(start..last));
    assert!(table.unmap(last));

    assert_eq!(map(), (Ok(()), None));
    assert_eq!(table.unmap_range(start..last + PAGE_SIZE), 4);
}

#[test]
fn a_root_that_is_cut_off_stays_without_tables() {
    let memory = Fake::default();
    let table = PageTable::new_lower(memory.clone()).unwrap();
    let root = table.root();
    memory.0.borrow_mut().walked = Some(root);
    table.map(0x4000, 0x8_0000_0000, P).unwrap();
    memory.invalidate_all();

    // SAFETY: The table lives, and there is one thread.
    unsafe { cut_off(&memory, root) };
    assert_eq!(table.lookup(0x4000), None);
    memory.invalidate_all();
    // A late mapping, in the place of the old one.
    table.map(0x4000, 0x8_0000_0000, P).unwrap();
    memory.invalidate_all();
    drop(table);

    assert_eq!(live(&memory), 1);
    let state = memory.0.borrow();
    assert_eq!(
        state.tables[&root][..LEVEL_ENTRIES[0]],
        [0; LEVEL_ENTRIES[0]]
    );
}

/// The memory of a root that is being cut off, while another CPU does something else.
struct Meanwhile<'a> {
    memory: &'a Fake,
    /// Accesses until `other` has its turn.
    left: Cell<usize>,
    other: &'a dyn Fn(),
}

// SAFETY: It is the memory of `Fake`.
unsafe impl TableMemory for Meanwhile<'_> {
    type Error = ();

    fn allocate(&self) -> Result<u64, ()> {
        unreachable!()
    }

    unsafe fn free(&self, _table: u64) {
        unreachable!()
    }

    fn entries(&self, table: u64) -> *mut u64 {
        match self.left.get() {
            0 => (),
            1 => {
                self.left.set(0);
                (self.other)();
            }
            left => self.left.set(left - 1),
        }
        self.memory.entries(table)
    }

    fn invalidate_all(&self) {
        unreachable!()
    }
}

#[test]
fn what_ends_while_the_root_is_cut_off_is_invalidated() {
    let border = 1 << LEVEL_SHIFTS[0];
    let range = border - 2 * PAGE_SIZE..border + 2 * PAGE_SIZE;
    let (missed, mut turns) = (Cell::new(false), 0);
    for before in 1.. {
        let memory = Fake::default();
        let table = PageTable::new_lower(memory.clone()).unwrap();
        for va in range.clone().step_by(PAGE_SIZE as usize) {
            table.map(va, 0x8_0000_0000 + va, P).unwrap();
        }
        memory.0.borrow_mut().walked = Some(table.root());
        memory.invalidate_all();

        // The two sides of the border have tables of their own, one of which may be cut off. What
        // is found is taken out, and goes by its address. A walk may still have what is not found.
        let other = || {
            for part in [range.start..border, border..range.end] {
                let by_address = Cell::new(false);
                let before = memory.0.borrow().invalidations;
                table.unmap_with(part.clone(), |_| by_address.set(true));
                let state = memory.0.borrow();
                let told = by_address.get() || state.invalidations != before;
                let mut pages = part.step_by(PAGE_SIZE as usize);
                let reached = pages.any(|va| state.may_reach(0x8_0000_0000 + va));
                missed.set(missed.get() || !told || reached);
            }
        };
        let cut = Meanwhile {
            memory: &memory,
            left: Cell::new(before),
            other: &other,
        };
        // SAFETY: The table lives, and there is one thread.
        unsafe { cut_off(&cut, table.root()) };
        memory.invalidate_all();
        if cut.left.get() != 0 {
            break;
        }
        turns += 1;
    }
    assert!(turns > LEVEL_ENTRIES[0], "the other CPU had {turns} turns");
    assert!(!missed.get(), "pages are freed that a walk may still have");
}

#[test]
fn what_a_failure_ends_while_the_root_is_cut_off_is_invalidated() {
    let memory = Fake::default();
    let table = PageTable::new_lower(memory.clone()).unwrap();
    memory.0.borrow_mut().walked = Some(table.root());
    let pages = (0..3).map(|page| {
        if page == 2 {
            memory.invalidate_all();
            assert!(!memory.0.borrow().cached.is_empty());
            memory.0.borrow_mut().left = Some(0);
            // SAFETY: The table lives, and there is one thread.
            unsafe { cut_off(&memory, table.root()) };
        }
        0x8_0000_0000 + page * PAGE_SIZE
    });
    let result = table.map_pages(0x4000, pages, P, |_| ());
    assert_eq!(result, Err(MapError::Memory(())));
    assert!(memory.0.borrow().cached.is_empty());
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

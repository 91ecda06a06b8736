// SPDX-License-Identifier: MIT OR Apache-2.0

//! Translations of one thread, and accesses through them.
//!
//! Hardware keeps a translation until the driver invalidates it. The driver does that with
//! broadcasts between CPUs, which nothing outside of a CPU can see. But only leaf entries change
//! while a context lives, so a translation here remembers the leaf that it was made from, and each
//! use of it looks whether the leaf still says the same. An unbind or a change of rights holds from
//! the next access on: not later than on hardware, where it holds from the end of the invalidation
//! on. An access that another thread of the host has begun by then may still arrive, which
//! hardware's invalidation would wait for.

use std::cell::RefCell;
use std::sync::atomic::Ordering::SeqCst;

use crate::backing::{HostPage, Window, PAGE};
use crate::fault::AccessError;
use crate::GpuMemory;

/// The leaf entry of a translation, in memory.
#[derive(Clone)]
pub struct Leaf {
    /// The table that it is in.
    pub table: HostPage,
    /// Where it is in the table; a multiple of eight.
    pub offset: usize,
    /// What it was when it was looked up.
    pub value: u64,
}

impl Leaf {
    /// Returns whether it is as it was. What is accessed after this was not accessed before it.
    #[inline(always)]
    fn holds(&self) -> bool {
        self.table.window().u64_acquire(self.offset) == self.value
    }
}

/// A page that an access may use.
#[derive(Clone)]
pub struct Translation {
    /// What says so.
    pub leaf: Leaf,
    /// The page.
    pub page: HostPage,
    /// Whether the GPU may read it.
    pub read: bool,
    /// Whether the GPU may write it.
    pub write: bool,
}

/// Page tables of a job's context, with the rights of the GPU.
pub trait Pages: Send + Sync {
    /// Returns the page that holds `va`, looked up in the tables as they are now.
    ///
    /// # Errors
    ///
    /// Why the GPU may not access it in this way.
    fn page(&self, va: u64, write: bool) -> Result<Translation, AccessError>;

    /// Changes whenever translations that were looked up before are to be forgotten, because tables
    /// above the leaves may have changed.
    fn epoch(&self) -> u64;
}

/// Page tables, looked up again at each access.
pub struct Uncached<'a>(pub &'a dyn Pages);

impl GpuMemory for Uncached<'_> {
    fn read(&self, va: u64, buf: &mut [u8]) -> Result<(), AccessError> {
        Tlb::new(self.0).read(va, buf)
    }
}

/// Page tables, with a translation buffer for one thread.
pub struct Cached<'a>(RefCell<Tlb<'a>>);

impl<'a> Cached<'a> {
    /// Returns memory that is looked up in `pages`.
    pub fn new(pages: &'a dyn Pages) -> Self {
        Self(RefCell::new(Tlb::new(pages)))
    }
}

impl GpuMemory for Cached<'_> {
    fn read(&self, va: u64, buf: &mut [u8]) -> Result<(), AccessError> {
        let mut tlb = self.0.borrow_mut();
        tlb.refresh();
        tlb.read(va, buf)
    }
}

const ENTRIES: usize = 256;
/// A tag that no page has.
const NONE: u64 = 1;

struct Entry {
    /// Address of the page, if it may be read.
    read: u64,
    /// Address of the page, if it may be written.
    write: u64,
    found: Option<(HostPage, Leaf)>,
}

impl Entry {
    const EMPTY: Self = Self {
        read: NONE,
        write: NONE,
        found: None,
    };

    /// Returns whether it has the page `tag` for such an access, and the tables have not changed.
    #[inline(always)]
    fn hits(&self, tag: u64, write: bool) -> bool {
        let same = tag == if write { self.write } else { self.read };
        same && self.found.as_ref().is_some_and(|(_, leaf)| leaf.holds())
    }
}

/// A thread's translation buffer.
pub struct Tlb<'a> {
    pages: &'a dyn Pages,
    entries: Vec<Entry>,
    epoch: u64,
    /// Walks of the tables that nobody has asked for.
    walks: u64,
}

#[inline(always)]
fn offset(va: u64) -> usize {
    (va % PAGE) as usize
}

impl<'a> Tlb<'a> {
    /// Returns an empty one.
    pub fn new(pages: &'a dyn Pages) -> Self {
        Self {
            epoch: pages.epoch(),
            pages,
            entries: Vec::new(),
            walks: 0,
        }
    }

    /// Returns how often the tables were walked since it was asked last.
    pub fn walks(&mut self) -> u64 {
        std::mem::take(&mut self.walks)
    }

    /// Forgets everything if anything may have changed.
    pub fn refresh(&mut self) {
        let now = self.pages.epoch();
        if now != self.epoch {
            self.epoch = now;
            self.entries.clear();
        }
    }

    /// Returns the page that holds `va`.
    ///
    /// # Errors
    ///
    /// As [`Pages::page`].
    #[inline(always)]
    pub fn window(&mut self, va: u64, write: bool) -> Result<Window<'_>, AccessError> {
        let tag = va & !(PAGE - 1);
        let index = (va / PAGE) as usize % ENTRIES;
        let hit = match self.entries.get(index) {
            Some(entry) => entry.hits(tag, write),
            None => false,
        };
        if !hit {
            self.fill(va, index, write)?;
        }
        match &self.entries[index].found {
            Some((page, _)) => Ok(page.window()),
            None => unreachable!("a tag without a page"),
        }
    }

    #[cold]
    #[inline(never)]
    fn fill(&mut self, va: u64, index: usize, write: bool) -> Result<(), AccessError> {
        self.walks += 1;
        let found = match self.pages.page(va, write) {
            Ok(found) => found,
            Err(error) => {
                // What was known of the page does not hold.
                if let Some(entry) = self.entries.get_mut(index) {
                    *entry = Entry::EMPTY;
                }
                return Err(error);
            }
        };
        if self.entries.is_empty() {
            self.entries.resize_with(ENTRIES, || Entry::EMPTY);
        }
        let tag = va & !(PAGE - 1);
        let tag_if = |allowed| if allowed { tag } else { NONE };
        self.entries[index] = Entry {
            read: tag_if(found.read || !write),
            write: tag_if(found.write || write),
            found: Some((found.page, found.leaf)),
        };
        Ok(())
    }

    /// Reads `out.len()` bytes.
    ///
    /// # Errors
    ///
    /// The first address that may not be read, and why. Bytes before it have been read.
    #[inline(always)]
    pub fn read(&mut self, va: u64, out: &mut [u8]) -> Result<(), AccessError> {
        if offset(va) + out.len() <= PAGE as usize {
            self.window(va, false)?.read(offset(va), out);
            return Ok(());
        }
        let mut at = va;
        let mut rest = out;
        while !rest.is_empty() {
            let room = rest.len().min(PAGE as usize - offset(at));
            let (now, later) = rest.split_at_mut(room);
            self.window(at, false)?.read(offset(at), now);
            at = at.wrapping_add(room as u64);
            rest = later;
        }
        Ok(())
    }

    /// Writes `data`.
    ///
    /// # Errors
    ///
    /// The first address that may not be written, and why. Bytes before it have been written.
    #[inline(always)]
    pub fn write(&mut self, va: u64, data: &[u8]) -> Result<(), AccessError> {
        if offset(va) + data.len() <= PAGE as usize {
            self.window(va, true)?.write(offset(va), data);
            return Ok(());
        }
        let mut at = va;
        let mut rest = data;
        while !rest.is_empty() {
            let room = rest.len().min(PAGE as usize - offset(at));
            let (now, later) = rest.split_at(room);
            self.window(at, true)?.write(offset(at), now);
            at = at.wrapping_add(room as u64);
            rest = later;
        }
        Ok(())
    }

    /// Replaces the aligned word at `va` by `f` of it, as one step for everybody; returns what was
    /// there.
    ///
    /// # Errors
    ///
    /// As [`Tlb::write`], and [`Tlb::read`] for a page that can only be written.
    pub fn update_u32(&mut self, va: u64, f: impl Fn(u32) -> u32) -> Result<u32, AccessError> {
        self.window(va, false)?;
        let window = self.window(va, true)?;
        let word = window.atomic_u32(offset(va));
        // Never fails, as a new value is always given.
        let old = word.fetch_update(SeqCst, SeqCst, |old| Some(f(old)));
        Ok(old.unwrap_or_else(|old| old))
    }

    /// As [`Tlb::update_u32`], for a double word.
    ///
    /// # Errors
    ///
    /// As that.
    pub fn update_u64(&mut self, va: u64, f: impl Fn(u64) -> u64) -> Result<u64, AccessError> {
        self.window(va, false)?;
        let window = self.window(va, true)?;
        let word = window.atomic_u64(offset(va));
        let old = word.fetch_update(SeqCst, SeqCst, |old| Some(f(old)));
        Ok(old.unwrap_or_else(|old| old))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Reason;
    use crate::paged::Paged;

    #[test]
    fn accesses_cross_pages_and_stop_at_what_is_missing() {
        let memory = Paged::default();
        memory.map(0x10_0000, 2, true);
        let mut tlb = Tlb::new(&memory);
        let data: Vec<u8> = (0..64).collect();
        tlb.write(0x10_3ff0, &data).unwrap();
        let mut back = [0; 64];
        tlb.read(0x10_3ff0, &mut back).unwrap();
        assert_eq!(back[..], data);
        let e = tlb.write(0x10_7ff0, &data).unwrap_err();
        assert_eq!(
            (e.va, e.reason, e.write),
            (0x10_8000, Reason::Unmapped, true)
        );
        let e = tlb.read(0xf_fffc, &mut [0; 8]).unwrap_err();
        assert_eq!((e.va, e.write), (0xf_fffc, false));
    }

    #[test]
    fn rights_are_kept_apart() {
        let memory = Paged::default();
        memory.map(0x10_0000, 1, false);
        let mut tlb = Tlb::new(&memory);
        tlb.read(0x10_0000, &mut [0; 4]).unwrap();
        let e = tlb.write(0x10_0000, &[1; 4]).unwrap_err();
        assert_eq!(e.reason, Reason::ReadOnly);
        assert!(tlb.update_u32(0x10_0000, |n| n + 1).is_err());
    }

    #[test]
    fn a_change_of_a_leaf_holds_at_once() {
        let memory = Paged::default();
        memory.map(0x10_0000, 2, true);
        let mut tlb = Tlb::new(&memory);
        tlb.write(0x10_0000, &[1, 2, 3, 4]).unwrap();
        tlb.write(0x10_4000, &[5; 4]).unwrap();
        let page = memory.host_page(0x10_0000);
        memory.unmap(0x10_0000);
        let e = tlb.write(0x10_0000, &[9; 4]).unwrap_err();
        assert_eq!((e.va, e.reason), (0x10_0000, Reason::Unmapped));
        assert!(tlb.read(0x10_0000, &mut [0; 4]).is_err());
        assert_eq!(page.window().u32(0), 0x0403_0201);
        // Others are as they were, and what is bound there next is found.
        tlb.write(0x10_4000, &[6; 4]).unwrap();
        memory.map(0x10_0000, 1, false);
        let mut back = [7; 4];
        tlb.read(0x10_0000, &mut back).unwrap();
        assert_eq!(back, [0; 4]);
        let e = tlb.write(0x10_0000, &[9; 4]).unwrap_err();
        assert_eq!(e.reason, Reason::ReadOnly);
    }

    #[test]
    fn changes_above_the_leaves_hold_from_the_next_epoch_on() {
        let memory = Paged::default();
        memory.map(0x10_0000, 1, true);
        let mut tlb = Tlb::new(&memory);
        tlb.write(0x10_0000, &[1, 2, 3, 4]).unwrap();
        memory.unlink(0x10_0000);
        tlb.refresh();
        assert_eq!(tlb.update_u32(0x10_0000, |n| n + 1), Ok(0x0403_0201));
        memory.next_epoch();
        tlb.refresh();
        assert!(tlb.read(0x10_0000, &mut [0; 4]).is_err());
    }

    #[test]
    fn what_is_kept_of_the_tables_does_not_outlive_them() {
        let memory = Paged::default();
        memory.map(0x10_0000, 2, true);
        let cached = Cached::new(&memory);
        memory.put(0x10_3ffe, &[1, 2, 3, 4]);
        let mut back = [0; 4];
        cached.read(0x10_3ffe, &mut back).unwrap();
        assert_eq!(back, [1, 2, 3, 4]);
        memory.unmap(0x10_4000);
        let e = cached.read(0x10_3ffe, &mut back).unwrap_err();
        assert_eq!((e.va, e.reason), (0x10_4000, Reason::Unmapped));
        memory.unlink(0x10_0000);
        memory.next_epoch();
        assert!(cached.read(0x10_0000, &mut back).is_err());
    }

    #[test]
    fn updates_are_indivisible() {
        let memory = Paged::default();
        memory.map(0, 1, true);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut tlb = Tlb::new(&memory);
                    for _ in 0..1000 {
                        tlb.update_u32(4, |n| n + 1).unwrap();
                        tlb.update_u64(8, |n| n + 1).unwrap();
                    }
                });
            }
        });
        let mut tlb = Tlb::new(&memory);
        let mut bytes = [0; 16];
        tlb.read(0, &mut bytes).unwrap();
        assert_eq!(bytes[4..6], 4000u16.to_le_bytes());
        assert_eq!(bytes[8..10], 4000u16.to_le_bytes());
    }
}

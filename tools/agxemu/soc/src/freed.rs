// SPDX-License-Identifier: MIT OR Apache-2.0

//! Accesses to pages that the guest has freed.
//!
//! A guest that runs with `page_poison=1` fills each page that it frees with one byte, and writes
//! something else there when the page is used again. So a page that is full of that byte belongs to
//! nobody, and what firmware or GPU read or write there is memory that was given away too early.
//!
//! Page tables need no look of their own: an entry made of that byte is not valid, so a walk ends
//! there.

use std::sync::atomic::{AtomicU64, Ordering};

use agx_abi::uat::PAGE_SIZE;
use agxemu_firmware::machine::Level;

use crate::ram::Ram;
use crate::soc::Soc;

/// What the guest fills freed pages with.
const POISON: u8 = 0xaa;
/// So many accesses are logged; all are counted.
const LINES: u64 = 32;

/// Returns whether the page around `pa` is one that the guest has freed.
fn is_freed(ram: &Ram, pa: u64) -> bool {
    let page = pa & !(PAGE_SIZE - 1);
    // Nearly always the first word says that it is not.
    let poison = u64::from_ne_bytes([POISON; 8]);
    if ram.load_u64(page) != Ok(poison) {
        return false;
    }
    let mut bytes = vec![0; PAGE_SIZE as usize];
    ram.read(page, &mut bytes).is_ok() && bytes.iter().all(|&b| b == POISON)
}

/// The accesses to freed pages that were found.
#[derive(Default)]
pub(crate) struct Freed(AtomicU64);

impl Soc {
    /// Looks at an access of firmware or GPU before it happens: to the `len` bytes at `pa`, which
    /// are no more than a page. `what` names it.
    pub(crate) fn look_at_access(&self, pa: u64, len: usize, what: &str) {
        self.look_whether_asleep(pa, what);
        self.look_for_freed(pa, len, what);
    }

    /// Looks whether the guest has freed a page of the `len` bytes at `pa`, which are no more than
    /// a page, and reports that. To be called before an access to them, which `what` names.
    fn look_for_freed(&self, pa: u64, len: usize, what: &str) {
        if !self.hardware.poison || len == 0 {
            return;
        }
        // They may begin in one page and end in the next.
        let last = pa + len as u64 - 1;
        if !is_freed(&self.ram, pa) && !is_freed(&self.ram, last) {
            return;
        }
        let before = self.freed.0.fetch_add(1, Ordering::Relaxed);
        if before < LINES {
            let line = format!("freed page: {what} {pa:#x}, which the guest has freed");
            self.note(Level::Warn, &line);
        }
    }

    /// Accesses to freed pages that were found so far.
    pub fn freed(&self) -> u64 {
        self.freed.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use agxemu_firmware::chip::Part;
    use std::io::sink;
    use std::sync::Arc;

    use agxemu_firmware::machine::Machine;

    use super::*;
    use crate::hardware::Hardware;
    use crate::options::Regions;
    use crate::ram::Anonymous;
    use crate::soc::Lines;

    struct NoLines;

    impl Lines for NoLines {
        fn pulse(&self, _vector: u32) {}
    }

    fn soc(names: &str) -> Arc<Soc> {
        let mut hardware = Hardware::default();
        hardware.add(names).unwrap();
        let lines = Box::new(NoLines);
        let soc = Soc::new(
            Regions::default(),
            None,
            None,
            Part::default(),
            &hardware,
            lines,
            Box::new(sink()),
        );
        soc.ram.map(0x4000_0000, Arc::new(Anonymous::new(3)));
        // The guest frees the second page.
        let poison = [POISON; PAGE_SIZE as usize];
        soc.ram.write(0x4000_4000, &poison).unwrap();
        soc
    }

    #[test]
    fn accesses_to_freed_pages_are_counted() {
        let soc = soc("poison");
        let mut buf = [0; 4];
        soc.read_phys(0x4000_3ffc, &mut buf).unwrap();
        soc.load_u32(0x4000_8000).unwrap();
        assert_eq!(soc.freed(), 0);
        soc.read_phys(0x4000_7ffc, &mut buf).unwrap();
        soc.load_u32(0x4000_4000).unwrap();
        soc.host_page(0x4000_4000).unwrap();
        assert_eq!(soc.freed(), 3);
        // It begins before the page.
        soc.read_phys(0x4000_3ffe, &mut buf).unwrap();
        assert_eq!(soc.freed(), 4);
        soc.store_u32(0x4000_5000, 1).unwrap();
        assert_eq!(soc.freed(), 5);
        // The guest uses it for something else, or so it looks now.
        soc.write_phys(0x4000_4000, &buf).unwrap();
        assert_eq!(soc.freed(), 5);
    }

    #[test]
    fn a_page_with_some_of_the_pattern_is_not_freed() {
        let soc = soc("poison");
        soc.ram.write(0x4000_7fff, &[0]).unwrap();
        soc.load_u32(0x4000_4000).unwrap();
        assert_eq!(soc.freed(), 0);
    }

    #[test]
    fn accesses_of_a_coprocessor_that_is_asleep_are_counted() {
        let soc = soc("ids");
        soc.load_u32(0x4000_0000).unwrap();
        assert_eq!(soc.asleep_accesses(), 0);
        soc.set_asleep(true);
        soc.load_u32(0x4000_0000).unwrap();
        soc.write_phys(0x4000_0000, &[1]).unwrap();
        assert_eq!(soc.asleep_accesses(), 2);
        soc.set_asleep(false);
        soc.load_u32(0x4000_0000).unwrap();
        assert_eq!(soc.asleep_accesses(), 2);
    }

    #[test]
    fn nobody_looks_without_the_option() {
        let soc = soc("ids");
        soc.load_u32(0x4000_4000).unwrap();
        assert_eq!(soc.freed(), 0);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! Page tables of a test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::backing::{Anonymous, HostPage, PAGE};
use crate::fault::{AccessError, Reason};
use crate::tlb::{Leaf, Pages, Tlb, Translation};

/// Pages by address, each with a table of its own for its leaf.
#[derive(Default)]
pub(crate) struct Paged {
    pages: Mutex<BTreeMap<u64, Translation>>,
    epoch: AtomicU64,
}

impl Paged {
    /// Maps `count` fresh pages at `va`.
    pub(crate) fn map(&self, va: u64, count: usize, write: bool) {
        let memory = Arc::new(Anonymous::new(count));
        for i in 0..count {
            let at = va + i as u64 * PAGE;
            let page = HostPage::new(memory.clone(), i * PAGE as usize).unwrap();
            let table = HostPage::new(Arc::new(Anonymous::new(1)), 0).unwrap();
            let (offset, value) = (i * 8, at | 3);
            table.window().write(offset, &value.to_le_bytes());
            let translation = Translation {
                leaf: Leaf {
                    table,
                    offset,
                    value,
                },
                page,
                read: true,
                write,
            };
            self.pages.lock().unwrap().insert(at, translation);
        }
    }

    /// Maps a page at `va` unless there is one.
    pub(crate) fn map_if_new(&self, va: u64) {
        let at = va & !(PAGE - 1);
        let known = self.pages.lock().unwrap().contains_key(&at);
        if !known {
            self.map(at, 1, true);
        }
    }

    /// Clears the leaf of a page.
    pub(crate) fn unmap(&self, va: u64) {
        let page = self.pages.lock().unwrap().remove(&va).unwrap();
        page.leaf.table.window().write(page.leaf.offset, &[0; 8]);
    }

    /// Takes the table of a page away, with the leaf in it.
    pub(crate) fn unlink(&self, va: u64) {
        self.pages.lock().unwrap().remove(&va);
    }

    /// Returns the page itself, whether mapped later or not.
    pub(crate) fn host_page(&self, va: u64) -> HostPage {
        self.pages.lock().unwrap()[&va].page.clone()
    }

    pub(crate) fn next_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes, whatever the rights.
    pub(crate) fn put(&self, va: u64, bytes: &[u8]) {
        let pages = self.pages.lock().unwrap();
        for (i, &byte) in bytes.iter().enumerate() {
            let at = va + i as u64;
            let page = &pages[&(at & !(PAGE - 1))].page;
            page.window().write((at % PAGE) as usize, &[byte]);
        }
    }

    pub(crate) fn get(&self, va: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        Tlb::new(self).read(va, &mut out).unwrap();
        out
    }
}

impl Pages for Paged {
    fn page(&self, va: u64, write: bool) -> Result<Translation, AccessError> {
        let error = |reason| AccessError {
            va,
            reason,
            level: 3,
            write,
        };
        let pages = self.pages.lock().unwrap();
        let found = pages
            .get(&(va & !(PAGE - 1)))
            .ok_or(error(Reason::Unmapped))?;
        if write && !found.write {
            return Err(error(Reason::ReadOnly));
        }
        Ok(found.clone())
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }
}

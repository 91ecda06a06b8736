// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory of a recording.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Page;
use crate::backing::{Anonymous, HostPage, PAGE};
use crate::fault::{AccessError, Reason};
use crate::tlb::{Leaf, Pages, Translation};

/// Pages of a recording, which do not change their places.
pub struct Memory {
    pages: BTreeMap<u64, Translation>,
}

impl Memory {
    /// Returns memory that holds these pages.
    pub(super) fn new(recorded: &BTreeMap<u64, Page>) -> Self {
        let count = recorded.len().max(1);
        let memory = Arc::new(Anonymous::new(count));
        // All leaves are in one table: nothing changes them.
        let table = HostPage::new(Arc::new(Anonymous::new(1)), 0).expect("a page of its own");
        let pages = recorded.iter().enumerate().map(|(number, (&va, page))| {
            let place = number * PAGE as usize;
            let host = HostPage::new(memory.clone(), place).expect("one of its pages");
            host.window().write(0, &page.bytes);
            let leaf = Leaf {
                table: table.clone(),
                offset: 0,
                value: 0,
            };
            let translation = Translation {
                leaf,
                page: host,
                read: page.read,
                write: page.write,
            };
            (va, translation)
        });
        let pages = pages.collect();
        Self { pages }
    }

    /// Calls `each` with the address and the bytes of every page.
    pub fn contents(&self, mut each: impl FnMut(u64, &[u8])) {
        let mut bytes = vec![0; PAGE as usize];
        for (&va, page) in &self.pages {
            page.page.window().read(0, &mut bytes);
            each(va, &bytes);
        }
    }
}

impl Pages for Memory {
    fn page(&self, va: u64, write: bool) -> Result<Translation, AccessError> {
        let error = |reason| AccessError {
            va,
            reason,
            level: 3,
            write,
        };
        let found = self.pages.get(&(va & !(PAGE - 1)));
        let found = found.ok_or(error(Reason::Unmapped))?;
        if write && !found.write {
            return Err(error(Reason::ReadOnly));
        }
        Ok(found.clone())
    }

    fn epoch(&self) -> u64 {
        0
    }
}

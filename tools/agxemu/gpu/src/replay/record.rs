// SPDX-License-Identifier: MIT OR Apache-2.0

//! The recording of a half while it runs.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::Recording;
use crate::backing::PAGE;
use crate::execute::Settings;
use crate::fault::AccessError;
use crate::render::Half;
use crate::tlb::{Pages, Translation};

/// Page tables of a half that runs, which keep what each page held when it was first looked up.
pub struct Recorder<'a> {
    pages: &'a dyn Pages,
    seen: Mutex<BTreeMap<u64, super::Page>>,
}

impl<'a> Recorder<'a> {
    /// Returns a recorder that has seen nothing.
    pub fn new(pages: &'a dyn Pages) -> Self {
        let seen = Mutex::default();
        Self { pages, seen }
    }

    /// Returns the recording of a half that has come to its end.
    pub fn finish(self, half: &Half, settings: &Settings) -> Recording {
        let pages = self.seen.into_inner().unwrap_or_else(|e| e.into_inner());
        Recording::new(half, settings, pages)
    }
}

impl Pages for Recorder<'_> {
    fn page(&self, va: u64, write: bool) -> Result<Translation, AccessError> {
        let found = self.pages.page(va, write)?;
        let mut seen = self.seen.lock().unwrap_or_else(|e| e.into_inner());
        seen.entry(va & !(PAGE - 1)).or_insert_with(|| {
            let mut bytes = vec![0; PAGE as usize];
            found.page.window().read(0, &mut bytes);
            super::Page {
                read: found.read,
                write: found.write,
                bytes,
            }
        });
        Ok(found)
    }

    fn epoch(&self) -> u64 {
        self.pages.epoch()
    }
}

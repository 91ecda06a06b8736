// SPDX-License-Identifier: MIT OR Apache-2.0

//! The book of translations that hardware would have, and the reports of those that are stale.

use std::sync::atomic::{fence, Ordering};
use std::sync::{Mutex, MutexGuard};

use agxemu_firmware::machine::Level;

use crate::shadow::{self, Counts, Invalidations, Key, Shadow};
use crate::soc::{lock, Soc};

/// The translations that hardware would have.
pub(crate) struct Book {
    heard: Box<dyn Invalidations>,
    shadow: Mutex<Shadow>,
}

impl Book {
    /// The book as it is after all that was heard so far.
    pub(crate) fn open(&self) -> MutexGuard<'_, Shadow> {
        let mut shadow = lock(&self.shadow);
        self.heard.take(&mut |what| shadow.invalidate(what));
        shadow
    }

    /// [`Invalidations::idle`], after all that was read of tables before.
    fn idle(&self) -> u64 {
        fence(Ordering::Acquire);
        self.heard.idle()
    }
}

impl Soc {
    /// From now on looks for translations that the host forgets to invalidate.
    pub fn watch(&self, heard: Box<dyn Invalidations>) {
        let shadow = Mutex::default();
        let _ = self.book.set(Book { heard, shadow });
    }

    /// Returns whether [`Soc::watch`] was called.
    pub fn watches(&self) -> bool {
        self.book.get().is_some()
    }

    /// Says which translations hardware could still use although their entries have changed.
    pub fn look_for_stale(&self) {
        let Some(book) = self.book.get() else {
            return;
        };
        let uat = self.uat();
        let entry = |key: Key| {
            let page = uat.walk(shadow::context(key), key.va).ok()?;
            Some(page.pte)
        };
        // What was invalidated before the host was idle is taken after that.
        let before = book.idle();
        let stale = book.open().find_stale(before, || book.idle(), entry);
        for s in stale {
            self.stale.fetch_add(1, Ordering::Relaxed);
            let context = match s.key.asid {
                Some(asid) => format!("context {asid}"),
                None => "all contexts (it is global)".to_owned(),
            };
            let new = match s.new {
                Some(new) => format!("{new:#x}"),
                None => "unmapped".to_owned(),
            };
            let line = format!(
                "stale translation: {:#x} of {context} was {:#x}, is {new}, and was not invalidated",
                s.key.va, s.old
            );
            self.note(Level::Warn, &line);
        }
    }

    /// Returns what the book has had so far; nothing if there is none.
    pub fn translations(&self) -> Counts {
        let book = self.book.get();
        book.map(|book| book.open().counts()).unwrap_or_default()
    }

    /// How often the host was idle so far, which is when translations can be found stale.
    pub fn idles(&self) -> u64 {
        let book = self.book.get();
        book.map_or(0, |book| book.idle().div_ceil(2))
    }

    /// Translations that were found stale so far.
    pub fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! How many jobs, and how much memory of theirs, a queue has room for (R22).
//!
//! This file names nothing of the kernel, so that the model checker compiles it as it is
//! (`rust/kasync/loom/tests/permit.rs`).

use crate::waits;
use core::ptr;
use kasync::sync::Semaphore;
use kernel::{
    alloc::{
        flags::GFP_KERNEL,
        KBox, //
    },
    error::Result,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// One waiter, in the word.
const WAITER: u64 = 1 << 48;
/// One page, in the word.
const PAGE: u64 = 1 << 24;
/// An empty field of 24 bits. Fields are less than this for moments, when several threads want the
/// last of something.
const EMPTY: u64 = 1 << 23;

/// Size of the pages that memory is counted in.
const PAGE_SIZE: usize = 4096;
/// Both jobs and pages are fewer than this.
pub(crate) const LIMIT: u32 = 1 << 22;

/// Room for jobs and for the pages that they keep, with a queue of waiters, first come, first
/// served.
///
/// Both counts are one word, so that taking room and releasing it is one atomic operation each
/// while nothing waits:
///
/// ```text
///   63        48 47            24 23           0
///   │  waiters  │ EMPTY + pages  │ EMPTY + jobs │
/// ```
///
/// Waiters hold `turn` one after the other, in the order in which they came. The one that holds it
/// looks at the word whenever something was released (see [`waits`]). While there are waiters
/// nothing is taken past them: so a job with many pages does not starve behind small ones.
///
/// # Invariants
///
/// `turn` is null or from a box, and then does not change any more.
pub(crate) struct Capacity {
    word: Atomic<u64>,
    /// Made by the first waiter: most queues never have one, and it is as large as all the rest.
    turn: Atomic<*mut Semaphore>,
}

/// A waiter that is counted in the word. Dropping it ends the wait.
struct Waiter<'a>(&'a Capacity);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.word.fetch_sub(WAITER, Full);
    }
}

/// Returns whether `word` has room for a job with `pages`.
#[inline]
fn has_room(word: u64, pages: u32) -> bool {
    word % PAGE > EMPTY && word % WAITER / PAGE >= EMPTY + u64::from(pages)
}

/// Returns what a job with `pages` takes from the word.
#[inline]
fn room(pages: u32) -> u64 {
    1 + u64::from(pages) * PAGE
}

/// Returns how many pages `bytes` are, at most one less than [`LIMIT`].
#[inline]
pub(crate) fn pages(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PAGE_SIZE)).map_or(LIMIT - 1, |pages| pages.min(LIMIT - 1))
}

impl Capacity {
    /// Returns room for `jobs` and `pages`, both less than [`LIMIT`].
    pub(crate) fn new(jobs: u32, pages: u32) -> Self {
        let word = (EMPTY + u64::from(pages)) * PAGE + EMPTY + u64::from(jobs);
        // INVARIANT: Null.
        Self {
            word: Atomic::new(word),
            turn: Atomic::new(ptr::null_mut()),
        }
    }

    /// Returns what waiters hold one after the other. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn turn(&self) -> Result<&Semaphore> {
        let mut turn = self.turn.load(Acquire);
        if turn.is_null() {
            let new = KBox::into_raw(KBox::new(Semaphore::new(1), GFP_KERNEL)?);
            // INVARIANT: From a box, and only if it was null.
            turn = match self.turn.cmpxchg(ptr::null_mut(), new, Full) {
                Ok(_) => new,
                Err(_) => {
                    // SAFETY: From the box above, and not stored.
                    drop(unsafe { KBox::from_raw(new) });
                    // Read anew: a compare-exchange that fails orders nothing.
                    self.turn.load(Acquire)
                }
            };
        }
        // SAFETY: From a box by the type invariant, which is freed when the capacity is dropped.
        Ok(unsafe { &*turn })
    }

    /// Takes room for a job with `pages`, unless there is none or something waits.
    #[inline]
    pub(crate) fn try_take(&self, pages: u32) -> bool {
        if pages != 0 {
            return self.take_exactly(pages, 1);
        }
        let old = self.word.fetch_sub(1, Full);
        if has_room(old, 0) && old < WAITER {
            return true;
        }
        // Also for threads that have found no room only because of this.
        self.release(0);
        false
    }

    /// Takes room for a job with `pages` if there is some, and fewer than `waiters` waiters.
    fn take_exactly(&self, pages: u32, waiters: u64) -> bool {
        let mut word = self.word.load(Relaxed);
        while has_room(word, pages) && word / WAITER < waiters {
            match self.word.cmpxchg(word, word - room(pages), Full) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Waits for room for a job with `pages`, and takes it. Cancel safe. May sleep when it is
    /// polled for the first time.
    ///
    /// # Errors
    ///
    /// `ENODEV` if this module is not initialised, `ENOMEM`.
    pub(crate) async fn take(&self, pages: u32) -> Result {
        let released = waits::of(self)?;
        let turn = self.turn()?;
        self.word.fetch_add(WAITER, Full);
        let _waiter = Waiter(self);
        let _turn = turn.acquire(1).await;
        loop {
            let release = released.notified();
            if self.take_exactly(pages, u64::MAX) {
                return Ok(());
            }
            release.await;
        }
    }

    /// Releases the room of a job with `pages`.
    #[inline]
    pub(crate) fn release(&self, pages: u32) {
        if self.word.fetch_add(room(pages), Full) >= WAITER {
            waits::notify(self);
        }
    }
}

impl Drop for Capacity {
    #[inline]
    fn drop(&mut self) {
        let turn = self.turn.load(Relaxed);
        if !turn.is_null() {
            // SAFETY: From a box by the type invariant. Nothing waits, as nothing has a reference.
            drop(unsafe { KBox::from_raw(turn) });
        }
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The limits on jobs in a queue: their number and their memory (R22).
//!
//! This file does not depend on C code, so that the model checker compiles it unchanged
//! (`rust/kasync/loom/tests/permit.rs`).

use crate::waits;
use core::ptr;
use kasync::sync::Semaphore;
use kernel::{
    alloc::{
        flags::GFP_KERNEL,
        KBox, //
    },
    error::{
        code::EAGAIN,
        Result, //
    },
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// The value of one waiter in the word.
#[cfg(not(feature = "loom"))]
const WAITER: u64 = 1 << 48;
/// So that models cover what happens when the field is full.
#[cfg(feature = "loom")]
const WAITER: u64 = 1 << 62;
/// The greatest number of waiters.
const WAITERS: u64 = u64::MAX / WAITER;
/// The value of one page in the word.
const PAGE: u64 = 1 << 24;
/// The value of an empty field of 24 bits. A field is less than this for a moment when several
/// threads try to take the last unit.
const EMPTY: u64 = 1 << 23;

/// The size of the pages in which memory is counted.
const PAGE_SIZE: usize = 4096;
/// The limit that both the number of jobs and the number of pages are less than.
pub(crate) const LIMIT: u32 = 1 << 22;

/// The room for jobs and for the pages that they occupy, with waiters in FIFO order.
///
/// Both counts are in one word, so that taking and releasing room are one atomic operation each
/// while there are no waiters:
///
/// ```text
///   63        48 47            24 23           0
///   │  waiters  │ EMPTY + pages  │ EMPTY + jobs │
/// ```
///
/// Waiters hold `turn` one after the other, in their order. The one that holds it checks the word
/// whenever room was released (see [`waits`]). While there are waiters, no other caller takes room:
/// so a job with many pages is not starved by small ones. If there are as many waiters as the field
/// can count, further ones are refused.
///
/// # Invariants
///
/// `turn` is null or from a box. Once it is not null it does not change.
pub(crate) struct Capacity {
    word: Atomic<u64>,
    /// Allocated by the first waiter. Most queues never have one.
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

/// Returns the value in the word of the room of a job with `pages`.
#[inline]
fn room(pages: u32) -> u64 {
    1 + u64::from(pages) * PAGE
}

/// Returns the number of pages of `bytes`, less than [`LIMIT`].
#[inline]
pub(crate) fn pages(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PAGE_SIZE)).map_or(LIMIT - 1, |pages| pages.min(LIMIT - 1))
}

impl Capacity {
    /// Returns a capacity of `jobs` and `pages`, both less than [`LIMIT`].
    pub(crate) fn new(jobs: u32, pages: u32) -> Self {
        let word = (EMPTY + u64::from(pages)) * PAGE + EMPTY + u64::from(jobs);
        // INVARIANT: Null.
        Self {
            word: Atomic::new(word),
            turn: Atomic::new(ptr::null_mut()),
        }
    }

    /// Returns the semaphore that waiters hold one after the other. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn turn(&self) -> Result<&Semaphore> {
        let mut turn = self.turn.load(Acquire);
        if turn.is_null() {
            let new = KBox::into_raw(KBox::new(Semaphore::new(1), GFP_KERNEL)?);
            // INVARIANT: From a box, and stored only if `turn` was null.
            turn = match self.turn.cmpxchg(ptr::null_mut(), new, Full) {
                Ok(_) => new,
                Err(_) => {
                    // SAFETY: From the box above, and not stored.
                    drop(unsafe { KBox::from_raw(new) });
                    // Read again with acquire: a failed compare-exchange orders nothing.
                    self.turn.load(Acquire)
                }
            };
        }
        // SAFETY: By the type invariant `turn` is from a box, which `drop()` frees.
        Ok(unsafe { &*turn })
    }

    /// Takes room for a job with `pages`, and returns whether it did. Fails if there is no room, or
    /// there are waiters.
    #[inline]
    pub(crate) fn try_take(&self, pages: u32) -> bool {
        if pages != 0 {
            return self.take_exactly(pages, 1);
        }
        let old = self.word.fetch_sub(1, Full);
        if has_room(old, 0) && old < WAITER {
            return true;
        }
        // Notifies waiters: one may have found no room because of this attempt.
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

    /// Counts a waiter.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if no more can be counted.
    fn wait(&self) -> Result<Waiter<'_>> {
        let mut word = self.word.load(Relaxed);
        while word / WAITER != WAITERS {
            match self.word.cmpxchg(word, word + WAITER, Full) {
                Ok(_) => return Ok(Waiter(self)),
                Err(now) => word = now,
            }
        }
        Err(EAGAIN)
    }

    /// Waits for room for a job with `pages`, and takes it. Cancel safe. May sleep when it is
    /// polled for the first time.
    ///
    /// # Errors
    ///
    /// `ENODEV` if this module is not initialised, `ENOMEM`, `EAGAIN` if there are as many waiters
    /// as can be counted.
    pub(crate) async fn take(&self, pages: u32) -> Result {
        let released = waits::of(self)?;
        let turn = self.turn()?;
        let _waiter = self.wait()?;
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
            // SAFETY: By the type invariant `turn` is from a box. There are no waiters, since each
            // borrows the capacity.
            drop(unsafe { KBox::from_raw(turn) });
        }
    }
}

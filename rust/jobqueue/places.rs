// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! How many jobs, and how much memory of theirs, a queue has room for (R22).
//!
//! Nothing of the kernel is named here: the model checker compiles this file as well (`rust/kasync/loom/tests/permit.rs`).

use crate::{
    sync::{
        Atomic,
        Full,
        Relaxed, //
    },
    waits, //
};
use kasync::Result;

/// One who waits.
const WAITER: u64 = 1 << 48;
/// A unit of memory.
const UNIT: u64 = 1 << 24;
/// Nothing is free, of a field of 24 bits. Less than this for moments, when several want the last place.
const NONE: u64 = 1 << 23;

/// How many bytes are a unit.
const UNIT_BYTES: usize = 4096;
/// More than there can be of jobs, or of units of memory.
pub(crate) const LIMIT: u32 = 1 << 22;

/// Places for jobs, and memory that they keep, and who waits for either.
///
/// One word, so that taking a place, and giving it back to nobody in particular, is one atomic operation:
///
/// ```text
///   63        48 47           24 23             0
///   │  waiters  │ NONE + units  │ NONE + places  │
/// ```
///
/// Nobody takes a place past those who wait, of which all are told (see [`waits`]) whenever something is given back.
pub(crate) struct Places(Atomic<u64>);

/// One of those who wait.
struct Waiter<'a>(&'a Places);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0 .0.fetch_sub(WAITER, Full);
    }
}

/// Whether a place and `units` of memory are free.
#[inline]
fn has(word: u64, units: u32) -> bool {
    word % UNIT > NONE && word % WAITER / UNIT >= NONE + u64::from(units)
}

/// A place and `units` of memory.
#[inline]
fn taken(units: u32) -> u64 {
    1 + u64::from(units) * UNIT
}

/// So many bytes in units, at most one less than [`LIMIT`].
pub(crate) fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).map_or(LIMIT - 1, |units| units.min(LIMIT - 1))
}

impl Places {
    /// So many places and units; both less than [`LIMIT`].
    pub(crate) fn new(places: u32, units: u32) -> Self {
        let word = (NONE + u64::from(units)) * UNIT + NONE + u64::from(places);
        Self(Atomic::new(word))
    }

    /// Takes a place, and so much memory, that nobody waits for.
    #[inline]
    pub(crate) fn try_take(&self, units: u32) -> bool {
        if units != 0 {
            return self.take_exactly(units, 1);
        }
        let old = self.0.fetch_sub(1, Full);
        if has(old, 0) && old < WAITER {
            return true;
        }
        // Also for those who have found none only because of this.
        self.give(0);
        false
    }

    /// Takes a place and so much memory if it is free, and fewer than `waiters` wait.
    fn take_exactly(&self, units: u32, waiters: u64) -> bool {
        let mut word = self.0.load(Relaxed);
        while has(word, units) && word / WAITER < waiters {
            match self.0.cmpxchg(word, word - taken(units), Full) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Waits for a place and so much memory, and takes it. Cancel safe.
    pub(crate) async fn take(&self, units: u32) -> Result {
        let waits = waits::of(self)?;
        self.0.fetch_add(WAITER, Full);
        let _waiter = Waiter(self);
        loop {
            let free = waits.notified();
            if self.take_exactly(units, u64::MAX) {
                return Ok(());
            }
            free.await;
        }
    }

    /// Gives a place and so much memory back.
    #[inline]
    pub(crate) fn give(&self, units: u32) {
        if self.0.fetch_add(taken(units), Full) >= WAITER {
            waits::notify(self);
        }
    }
}

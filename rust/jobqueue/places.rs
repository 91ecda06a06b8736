// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! How many jobs a queue has room for (R22).

use crate::waits;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// One who waits.
const WAITER: u64 = 1 << 32;
/// No place is free. Less than this for moments, when several want the last one.
const NONE: u64 = 1 << 31;

/// Places, and who waits for one.
///
/// One word, so that taking a place, and giving it back to nobody in particular, is one atomic operation:
///
/// ```text
///   63        32 31            0
///   │  waiters  │ NONE + free  │
/// ```
///
/// Nobody takes a place past those who wait, of which all are told (see [`waits`]) of each that becomes free.
pub(crate) struct Places(Atomic<u64>);

/// One of those who wait.
struct Waiter<'a>(&'a Places);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0 .0.fetch_sub(WAITER, Full);
    }
}

impl Places {
    /// So many; fewer than 2³¹.
    pub(crate) fn new(count: u32) -> Self {
        Self(Atomic::new(NONE + u64::from(count)))
    }

    /// Takes a place that nobody waits for.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        let old = self.0.fetch_sub(1, Full);
        // Free ones, and no waiter.
        if old > NONE && old < WAITER {
            return true;
        }
        // Also for those who have found none only because of this.
        self.give();
        false
    }

    /// Takes a place, if there is one, as one of those who wait.
    fn take_waited(&self) -> bool {
        let mut word = self.0.load(Relaxed);
        while word % WAITER > NONE {
            match self.0.cmpxchg(word, word - 1, Full) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Waits for a place, and takes it. Cancel safe.
    pub(crate) async fn take(&self) -> Result {
        let waits = waits::of(self)?;
        self.0.fetch_add(WAITER, Full);
        let _waiter = Waiter(self);
        loop {
            let free = waits.notified();
            if self.take_waited() {
                return Ok(());
            }
            free.await;
        }
    }

    /// Gives a place back.
    #[inline]
    pub(crate) fn give(&self) {
        if self.0.fetch_add(1, Full) >= WAITER {
            waits::notify(self);
        }
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! How many jobs a queue has room for (R22).

use kasync::sync::Notify;
use kernel::sync::atomic::{
    Atomic,
    Full,
    Relaxed, //
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
/// Nobody takes a place past those who wait.
pub(crate) struct Places {
    word: Atomic<u64>,
    /// Told of each place that becomes free while somebody waits.
    free: Notify,
}

/// One of those who wait.
struct Waiter<'a>(&'a Places);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.word.fetch_sub(WAITER, Full);
        // In case that this one was told of a place and has not taken it.
        self.0.free.notify_one();
    }
}

impl Places {
    /// So many; fewer than 2³¹.
    pub(crate) fn new(count: u32) -> Self {
        Self {
            word: Atomic::new(NONE + u64::from(count)),
            free: Notify::new(),
        }
    }

    /// Takes a place that nobody waits for.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        let old = self.word.fetch_sub(1, Full);
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
        let mut word = self.word.load(Relaxed);
        while word % WAITER > NONE {
            match self.word.cmpxchg(word, word - 1, Full) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Waits for a place, and takes it. Cancel safe.
    pub(crate) async fn take(&self) {
        self.word.fetch_add(WAITER, Full);
        let _waiter = Waiter(self);
        loop {
            let free = self.free.notified();
            if self.take_waited() {
                return;
            }
            free.await;
        }
    }

    /// Gives a place back.
    #[inline]
    pub(crate) fn give(&self) {
        if self.word.fetch_add(1, Full) >= WAITER {
            self.free.notify_one();
        }
    }
}

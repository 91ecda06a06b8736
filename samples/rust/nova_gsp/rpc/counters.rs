// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Counters of calls and replies, for tests and measurements.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Counters of events, for tests and measurements.
pub(crate) struct Counters {
    pub(crate) calls: Atomic<u64>,
    pub(crate) replies: Atomic<u64>,
    /// Replies whose caller had gone.
    pub(crate) late: Atomic<u64>,
    /// Replies to no call that is in flight.
    pub(crate) stray: Atomic<u64>,
    /// Replies that were larger than their caller expected.
    pub(crate) oversized: Atomic<u64>,
    /// The number of times that a caller has waited for room.
    pub(crate) full: Atomic<u64>,
    /// The time that the turn was held for writing, in nanoseconds: in all, and at most.
    pub(crate) held: Atomic<u64>,
    pub(crate) held_most: Atomic<u64>,
}

impl Counters {
    pub(super) fn new() -> Self {
        let new = || Atomic::new(0);
        Self {
            calls: new(),
            replies: new(),
            late: new(),
            stray: new(),
            oversized: new(),
            full: new(),
            held: new(),
            held_most: new(),
        }
    }
}

/// Counts one event.
pub(crate) fn count(counter: &Atomic<u64>) {
    counter.fetch_add(1, Relaxed);
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The number of leaves that may still be ready in a poll. [`crate::budget`] has the rules.

use crate::stat::StatShort;

/// The number of leaves that may be ready in one poll.
const BUDGET: i16 = 128;

/// How many time limits may be over after that: what they limit does not put them off, but a loop
/// of limits that are over at once ends as well.
pub(crate) const OVERDRAFT: i16 = 16;

/// The budget of the poll that is under way; in the task's header.
///
/// Only the thread that polls has to do with it. A waker of the task may be used to poll something
/// on another thread all the same; that makes a wrong count, and no more.
pub(crate) struct Budget(StatShort);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(StatShort::new(BUDGET + OVERDRAFT))
    }

    /// Begins a poll.
    #[inline]
    pub(super) fn reset(&self) {
        self.0.set(BUDGET + OVERDRAFT);
    }

    /// Returns the units that are left, those for time limits among them.
    #[inline]
    pub(crate) fn left(&self) -> i16 {
        self.0.get()
    }

    /// Takes one unit.
    #[inline]
    pub(crate) fn spend(&self) {
        self.0.set((self.left() - 1).max(0));
    }
}

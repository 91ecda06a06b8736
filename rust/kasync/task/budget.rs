// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The budget of a poll, a counter. [`crate::budget`] has the rules.

use crate::stat::StatShort;

/// The number of units that a poll starts with.
const BUDGET: i16 = 128;

/// The number of units that time limits and cancellations may overdraw the budget by. It is
/// limited, so that a loop over expired time limits ends as well.
pub(crate) const OVERDRAFT: i16 = 16;

/// The budget of the current poll of a task.
///
/// The thread that polls the task accesses it. If another thread polls a leaf with a waker of the
/// task, the count is wrong, which is harmless.
pub(crate) struct Budget(StatShort);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(StatShort::new(BUDGET + OVERDRAFT))
    }

    /// Sets the budget of a new poll.
    #[inline]
    pub(super) fn reset(&self) {
        self.0.set(BUDGET + OVERDRAFT);
    }

    /// Returns the number of units left, including [`OVERDRAFT`].
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

// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A flag that is set once.

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full, //
};

/// A flag that is set once and never cleared.
pub(crate) struct OnceFlag(Atomic<bool>);

impl OnceFlag {
    /// Returns a flag that is not set.
    pub(crate) fn new() -> Self {
        Self(Atomic::new(false))
    }

    /// Sets the flag, and returns whether this call did it.
    ///
    /// A reader that sees the flag set also sees what was written before this call. A call that
    /// returns `false` orders nothing.
    pub(crate) fn set(&self) -> bool {
        self.0.cmpxchg(false, true, Full).is_ok()
    }

    /// Returns whether the flag is set.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Acquire)
    }
}

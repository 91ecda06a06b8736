// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Where a task waits: the place in the source at which what it awaits was made.
//!
//! Each leaf, a future that has no other inside, remembers the place of the call that has made it,
//! and leaves it with its task whenever it is polled and not ready. Of several leaves in one task
//! the one that was polled last counts.

use crate::task::waker::task_of;
use core::{
    fmt,
    panic::Location,
    task::Context, //
};

/// A place in the source.
#[derive(Clone, Copy)]
pub struct AwaitSite(&'static Location<'static>);

impl AwaitSite {
    /// Returns where the function that calls this was called, if that is `#[track_caller]`.
    #[track_caller]
    #[inline]
    pub const fn here() -> Self {
        Self(Location::caller())
    }

    /// Records that the task of `cx`, if it is one, waits here. To be called by a leaf that is not
    /// ready.
    ///
    /// Leaves of this crate call it themselves, [`AtomicWaker::register`] among them.
    ///
    /// [`AtomicWaker::register`]: crate::sync::AtomicWaker::register
    #[inline]
    pub fn waits(self, cx: &Context<'_>) {
        if let Some(task) = task_of(cx.waker()) {
            // SAFETY: A waker keeps its task valid.
            unsafe { task.as_ref() }.site().set(self.0);
        }
    }
}

impl From<&'static Location<'static>> for AwaitSite {
    fn from(location: &'static Location<'static>) -> Self {
        Self(location)
    }
}

impl fmt::Display for AwaitSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The file and its directory: enough to find it.
        let path = self.0.file();
        let start = path.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
        write!(f, "{}:{}", &path[start..], self.0.line())
    }
}
